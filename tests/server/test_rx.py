"""Rule 24 through the real door: zhou's firms in an app built on RxDB."""

from typing import Any

import pytest

from tests.server.fieldwork import enterprises, phone
from tests.server.streams import EventStream

pytestmark = pytest.mark.anyio


class App:
    """Talks to `/rx` with a device's token, and keeps a checkpoint per kind."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.checkpoints: dict[str, Any] = {}
        self.documents: dict[str, dict[str, Any]] = {}

    async def post(self, path: str, content: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.device.meta('token')}"}
        return await self.device.client.post(f"/rx/{path}", json=content, headers=headers)

    async def pull(self, kind: str = "enterprise") -> list[dict[str, Any]]:
        answer = await self.post(f"{kind}/pull", {"checkpoint": self.checkpoints.get(kind), "limit": 100})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        self.checkpoints[kind] = page["checkpoint"]
        self.documents |= {one["id"]: one for one in page["documents"]}
        return page["documents"]

    async def edit(self, id: Any, **values: Any) -> list[dict[str, Any]]:
        before = self.documents[str(id)]
        row = {"assumedMasterState": before, "newDocumentState": before | values}
        answer = await self.post("enterprise/push", [row])
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def app(donghu) -> App:
    return App(await phone(donghu, donghu.zhou))


@pytest.fixture
async def firm(donghu, app):
    (firm,) = await enterprises(donghu, 1)
    await app.pull()
    return firm


async def desk(donghu, firm) -> dict[str, Any]:
    return (await donghu.sun.client.get(f"/v1/enterprises/{firm}")).json()


async def test_rule_24_a_firm_is_a_document_with_every_field_that_may_be_edited_at_its_top(donghu, app, firm):
    from server.enterprises.kinds import _fields

    document = app.documents[str(firm)]
    assert (document["name"], document["staff"], document["facts"]) == ("东湖精工仪表", "40", {})
    fields = await _fields(donghu.bureau, firm)
    assert {name: document[name] for name in fields} == fields


async def test_rule_24_an_edit_reaches_the_desk_and_the_next_pull(donghu, app, firm):
    assert await app.edit(firm, staff="45", remark="搬到新址") == []
    (document,) = await app.pull()
    assert (document["staff"], document["remark"]) == ("45", "搬到新址")
    assert (await desk(donghu, firm))["facts"]["staff"] == "45"


async def test_rule_24_what_the_server_makes_of_an_edit_is_told_at_once(app, firm):
    (document,) = await app.edit(firm, contact_name="胡总  ", contact_phone="１３８００００００００")
    assert (document["contact_name"], document["contact_phone"]) == ("胡总", "13800000000")
    assert document["contacts"] == [{"name": "胡总", "post": "", "phone": "13800000000", "is_first": True}]


@pytest.mark.parametrize("values", [{"credit_code": "91360102MA35XXXX0X"}, {"contacts": [1]}, {"pools": ["专精特新"]}])
async def test_rule_24_what_a_phone_may_not_patch_an_app_may_not_either(donghu, app, firm, values):
    """A fact that bears the name of another part of the dossier does not make that part a field."""
    await donghu.sun.client.patch(f"/v1/enterprises/{firm}", json={"set": {"pools": "a fact"}})
    before = await desk(donghu, firm)
    await app.pull()
    (document,) = await app.edit(firm, **values)
    assert {name: document[name] for name in values} == {name: app.documents[str(firm)][name] for name in values}
    assert (await desk(donghu, firm))["facts"] == before["facts"]
    (kept,) = await app.pull("quarantine")
    assert kept["code"] == "patch.field_unknown"


async def test_rule_24_a_firm_handed_over_is_deleted_from_the_app(donghu, app, firm):
    assignments = (await donghu.sun.client.get(f"/v1/enterprises/{firm}/assignments")).json()
    (mine,) = [one for one in assignments if one["person"] == str(donghu.zhou.id)]
    ended = await donghu.sun.client.delete(f"/v1/assignments/{mine['id']}")
    assert ended.status_code == 200, ended.text
    before = app.documents[str(firm)]
    assert await app.pull() == [{"id": str(firm), "_deleted": True}]
    app.documents[str(firm)] = before  # with an edit in it that has not been sent
    assert await app.edit(firm, staff="99") == [{"id": str(firm), "_deleted": True}]
    assert (await desk(donghu, firm))["facts"]["staff"] == "40"


async def test_rule_24_an_edit_that_came_too_late_is_accepted_by_a_supervisor(donghu, app, firm):
    (mine,) = (await donghu.sun.client.get(f"/v1/enterprises/{firm}/assignments")).json()
    await donghu.sun.client.delete(f"/v1/assignments/{mine['id']}")
    await app.edit(firm, staff="45")
    (kept,) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    assert (kept["code"], kept["op"]) == ("patch.out_of_reach", "enterprise.patch")
    accepted = await donghu.sun.client.post(f"/v1/quarantine/{kept['id']}/acceptance", json={})
    assert accepted.is_success, accepted.text
    assert (await desk(donghu, firm))["facts"]["staff"] == "45"


async def test_rule_24_each_kind_can_be_pulled_and_only_those_with_a_field_edit_pushed(app):
    from sync.operations import kinds

    for kind in kinds():
        await app.pull(kind.name)
        answer = await app.post(f"{kind.name}/push", [])
        expected = (200, []) if kind.name == "enterprise" else (405, "rx.read_only")
        assert (answer.status_code, answer.json() if answer.is_success else answer.json()["code"]) == expected


async def test_rule_24_a_refused_push_names_the_operations_to_use(app):
    refused = (await app.post("visit/push", [])).json()
    assert "visit.plan" in refused["details"]["operations"]
    assert "visit.plan" in refused["title"]


async def test_rule_24_strangers_desks_revoked_devices_and_unknown_kinds_are_refused(donghu, app, firm):
    body = {"checkpoint": None}
    assert (await donghu.door.post("/rx/enterprise/pull", json=body)).json()["code"] == "session.required"
    assert (await donghu.sun.client.post("/rx/enterprise/pull", json=body)).json()["code"] == "device.required"
    for path in ("pull", "push"):
        assert (await app.post(f"nothing/{path}", [] if path == "push" else body)).json()["code"] == "rx.kind_unknown"
    await donghu.chen.client.post(f"/v1/devices/{app.device.device}/revocation?salvage_days=0")
    for path in ("pull", "push"):
        answer = await app.post(f"enterprise/{path}", [] if path == "push" else body)
        assert (answer.status_code, answer.json()["code"]) == (403, "device_revoked")


async def test_rule_22_a_stopped_app_hands_in_its_edits_and_is_told_nothing(donghu, app, firm):
    await donghu.chen.client.post(f"/v1/devices/{app.device.device}/revocation")
    assert await app.edit(firm, staff="45") == [{"id": str(firm), "_deleted": True}]
    assert await app.edit(firm, _deleted=True) == []
    assert (await desk(donghu, firm))["facts"]["staff"] == "40"
    (kept,) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    assert kept["code"] == "device.revoked"
    assert (await app.post("enterprise/pull", {"checkpoint": None})).json()["code"] == "device_revoked"


@pytest.mark.parametrize("body", [{"checkpoint": "x"}, {"checkpoint": {"cursor": 1}}, {"limit": "9"}, {"more": 1}, []])
async def test_rule_24_a_pull_that_cannot_be_read_is_malformed(app, body):
    assert (await app.post("enterprise/pull", body)).json()["code"] == "request.malformed"


async def test_rule_24_a_fork_of_a_phone_is_not_made_by_an_app(donghu, app, firm):
    """The app's operations are numbered after those the device has sent by itself, also when both wait in one process."""
    app.device.do("feedback.send", firm, {"text": "一切正常"})
    await app.device.push()
    await app.edit(firm, staff="45")
    listed = (await donghu.chen.client.get("/v1/devices")).json()
    assert [one["have_n"] for one in listed] == [2]


