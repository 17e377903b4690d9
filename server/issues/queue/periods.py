"""Stretches of time as people say them, pure: `today`, `this_month`, `-7d`, `..-1wd`, `2026-01-01..2026-01-31`.

`-7d` is from seven days ago until now, `+3d` from now until in three days. Two moments with `..` between them are a stretch, open
on the side where none stands. A moment is a day (as the last one it is included), a time with its zone, `now`, or so many hours
`h`, days `d`, working days `wd`, weeks `w`, months `m` or years `y` from now.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from server.worktime.calendar import WorkCalendar

TEXT_MAX = 80
YEAR_FIRST, YEAR_LAST = 1990, 9998
_OFFSET = re.compile(r"([+-]\d{1,4})(h|d|wd|w|m|y)\Z")
_DAY = timedelta(days=1)

_NAMED: dict[str, Callable[[date], tuple[date, date]]] = {
    "yesterday": lambda day: (day - _DAY, day),
    "today": lambda day: (day, day + _DAY),
    "tomorrow": lambda day: (day + _DAY, day + 2 * _DAY),
    **{
        f"{word}_week": lambda day, n=n: (_week(day, n), _week(day, n + 1))  # type: ignore[misc]
        for word, n in (("last", -1), ("this", 0), ("next", 1))
    },
    **{
        f"{word}_{name}": lambda day, n=n, months=months: (_month(day, n, months), _month(day, n + 1, months))  # type: ignore[misc]
        for word, n in (("last", -1), ("this", 0), ("next", 1))
        for name, months in (("month", 1), ("quarter", 3), ("half_year", 6), ("year", 12))
    },
}
NAMES = tuple(_NAMED)


class Period(Struct, frozen=True):
    """From `first` on, before `until`; none is no limit."""

    first: datetime | None
    until: datetime | None


def period_of(text: str, moment: datetime, zone: tzinfo, calendar: WorkCalendar) -> Period:
    """Raises `ValueError` for what is no stretch of time."""
    if len(text) > TEXT_MAX:
        raise ValueError("too long")
    here = moment.astimezone(zone)
    if text in _NAMED:
        return _days(*_NAMED[text](here.date()), zone)
    try:
        return _read(text, here, zone, calendar)
    except OverflowError:
        raise ValueError("beyond any calendar") from None


def _read(text: str, here: datetime, zone: tzinfo, calendar: WorkCalendar) -> Period:
    first, dots, last = text.partition("..")
    if dots:
        period = Period(
            _moment(first, here, zone, calendar) if first else None,
            _moment(last, here, zone, calendar, is_last=True) if last else None,
        )
        if period.first is None and period.until is None:
            raise ValueError("open on both sides")
        return period
    if _OFFSET.match(text):
        other = _moment(text, here, zone, calendar)
        return Period(*sorted((other, here.astimezone(UTC))))
    day = date.fromisoformat(text)
    return _days(_sane(day), day + _DAY, zone)


def _moment(text: str, here: datetime, zone: tzinfo, calendar: WorkCalendar, *, is_last: bool = False) -> datetime:
    if text == "now":
        return here.astimezone(UTC)
    if found := _OFFSET.match(text):
        return _shifted(here, int(found[1]), found[2], calendar).astimezone(UTC)
    if len(text) == len("2026-01-01"):
        day = _sane(date.fromisoformat(text))
        return _midnight(day + _DAY if is_last else day, zone)
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    _sane(at.date())
    return at.astimezone(UTC)


def _shifted(here: datetime, count: int, unit: str, calendar: WorkCalendar) -> datetime:
    if unit == "wd":
        day = calendar.add_working_days(here.date(), count)
    elif unit in "my":
        months = here.year * 12 + here.month - 1 + count * (12 if unit == "y" else 1)
        year, month = divmod(months, 12)
        _sane(date(year, month + 1, 1))
        day = date(year, month + 1, min(here.day, monthrange(year, month + 1)[1]))
    else:
        return here + timedelta(hours=count * {"h": 1, "d": 24, "w": 168}[unit])
    return datetime.combine(_sane(day), here.timetz())


def _days(first: date, until: date, zone: tzinfo) -> Period:
    return Period(_midnight(first, zone), _midnight(until, zone))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(_sane(day), time(), zone).astimezone(UTC)


def _week(day: date, n: int) -> date:
    return day + timedelta(days=7 * n - day.weekday())


def _month(day: date, n: int, months: int) -> date:
    """The first day of the n-th stretch of so many months from the one that holds `day`."""
    year, month = divmod(((day.year * 12 + day.month - 1) // months + n) * months, 12)
    return date(year, month + 1, 1)


def _sane(day: date) -> date:
    if not YEAR_FIRST <= day.year <= YEAR_LAST + 1:
        raise ValueError("beyond any calendar")
    return day
