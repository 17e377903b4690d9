"""The protocol's smaller addresses through the real door: hello, digest, events."""

from typing import Any

import msgspec
import pytest

from sync.identity import new_id
from sync.wire import row_hash
from tests.server.fieldwork import enterprises, phone
from tests.server.streams import EventStream

pytestmark = pytest.mark.anyio


async def asked(device, method: str, address: str, **options):
    headers = {"Authorization": f"Bearer {device.meta('token')}"} | options.pop("headers", {})
    return await device.client.request(method, address, headers=headers, **options)


async def test_rule_18_a_phone_compares_its_digest_with_the_servers(donghu):
    await enterprises(donghu, 2)
    device = await phone(donghu, donghu.zhou)
    await device.pull()
    hello = (await asked(device, "GET", "/sync/v1/hello")).json()
    answer = (await asked(device, "GET", f"/sync/v1/digest?as_of={hello['head']}")).json()
    held: dict[str, list[int]] = {}
    for row in device.db.execute("SELECT scope, kind, id, v FROM row_scope JOIN row USING (kind, id)"):
        held.setdefault(row["scope"], []).append(row_hash(row["kind"], row["id"], row["v"]))
    counts = {scope: one["count"] for scope, one in answer["scopes"].items()}
    assert counts == {scope: len(hashes) for scope, hashes in held.items()}
    assert answer["moved"] == []
    assert hello["file_bytes_max"] > 0


async def test_rule_18_a_digest_wants_a_number_and_a_phone(donghu):
    device = await phone(donghu, donghu.zhou)
    assert (await asked(device, "GET", "/sync/v1/digest")).status_code == 400
    assert (await asked(device, "GET", "/sync/v1/digest?as_of=-1")).status_code == 400
    ahead = await asked(device, "GET", "/sync/v1/digest?as_of=99999999")
    assert (ahead.status_code, ahead.json()["code"]) == (410, "resync_required")
    desk = await donghu.sun.client.get("/sync/v1/digest?as_of=1")
    assert (desk.status_code, desk.json()["code"]) == (403, "device.required")


@pytest.fixture(autouse=True)
async def quiet_hub(product):
    from server.phones import hub

    yield
    await hub.close()


async def head_of(device) -> int:
    return (await asked(device, "GET", "/sync/v1/hello")).json()["head"]


async def test_rule_18_events_say_up_to_which_number_something_changed_and_nothing_else(donghu):
    device = await phone(donghu, donghu.zhou)
    async with EventStream(device.meta("token")) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store, no-transform"
        assert "content-encoding" not in stream.headers
        assert "retry: " in await stream.chunk()
        assert f"id: {await head_of(device)}" in await stream.chunk()
        await enterprises(donghu, 1)
        event = await stream.event()
        number = int(event["id"])
        assert event == {"event": "changed", "id": str(number), "data": f'{{"n":{number}}}'}
    await device.pull()
    assert number <= await head_of(device)


async def test_rule_18_a_stream_that_comes_back_behind_is_answered_at_once(donghu):
    device = await phone(donghu, donghu.zhou)
    before = await head_of(device)
    await enterprises(donghu, 1)
    now = str(await head_of(device))
    async with EventStream(device.meta("token"), last_event_id=str(before)) as stream:
        assert (await stream.event())["id"] == now
    async with EventStream(device.meta("token"), query=f"after={before}") as stream:
        assert (await stream.event())["id"] == now
    async with EventStream(device.meta("token"), last_event_id="not a number") as stream:
        await stream.chunk()
        assert f"id: {now}" in await stream.chunk()


async def test_rule_18_a_silent_stream_says_that_it_lives(donghu, monkeypatch):
    from server.settings import settings

    quick = msgspec.structs.replace(settings, events_heartbeat_seconds=0)
    monkeypatch.setattr("server.phones.settings", quick)
    device = await phone(donghu, donghu.zhou)
    async with EventStream(device.meta("token")) as stream:
        said = [await stream.chunk() for _ in range(4)]
        assert said[2].strip() == ":"


async def test_rule_22_a_revoked_phone_is_heard_no_more_and_comes_back_to_a_403(donghu, monkeypatch):
    from server import phones

    monkeypatch.setattr(phones.hub, "limits", phones.Limits(poll_seconds=0.05))
    device = await phone(donghu, donghu.zhou)
    async with EventStream(device.meta("token")) as stream:
        revoked = await donghu.chen.client.post(f"/v1/devices/{device.device}/revocation")
        assert revoked.status_code == 201
        assert await stream.event() is None
    async with EventStream(device.meta("token")) as stream:
        assert stream.status == 403


