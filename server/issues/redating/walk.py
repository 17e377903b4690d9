"""A page of the open queue counted anew: which dates differ, and whom it would make late after the fact. Reads only.

Raw SQL: a change of the calendar or of a policy comes by every open issue of a bureau, a thousand at a time, with their timelines.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.clocks.due import Due
from server.issues.steps.dues import DUE_COLUMNS, Line, Measure, due_columns, dues_of, policy_of, timelines
from server.issues.steps.parts import answer_due, part_dues
from sync.bulk import among, ids
from sync.transaction import fetch

CHUNK = 1000
FIRST = UUID(int=0)


class Part(Struct):
    """What the clocks need of a unit with a part in an issue."""

    id: UUID
    role: str
    asked_at: datetime | None
    signed_at: datetime | None
    answered_at: datetime | None
    until: datetime | None
    due: datetime | None


class Shift(Struct, frozen=True):
    """An issue whose dates differ: columns before and after, and the dates of the units that help (by the id of their row).
    `events` tells whether anything happened to it since."""

    issue: UUID
    number: str
    events: int
    before: dict[str, Any]
    after: dict[str, Any]
    parts: dict[UUID, datetime | None]


class Breach(Struct, frozen=True, kw_only=True):
    """A date that was kept, or could still be kept, and that would have been missed."""

    number: str
    clock: str
    before: datetime | None
    after: datetime


class Page(Struct):
    shifts: list[Shift]
    breaches: list[Breach]
    last: UUID | None
    """The last issue looked at; None after the end of the queue."""


async def read_page(
    bureau: UUID,
    after: UUID,
    measure: Measure,
    *,
    moment: datetime,
    present: Measure | None = None,
    since: datetime | None = None,
) -> Page:
    """Open issues after one, by `measure` at `moment`. With `present`, breaches that would be new; with `since`, only what has
    been touched from then on."""
    issues = await _open_issues(bureau, after, since)
    if not issues:
        return Page([], [], None)
    told = await timelines(bureau, [_id(row["id"]) for row in issues])
    parts = await _parts(bureau, [_id(row["id"]) for row in issues])
    page = Page([], [], _id(issues[-1]["id"]))
    for row in issues:
        events = told.get(_id(row["id"]), [])
        own = parts.get(_id(row["id"]), [])
        dues = dues_of(events, measure, moment)
        columns = due_columns(dues, measure.calendar, min(row["next_timer_at"], moment))
        columns["policy_version"] = int(policy_of(events, measure.editions, moment).version)
        changed = {name: value for name, value in columns.items() if row[name] != value}
        if changed.keys() == {"next_timer_at"}:
            changed = {}  # the sweep's own affair
        dates = {part.id: answer_due(part_dues(part, events, measure)) for part in own}
        moved = {part.id: dates[part.id] for part in own if dates[part.id] != part.due}
        if changed or moved:
            before = {name: row[name] for name in changed}
            page.shifts.append(Shift(_id(row["id"]), row["number"], row["events"], before, changed, moved))
        if present is not None:
            page.breaches += _breaches(row, events, dues, present, moment)
            for part in own:
                page.breaches += _part_breaches(row, events, part, measure, present, moment)
    return page


def _breaches(row: Any, events: list[Line], dues: list[Due], present: Measure, moment: datetime) -> list[Breach]:
    if not any(due.breached_at(moment) for due in dues):
        return []
    return _compare(row["number"], dues_of(events, present, moment), dues, moment)


def _part_breaches(
    row: Any, events: list[Line], part: Part, measure: Measure, present: Measure, moment: datetime
) -> list[Breach]:
    before, after = (part_dues(part, events, one) for one in (present, measure))
    return _compare(row["number"], before, after, moment)


def _compare(number: str, before: list[Due], after: list[Due], moment: datetime) -> list[Breach]:
    known = {due.clock: due for due in before}
    return [
        Breach(number=number, clock=due.clock, before=known[due.clock].date, after=late)
        for due in after
        if (late := due.breached_at(moment)) is not None
        and due.clock in known
        and known[due.clock].breached_at(moment) is None
    ]


async def _open_issues(bureau: UUID, after: UUID, since: datetime | None) -> list[Any]:
    names = ", ".join(DUE_COLUMNS)
    touched = "AND updated_at >= $4" if since is not None else ""
    values: list[Any] = [bureau, after, CHUNK, *([since] if since is not None else [])]
    return await fetch(
        f"SELECT id, number, events, policy_version, {names} FROM issue"
        f" WHERE bureau = $1 AND closed_at IS NULL AND id > $2 {touched} ORDER BY id LIMIT $3",
        values,
    )


async def _parts(bureau: UUID, issues: list[UUID]) -> dict[UUID, list[Part]]:
    rows = await fetch(
        "SELECT issue, id, role, asked_at, signed_at, answered_at, until, due FROM issue_unit"
        f" WHERE issue {among(1)} AND bureau = $2 AND until IS NULL AND role != 'lead'",
        [ids(issues), bureau],
    )
    parts: dict[UUID, list[Part]] = {}
    for issue, id, *rest in rows:
        parts.setdefault(_id(issue), []).append(Part(_id(id), *rest))
    return parts


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
