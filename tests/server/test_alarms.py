"""Alarms at emerging problems: many enterprises begin to say the same, against the eight weeks before."""

import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alarms.counting.alarm import Rules, Said, alarms_of
from server.alarms.nightly import raise_alarms
from server.enterprises.actions import NewEnterprise, add_enterprise
from server.moment import at
from server.routing.actions import load_taxonomy
from sync.transaction import fetch
from tests.server.test_issue_console import console
from tests.server.test_issues import do, filed, report

MONDAY = datetime(2026, 9, 14, 2, tzinfo=UTC)
"""The week the alarm is about; the night after its Sunday is the 21st."""
FIRST = date(2026, 1, 1)


@given(
    told=st.lists(st.tuples(st.integers(-70, 60), st.sampled_from(["0101", "03"]), st.integers(0, 6)), max_size=120),
    rules=st.builds(
        Rules,
        enterprises_min=st.integers(2, 4),
        ratio_min=st.sampled_from([1.0, 1.5, 2.0, 4.0]),
        baseline_min=st.sampled_from([0.1, 0.5, 1.0, 3.0]),
        cool_down_days=st.integers(1, 20),
    ),
    before=st.none() | st.integers(-30, -1),
)
def test_alarms_are_those_a_person_would_count_day_by_day(told, rules, before):
    said = [
        Said(FIRST + timedelta(days=day), category, "360102", UUID(int=firm), UUID(int=1000 + n))
        for n, (day, category, firm) in enumerate(told)
    ]
    last = FIRST + timedelta(days=50)
    earlier = {} if before is None else {("0101", "360102"): FIRST + timedelta(days=before)}
    found = alarms_of(said, FIRST, last, rules, earlier)
    told_of = [(one.day, one.category, one.enterprises, one.baseline, set(one.reports)) for one in found]
    assert told_of == counted(said, last, rules, earlier)


def counted(said, last, rules, earlier):
    def week(day, category):
        return [one for one in said if one.category == category and day - timedelta(days=7) < one.day <= day]

    raised, seen = [], {place[0]: day for place, day in earlier.items()}
    for n in range((last - FIRST).days + 1):
        for category in ("0101", "03"):
            day = FIRST + timedelta(days=n)
            firms = {one.enterprise for one in week(day, category)}
            weeks = [{one.enterprise for one in week(day - timedelta(days=7 * k), category)} for k in range(1, 9)]
            mean = sum(map(len, weeks)) / 8
            is_quiet = category in seen and day < seen[category] + timedelta(days=rules.cool_down_days)
            enough = (
                len(firms) >= rules.enterprises_min and len(firms) / max(mean, rules.baseline_min) >= rules.ratio_min
            )
            if enough and not is_quiet:
                seen[category] = day
                raised.append((day, category, len(firms), mean, {one.report for one in week(day, category)}))
    return raised


async def firms(donghu, count: int, region: str = "360102") -> list[UUID]:
    made = [
        await add_enterprise(donghu.system, NewEnterprise(name=f"{region} 第{n}厂", region=region))
        for n in range(count)
    ]
    return [row.id for row in made]


async def said_by(donghu, some: list[UUID], moment: datetime, first: int = 1, **more) -> list[str]:
    """One report each, a few hours apart."""
    return await filed(donghu, *(
        report(donghu, first + n, enterprise=firm, reported_at=moment + timedelta(hours=5 * n), **more)
        for n, firm in enumerate(some)
    ))  # fmt: skip


async def night(day: int = 21) -> dict[str, int]:
    with at(datetime(2026, 9, day - 1, 17, tzinfo=UTC)):  # one in the morning
        return await raise_alarms()