@pytest.fixture
async def quiet_hub(product):
    from server.phones import hub

    yield
    await hub.close()


async def test_rule_24_the_stream_says_resync_when_it_begins_and_when_something_changed(donghu, app, quiet_hub):
    async with EventStream(app.device.meta("token"), path="/rx/enterprise/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert await stream.event() == {"data": "RESYNC"}
        await enterprises(donghu, 1)
        assert await stream.event() == {"data": "RESYNC"}
    assert len(await app.pull()) == 1


async def test_rule_24_streams_are_counted_kind_by_kind_and_end_with_the_device(donghu, app, quiet_hub, monkeypatch):
    from contextlib import AsyncExitStack

    from server import phones

    monkeypatch.setattr(phones.hub, "limits", phones.Limits(poll_seconds=0.05, streams_of_holder=1))
    async with AsyncExitStack() as stack:
        streams = []
        for kind in ("enterprise", "visit", "task"):
            stream = EventStream(app.device.meta("token"), path=f"/rx/{kind}/stream")
            streams.append(await stack.enter_async_context(stream))
            assert await stream.event() == {"data": "RESYNC"}
        await donghu.chen.client.post(f"/v1/devices/{app.device.device}/revocation")
        for stream in streams:
            while await stream.event() is not None:
                pass


async def test_rule_24_there_is_no_stream_of_nothing_and_none_for_a_desk(donghu, app):
    async with EventStream(app.device.meta("token"), path="/rx/nothing/stream") as stream:
        assert stream.status == 404
    token = donghu.sun.client.headers["Authorization"].removeprefix("Bearer ")
    async with EventStream(token, path="/rx/enterprise/stream") as stream:
        assert stream.status == 403
