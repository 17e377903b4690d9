"""Who is called back: by rules, by a draw anybody can repeat, by somebody who did not handle it; and what nobody is drawn for."""

import hashlib
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from server.callbacks.duty.draw import Rule, Rules, draw
from server.callbacks.duty.sweep import sweep_callbacks
from server.moment import at
from tests.server.test_callbacks import WELL, answered, hire, signed_off
from tests.server.test_issues import FRIDAY, do, filed, report
from tests.server.test_reporters import BAD, firms, link, tell

NOBODY = {"rules": [{"percent": 0}], "close_after_days": 2, "seed": "公开抽样"}


async def rule(donghu, **body):
    answer = await donghu.sun.client.put("/v1/callback-policy", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def tasks(member, path: str = "/v1/callback-tasks"):
    answer = await member.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"] if "?" in path or path == "/v1/callback-tasks" else answer.json()


async def state(donghu, number: str) -> str:
    return (await donghu.sun.client.get(f"/v1/issues/{number}")).json()["state"]


@pytest.mark.anyio
async def test_what_is_signed_off_becomes_a_task_of_an_officer_until_the_enterprise_was_asked(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    with at(FRIDAY):
        (task,) = await tasks(donghu.qian, "/v1/callback-tasks?mine=true")
    assert (task["officer"], task["drawn"], task["percent"], task["rule"]) == (
        str(donghu.qian.id),
        True,
        100,
        "otherwise",
    )
    assert task["due_on"] == "2026-09-22", "three working days after a Friday before a worked Sunday"
    assert await tasks(donghu.qian, "/v1/callback-tasks?due_before=2026-09-22") == []
    assert await tasks(donghu.zhou, "/v1/callback-tasks?mine=true") == []
    with at(FRIDAY + timedelta(days=7)):
        (late,) = await tasks(donghu.sun)
        assert late["is_overdue"]
    await do(donghu.qian, number, "callbacks", **WELL)
    assert await tasks(donghu.qian) == []
    (done,) = await tasks(donghu.sun, f"/v1/issues/{number}/callback-tasks")
    assert done["state"] == "done"


@pytest.mark.anyio
async def test_the_officer_never_handled_it_and_else_it_is_the_commissioner(donghu):
    from server.people.tables import Person

    first, _ = await firms(donghu)
    both = await hire(donghu, "abe", "finance", "handler", "callback_officer")
    mine, theirs = await filed(donghu, report(donghu, 1, enterprise=first), report(donghu, 2, enterprise=first))
    with at(FRIDAY):
        await do(donghu.lin, mine, "dispatch", lead="finance")
        await do(both, mine, "signature")
        await answered(donghu, mine)
    (task,) = await tasks(donghu.sun, f"/v1/issues/{mine}/callback-tasks")
    assert task["officer"] == str(donghu.qian.id), "abe signed for it, and comes first by name"
    await Person.update({Person.disabled_at: FRIDAY}).where(Person.id.is_in([donghu.qian.id, both.id]))
    await signed_off(donghu, theirs)
    (task,) = await tasks(donghu.sun, f"/v1/issues/{theirs}/callback-tasks")
    assert task["officer"] == str(donghu.zhou.id), "who looks after the enterprise"
    await both.client.aclose()


@pytest.mark.anyio
async def test_a_supervisor_gives_a_task_to_somebody_else_who_may_call_and_did_not_handle_it(donghu):
    (number,) = await filed(donghu, report(donghu))
    both = await hire(donghu, "both", "finance", "handler", "commissioner")
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(both, number, "signature")
        await answered(donghu, number)
    (task,) = await tasks(donghu.sun)
    path = f"/v1/callback-tasks/{task['id']}/officer"
    for member, login, status, code in (
        (donghu.qian, "zhou", 403, "permission.missing"),
        (donghu.sun, "nobody", 404, "person.unknown"),
        (donghu.sun, "he", 403, "permission.missing"),
        (donghu.sun, "both", 403, "issue.same_person"),
    ):
        refused = await member.client.put(path, json={"login": login})
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    given = await donghu.sun.client.put(path, json={"login": "zhou"})
    assert given.json()["officer"] == str(donghu.zhou.id)
    await do(donghu.qian, number, "callbacks", **WELL)
    assert (await donghu.sun.client.put(path, json={"login": "zhou"})).json()["code"] == "task.unknown"
    await both.client.aclose()


@pytest.mark.anyio
async def test_work_is_shared_among_officers(donghu):
    other = await hire(donghu, "qin", "donghu", "callback_officer")
    numbers = await filed(donghu, *(report(donghu, n) for n in range(1, 5)))
    for number in numbers:
        await signed_off(donghu, number)
    officers = [one["officer"] for one in await tasks(donghu.sun)]
    assert sorted(map(officers.count, (str(donghu.qian.id), str(other.id)))) == [2, 2]
    await other.client.aclose()


@pytest.mark.anyio
async def test_what_nobody_is_drawn_for_closes_by_rule_after_its_days(donghu):
    await rule(donghu, **NOBODY)
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    (task,) = await tasks(donghu.sun, f"/v1/issues/{number}/callback-tasks")
    assert (task["state"], task["officer"], task["closes_on"], task["policy_version"]) == (
        "not_drawn",
        None,
        "2026-09-21",
        1,
    )
    drawn = hashlib.sha256(f"公开抽样|{number}|{UUID(int=1)}|0".encode()).digest()[:8]
    assert task["number"] == int.from_bytes(drawn) % 10_000, "anybody who knows the seed can repeat it"
    with at(FRIDAY + timedelta(days=3)):
        await sweep_callbacks()
        assert await state(donghu, number) == "PENDING_CALLBACK"
    with at(FRIDAY + timedelta(days=4)):
        await sweep_callbacks()
        await sweep_callbacks()
    shown = (await donghu.sun.client.get(f"/v1/issues/{number}")).json()
    assert (shown["state"], shown["letter"], shown["satisfied"]) == ("CLOSED", "A", "")
    assert [event["verb"] for event in shown["events"]].count("close") == 1


@pytest.mark.anyio
async def test_an_enterprise_nobody_was_drawn_for_is_heard_by_its_link_even_after_the_closing(donghu):
    await rule(donghu, **NOBODY)
    first, second = await firms(donghu)
    soon, late = await filed(donghu, report(donghu, 1, enterprise=first), report(donghu, 2, enterprise=second))
    await signed_off(donghu, soon)
    await signed_off(donghu, late)
    with at(FRIDAY):
        told = await tell(donghu, f"{await link(donghu, soon, 1)}/satisfaction", **BAD)
        assert told["state"] == "REOPENED"
    with at(FRIDAY + timedelta(days=4)):
        await sweep_callbacks()
        assert await state(donghu, late) == "CLOSED"
        told = await tell(donghu, f"{await link(donghu, late, 2)}/satisfaction", **BAD)
    assert (told["state"], told["number"]) == ("REOPENED", late)


@pytest.mark.anyio
async def test_after_a_redo_everybody_is_called(donghu):
    await rule(donghu, **NOBODY)
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    with at(FRIDAY):
        await do(donghu.qian, number, "callbacks", **WELL, redo=True)
        await answered(donghu, number)
    before, after = await tasks(donghu.sun, f"/v1/issues/{number}/callback-tasks")
    assert (before["drawn"], before["state"]) == (False, "done")
    assert (after["turn"], after["drawn"], after["rule"], after["percent"]) == (1, True, "redo", 100)


@pytest.mark.anyio
async def test_what_was_solved_on_site_is_drawn_by_the_timetable(donghu):
    await rule(donghu, rules=[{"percent": 0, "on_site": True}], close_after_days=1, seed="x")
    (number,) = await filed(donghu, report(donghu, solved_on_site=True))
    with at(FRIDAY):
        await sweep_callbacks()
        (task,) = await tasks(donghu.sun, f"/v1/issues/{number}/callback-tasks")
    assert (task["rule"], task["state"]) == ("on_site", "not_drawn")
    with at(FRIDAY + timedelta(days=3)):
        await sweep_callbacks()
    assert await state(donghu, number) == "CLOSED"


@pytest.mark.anyio
async def test_a_second_redo_goes_to_whoever_oversees_the_next_unit_above(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    with at(FRIDAY):
        for _ in range(2):
            await do(donghu.qian, number, "callbacks", **WELL, redo=True)
            await answered(donghu, number)
    shown = (await donghu.sun.client.get(f"/v1/issues/{number}")).json()
    assert (shown["redos"], shown["escalated"], shown["escalation_owner"]) == (2, True, str(donghu.sun.id))
    last = [event for event in shown["events"] if event["verb"] == "call_back"][-1]
    assert (last["fields"]["escalated_to"], last["fields"]["owner_name"]) == ("donghu", "孙督")


@pytest.mark.anyio
async def test_a_merge_ends_the_tasks_and_its_undoing_brings_them_back(donghu):
    first, second = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await signed_off(donghu, first)
    with at(FRIDAY):
        await do(donghu.lin, first, "merge", into=second, reason="同一问题")
        assert await tasks(donghu.qian) == []
        await do(donghu.lin, first, "merge-undoing", reason="分开")
        assert [one["report"] for one in await tasks(donghu.qian)] == [str(UUID(int=1))]


@pytest.mark.anyio
async def test_rules_are_versions_with_a_seed_that_only_supervisors_see(donghu):
    assert (await donghu.sun.client.get("/v1/callback-policy")).json()["version"] == 0
    first = await rule(donghu, rules=[{"percent": 30, "urgency": "high"}])
    assert (first["version"], len(first["rules"]["seed"])) == (1, 32)
    assert (await rule(donghu, rules=[]))["version"] == 2
    for member in (donghu.qian, donghu.zhou, donghu.he):
        assert (await member.client.get("/v1/callback-policy")).status_code == 403
        assert (await member.client.put("/v1/callback-policy", json=NOBODY)).status_code == 403
    for bad in ({"rules": [{"percent": 101}]}, {"rules": [{}]}, {"close_after_days": 0}, {"percent": 5}):
        assert (await donghu.sun.client.put("/v1/callback-policy", json=bad)).status_code == 400
    assert (await donghu.qian.client.get("/v1/callback-tasks?state=x")).status_code == 422


@tried(max_examples=200, deadline=None)
@given(percent=st.integers(0, 100), report=st.uuids(), seed=st.text(max_size=20), turn=st.integers(0, 3))
def test_a_draw_repeats_itself_and_more_percent_never_draws_fewer(percent, report, seed, turn):
    def drawn(of: int):
        rules = Rules(rules=[Rule(percent=of)])
        return draw(rules, seed, "东湖-2026-000001", report, turn, policy="ordinary", urgency="", on_site=False)

    once, again = drawn(percent), drawn(percent)
    assert once == again
    assert once.is_drawn == (turn > 0 or once.number < percent * 100)
    assert drawn(100).is_drawn
    assert drawn(0).is_drawn == (turn > 0)


def test_a_fifth_is_about_a_fifth():
    rules = Rules(rules=[Rule(percent=20)])
    kind = {"policy": "ordinary", "urgency": "", "on_site": False}
    count = sum(draw(rules, "seed", str(n), UUID(int=n), 0, **kind).is_drawn for n in range(5000))
    assert 900 < count < 1100
