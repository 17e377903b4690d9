"""Records: kept as they were sent, with their flaws, in versions; amended, reviewed, withdrawn."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from sync.identity import new_id
from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio

RULED = [*PULSE, ("text", "who", "接待人", "yes", "")]


@pytest.fixture
async def pulse(donghu: Any) -> Any:
    """The form `pulse`, published: remark, staff ≥ 0, trend, who (required)."""
    from server.questionnaires.actions import publish_form

    return await publish_form(donghu.system, workbook(RULED), "pulse.xlsx")


@pytest.fixture
async def firm(donghu: Any) -> UUID:
    """An enterprise in Zhou's care."""
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.assignments.actions import assign_enterprise

    added = await add_enterprise(donghu.system, NewEnterprise(name="东湖精工仪表有限公司"))
    await assign_enterprise(donghu.system, added.id, donghu.zhou.id)
    return added.id


def filled(answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"form": "pulse", "version": "1", "filled_at": "2026-11-20T10:00:00+08:00", "answers": answers, **more}


async def send(member: Any, answers: dict[str, Any], **more: Any) -> Any:
    return await member.client.post("/v1/records", json=filled(answers, **more))


async def test_a_record_keeps_its_answers_and_is_found_by_its_author_and_the_supervisor(donghu, pulse):
    sent = await send(donghu.zhou, {"who": "王经理", "staff": 12})
    assert sent.status_code == 201, sent.text
    line = sent.json()
    assert (line["state"], line["errors"], line["late_version"]) == ("received", 0, False)
    for member in (donghu.zhou, donghu.sun):
        record = (await member.client.get(f"/v1/records/{line['id']}")).json()
        assert record["versions"][0]["answers"] == {"who": "王经理", "staff": 12}
    assert [one["id"] for one in (await donghu.sun.client.get("/v1/records")).json()["items"]] == [line["id"]]


async def test_answers_that_do_not_fit_are_kept_with_their_flaws(donghu, pulse):
    line = (await send(donghu.zhou, {"staff": -3, "trend": "sideways", "odd": 1})).json()
    assert line["errors"] == 4
    record = (await donghu.zhou.client.get(f"/v1/records/{line['id']}")).json()
    flaws = {(flaw["path"], flaw["code"]) for flaw in record["versions"][0]["flaws"]}
    assert flaws == {("staff", "constraint"), ("trend", "choice"), ("odd", "unknown_question"), ("who", "missing")}
    assert record["versions"][0]["answers"]["trend"] == "sideways"


async def test_the_senders_own_bytes_are_stored(donghu, pulse):
    from server.records.tables import RecordVersion

    body = msgspec.json.encode(filled({}))
    written = '{ "who":"\\u738b", "staff" : 1.0 }'
    await donghu.zhou.client.post(
        "/v1/records", content=body.replace(b"{}", written.encode()), headers={"Content-Type": "application/json"}
    )
    assert (await RecordVersion.objects().first()).body == written


async def test_an_unknown_version_is_refused_and_an_old_one_is_taken_and_marked(donghu, pulse):
    from server.questionnaires.actions import publish_form

    refused = await send(donghu.zhou, {}, version="9")
    assert (refused.status_code, refused.json()["code"]) == (404, "form.version_unknown")
    await publish_form(donghu.system, workbook(RULED, version="2"), "pulse.xlsx")
    assert (await send(donghu.zhou, {"who": "王"})).json()["late_version"] is True
    assert (await send(donghu.zhou, {"who": "王"}, version="2")).json()["late_version"] is False


async def test_scenario_29_records_on_a_version_that_was_replaced_and_a_form_that_was_retired_are_taken(donghu, pulse):
    """Filled in off line before the office moved on: applied, marked as late, and nothing is dropped."""
    from server.questionnaires.actions import publish_form, retire_form
    from tests.server.fieldwork import phone, submit

    device = await phone(donghu, donghu.zhou)
    await device.sync()
    old = submit(device, "pulse", "1", {"who": "王经理", "staff": 12})
    await publish_form(donghu.system, workbook(RULED, version="2"), "pulse.xlsx")
    last = submit(device, "pulse", "2", {"who": "李经理", "staff": 13})
    await retire_form(donghu.system, "pulse")
    assert [result.status for result in await device.push()] == ["applied", "applied"]
    lines = (await donghu.sun.client.get("/v1/records")).json()["items"]
    assert {line["id"]: line["late_version"] for line in lines} == {str(old): True, str(last): False}
    for record, who in ((old, "王经理"), (last, "李经理")):
        whole = (await donghu.sun.client.get(f"/v1/records/{record}")).json()
        assert whole["versions"][0]["answers"]["who"] == who


