"""Promises made on a visit become tasks with a date, and stay in step with the record they were written in."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from server.moment import today
from server.tasks.promises import promises_in
from sync.identity import new_id
from tests.server.fieldwork import enterprises, phone, publish, submit, visit_answers

pytestmark = pytest.mark.anyio
TODAY = today()


def day(offset: int) -> str:
    return (TODAY + timedelta(days=offset)).isoformat()


async def tasks(member: Any, **query: str) -> list[dict[str, Any]]:
    answer = await member.client.get("/v1/tasks", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.fixture
async def visited(donghu):
    """zhou promised two things and wants to be in touch again; the record has come in."""
    (enterprise,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    device = await phone(donghu, donghu.zhou)
    promises = [
        {"_id": str(new_id()), "promise": "送政策汇编", "promise_due": day(3)},
        {"_id": str(new_id()), "promise": "联系金融服务中心", "promise_due": day(1)},
    ]
    answers = visit_answers(enterprise, day(0), promises=promises, closing={"next_visit": day(30)})
    record = submit(device, "visit_record", version, answers, enterprise=enterprise)
    await device.sync()
    return device, record, version, answers, enterprise


async def test_promises_and_the_next_contact_become_tasks_in_order_of_urgency(donghu, visited):
    _, record, _, _, enterprise = visited
    found = await tasks(donghu.zhou)
    assert [(one["title"], one["due_on"], one["source"]) for one in found] == [
        ("联系金融服务中心", day(1), "promise"),
        ("送政策汇编", day(3), "promise"),
        ("再次联系企业 / Be in touch again", day(30), "next_contact"),
    ]
    assert {(one["record"], one["enterprise"], one["person"]) for one in found} == {
        (str(record), str(enterprise), str(donghu.zhou.id))
    }
    assert [one["title"] for one in await tasks(donghu.zhou, due_before=day(3))] == ["联系金融服务中心"]


async def test_the_phone_holds_its_own_tasks_and_ticks_them_off_offline(donghu, visited):
    device, *_ = visited
    rows = device.rows("task")
    assert sorted(row["title"] for row in rows.values())[0] == "再次联系企业 / Be in touch again"
    task = next(id for id, row in rows.items() if row["title"] == "送政策汇编")
    first = device.do("task.done", task, {"note": "已当面送达"})
    second = device.do("task.done", task, {"note": "又点了一次"})
    await device.sync()
    assert [device.result(one).status for one in (first, second)] == ["applied", "applied"]
    assert (device.rows("task")[task]["state"], device.rows("task")[task]["note"]) == ("done", "已当面送达")
    assert [one["id"] for one in await tasks(donghu.zhou, state="done")] == [str(task)]


async def test_an_amended_record_moves_its_tasks_takes_back_what_it_no_longer_says_and_leaves_what_is_done(
    donghu, visited
):
    device, record, version, answers, _ = visited
    before = {one["title"]: one["id"] for one in await tasks(donghu.zhou)}
    await donghu.zhou.client.post(f"/v1/tasks/{before['联系金融服务中心']}/done", json={})
    rows = [{**answers["promises"][0], "promise_due": day(9)}]
    amended = {"form": "visit_record", "version": version, "answers": {**answers, "promises": rows, "closing": {}}}
    device.do("record.amend", record, msgspec.to_builtins({**amended, "filled_at": datetime.now(UTC), "note": "改期"}))
    await device.sync()
    assert [(one["id"], one["due_on"]) for one in await tasks(donghu.zhou)] == [(before["送政策汇编"], day(9))]
    assert [one["title"] for one in await tasks(donghu.zhou, state="done")] == ["联系金融服务中心"]
    assert [one["title"] for one in await tasks(donghu.zhou, state="cancelled")] == ["再次联系企业 / Be in touch again"]
    assert "再次联系企业 / Be in touch again" not in {row["title"] for row in device.rows("task").values()}


async def test_two_promises_under_one_id_are_two_tasks_and_stay_so_when_amended(donghu, visited):
    device, record, version, answers, _ = visited
    row = answers["promises"][0] | {"_id": "next_visit"}
    rows = [row, row | {"promise": "寄样品"}]
    amended = {"form": "visit_record", "version": version, "answers": {**answers, "promises": rows}}
    for note in ("一", "二"):
        args = msgspec.to_builtins({**amended, "filled_at": datetime.now(UTC), "note": note})
        done = device.do("record.amend", record, args)
        await device.sync()
        assert device.result(done).status == "applied"
    titles = [one["title"] for one in await tasks(donghu.zhou)]
    assert sorted(titles) == sorted([row["promise"], "寄样品", "再次联系企业 / Be in touch again"])


async def test_a_task_is_its_owners_a_supervisor_reads_all_and_strangers_see_none(donghu, visited):
    mine = await tasks(donghu.zhou)
    assert await tasks(donghu.sun) == mine
    refused = await donghu.lin.client.get("/v1/tasks")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
    refused = await donghu.sun.client.post(f"/v1/tasks/{mine[0]['id']}/done", json={})
    assert (refused.status_code, refused.json()["details"]) == (403, {"permission": "task.do"})
    refused = await donghu.zhou.client.post(f"/v1/tasks/{new_id()}/done", json={})
    assert (refused.status_code, refused.json()["code"]) == (404, "task.unknown")


async def test_pages_of_tasks_miss_nothing_and_an_unknown_state_is_named(donghu, visited):
    found, after = [], ""
    for _ in range(3):
        page = (await donghu.zhou.client.get("/v1/tasks", params={"limit": 1, "after": after})).json()
        found += [one["due_on"] for one in page["items"]]
        after = page["next"] or ""
    assert found == [day(1), day(3), day(30)]
    assert after == ""
    refused = await donghu.zhou.client.get("/v1/tasks", params={"state": "lost"})
    assert (refused.status_code, refused.json()["code"]) == (422, "task.state_unknown")


def test_rows_that_promise_nothing_make_no_task_and_odd_answers_break_nothing():
    record = new_id()
    assert promises_in(record, {}) == []
    assert promises_in(record, {"promises": "x", "closing": 3}) == []
    odd = promises_in(record, {"promises": [{"promise": "  "}, "x", {"promise": "回电", "promise_due": "soon"}]})
    assert [(one.title, one.due_on) for one in odd] == [("回电", date.max)]


def test_a_row_keeps_its_task_when_rows_before_it_go():
    record, row = new_id(), {"_id": str(new_id()), "promise": "回电", "promise_due": "2026-11-30"}
    other = {"_id": str(new_id()), "promise": "送表", "promise_due": "2026-11-30"}
    assert promises_in(record, {"promises": [other, row]})[1].id == promises_in(record, {"promises": [row]})[0].id
