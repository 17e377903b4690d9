"""The protocol's smaller addresses through the real door: hello, digest."""

import pytest

from sync.wire import row_hash
from tests.server.fieldwork import enterprises, phone

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