async def test_rule_18_a_desk_and_a_stranger_have_no_stream(donghu):
    token = donghu.sun.client.headers["Authorization"].removeprefix("Bearer ")
    for one, status in ((token, 403), ("nobody", 401)):
        async with EventStream(one) as stream:
            assert stream.status == status


async def test_rule_18_a_server_that_stops_ends_its_streams(donghu):
    from server.phones import hub

    device = await phone(donghu, donghu.zhou)
    async with EventStream(device.meta("token")) as stream:
        await stream.chunk()
        await stream.chunk()
        hub.stop()
        assert await stream.event() is None
    async with EventStream(device.meta("token")) as stream:
        assert (stream.status, stream.headers["retry-after"].isdigit()) == (503, True)


@pytest.mark.parametrize("encoding", ["", "zstd", "gzip"])
async def test_rule_20_push_and_pull_speak_messagepack_packed_or_not(donghu, encoding):
    import gzip

    import zstandard

    await enterprises(donghu, 6)
    device = await phone(donghu, donghu.zhou)
    headers = {"Content-Type": "application/msgpack", "Accept": "application/msgpack", "Accept-Encoding": encoding}
    pack = {"": bytes, "zstd": zstandard.compress, "gzip": gzip.compress}[encoding]
    if encoding:
        headers["Content-Encoding"] = encoding

    async def told(path: str, content: Any) -> Any:
        body = pack(msgspec.msgpack.encode(content))
        request = device.client.build_request(
            "POST", path, content=body, headers=headers | {"Authorization": f"Bearer {device.meta('token')}"}
        )
        answer = await device.client.send(request, stream=True)
        raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/msgpack")
        packed_as = answer.headers.get("content-encoding", "")
        assert packed_as == (encoding if path.endswith("pull") else "")
        unpack = {"": bytes, "zstd": lambda one: zstandard.ZstdDecompressor().decompressobj().decompress(one)}
        return msgspec.msgpack.decode(unpack.get(packed_as, gzip.decompress)(raw))

    page = await told("/sync/v1/pull", {"cursor": None})
    plain = (await asked(device, "POST", "/sync/v1/pull", json={"cursor": None})).json()
    assert page["changes"] == plain["changes"]
    operation = {
        "n": 1,
        "id": str(new_id()),
        "op": "feedback.send",
        "target": str(new_id()),
        "args": {"text": "好用", "half": 0.5},
        "at": "2026-11-20T10:00:00+08:00",
    }
    content = {"device": device.device, "incarnation": device.meta("incarnation"), "operations": [operation]}
    first = await told("/sync/v1/push", content)
    again = (await asked(device, "POST", "/sync/v1/push", json=content)).json()
    assert again["results"][0]["duplicate"] is True
    assert again["results"][0]["status"] == first["results"][0]["status"]


