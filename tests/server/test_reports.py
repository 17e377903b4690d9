"""What enterprises said: out of records, from the desk, once, and in their own words."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from sync.identity import new_id
from tests.server.workbooks import workbook

pytestmark = pytest.mark.anyio

HEADER = ("type", "name", "label", "save_to", "required")
TALK = [
    ("text", "who", "接待人", "", ""),
    ("begin_repeat", "issues", "问题", "", ""),
    ("text", "firm", "企业", "enterprise", ""),
    ("text", "firm_name", "企业名称", "enterprise_name", ""),
    ("text", "title", "标题", "title", "yes"),
    ("text", "words", "企业原话", "description", ""),
    ("text", "kind", "类别", "category", ""),
    ("text", "solved", "现场解决", "solved_on_site", ""),
    ("date", "wish", "希望时间", "wish_date", ""),
    ("integer", "people", "涉及人数", "people", ""),
    ("end_repeat", "", "", "", ""),
]
ENTITIES = [("list_name", "label", "repeat"), ("reports", "${title}", "${issues}")]


@pytest.fixture
async def talk(donghu: Any) -> Any:
    """The form `talk`, published: each row of `issues` becomes a report."""
    from server.questionnaires.actions import publish_form

    content = workbook(TALK, form_id="talk", title="谈话", header=HEADER, entities=ENTITIES)
    return await publish_form(donghu.system, content, "talk.xlsx")


def filled(issues: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answers = {"who": "王", "issues": issues}
    return {"form": "talk", "version": "1", "filled_at": "2026-11-20T10:00:00+08:00", "answers": answers, **more}


MONEY = {"_id": "5d0c0f5c-0a54-4c0e-8a0a-0c2ff20c8b11", "title": "缺流动资金", "words": "月底前要付货款,银行说要等。"}
PEOPLE = {
    "title": "招不到数控技工",
    "words": "缺三个人",
    "kind": "0301",
    "people": 3,
    "wish": "2026-12-01",
    "solved": "yes",
}


async def test_each_row_of_a_record_becomes_a_report_in_the_enterprises_own_words(donghu, talk):
    sent = (await donghu.zhou.client.post("/v1/records", json=filled([MONEY, PEOPLE]))).json()
    reports = (await donghu.sun.client.get("/v1/reports", params={"record": sent["id"]})).json()["items"]
    by_title = {report["title"]: report for report in reports}
    assert by_title["缺流动资金"]["description"] == MONEY["words"]
    people = by_title["招不到数控技工"]
    assert (people["category"], people["people"], people["wish_date"], people["solved_on_site"]) == (
        "0301",
        3,
        "2026-12-01",
        True,
    )
    assert {report["origin"] for report in reports} == {"visit"}
    assert (await donghu.zhou.client.get(f"/v1/reports/{people['id']}")).json() == people


async def test_a_record_without_problems_makes_no_report(donghu, talk):
    await donghu.zhou.client.post("/v1/records", json=filled([]))
    assert (await donghu.sun.client.get("/v1/reports")).json()["items"] == []


async def test_an_amended_record_adds_reports_and_leaves_those_filed_as_they_were_said(donghu, talk):
    from server.records.actions import Amendment, amend_record, context_of

    sent = (await donghu.zhou.client.post("/v1/records", json=filled([MONEY]))).json()
    body = filled([{**MONEY, "words": "其实不急"}, {**PEOPLE, "_id": str(new_id())}])
    args = msgspec.json.decode(msgspec.json.encode(body), type=Amendment)
    await amend_record(context_of(await donghu.zhou.actor()), UUID(sent["id"]), new_id(), args)
    reports = (await donghu.sun.client.get("/v1/reports")).json()["items"]
    assert {(one["title"], one["description"]) for one in reports} == {
        ("缺流动资金", MONEY["words"]),
        ("招不到数控技工", "缺三个人"),
    }


async def test_a_report_about_a_firm_nobody_knows_keeps_the_name_that_was_written_down(donghu, talk):
    unknown = {**MONEY, "firm": str(new_id()), "firm_name": "赣江云软件"}
    await donghu.zhou.client.post("/v1/records", json=filled([unknown]))
    (report,) = (await donghu.sun.client.get("/v1/reports")).json()["items"]
    assert (report["enterprise"], report["enterprise_name"]) == (None, "赣江云软件")


async def test_followers_get_all_reports_of_a_batch_and_can_undo_it(donghu, talk):
    from server.records.actions import context_of
    from server.records.submission import Incoming, Submission, submit_records
    from server.reports import filed
    from sync.transaction import transaction

    got: list[list[str]] = []

    async def follower(actor: Any, reports: list[filed.FiledReport]) -> None:
        got.append([report.title for report in reports])
        if len(got) == 2:
            raise ArithmeticError("the follower's own failure")

    filed.on_filed(follower)
    context = context_of(await donghu.zhou.actor())
    args = msgspec.json.decode(msgspec.json.encode(filled([MONEY])), type=Submission)
    other = msgspec.json.decode(msgspec.json.encode(filled([PEOPLE])), type=Submission)
    try:
        async with transaction():
            await submit_records(context, [Incoming(new_id(), new_id(), args), Incoming(new_id(), new_id(), other)])
        with pytest.raises(ArithmeticError):
            async with transaction():
                await submit_records(context, [Incoming(new_id(), new_id(), args)])
    finally:
        filed._followers.remove(follower)
    assert got == [["缺流动资金", "招不到数控技工"], ["缺流动资金"]]
    assert len((await donghu.sun.client.get("/v1/reports")).json()["items"]) == 2
    assert len((await donghu.sun.client.get("/v1/records")).json()["items"]) == 2


async def test_a_report_by_telephone_needs_no_record_and_keeps_whom_to_call_apart(donghu):
    from server.reports.kinds import load_contacts, scopes

    new = {
        "title": "办证慢",
        "description": "跑了三次窗口",
        "source": "hotline",
        "source_ref": "12345-778",
        "contact_name": "李",
        "contact_phone": "13800000000",
    }
    filed = await donghu.lin.client.post("/v1/reports", json=new)
    assert filed.status_code == 201, filed.text
    id = UUID(filed.json()["id"])
    report = (await donghu.sun.client.get(f"/v1/reports/{id}")).json()
    assert (report["record"], report["origin"], report["title"]) == (None, "desk", "办证慢")
    assert "13800000000" not in str(report)
    assert b"13800000000" in (await load_contacts(donghu.bureau, [id]))[id]
    assert await scopes(donghu.bureau, [id]) == {id: {f"person:{donghu.lin.id}"}}


async def test_a_source_nobody_agreed_on_is_refused_with_the_list_of_sources(donghu):
    new = {"title": "x", "description": "y", "source": "gossip"}
    refused = await donghu.lin.client.post("/v1/reports", json=new)
    assert (refused.status_code, refused.json()["code"]) == (422, "report.source_unknown")
    assert "hotline" in refused.json()["details"]["sources"]


async def test_a_commissioner_sees_own_reports_only(donghu, talk):
    await donghu.lin.client.post("/v1/reports", json={"title": "x", "description": "y", "source": "hotline"})
    assert (await donghu.zhou.client.get("/v1/reports")).json()["items"] == []
    (report,) = (await donghu.sun.client.get("/v1/reports")).json()["items"]
    unseen = await donghu.zhou.client.get(f"/v1/reports/{report['id']}")
    assert (unseen.status_code, unseen.json()["code"]) == (404, "report.unknown")


async def test_reports_say_when_they_came_and_when_they_were_said(donghu, talk):
    from server.moment import at

    with at(datetime(2026, 11, 20, 9, 0, tzinfo=UTC)):
        await donghu.zhou.client.post("/v1/records", json=filled([MONEY]))
    from server.reports.tables import Report

    report = await Report.objects().first()
    assert report.reported_at == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert report.collected_at == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


async def test_two_rows_under_one_id_are_two_reports_and_stay_so_when_amended(donghu, talk):
    from server.records.actions import Amendment, amend_record, context_of

    rows = [MONEY, MONEY | {"title": "电费太高"}]
    sent = await donghu.zhou.client.post("/v1/records", json=filled(rows))
    assert sent.status_code == 201, sent.text
    again = filled(rows) | {"answers": msgspec.Raw(msgspec.json.encode({"who": "李", "issues": rows}))}
    amendment = msgspec.convert(again, Amendment)
    await amend_record(context_of(await donghu.zhou.actor()), UUID(sent.json()["id"]), new_id(), amendment)
    reports = (await donghu.sun.client.get("/v1/reports")).json()["items"]
    assert sorted(report["title"] for report in reports) == sorted([MONEY["title"], "电费太高"])