async def listed(member, **query):
    answer = await member.client.get("/v1/alarms", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.mark.anyio
async def test_five_enterprises_in_a_week_raise_one_alarm_with_their_words_and_tell_the_supervisor(donghu):
    await load_taxonomy(donghu.system)
    five = await firms(donghu, 5)
    await said_by(donghu, [*five, five[0]], MONDAY)
    await said_by(donghu, await firms(donghu, 4, "360103"), MONDAY, 50)
    assert await night() == {"donghu": 1}
    assert await night() == {"donghu": 0}, "the same night again"
    (shown,) = await listed(donghu.sun)
    assert (shown["category"], shown["region"], shown["day"], shown["enterprises"]) == (
        "0101",
        "360102",
        "2026-09-20",
        5,
    )
    assert (shown["baseline"], shown["ratio"], shown["reports"], len(shown["words"])) == (0, 5, 6, 6)
    assert {one["enterprise"] for one in shown["words"]} == {str(firm) for firm in five}
    assert shown["words"][0]["description"] == "账上钱不够备料"
    with at(MONDAY + timedelta(days=30)):
        opened = (await donghu.sun.client.get(shown["opens"])).json()["items"]
    assert len(opened) in (5, 6), "a second report of one enterprise may stand in its first issue"
    assert all(issue["category"] == "0101" for issue in opened)
    notices = (await donghu.sun.client.get("/v1/notices")).json()["items"]
    told = [one for one in notices if one["topic"] == "alarm.raise"]
    assert [(one["subject_kind"], one["subject"]) for one in told] == [("alarm", shown["id"])]
    events = await fetch("SELECT subject FROM audit_row WHERE event = 'alarm.raise'")
    assert [str(row[0]) for row in events] == [shown["id"]]


@pytest.mark.anyio
async def test_an_alarm_cools_down_and_what_is_usual_raises_none(donghu):
    await load_taxonomy(donghu.system)
    some = await firms(donghu, 6)
    for week in range(1, 9):  # six firms every week is how it always was
        await said_by(donghu, some, MONDAY - timedelta(days=7 * week), 100 * week, category="03")
    await said_by(donghu, some, MONDAY, 1000, category="03")
    assert await night() == {"donghu": 0}
    await said_by(donghu, some, MONDAY, 2000, category="0101")
    assert await night() == {"donghu": 1}
    await said_by(donghu, some, MONDAY + timedelta(days=7), 3000, category="0101")
    assert await night(22) == {"donghu": 0}, "cools down"
    assert await night(28) == {"donghu": 0}
    assert len(await listed(donghu.sun)) == 1


@pytest.mark.anyio
async def test_the_category_is_what_the_bureau_thinks_of_it(donghu):
    await load_taxonomy(donghu.system)
    numbers = await said_by(donghu, await firms(donghu, 5), MONDAY)
    with at(MONDAY + timedelta(days=2)):
        for number in numbers:
            await do(donghu.lin, number, "dispatch", lead="hr", category="0302")
    assert await night() == {"donghu": 1}
    assert [one["category"] for one in await listed(donghu.lin)] == ["0302"]


@pytest.mark.anyio
async def test_what_was_said_in_confidence_is_counted_and_not_shown(donghu):
    some = await firms(donghu, 5)
    await said_by(donghu, some[:4], MONDAY, name_hidden=True)
    await said_by(donghu, some[4:], MONDAY, 50, confidentiality="trade_secret")
    await night()
    (shown,) = await listed(donghu.sun)
    secret = [one for one in shown["words"] if one["confidentiality"]]
    assert [(one["title"], one["description"]) for one in secret] == [("", "")]
    assert shown["enterprises"] == 5
    assert (await donghu.sun.client.get(f"/v1/reports/{secret[0]['report']}")).json()["description"]
    for member in (donghu.he, donghu.zhou, donghu.chen):
        assert (await member.client.get("/v1/alarms")).status_code == 403


@pytest.mark.anyio
async def test_an_alarm_is_seen_once_by_whoever_came_first(donghu):
    await said_by(donghu, await firms(donghu, 5), MONDAY)
    await night()
    (shown,) = await listed(donghu.sun, unseen="true")
    path = f"/v1/alarms/{shown['id']}/seen"
    assert (await donghu.lin.client.post(path)).status_code == 403
    first = await donghu.sun.client.post(path)
    assert (first.status_code, first.json()["seen_by"]) == (200, str(donghu.sun.id))
    assert (await donghu.sun.client.post(path)).json()["seen_at"] == first.json()["seen_at"]
    assert await listed(donghu.sun, unseen="true") == []
    assert len(await fetch("SELECT n FROM audit_row WHERE event = 'alarm.see'")) == 1
    missing = await donghu.sun.client.post(f"/v1/alarms/{UUID(int=7)}/seen")
    assert (missing.status_code, missing.json()["code"]) == (404, "alarm.unknown")


@pytest.mark.anyio
async def test_a_bureau_sets_its_own_rules_and_may_switch_alarms_off(donghu):
    client = donghu.sun.client
    shipped = (await client.get("/v1/alarms/rules")).json()
    usual = {"is_on": True, "enterprises_min": 5, "ratio_min": 2.0, "baseline_min": 1.0, "cool_down_days": 14}
    assert shipped == {"version": 0, "rules": usual}
    assert (await donghu.lin.client.put("/v1/alarms/rules", json=usual)).status_code == 403
    for wrong in ({"enterprises_min": 1}, {"ratio_min": 0.5}, {"cool_down_days": 0}, {"baseline_min": 0}, {"words": 1}):
        assert (await client.put("/v1/alarms/rules", json=usual | wrong)).status_code == 400, wrong
    off = await client.put("/v1/alarms/rules", json=usual | {"is_on": False})
    assert (off.status_code, off.json()["version"]) == (200, 1)
    await said_by(donghu, await firms(donghu, 3), MONDAY)
    assert await night() == {"donghu": 0}
    fewer = await client.put("/v1/alarms/rules", json={"enterprises_min": 3})
    assert (fewer.json()["version"], fewer.json()["rules"]["is_on"]) == (2, True)
    assert (await client.put("/v1/alarms/rules", json={"enterprises_min": 3})).json()["version"] == 2
    assert await night() == {"donghu": 1}


@pytest.mark.anyio
async def test_a_replay_tells_alarms_per_week_and_stores_nothing(donghu):
    await said_by(donghu, await firms(donghu, 5), MONDAY)
    period = {"from": "2026-08-31", "to": "2026-09-27"}
    with at(MONDAY + timedelta(days=30)):
        told = (await donghu.sun.client.post("/v1/alarms/replays", json=period)).json()
        assert [(week["monday"], week["n"]) for week in told["weeks"]] == [
            ("2026-08-31", 0), ("2026-09-07", 0), ("2026-09-14", 1), ("2026-09-21", 0),
        ]  # fmt: skip
        assert told["weeks"][2]["alarms"][0]["enterprises"] == 5
        strict = period | {"rules": {"enterprises_min": 6}}
        assert (await donghu.sun.client.post("/v1/alarms/replays", json=strict)).json()["n"] == 0
        for wrong in ({"from": "2026-10-01"}, {"to": "2030-01-01"}, {"from": "1970-01-01"}, {"from": "2025-01-01"}):
            answer = await donghu.sun.client.post("/v1/alarms/replays", json=period | wrong)
            assert (answer.status_code, answer.json()["code"]) == (422, "alarm.period"), wrong
    assert await listed(donghu.sun) == []


@pytest.mark.anyio
async def test_the_console_lists_and_replays_alarms(donghu):
    await said_by(donghu, await firms(donghu, 5), MONDAY)
    await night()
    code, out, err = await console("alarm", "list", "--json")
    assert (code, err, [one["enterprises"] for one in json.loads(out)["items"]]) == (0, "", [5])
    assert "0101" in (await console("alarm", "list"))[1]
    with at(MONDAY + timedelta(days=30)):
        code, out, err = await console("alarm", "replay", "2026-09-01", "2026-09-30", "--json")
        assert (code, err, json.loads(out)["n"]) == (0, "", 1)
        few = await console("alarm", "replay", "2026-09-01", "2026-09-30", "--enterprises-min", "6", "--json")
        assert json.loads(few[1])["n"] == 0
        assert (await console("alarm", "replay", "2026-10-01", "2026-09-01"))[2].split(":")[0] == "alarm.period"
