"""Keeping lists: those that are shipped, one's own, and those others share."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.issues.queue.listing import count_queue, order_of
from server.issues.queue.wanted import Wanted, wanted_from
from server.moment import now
from server.paging import COUNT_MAX
from server.people.actor import Actor
from server.people.roles import ROLES
from server.people.tables import Unit
from server.refusals import refusal
from server.worklists.columns import LEDGER, check_columns
from server.worklists.tables import BUREAU, PRIVATE, ROLE, SHARED, UNIT, SavedList
from sync.identity import new_id
from sync.refusal import Refusal
from sync.transaction import transaction

SEED = Path(__file__).parent / "seed" / "lists.csv"
LISTS_MAX = 50
"""Of one person."""
SHOWN_MAX = 200
Name = Annotated[str, Meta(min_length=1, max_length=60)]


class NewList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    filters: dict[str, Any] = {}
    """As in the address of the queue; several values as a list."""
    columns: Annotated[list[str], Meta(max_length=40)] = []
    """In the order they are shown; empty for those of the ledger."""
    sort: str = "due"
    shared: str = PRIVATE
    """private, unit (with all below it), role, bureau."""
    shared_with: str = ""
    """Code of the unit, or the role."""
    place: Annotated[int, Meta(ge=0, le=10_000)] = 0


class ListOut(Struct, frozen=True, kw_only=True):
    id: str
    """The code of a shipped list, else an id."""
    name: str
    name_en: str
    filters: dict[str, Any]
    columns: list[str]
    sort: str
    shared: str
    shared_with: str
    place: int
    is_shipped: bool
    is_mine: bool

    def wanted(self) -> Wanted:
        return wanted_from(self.filters)


class Count(Struct, frozen=True, kw_only=True):
    list: str
    name: str
    count: int | None
    """None where a filter names what is no more; `code` says so."""
    is_exact: bool
    code: str = ""


@cache
def shipped() -> tuple[ListOut, ...]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return tuple(
            ListOut(
                id=row["code"], name=row["zh"], name_en=row["en"], sort=row["sort"], shared=BUREAU, shared_with="",
                filters=_kept(dict(parse_qsl(row["filters"]))), columns=list(LEDGER), place=place, is_shipped=True,
                is_mine=False,
            )
            for place, row in enumerate(csv.DictReader(file))
        )  # fmt: skip


def _kept(filters: dict[str, Any]) -> dict[str, Any]:
    """As they are stored: checked, with their types."""
    kept: dict[str, Any] = msgspec.to_builtins(wanted_from(filters))
    return kept


async def lists_of(actor: Actor) -> list[ListOut]:
    """Shipped ones first, then by their place."""
    actor.must("issue.read")
    unit = await Unit.objects().get((Unit.bureau == actor.bureau) & (Unit.id == actor.unit)) if actor.unit else None
    above = unit.path.strip("/").split("/") if unit is not None else []
    visible: Any = (SavedList.owner == actor.person) | (SavedList.shared == BUREAU)
    if above:
        visible = visible | ((SavedList.shared == UNIT) & SavedList.shared_with.is_in(above))
    if actor.roles:
        visible = visible | ((SavedList.shared == ROLE) & SavedList.shared_with.is_in(sorted(actor.roles)))
    rows = (
        await SavedList.objects()
        .where(SavedList.bureau == actor.bureau, visible)
        .order_by(SavedList.place, SavedList.name, SavedList.id)
        .limit(SHOWN_MAX)
    )
    return [*shipped(), *(list_out(actor, row) for row in rows)]


def list_out(actor: Actor, row: SavedList) -> ListOut:
    return ListOut(
        id=str(row.id),
        name=row.name,
        name_en="",
        filters=msgspec.json.decode(row.filters),
        columns=msgspec.json.decode(row.columns),
        sort=row.sort,
        shared=row.shared,
        shared_with=row.shared_with,
        place=row.place,
        is_shipped=False,
        is_mine=row.owner == actor.person,
    )


async def find_list(actor: Actor, named: str) -> ListOut:
    """By code or id, or one's own by name. Raises `list.unknown`."""
    known = await lists_of(actor)
    for one in known:
        if named == one.id:
            return one
    for one in known:
        if named == one.name:
            return one
    raise refusal("list.unknown")


async def count_lists(actor: Actor) -> list[Count]:
    """Every list this person has, each counted up to a thousand."""
    counts = []
    for one in await lists_of(actor):
        try:
            count = await count_queue(actor, one.wanted())
            counts.append(Count(list=one.id, name=one.name, count=count, is_exact=count < COUNT_MAX))
        except Refusal as refused:
            counts.append(Count(list=one.id, name=one.name, count=None, is_exact=False, code=refused.code))
    return counts


async def save_list(actor: Actor, new: NewList, id: UUID | None = None) -> ListOut:
    """A new list, or one's own changed. Raises `list.unknown`, `list.share`, `list.full` and what filters raise."""
    actor.must("issue.read")
    check_columns(new.columns)
    order_of(new.sort)
    filters = _kept(new.filters)
    await count_queue(actor, wanted_from(filters))
    async with transaction():
        own = None if id is None else await _own(actor, id)
        await _may_share(actor, new)
        if own is None:
            if (
                await SavedList.count().where(SavedList.bureau == actor.bureau, SavedList.owner == actor.person)
                >= LISTS_MAX
            ):
                raise refusal("list.full", limit=LISTS_MAX)
            row = SavedList(id=new_id(), bureau=actor.bureau, owner=actor.person)
        else:
            row = own
        row.name, row.sort, row.place = new.name, new.sort, new.place
        row.shared, row.shared_with = new.shared, new.shared_with
        row.filters = msgspec.json.encode(filters).decode()
        row.columns = msgspec.json.encode(new.columns or list(LEDGER)).decode()
        row.updated_at = now()
        await row.save()
        await record_event(actor, "list.save", "list", row.id, {"shared": new.shared, "with": new.shared_with})
    return list_out(actor, row)


async def delete_list(actor: Actor, id: UUID) -> None:
    """One's own; a shipped one stays. Raises `list.unknown`."""
    actor.must("issue.read")
    async with transaction():
        row = await _own(actor, id)
        await SavedList.delete().where(SavedList.id == row.id)
        await record_event(actor, "list.delete", "list", row.id, {})


async def _own(actor: Actor, id: UUID) -> SavedList:
    """What others share can be looked at, not changed."""
    row: SavedList | None = await SavedList.objects().get(
        (SavedList.bureau == actor.bureau) & (SavedList.owner == actor.person) & (SavedList.id == id)
    )
    if row is None:
        raise refusal("list.unknown")
    return row


async def _may_share(actor: Actor, new: NewList) -> None:
    """Everybody with their own unit; those who supervise or coordinate with whomever they like."""
    if new.shared not in SHARED or (new.shared in (PRIVATE, BUREAU)) != (new.shared_with == ""):
        raise refusal("list.share", shared=new.shared[:40], shared_with=new.shared_with[:64])
    if new.shared == ROLE and new.shared_with not in ROLES:
        raise refusal("role.unknown", role=new.shared_with[:64], roles=", ".join(ROLES))
    if new.shared == PRIVATE:
        return
    unit = None
    if new.shared == UNIT:
        unit = await Unit.objects().get((Unit.bureau == actor.bureau) & (Unit.code == new.shared_with))
        if unit is None:
            raise refusal("unit.unknown", unit=new.shared_with[:64])
    if unit is not None and unit.id == actor.unit:
        return
    if not (actor.may("issue.supervise") or actor.may("issue.coordinate")):
        actor.must("issue.supervise")
