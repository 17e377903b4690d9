"""What could not be applied, and what two hands differ about, at the desk: found, explained, decided, tried again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.schedule import JOBS
from sync.identity import new_id
from sync.transaction import fetch
from tests.server.fieldwork import enterprises, phone
from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio


def filled(version: str, answers: dict[str, Any]) -> dict[str, Any]:
    return {"form": "pulse", "version": version, "answers": answers, "filled_at": datetime.now(UTC).isoformat()}


async def job(name: str) -> Any:
    return await next(one for one in JOBS if one.name == name).act()


async def waiting_of(member: Any, **query: Any) -> list[dict[str, Any]]:
    answer = await member.client.get("/v1/quarantine", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def submitted_too_early(donghu: Any) -> tuple[Any, UUID]:
    """Zhou's phone has filled in a version nobody has published yet."""
    from server.questionnaires.actions import publish_form

    await publish_form(donghu.system, workbook(PULSE), "pulse.xlsx")
    device = await phone(donghu, donghu.zhou)
    record = new_id()
    device.do("record.submit", record, filled("2", {"staff": 3}))
    device.do("record.amend", record, {**filled("2", {"staff": 4}), "note": "数错了"})
    await device.sync()
    return device, record


async def test_rule_6_a_record_of_an_unknown_version_is_applied_again_once_that_is_published(donghu):
    from server.questionnaires.actions import publish_form

    device, record = await submitted_too_early(donghu)
    first, behind = await waiting_of(donghu.sun)
    assert (first["code"], first["state"], behind["state"]) == ("form.version_unknown", "waiting", "held")
    assert (first["person_name"], first["op"], first["target"]) == ("周访", "record.submit", str(record))
    early = await donghu.sun.client.post(f"/v1/quarantine/{first['id']}/replay")
    assert early.json() == {"status": "rejected"}
    await publish_form(donghu.system, workbook(PULSE, version="2"), "pulse.xlsx")
    again = await donghu.sun.client.post("/v1/quarantine/replays", json={"code": "form.version_unknown"})
    assert again.json() == {"applied": 1, "waiting": 0}
    assert await waiting_of(donghu.sun) == []
    one = (await donghu.sun.client.get(f"/v1/quarantine/{first['id']}")).json()
    assert (one["state"], one["decided_by_name"]) == ("released", "孙督")
    await device.sync()
    assert device.rows("record")[record]["answers"] == {"staff": 4}
    device.close()


async def test_rule_6_a_supervisor_finds_what_waits_by_what_it_is_and_an_author_sees_their_own(donghu):
    device, record = await submitted_too_early(donghu)
    (first, behind) = await waiting_of(donghu.sun)
    for query, found in (
        ({"code": "form.version_unknown"}, [first]),
        ({"state": "held"}, [behind]),
        ({"op": "record.amend"}, [behind]),
        ({"target": str(record), "person": str(donghu.zhou.id), "device": device.device}, [first, behind]),
        ({"person": str(donghu.he.id)}, []),
        ({"state": "accepted"}, []),
    ):
        assert await waiting_of(donghu.sun, **query) == found
    page = (await donghu.sun.client.get("/v1/quarantine", params={"limit": 1})).json()
    rest = (await donghu.sun.client.get("/v1/quarantine", params={"limit": 1, "after": page["next"]})).json()
    assert ([page["items"], rest["items"]], rest["next"]) == ([[first], [behind]], None)
    assert [one["id"] for one in await waiting_of(donghu.zhou)] == [first["id"], behind["id"]]
    assert await waiting_of(donghu.he) == []
    path = f"/v1/quarantine/{first['id']}"
    assert (await donghu.zhou.client.get(path)).status_code == 200
    assert (await donghu.he.client.get(path)).json()["code"] == "quarantine.unknown"
    for verb in ("acceptance", "return", "replay"):
        refused = await donghu.zhou.client.post(f"{path}/{verb}", json={})
        assert refused.json()["code"] == "permission.missing"
    waits = await donghu.sun.client.post(f"/v1/quarantine/{behind['id']}/replay")
    assert (waits.status_code, waits.json()["code"]) == (409, "quarantine.waits")
    device.close()


