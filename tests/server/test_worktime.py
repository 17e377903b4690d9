"""Working days as the State Council's notices have them, against hand-checked dates, a naive oracle and another package."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.worktime.actions import build_calendar, calendar_of, read_seed, shipped_calendar
from server.worktime.days import Day
from server.worktime.editing import change_days
from sync.refusal import Refusal

CALENDAR = shipped_calendar()
DAYS = st.dates(min_value=date(2023, 12, 1), max_value=date(2027, 3, 31))


@pytest.mark.parametrize(
    ("event", "count", "due"),
    [
        ("2026-09-18", 1, "2026-09-20"),
        ("2026-09-18", 3, "2026-09-22"),
        ("2026-09-24", 1, "2026-09-28"),
        ("2026-09-28", 5, "2026-10-10"),
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-09-30", 7, "2026-10-15"),
        ("2026-02-13", 1, "2026-02-14"),
        ("2026-02-13", 3, "2026-02-25"),
        ("2026-02-14", 7, "2026-03-03"),
        ("2026-04-30", 3, "2026-05-08"),
        ("2026-05-08", 1, "2026-05-09"),
        ("2026-06-18", 15, "2026-07-10"),
        ("2026-01-02", 1, "2026-01-04"),
    ],
)
def test_the_day_of_the_event_is_not_counted_and_worked_weekends_are(event, count, due):
    assert CALENDAR.add_working_days(date.fromisoformat(event), count) == date.fromisoformat(due)


def test_2026_has_248_working_days():
    quarters = [("2025-12-31", "2026-03-31"), ("2026-03-31", "2026-06-30"), ("2026-06-30", "2026-09-30")]
    counted = [CALENDAR.working_days_between(date.fromisoformat(a), date.fromisoformat(b)) for a, b in quarters]
    assert counted == [59, 61, 66]
    assert CALENDAR.working_days_between(date(2025, 12, 31), date(2026, 12, 31)) == 248


DISPUTED = {date(2005, 12, 31)}
"""Worked, since 3 January 2006 was a day off in its place: the second package knows it, the first does not."""


def test_every_day_of_twenty_three_years_agrees_with_two_other_calendars():
    import chinese_calendar as one
    import holidays

    other = holidays.China(years=range(2003, 2028))
    days = [date(2004, 1, 1) + timedelta(days=n) for n in range((date(2027, 1, 1) - date(2004, 1, 1)).days)]
    assert [day for day in days if CALENDAR.is_working(day) != other.is_working_day(day)] == []
    assert {day for day in days if CALENDAR.is_working(day) != one.is_workday(day)} == DISPUTED


def test_the_statutory_days_of_2027_rest_and_nothing_else_is_known_of_it():
    import holidays

    known = {day.day for day in read_seed() if day.day.year == 2027}
    assert {day.status for day in read_seed() if day.day.year == 2027} == {"provisional"}
    statutory = {day for day, name in holidays.China(years=2027).items() if "observed" not in name}
    assert known == {day for day in statutory if day.year == 2027}


def test_days_beyond_the_last_notice_are_provisional_weekdays_minus_statutory_days():
    assert not CALENDAR.is_provisional(date(2026, 12, 31))
    assert CALENDAR.is_provisional(date(2027, 1, 1))
    assert not CALENDAR.is_working(date(2027, 1, 1))
    assert CALENDAR.add_working_days(date(2026, 12, 31), 1) == date(2027, 1, 4)
    assert not CALENDAR.is_working(date(2027, 2, 5))
    assert CALENDAR.is_working(date(2031, 10, 1)), "no statutory days are known so far ahead"


def naive(day: date, count: int) -> date:
    step = timedelta(days=1 if count > 0 else -1)
    while count:
        day += step
        count -= 1 if CALENDAR.is_working(day) and step.days > 0 else -1 if CALENDAR.is_working(day) else 0
    return day


@settings(max_examples=200, deadline=None)
@given(day=DAYS, count=st.integers(min_value=1, max_value=80))
def test_counting_forwards_agrees_with_walking_day_by_day(day, count):
    due = CALENDAR.add_working_days(day, count)
    assert due == naive(day, count)
    assert CALENDAR.is_working(due)
    assert CALENDAR.working_days_between(day, due) == count


@settings(max_examples=100, deadline=None)
@given(day=DAYS, count=st.integers(min_value=1, max_value=40))
def test_counting_backwards_agrees_with_walking_day_by_day(day, count):
    assert CALENDAR.add_working_days(day, -count) == naive(day, -count)


@settings(max_examples=100, deadline=None)
@given(a=DAYS, b=DAYS, c=DAYS)
def test_stretches_of_working_days_add_up(a, b, c):
    between = CALENDAR.working_days_between
    assert between(a, b) + between(b, c) == between(a, c)
    assert CALENDAR.on_or_after(a) >= a
    assert CALENDAR.on_or_after(a) == CALENDAR.add_working_days(a, 0)


def test_a_day_nobody_can_count_to_is_an_error():
    with pytest.raises(ValueError, match="the calendar reaches"):
        CALENDAR.add_working_days(date(2036, 12, 30), 30)


def test_a_later_notice_overwrites_days_of_the_year_before():
    notice = [
        Day(day=date(2026, 12, 31), is_working=False, status="official"),
        Day(day=date(2027, 1, 3), is_working=True, status="official"),
    ]
    calendar = build_calendar([*read_seed(), *notice], "x")
    assert calendar.add_working_days(date(2026, 12, 30), 1) == date(2027, 1, 3)
    assert calendar.horizon == date(2027, 12, 31)


@pytest.mark.anyio
async def test_a_flood_day_belongs_to_one_bureau_and_changes_its_version(donghu):
    version = await change_days(await donghu.sun.actor(), [Day(day=date(2026, 7, 1), is_working=False, name="防汛")])
    ours = await calendar_of(donghu.bureau)
    assert (ours.version, version) == ("2026+1", "2026+1")
    assert ours.add_working_days(date(2026, 6, 30), 1) == date(2026, 7, 2)
    assert ours.horizon == date(2026, 12, 31), "a flood does not announce a year"
    assert (await calendar_of(donghu.zhou.id)).add_working_days(date(2026, 6, 30), 1) == date(2026, 7, 1)


@pytest.mark.anyio
async def test_a_commissioner_may_not_change_the_calendar(donghu):
    with pytest.raises(Refusal, match="permission"):
        await change_days(await donghu.zhou.actor(), [Day(day=date(2026, 7, 1), is_working=False)])
