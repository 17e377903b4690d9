"""Lists people keep, counts of all of them at once, putting issues aside, and one verb on many issues."""

import csv
import io
from datetime import timedelta
from uuid import uuid4

import pytest

from server.moment import at
from server.people.actions import disable_person
from server.worklists.actions import shipped
from server.worklists.bulk.actions import work_bulk
from tests.server.test_issues import FRIDAY, do, filed, report
from tests.server.test_lists import numbers, some_issues

pytestmark = pytest.mark.anyio


async def ask(member, method: str, path: str, status: int = 200, **more):
    answer = await member.client.request(method, f"/v1{path}", **more)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def test_shipped_lists_count_what_they_show(donghu):
    await some_issues(donghu)
    with at(FRIDAY + timedelta(days=10)):
        counts = {one["list"]: one for one in await ask(donghu.sun, "GET", "/worklists/counts")}
        assert set(counts) == {one.id for one in shipped()}
        for code, count in counts.items():
            rows = await ask(donghu.sun, "GET", f"/worklists/{code}/issues")
            assert (count["count"], count["is_exact"]) == (len(rows["rows"]), True), code
        assert {code: counts[code]["count"] for code in ("new", "untriaged_late", "unsigned_late", "account_review")} == {
            "new": 2, "untriaged_late": 2, "unsigned_late": 1, "account_review": 0,
        }  # fmt: skip
        mine = {one["list"]: one["count"] for one in await ask(donghu.he, "GET", "/worklists/counts")}
        assert (mine["team"], mine["mine"], mine["new"]) == (3, 3, 0)
    assert (await donghu.chen.client.get("/v1/worklists/counts")).status_code == 403


async def test_a_list_is_kept_shared_changed_and_deleted(donghu):
    found = await some_issues(donghu)
    new = {
        "name": "金融中心急件", "filters": {"unit": ["finance"], "state": "open", "since": "-7d"}, "sort": "-number",
        "columns": ["number", "lead", "title", "light"], "shared": "role", "shared_with": "dispatcher", "place": 3,
    }  # fmt: skip
    saved = await ask(donghu.sun, "POST", "/worklists", 201, json=new)
    assert saved["filters"] == {"state": ["open"], "unit": ["finance"], "since": "-7d"}
    assert saved["is_mine"]
    seen = await ask(donghu.lin, "GET", f"/worklists/{saved['id']}")
    assert (seen["name"], seen["is_mine"], seen["columns"]) == (new["name"], False, new["columns"])
    await ask(donghu.he, "GET", f"/worklists/{saved['id']}", 404)
    with at(FRIDAY + timedelta(hours=3)):
        page = await ask(donghu.lin, "GET", f"/worklists/{saved['id']}/issues?limit=2")
    assert [row["number"] for row in page["rows"]] == [found[3], found[2]]
    assert page["rows"][0]["lead"] == "区金融服务中心"
    assert [column["zh"] for column in page["columns"]] == ["编号", "责任单位", "问题", "灯"]
    assert page["next"]
    await ask(donghu.lin, "PUT", f"/worklists/{saved['id']}", 404, json=new)
    await ask(donghu.lin, "DELETE", f"/worklists/{saved['id']}", 404)
    changed = await ask(
        donghu.sun, "PUT", f"/worklists/{saved['id']}", json=new | {"shared": "unit", "shared_with": "finance"}
    )
    assert changed["shared"] == "unit"
    await ask(donghu.lin, "GET", f"/worklists/{saved['id']}", 404)
    await ask(donghu.he, "GET", f"/worklists/{saved['id']}")
    await ask(donghu.sun, "DELETE", f"/worklists/{saved['id']}", 204)
    await ask(donghu.sun, "GET", f"/worklists/{saved['id']}", 404)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"filters": {"colour": "red"}}, "issue.filter_unknown"),
        ({"filters": {"due": "soon"}}, "issue.filter"),
        ({"filters": {"state": 7}}, "issue.filter"),
        ({"filters": {"unit": ["nowhere"]}}, "unit.unknown"),
        ({"columns": ["beauty"]}, "list.column"),
        ({"sort": "beauty"}, "issue.filter"),
        ({"shared": "world"}, "list.share"),
        ({"shared": "unit"}, "list.share"),
        ({"shared": "role", "shared_with": "king"}, "role.unknown"),
        ({"shared": "unit", "shared_with": "nowhere"}, "unit.unknown"),
        ({"colour": "red"}, "request.malformed"),
    ],
)
async def test_a_list_that_does_not_fit_is_refused(donghu, change, code):
    answer = await donghu.sun.client.post("/v1/worklists", json={"name": "x"} | change)
    assert answer.json()["code"] == code
    assert len(await ask(donghu.sun, "GET", "/worklists")) == len(shipped())


