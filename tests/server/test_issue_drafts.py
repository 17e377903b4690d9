"""An issue begun by hand: its author's alone until it is submitted, and from then on like any other."""

import asyncio
import json
from datetime import timedelta

import pytest

from server.issues.drafts import actions as drafts
from server.moment import at
from sync.transaction import fetch
from tests.server.fieldwork import CODES, enterprises, phone
from tests.server.test_issue_console import console
from tests.server.test_issues import FRIDAY, do, filed, report

pytestmark = pytest.mark.anyio

LETTER = {"title": "用电增容", "description": "原有变压器容量不够", "source": "document", "source_ref": "函〔2026〕7号"}
CALLER = {"contact_name": "王总", "contact_phone": "13900000000"}


async def begun(member, **words) -> dict:
    answer = await member.client.post("/v1/issues", json=words)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def count(table: str) -> int:
    return (await fetch(f"SELECT COUNT(*) AS n FROM {table}"))[0]["n"]


async def test_a_letter_typed_over_two_days_counts_from_its_submission(donghu):
    with at(FRIDAY - timedelta(days=1)):
        draft = await begun(donghu.lin, title="用电", **CALLER)
    assert (draft["number"], draft["draft"]["title"]) == ("草稿-000001", "用电")
    shown = (await donghu.lin.client.get(f"/v1/issues/{draft['number']}")).json()
    assert (shown["state"], shown["dues"], shown["next_due"], shown["may"]) == ("DRAFT", [], None, ["submit"])
    changed = await donghu.lin.client.put(f"/v1/issues/{draft['id']}/draft", json=LETTER | CALLER)
    assert changed.json()["draft"]["description"] == LETTER["description"]
    assert await count("report") == 0
    with at(FRIDAY):
        submitted = await do(donghu.lin, draft["number"], "submission")
    assert (submitted["id"], submitted["number"], submitted["state"]) == (draft["id"], "东湖-2026-000001", "SUBMITTED")
    assert {due["clock"]: due["day"] for due in submitted["dues"]}["triage"] == "2026-09-20"
    assert [event["verb"] for event in submitted["events"]] == ["open", "submit"]
    assert submitted["opened_at"] == FRIDAY.isoformat().replace("+00:00", "Z")
    assert submitted["links"][0]["description"] == LETTER["description"]
    assert submitted["links"][0]["is_confirmed"]
    filed_now = (await donghu.lin.client.get(f"/v1/reports/{submitted['links'][0]['report']}")).json()
    assert (filed_now["title"], filed_now["origin"]) == ("用电增容", "desk")
    assert await count("issue_draft") == 0
    assert (await fetch("SELECT name FROM report_contact"))[0]["name"] == "王总"
    with at(FRIDAY):
        assert (await do(donghu.lin, submitted["number"], "dispatch", lead="finance"))["state"] == "DISPATCHED"


async def test_a_draft_is_its_authors_alone(donghu):
    draft = await begun(donghu.lin, **LETTER)
    for other in (donghu.sun, donghu.qian, donghu.he, donghu.zhou):
        for name in (draft["id"], draft["number"]):
            assert (await other.client.get(f"/v1/issues/{name}")).json()["code"] == "issue.unknown"
        assert (await other.client.get("/v1/issues", params={"state": "DRAFT"})).json()["items"] == []
        assert (await other.client.get("/v1/issues", params={"state": "all"})).json()["items"] == []
    for attempt in (
        donghu.sun.client.get(f"/v1/issues/{draft['id']}/draft"),
        donghu.sun.client.put(f"/v1/issues/{draft['id']}/draft", json=LETTER),
        donghu.sun.client.delete(f"/v1/issues/{draft['id']}/draft"),
        donghu.sun.client.post(f"/v1/issues/{draft['id']}/submission", json={}),
    ):
        assert (await attempt).json()["code"] == "issue.unknown"
    mine = (await donghu.lin.client.get("/v1/issues", params={"state": "DRAFT"})).json()["items"]
    assert [(line["number"], line["title"], line["is_overdue"]) for line in mine] == [
        ("草稿-000001", "用电增容", False)
    ]
    assert (await donghu.lin.client.get("/v1/issues")).json()["items"] == [], "nothing that waits in the queue"


async def test_nobody_may_merge_into_a_draft_or_use_another_verb_on_it(donghu):
    (number,) = await filed(donghu, report(donghu))
    draft = await begun(donghu.sun, **LETTER)
    refused = await do(donghu.lin, number, "merge", 404, into=draft["number"], reason="同一问题")
    assert refused["code"] == "issue.unknown"
    for resource, body in (("notes", {"words": "已读"}), ("escalation", {"reason": "急"})):
        assert (await do(donghu.sun, draft["number"], resource, 409, **body))["code"] == "issue.move_impossible"


