"""Lists of the queue: what may be asked for, in which order, and that paging loses nothing."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.issues.queue.periods import NAMES, period_of
from server.issues.tables import Issue
from server.moment import at
from server.people.actions import NewPerson, add_person, load_actor
from server.settings import settings
from server.worktime.actions import shipped_calendar
from tests.server.fieldwork import enterprises
from tests.server.test_issues import FRIDAY, do, filed, matrix, report

pytestmark = pytest.mark.anyio

HERE = datetime(2026, 9, 25, 10, 30, tzinfo=settings.timezone)
"""A Friday that is a holiday; the Sunday before was worked."""


def told(text: str) -> tuple[str, str]:
    period = period_of(text, HERE.astimezone(UTC), settings.timezone, shipped_calendar())
    shown = [one and one.astimezone(settings.timezone).strftime("%m-%d %H:%M") for one in (period.first, period.until)]
    return shown[0] or "", shown[1] or ""


@pytest.mark.parametrize(
    ("text", "first", "until"),
    [
        ("today", "09-25 00:00", "09-26 00:00"),
        ("this_week", "09-21 00:00", "09-28 00:00"),
        ("last_month", "08-01 00:00", "09-01 00:00"),
        ("this_quarter", "07-01 00:00", "10-01 00:00"),
        ("next_year", "01-01 00:00", "01-01 00:00"),
        ("-7d", "09-18 10:30", "09-25 10:30"),
        ("+3d", "09-25 10:30", "09-28 10:30"),
        ("..-1wd", "", "09-24 10:30"),
        ("-1m..now", "08-25 10:30", "09-25 10:30"),
        ("2026-09-01..2026-09-02", "09-01 00:00", "09-03 00:00"),
        ("2026-09-01", "09-01 00:00", "09-02 00:00"),
        ("2026-09-01T08:00:00+08:00..", "09-01 08:00", ""),
    ],
)
def test_stretches_of_time_are_said_as_people_say_them(text, first, until):
    assert told(text) == (first, until)


@pytest.mark.parametrize(
    "text", ["", "..", "soon", "-7", "-9999y", "+9999wd", "2026-13-01", "2026-09-01T08:00..", "0001-01-01"]
)
def test_what_is_no_stretch_of_time_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        period_of(text, HERE, settings.timezone, shipped_calendar())


@given(st.sampled_from(NAMES), st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_named_stretches_follow_each_other_without_a_gap(name, day):
    moment = datetime.combine(day, datetime.min.time(), settings.timezone)
    period = period_of(name, moment, settings.timezone, shipped_calendar())
    assert period.first < period.until
    word, _, unit = name.partition("_")
    if word == "this" or name == "today":
        assert period.first <= moment < period.until
    if word in ("last", "this"):
        following = {"last": "this", "this": "next"}[word]
        assert period_of(f"{following}_{unit}", moment, settings.timezone, shipped_calendar()).first == period.until


async def numbers(member, **asked) -> list[str]:
    answer = await member.client.get("/v1/issues", params=asked)
    assert answer.status_code == 200, answer.text
    return [line["number"][-1] for line in answer.json()["items"]]


async def some_issues(donghu) -> list[str]:
    """1 waits for triage · 2 was sent to finance and not signed · 3 finance has in progress · 4 is on account · 5 is hr's, closed
    by refusal · 6 has no category."""
    await matrix(donghu)
    (firm,) = await enterprises(donghu, 1)
    said = [report(donghu, n) for n in range(1, 5)]
    said[2] = report(
        donghu, 3, enterprise=firm, description="变压器增容 迟迟没有回音", urgency="pressing", origin="symposium"
    )
    said.append(report(donghu, 5, category="0301", title="招工难"))
    said.append(report(donghu, 6, category="", title="说不清"))
    found = await filed(donghu, *said)
    with at(FRIDAY + timedelta(hours=1)):
        for number in found[1:4]:
            await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.lin, found[4], "refusal", ground="not_our_duty", words="已告知")
    with at(FRIDAY + timedelta(hours=2)):
        for number in found[2:4]:
            await do(donghu.he, number, "signature")
        await do(
            donghu.sun, found[3], "account", plan="等待电网改造", milestone_on="2026-10-20", reason="电网",
            milestones=[{"on": "2026-10-20", "what": "立项"}],
        )  # fmt: skip
    return found


async def test_every_filter_finds_what_it_says_and_its_refusal_the_rest(donghu):
    await some_issues(donghu)
    expected = {
        ("state", "SUBMITTED,DISPATCHED"): "126", ("state", "closed"): "5", ("state", "all"): "123456",
        ("unit", "finance"): "234", ("lead", "finance,hr"): "234", ("team", "donghu"): "234", ("team", "hr"): "",
        ("person", "zhou"): "12346", ("handler", "wu,qian"): "", ("category", "01"): "1234", ("category", "03,01"): "1234",
        ("urgency", "pressing"): "3", ("source", "symposium"): "3", ("policy", "ordinary"): "12346",
        ("text", "变压器"): "3", ("text", "贷款 增容"): "3", ("text", "说不清"): "6", ("text", "%"): "12346",
        ("unsigned", "true"): "2", ("unsigned", "false"): "1346", ("on_account", "true"): "4", ("waiting", "true"): "4",
        ("waiting", "false"): "1236", ("unclassified", "true"): "6", ("unled", "true"): "16", ("reopened", "true"): "",
        ("escalated", "false"): "12346", ("excluded", "false"): "12346", ("extension_asked", "true"): "",
        ("waiting_past", "true"): "", ("overdue", "true"): "", ("snoozed", "false"): "12346",
        ("opened", "today"): "12346", ("opened", "-1h"): "", ("opened", "2026-09-18"): "12346", ("closed", "today"): "5",
        ("closed", "last_week"): "", ("since", "-90x"): None, ("since", "..2026-09-17"): "", ("light", "grey"): "4",
        ("light", "green,yellow"): "1236", ("satisfaction", "satisfied"): "", ("clock", "triage"): "16",
        ("due", "..2026-09-17"): "", ("mine", "true"): "",
    }  # fmt: skip
    with at(FRIDAY + timedelta(hours=3)):
        for (name, value), wanted in expected.items():
            answer = await donghu.sun.client.get("/v1/issues", params={name: value, "sort": "number"})
            if wanted is None:
                assert (answer.status_code, answer.json()["code"]) == (422, "issue.filter")
                continue
            assert answer.status_code == 200, (name, value, answer.text)
            assert "".join(line["number"][-1] for line in answer.json()["items"]) == wanted, (name, value)
            assert answer.json()["count"] == len(wanted)
        assert await numbers(donghu.he, my_team="true", sort="number") == ["2", "3", "4"]
        assert await numbers(donghu.sun, state=["SUBMITTED", "LONG_TERM"], sort="-number") == ["6", "4", "1"]
    with at(FRIDAY + timedelta(days=60)):
        assert await numbers(donghu.sun, waiting_past="true") == ["4"]
        assert await numbers(donghu.sun, state="SUBMITTED", since="..-1wd", sort="number") == ["1", "6"]


async def test_an_unknown_filter_is_refused_with_what_is_known(donghu):
    answer = await donghu.sun.client.get("/v1/issues", params={"colour": "red"})
    assert (answer.status_code, answer.json()["code"]) == (422, "issue.filter_unknown")
    assert "waiting_past" in answer.json()["details"]["known"]
    for name, value in {
        "state": "LOST", "light": "blue", "due": "soon", "sort": "beauty", "enterprise": "17", "person": "nobody",
        "satisfaction": "very", "clock": "cuckoo", "text": "x" * 101, "unit": ",".join(map(str, range(201))),
        "due_before": "2026-01-01T00:00:00",
    }.items():  # fmt: skip
        answer = await donghu.sun.client.get("/v1/issues", params={name: value})
        assert (answer.status_code, answer.json()["code"]) == (422, "issue.filter"), (name, answer.text)
    assert (await donghu.sun.client.get("/v1/issues?due=..+3d")).status_code == 200, "a plus sign nobody escaped"
    answer = await donghu.sun.client.get("/v1/issues", params={"unit": "nowhere"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unit.unknown")


async def test_the_address_describes_its_filters(donghu):
    """A program that reads our OpenAPI finds each of them."""
    from server.issues.queue.wanted import NAMES as FILTERS

    schema = (await donghu.door.get("/schema/openapi.json")).json()
    told = {one["name"] for one in schema["paths"]["/v1/issues"]["get"]["parameters"]}
    assert told >= {*FILTERS, "sort", "after", "limit"}


async def test_lists_hold_exactly_what_the_person_may_see(donghu):
    await some_issues(donghu)
    for login, roles, unit in (("duo", ("handler", "commissioner"), "sme"), ("fin", ("dispatcher",), "finance")):
        await add_person(donghu.system, NewPerson(login=login, name=login, unit=unit, roles=roles))
        member = await add_person(donghu.system, NewPerson(login=f"{login}2", name=login, unit=unit, roles=roles))
        actor = await load_actor(donghu.bureau, member.id)
        await same(actor)
    for member in donghu.members.values():
        actor = await member.actor()
        if actor.may("issue.read"):
            await same(actor)


async def same(actor) -> None:
    from server.issues.queue.listing import list_queue
    from server.issues.queue.wanted import Wanted

    seen = {row["id"] for row in await Issue.select(Issue.id).where(Issue.reach_of(actor))}
    listed = [line.id for line in (await list_queue(actor, Wanted(state=("all",)))).items]
    assert len(listed) == len(set(listed))
    assert set(listed) == seen


@pytest.mark.parametrize(
    "sort", ["due", "-due", "opened", "-opened", "since", "-since", "number", "-number", "closed", "-closed"]
)
async def test_paging_shows_each_issue_once_also_while_others_move(donghu, sort):
    """Between pages some issues get another place, and are met once in each place at most; all others are on exactly one page."""
    said = [report(donghu, n, reported_at=FRIDAY + timedelta(minutes=n // 3)) for n in range(1, 24)]
    found = await filed(donghu, *said)
    if "closed" in sort:
        for place, number in enumerate(found):
            with at(FRIDAY + timedelta(hours=1, minutes=place // 4)):
                await do(donghu.lin, number, "refusal", ground="not_our_duty", words="已告知")
    state = "closed" if "closed" in sort else "all"
    still = await pages(donghu.lin, sort, state)
    assert sorted(still) == sorted(found)
    key = {"due": "next_due", "opened": "opened_at", "since": "state_since", "number": "number", "closed": "closed_at"}
    lines = (await donghu.lin.client.get("/v1/issues", params={"sort": sort, "state": state})).json()["items"]
    values = [line[key[sort.lstrip("-")]] for line in lines]
    assert values == sorted(values, reverse=sort.startswith("-"))
    moved = iter(found[::5])

    async def move() -> None:
        number = next(moved, None)
        if number is not None:
            moment = FRIDAY + timedelta(days=400)
            await Issue.update({Issue.next_due: moment, Issue.state_since: moment, Issue.opened_at: moment}).where(
                Issue.number == number
            )

    shown = await pages(donghu.lin, sort, state, move)
    movers = set(found[::5])
    assert sorted(number for number in shown if number not in movers) == sorted(set(found) - movers)
    assert all(shown.count(number) <= 2 for number in movers)


async def pages(member, sort: str, state: str, between=None) -> list[str]:
    shown, after = [], ""
    while True:
        page = (
            await member.client.get("/v1/issues", params={"sort": sort, "state": state, "after": after, "limit": 4})
        ).json()
        shown += [line["number"] for line in page["items"]]
        if page["next"] is None:
            return shown
        after = page["next"]
        if between is not None:
            await between()
