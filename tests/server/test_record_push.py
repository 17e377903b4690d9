"""Records by phone: pushed once whatever the line does, quarantined when they cannot be taken, pulled back by their author."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.identity import new_id
from tests.conftest import ON_POSTGRES
from tests.server.conftest import knock
from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio


@pytest.fixture
async def phone(donghu: Any, tmp_path: Path) -> Any:
    """Zhou's phone, enrolled; the form `pulse` is published."""
    from server.devices.actions import offer_enrolment
    from server.questionnaires.actions import publish_form
    from sync.phone import Phone

    await publish_form(donghu.system, workbook(PULSE), "pulse.xlsx")
    phone = Phone(tmp_path / "phone.db", knock())
    await phone.enrol((await offer_enrolment(donghu.system, "zhou")).code)
    yield phone
    phone.close()
    await phone.client.aclose()


def filled(answers: Any, **more: Any) -> dict[str, Any]:
    return {"form": "pulse", "version": "1", "filled_at": "2026-11-20T10:00:00+08:00", "answers": answers, **more}


async def statuses(phone: Any) -> list[tuple[str, str | None]]:
    return [(result.status, result.code) for result in await phone.push()]


async def test_fifty_records_go_in_one_push_and_come_back_by_pull(donghu, phone):
    records = {phone.do("record.submit", new_id(), filled({"staff": n})): n for n in range(50)}
    assert await statuses(phone) == [("applied", None)] * 50
    await phone.pull()
    held = phone.rows("record")
    assert len(held) == len(records) == 50
    assert sorted(body["answers"]["staff"] for body in held.values()) == list(range(50))
    lines = (await donghu.zhou.client.get("/v1/records", params={"limit": 100})).json()["items"]
    assert len(lines) == 50
    assert (await donghu.sun.client.get("/v1/records", params={"state": "returned"})).json()["items"] == []


async def test_a_push_whose_answer_was_lost_is_answered_again_and_acts_once(donghu, phone):
    phone.do("record.submit", new_id(), filled({"staff": 1}))
    batch = phone._next_batch()
    first = await phone._send(batch)
    again = await phone._send(batch)
    assert [result.duplicate for result in again.results] == [True]
    assert again.results[0].id == first.results[0].id
    assert len((await donghu.zhou.client.get("/v1/records")).json()["items"]) == 1


async def test_among_many_one_that_cannot_be_taken_waits_in_quarantine_alone(donghu, phone):
    phone.do("record.submit", new_id(), filled({"staff": 1}))
    phone.do("record.submit", new_id(), filled({"staff": 2}, version="7"))
    phone.do("record.submit", new_id(), filled({"staff": 3}, enterprise=str(new_id())))
    phone.do("record.submit", new_id(), filled({"staff": "many", "odd": True}))
    assert await statuses(phone) == [
        ("applied", None),
        ("rejected", "form.version_unknown"),
        ("rejected", "record.out_of_scope"),
        ("applied", None),
    ]
    lines = (await donghu.zhou.client.get("/v1/records")).json()["items"]
    assert sorted(line["errors"] for line in lines) == [0, 2]


async def test_an_id_another_bureau_uses_is_taken_without_saying_where(donghu, phone):
    id = new_id()
    phone.do("record.submit", id, filled({"staff": 1}))
    phone.do("record.submit", new_id(), filled({"staff": 2}))
    await phone.push()
    phone.do("record.submit", id, filled({"staff": 3}))
    assert await statuses(phone) == [("rejected", "record.exists")]


async def test_a_phone_amends_and_withdraws_its_records(donghu, phone):
    first, second = new_id(), new_id()
    phone.do("record.submit", first, filled({"staff": -1}))
    phone.do("record.submit", second, filled({"staff": 2}))
    phone.do("record.amend", first, {**filled({"staff": 1}), "note": "数字写错"})
    phone.do("record.withdraw", second, {"reason": "填错企业"})
    assert await statuses(phone) == [("applied", None)] * 4
    await phone.pull()
    held = phone.rows("record")
    assert (held[first]["state"], held[first]["n"], held[first]["errors"]) == ("amended", 2, 0)
    assert held[second]["state"] == "withdrawn"


