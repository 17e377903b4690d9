"""Lights and timers, pure: what colour an issue is at a moment, and at which moments something about its clocks happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

from server.clocks.clock import BY_NAME
from server.clocks.due import RUNNING, STOPPED, Due
from server.clocks.span import HOURLY, add_limit, end_of_day
from server.worktime.calendar import WorkCalendar

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
GREEN, YELLOW, RED, DOUBLE_RED, GREY, NONE = "green", "yellow", "red", "double_red", "grey", ""
LIGHTS: dict[str, tuple[str, str]] = {
    GREEN: ("绿", "in time"),
    YELLOW: ("黄", "two thirds used, or two working days left"),
    RED: ("红", "overdue"),
    DOUBLE_RED: ("双红", "overdue by more than five working days, or to be redone a second time"),
    GREY: ("灰", "the clocks stand still"),
}
DOUBLE_DAYS = 5
"""Working days overdue after which a red light is a double one."""
REPEAT_DAYS = 3
"""Working days between two reminders of what is overdue."""
REDOS = 2
"""The redo that lights double red by itself."""
REPEATS_MAX = 400
"""Reminders of one clock looked at in one go."""


class Lamp(Struct, frozen=True, kw_only=True):
    """All a phone needs to light an issue without asking. A moment that does not come is `NEVER`."""

    yellow_at: datetime = NEVER
    red_at: datetime = NEVER
    double_at: datetime = NEVER
    paused: bool = False


def lamp_of(dues: Sequence[Due], calendar: WorkCalendar, zone: tzinfo) -> Lamp:
    """From the clocks that run."""
    running = [due for due in dues if due.state == RUNNING and BY_NAME[due.clock].stands_still]
    doubles = [double_at(due, calendar, zone) for due in running if BY_NAME[due.clock].is_grave]
    if running:
        doubles += [due.started_at for due in dues if due.clock == "redo" and due.starts >= REDOS]
    return Lamp(
        yellow_at=min((due.yellow_at for due in running), default=NEVER),
        red_at=min((due.due for due in running if due.due is not None), default=NEVER),
        double_at=min(doubles, default=NEVER),
        paused=any(due.state == STOPPED for due in dues),
    )


def light(lamp: Lamp, moment: datetime) -> str:
    """The colour at `moment` of an issue that is open."""
    if lamp.paused:
        return GREY
    if moment >= lamp.double_at:
        return DOUBLE_RED
    if moment >= lamp.red_at:
        return RED
    return YELLOW if moment >= lamp.yellow_at else GREEN


def light_of(due: Due, moment: datetime, calendar: WorkCalendar, zone: tzinfo) -> str:
    """The colour of one clock at `moment`; none once it was met."""
    if due.state == STOPPED:
        return GREY
    if due.state != RUNNING or due.due is None:
        return NONE
    double = double_at(due, calendar, zone) if BY_NAME[due.clock].is_grave else NEVER
    return light(Lamp(yellow_at=due.yellow_at, red_at=due.due, double_at=double), moment)


def double_at(due: Due, calendar: WorkCalendar, zone: tzinfo) -> datetime:
    """The end of the fifth working day after its last one."""
    return _later(due, DOUBLE_DAYS, calendar, zone)


def _later(due: Due, days: int, calendar: WorkCalendar, zone: tzinfo) -> datetime:
    date = due.date
    if date is None:
        return NEVER
    last = (date - timedelta(microseconds=1)).astimezone(zone).date()
    try:
        return end_of_day(calendar.add_working_days(last, days), calendar, zone)
    except ValueError:  # beyond any calendar
        return NEVER


class Timer(Struct, frozen=True, kw_only=True, order=True):
    """Something that happens to a clock by itself: `level` is yellow, soon (one working day left), due, overdue-1, overdue-2 …
    (every three working days), double_red; for the clocks that watch a pause resume, review-1 …, reminder-1 …"""

    at: datetime
    clock: str
    level: str
    round: int
    due: datetime | None


def timers_from(
    dues: Sequence[Due], calendar: WorkCalendar, zone: tzinfo, since: datetime, until: datetime
) -> tuple[list[Timer], datetime]:
    """What happens from `since` to `until`, both included, in order, and when the next thing after that does."""
    found: list[Timer] = []
    following = NEVER
    for due in dues:
        end = due.ended_at or due.stopped_at or NEVER
        for level, at in _levels(due, calendar, zone, since):
            repeats = level[-1].isdigit()
            if at > end or at >= NEVER:
                if repeats:
                    break
                continue
            if since <= at <= until:
                found.append(Timer(at=at, clock=due.clock, level=level, round=due.round, due=due.date))
            elif until < at < following:
                following = at
            if at > until and repeats:
                break
    return sorted(found), following


def _levels(due: Due, calendar: WorkCalendar, zone: tzinfo, since: datetime) -> Iterator[tuple[str, datetime]]:
    date = due.date
    if date is None:
        return
    if not BY_NAME[due.clock].stands_still:
        yield from _watching(due, date, calendar, zone, since)
        return
    yield "yellow", due.yellow_at
    if due.limit.unit not in HOURLY:
        soon = _later(due, -1, calendar, zone)
        if soon > end_of_day(due.started_at.astimezone(zone).date(), calendar, zone):
            yield "soon", soon
    yield "due", date
    if BY_NAME[due.clock].is_grave:
        yield "double_red", _later(due, DOUBLE_DAYS, calendar, zone)
    last = date.astimezone(zone).date()
    passed = calendar.working_days_between(last, since.astimezone(zone).date()) if since > date else 0
    first = max(1, passed // REPEAT_DAYS)
    for n in range(first, first + REPEATS_MAX):
        yield f"overdue-{n}", _later(due, REPEAT_DAYS * n, calendar, zone)


def _watching(
    due: Due, date: datetime, calendar: WorkCalendar, zone: tzinfo, since: datetime
) -> Iterator[tuple[str, datetime]]:
    """The wait ends by itself; a review or a reminder outside comes round again and again."""
    if due.clock == "wait":
        yield "resume", date
        return
    level = "review" if due.clock == "account_review" else "reminder"
    at = date
    for n in range(1, REPEATS_MAX):
        yield f"{level}-{n}", at
        at = add_limit(at - timedelta(microseconds=1), due.limit, calendar, zone)[0]
