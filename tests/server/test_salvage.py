"""Rule 22 through the real door: phones that are taken away, and persons who leave and come back."""

from datetime import timedelta
from typing import Any

import pytest

from sync.phone import Answered
from tests.server.fieldwork import phone
from tests.server.test_protocol import asked
from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio
PHOTO = b"\xff\xd8\xff\xe0" + bytes(500)
ANSWERS = {"form": "pulse", "version": "1", "filled_at": "2026-11-20T10:00:00+08:00", "answers": {"staff": 7}}


async def filled_in(donghu, member) -> Any:
    """A phone with a record and its photo, not sent yet."""
    from server.questionnaires.actions import publish_form
    from sync.identity import new_id

    await publish_form(donghu.system, workbook(PULSE), "pulse.xlsx")
    device = await phone(donghu, member)
    await device.pull()
    device.record = new_id()
    device.do("record.submit", device.record, ANSWERS)
    device.photo = device.attach(device.record, "gate.jpg", PHOTO)
    return device


async def revoke(donghu, device, **query: int) -> Any:
    return await donghu.chen.client.post(f"/v1/devices/{device.device}/revocation", params=query)


async def test_rule_22_scenario_21_a_revoked_phone_hands_in_records_and_photos_and_gets_nothing(donghu):
    device = await filled_in(donghu, donghu.zhou)
    assert (await revoke(donghu, device, salvage_days=3)).status_code == 201
    for address in ("/sync/v1/hello", "/sync/v1/digest?as_of=0", f"/v1/records/{device.record}", "/v1/files?record=x"):
        refused = await asked(device, "GET", address)
        assert (refused.status_code, refused.json()["code"]) == (403, "device_revoked"), address
    with pytest.raises(Answered):
        await device.pull()
    results = await device.push()
    assert [one.code for one in results] == ["device.revoked"]
    await device.upload_files()
    assert (await asked(device, "DELETE", f"/files/{device.photo}")).status_code == 403
    assert (await asked(device, "GET", f"/v1/files/{device.photo}")).status_code == 403

    (waiting,) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    assert (waiting["code"], waiting["target"]) == ("device.revoked", str(device.record))
    accepted = await donghu.sun.client.post(f"/v1/quarantine/{waiting['id']}/acceptance", json={"note": "本人所填"})
    assert accepted.json() == {"status": "applied"}
    assert (await donghu.sun.client.get(f"/v1/records/{device.record}")).status_code == 200
    assert (await donghu.sun.client.get(f"/v1/files/{device.photo}")).content == PHOTO


async def test_rule_22_scenario_21_a_stolen_phone_is_given_no_time_at_all(donghu):
    device = await filled_in(donghu, donghu.zhou)
    wrong = await revoke(donghu, device, salvage_days=91)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "device.salvage")
    await revoke(donghu, device, salvage_days=0)
    with pytest.raises(Answered) as no:
        await device.push()
    assert (no.value.status, no.value.code) == (403, "device_revoked")
    upload = await asked(device, "POST", "/files", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1"})
    assert (upload.status_code, upload.json()["code"]) == (403, "device_revoked")


async def test_rule_22_without_a_word_the_bureaus_own_number_of_days_holds(donghu, monkeypatch):
    from server import moment

    device = await filled_in(donghu, donghu.zhou)
    await revoke(donghu, device)
    with moment.at(moment.now() + timedelta(days=7, minutes=1)), pytest.raises(Answered):
        await device.push()
    assert [one.code for one in await device.push()] == ["device.revoked"]


async def test_rule_22_scenario_22_a_person_disabled_and_enabled_again_resumes_with_the_same_phone(donghu):
    from server.people.actions import disable_person, enable_person
    from sync.refusal import Refusal

    device = await filled_in(donghu, donghu.zhou)
    await disable_person(donghu.system, "zhou")
    with pytest.raises(Answered):
        await device.pull()
    assert device.rows("form") == {}
    assert len(device.unsent()) == 1
    await enable_person(donghu.system, "zhou")
    with pytest.raises(Refusal, match=r"person\.unknown"):
        await enable_person(donghu.system, "zhou")
    await device.sync()
    assert device.unsent() == []
    assert device.record in device.rows("record")
    assert (await donghu.zhou.client.get("/v1/session")).status_code == 200


async def test_rule_22_what_a_person_recorded_who_has_left_since_can_still_be_accepted(donghu):
    from server.people.actions import disable_person

    device = await filled_in(donghu, donghu.zhou)
    await disable_person(donghu.system, "zhou")
    assert [one.code for one in await device.push()] == ["device.revoked"]
    await device.upload_files()
    (waiting,) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    accepted = await donghu.sun.client.post(f"/v1/quarantine/{waiting['id']}/acceptance", json={"note": ""})
    assert accepted.json() == {"status": "applied"}
    (line,) = (await donghu.sun.client.get("/v1/records")).json()["items"]
    assert (line["id"], line["person"]) == (str(device.record), str(donghu.zhou.id))