async def test_scenario_16_what_was_amended_elsewhere_is_withdrawn_only_after_somebody_has_looked(donghu, phone):
    """The same person has two phones: one amends, the other, off line, withdraws what it still shows."""
    from tests.server.fieldwork import phone as another_phone

    record, own = new_id(), new_id()
    phone.do("record.submit", record, filled({"staff": 1}))
    phone.do("record.submit", own, filled({"staff": 1}))
    phone.do("record.amend", own, {**filled({"staff": 2}), "note": "数错了"})
    await phone.sync()
    other = await another_phone(donghu, donghu.zhou)
    other.do("record.amend", record, {**filled({"staff": 9}), "note": "数错了"})
    await other.sync()
    withdrawn = phone.do("record.withdraw", record, {"reason": "填错企业", "seen": 1})
    phone.do("record.withdraw", own, {"reason": "填错企业", "seen": 1})
    assert await statuses(phone) == [("rejected", "record.other_version"), ("applied", None)]
    await phone.pull()
    assert {id: row["state"] for id, row in phone.rows("record").items()} == {record: "amended", own: "withdrawn"}
    kept = phone.result(withdrawn).quarantine_id
    accepted = await donghu.sun.client.post(f"/v1/quarantine/{kept}/acceptance", json={"note": "确应撤回"})
    assert accepted.json()["status"] == "applied"
    await phone.pull()
    assert phone.rows("record")[record]["state"] == "withdrawn"
    other.close()


@pytest.mark.skipif(ON_POSTGRES, reason="counted where one connection does it all")
async def test_a_batch_writes_the_same_number_of_statements_whatever_its_size(donghu, phone, monkeypatch):
    from sync.database import sqlite

    counted: list[str] = []
    plain = sqlite.Connection.run

    async def run(self: Any, act: Any) -> Any:
        counted.append(act.__qualname__)
        return await plain(self, act)

    monkeypatch.setattr(sqlite.Connection, "run", run)
    numbers = []
    for size in (2, 2, 40):
        for n in range(size):
            phone.do("record.submit", new_id(), filled({"staff": n}))
        counted.clear()
        await phone.push()
        numbers.append(len(counted))
    assert numbers[0] > numbers[1] == numbers[2]  # the first one compiles the form


async def test_the_audit_chain_holds_one_row_per_record_and_no_answer(donghu, phone):
    from server.audit.actions import find_break, read_chain

    for n in range(3):
        phone.do("record.submit", new_id(), filled({"remark": f"秘密{n}"}))
    await phone.push()
    rows = [row for row in await read_chain(donghu.bureau, limit=1000) if row.event == "record.submit"]
    assert len(rows) == 3
    assert "秘密" not in msgspec.json.encode(rows).decode()
    assert await find_break(donghu.bureau) is None


async def test_whoever_lost_the_role_while_offline_amends_only_with_a_supervisors_word(donghu, phone):
    from server.moment import now
    from server.people.tables import RoleGrant

    first, second = new_id(), new_id()
    phone.do("record.submit", first, filled({"staff": -1}))
    phone.do("record.submit", second, filled({"staff": 2}))
    await phone.push()
    await RoleGrant.update({RoleGrant.revoked_at: now()}).where(RoleGrant.person == donghu.zhou.id)
    phone.do("record.amend", first, {**filled({"staff": 1}), "note": "数字写错"})
    phone.do("record.withdraw", second, {"reason": "填错企业"})
    assert await statuses(phone) == [("rejected", "permission.missing")] * 2
    (waiting, _) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    accepted = await donghu.sun.client.post(f"/v1/quarantine/{waiting['id']}/acceptance", json={"note": "属实"})
    assert accepted.json()["status"] == "applied"