async def test_rule_20_refusals_are_json_and_a_client_that_takes_json_gets_it(donghu):
    device = await phone(donghu, donghu.zhou)
    packed = {"Accept": "application/msgpack"}
    refused = await asked(device, "GET", "/sync/v1/digest?as_of=99999999", headers=packed)
    assert (refused.status_code, refused.headers["content-type"]) == (410, "application/problem+json")
    both = await asked(device, "GET", "/sync/v1/hello", headers={"Accept": "application/msgpack, application/json"})
    assert both.json()["protocol"] == 1
    body = msgspec.msgpack.encode({"cursor": None, "limit": float("nan")})
    wrong = await asked(device, "POST", "/sync/v1/pull", content=body, headers={"Content-Type": "application/msgpack"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "request.malformed")


@pytest.fixture
def retiring(monkeypatch):
    """Version 1 retires in half a year, with a month of grace."""
    from datetime import timedelta

    from server import moment
    from server.settings import settings

    day = moment.today() + timedelta(days=180)
    changed = msgspec.structs.replace(
        settings, protocol_1_retires_on=day, protocol_1_grace_days=30, client_version_min="3.1.0"
    )
    monkeypatch.setattr("server.phones.settings", changed)

    def after(days: int):
        return moment.at(moment.now() + timedelta(days=180 + days))

    return day, after


async def test_rule_23_scenario_31_a_retired_version_still_hands_in_its_work_and_is_told_to_update(donghu, retiring):
    from sync.phone import Answered

    day, after = retiring
    device = await phone(donghu, donghu.zhou)
    device.do("feedback.send", new_id(), {"words": "还没来得及更新"})
    hello = (await asked(device, "GET", "/sync/v1/hello")).json()
    assert (hello["retires_on"], hello["client_min"]) == (day.isoformat(), "3.1.0")
    with after(0):
        with pytest.raises(Answered) as no:
            await device.pull()
        assert (no.value.status, no.value.code) == (426, "protocol.retired")
        assert (no.value.problem["retired_on"], no.value.problem["client_version_min"]) == (day.isoformat(), "3.1.0")
        for address in ("hello", "digest?as_of=1", "events"):
            assert (await asked(device, "GET", f"/sync/v1/{address}")).status_code == 426
        assert (
            await asked(device, "POST", "/sync/v1/enrol", json={"code": "x", "incarnation": "y"})
        ).status_code == 426
        assert [one.status for one in await device.push()] == ["applied"]


async def test_rule_23_scenario_31_after_the_time_of_grace_a_push_is_refused_too_and_nothing_is_lost(donghu, retiring):
    from sync.phone import Answered

    _, after = retiring
    device = await phone(donghu, donghu.zhou)
    device.do("feedback.send", new_id(), {"words": "太晚了"})
    with after(31), pytest.raises(Answered) as no:
        await device.push()
    assert (no.value.status, no.value.code, len(device.unsent())) == (426, "protocol.retired", 1)
    with after(29):
        assert [one.status for one in await device.push()] == ["applied"]


@pytest.mark.parametrize("packs", [False, True], ids=["plain", "zstd"])
async def test_rule_20_the_reference_phone_may_speak_messagepack_from_end_to_end(donghu, packs):
    """It enrols, reads, writes, is refused and compares its digest, and holds what a phone that speaks JSON holds."""
    import httpx

    from server.app import app
    from sync.phone import Answered, Phone

    types: list[tuple[str, str]] = []

    async def noted(answer: httpx.Response) -> None:
        types.append((answer.request.headers.get("content-type", ""), answer.headers["content-type"]))

    async def codes() -> str:
        offered = await donghu.chen.client.post("/v1/enrolments", json={"login": "zhou"})
        return offered.json()["code"]

    firm, *_ = await enterprises(donghu, 4)
    line = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://qifang.test", event_hooks={"response": [noted]}
    )
    packed, plain = Phone(":memory:", line, msgpack=True, packs=packs), await phone(donghu, donghu.zhou)
    await packed.enrol(await codes())
    await packed.sync()
    base, was = packed.version("enterprise", firm), {"staff": "40", "remark": None}
    edit = packed.do("enterprise.patch", firm, {"set": {"staff": "41", "remark": "搬到新址"}}, base=base, was=was)
    strange = packed.do("enterprise.dance", firm, {"half": 0.5, "many": 2**60, "none": None, "text": "搬迁½" * 400})
    await packed.sync()
    results = (packed.result(edit), packed.result(strange))
    assert [one.status for one in results if one] == ["applied", "rejected"]
    assert (await packed.hello()).have_n == 2
    assert await packed.check() == []
    assert set(types) == {("", "application/msgpack"), ("application/msgpack", "application/msgpack")}
    await plain.sync()
    sql = "SELECT kind, id, v, body FROM row ORDER BY kind, id"
    assert [tuple(row) for row in packed.db.execute(sql)] == [tuple(row) for row in plain.db.execute(sql)]
    await donghu.chen.client.post(f"/v1/devices/{packed.device}/revocation")
    with pytest.raises(Answered) as refused:
        await packed.pull()
    assert refused.value.code == "device_revoked"
    await line.aclose()


async def test_rule_5_a_phone_sends_less_when_the_server_takes_less(donghu, monkeypatch):
    """A bureau behind a narrow door: two MiB a request, while the backlog of a week is three."""
    import httpx

    from server import app, compression, door, phones
    from sync.phone import Phone

    narrow = msgspec.structs.replace(app.settings, body_bytes_max=2 * 1024 * 1024)
    for module in (app, compression, door, phones):
        monkeypatch.setattr(module, "settings", narrow)
    line = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=door.Envelope(app.create_app())), base_url="http://qifang.test"
    )
    for packs in (False, True):
        offered = await donghu.chen.client.post("/v1/enrolments", json={"login": "zhou"})
        device = Phone(":memory:", line, packs=packs)
        await device.enrol(offered.json()["code"])
        assert (await device.hello()).push_bytes_max == 2 * 1024 * 1024
        made = [device.do("enterprise.dance", new_id(), {"text": "走访" * 50_000}) for _ in range(10)]
        await device.sync()
        assert device.unsent() == []
        assert {device.result(one).status for one in made} == {"rejected"}
        assert (await device.hello()).have_n == 10
    await line.aclose()
