"""What happens when two do something at the same time: nobody is told of a bug, and it happens once."""

import asyncio
import contextvars
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from server.moment import at
from server.people.tables import Person, Unit
from server.routing.actions import replace_rules
from server.routing.route import Rule
from server.tasks.actions import finish_task, keep_promises
from server.tasks.promises import Promise
from sync.identity import new_id
from sync.transaction import fetch, is_postgres, transaction
from tests.server.conftest import PASSWORD
from tests.server.fieldwork import enterprises, phone, publish, submit, visit_answers
from tests.server.test_callbacks import WELL, hire, signed_off
from tests.server.test_issues import FRIDAY, do, filed, report

pytestmark = pytest.mark.anyio


async def test_a_desk_write_sent_twice_at_the_same_time_acts_once_and_is_answered_twice(donghu):
    body, headers = {"code": "tax", "name": "区税务局"}, {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(
        *(donghu.chen.client.post("/v1/units", json=body, headers=headers) for _ in range(4))
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.text for answer in answers}) == 1
    assert await Unit.count().where(Unit.code == "tax") == 1


async def test_a_refused_write_leaves_its_key_free(donghu):
    headers = {"Idempotency-Key": "k-2"}
    body = {"code": "tax", "name": "区税务局", "parent": "nowhere"}
    refused = await donghu.chen.client.post("/v1/units", json=body, headers=headers)
    assert refused.json()["code"] == "unit.unknown"
    again = await donghu.chen.client.post("/v1/units", json=body | {"parent": "sme"}, headers=headers)
    assert again.status_code == 201


async def test_two_desk_writes_that_block_each_other_both_succeed(donghu):
    """Each locks one unit and then the other's; a database that sees it gives one up, and that one is done again."""
    if not is_postgres():
        pytest.skip("SQLite has one writer, so two never wait crosswise")
    from server.door import once

    class Asked:
        headers: dict[str, str] = {}

    actor = await donghu.chen.actor()
    first, second = [row["id"] for row in await Unit.select(Unit.id).where(Unit.bureau == donghu.bureau).limit(2)]
    both = asyncio.Barrier(2)
    tries: list[Any] = []

    def crossing(one: Any, other: Any) -> Any:
        async def work() -> str:
            tries.append(one)
            async with transaction():
                await fetch("SELECT id FROM unit WHERE id = $1 FOR UPDATE", [one])
                if len(tries) <= 2:
                    await both.wait()
                await fetch("SELECT id FROM unit WHERE id = $1 FOR UPDATE", [other])
            return "done"

        return work

    works = [once(Asked(), actor, crossing(*pair)) for pair in ((first, second), (second, first))]  # type: ignore[arg-type]
    assert await asyncio.gather(*works) == ["done", "done"]
    assert len(tries) == 3


async def test_wrong_passwords_sent_at_the_same_time_are_all_counted(donghu):
    from server.passwords import hash_password
    from server.settings import settings

    await Person.update({Person.password_hash: await hash_password(PASSWORD)}).where(Person.login == "lin")
    guesses = [
        donghu.door.post("/v1/session", json={"login": "lin", "password": f"guess {n}"})
        for n in range(settings.login_failures_max)
    ]
    await asyncio.gather(*guesses)
    locked = await donghu.door.post("/v1/session", json={"login": "lin", "password": PASSWORD})
    assert (locked.status_code, locked.json()["code"]) == (401, "session.wrong")


async def test_two_reporters_called_at_the_same_time_close_the_issue(donghu):
    into, gone = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await do(donghu.lin, gone, "merge", into=into, reason="同一问题")
    await signed_off(donghu, into)
    other = await hire(donghu, "kong", "donghu", "callback_officer")
    callers = ((donghu.qian, 1), (other, 2))
    await asyncio.gather(*(do(caller, into, "callbacks", **WELL, report=str(UUID(int=n))) for caller, n in callers))
    assert (await donghu.lin.client.get(f"/v1/issues/{into}")).json()["state"] == "CLOSED"


async def test_a_verb_used_while_the_calendar_changes_is_not_undone(donghu):
    from server.issues.redating import actions
    from server.worktime.days import Day

    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    supervisor = await donghu.sun.actor()
    days = [Day(day=FRIDAY.date() + timedelta(days=n), is_working=False, name="台风") for n in (3, 4)]
    with at(FRIDAY):
        await asyncio.gather(actions.change_calendar(supervisor, days), do(donghu.he, number, "signature"))
    shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert (shown["state"], len(shown["events"])) == ("IN_PROGRESS", 3)


