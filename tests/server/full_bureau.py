"""A bureau in which something lies in every drawer, put there at the real door: for tests that try to open them all."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from server.moment import at, now, today
from sync.identity import new_id
from sync.transaction import fetch, is_postgres
from tests.server.fieldwork import enterprises, phone, publish, submit, visit_answers
from tests.server.workbooks import PULSE, workbook

CONTENT = b"minutes of a meeting\n"


def ok(answer: Any) -> Any:
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


async def fill(cast: Any) -> dict[str, Any]:
    """Puts a row into every drawer and tells an id for each collection the addresses name."""
    from server.notices.telling import tell
    from server.questionnaires.actions import publish_form
    from server.routing.actions import load_taxonomy

    zhou, sun, lin, he = cast.zhou.client, cast.sun.client, cast.lin.client, cast.he.client
    day = today().isoformat()
    await load_taxonomy(cast.system)
    firm, other = await enterprises(cast, 2)
    await publish_form(cast.system, workbook(PULSE), "pulse.xlsx")
    version = await publish(cast, "visit_record")
    ok(await sun.post(f"/v1/enterprises/{firm}/pools", json={"pool": "专精特新"}))
    device = await phone(cast, cast.zhou)
    told = {"_id": str(new_id()), "title": "缺流动资金", "words": "月底前要付货款"}
    promise = {"_id": str(new_id()), "promise": "送政策汇编", "promise_due": day}
    record = submit(device, "visit_record", version, visit_answers(firm, day, promises=[promise]), enterprise=firm)
    stray = submit(device, "visit_record", version, visit_answers(firm, day), enterprise=new_id())
    await device.sync()
    address = {"base": device.version("enterprise", firm), "was": {"address": ""}}
    ok(await sun.patch(f"/v1/enterprises/{firm}", json={"set": {"address": "八一大道1号"}}))
    device.do("enterprise.patch", firm, {"set": {"address": "阳明路2号"}}, **address)
    await device.sync()
    conflict = next(iter(device.rows("conflict")))
    await device.client.aclose()
    report = ok(await sun.post("/v1/reports", json=filed_report(firm, told["title"])))
    second = ok(await sun.post("/v1/reports", json=filed_report(other, "路灯坏了")))
    issues = {line["title"]: line for line in ok(await lin.get("/v1/issues"))["items"]}
    issue = issues[told["title"]]
    ok(await lin.post(f"/v1/issues/{issue['number']}/dispatch", json={"lead": "finance"}))
    ok(await he.post(f"/v1/issues/{issue['number']}/signature", json={}))
    visit = ok(await zhou.post("/v1/visits", json={"enterprise": str(other), "day": day}))["id"]
    symposium = ok(await sun.post("/v1/symposia", json={
        "title": "银企对接会", "kind": "bank", "starts_at": datetime.now(UTC).isoformat(), "place": "政务中心",
        "host": "区金融服务中心", "recorder": str(cast.zhou.id),
    }))["id"]  # fmt: skip
    campaign = ok(await sun.post("/v1/campaigns", json={
        "name": "走访月", "form": "visit_record", "opens_on": day, "closes_on": (today() + timedelta(days=9)).isoformat(),
        "population": {"enterprises": [str(firm), str(other)]},
    }))["id"]  # fmt: skip
    ok(await sun.post(f"/v1/campaigns/{campaign}/rounds/1/open"))
    slot = ok(await sun.get(f"/v1/campaigns/{campaign}/rounds/1/slots"))["items"][0]["id"]
    link = ok(await sun.post(f"/v1/slots/{slot}/link"))["url"]
    spoken = (await fetch("SELECT report FROM issue_link WHERE issue = $1", [plain(UUID(issue["id"]))]))[0][0]
    seen = ok(await zhou.post(f"/v1/issues/{issue['number']}/reports/{spoken}/link", json={}))["url"]
    ok(await zhou.post("/v1/feedback", json={"words": "按钮太小"}))
    quarantined = (await fetch("SELECT id FROM sync_quarantine WHERE bureau = $1", [plain(cast.bureau)]))[0]["id"]
    assignment = ok(await sun.get(f"/v1/enterprises/{firm}/assignments"))[0]["id"]
    task = ok(await zhou.get("/v1/tasks"))["items"][0]["id"]
    hook = {"kind": "webhook", "address": "http://127.0.0.1:9/"}  # where notices may not go
    channel = ok(await cast.chen.client.post("/v1/channels", json={"name": "钩", "connection": hook}))["id"]
    await tell(cast.bureau, [told_of(cast)])
    alarm = await alarmed(cast, firm, other)
    notice = ok(await zhou.get("/v1/notices"))["items"][0]["id"]
    delivery = ok(await cast.chen.client.get("/v1/deliveries"))["items"][0]["id"]
    return {
        "bureau": cast.bureau, "enterprises": firm, "other_enterprises": other, "assignments": assignment, "pools": "专精特新",
        "devices": device.device, "quarantine": quarantined, "conflicts": conflict,
        "files": await uploaded(cast.zhou, record), "forms": "pulse",
        "versions": "1", "media": "none.png", "records": record, "stray_record": stray, "reports": report["id"],
        "other_reports": second["id"], "issues": issue["number"], "issue_ids": issue["id"], "tasks": task,
        "visits": visit, "symposia": symposium, "campaigns": campaign, "rounds": 1, "slots": slot,
        "c": link.rsplit("/", 1)[1], "reporter": seen.rsplit("/", 1)[1], "r": seen.rsplit("/", 1)[1], "persons": cast.zhou.id,
        "channels": channel, "notices": notice, "deliveries": delivery, "alarms": alarm,
    }  # fmt: skip


async def alarmed(cast: Any, *firms: UUID) -> str:
    """The next night finds that these enterprises have begun to say the same."""
    from server.alarms.nightly import raise_in

    sun = cast.sun.client
    ok(await sun.put("/v1/alarms/rules", json={"enterprises_min": len(firms), "ratio_min": 1}))
    for firm in firms:
        ok(await sun.post("/v1/reports", json=filed_report(firm, "缺工") | {"category": "0101"}))
    with at(now() + timedelta(days=1)):
        await raise_in(cast.bureau)
    return str(ok(await sun.get("/v1/alarms"))["items"][0]["id"])


def told_of(cast: Any) -> Any:
    from server.notices.senders.message import Words
    from server.notices.telling import Telling

    words = Words(title_zh="有一件事项", title_en="There is an issue")
    return Telling(
        topic="issue.dispatch", key="full", subject_kind="issue", subject=cast.bureau, words=words,
        persons=frozenset({cast.zhou.id}),
    )  # fmt: skip


def filed_report(enterprise: UUID, title: str) -> dict[str, Any]:
    return {"enterprise": str(enterprise), "title": title, "description": "月底前要付货款", "source": "hotline"}


async def uploaded(member: Any, record: UUID) -> UUID:
    id = new_id()
    told = {"id": str(id), "record": str(record), "name": "纪要.txt", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(CONTENT)),
        "Upload-Metadata": metadata,
        "Content-Type": "application/offset+octet-stream",
    }
    answer = await member.client.post("/files", content=CONTENT, headers=headers)
    assert answer.status_code == 201, answer.text
    return id


def plain(id: UUID) -> Any:
    return id if is_postgres() else str(id)


async def tables_of_bureaus() -> list[str]:
    if is_postgres():
        sql = (
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'bureau' AND table_schema = 'public'"
        )
        return sorted(row[0] for row in await fetch(sql))
    names = [row[0] for row in await fetch("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return sorted([
        name for name in names if any(row[0] == "bureau" for row in await fetch(f"SELECT name FROM pragma_table_info('{name}')"))
    ])  # fmt: skip


async def contents(bureau: UUID) -> dict[str, list[bytes]]:
    """Every row of this bureau, as bytes, by table."""
    found = {}
    for name in await tables_of_bureaus():
        rows = await fetch(f"SELECT * FROM {name} WHERE bureau = $1", [plain(bureau)])
        found[name] = sorted(msgspec.json.encode(dict(row), enc_hook=str) for row in rows)
    return found