async def test_a_draft_goes_to_no_phone_until_it_is_submitted(donghu):
    (firm,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    draft = await begun(donghu.lin, **LETTER, enterprise=str(firm))
    await device.sync()
    assert device.rows("issue") == {}
    assert device.rows("report") == {}
    await do(donghu.lin, draft["number"], "submission")
    await device.sync()
    assert [row["number"] for row in device.rows("issue").values()] == ["东湖-2026-000001"]
    assert [row["title"] for row in device.rows("report").values()] == ["用电增容"]
    device.close()


async def test_what_is_missing_is_named_and_the_draft_stays(donghu):
    draft = await begun(donghu.lin, title="用电")
    refused = await do(donghu.lin, draft["id"], "submission", 422)
    assert (refused["code"], refused["details"]) == ("issue.draft_unfinished", {"missing": "description, source"})
    assert (await donghu.lin.client.get(f"/v1/issues/{draft['id']}/draft")).json()["draft"]["title"] == "用电"
    unknown = await donghu.lin.client.post("/v1/issues", json={"source": "rumour"})
    assert unknown.json()["code"] == "report.source_unknown"
    stranger = await donghu.lin.client.post("/v1/issues", json={"enterprise": draft["id"]})
    assert stranger.json()["code"] == "enterprise.unknown"
    assert (await donghu.zhou.client.post("/v1/issues", json={})).json()["code"] == "permission.missing"


async def test_a_deleted_draft_leaves_nothing_and_skips_no_number(donghu):
    gone, kept = await begun(donghu.lin, **LETTER), await begun(donghu.lin, **LETTER)
    assert (await donghu.lin.client.delete(f"/v1/issues/{gone['number']}/draft")).status_code == 204
    assert [await count(table) for table in ("issue", "issue_draft", "issue_event")] == [1, 1, 1]
    heard = await fetch("SELECT subject FROM audit_row WHERE event = 'issue.discard'")
    assert [str(row["subject"]) for row in heard] == [gone["id"]]
    submitted = await do(donghu.lin, kept["number"], "submission")
    assert submitted["number"] == "东湖-2026-000001"
    for late in (
        donghu.lin.client.delete(f"/v1/issues/{kept['id']}/draft"),
        donghu.lin.client.put(f"/v1/issues/{kept['id']}/draft", json=LETTER),
        donghu.lin.client.get(f"/v1/issues/{kept['id']}/draft"),
        donghu.lin.client.post(f"/v1/issues/{kept['id']}/submission", json={}),
    ):
        assert (await late).json()["code"] == "issue.move_impossible"


async def test_a_draft_about_a_firm_that_is_merged_meanwhile_is_about_the_one_it_became(donghu):
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.merging.actions import merge_enterprises

    (temporary,) = await enterprises(donghu, 1)
    firm = (await add_enterprise(donghu.system, NewEnterprise(name="东湖精工仪表有限公司", credit_code=CODES[0]))).id
    draft = await begun(donghu.lin, **LETTER, enterprise=str(temporary))
    await merge_enterprises(donghu.system, temporary, firm)
    shown = (await donghu.lin.client.get(f"/v1/issues/{draft['id']}/draft")).json()
    assert shown["draft"]["enterprise"] == str(firm)
    assert (await do(donghu.lin, draft["id"], "submission"))["links"][0]["enterprise"] == str(firm)


async def test_a_desk_holds_only_so_many_drafts(donghu, monkeypatch):
    monkeypatch.setattr(drafts, "DRAFTS_MAX", 2)
    for _ in range(2):
        await begun(donghu.lin)
    assert (await donghu.lin.client.post("/v1/issues", json={})).json()["code"] == "issue.drafts_full"
    await begun(donghu.sun)


async def test_a_draft_submitted_twice_at_once_is_one_issue(donghu):
    draft = await begun(donghu.lin, **LETTER)
    path = f"/v1/issues/{draft['id']}/submission"
    answers = await asyncio.gather(*(donghu.lin.client.post(path, json={}) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert await count("report") == 1
    assert await count("issue") == 1


async def test_the_console_begins_goes_on_and_submits(donghu):
    code, out, err = await console("issue", "draft", "--title", "用电增容", "--json")
    assert (code, err) == (0, "")
    number = json.loads(out)["number"]
    code, _, err = await console("issue", "submit", number)
    assert (code, err.split(":")[0]) == (1, "issue.draft_unfinished")
    await console("issue", "draft", number, "--description", "容量不够", "--source", "hotline")
    code, out, err = await console("issue", "submit", number, "--json")
    assert (code, err) == (0, "")
    assert (json.loads(out)["state"], json.loads(out)["title"]) == ("SUBMITTED", "用电增容")
    assert (await donghu.lin.client.get("/v1/issues")).json()["count"] == 1


async def left_to(member) -> list[str]:
    answer = await member.client.get("/v1/drafts/left")
    assert answer.status_code == 200, answer.text
    return [draft["number"] for draft in answer.json()["items"]]


async def take_over(member, number: str, status: int = 201) -> dict:
    answer = await member.client.post(f"/v1/issues/{number}/draft/takeover")
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_supervisor_finishes_what_somebody_who_left_was_typing(donghu):
    from server.people.actions import disable_person, enable_person

    draft = await begun(donghu.lin, **LETTER, **CALLER)
    other = await begun(donghu.lin, title="停车难")
    assert await left_to(donghu.sun) == [], "whose author is there is the author's alone"
    assert (await take_over(donghu.sun, draft["number"], 404))["code"] == "issue.unknown"
    await disable_person(donghu.system, "lin")
    (first, second) = (await donghu.sun.client.get("/v1/drafts/left")).json()["items"]
    assert (first["number"], first["person_name"], first["title"]) == (draft["number"], "林派", "用电增容")
    assert (await donghu.sun.client.get(f"/v1/issues/{draft['id']}/draft")).status_code == 404
    for name in (draft["id"], second["number"]):
        taken = await take_over(donghu.sun, name)
    assert taken["draft"]["title"] == "停车难"
    assert await left_to(donghu.sun) == []
    with at(FRIDAY):
        submitted = await do(donghu.sun, draft["number"], "submission")
    assert (submitted["state"], submitted["links"][0]["description"]) == ("SUBMITTED", LETTER["description"])
    assert submitted["events"][0]["person"] != submitted["events"][1]["person"], "the timeline keeps who began it"
    assert (await donghu.sun.client.delete(f"/v1/issues/{other['number']}/draft")).status_code == 204
    await enable_person(donghu.system, "lin")
    assert (await donghu.lin.client.get("/v1/issues", params={"state": "DRAFT"})).json()["items"] == []
    assert await count("issue_draft") == 0
    rows = await fetch("SELECT details FROM audit_row WHERE event = 'issue.take_over' ORDER BY n")
    assert [json.loads(row[0]) for row in rows] == [{"left": str(donghu.lin.id)}] * 2


async def test_drafts_of_somebody_who_files_no_reports_any_more_are_left_too(donghu):
    draft = await begun(donghu.lin, **LETTER)
    body = {"remove": ["dispatcher"], "add": ["handler"]}
    assert (await donghu.chen.client.post("/v1/persons/lin/roles", json=body)).status_code == 201
    assert (await donghu.lin.client.put(f"/v1/issues/{draft['id']}/draft", json=LETTER)).status_code == 403
    assert await left_to(donghu.sun) == [draft["number"]]
    await donghu.chen.client.post("/v1/persons/lin/roles", json={"add": ["dispatcher"]})
    assert await left_to(donghu.sun) == [], "who may go on, goes on"


async def test_only_a_supervisor_over_the_authors_unit_takes_drafts_over_and_only_so_many(donghu, monkeypatch):
    from server.people.actions import NewPerson, add_person, disable_person
    from server.people.tables import Person
    from server.sessions.actions import open_session_of
    from tests.server.conftest import knock

    draft = await begun(donghu.lin, **LETTER)
    await disable_person(donghu.system, "lin")
    for member in (donghu.chen, donghu.qian, donghu.zhou, donghu.he):
        assert (await take_over(member, draft["number"], 403))["code"] == "permission.missing"
        assert (await member.client.get("/v1/drafts/left")).status_code == 403
    added = await add_person(donghu.system, NewPerson(login="street", name="街督", unit="bayi", roles=("supervisor",)))
    await Person.update({Person.must_change_password: False}).where(Person.id == added.id)
    async with knock(await open_session_of(donghu.bureau, added.id)) as client:
        assert (await client.get("/v1/drafts/left")).json()["items"] == []
        refused = await client.post(f"/v1/issues/{draft['number']}/draft/takeover")
        assert (refused.status_code, refused.json()["code"]) == (404, "issue.unknown")
    monkeypatch.setattr(drafts, "DRAFTS_MAX", 0)
    assert (await take_over(donghu.sun, draft["number"], 409))["code"] == "issue.drafts_full"
    assert await left_to(donghu.sun) == [draft["number"]]


async def test_two_supervisors_at_once_take_a_draft_over_once(donghu):
    from server.people.actions import disable_person

    await donghu.chen.client.post("/v1/persons/qian/roles", json={"add": ["supervisor"]})
    draft = await begun(donghu.lin, **LETTER)
    await disable_person(donghu.system, "lin")
    path = f"/v1/issues/{draft['id']}/draft/takeover"
    answers = await asyncio.gather(*(member.client.post(path) for member in (donghu.sun, donghu.qian)))
    assert sorted(answer.status_code for answer in answers) == [201, 404]
