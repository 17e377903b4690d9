"""Which issues a bulk verb is meant for: named one by one, or whatever a list or its filters hold now."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from server.issues.queue.listing import list_queue
from server.issues.queue.wanted import wanted_from
from server.issues.tables import Issue
from server.paging import LIMIT_MAX
from server.people.actor import Actor
from server.refusals import refusal
from server.worklists.actions import find_list

ISSUES_MAX = 1000
"""Of one job."""
Named = Annotated[str, Meta(min_length=1, max_length=64)]


class Picking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of three: numbers or ids, a list by its id, or filters."""

    issues: Annotated[list[Named], Meta(max_length=ISSUES_MAX)] = []
    worklist: str = ""
    filters: dict[str, Any] | None = None
    seen: dict[str, int] = {}
    """The `n` each was seen at, by what it is named above; whoever was there since makes it stale."""


class Picked(Struct, frozen=True, kw_only=True):
    """`id` is none for what the person may not see, or is not there."""

    named: str
    id: UUID | None
    number: str = ""
    n: int = 0


async def pick_issues(actor: Actor, picking: Picking) -> list[Picked]:
    """Each issue once. Raises `bulk.picking`, `bulk.too_many`, `list.unknown` and what filters raise."""
    ways = [bool(picking.issues), bool(picking.worklist), picking.filters is not None]
    if sum(ways) != 1:
        raise refusal("bulk.picking")
    if picking.issues:
        return await _named(actor, picking)
    wanted = (
        (await find_list(actor, picking.worklist)).wanted() if picking.worklist else wanted_from(picking.filters or {})
    )
    picked: list[Picked] = []
    after: str | None = ""
    while after is not None:
        page = await list_queue(actor, wanted, after=after, limit=LIMIT_MAX)
        picked += [Picked(named=line.number, id=line.id, number=line.number, n=line.n) for line in page.items]
        after = page.next
        if len(picked) > ISSUES_MAX:
            raise refusal("bulk.too_many", limit=ISSUES_MAX)
    return picked


async def _named(actor: Actor, picking: Picking) -> list[Picked]:
    names = list(dict.fromkeys(picking.issues))
    by_name: dict[str, Any] = {}
    named_ids = [id for id in map(_as_id, names) if id is not None]
    columns = (Issue.id, Issue.number, Issue.events)
    for column, values in ((Issue.number, names), (Issue.id, named_ids)):
        if values:
            for found in await Issue.select(*columns).where(Issue.reach_of(actor), column.is_in(values)):
                by_name[found["number"]] = by_name[str(found["id"])] = found
    picked: dict[Any, Picked] = {}
    for name in names:
        row: Any = by_name.get(name) or by_name.get(name.lower())
        if row is None:
            picked[name] = Picked(named=name, id=None)
        else:
            seen = picking.seen.get(name, row["events"])
            picked.setdefault(row["id"], Picked(named=name, id=row["id"], number=row["number"], n=seen))
    return list(picked.values())


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
