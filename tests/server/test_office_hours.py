"""Office hours: a hand-checked date, and laws that hold for any hours, against an oracle that walks minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.worktime.actions import build_calendar, read_seed, shipped_calendar
from server.worktime.days import Day, Hours, read_spans

ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = shipped_calendar()
FIRST, LAST = date(2025, 1, 20), date(2025, 2, 14)
"""Spring Festival of 2025: a worked Sunday, eight days of rest, a worked Saturday."""


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2025-01-24T16:00", 7, "2025-01-26T16:00"),
        ("2025-01-24T09:00", 3, "2025-01-24T12:00"),
        ("2025-01-24T12:30", 1, "2025-01-24T15:00"),
        ("2025-01-27T17:30", 7, "2025-02-05T17:30"),
        ("2025-02-01T03:00", 0.5, "2025-02-05T09:00"),
        ("2025-01-25T10:00", 0, "2025-01-26T08:30"),
        ("2025-01-24T12:00", 0, "2025-01-24T14:00"),
        ("2025-01-24T10:07", 0, "2025-01-24T10:07"),
    ],
)
def test_hours_of_the_office_run_over_lunch_holidays_and_worked_weekends(start, hours, end):
    assert CALENDAR.add_working_time(local(start), timedelta(hours=hours), ZONE) == local(end)


def test_a_limit_ends_at_midnight_or_when_the_bureau_closes():
    assert CALENDAR.closing_hour(date(2025, 1, 24)) is None
    assert CALENDAR.end_of_day(date(2025, 1, 24), ZONE) == local("2025-01-25T00:00")
    closing = build_calendar(
        [*read_seed(), Day(day=date(2025, 1, 27), is_working=True, spans=("09:00-12:00",))],
        "x",
        [Hours(valid_from=date(2025, 1, 1), spans=("09:00-12:00", "13:00-17:00"), closing="office")],
    )
    assert closing.end_of_day(date(2024, 12, 31), ZONE) == local("2025-01-01T00:00"), "not before its first day"
    assert closing.end_of_day(date(2025, 1, 24), ZONE) == local("2025-01-24T17:00")
    assert closing.closing_hour(date(2025, 1, 27)) == time(12), "a half-holiday closes at noon"


@pytest.mark.parametrize(
    "spans", [[], ["8:30-12:00"], ["12:00-12:00"], ["14:00-17:00", "08:00-12:00"], ["08:00-24:01"], ["08:60-12:00"]]
)
def test_hours_that_no_clock_shows_are_an_error(spans):
    with pytest.raises(ValueError):
        read_spans(spans)


def test_hours_cannot_be_counted_back_nor_out_of_reach():
    with pytest.raises(ValueError, match="forwards"):
        CALENDAR.add_working_time(local("2025-01-24T09:00"), timedelta(hours=-1), ZONE)
    with pytest.raises(ValueError, match="reaches"):
        CALENDAR.add_working_time(local("2036-12-01T09:00"), timedelta(days=90), ZONE)
    with pytest.raises(ValueError, match="reaches"):
        CALENDAR.working_time_between(local("1999-12-01T09:00"), local("2025-01-24T09:00"), ZONE)


CLOCK = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(24 * 60)]


class Oracle:
    """Which minutes are worked, written down one by one. It knows nothing of sums, lists or searches."""

    def __init__(
        self, rests: set[date], works: set[date], weeks: list[tuple[date, list[str]]], odd: dict[date, list[str]]
    ):
        self.minutes: list[datetime] = []
        for offset in range((LAST - FIRST).days + 1):
            day = FIRST + timedelta(days=offset)
            if not (day in works or (day.weekday() < 5 and day not in rests)):
                continue
            hours = odd.get(day) or [texts for first, texts in weeks if first <= day][-1]
            midnight = datetime.combine(day, time(0), ZONE)
            self.minutes += [
                midnight + timedelta(minutes=minute)
                for minute in range(24 * 60)
                if any(text[:5] <= CLOCK[minute] < text[6:] for text in hours)
            ]

    def add(self, start: datetime, minutes: int) -> datetime | None:
        left = minutes
        for minute in self.minutes:
            if minute >= start:
                left -= 1
                if left == 0:
                    return minute + timedelta(minutes=1)
        return None

    def between(self, first: datetime, last: datetime) -> int:
        return sum(1 for minute in self.minutes if first <= minute < last)


TIMES = st.integers(min_value=0, max_value=24 * 4).map(lambda quarter: quarter * 15)


def text_of(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


SPANS = st.lists(TIMES, min_size=2, max_size=6, unique=True).map(
    lambda times: [f"{text_of(a)}-{text_of(b)}" for a, b in zip(sorted(times)[::2], sorted(times)[1::2], strict=False)]
)
DATES = st.dates(min_value=FIRST, max_value=LAST)


@st.composite
def worlds(draw):
    """A stretch of days with rests, make-up days, hours that change on a day, and half days; counted by both."""
    rests, works = draw(st.sets(DATES, max_size=8)), draw(st.sets(DATES, max_size=4))
    changes = draw(st.dictionaries(DATES, SPANS, max_size=2))
    odd = draw(st.dictionaries(DATES, SPANS, max_size=3))
    weeks = [(date(2000, 1, 1), draw(SPANS)), *sorted(changes.items())]
    days = [Day(day=day, is_working=False) for day in rests] + [Day(day=day, is_working=True) for day in works]
    said = {day.day: day for day in days}
    for day, spans in odd.items():
        is_working = said[day].is_working if day in said else day.weekday() < 5
        if is_working:
            said[day] = Day(day=day, is_working=True, spans=tuple(spans))
    hours = [Hours(valid_from=first, spans=tuple(spans)) for first, spans in weeks]
    official = Day(day=date(2025, 1, 1), is_working=False, status="official")
    return build_calendar([official, *said.values()], "x", hours), Oracle(rests - works, works, weeks, odd)


MINUTES = (LAST - FIRST).days * 24 * 60
OFFSETS = st.integers(min_value=0, max_value=MINUTES)


def moment(offset: int) -> datetime:
    return datetime.combine(FIRST, time(0), ZONE) + timedelta(minutes=offset)


@settings(max_examples=100, deadline=None)
@given(world=worlds(), offset=OFFSETS, minutes=st.integers(min_value=1, max_value=4000))
def test_adding_office_time_agrees_with_walking_minute_by_minute(world, offset, minutes):
    calendar, oracle = world
    expected = oracle.add(moment(offset), minutes)
    found = calendar.add_working_time(moment(offset), timedelta(minutes=minutes), ZONE)
    if expected is not None:
        assert found == expected
    else:
        assert found > datetime.combine(LAST, time(0), ZONE)
    assert calendar.working_time_between(moment(offset), found, ZONE) == timedelta(minutes=minutes)


@settings(max_examples=100, deadline=None)
@given(world=worlds(), first=OFFSETS, last=OFFSETS)
def test_office_time_between_two_moments_agrees_with_counting_the_minutes(world, first, last):
    calendar, oracle = world
    a, b = sorted((moment(first), moment(last)))
    assert calendar.working_time_between(a, b, ZONE) == timedelta(minutes=oracle.between(a, b))
    assert calendar.working_time_between(b, a, ZONE) == -calendar.working_time_between(a, b, ZONE)


@settings(max_examples=100, deadline=None)
@given(world=worlds(), offset=OFFSETS, one=st.integers(0, 10**9), two=st.integers(1, 10**9))
def test_two_durations_after_each_other_are_their_sum_to_the_microsecond(world, offset, one, two):
    calendar, _ = world
    start = moment(offset).astimezone(UTC) + timedelta(microseconds=offset)
    first, second = timedelta(microseconds=one * 7), timedelta(microseconds=two * 7)
    there = calendar.add_working_time(start, first, ZONE)
    assert calendar.add_working_time(there, second, ZONE) == calendar.add_working_time(start, first + second, ZONE)
    assert calendar.working_time_between(start, there, ZONE) == first


@settings(max_examples=100, deadline=None)
@given(world=worlds(), offset=st.integers(0, 10), count=st.integers(1, 8))
def test_adding_days_agrees_with_the_days_that_have_minutes(world, offset, count):
    """A day is worked when the oracle wrote down a minute of it."""
    calendar, oracle = world
    start = FIRST + timedelta(days=offset)
    worked = sorted({minute.date() for minute in oracle.minutes if minute.date() > start})
    found = calendar.add_working_days(start, count)
    assert found == worked[count - 1] if count <= len(worked) else found > LAST
