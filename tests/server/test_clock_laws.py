"""Clocks against an oracle that walks day by day, and laws that hold for any history."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from server.clocks.clock import Event
from server.clocks.due import Due, due_dates
from server.clocks.explanation import explain
from server.clocks.lights import LIGHTS, lamp_of, light, timers_from
from server.clocks.policy import Limit, Policy
from server.worktime.actions import shipped_calendar

ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = shipped_calendar()
START = datetime(2026, 1, 5, 1, tzinfo=UTC)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([
            "dispatched", "return_requested", "returned", "signed", "contacted", "noted", "co_asked", "co_answered", "waiting",
            "resumed", "replied", "sent_back", "on_account", "off_account", "escalated", "settled", "extend", "merged", "unmerged",
        ]),
        st.integers(1, 60 * 24 * 4),
    ),
    max_size=14,
)  # fmt: skip
WALKED = st.builds(Limit, st.integers(1, 30), st.sampled_from(["wd", "d", "h"]))
LIMITS = st.builds(Limit, st.integers(1, 30), st.sampled_from(["wd", "wh", "d", "h"]))


def policy(limit: Limit) -> Policy:
    names = ("triage", "solve", "reply", "interim", "sign", "escalation")
    return Policy("tried", "1", "试", "tried", {name: limit for name in names})


def history(steps) -> list[Event]:
    """As the engine tells it: a merge that is undone is as if it had not been."""
    moment, events = START, [Event("opened", START)]
    for name, minutes in steps:
        moment += timedelta(minutes=minutes)
        if name == "merged":
            events.append(Event("ended", moment))
        elif name == "unmerged":
            for index in range(len(events) - 1, -1, -1):
                if events[index].name == "ended":
                    del events[index]
                    break
        elif name == "extend":
            day = moment.astimezone(ZONE).date() + timedelta(days=20)
            events.append(Event("extended", moment, CALENDAR.on_or_after(day), "solve"))
        else:
            events.append(Event(name, moment))
    return events


def walked(start: datetime, limit: Limit, pauses: list[tuple[datetime, datetime]]) -> datetime:
    """The date by walking: an hour at a time for hours, a day at a time for days."""
    if limit.unit == "h":
        return start + timedelta(hours=limit.count) + sum((b - a for a, b in pauses), timedelta(0))
    first = start.astimezone(ZONE).date()
    left, day = limit.count + sum(counted(a, b, limit) for a, b in pauses), first
    while left > 0:
        day += timedelta(days=1)
        left -= limit.unit == "d" or CALENDAR.is_working(day)
    while not CALENDAR.is_working(day):
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(days=1)


def counted(since: datetime, till: datetime, limit: Limit) -> int:
    days, day, last = 0, since.astimezone(ZONE).date(), till.astimezone(ZONE).date()
    while day < last:
        day += timedelta(days=1)
        days += limit.unit == "d" or CALENDAR.is_working(day)
    return days


def solve(events: list[Event], limit: Limit) -> Due:
    return next(due for due in due_dates(events, policy(limit), CALENDAR, ZONE) if due.clock == "solve")


@settings(max_examples=200, deadline=None)
@given(
    limit=WALKED, begins=st.integers(0, 60 * 24 * 300), spells=st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 9000)), max_size=3)
)  # fmt: skip
def test_a_date_is_the_one_found_by_walking_through_the_calendar(limit, begins, spells):
    moment = START + timedelta(minutes=begins)
    events, pauses = [Event("opened", moment)], []
    for before, lasts in spells:
        since = moment + timedelta(minutes=before)
        if since >= walked(events[0].at, limit, pauses):
            break  # what stops after its date gets nothing back
        moment = since + timedelta(minutes=lasts)
        events += [Event("waiting", since), Event("resumed", moment)]
        pauses.append((since, moment))
    due = solve(events, limit)
    assert due.due == walked(events[0].at, limit, pauses)
    assert due.original_due == walked(events[0].at, limit, [])
    assert due.started_at <= due.yellow_at <= due.due


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, limit=LIMITS, lasts=st.integers(1, 60 * 24 * 10))
def test_neither_a_pause_nor_an_extension_ever_brings_a_date_nearer(steps, limit, lasts):
    events = history(steps)
    before = solve(events, limit)
    if before.due is None:
        return
    at = events[-1].at + timedelta(minutes=1)
    paused = solve([*events, Event("waiting", at), Event("resumed", at + timedelta(minutes=lasts))], limit)
    assert paused.due >= before.due
    later = CALENDAR.on_or_after(before.day + timedelta(days=lasts % 30 + 1))
    assert (
        solve([*events, Event("extended", at, later, "solve")], limit).due > before.due or before.ended_at is not None
    )


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, more=STEPS, limit=LIMITS)
def test_what_happens_after_the_end_changes_no_date_that_was_met(steps, more, limit):
    events = [*history(steps), Event("ended", START + timedelta(days=60))]
    notes = [Event("noted" if n % 2 else "contacted", START + timedelta(days=61 + n)) for n, _ in enumerate(more)]
    assert due_dates([*events, *notes], policy(limit), CALENDAR, ZONE) == due_dates(
        events, policy(limit), CALENDAR, ZONE
    )


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, limit=LIMITS)
def test_between_events_a_light_only_gets_worse_and_changes_at_its_timers_alone(steps, limit):
    events = history(steps)
    dues = due_dates(events, policy(limit), CALENDAR, ZONE)
    lamp = lamp_of(dues, CALENDAR, ZONE)
    order = {name: n for n, name in enumerate(LIGHTS)}
    since, until = events[-1].at, events[-1].at + timedelta(days=60)
    timers, following = timers_from(dues, CALENDAR, ZONE, since, until)
    assert timers == sorted(timers)
    assert following > until
    moments = sorted({since, until, *(timer.at for timer in timers)})
    lights = [light(lamp, moment) for moment in moments]
    assert [order[one] for one in lights] == sorted(order[one] for one in lights)
    for before, after in itertools.pairwise(moments):
        between = after - timedelta(microseconds=1)
        assert light(lamp, between) == light(lamp, before), "nothing changes without a timer"


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, limit=LIMITS, cut=st.integers(0, 14))
def test_sweeping_in_two_goes_finds_what_one_go_finds(steps, limit, cut):
    dues = due_dates(history(steps), policy(limit), CALENDAR, ZONE)
    since, middle, until = START, START + timedelta(days=cut * 3), START + timedelta(days=60)
    whole, _ = timers_from(dues, CALENDAR, ZONE, since, until)
    first, following = timers_from(dues, CALENDAR, ZONE, since, middle)
    second, _ = timers_from(dues, CALENDAR, ZONE, following, until)
    assert first + second == whole


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, limit=LIMITS, later=st.integers(0, 60 * 24 * 40))
def test_used_and_left_make_the_whole_and_every_story_names_its_end(steps, limit, later):
    events = history(steps)
    moment = events[-1].at + timedelta(minutes=later)
    for due in due_dates(events, policy(limit), CALENDAR, ZONE):
        told = explain(due, CALENDAR, ZONE, moment)
        assert told.used.count >= 0
        assert told.used.unit == told.remaining.unit == limit.unit
        if due.state == "running":
            assert (told.breached_at is not None) == (moment >= due.due)
            assert told.remaining.seconds > 0 or told.breached_at is not None or limit.unit == "wd"
        last = (due.date - timedelta(microseconds=1)).astimezone(ZONE).date()
        assert any(
            date.isoformat(last) in sentence.zh and date.isoformat(last) in sentence.en for sentence in told.explain
        )
