"""The audit chain: every write is in it, in order, and a row changed afterwards shows."""

import pytest

from sync.transaction import execute

pytestmark = pytest.mark.anyio


async def test_writes_stand_in_the_chain_by_page_and_only_for_those_who_may_read_it(donghu):
    await donghu.chen.client.post("/v1/units", json={"code": "tax", "name": "区税务局"})

    rows, after = [], 0
    while after is not None:
        page = (await donghu.chen.client.get("/v1/audit", params={"after": after, "limit": 5})).json()
        rows += page["items"]
        after = page["next"]

    assert [row["n"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1]["event"] == "unit.add"
    assert rows[-1]["person"] == str(donghu.chen.id)
    assert (await donghu.zhou.client.get("/v1/audit")).json()["code"] == "permission.missing"


async def test_a_row_changed_afterwards_breaks_the_chain_where_it_stands(donghu):
    assert (await donghu.sun.client.get("/v1/audit/state")).json() == {"unbroken": True, "broken_at": None}

    await execute("UPDATE audit_row SET event = 'nothing.happened' WHERE n = 3")

    assert (await donghu.sun.client.get("/v1/audit/state")).json() == {"unbroken": False, "broken_at": 3}
