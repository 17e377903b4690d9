"""From the timeline of an issue to its dates: which events the clocks hear of, and the columns that repeat the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from server.clocks.clock import Due, Event, due_dates, next_due
from server.clocks.policy import policy_named
from server.issues.states import clock_event
from server.issues.tables import NEVER, IssueEvent
from server.settings import settings
from server.worktime.actions import calendar_of
from server.worktime.calendar import WorkCalendar

COLUMNS = ("triage", "sign", "first_contact", "reply", "solve")


async def timeline(bureau: UUID, issue: UUID) -> list[IssueEvent]:
    return (
        await IssueEvent.objects().where(IssueEvent.bureau == bureau, IssueEvent.issue == issue).order_by(IssueEvent.n)
    )


def clock_events(rows: Iterable[Any]) -> list[Event]:
    """What the clocks hear of a timeline. An undone merge is as if it had not been: its clocks run on."""
    events: list[Event] = []
    for row in rows:
        if row.verb == "unmerge":
            _drop_last(events, "ended")
            continue
        name = clock_event(row.verb, row.outcome)
        if row.verb == "open" and row.target == "ON_SITE_CLOSED":
            events += [Event("opened", row.counts_at), Event("ended", row.counts_at)]
            continue
        if name == "extended":
            fields: Mapping[str, str] = msgspec.json.decode(row.fields)
            events.append(Event(name, row.counts_at, date.fromisoformat(fields["until"]), fields["clock"]))
        elif name:
            events.append(Event(name, row.counts_at))
    return events


def _drop_last(events: list[Event], name: str) -> None:
    for index in range(len(events) - 1, -1, -1):
        if events[index].name == name:
            del events[index]
            return


def dues_of(rows: Iterable[Any], policy: str, calendar: WorkCalendar) -> list[Due]:
    return due_dates(clock_events(rows), policy_named(policy), calendar, settings.timezone)


async def current_dues(bureau: UUID, rows: Iterable[Any], policy: str) -> list[Due]:
    return dues_of(rows, policy, await calendar_of(bureau))


def due_columns(dues: list[Due]) -> dict[str, Any]:
    """Values of the due columns. A clock that stands still has none; one that was met keeps its date."""
    by_clock: dict[str, datetime | None] = {due.clock: due.due for due in dues}
    first = next_due(dues)
    columns: dict[str, Any] = {f"{name}_due": by_clock.get(name) for name in COLUMNS}
    columns["next_due"] = first.due if first is not None else NEVER
    columns["next_clock"] = first.clock if first is not None else ""
    return columns