async def test_the_same_record_is_taken_in_once(donghu, pulse):
    id = str(new_id())
    assert (await send(donghu.zhou, {"who": "王"}, id=id)).status_code == 201
    again = await send(donghu.zhou, {"who": "李"}, id=id)
    assert (again.status_code, again.json()["code"]) == (409, "record.exists")


async def test_a_record_about_an_enterprise_in_nobody_elses_care_is_refused_to_a_stranger(donghu, pulse, firm):
    assert (await send(donghu.zhou, {"who": "王"}, enterprise=str(firm))).status_code == 201
    refused = await send(donghu.zhou, {"who": "王"}, enterprise=str(new_id()))
    assert (refused.status_code, refused.json()["code"]) == (403, "record.out_of_scope")
    assert (await send(donghu.qian, {"who": "王"}, enterprise=str(firm))).status_code == 201


async def test_what_one_may_not_see_does_not_exist(donghu, pulse):
    id = (await send(donghu.qian, {"who": "王"})).json()["id"]
    unseen = await donghu.zhou.client.get(f"/v1/records/{id}")
    assert (unseen.status_code, unseen.json()["code"]) == (404, "record.unknown")
    assert (await donghu.zhou.client.get("/v1/records")).json()["items"] == []


async def test_pages_of_records_neither_repeat_nor_skip(donghu, pulse):
    sent = {(await send(donghu.zhou, {"who": str(n)})).json()["id"] for n in range(5)}
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await donghu.zhou.client.get("/v1/records", params={"limit": 2, **after})).json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert len(seen) == 5
    assert set(seen) == sent


async def test_a_returned_record_is_amended_reviewed_again_and_keeps_every_version(donghu, pulse):
    from server.records.actions import Amendment, amend_record, context_of

    id = (await send(donghu.zhou, {"staff": 3})).json()["id"]
    unseen = {"version": 2, "reason": "接待人未填"}
    refused = await donghu.sun.client.post(f"/v1/records/{id}/return", json=unseen)
    assert (refused.status_code, refused.json()["code"]) == (409, "record.other_version")
    seen = {"version": 1, "reason": "接待人未填"}
    returned = await donghu.sun.client.post(f"/v1/records/{id}/return", json=seen)
    assert (returned.json()["state"], returned.json()["review_reason"]) == ("returned", "接待人未填")
    amendment = msgspec.convert(filled({}) | {"answers": msgspec.Raw(b'{"staff":3,"who":"\xe7\x8e\x8b"}')}, Amendment)
    await amend_record(context_of(await donghu.zhou.actor()), UUID(id), new_id(), amendment)
    record = (await donghu.zhou.client.get(f"/v1/records/{id}")).json()
    assert (record["record"]["state"], record["record"]["errors"]) == ("amended", 0)
    assert [(one["n"], len(one["flaws"])) for one in record["versions"]] == [(1, 1), (2, 0)]
    early = await donghu.sun.client.post(f"/v1/records/{id}/approval", json={"version": 1})
    assert (early.status_code, early.json()["code"]) == (409, "record.other_version"), "nobody approves unseen words"
    approved = await donghu.sun.client.post(f"/v1/records/{id}/approval", json={"version": 2})
    assert approved.json()["state"] == "approved"
    again = await donghu.sun.client.post(f"/v1/records/{id}/approval", json={"version": 2})
    assert (again.status_code, again.json()["code"]) == (409, "record.not_reviewable")


async def test_only_reviewers_review(donghu, pulse):
    id = (await send(donghu.zhou, {"who": "王"})).json()["id"]
    assert (await donghu.zhou.client.post(f"/v1/records/{id}/approval", json={"version": 1})).status_code == 403


async def test_an_approved_record_can_no_longer_be_withdrawn(donghu, pulse):
    from server.records.actions import context_of, withdraw_record
    from sync.refusal import Refusal

    first, second = [(await send(donghu.zhou, {"who": "王"})).json()["id"] for _ in range(2)]
    context = context_of(await donghu.zhou.actor())
    await withdraw_record(context, UUID(first), "误报")
    assert (await donghu.zhou.client.get(f"/v1/records/{first}")).json()["record"]["state"] == "withdrawn"
    await donghu.sun.client.post(f"/v1/records/{second}/approval", json={"version": 1})
    with pytest.raises(Refusal) as refused:
        await withdraw_record(context, UUID(second), "误报")
    assert refused.value.code == "record.closed"


