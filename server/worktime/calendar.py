"""The working-day calendar, pure: which days are worked, and what day it is n working days later.

Keyed by date, not by year: the notice of one year has changed days of the year before. Counting is a bisection in the
sorted list of all working days, so a due date costs about a microsecond whatever its distance.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import date, timedelta

YEAR_FIRST = 2000
REACH_YEARS = 10
"""How far past the last announced year days can be counted (Monday to Friday minus the statutory days we know)."""


class WorkCalendar:
    """`exceptions` are the days that are not what their weekday says. `horizon` is the last day the State Council has
    announced; later days are provisional, because which weekends will be worked is not known yet."""

    __slots__ = ("_ordinals", "horizon", "version")

    def __init__(self, exceptions: Mapping[date, bool], *, horizon: date, version: str) -> None:
        self.horizon = horizon
        self.version = version
        first = date(YEAR_FIRST, 1, 1).toordinal()
        last = date(horizon.year + REACH_YEARS, 12, 31).toordinal()
        works = {day.toordinal(): is_working for day, is_working in exceptions.items()}
        # Ordinal 1 was a Monday.
        self._ordinals = [day for day in range(first, last + 1) if works.get(day, (day - 1) % 7 < 5)]

    def is_working(self, day: date) -> bool:
        at = bisect_left(self._ordinals, day.toordinal())
        return at < len(self._ordinals) and self._ordinals[at] == day.toordinal()

    def is_provisional(self, day: date) -> bool:
        return day > self.horizon

    def on_or_after(self, day: date) -> date:
        """`day` itself when it is worked, else the next working day: where a limit that ends on a rest day goes."""
        return self._nth(bisect_left(self._ordinals, day.toordinal()))

    def add_working_days(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`, which is not counted itself; before it when negative. With 0, `on_or_after`."""
        if count > 0:
            return self._nth(bisect_right(self._ordinals, day.toordinal()) + count - 1)
        return self._nth(bisect_left(self._ordinals, day.toordinal()) + count)

    def working_days_between(self, first: date, last: date) -> int:
        """Working days after `first` up to and including `last`; negative when `last` is the earlier one."""
        return bisect_right(self._ordinals, last.toordinal()) - bisect_right(self._ordinals, first.toordinal())

    def _nth(self, index: int) -> date:
        if not 0 <= index < len(self._ordinals):
            raise ValueError(f"the calendar reaches from {YEAR_FIRST} to {self.horizon.year + REACH_YEARS}")
        return date.fromordinal(self._ordinals[index])


def days_between(first: date, last: date) -> list[date]:
    """Both ends included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
