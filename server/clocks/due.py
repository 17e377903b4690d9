"""Due dates as a pure function of what happened: nothing is accumulated, so nothing can drift, and every date explains itself.

Counting: the day of the event is not counted; the limit ends at 24:00 of its last day; a limit in natural days or months
that would end on a rest day ends on the next working day. Hours run through. While an issue waits for the enterprise,
stands on account or is with somebody outside, its clocks stand still; a pause after the date forgives nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo

from msgspec import Struct

from server.clocks.clock import AFFECTED, BY_NAME, CLOCKS, PAUSE, UNPAUSE, Clock, Event, Extension, Run, extend, turn
from server.clocks.policy import Limit, Policy
from server.clocks.span import DAY, HOURLY, add_limit, end_of_day, time_between, units_between, yellow_from
from server.worktime.calendar import WorkCalendar

RUNNING, MET, STOPPED = "running", "met", "stopped"


class Pause(Struct, frozen=True, kw_only=True):
    """While a clock stood still, by the event that stopped it; `until` is None for one that lasts. `days` are of the limit's
    own kind: not the day it began on, but the day it ended on; 0 for a limit in hours, which takes back every minute."""

    event: str
    since: datetime
    until: datetime | None
    days: int = 0


class Due(Struct, frozen=True, kw_only=True):
    """One date that explains itself. `due` is the first instant that is too late; it is None while the clock stands still."""

    clock: str
    state: str
    event: str
    """The event the clock started with, at `started_at`."""
    starts: int
    """How many times it has started: the second redo is a matter for the coordinator."""
    round: int
    """Starts and new dates together: what is said once a round is not said twice."""
    started_at: datetime
    limit: Limit
    original_due: datetime
    """What the limit alone would have made it."""
    original_day: date
    due: datetime | None
    day: date | None
    """The last day that is in time, in the bureau's zone."""
    stood: datetime | None
    """The date that held when the clock stopped; None while it does not stand still."""
    stopped_at: datetime | None
    ended_at: datetime | None
    ended_by: str
    yellow_at: datetime
    """Two thirds of the limit are used up, or two working days are left, whichever comes first (`server.clocks.span`)."""
    pauses: tuple[Pause, ...]
    extensions: tuple[Extension, ...]
    missed: int
    """Dates that passed before the clock was renewed: only one that rolls (interim notes, reviews) has any."""
    provisional: bool
    """The date lies beyond the announced calendar and may move."""
    policy: str
    calendar: str

    @property
    def pause_days(self) -> int:
        """Days (of the limit's own kind) the clock stood still."""
        return sum(pause.days for pause in self.pauses)

    @property
    def extended(self) -> bool:
        return any(extension.outcome == "granted" for extension in self.extensions)

    @property
    def date(self) -> datetime | None:
        """The date that holds, or held when the clock stopped."""
        return self.due if self.due is not None else self.stood

    @property
    def is_late(self) -> bool:
        """Ended after its date. Whether a running clock is late depends on when one asks: `breached_at`."""
        return self.due is not None and self.ended_at is not None and self.ended_at >= self.due

    def breached_at(self, moment: datetime) -> datetime | None:
        """The date that passed before the clock was met or stopped, or before `moment` while it runs."""
        end = self.ended_at or self.stopped_at
        reached = moment if end is None else min(end, moment)
        return self.date if self.date is not None and reached >= self.date else None


class Facts(Struct, frozen=True):
    """What the dates of one issue are counted with."""

    policy: Policy
    calendar: WorkCalendar
    zone: tzinfo
    stops: list[tuple[str, datetime, datetime | None]]


def due_dates(events: Sequence[Event], policy: Policy, calendar: WorkCalendar, zone: tzinfo) -> list[Due]:
    """Every clock of `policy` that has started, in the order of `CLOCKS`. `events` come in the order they were recorded."""
    runs: dict[str, Run] = {}
    stops: list[tuple[str, datetime, datetime | None]] = []
    for event in events:
        name = event.name
        if name in PAUSE and not (stops and stops[-1][2] is None):
            stops.append((name, event.at, None))
        elif name in UNPAUSE and stops and stops[-1][2] is None:
            stops[-1] = (stops[-1][0], stops[-1][1], max(event.at, stops[-1][1]))
        if event.clock:
            if event.clock in runs:
                extend(runs[event.clock], event)
            continue
        for clock, role in AFFECTED.get(name, ()):
            turn(runs, clock, role, event)
    facts = Facts(policy, calendar, zone, stops)
    return [
        _due(clock, run, facts)
        for clock in CLOCKS
        if (run := runs.get(clock.name)) is not None and clock.name in policy.limits
    ]


