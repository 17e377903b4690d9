"""Scenario 15 at the product's own door: a firm written down by mistake is removed while a phone edits it offline."""

import json
from typing import Any

import pytest

from server.enterprises.actions import NewEnterprise, add_enterprise
from server.enterprises.assignments.actions import assign_enterprise
from tests.server.fieldwork import CODES, enterprises, phone, publish, submit, visit_answers
from tests.server.test_issue_console import console

pytestmark = pytest.mark.anyio


async def remove(donghu, firm, by: str = "sun") -> Any:
    client = getattr(donghu, by).client
    return await client.post(f"/v1/enterprises/{firm}/removal", json={"reason": "误录"})


async def edited_and_removed(donghu) -> tuple[Any, Any, Any]:
    """zhou edits the firm offline; meanwhile sun removes it. The firm, the phone, and what the push answered."""
    (firm,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    await device.pull()
    base = device.version("enterprise", firm)
    device.do("enterprise.patch", firm, {"set": {"staff": "45"}}, base=base, was={"staff": "40"})
    answer = await remove(donghu, firm)
    assert answer.status_code == 201, answer.text
    (result,) = await device.push()
    return firm, device, result


async def test_scenario_15_the_removal_stands_and_the_edit_is_kept_as_a_conflict(donghu):
    firm, device, result = await edited_and_removed(donghu)
    assert result.status == "conflict"
    await device.pull()
    assert (device.rows("enterprise"), firm in device.rows("enterprise_name")) == ({}, False)
    kept = device.rows("conflict")[result.conflict_id]["conflict"]
    assert (kept["gone"], kept["fields"]["staff"]) == (True, {"base": "40", "server": None, "phone": "45"})
    (listed,) = (await donghu.sun.client.get("/v1/conflicts")).json()["items"]
    assert (listed["is_gone"], listed["title"]) == (True, "东湖精工仪表")
    for key in (f"/v1/enterprises/{firm}", "/v1/enterprises/T-DONGHU-000001"):
        assert (await donghu.sun.client.get(key)).status_code == 404
    assert (await donghu.sun.client.get("/v1/enterprises")).json()["items"] == []
    assert str(firm) not in (await donghu.sun.client.get("/v1/lists/enterprises.csv")).text


async def test_scenario_15_one_action_puts_the_firm_back_with_what_the_phone_wrote(donghu):
    firm, device, result = await edited_and_removed(donghu)
    address = f"/v1/conflicts/{result.conflict_id}/resolution"
    decided = await donghu.sun.client.post(address, json={"set": {"staff": "45"}, "revive": True})
    assert decided.is_success, decided.text
    assert (await donghu.sun.client.get(f"/v1/enterprises/{firm}")).json()["facts"]["staff"] == "45"
    await device.sync()
    assert device.rows("enterprise")[firm]["facts"]["staff"] == "45"
    assert firm in device.rows("enterprise_name")


async def test_scenario_15_letting_the_edit_go_leaves_the_firm_removed(donghu):
    firm, _, result = await edited_and_removed(donghu)
    address = f"/v1/conflicts/{result.conflict_id}/resolution"
    late = await donghu.sun.client.post(address, json={"set": {"staff": "45"}})
    assert (late.status_code, late.json()["code"]) == (409, "conflict.row_gone")
    assert (await donghu.sun.client.post(address, json={"set": {}})).is_success
    assert (await donghu.sun.client.get(f"/v1/enterprises/{firm}")).status_code == 404


async def test_scenario_15_a_phone_whose_person_does_not_keep_the_registry_cannot_undo_a_removal(donghu):
    firm, device, result = await edited_and_removed(donghu)
    await device.pull()
    device.do("conflict.resolve", result.conflict_id, {"set": {"staff": "45"}, "revive": True})
    (answer,) = await device.push()
    assert (answer.status, answer.code) == ("rejected", "permission.missing")
    (waits,) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    assert waits["op"] == "conflict.resolve"
    assert (await donghu.sun.client.get(f"/v1/enterprises/{firm}")).status_code == 404


async def test_what_is_recorded_about_a_removed_firm_waits_until_the_firm_is_back(donghu):
    version = await publish(donghu, "visit_record")
    (firm,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    await device.pull()
    record = submit(device, "visit_record", version, visit_answers(firm, "2026-11-20"), enterprise=firm)
    await remove(donghu, firm)
    (result,) = await device.push()
    assert (result.status, result.code) == ("rejected", "record.out_of_scope")
    back = await donghu.sun.client.delete(f"/v1/enterprises/{firm}/removal")
    assert back.status_code == 200, back.text
    again = await donghu.sun.client.post(f"/v1/quarantine/{result.quarantine_id}/replay", json={})
    assert again.is_success, again.text
    assert (await donghu.sun.client.get(f"/v1/records/{record}")).json()["record"]["enterprise"] == str(firm)
    refused = await remove(donghu, firm)
    assert (refused.status_code, refused.json()["code"]) == (409, "enterprise.in_use")


async def test_the_code_of_a_removed_firm_is_free_and_comes_back_only_if_it_still_is(donghu):
    first = await add_enterprise(donghu.system, NewEnterprise(name="误录厂", credit_code=CODES[0]))
    await assign_enterprise(donghu.system, first.id, donghu.zhou.id)
    assert (await remove(donghu, first.id, "zhou")).status_code == 403
    assert (await remove(donghu, first.id)).status_code == 201
    assert (await remove(donghu, first.id)).status_code == 404
    assert (await donghu.sun.client.get(f"/v1/enterprises/{CODES[0]}")).status_code == 404
    address = f"/v1/enterprises/{first.id}/removal"
    assert (await donghu.sun.client.delete(address)).json()["credit_code"] == CODES[0]
    assert (await donghu.sun.client.delete(address)).status_code == 404
    await remove(donghu, first.id)
    second = await donghu.sun.client.post("/v1/enterprises", json={"name": "真厂", "credit_code": CODES[0]})
    assert second.status_code == 201, second.text
    back = (await donghu.sun.client.delete(address)).json()
    assert (back["credit_code"], back["temporary_id"][:2]) == (None, "T-")


async def test_a_list_brings_a_removed_firm_as_a_new_one(donghu):
    firm = await add_enterprise(donghu.system, NewEnterprise(name="误录厂", credit_code=CODES[0]))
    await remove(donghu, firm.id)
    content = f"credit_code,name\n{CODES[0]},真厂\n".encode()
    answer = await donghu.sun.client.post(
        "/v1/enterprises/import?strict=true&report=json", content=content, headers={"Content-Type": "text/csv"}
    )
    assert answer.is_success, answer.text
    assert answer.json()["counts"]["added"] == 1
    assert (await donghu.sun.client.get(f"/v1/enterprises/{CODES[0]}")).json()["name"] == "真厂"


async def test_a_firm_is_removed_and_restored_from_the_console(donghu):
    firm = await add_enterprise(donghu.system, NewEnterprise(name="误录厂", credit_code=CODES[0]))
    code, out, err = await console("enterprise", "remove", CODES[0], "--reason", "误录", "--json")
    assert (code, err, json.loads(out)["id"]) == (0, "", str(firm.id))
    code, out, err = await console("enterprise", "remove", CODES[0], "--reason", "误录")
    assert (code, err.split(":")[0]) == (1, "enterprise.unknown")
    code, out, err = await console("enterprise", "restore", str(firm.id))
    assert (code, out.strip()) == (0, f"{firm.id} 误录厂")
    assert (await donghu.sun.client.get(f"/v1/enterprises/{CODES[0]}")).status_code == 200