async def test_one_bad_record_holds_up_no_other(donghu, pulse):
    from server.records.actions import context_of
    from server.records.submission import Incoming, Submission, SubmittedRecord, submit_records
    from sync.transaction import transaction

    def incoming(body: bytes, **more: Any) -> Incoming:
        args = msgspec.json.decode(msgspec.json.encode(filled({"a": 1}, **more)), type=Submission)
        return Incoming(new_id(), new_id(), msgspec.structs.replace(args, answers=msgspec.Raw(body)))

    context = context_of(await donghu.zhou.actor())
    good, twin = incoming(b'{"who": "x"}'), incoming(b'{"who": "y"}')
    batch = [
        good,
        incoming(b'{"who": "\xff"}'),
        incoming(b"{}", version="7"),
        incoming(b"[" * 5000 + b"]" * 5000),
        twin,
        msgspec.structs.replace(twin, operation=new_id()),
        incoming(b"[1]"),
    ]
    async with transaction():
        results = await submit_records(context, batch)
    codes = [getattr(result, "code", "taken") for result in results]
    assert codes == [
        "taken", "record.malformed", "form.version_unknown", "record.malformed", "taken", "record.exists", "taken",
    ]  # fmt: skip
    assert isinstance(results[0], SubmittedRecord)
    assert len((await donghu.zhou.client.get("/v1/records")).json()["items"]) == 3


async def test_a_wrong_clock_is_corrected_and_marked_and_never_after_receipt(donghu, pulse):
    from server.records.submission import Incoming, Submission, submit_records
    from server.records.tables import Record
    from sync.operations import OperationContext
    from sync.transaction import transaction

    received = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    args = Submission(form="pulse", version="1", answers=msgspec.Raw(b"{}"), filled_at=received + timedelta(hours=3))
    context = OperationContext(
        bureau=donghu.bureau,
        person=donghu.zhou.id,
        device=None,
        received_at=received,
        clock_offset=timedelta(hours=-4),
    )
    async with transaction():
        await submit_records(context, [Incoming(new_id(), new_id(), args)])
    record = await Record.objects().first()
    assert (record.collected_at, record.clock_suspect) == (received - timedelta(hours=1), True)


async def test_a_record_travels_to_its_author_and_to_whoever_looks_after_the_enterprise(donghu, pulse, firm):
    from server.records.phones import load, scopes

    id = UUID((await send(donghu.zhou, {"who": "王"}, enterprise=str(firm))).json()["id"])
    assert await scopes(donghu.bureau, [id]) == {id: {f"person:{donghu.zhou.id}", f"enterprise:{firm}"}}
    body = msgspec.json.decode((await load(donghu.bureau, [id]))[id])
    assert (body["form"], body["version"], body["n"], body["answers"]) == ("pulse", "1", 1, {"who": "王"})
    assert await load(new_id(), [id]) == {}


async def test_what_was_recorded_about_a_temporary_firm_goes_to_the_one_it_became(donghu, pulse, firm):
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.assignments.actions import assign_enterprise
    from server.enterprises.credit_code import compose
    from server.enterprises.merging.actions import merge_enterprises
    from server.people.actions import NewPerson, add_person, load_actor
    from server.records.phones import scopes
    from server.records.tables import Record
    from server.reports.actions import NewReport, file_report
    from server.reports.tables import Report

    known = NewEnterprise(name="东湖精工仪表", credit_code=compose("91360102", "MA35HM01"))
    kept = (await add_enterprise(donghu.system, known)).id
    feng = await add_person(donghu.system, NewPerson(login="feng", name="冯访", unit="bayi", roles=("commissioner",)))
    await assign_enterprise(donghu.system, kept, feng.id)
    record = UUID((await send(donghu.zhou, {"who": "王"}, enterprise=str(firm))).json()["id"])
    told = NewReport(title="缺料", description="缺料", source="hotline", enterprise=firm, contact_name="王总")
    report = await file_report(await donghu.sun.actor(), told)
    await merge_enterprises(donghu.system, firm, kept)
    assert await scopes(donghu.bureau, [record]) == {record: {f"person:{donghu.zhou.id}", f"enterprise:{kept}"}}
    successor = await load_actor(donghu.bureau, feng.id)
    assert [row.id for row in await Record.visible_to(successor)] == [record]
    assert [row.id for row in await Report.visible_to(successor)] == [report.id]


async def test_a_record_lists_the_files_it_speaks_of_also_one_that_never_came(donghu, pulse):
    photo = {"id": str(new_id()), "name": "车间.jpg"}
    sent = await send(donghu.zhou, {"who": "王"}, attachments=[photo])
    shown = (await donghu.sun.client.get(f"/v1/records/{sent.json()['id']}")).json()
    assert [(file["id"], file["state"]) for file in shown["files"]] == [(photo["id"], "missing")]