async def test_a_handler_shares_with_their_own_unit_and_nobody_else(donghu):
    await ask(donghu.he, "POST", "/worklists", 201, json={"name": "我们的", "shared": "unit", "shared_with": "finance"})
    await ask(donghu.he, "POST", "/worklists", 403, json={"name": "都看", "shared": "bureau"})
    await ask(donghu.he, "POST", "/worklists", 403, json={"name": "别人的", "shared": "unit", "shared_with": "hr"})
    assert [one["name"] for one in await ask(donghu.wu, "GET", "/worklists")][-1] == "我们的"


async def test_a_list_whose_unit_went_still_lets_the_others_be_counted(donghu):
    from server.people.tables import Unit

    saved = await ask(donghu.sun, "POST", "/worklists", 201, json={"name": "人社", "filters": {"unit": "hr"}})
    await Unit.update({Unit.code: "hr2"}).where(Unit.code == "hr")
    counts = {one["list"]: one for one in await ask(donghu.sun, "GET", "/worklists/counts")}
    assert (counts[saved["id"]]["count"], counts[saved["id"]]["code"]) == (None, "unit.unknown")
    assert counts["new"]["count"] == 0


async def test_a_list_as_csv_has_its_columns_and_runs_no_formula(donghu):
    await filed(donghu, *(report(donghu, n, title="=HYPERLINK(1)", description="一\n二") for n in range(1, 4)))
    new = {"name": "x", "columns": ["number", "title", "description", "state", "is_closed"], "sort": "number"}
    saved = await ask(donghu.sun, "POST", "/worklists", 201, json=new)
    answer = await donghu.sun.client.get(f"/v1/worklists/{saved['id']}/issues.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head == ["编号", "问题", "问题描述", "进展", "是否销号"]
    assert [row[0][-1] for row in rows] == ["1", "2", "3"]
    assert rows[0][1:] == ["'=HYPERLINK(1)", "一\n二", "待受理", "否"]
    ledger = (await donghu.sun.client.get("/v1/worklists/new/issues.csv")).content.decode("utf-8-sig")
    assert ledger.startswith("编号,企业名称,统一社会信用代码,来源")
    await ask(donghu.sun, "GET", "/worklists/nothing/issues.csv", 404)


async def test_what_is_put_aside_comes_back_by_itself(donghu):
    found = await filed(donghu, report(donghu, 1), report(donghu, 2))
    until = (FRIDAY + timedelta(days=2)).isoformat()
    with at(FRIDAY):
        await ask(donghu.lin, "PUT", f"/issues/{found[0]}/snooze", json={"until": until, "words": "等他来电"})
        assert [row["number"] for row in (await ask(donghu.lin, "GET", "/worklists/new/issues"))["rows"]] == [found[1]]
        assert [row["number"] for row in (await ask(donghu.lin, "GET", "/worklists/later/issues"))["rows"]] == [
            found[0]
        ]
        assert len(await numbers(donghu.lin)) == len(await numbers(donghu.sun, snoozed="false")) == 2
        for wrong in ("2026-09-17T00:00:00+08:00", "2027-09-17T00:00:00+08:00", "2026-09-19T00:00:00"):
            refused = await ask(donghu.lin, "PUT", f"/issues/{found[0]}/snooze", 422, json={"until": wrong})
            assert refused["code"] == "issue.snooze"
        await ask(donghu.he, "PUT", f"/issues/{found[0]}/snooze", 404, json={"until": until})
        await ask(donghu.lin, "DELETE", f"/issues/{found[0]}/snooze")
        assert await numbers(donghu.lin, snoozed="true") == []
        await ask(donghu.lin, "PUT", f"/issues/{found[0]}/snooze", json={"until": until})
    with at(FRIDAY + timedelta(days=3)):
        assert len((await ask(donghu.lin, "GET", "/worklists/new/issues"))["rows"]) == 2


async def bulk(member, verb: str, pick: dict, fields: dict | None = None, status: int = 201, **more):
    body = {"verb": verb, "fields": fields or {}, "pick": pick}
    return await ask(member, "POST", "/bulk", status, json=body, **more)


async def outcomes(member, job) -> list[str]:
    items = await ask(member, "GET", f"/bulk/{job['id']}/items")
    return [item["code"] or item["state"] for item in items]


async def test_a_preview_tells_what_would_happen_and_changes_nothing(donghu):
    found = await some_issues(donghu)
    asked = {"verb": "dispatch", "fields": {"lead": "finance"}, "pick": {"issues": [*found[:2], "东湖-2026-999999"]}}
    with at(FRIDAY + timedelta(hours=3)):
        told = await ask(donghu.lin, "POST", "/bulk/previews", json=asked)
        assert [item["code"] for item in told["items"]] == ["", "issue.move_impossible", "issue.unknown"]
        assert (told["total"], told["possible"]) == (3, 1)
        assert await numbers(donghu.sun, state="SUBMITTED", sort="number") == ["1", "6"]
        job = await bulk(donghu.lin, "dispatch", asked["pick"], asked["fields"])
        assert (job["waiting"], job["skipped"], job["is_open"]) == (2, 1, True)
        done = await ask(donghu.lin, "POST", f"/bulk/{job['id']}/steps")
    assert (done["done"], done["skipped"], done["waiting"], done["is_open"]) == (1, 2, 0, False)
    assert await outcomes(donghu.lin, job) == ["done", "issue.move_impossible", "issue.unknown"]
    refused = await ask(donghu.lin, "POST", f"/bulk/{job['id']}/undoing", 409, json={"reason": "错"})
    assert refused["code"] == "bulk.no_undo"


async def test_merging_many_is_taken_back_one_by_one_save_what_moved_since(donghu):
    found = await filed(donghu, *(report(donghu, n) for n in range(1, 6)))
    job = await bulk(donghu.lin, "merge", {"issues": found[1:]}, {"into": found[0], "reason": "同一件事"})
    await ask(donghu.lin, "POST", f"/bulk/{job['id']}/steps")
    assert await numbers(donghu.sun, state="MERGED", sort="number") == ["2", "3", "4", "5"]
    await do(donghu.lin, found[2], "notes", words="又有新情况")
    back = await ask(donghu.lin, "POST", f"/bulk/{job['id']}/undoing", 201, json={"reason": "不是一件事"})
    assert (back["verb"], back["undoes"], back["total"]) == ("unmerge", job["id"], 4)
    await ask(donghu.lin, "POST", f"/bulk/{back['id']}/steps")
    assert await outcomes(donghu.lin, back) == ["done", "done", "issue.stale", "done"]
    assert await numbers(donghu.sun, sort="number") == ["1", "2", "4", "5"]
    again = await ask(donghu.lin, "POST", f"/bulk/{job['id']}/undoing", 409, json={"reason": "再来"})
    assert again["code"] == "bulk.undone"


async def test_leaving_out_and_putting_aside_are_taken_back(donghu):
    found = await filed(donghu, *(report(donghu, n) for n in range(1, 4)))
    until = (FRIDAY + timedelta(days=2)).isoformat()
    with at(FRIDAY + timedelta(hours=1)):
        for member, verb, fields, flag in (
            (donghu.sun, "exclude", {"reason": "测试数据"}, "excluded"),
            (donghu.lin, "snooze", {"until": until}, "snoozed"),
        ):
            job = await bulk(member, verb, {"filters": {"state": "SUBMITTED"}}, fields)
            await ask(member, "POST", f"/bulk/{job['id']}/steps")
            assert len(await numbers(member, **{flag: "true"})) == len(found)
            back = await ask(member, "POST", f"/bulk/{job['id']}/undoing", 201, json={"reason": "撤销"})
            await ask(member, "POST", f"/bulk/{back['id']}/steps")
            assert await numbers(member, **{flag: "true"}) == []


async def test_an_interrupted_job_goes_on_and_one_that_is_cancelled_does_not(donghu, monkeypatch):
    import server.worklists.bulk.actions as actions

    monkeypatch.setattr(actions, "STEP", 2)
    found = await filed(donghu, *(report(donghu, n) for n in range(1, 6)))
    job = await bulk(donghu.lin, "note", {"worklist": "new"}, {"words": "已电话核实"})
    assert await work_bulk() == 1
    assert (await ask(donghu.lin, "GET", f"/bulk/{job['id']}"))["done"] == 2
    await work_bulk()
    await work_bulk()
    assert await work_bulk() == 0
    assert (await ask(donghu.lin, "GET", f"/bulk/{job['id']}"))["done"] == 5
    shown = await ask(donghu.lin, "GET", f"/issues/{found[0]}")
    assert [event["verb"] for event in shown["events"]] == ["open", "note"]
    second = await bulk(donghu.lin, "note", {"worklist": "new"}, {"words": "再核实"})
    await work_bulk()
    cancelled = await ask(donghu.lin, "POST", f"/bulk/{second['id']}/cancellation")
    assert (cancelled["done"], cancelled["cancelled"], cancelled["is_cancelled"]) == (2, 3, True)
    assert await work_bulk() == 0
    third = await bulk(donghu.lin, "note", {"worklist": "new"}, {"words": "三核实"})
    await disable_person(donghu.system, "lin")
    await work_bulk()
    rows = await work_bulk()
    assert rows == 0, third


async def test_a_bulk_request_sent_twice_is_one_job_and_stale_issues_are_skipped(donghu):
    found = await filed(donghu, report(donghu, 1), report(donghu, 2))
    pick = {"issues": found, "seen": {found[0]: 1, found[1]: 1}}
    await do(donghu.lin, found[1], "notes", words="有人先动了")
    key = {"headers": {"Idempotency-Key": str(uuid4())}}
    first = await bulk(donghu.lin, "refuse", pick, {"ground": "not_our_duty", "words": "已告知"}, **key)
    second = await bulk(donghu.lin, "refuse", pick, {"ground": "not_our_duty", "words": "已告知"}, **key)
    assert first["id"] == second["id"]
    await ask(donghu.lin, "POST", f"/bulk/{first['id']}/steps")
    assert await outcomes(donghu.lin, first) == ["done", "issue.stale"]
    await ask(donghu.sun, "GET", f"/bulk/{first['id']}", 404)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"verb": "dance", "pick": {"worklist": "new"}}, "bulk.verb"),
        ({"verb": "split", "pick": {"worklist": "new"}}, "bulk.verb"),
        ({"verb": "note", "fields": {"words": "x"}, "pick": {}}, "bulk.picking"),
        ({"verb": "note", "fields": {"words": "x"}, "pick": {"worklist": "new", "issues": ["a"]}}, "bulk.picking"),
        ({"verb": "note", "fields": {"colour": "x"}, "pick": {"worklist": "new"}}, "request.malformed"),
        ({"verb": "note", "fields": {"words": "x"}, "pick": {"worklist": "nothing"}}, "list.unknown"),
        ({"verb": "note", "fields": {"words": "x"}, "pick": {"filters": {"colour": "x"}}}, "issue.filter_unknown"),
        ({"verb": "note", "fields": {"words": "x"}, "pick": {"issues": ["nobody"]}}, "issue.unknown"),
        ({"verb": "exclude", "fields": {"reason": "x"}, "pick": {"worklist": "new"}}, "permission.missing"),
    ],
)
async def test_bulk_requests_that_do_not_fit_leave_nothing(donghu, body, code):
    from server.worklists.tables import BulkJob

    answer = await donghu.lin.client.post("/v1/bulk", json=body)
    assert answer.json()["code"] == code
    assert await BulkJob.count() == 0


async def test_every_verb_says_whether_and_why_it_cannot_be_taken_back(donghu):
    for verb in await ask(donghu.lin, "GET", "/bulk/verbs"):
        assert bool(verb["undo"]) != bool(verb["why_not_zh"] and verb["why_not_en"]), verb