def _due(clock: Clock, run: Run, facts: Facts) -> Due:
    limit, calendar, zone = facts.policy.limits[clock.name], facts.calendar, facts.zone
    original_due, original_day = add_limit(run.started_at, limit, calendar, zone)
    due, day = original_due, original_day
    pauses: tuple[Pause, ...] = ()
    stopped_at: datetime | None = None
    if run.until is not None:
        due, day = _moved(run, limit, timedelta(0), 0, facts)
    if facts.stops and clock.stands_still:
        due, day, pauses, stopped_at = _paused(run, limit, due, day, facts)
    state = MET if run.ended_at is not None else STOPPED if stopped_at is not None else RUNNING
    return Due(
        clock=clock.name,
        state=state,
        event=run.event,
        starts=run.starts,
        round=run.starts + sum(one.outcome == "granted" for one in run.extensions),
        started_at=run.started_at,
        limit=limit,
        original_due=original_due,
        original_day=original_day,
        due=due if stopped_at is None else None,
        day=day if stopped_at is None else None,
        stood=due if stopped_at is not None else None,
        stopped_at=stopped_at,
        ended_at=run.ended_at,
        ended_by=run.ended_by,
        yellow_at=yellow_from(run.started_at, limit, due, day, lost_to(pauses, limit, calendar, zone), calendar, zone),
        pauses=pauses,
        extensions=_with_days(run.extensions, original_day) if run.extensions else (),
        missed=sum(missed_in(clock.name, since, till, facts) for since, till in run.earlier),
        provisional=stopped_at is None and calendar.is_provisional(day),
        policy=f"{facts.policy.name}@{facts.policy.version}",
        calendar=calendar.version,
    )


def lost_to(pauses: Sequence[Pause], limit: Limit, calendar: WorkCalendar, zone: tzinfo) -> timedelta:
    """What pauses took, in the limit's own time. One that lasts has taken nothing yet."""
    if limit.unit in HOURLY:
        ended = [(pause.since, pause.until) for pause in pauses if pause.until is not None]
        return sum((time_between(since, until, limit, calendar, zone) for since, until in ended), timedelta(0))
    return DAY * sum(pause.days for pause in pauses)


def _with_days(extensions: list[Extension], original: date) -> tuple[Extension, ...]:
    """The first one moves the date of the limit itself."""
    return tuple(
        Extension(
            asked_at=one.asked_at, decided_at=one.decided_at, outcome=one.outcome, before=one.before or original, until=one.until
        )
        for one in extensions
    )  # fmt: skip


def _paused(
    run: Run, limit: Limit, due: datetime, day: date, facts: Facts
) -> tuple[datetime, date, tuple[Pause, ...], datetime | None]:
    """The date after every pause that began before it, and since when the clock stands still.

    A new date was given knowing of the pauses before; those that follow move it like any other.
    """
    counted_from = max(run.started_at, run.extended_at or run.started_at)
    pauses: list[Pause] = []
    lost, lost_days = timedelta(0), 0
    for event, since, till in facts.stops:
        if run.ended_at is not None and since >= run.ended_at:
            break
        if till is not None and till <= run.started_at:
            continue
        if till is None and run.ended_at is None:
            pauses.append(Pause(event=event, since=max(since, run.started_at), until=None))
            return due, day, tuple(pauses), max(since, run.started_at)
        if since >= due:
            continue
        last = min(moment for moment in (till, run.ended_at) if moment is not None)
        first = max(since, run.started_at)
        pauses.append(
            Pause(
                event=event, since=first, until=last, days=units_between(first, last, limit, facts.calendar, facts.zone)
            )
        )
        first = max(since, counted_from)
        if last > first:
            lost += time_between(first, last, limit, facts.calendar, facts.zone)
            lost_days += units_between(first, last, limit, facts.calendar, facts.zone)
            due, day = _moved(run, limit, lost, lost_days, facts)
    return due, day, tuple(pauses), None


def _moved(run: Run, limit: Limit, lost: timedelta, lost_days: int, facts: Facts) -> tuple[datetime, date]:
    """The date of the limit, or of its extension, that many days later."""
    calendar, zone = facts.calendar, facts.zone
    if run.until is None:
        return add_limit(run.started_at, limit, calendar, zone, lost, lost_days)
    if limit.unit == "wd":
        day = calendar.add_working_days(run.until, lost_days) if lost_days else run.until
    else:
        day = calendar.on_or_after(run.until + timedelta(days=lost_days))
    return end_of_day(day, calendar, zone), day


def missed_in(clock: str, since: datetime, till: datetime, facts: Facts) -> int:
    """How many dates in a row passed between a start and the renewal that came at last."""
    limit = facts.policy.limits.get(clock)
    if limit is None:
        return 0
    missed, start = 0, since
    if BY_NAME[clock].stands_still and facts.stops:
        run = Run("", since, ended_at=till)
        due = _paused(run, limit, *add_limit(since, limit, facts.calendar, facts.zone), facts)[0]
    else:
        due = add_limit(since, limit, facts.calendar, facts.zone)[0]
    while due <= till:
        missed += 1
        if not limit.count:
            break
        start = max(due - timedelta(microseconds=1), start + timedelta(microseconds=1))
        due = add_limit(start, limit, facts.calendar, facts.zone)[0]
    return missed


def next_due(dues: Sequence[Due]) -> Due | None:
    """The running clock that ends first: what the queue is sorted by."""
    running = [due for due in dues if due.state == RUNNING and due.due is not None]
    return min(running, key=lambda due: due.due or due.started_at, default=None)
