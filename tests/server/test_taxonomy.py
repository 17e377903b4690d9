"""Codes are retired, never deleted; labels come and go; every change is a version."""

import pytest

from server.routing.actions import load_taxonomy
from tests.server.test_issues import do, filed, report

pytestmark = pytest.mark.anyio


async def test_a_retired_code_stays_on_its_issues_and_names_its_successor(donghu):
    await load_taxonomy(donghu.system)
    old, new = await filed(donghu, report(donghu, 1, category="0105"), report(donghu, 2, category="0101"))
    sun = donghu.sun.client
    body = {"reason": "并入流动资金", "successor": "0101"}
    assert (await sun.post("/v1/categories/0105/retirement", json=body)).json()["is_retired"]
    rows = {row["code"]: row for row in (await donghu.lin.client.get("/v1/categories")).json()}
    assert (rows["0105"]["is_retired"], rows["0105"]["successor"]) == (True, "0101")
    kept = (await donghu.lin.client.get(f"/v1/issues/{old}")).json()
    assert kept["category"] == "0105"
    waiting = (await donghu.lin.client.get("/v1/duty/waiting", params={"kind": "unclassified"})).json()
    assert [one["number"] for one in waiting] == [old]
    refused = await do(donghu.lin, new, "dispatch", status=409, lead="finance", category="0105")
    assert (refused["code"], refused["details"]["successor"]) == ("category.retired", "0101")
    back = await sun.put("/v1/categories/0105", json={"zh": "利率费用高", "en": "High cost of funds"})
    assert (back.json()["is_retired"], back.json()["successor"]) == (False, "")
    changes = (await sun.get("/v1/categories/changes")).json()
    assert [(one["version"], one["change"]) for one in changes] == [(2, "revive"), (1, "retire")]
    assert changes[1]["before"]["is_retired"] is False


@pytest.mark.parametrize(
    ("code", "body", "refused"),
    [
        ("77", {"reason": "无"}, "category.unknown"),
        ("01", {"reason": "无"}, "category.children"),
        ("9999", {"reason": "无"}, "category.kept"),
        ("0105", {"reason": "无", "successor": "0105"}, "category.successor"),
        ("0105", {}, "request.malformed"),
    ],
)
async def test_a_retirement_that_cannot_be_is_refused(donghu, code, body, refused):
    await load_taxonomy(donghu.system)
    answer = await donghu.sun.client.post(f"/v1/categories/{code}/retirement", json=body)
    assert answer.json()["code"] == refused, answer.text
    assert (await donghu.sun.client.get("/v1/categories/changes")).json() == []


async def test_a_code_is_added_below_one_in_use(donghu):
    await load_taxonomy(donghu.system)
    sun = donghu.sun.client
    assert (await sun.put("/v1/categories/0109", json={"zh": "跨境结算"})).status_code == 200
    assert (await sun.put("/v1/categories/7701", json={"zh": "无"})).json()["code"] == "category.parent"
    assert (await sun.put("/v1/categories/1", json={"zh": "无"})).json()["code"] == "category.shape"
    assert (await donghu.he.client.put("/v1/categories/0109", json={"zh": "无"})).status_code == 403


async def test_labels_are_put_on_and_taken_off_and_remembered(donghu):
    (number,) = await filed(donghu, report(donghu))
    sun, lin = donghu.sun.client, donghu.lin.client
    for code, zh in (("key", "重点项目"), ("old", "旧标签")):
        assert (await sun.put(f"/v1/labels/{code}", json={"zh": zh})).status_code == 200
    put = await lin.post(f"/v1/issues/{number}/labels", json={"add": ["key", "old", "key"]})
    assert [one["label"] for one in put.json()] == ["key", "old"], put.text
    assert (
        await sun.post("/v1/labels/old/retirement", json={"reason": "不再用", "successor": "key"})
    ).status_code == 201
    shown = (await lin.get(f"/v1/issues/{number}/labels")).json()
    assert [(one["label"], one["is_retired"], one["successor"]) for one in shown] == [
        ("key", False, ""),
        ("old", True, "key"),
    ]
    taken = (await lin.post(f"/v1/issues/{number}/labels", json={"remove": ["old"]})).json()
    assert [(one["label"], one["until"] is None) for one in taken] == [("key", True), ("old", False)]
    again = await lin.post(f"/v1/issues/{number}/labels", json={"add": ["old"]})
    assert (again.status_code, again.json()["code"]) == (409, "category.retired")
    unknown = await lin.post(f"/v1/issues/{number}/labels", json={"add": ["none"]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "label.unknown")
    assert (await donghu.he.client.get(f"/v1/issues/{number}/labels")).status_code == 404