async def two_hands(donghu: Any) -> tuple[Any, UUID, dict[str, Any]]:
    """Sun at the desk and Zhou on the road gave one firm two addresses."""
    (firm,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    base = device.version("enterprise", firm)
    await donghu.sun.client.patch(f"/v1/enterprises/{firm}", json={"set": {"address": "八一大道1号"}})
    device.do("enterprise.patch", firm, {"set": {"address": "阳明路2号"}}, base=base, was={"address": ""})
    await device.sync()
    (line,) = (await donghu.sun.client.get("/v1/conflicts")).json()["items"]
    return device, firm, line


async def test_rule_8_scenario_10_a_conflict_names_the_firm_the_field_and_both_hands(donghu):
    device, firm, line = await two_hands(donghu)
    assert (line["kind"], line["target"], line["title"], line["is_gone"]) == (
        "enterprise",
        str(firm),
        "东湖精工仪表",
        False,
    )
    (difference,) = line["differences"]
    assert (difference["field"], difference["label"], difference["base"]) == ("address", "地址", "")
    assert (difference["server"]["value"], difference["server"]["by"]["name"]) == ("八一大道1号", "孙督")
    assert difference["server"]["by"]["device"] is None
    assert (difference["phone"]["value"], difference["phone"]["by"]["name"]) == ("阳明路2号", "周访")
    assert difference["phone"]["by"]["device"] == device.device
    one = (await donghu.sun.client.get(f"/v1/conflicts/{line['id']}")).json()
    assert one["differences"][0]["current"] == "八一大道1号"
    assert (await donghu.zhou.client.get("/v1/conflicts")).json()["items"] == [line]
    assert (await donghu.qian.client.get("/v1/conflicts")).json()["items"] == []
    assert (await donghu.qian.client.get(f"/v1/conflicts/{line['id']}")).json()["code"] == "conflict.unknown"
    device.close()


async def test_rule_8_a_conflict_is_decided_at_the_desk_and_the_phone_hears_of_it(donghu):
    device, firm, line = await two_hands(donghu)
    path = f"/v1/conflicts/{line['id']}/resolution"
    odd = await donghu.sun.client.post(path, json={"set": {"name": "别的"}})
    assert odd.status_code == 400
    denied = await donghu.qian.client.post(path, json={"set": {}})
    assert denied.json()["code"] == "conflict.unknown"
    key = {"Idempotency-Key": "decide"}
    decided = await donghu.sun.client.post(path, json={"set": {"address": "阳明路2号"}}, headers=key)
    again = await donghu.sun.client.post(path, json={"set": {"address": "阳明路2号"}}, headers=key)
    assert decided.json() == again.json()
    assert (decided.json()["resolved_by_name"], decided.json()["resolution"]) == ("孙督", {"address": "阳明路2号"})
    assert (await donghu.sun.client.get("/v1/conflicts")).json()["items"] == []
    assert len((await donghu.sun.client.get("/v1/conflicts", params={"state": "all"})).json()["items"]) == 1
    late = await donghu.sun.client.post(path, json={"set": {}})
    assert (late.status_code, late.json()["code"]) == (409, "conflict.resolved")
    await device.sync()
    assert device.rows("enterprise")[firm]["address"] == "阳明路2号"
    assert device.rows("conflict")[UUID(line["id"])]["resolution"] == {"address": "阳明路2号"}
    events = [row["event"] for row in (await donghu.sun.client.get("/v1/audit?limit=200")).json()["items"]]
    assert "conflict.resolve" in events
    device.close()


async def test_scenario_3_an_operation_id_used_twice_stands_in_the_audit_chain(donghu):
    device = await phone(donghu, donghu.zhou)
    operation = {
        "n": 1,
        "id": str(new_id()),
        "op": "feedback.send",
        "target": str(new_id()),
        "at": "2026-03-01T08:00:00Z",
    }
    for words in ("按钮太小", "按钮太大"):
        operation["args"] = {"words": words}
        envelope = {"device": device.device, "incarnation": device.meta("incarnation"), "operations": [operation]}
        await device.caller.ask("/sync/v1/push", envelope)
    (row,) = [
        row
        for row in (await donghu.sun.client.get("/v1/audit?limit=200")).json()["items"]
        if row["event"] == "device.id_reused"
    ]
    assert (row["subject"], row["details"]) == (device.device, {"operation": operation["id"]})
    device.close()


async def test_rule_15_work_a_restore_has_lost_is_shown_with_the_device_and_stands_in_the_chain(donghu):
    device = await phone(donghu, donghu.zhou)
    device.set_meta("lost_until", "2026-03-01T08:00:00Z")
    device.do("feedback.send", new_id(), {"words": "按钮太小"})
    await device.sync()
    (line,) = (await donghu.chen.client.get("/v1/devices")).json()
    assert line["lost_until"] == "2026-03-01T08:00:00Z"
    events = {row["event"]: row for row in (await donghu.sun.client.get("/v1/audit?limit=200")).json()["items"]}
    assert events["device.work_lost"]["details"] == {"until": "2026-03-01T08:00:00+00:00"}
    device.close()


async def test_rule_15_scenario_36_tombstones_are_collected_by_the_timetable_and_an_old_phone_reads_everything_again(
    donghu, monkeypatch
):
    from server.enterprises.assignments.actions import end_assignment

    first, second = await enterprises(donghu, 2)
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    device.do("enterprise.patch", first, {"set": {"remark": "已搬迁"}}, was={"remark": ""})
    given = (await donghu.sun.client.get(f"/v1/enterprises/{first}/assignments")).json()[0]["id"]
    await end_assignment(donghu.system, UUID(given))
    assert await job("collect_tombstones") == {"donghu": 0}
    later = datetime.now(UTC) + timedelta(days=181)
    for place in ("server.keeping.history.now", "sync.configuration._now"):
        monkeypatch.setattr(place, lambda: later)
    assert (await job("collect_tombstones"))["donghu"] > 0
    found = await fetch("SELECT count(*) AS n FROM sync_feed WHERE op IN ('gone', 'out')")
    assert found[0]["n"] == 0
    before = device.meta("cursor")
    told = await device.client.post(
        "/sync/v1/pull",
        content=msgspec.json.encode({"cursor": before}),
        headers={"Authorization": f"Bearer {device.meta('token')}", "Content-Type": "application/json"},
    )
    assert (told.status_code, told.json()["details"]["reason"]) == (410, "below_floor")
    await device.sync()
    assert set(device.rows("enterprise")) == {second}
    assert [row["code"] for row in device.rows("quarantine").values()] == ["patch.out_of_reach"]
    device.close()


async def test_rule_9_scenario_13_what_waits_for_a_predecessor_that_never_came_is_released_by_the_timetable(
    donghu, monkeypatch
):
    (firm,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    late = device.do("enterprise.patch", firm, {"set": {"remark": "已搬迁"}}, was={"remark": ""}, prev=new_id())
    await device.sync()
    assert device.result(late).status == "held"
    assert await job("release_overdue") == {"donghu": 0}
    monkeypatch.setattr("sync.configuration._now", lambda: datetime.now(UTC) + timedelta(days=5, minutes=1))
    assert await job("release_overdue") == {"donghu": 1}
    await device.sync()
    assert device.rows("enterprise")[firm]["facts"]["remark"] == "已搬迁"
    device.close()
