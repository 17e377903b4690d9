"""A meeting with many: three phones sign people in, the record brings the list together, problems stay with their firms."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.enterprises.fields import mask_phone
from server.symposia.attendance.signatures import Entry, differences, match, recorded_rows
from sync.identity import new_id
from tests.server.fieldwork import enterprises, phone, publish, submit

pytestmark = pytest.mark.anyio
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


async def plan(donghu: Any, **more: Any) -> UUID:
    """zhou records; he and sun's colleague help unless told otherwise."""
    body = {
        "title": "四季度银企对接会",
        "kind": "bank",
        "starts_at": START.isoformat(),
        "place": "政务中心三楼",
        "host": "区金融服务中心",
        "recorder": str(donghu.zhou.id),
        **more,
    }
    answer = await donghu.sun.client.post("/v1/symposia", json=body)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


async def attendance(member: Any, symposium: UUID) -> dict[str, dict[str, Any]]:
    answer = await member.client.get(f"/v1/symposia/{symposium}/attendance")
    assert answer.status_code == 200, answer.text
    return {row["name"]: row for row in answer.json()["items"]}


async def show(member: Any, symposium: UUID) -> dict[str, Any]:
    answer = await member.client.get(f"/v1/symposia/{symposium}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def sign(device: Any, symposium: UUID, name: str, *, row: UUID | None = None, **more: Any) -> UUID:
    row = row or new_id()
    device.do("attendance.sign_in", row, msgspec.to_builtins({"symposium": symposium, "name": name, **more}))
    return row


def minutes(rows: list[dict[str, Any]], issues: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A record of the meeting with everything required."""
    return {
        "meeting_name": "四季度银企对接会",
        "meeting_kind": "bank",
        "start_at": START.isoformat(),
        "end_at": (START + timedelta(hours=1)).isoformat(),
        "place": "政务中心三楼",
        "host_unit": "区金融服务中心",
        "attendance": rows,
        "issues": issues or [],
    }


def issue(enterprise: UUID, title: str) -> dict[str, Any]:
    return {
        "issue_enterprise": str(enterprise),
        "title": title,
        "description": f"{title},请尽快协调",
        "category_group": "01",
        "category": "0101",
        "urgency": "normal",
        "solved_on_site": "no",
        "to_triage": "yes",
        "said": 1,
    }


async def test_three_phones_sign_people_in_and_the_rows_come_together_by_their_ids(donghu):
    one, two, three = await enterprises(donghu, 3)
    symposium = await plan(donghu, helpers=[str(donghu.he.id)], invited=[str(one), str(two), str(three)])
    first, second = [await phone(donghu, donghu.zhou) for _ in range(2)]
    third = await phone(donghu, donghu.he)
    for device in (first, second, third):
        await device.sync()
        assert [body["title"] for body in device.rows("symposium").values()] == ["四季度银企对接会"]
    hu = sign(first, symposium, "胡总", enterprise=one, phone="13800000001")
    sign(second, symposium, "李总", enterprise=two, phone="13800000002")
    sign(third, symposium, "王经理", enterprise=three, mode="online")
    sign(third, symposium, "赵行长", kind="bank", unit="江西银行东湖支行")
    for device in (first, second, third):
        await device.sync()
    sign(
        third, symposium, "胡总", row=hu, enterprise=one, phone="13800000001", post="总经理"
    )  # the same row, corrected
    await third.sync()
    await first.sync()
    rows = await attendance(donghu.zhou, symposium)
    assert sorted(rows) == sorted(["胡总", "李总", "王经理", "赵行长"])
    assert (rows["胡总"]["post"], rows["胡总"]["edits"], rows["胡总"]["phone"]) == ("总经理", 1, "138****0001")
    assert first.rows("attendance")[hu]["post"] == "总经理"
    assert first.rows("attendance")[hu]["phone"] == "13800000001"
    assert len(first.rows("attendance")) == 4
    assert (await show(donghu.zhou, symposium))["state"] == "open"


async def test_a_sign_in_sent_twice_is_there_once(donghu):
    symposium = await plan(donghu)
    device = await phone(donghu, donghu.zhou)
    row = sign(device, symposium, "胡总", unit="某厂")
    sign(device, symposium, "胡总", row=row, unit="某厂")
    await device.sync()
    assert len(await attendance(donghu.zhou, symposium)) == 1


async def test_the_record_brings_the_sign_in_together_and_problems_stay_with_their_enterprise(donghu):
    one, two, three = await enterprises(donghu, 3)
    version = await publish(donghu, "symposium")
    symposium = await plan(donghu, helpers=[str(donghu.he.id)], invited=[str(three)])
    device, helper = await phone(donghu, donghu.zhou), await phone(donghu, donghu.he)
    hu = sign(device, symposium, "胡总", enterprise=one)
    sign(helper, symposium, "李总", enterprise=two)
    await device.sync()
    await helper.sync()
    rows = [
        {"_id": str(hu), "attendee_kind": "firm", "att_enterprise": str(one), "att_name": "胡总", "att_post": "厂长"},
        {"_id": str(new_id()), "attendee_kind": "department", "att_unit": "区人社局", "att_name": "刘科长"},
    ]
    answers = minutes(rows, [issue(one, "缺流动资金"), issue(two, "缺技工"), issue(three, "用电增容")])
    record = submit(device, "symposium", version, answers, origin="symposium", visit=symposium)
    await device.sync()
    merged = await attendance(donghu.zhou, symposium)
    assert {name: (row["in_record"], row["signed_at"] is not None) for name, row in merged.items()} == {
        "胡总": (True, True),
        "李总": (False, True),
        "刘科长": (True, False),
    }
    assert merged["胡总"]["differences"] == {"post": "厂长"}
    whole = await show(donghu.zhou, symposium)
    assert (whole["state"], whole["record"], whole["attended"]) == ("closed", str(record), 3)
    assert {
        (line["enterprise"], line["invited"], line["signed_in"], line["reports"]) for line in whole["enterprises"]
    } == {
        (str(one), False, True, 1),
        (str(two), False, True, 1),
        (str(three), True, False, 1),
    }


async def test_closing_takes_names_and_numbers_from_the_helpers_phones_and_still_takes_in_what_they_hold(donghu):
    symposium = await plan(donghu, helpers=[str(donghu.he.id)])
    helper = await phone(donghu, donghu.he)
    sign(helper, symposium, "李总", unit="某厂")
    await helper.sync()
    assert len(helper.rows("attendance")) == 1
    late = sign(helper, symposium, "王总", unit="另一厂")
    closed = await donghu.zhou.client.post(f"/v1/symposia/{symposium}/close")
    assert closed.json()["state"] == "closed"
    await helper.sync()
    assert helper.unsent() == []
    assert helper.rows("attendance") == {}
    row = (await attendance(donghu.zhou, symposium))["王总"]
    assert (row["id"], row["after_close"]) == (str(late), True)
    refused = await donghu.zhou.client.post(f"/v1/symposia/{symposium}/helpers", json={"persons": []})
    assert (refused.status_code, refused.json()["code"]) == (409, "symposium.closed")


async def test_a_meeting_nobody_planned_is_made_from_its_record(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "symposium")
    device = await phone(donghu, donghu.zhou)
    rows = [{"attendee_kind": "firm", "att_enterprise": str(one), "att_name": "胡总", "att_leave": "yes"}]
    submit(device, "symposium", version, minutes(rows), origin="symposium")
    await device.sync()
    (listed,) = (await donghu.zhou.client.get("/v1/symposia")).json()["items"]
    assert (listed["title"], listed["kind"], listed["state"]) == ("四季度银企对接会", "bank", "closed")
    assert (await attendance(donghu.zhou, UUID(listed["id"])))["胡总"]["excused"] is True
    assert (await show(donghu.zhou, UUID(listed["id"])))["enterprises"][0]["signed_in"] is False


async def test_an_amended_record_changes_its_rows_and_never_a_signature(donghu):
    version = await publish(donghu, "symposium")
    symposium = await plan(donghu)
    device = await phone(donghu, donghu.zhou)
    hu = sign(device, symposium, "胡总", unit="某厂")
    rows = [
        {"_id": str(hu), "attendee_kind": "firm", "att_unit": "某厂", "att_name": "胡总"},
        {"_id": str(new_id()), "attendee_kind": "expert", "att_unit": "大学", "att_name": "孙教授"},
    ]
    record = submit(device, "symposium", version, minutes(rows), origin="symposium", visit=symposium)
    await device.sync()
    assert sorted(await attendance(donghu.zhou, symposium)) == sorted(["胡总", "孙教授"])
    amended = {"form": "symposium", "version": version, "answers": minutes([]), "filled_at": datetime.now(UTC)}
    device.do("record.amend", record, msgspec.to_builtins(amended))
    await device.sync()
    left = await attendance(donghu.zhou, symposium)
    assert {name: row["in_record"] for name, row in left.items()} == {"胡总": False}
    assert len(device.rows("attendance")) == 1


async def test_minutes_taken_back_and_sent_anew_are_those_of_the_same_meeting(donghu):
    version = await publish(donghu, "symposium")
    symposium = await plan(donghu)
    device = await phone(donghu, donghu.zhou)
    sign(device, symposium, "胡总", unit="某厂")
    rows = [{"_id": str(new_id()), "attendee_kind": "expert", "att_unit": "大学", "att_name": "孙教授"}]
    first = submit(device, "symposium", version, minutes(rows), origin="symposium", visit=symposium)
    await device.sync()
    device.do("record.withdraw", first, {"reason": "填错会议"})
    await device.sync()
    assert list(await attendance(donghu.zhou, symposium)) == ["胡总"]
    second = submit(device, "symposium", version, minutes([]), origin="symposium", visit=symposium)
    await device.sync()
    (listed,) = (await donghu.zhou.client.get("/v1/symposia")).json()["items"]
    assert listed["id"] == str(symposium)
    assert (await show(donghu.zhou, symposium))["record"] == str(second)


async def test_only_those_who_record_help_or_oversee_see_a_meeting(donghu):
    symposium = await plan(donghu)
    assert (await show(donghu.sun, symposium))["recorder"] == str(donghu.zhou.id)
    refused = await donghu.he.client.get(f"/v1/symposia/{symposium}/attendance")
    assert (refused.status_code, refused.json()["code"]) == (404, "symposium.unknown")
    helped = await donghu.zhou.client.post(f"/v1/symposia/{symposium}/helpers", json={"persons": [str(donghu.he.id)]})
    assert helped.json() == {"count": 1}
    assert (await donghu.he.client.get(f"/v1/symposia/{symposium}/attendance")).status_code == 200
    assert (
        await donghu.lin.client.post("/v1/symposia", json={"title": "x", "starts_at": START.isoformat()})
    ).status_code == 403


async def test_minutes_whose_beginning_cannot_be_meant_are_taken_in_all_the_same(donghu):
    version = await publish(donghu, "symposium")
    device = await phone(donghu, donghu.zhou)
    answers = minutes([]) | {"start_at": "0001-01-01T00:00:00+14:00"}
    submit(device, "symposium", version, answers, origin="symposium")
    (result,) = await device.push()
    assert result.status == "applied"
    (meeting,) = (await donghu.sun.client.get("/v1/symposia")).json()["items"]
    assert meeting["starts_at"][:4] == str(START.year)
    await device.client.aclose()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"title": " "}, "symposium.nameless"),
        ({"kind": "party"}, "symposium.kind_unknown"),
        ({"starts_at": "2026-11-25T14:00:00"}, "request.malformed"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "symposium.year"),
        ({"title": "会" * 201}, "request.malformed"),
        ({"helpers": [str(new_id()) for _ in range(201)]}, "request.malformed"),
        ({"invited": [str(new_id()) for _ in range(2001)]}, "request.malformed"),
        ({"recorder": str(new_id())}, "person.unknown"),
        ({"invited": [str(new_id())]}, "enterprise.unknown"),
        ({"campaign": str(new_id())}, "campaign.unknown"),
    ],
)
async def test_a_plan_that_does_not_hold_is_refused_whole(donghu, more, code):
    body = {"title": "座谈会", "starts_at": START.isoformat(), **more}
    refused = await donghu.zhou.client.post("/v1/symposia", json=body)
    assert refused.json()["code"] == code
    assert (await donghu.zhou.client.get("/v1/symposia")).json()["items"] == []


async def test_a_sign_in_that_cannot_be_taken_waits_in_quarantine(donghu):
    device = await phone(donghu, donghu.zhou)
    sign(device, new_id(), "胡总", unit="某厂")
    (result,) = await device.push()
    assert (result.status, result.code) == ("rejected", "symposium.unknown")
    assert result.quarantine_id is not None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"name": "  "}, "attendance.nobody"),
        ({"kind": "party"}, "attendance.word_unknown"),
        ({"mode": "by post"}, "attendance.word_unknown"),
        ({"enterprise": str(new_id())}, "enterprise.unknown"),
        ({"name": "胡" * 101}, "operation.malformed"),
        ({"unit": "厂" * 201}, "operation.malformed"),
        ({"post": "长" * 101}, "operation.malformed"),
        ({"phone": "1" * 51}, "operation.malformed"),
    ],
)
async def test_a_sign_in_that_does_not_fit_is_kept_for_a_decision_and_holds_up_no_other(donghu, more, code):
    symposium = await plan(donghu)
    device = await phone(donghu, donghu.zhou)
    odd = {"name": "胡总", **more}
    sign(device, symposium, odd.pop("name"), **odd)
    sign(device, symposium, "李总", unit="某厂")
    first, second = await device.push()
    assert (first.status, first.code, second.status) == ("rejected", code, "applied")
    assert first.quarantine_id is not None
    assert sorted(await attendance(donghu.zhou, symposium)) == ["李总"]


async def test_a_row_of_one_meeting_cannot_be_signed_in_another(donghu):
    here, there = await plan(donghu), await plan(donghu)
    device = await phone(donghu, donghu.zhou)
    row = sign(device, here, "胡总", unit="某厂")
    sign(device, there, "胡总", row=row, unit="某厂")
    assert [result.code for result in await device.push()] == [None, "attendance.id_taken"]
    assert await attendance(donghu.zhou, there) == {}
    again = {"title": "x", "starts_at": START.isoformat(), "id": str(here)}
    refused = await donghu.zhou.client.post("/v1/symposia", json=again)
    assert (refused.status_code, refused.json()["code"]) == (409, "symposium.id_taken")


def signed(name: str, unit: str, **more: Any) -> Any:
    return type("Row", (), {"id": new_id(), "enterprise": None, "name": name, "unit": unit, **more})()


def test_a_row_of_the_answers_means_the_same_row_id_first_and_the_same_person_second():
    first, second = signed("胡总", "某厂"), signed("李总", "另一厂")
    entry = Entry(kind="firm", name="李总", unit="另一厂")
    assert match(first.id, entry, [first, second]) == first.id
    assert match(new_id(), entry, [first, second]) == second.id
    assert match(new_id(), Entry(kind="firm", name="周总", unit="某厂"), [first, second]) is None


def test_what_the_answers_say_too_long_is_cut_in_the_list_and_whole_in_the_record():
    (row,) = recorded_rows(new_id(), {"attendance": [{"att_name": "胡" * 300, "att_unit": "厂" * 300}]})
    assert (len(row[1].name), len(row[1].unit)) == (100, 200)


def test_what_the_answers_leave_open_is_no_difference():
    row = signed("胡总", "某厂", kind="firm", post="总经理", phone="", mode="present", excused=False)
    assert differences(row, Entry(kind="firm", name="胡总")) == {}
    assert differences(row, Entry(kind="firm", name="胡总", mode="online")) == {"mode": "online"}
    assert differences(row, Entry(kind="firm", name="胡总", post="厂长", phone="139")) == {
        "post": "厂长",
        "phone": "139",
    }


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["att_name", "att_enterprise", "_id", "att_leave"]), st.text(max_size=5)))
)
def test_any_answers_can_be_read_and_rows_never_share_an_id(rows):
    found = recorded_rows(new_id(), {"attendance": rows})
    assert len(found) == len(rows)
    assert len({id for id, _ in found}) == len(found)


@given(st.text(max_size=20))
def test_a_masked_number_keeps_its_length_and_hides_its_middle(number):
    shown = mask_phone(number)
    assert len(shown) == len(number)
    assert "*" in shown or not number
