"""Roles given and taken, a person moved to another unit: what desks may do and phones have follows at once."""

import asyncio

import pytest

from sync.identity import new_id
from sync.phone import Answered
from sync.scopes import scopes_of
from sync.transaction import fetch
from tests.server.conftest import knock
from tests.server.fieldwork import enterprises, phone, publish, submit, visit_answers
from tests.server.test_issues import do, filed, report

pytestmark = pytest.mark.anyio


async def change(donghu, login: str, status: int = 201, *, by=None, **body):
    answer = await (by or donghu.chen).client.post(f"/v1/persons/{login}/roles", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def move(donghu, login: str, unit: str, status: int = 201, *, by=None):
    answer = await (by or donghu.chen).client.post(f"/v1/persons/{login}/move", json={"unit": unit})
    assert answer.status_code == status, answer.text
    return answer.json()


async def at_both(donghu) -> list[str]:
    """One issue the finance centre leads, one the labour bureau leads."""
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    for number, lead in zip(numbers, ("finance", "hr"), strict=True):
        await do(donghu.lin, number, "dispatch", lead=lead)
    return numbers


def queue_of(device) -> list[str]:
    return sorted(body["number"] for body in device.rows("issue").values())


async def test_a_handler_who_moves_loses_the_old_queue_and_gets_the_new_one_on_the_phone(donghu):
    old, new = await at_both(donghu)
    (firm,) = await enterprises(donghu, 1, of=donghu.he)
    device = await phone(donghu, donghu.he)
    await device.sync()
    assert queue_of(device) == [old]
    moved = await move(donghu, "he", "hr")
    assert moved["roles"] == [{"role": "handler", "unit": "hr"}]
    await device.sync()
    assert queue_of(device) == [new]
    assert str(firm) in {str(id) for id in device.rows("enterprise")}, "what is in their care stays"
    (name,) = [body for body in device.rows("person_name").values() if body["name"] == "何办"]
    assert name["unit"] == "区人社局"
    (issue,) = device.rows("issue")
    device.do("issue.sign", issue, {})
    assert [result.status for result in await device.push()] == ["applied"]
    refused = await donghu.he.client.post(f"/v1/issues/{old}/signature", json={})
    assert refused.status_code in (403, 404)
    rows = await fetch("SELECT event, details FROM audit_row WHERE event = 'person.move'")
    assert len(rows) == 1


async def test_what_was_done_at_the_old_unit_and_not_sent_waits_for_a_supervisor(donghu):
    await at_both(donghu)
    device = await phone(donghu, donghu.he)
    await device.sync()
    (issue,) = device.rows("issue")
    device.do("issue.sign", issue, {})
    await move(donghu, "he", "hr")
    assert [result.status for result in await device.push()] == ["rejected"]
    (waiting,) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    assert waiting["op"] == "issue.sign"


async def test_moving_keeps_roles_that_were_given_at_other_units(donghu):
    await change(donghu, "he", add=["reviewer"], unit="sme")
    moved = await move(donghu, "he", "hr")
    assert moved["roles"] == [{"role": "handler", "unit": "hr"}, {"role": "reviewer", "unit": "sme"}]
    assert (await move(donghu, "he", "hr"))["roles"] == moved["roles"], "moving where one is changes nothing"
    assert (await move(donghu, "he", "nowhere", 404))["code"] == "unit.unknown"
    assert (await move(donghu, "nobody", "hr", 404))["code"] == "person.unknown"


async def test_a_role_given_and_taken_changes_desk_and_phone_at_once(donghu):
    old, new = await at_both(donghu)
    device = await phone(donghu, donghu.he)
    await device.sync()
    await change(donghu, "he", add=["handler"], unit="hr")
    await device.sync()
    assert queue_of(device) == sorted([old, new])
    left = await change(donghu, "he", remove=["handler"], unit="finance")
    assert left["roles"] == [{"role": "handler", "unit": "hr"}]
    await device.sync()
    assert queue_of(device) == [new]
    await change(donghu, "he", remove=["handler"], add=["commissioner"])
    await device.sync()
    assert queue_of(device) == []
    assert device.rows("person_name") != {}
    refused = await donghu.he.client.post(f"/v1/issues/{new}/signature", json={})
    assert refused.status_code in (403, 404)


async def test_whoever_loses_the_last_role_with_a_phone_is_wiped_loses_nothing_and_may_come_back(donghu):
    version = await publish(donghu, "visit_record")
    (firm,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    code = (await donghu.chen.client.post("/v1/enrolments", json={"login": "zhou"})).json()["code"]
    record = submit(device, "visit_record", version, visit_answers(firm, "2026-09-01"))
    await change(donghu, "zhou", remove=["commissioner"], add=["dispatcher"])
    with pytest.raises(Answered) as stopped:
        await device.pull()
    assert (stopped.value.status, stopped.value.code) == (403, "device_revoked")
    assert device.rows("enterprise") == {}
    late = await donghu.door.post("/sync/v1/enrol", json={"code": code, "incarnation": "another"})
    assert late.status_code in (401, 403, 404, 410, 422), late.text
    again = await donghu.chen.client.post("/v1/enrolments", json={"login": "zhou"})
    assert (again.status_code, again.json()["code"]) == (409, "device.no_role")
    assert [one.code for one in await device.push()] == ["device.revoked"]
    (waiting,) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    accepted = await donghu.sun.client.post(f"/v1/quarantine/{waiting['id']}/acceptance", json={"note": "属实"})
    assert accepted.json()["status"] == "applied"
    await change(donghu, "zhou", add=["commissioner"])
    await device.sync()
    assert record in device.rows("record")
    assert len(device.rows("enterprise")) == 1


async def test_being_enabled_again_does_not_give_back_a_phone_that_was_lost_with_the_role(donghu):
    from server.people.actions import disable_person, enable_person

    device = await phone(donghu, donghu.zhou)
    await device.sync()
    await change(donghu, "zhou", remove=["commissioner"])
    await disable_person(donghu.system, "zhou")
    refused = await change(donghu, "zhou", 404, add=["commissioner"])
    assert refused["code"] == "person.unknown"
    await enable_person(donghu.system, "zhou")
    with pytest.raises(Answered):
        await device.pull()
    await change(donghu, "zhou", add=["commissioner"])
    await device.sync()
    assert device.rows("person_name") != {}


async def test_the_last_administrator_stays_one(donghu):
    from server.people.actions import disable_person
    from sync.refusal import Refusal

    refused = await change(donghu, "chen", 409, remove=["admin"], add=["auditor"])
    assert refused["code"] == "person.last_admin"
    assert (await donghu.chen.client.get("/v1/persons/chen")).json()["roles"] == [{"role": "admin", "unit": "donghu"}]
    with pytest.raises(Refusal, match=r"person\.last_admin"):
        await disable_person(donghu.system, "chen")
    await change(donghu, "sun", add=["admin"])
    await change(donghu, "chen", remove=["admin"])
    assert (await donghu.chen.client.get("/v1/persons")).status_code == 403
    assert (await change(donghu, "sun", 409, by=donghu.sun, remove=["admin"]))["code"] == "person.last_admin"
    with pytest.raises(Refusal, match=r"person\.last_admin"):
        await disable_person(donghu.system, "sun")


async def test_what_cannot_be_given_or_taken_is_refused_whole(donghu):
    before = await scopes_of(donghu.bureau, donghu.he.id)
    for body, code in (
        ({"add": ["reviewer", "king"]}, "role.unknown"),
        ({"add": ["reviewer", "handler"]}, "role.held"),
        ({"add": ["reviewer"], "remove": ["auditor"]}, "role.not_held"),
        ({"add": ["reviewer"], "remove": ["handler"], "unit": "hr"}, "role.not_held"),
        ({"add": ["reviewer"], "unit": "nowhere"}, "unit.unknown"),
    ):
        answer = await donghu.chen.client.post("/v1/persons/he/roles", json=body)
        assert answer.json()["code"] == code, body
    held = (await donghu.sun.client.get("/v1/persons/he")).json()
    assert held["roles"] == [{"role": "handler", "unit": "finance"}]
    assert await scopes_of(donghu.bureau, donghu.he.id) == before
    for member in (donghu.sun, donghu.zhou):
        assert (await change(donghu, "he", 403, by=member, add=["admin"]))["details"] == {"permission": "person.write"}
        assert (await move(donghu, "he", "hr", 403, by=member))["code"] == "permission.missing"


async def test_another_bureaus_persons_and_units_are_unknown(donghu):
    from server.people.actions import NewPerson, add_person, found_bureau
    from server.people.tables import Person
    from server.sessions.actions import open_session_of

    there = await found_bureau("xihu", "西湖区中小企业服务局")
    boss = await add_person(there, NewPerson(login="boss", name="局长", unit="xihu", roles=("admin",)))
    await Person.update({Person.must_change_password: False}).where(Person.id == boss.id)
    async with knock(await open_session_of(there.bureau, boss.id)) as client:
        for path, body in (("he/roles", {"add": ["admin"]}), ("he/move", {"unit": "xihu"})):
            answer = await client.post(f"/v1/persons/{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "person.unknown")
        assert (await client.get("/v1/persons/he")).status_code == 404
        foreign = await client.post("/v1/persons/boss/move", json={"unit": "finance"})
        assert foreign.json()["code"] == "unit.unknown"


async def test_a_repeated_change_acts_once(donghu):
    headers = {"Idempotency-Key": str(new_id())}
    for _ in range(2):
        answer = await donghu.chen.client.post("/v1/persons/he/roles", json={"add": ["reviewer"]}, headers=headers)
        assert answer.status_code == 201, answer.text
    rows = await fetch("SELECT event FROM audit_row WHERE event = 'person.roles'")
    assert len(rows) == 1


async def test_two_administrators_who_dismiss_each_other_at_once_leave_one(donghu):
    await change(donghu, "sun", add=["admin"])
    answers = await asyncio.gather(
        donghu.chen.client.post("/v1/persons/sun/roles", json={"remove": ["admin"]}),
        donghu.sun.client.post("/v1/persons/chen/roles", json={"remove": ["admin"]}),
    )
    assert sorted(answer.status_code for answer in answers) in ([201, 403], [201, 409])
    rows = await fetch("SELECT person FROM role_grant WHERE role = 'admin' AND revoked_at IS NULL")
    assert len(rows) == 1
