"""The working-day calendar, pure: which days are worked, what day it is n working days later, and the same for office hours.

Keyed by date, not by year: the notice of one year has changed days of the year before. Counting days is a bisection in the
sorted list of all working days; counting hours is one in the sums of the time worked before each of them. Either costs a
few microseconds whatever the distance. An office keeps wall-clock time: an hour is an hour of the clock on its wall.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import accumulate

from msgspec import Struct

YEAR_FIRST = 2000
REACH_YEARS = 10
"""How far past the last announced year days can be counted (Monday to Friday minus the statutory days we know)."""
MICROSECOND = timedelta(microseconds=1)
MINUTE = 60_000_000

Spans = tuple[tuple[int, int], ...]
"""When an office is open on one day: minutes since midnight, in order, each end after its start."""


class OfficeHours(Struct, frozen=True):
    """Open at `spans` of every working day from `valid_from` on. `closes`: a limit ends when the office closes, not at 24:00."""

    valid_from: date
    spans: Spans
    closes: bool = False


ORDINARY_HOURS = OfficeHours(date.min, ((8 * 60 + 30, 12 * 60), (14 * 60, 17 * 60 + 30)))
"""Until a bureau says otherwise: 8:30 to 12:00 and 14:00 to 17:30, seven hours."""


class WorkCalendar:
    """`exceptions` are the days that are not what their weekday says. `horizon` is the last day the State Council has
    announced; later days are provisional, because which weekends will be worked is not known yet. `hours` come in the order
    of their days; `spans` are the days with other hours (half-holidays)."""

    __slots__ = ("_from", "_hours", "_ordinals", "_spans", "_sums", "horizon", "version")

    def __init__(
        self,
        exceptions: Mapping[date, bool],
        *,
        horizon: date,
        version: str,
        hours: Sequence[OfficeHours] = (),
        spans: Mapping[date, Spans] | None = None,
    ) -> None:
        self.horizon = horizon
        self.version = version
        first = date(YEAR_FIRST, 1, 1).toordinal()
        last = date(horizon.year + REACH_YEARS, 12, 31).toordinal()
        works = {day.toordinal(): is_working for day, is_working in exceptions.items()}
        # Ordinal 1 was a Monday.
        self._ordinals = [day for day in range(first, last + 1) if works.get(day, (day - 1) % 7 < 5)]
        self._hours = (ORDINARY_HOURS, *hours)
        self._from = [one.valid_from.toordinal() for one in self._hours]
        self._spans = {day.toordinal(): given for day, given in (spans or {}).items()}
        self._sums: list[int] = []

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

    def spans_on(self, day: date) -> Spans:
        """The office hours of a day, were it worked."""
        return self._spans_on(day.toordinal())

    def closing_hour(self, day: date) -> time | None:
        """When a limit that ends on `day` ends: the hour the office closes, or None for 24:00."""
        if not self._hours[bisect_right(self._from, day.toordinal()) - 1].closes:
            return None
        minutes = self._spans_on(day.toordinal())[-1][1]
        return None if minutes == 24 * 60 else time(minutes // 60, minutes % 60)

    def end_of_day(self, day: date, zone: tzinfo) -> datetime:
        """The first instant, in UTC, that is too late for a limit that ends on `day`."""
        closing = self.closing_hour(day)
        if closing is None:
            return datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC)
        return datetime.combine(day, closing, zone).astimezone(UTC)

    def add_working_time(self, moment: datetime, duration: timedelta, zone: tzinfo) -> datetime:
        """When the office has been open for `duration` since `moment`, in UTC: 12:00 and not 14:00 for a morning that is used up.
        With no duration at all, `moment` itself while the office is open, else when it opens next. ValueError for less than
        none and for a day nobody can count to."""
        if duration < timedelta(0):
            raise ValueError("office time is added forwards")
        sums = self._worked()
        target = self._worked_until(moment.astimezone(zone)) + duration // MICROSECOND
        is_open = not duration
        index = (bisect_right if is_open else bisect_left)(sums, target) - 1
        day = self._nth(index)
        left = target - sums[index]
        for start, end in self._spans_on(day.toordinal()):
            length = (end - start) * MINUTE
            if left < length or (left == length and not is_open):
                return (
                    datetime.combine(day, time(0), zone) + timedelta(microseconds=start * MINUTE + left)
                ).astimezone(UTC)
            left -= length
        raise AssertionError("the sums hold the lengths of the spans")

    def working_time_between(self, first: datetime, last: datetime, zone: tzinfo) -> timedelta:
        """How long the office was open between two moments; negative when `last` is the earlier one."""
        worked = self._worked_until(last.astimezone(zone)) - self._worked_until(first.astimezone(zone))
        return timedelta(microseconds=worked)

    def _nth(self, index: int) -> date:
        if not 0 <= index < len(self._ordinals):
            raise ValueError(f"the calendar reaches from {YEAR_FIRST} to {self.horizon.year + REACH_YEARS}")
        return date.fromordinal(self._ordinals[index])

    def _spans_on(self, ordinal: int) -> Spans:
        return self._spans.get(ordinal) or self._hours[bisect_right(self._from, ordinal) - 1].spans

    def _worked(self) -> list[int]:
        """Microseconds worked before each working day, and after the last. Most calendars are never asked for hours."""
        if not self._sums:
            lengths = (sum(end - start for start, end in self._spans_on(day)) * MINUTE for day in self._ordinals)
            self._sums = list(accumulate(lengths, initial=0))
        return self._sums

    def _worked_until(self, local: datetime) -> int:
        ordinal = local.toordinal()
        index = bisect_left(self._ordinals, ordinal)
        if index == len(self._ordinals) or local.year < YEAR_FIRST:
            self._nth(-1)
        worked = self._worked()[index]
        if self._ordinals[index] == ordinal:
            minutes = local.hour * 60 + local.minute
            past = minutes * MINUTE + local.second * 1_000_000 + local.microsecond
            for start, end in self._spans_on(ordinal):
                worked += max(0, min(past, end * MINUTE) - start * MINUTE)
        return worked


def days_between(first: date, last: date) -> list[date]:
    """Both ends included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
