"""Conflicts as people see them at a desk: both values, both names, in the words of the field; decided there or on the road.

A concept whose rows can be edited field by field says with `describe` how a row is called and what its fields are named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.moment import now
from server.paging import Page, check_limit, mark, read_mark
from server.people.actor import Actor
from server.quarantine.actions import names_of
from sync import conflicts
from sync.conflicts import KeptConflict, Resolution
from sync.operations import OperationContext, kind_of
from sync.refusal import conflict_unknown
from sync.scopes import visible_ids
from sync.transaction import transaction

ROUNDS_MAX = 20
Titles = Callable[[UUID, list[UUID]], Awaitable[dict[UUID, str]]]


class Description(Struct, frozen=True):
    titles: Titles
    labels: Callable[[str], str]


_described: dict[str, Description] = {}


def describe(kind: str, titles: Titles, labels: Callable[[str], str]) -> None:
    """How rows of a patchable kind are called, and what their fields are named in Chinese."""
    _described[kind] = Description(titles, labels)


class Hand(Struct, frozen=True, kw_only=True):
    """Whose value it is. Both are empty for a value nobody's hand is known of, such as an imported one."""

    person: UUID | None = None
    name: str = ""
    device: UUID | None = None
    at: datetime | None = None
    """When the server took it; for the phone's value when it was written there, as far as its clock can be believed."""


class Side(Struct, frozen=True, kw_only=True):
    value: Any
    by: Hand


class Difference(Struct, frozen=True, kw_only=True):
    """One field: what the phone had seen, what the server keeps, what the phone wanted, and what stands there now."""

    field: str
    label: str
    base: Any
    server: Side
    phone: Side
    current: Any = None


class Conflict(Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    target: UUID
    title: str
    is_gone: bool
    """The row had been deleted when the edit came: it may be revived."""
    told_at: str
    """The device's own time, as it told it."""
    at: datetime
    differences: list[Difference]
    resolved_by: UUID | None
    resolved_by_name: str
    resolved_at: datetime | None
    resolution: dict[str, Any] | None


async def list_conflicts(
    actor: Actor,
    state: Literal["open", "all"] = "open",
    target: UUID | None = None,
    *,
    after: str = "",
    limit: int = 50,
) -> Page[Conflict]:
    """A supervisor sees the bureau's, everybody else those of rows their phone has, or that they caused."""
    limit = check_limit(limit)
    behind = read_mark(after, tuple[datetime, UUID]) if after else None
    seen: list[KeptConflict] = []
    for _ in range(ROUNDS_MAX):
        found = await conflicts.list_conflicts(
            actor.bureau, is_open=state == "open", target=target, after=behind, limit=limit + 1
        )
        seen += await _visible(actor, found)
        if len(found) <= limit or len(seen) > limit:
            break
        behind = found[-1].at, found[-1].id
    page = seen[:limit]
    next_mark = mark(page[-1].at, page[-1].id) if len(seen) > limit else None
    return Page(await _shown(actor.bureau, page), next_mark)


async def read_conflict(actor: Actor, id: UUID) -> Conflict:
    """Raises `conflict.unknown`, also for one out of reach."""
    kept = await _reach(actor, id)
    kind = kind_of(kept.body.kind)
    current = await kind.fields(actor.bureau, kept.target) if kind.fields is not None else None
    return (await _shown(actor.bureau, [kept], current or {}))[0]


async def resolve(actor: Actor, id: UUID, decided: Resolution) -> None:
    """Writes these values; the server's stand for the fields left out. Raises `conflict.unknown`, `conflict.resolved`,
    `conflict.row_gone`, `conflict.not_revivable`, and what the row's concept says against a value."""
    async with transaction():
        await _reach(actor, id)
        context = OperationContext(bureau=actor.bureau, person=actor.person, device=actor.device, received_at=now())
        await conflicts.resolve_conflict(context, id, decided)
        details = {"fields": sorted(decided.set), "revive": decided.revive}
        await record_event(actor, "conflict.resolve", "conflict", id, details)


async def _reach(actor: Actor, id: UUID) -> KeptConflict:
    kept = await conflicts.find_conflict(actor.bureau, id)
    if not await _visible(actor, [kept]):
        raise conflict_unknown()
    return kept


async def _visible(actor: Actor, many: list[KeptConflict]) -> list[KeptConflict]:
    if actor.may("quarantine.judge"):
        return many
    visible = await visible_ids(actor.bureau, actor.person, "conflict", [one.id for one in many])
    return [one for one in many if one.id in visible]


async def _shown(bureau: UUID, many: Sequence[KeptConflict], current: dict[str, Any] | None = None) -> list[Conflict]:
    persons: set[Any] = set()
    for one in many:
        persons |= {one.body.person, one.resolved_by, *(edit.person for edit in one.body.server_edits.values())}
    names = await names_of(bureau, persons)
    titles: dict[UUID, str] = {}
    for kind in {one.body.kind for one in many} & _described.keys():
        titles |= await _described[kind].titles(bureau, [one.target for one in many if one.body.kind == kind])
    return [
        Conflict(
            id=one.id,
            kind=one.body.kind,
            target=one.target,
            title=titles.get(one.target, ""),
            is_gone=one.body.gone,
            told_at=one.body.device_at,
            at=one.at,
            differences=[_difference(one, field, names, current or {}) for field in sorted(one.body.fields)],
            resolved_by=one.resolved_by,
            resolved_by_name=names.get(one.resolved_by, ""),
            resolved_at=one.resolved_at,
            resolution=one.resolution,
        )
        for one in many
    ]


def _difference(one: KeptConflict, field: str, names: dict[Any, str], current: dict[str, Any]) -> Difference:
    body = one.body
    described, edit = _described.get(body.kind), body.server_edits.get(field)
    phone = Hand(person=body.person, name=names.get(body.person, ""), device=body.device, at=body.device_at_corrected)
    server = Hand()
    if edit is not None:
        device = msgspec.convert(edit.hand, UUID, strict=False) if _is_device(edit.hand, edit.person) else None
        server = Hand(person=edit.person, name=names.get(edit.person, ""), device=device, at=edit.at)
    values = body.fields[field]
    return Difference(
        field=field,
        label=described.labels(field) if described else field,
        base=values.base,
        server=Side(value=values.server, by=server),
        phone=Side(value=values.phone, by=phone),
        current=current.get(field),
    )


def _is_device(hand: str, person: UUID | None) -> bool:
    """A hand is a device, a person at a desk, or the name of an import."""
    try:
        return UUID(hand) != person
    except ValueError:
        return False