async def test_a_desk_and_a_phone_that_change_one_dossier_both_have_their_say(donghu):
    (one,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    base = device.version("enterprise", one)
    device.do("enterprise.patch", one, {"set": {"staff": "55"}}, base=base, was={"staff": "40"})
    desk = donghu.sun.client.patch(f"/v1/enterprises/{one}", json={"set": {"address": "八一大道1号"}})
    await asyncio.gather(desk, device.push())
    dossier = (await donghu.sun.client.get(f"/v1/enterprises/{one}")).json()
    assert (dossier["facts"]["staff"], dossier["address"]) == ("55", "八一大道1号")
    device.close()


async def while_open(first: Any, second: Any) -> Any:
    """What `second` answers when it comes while `first` is done but not committed. It has begun to wait for `first`, or has
    ended without waiting, before the commit."""
    outside = contextvars.copy_context()
    async with transaction():
        await first
        task = asyncio.create_task(second, context=outside)
        while is_postgres() and not task.done() and not await _somebody_waits():
            await asyncio.sleep(0)
    return await task


async def _somebody_waits() -> bool:
    """For a lock in this database; the view of who does what is otherwise taken once a transaction."""
    await fetch("SELECT pg_stat_clear_snapshot()")
    found = await fetch(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' LIMIT 1"
    )
    return bool(found)


async def test_two_editions_of_the_matrix_at_once_are_two_editions(donghu):
    rules = [Rule(category="", lead="finance")]
    put = donghu.sun.client.put("/v1/routing", json={"rules": [{"category": "", "lead": "hr"}]})
    answer = await while_open(replace_rules(donghu.system, rules), put)
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert await fetch_column("SELECT version FROM routing_version ORDER BY version") == [1, 2]


async def test_the_same_day_changed_at_two_desks_is_changed_twice(donghu):
    from server.worktime.days import Day
    from server.worktime.editing import change_days

    first = change_days(donghu.system, [Day(day=FRIDAY.date(), is_working=False, name="台风")])
    body = [{"day": str(FRIDAY.date()), "is_working": True, "name": "照常"}]
    answer = await while_open(first, donghu.sun.client.put("/v1/calendar", json=body))
    assert answer.status_code == 200, answer.text
    assert await fetch_column("SELECT version FROM calendar_day ORDER BY version") == [1, 2]
    span = {"first": str(FRIDAY.date()), "last": str(FRIDAY.date())}
    assert (await donghu.sun.client.get("/v1/calendar", params=span)).json()[0]["name"] == "照常"


async def test_an_issue_opened_or_reopened_while_the_calendar_changes_counts_by_the_new_one(donghu):
    from server.issues.redating.actions import change_calendar
    from server.worktime.days import Day

    (refused,) = await filed(donghu, report(donghu))
    await do(donghu.lin, refused, "refusal", ground="nothing_new", words="无新情况")
    storm = [Day(day=FRIDAY.date() + timedelta(days=n), is_working=False, name="台风") for n in (2, 3)]
    body = {"title": "用电", "description": "电压不稳", "source": "hotline"}
    coordinator = await hire(donghu, "kong", "donghu", "coordinator")
    with at(FRIDAY):
        acceptance = coordinator.client.post(f"/v1/issues/{refused}/acceptance", json={"reason": "有新情况"})
        accepted = await while_open(change_calendar(donghu.system, storm[:1]), acceptance)
        filing = donghu.lin.client.post("/v1/reports", json=body)
        await while_open(change_calendar(donghu.system, storm[1:]), filing)
    assert accepted.status_code == 201, accepted.text
    queue = (await donghu.lin.client.get("/v1/issues")).json()["items"]
    assert {line["next_due"][:10] for line in queue} == {"2026-09-22"}, "Tuesday, for Sunday and Monday are lost"


async def test_a_visit_finished_on_the_road_is_not_cancelled_at_a_desk(donghu):
    from server.visits.actions import Finish, finish_visit

    (firm,) = await enterprises(donghu, 1)
    visit = (await donghu.zhou.client.post("/v1/visits", json={"enterprise": str(firm), "day": "2026-11-20"})).json()[
        "id"
    ]
    done = finish_visit(await donghu.zhou.actor(), UUID(visit), Finish(day=FRIDAY.date(), note="见到总经理"))
    cancel = donghu.zhou.client.post(f"/v1/visits/{visit}/cancellation", json={"reason": "企业停电"})
    assert (await while_open(done, cancel)).json()["code"] == "visit.done"
    assert await fetch_column("SELECT state FROM visit") == ["done"]


async def test_a_plan_sent_twice_at_once_is_one_visit(donghu):
    from server.visits.actions import VisitPlan, plan_visit

    (firm,) = await enterprises(donghu, 1)
    visit = new_id()
    planned = plan_visit(await donghu.zhou.actor(), visit, VisitPlan(enterprise=firm, day=FRIDAY.date()))
    body = {"id": str(visit), "enterprise": str(firm), "day": "2026-11-20"}
    answer = await while_open(planned, donghu.zhou.client.post("/v1/visits", json=body))
    assert answer.status_code == 201, answer.text
    assert [str(day) for day in await fetch_column("SELECT day FROM visit")] == ["2026-11-20"]


async def test_a_visit_cancelled_at_a_desk_while_its_record_comes_took_place(donghu):
    from server.visits.actions import cancel_visit

    (firm,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    visit = (await donghu.zhou.client.post("/v1/visits", json={"enterprise": str(firm), "day": "2026-11-20"})).json()[
        "id"
    ]
    device = await phone(donghu, donghu.zhou)
    await device.pull()
    record = submit(device, "visit_record", version, visit_answers(firm, "2026-11-20"), enterprise=firm)
    await while_open(cancel_visit(await donghu.zhou.actor(), UUID(visit), "企业停电"), device.push())
    found = await fetch("SELECT state, record FROM visit ORDER BY state")
    assert [(row["state"], row["record"] and str(row["record"])) for row in found] == [
        ("cancelled", None), ("done", str(record)),
    ]  # fmt: skip
    device.close()


async def _task(donghu) -> tuple[UUID, UUID]:
    """A promise of zhou's, and the record it was made in."""
    record, (firm,) = new_id(), await enterprises(donghu, 1)
    promise = Promise(id=new_id(), source="promise", title="送政策汇编", due_on=FRIDAY.date())
    await keep_promises(donghu.bureau, record, donghu.zhou.id, firm, [promise])
    return promise.id, record


async def test_a_task_done_twice_at_once_keeps_its_first_note(donghu):
    task, _ = await _task(donghu)
    done = finish_task(await donghu.zhou.actor(), task, "已送达")
    again = donghu.zhou.client.post(f"/v1/tasks/{task}/done", json={"note": "又点了一次"})
    assert (await while_open(done, again)).json()["note"] == "已送达"


async def test_a_promise_kept_while_it_is_taken_back_was_kept(donghu):
    task, record = await _task(donghu)
    done = finish_task(await donghu.zhou.actor(), task, "已送达")
    await while_open(done, keep_promises(donghu.bureau, record, donghu.zhou.id, None, []))
    assert await fetch_column("SELECT state FROM task") == ["done"]


async def _meeting(donghu) -> UUID:
    body = {"title": "银企对接会", "starts_at": FRIDAY.isoformat(), "recorder": str(donghu.zhou.id)}
    return UUID((await donghu.sun.client.post("/v1/symposia", json=body)).json()["id"])


async def test_a_sign_in_that_meets_the_close_does_not_open_the_meeting_again(donghu):
    from server.symposia.actions import close_symposium
    from server.symposia.attendance.actions import sign_in
    from server.symposia.attendance.signatures import Entry

    meeting, actor = await _meeting(donghu), await donghu.zhou.actor()
    late = sign_in(actor, new_id(), meeting, Entry(name="刘总"), FRIDAY)
    assert (await while_open(close_symposium(actor, meeting), late)).after_close
    assert await fetch_column("SELECT state FROM symposium") == ["closed"]


async def test_minutes_that_come_while_the_meeting_is_closed_stay_its_minutes(donghu):
    from tests.server.test_symposia import minutes

    meeting, version = await _meeting(donghu), await publish(donghu, "symposium")
    device = await phone(donghu, donghu.zhou)
    await device.pull()
    record = submit(device, "symposium", version, minutes([]), visit=meeting)
    answer = await while_open(device.push(), donghu.sun.client.post(f"/v1/symposia/{meeting}/close"))
    assert answer.status_code == 200, answer.text
    assert [str(one) for one in await fetch_column("SELECT record FROM symposium")] == [str(record)]
    device.close()


async def fetch_column(sql: str) -> list[Any]:
    return [row[0] for row in await fetch(sql)]
