"""From the timeline of an issue to its dates: which events the clocks hear of, which edition of which policy it counts by, and
the columns that repeat the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.clocks.clock import Event
from server.clocks.due import Due, due_dates, next_due
from server.clocks.lights import NEVER, NONE, REDOS, Lamp, lamp_of, light, timers_from
from server.clocks.policies.actions import editions_of
from server.clocks.policies.editions import Edition, edition_at
from server.clocks.policy import ORDINARY, Policy
from server.issues.states import DRAFT, clock_event
from server.issues.tables import Issue, IssueEvent
from server.moment import now
from server.settings import settings
from server.worktime.actions import calendar_of
from server.worktime.calendar import WorkCalendar
from sync.bulk import among, ids
from sync.transaction import fetch

COLUMNS = ("triage", "sign", "first_contact", "reply", "solve")
DUE_COLUMNS = (
    *(f"{name}_due" for name in COLUMNS), "next_due", "next_clock", "yellow_at", "double_at", "paused", "next_timer_at",
)  # fmt: skip
"""What `due_columns` gives."""
INSTANT = timedelta(microseconds=1)


class Line(Struct):
    """What the clocks need of a line of the timeline."""

    verb: str
    outcome: str
    target: str
    counts_at: datetime
    fields: str


class Measure(Struct, frozen=True):
    """What a bureau's dates are counted with: the editions of its policies and its calendar."""

    editions: Mapping[str, list[Edition]]
    calendar: WorkCalendar


async def measure_of(bureau: UUID, at: datetime | None = None) -> Measure:
    """With the calendar as it was at a moment: a case that is closed keeps the dates it was closed with."""
    return Measure(await editions_of(bureau), await calendar_of(bureau, at))


async def timeline(bureau: UUID, issue: UUID) -> list[IssueEvent]:
    return (
        await IssueEvent.objects().where(IssueEvent.bureau == bureau, IssueEvent.issue == issue).order_by(IssueEvent.n)
    )


async def timelines(bureau: UUID, issues: Sequence[UUID]) -> dict[UUID, list[Line]]:
    """Raw, because sweeps and walks read hundreds at a time."""
    found: dict[UUID, list[Line]] = defaultdict(list)
    for issue, *line in await fetch(
        "SELECT issue, verb, outcome, target, counts_at, fields FROM issue_event"
        f" WHERE issue {among(1)} AND bureau = $2 ORDER BY issue, n",
        [ids(issues), bureau],
    ):
        found[issue if isinstance(issue, UUID) else UUID(str(issue))].append(Line(*line))
    return found


def clock_events(rows: Iterable[Any]) -> list[Event]:
    """What the clocks hear of a timeline. An undone merge is as if it had not been: its clocks run on."""
    events: list[Event] = []
    asked: Mapping[str, str] = {}
    redos, is_escalated = 0, False
    for row in rows:
        name, at = clock_event(row.verb, row.outcome), row.counts_at
        if row.verb == "unmerge":
            _drop_last(events, "ended")
        elif row.verb == "open" and row.target == "ON_SITE_CLOSED":
            events += [Event("opened", at), Event("ended", at)]
        elif row.verb == "note":
            if _fields(row).get("progress"):
                events.append(Event("noted", at))
        elif name == "extension_asked":
            asked = _fields(row)
            events.append(Event(name, at, date.fromisoformat(asked["until"]), asked["clock"]))
        elif name == "extended":
            fields = _fields(row)
            events.append(Event(name, at, date.fromisoformat(fields["until"]), fields["clock"]))
        elif row.verb == "decide_extension":
            events.append(Event("extension_refused", at, clock=asked.get("clock", "solve")))
        elif name and not (name == "escalated" and is_escalated):
            events.append(Event(name, at))
        if name == "reopened":
            redos += 1
            if redos >= REDOS and not is_escalated:
                events.append(Event("escalated", at))
                is_escalated = True
        is_escalated = name == "escalated" or (is_escalated and name != "settled")
    return events


def _fields(row: Any) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = msgspec.json.decode(row.fields)
    return fields


def _drop_last(events: list[Event], name: str) -> None:
    for index in range(len(events) - 1, -1, -1):
        if events[index].name == name:
            del events[index]
            return


def policy_of(rows: Iterable[Any], editions: Mapping[str, list[Edition]], moment: datetime) -> Policy:
    """The edition an issue counts by at `moment`: of the ordinary policy from its opening, or of the one it was split off
    or dispatched with, and what later editions said of issues that were open."""
    name, chosen_at = ORDINARY, moment
    for row in rows:
        opens = row.verb in ("open", "submit") and row.target != DRAFT
        if opens:
            chosen_at = row.counts_at
        if opens or row.verb == "dispatch":
            named: str = _fields(row).get("policy") or ""
            if named in editions:
                name, chosen_at = named, row.counts_at
    return edition_at(editions[name], chosen_at, moment, settings.timezone).policy


def dues_of(rows: list[Any], measure: Measure, moment: datetime | None = None) -> list[Due]:
    """By the editions that were known at `moment` (now)."""
    policy = policy_of(rows, measure.editions, moment or now())
    return due_dates(clock_events(rows), policy, measure.calendar, settings.timezone)


async def current_dues(bureau: UUID, rows: list[Any]) -> list[Due]:
    return dues_of(rows, await measure_of(bureau))


async def set_dues(issue: Issue, events: list[IssueEvent]) -> None:
    """The due columns anew, and the edition they are counted by."""
    measure, moment = await measure_of(issue.bureau), now()
    issue.policy_version = int(policy_of(events, measure.editions, moment).version)
    columns = due_columns(dues_of(events, measure, moment), measure.calendar, min(issue.next_timer_at, moment))
    for name, value in columns.items():
        setattr(issue, name, value)


def light_of_row(row: Any, moment: datetime) -> str:
    """The light of an issue from its columns; none once it is out of the queue."""
    if row.closed_at is not None or row.state == DRAFT:
        return NONE
    lamp = Lamp(yellow_at=row.yellow_at, red_at=row.next_due, double_at=row.double_at, paused=row.paused)
    return light(lamp, moment)


def due_columns(dues: list[Due], calendar: WorkCalendar, pending: datetime) -> dict[str, Any]:
    """Values of the due columns. A clock that stands still has none; one that was met keeps its date. What was to happen from
    `pending` on has not been looked at yet."""
    by_clock: dict[str, datetime | None] = {due.clock: due.due for due in dues}
    first = next_due(dues)
    lamp = lamp_of(dues, calendar, settings.timezone)
    columns: dict[str, Any] = {f"{name}_due": by_clock.get(name) for name in COLUMNS}
    columns["next_due"] = first.due if first is not None else NEVER
    columns["next_clock"] = first.clock if first is not None else ""
    columns["yellow_at"], columns["double_at"], columns["paused"] = lamp.yellow_at, lamp.double_at, lamp.paused
    columns["next_timer_at"] = timers_from(dues, calendar, settings.timezone, pending, pending - INSTANT)[1]
    return columns
