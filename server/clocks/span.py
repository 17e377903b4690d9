"""How long limits are, pure: adding one to a moment, what of it is used and what is left, when it turns yellow.

A limit in days is measured in whole days of its own kind, each of 24 hours: rest days and the day of the event have none.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from server.clocks.policy import Limit
from server.worktime.calendar import WorkCalendar

HOURLY = ("h", "wh")
DAY = timedelta(days=1)
YELLOW_DAYS = 2
"""Working days left at which a longer limit turns yellow."""


def add_limit(
    start: datetime,
    limit: Limit,
    calendar: WorkCalendar,
    zone: tzinfo,
    lost: timedelta = timedelta(0),
    lost_days: int = 0,
) -> tuple[datetime, date]:
    """The first instant that is too late and the last day in time, with time or days (of the limit's kind) given back."""
    if limit.unit == "h":
        due = start + timedelta(hours=limit.count) + lost
        return due, due.astimezone(zone).date()
    if limit.unit == "wh":
        due = calendar.add_working_time(start, timedelta(hours=limit.count) + lost, zone)
        return due, due.astimezone(zone).date()
    first = start.astimezone(zone).date()
    if limit.unit == "wd":
        day = calendar.add_working_days(first, limit.count + lost_days)
    elif limit.unit == "d":
        day = calendar.on_or_after(first + timedelta(days=limit.count + lost_days))
    else:
        day = calendar.on_or_after(add_months(first, limit.count) + timedelta(days=lost_days))
    return end_of_day(day, calendar, zone), day


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@lru_cache(maxsize=4096)
def start_of_day(day: date, zone: tzinfo) -> datetime:
    """In UTC. Kept, because asking a time zone costs more than all the counting."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def end_of_day(day: date, calendar: WorkCalendar, zone: tzinfo) -> datetime:
    """When a limit ends that ends on `day`, in UTC: at 24:00, or when the office closes."""
    return start_of_day(day + DAY, zone) if calendar.closing_hour(day) is None else calendar.end_of_day(day, zone)


def units_between(first: datetime, last: datetime, limit: Limit, calendar: WorkCalendar, zone: tzinfo) -> int:
    """The days of a pause, counted like the limit: not the day it began on, but the day it ended on. 0 for hours."""
    if limit.unit in HOURLY:
        return 0
    start, end = first.astimezone(zone).date(), last.astimezone(zone).date()
    return calendar.working_days_between(start, end) if limit.unit == "wd" else (end - start).days


def time_between(first: datetime, last: datetime, limit: Limit, calendar: WorkCalendar, zone: tzinfo) -> timedelta:
    """The limit's own time between two moments; negative when `last` is the earlier one."""
    if limit.unit == "wh":
        return calendar.working_time_between(first, last, zone)
    if limit.unit != "wd":
        return last - first
    return _worked(first, last, calendar, zone)


def _worked(first: datetime, last: datetime, calendar: WorkCalendar, zone: tzinfo) -> timedelta:
    """Working days of 24 hours and the parts of the days at both ends."""
    from_day, to_day = first.astimezone(zone).date(), last.astimezone(zone).date()
    whole = calendar.working_days_between(from_day - DAY, to_day - DAY)
    return DAY * whole + _part(last, to_day, calendar, zone) - _part(first, from_day, calendar, zone)


def _part(moment: datetime, day: date, calendar: WorkCalendar, zone: tzinfo) -> timedelta:
    return moment - start_of_day(day, zone) if calendar.is_working(day) else timedelta(0)


def length(
    start: datetime, limit: Limit, due: datetime, day: date, lost: timedelta, calendar: WorkCalendar, zone: tzinfo
) -> timedelta:
    """How long the limit is in its own time, extensions and moves to a working day included, `lost` to pauses not."""
    if limit.unit in HOURLY:
        return max(time_between(start, due, limit, calendar, zone) - lost, timedelta(0))
    first = start.astimezone(zone).date()
    days = calendar.working_days_between(first, day) if limit.unit == "wd" else (day - first).days
    return max(DAY * days - lost, timedelta(0))


def yellow_from(
    start: datetime, limit: Limit, due: datetime, day: date, lost: timedelta, calendar: WorkCalendar, zone: tzinfo
) -> datetime:
    """When two thirds are used up or, for a limit longer than two working days, two working days are left."""
    third = length(start, limit, due, day, lost, calendar, zone) / 3
    if limit.unit == "wh":
        return min(due, calendar.add_working_time(start, third * 2 + lost, zone))
    if limit.unit in HOURLY:
        return max(start, due - third)
    if limit.unit == "wd":
        yellow = _back(day, third, calendar, zone)
        is_long = third * 3 > DAY * YELLOW_DAYS
    else:
        yellow = due - third
        is_long = calendar.working_days_between(start.astimezone(zone).date(), day) > YELLOW_DAYS
    if is_long:
        yellow = min(yellow, end_of_day(calendar.add_working_days(day, -YELLOW_DAYS), calendar, zone))
    return max(start, yellow)


def _back(day: date, left: timedelta, calendar: WorkCalendar, zone: tzinfo) -> datetime:
    """The moment so much working time (days of 24 hours) before the end of `day`, itself a working day."""
    whole, rest = divmod(left, DAY)
    if not rest:
        return start_of_day(calendar.add_working_days(day, -whole) + DAY, zone)
    return start_of_day(calendar.add_working_days(day, -whole), zone) + (DAY - rest)
