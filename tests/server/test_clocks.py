"""Due dates as a pure function of events: hand-checked dates, stops, extensions, and laws that hold for any history."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.clocks.clock import BY_NAME, CLOCKS, EVENTS, Event
from server.clocks.due import due_dates, next_due
from server.clocks.explanation import explain
from server.clocks.lights import LIGHTS
from server.clocks.policy import Policy, Rules, policy_named, read_limit, shipped_policies
from server.clocks.span import add_months
from server.worktime.actions import shipped_calendar

ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = shipped_calendar()
ORDINARY = policy_named("ordinary")


def event(name: str, moment: str, **more) -> Event:
    return Event(name, datetime.fromisoformat(moment).replace(tzinfo=ZONE).astimezone(UTC), **more)


def days(events, policy=ORDINARY):
    return {due.clock: str(due.day) if due.day else None for due in due_dates(events, policy, CALENDAR, ZONE)}


def test_a_report_received_before_national_day_is_due_after_it():
    assert days([event("opened", "2026-09-30T17:00")]) == {
        "triage": "2026-10-08",
        "solve": "2026-10-15",
        "hard_stop": "2026-10-27",
    }


def test_the_unit_s_clocks_start_at_dispatch_and_the_enterprise_s_at_receipt():
    found = days([event("opened", "2026-09-18T09:00"), event("dispatched", "2026-09-21T10:00")])
    assert found["triage"] == "2026-09-20"
    assert found["solve"] == "2026-09-29"
    assert (found["sign"], found["first_contact"], found["reply"]) == ("2026-09-22", "2026-09-23", "2026-09-24")


def test_a_second_dispatch_restarts_the_unit_s_clocks_but_not_the_enterprise_s():
    first = [event("opened", "2026-09-01T09:00"), event("dispatched", "2026-09-02T10:00")]
    again = [
        *first,
        event("return_requested", "2026-09-02T15:00"),
        event("returned", "2026-09-03T09:00"),
        event("dispatched", "2026-09-04T09:00"),
    ]
    assert days(again)["reply"] == "2026-09-09"
    assert days(again)["solve"] == days(first)["solve"]


def test_a_return_that_is_denied_leaves_the_unit_s_clocks_running_from_the_first_dispatch():
    first = [event("opened", "2026-09-01T09:00"), event("dispatched", "2026-09-02T10:00")]
    denied = [*first, event("return_requested", "2026-09-02T15:00"), event("kept", "2026-09-03T09:00")]
    assert days(denied)["reply"] == days(first)["reply"]


def test_waiting_for_the_enterprise_stops_the_clocks_and_gives_the_days_back():
    history = [
        event("opened", "2026-09-18T09:00"),
        event("dispatched", "2026-09-18T10:00"),
        event("signed", "2026-09-18T11:00"),
        event("waiting", "2026-09-21T09:00"),
    ]
    assert days(history)["solve"] is None
    assert days(history)["wait"] == "2026-09-29"
    waiting = due_dates(history, ORDINARY, CALENDAR, ZONE)
    assert next_due(waiting).clock == "wait"
    history.append(event("resumed", "2026-09-23T09:00"))
    assert days(history)["solve"] == "2026-10-08", "seven working days and the two it stood still"
    assert next(d for d in due_dates(history, ORDINARY, CALENDAR, ZONE) if d.clock == "solve").pause_days == 2


def test_waiting_for_a_co_unit_stops_nothing():
    history = [event("opened", "2026-09-18T09:00"), event("dispatched", "2026-09-18T10:00")]
    assert days([*history, event("co_asked", "2026-09-21T09:00")])["solve"] == days(history)["solve"]


def test_an_urgent_issue_counts_hours_through_the_night():
    urgent = policy_named("urgent")
    found = {d.clock: d.due for d in due_dates([event("opened", "2026-09-30T23:30")], urgent, CALENDAR, ZONE)}
    assert found["triage"] == datetime(2026, 9, 30, 17, 30, tzinfo=UTC)


def test_working_hours_run_while_the_office_is_open_and_a_pause_gives_back_the_open_hours_alone():
    office = Policy("office", "1", "办公", "office", {"triage": read_limit("4wh")})
    opened = event("opened", "2026-09-18T16:30")
    waited = [opened, event("waiting", "2026-09-18T17:00"), event("resumed", "2026-09-20T09:00")]
    found = [due_dates(events, office, CALENDAR, ZONE)[0].due.astimezone(ZONE) for events in ([opened], waited)]
    assert [f"{due:%m-%d %H:%M}" for due in found] == ["09-20 11:30", "09-20 14:30"]


def test_natural_days_that_end_on_a_rest_day_end_on_the_next_working_day():
    assert days([event("opened", "2026-09-24T10:00")], policy_named("13710"))["solve"] == "2026-10-08"


def test_months_end_on_the_same_day_or_the_last_of_the_month():
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2026, 11, 30), 3) == date(2027, 2, 28)


def test_an_answer_starts_the_review_and_one_that_is_sent_back_lets_the_reply_clock_run_on():
    history = [
        event("opened", "2026-09-01T09:00"),
        event("dispatched", "2026-09-01T10:00"),
        event("replied", "2026-09-03T10:00"),
    ]
    assert days(history)["review"] == "2026-09-04"
    states = {d.clock: d.state for d in due_dates(history, ORDINARY, CALENDAR, ZONE)}
    assert (states["reply"], states["review"]) == ("met", "running")
    history.append(event("sent_back", "2026-09-04T10:00"))
    states = {d.clock: d.state for d in due_dates(history, ORDINARY, CALENDAR, ZONE)}
    assert (states["reply"], states["review"]) == ("running", "met")


def test_an_extension_moves_one_date_and_says_so():
    history = [event("opened", "2026-09-01T09:00"), event("dispatched", "2026-09-01T10:00")]
    history.append(event("extended", "2026-09-08T10:00", clock="solve", until=date(2026, 9, 21)))
    due = next(d for d in due_dates(history, ORDINARY, CALENDAR, ZONE) if d.clock == "solve")
    assert (due.day, due.extended) == (date(2026, 9, 21), True)
    told = [sentence.zh for sentence in explain(due, CALENDAR, ZONE, due.started_at).explain]
    assert (
        "2026-09-08(周二) 10:00 申请延至 2026-09-21,2026-09-08(周二) 10:00 批准:由 2026-09-10 延至 2026-09-21。" in told
    )


def test_a_pause_after_an_extension_moves_the_new_date_and_one_before_it_does_not():
    history = [
        event("opened", "2026-09-01T09:00"),
        event("waiting", "2026-09-02T10:00"),
        event("resumed", "2026-09-04T10:00"),
        event("extended", "2026-09-08T10:00", clock="solve", until=date(2026, 9, 15)),
    ]
    assert days(history)["solve"] == "2026-09-15"
    history += [event("waiting", "2026-09-09T10:00"), event("resumed", "2026-09-11T10:00")]
    assert days(history)["solve"] == "2026-09-17"


def test_a_date_explains_itself_and_says_when_it_is_provisional():
    due = due_dates([event("opened", "2026-12-28T09:00")], ORDINARY, CALENDAR, ZONE)[1]
    told = explain(due, CALENDAR, ZONE, datetime(2027, 2, 1, tzinfo=UTC))
    assert (told.clock, told.day, told.provisional, told.is_late) == ("solve", date(2027, 1, 7), True, True)
    assert [sentence.zh for sentence in told.explain] == [
        "2026-12-28(周一) 09:00 收到,当日不计,次日起算。",
        "时限 7 个工作日。",
        "休息日不计,共 3 天:2027-01-01 至 2027-01-03。",
        "期限至 2027-01-07(周四) 24:00 止。",
        "已超时 16.33 个工作日。",
        "日期暂定:当年放假安排尚未公布,公布后重算。",
        f"依据时限政策 ordinary@1、工作日历 {CALENDAR.version}。",
    ]
    assert told.explain[3].en == "It ends Thu 2027-01-07 at 24:00."


def test_every_policy_names_only_clocks_there_are():
    for policy in shipped_policies().values():
        assert set(policy.limits) <= set(BY_NAME)
    assert {limit.unit for policy in shipped_policies().values() for limit in policy.limits.values()} == {
        "wd",
        "d",
        "h",
        "mo",
    }
    with pytest.raises(ValueError, match="not a limit"):
        read_limit("soon")


def test_clocks_speak_only_of_events_there_are():
    for clock in CLOCKS:
        assert clock.starts | clock.ends | clock.resumes | clock.voids <= set(EVENTS)


HISTORIES = st.lists(
    st.tuples(st.sampled_from(sorted(set(EVENTS) - {"opened", "extended"})), st.integers(0, 60 * 24 * 3)), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(steps=HISTORIES)
def test_whatever_happens_no_date_lies_before_its_start_and_a_stopped_clock_has_none(steps):
    moment = datetime(2026, 3, 2, 1, tzinfo=UTC)
    events = [Event("opened", moment)]
    for name, minutes in steps:
        moment += timedelta(minutes=minutes)
        events.append(Event(name, moment))
    for due in due_dates(events, ORDINARY, CALENDAR, ZONE):
        assert (due.due is None) == (due.state == "stopped")
        assert due.due is None or due.due > due.started_at
        if due.day is not None:
            assert CALENDAR.is_working(due.day)
        assert len(explain(due, CALENDAR, ZONE, moment).explain) >= 4


@settings(max_examples=100, deadline=None)
@given(steps=HISTORIES)
def test_the_enterprise_s_date_never_comes_nearer(steps):
    """Whatever units do to each other, the day we promised the enterprise only moves back for days it kept us waiting."""
    moment = datetime(2026, 3, 2, 1, tzinfo=UTC)
    events = [Event("opened", moment)]
    promised = days(events)["solve"]
    for name, minutes in steps:
        moment += timedelta(minutes=minutes)
        events.append(Event(name, moment))
        now_promised = days(events)["solve"]
        assert now_promised is None or now_promised >= promised


def rows_of(heading: str) -> list[list[str]]:
    page = (Path(__file__).parent.parent.parent / "docs" / "clocks.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    table = [line.strip("| \n").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in table]


def test_the_page_shows_the_clocks_the_lights_and_the_policies_there_are():
    def words(names) -> str:
        return " ".join(sorted(names))

    assert rows_of("The clocks")[2:] == [
        [clock.name, clock.zh, clock.en, words(clock.starts), words(clock.renews), words(clock.ends)]
        for clock in CLOCKS
    ]
    assert rows_of("Lights")[2:] == [[name, zh, en] for name, (zh, en) in LIGHTS.items()]
    head, _, *rows = rows_of("Policies")
    assert rows == [
        [one.name, one.zh, *(str(one.limits.get(clock, "")) for clock in head[2:])]
        for one in shipped_policies().values()
    ]
    for one in shipped_policies().values():
        same = {"review": "1wd", "callback": "3wd", "redo": "5wd", "account_review": "1mo", "reminder": "10wd"}
        assert {clock: str(one.limits[clock]) for clock in same} == same
        assert one.rules == Rules()
