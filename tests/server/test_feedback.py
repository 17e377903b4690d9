"""What people say about the software reaches those who run it."""

import pytest

pytestmark = pytest.mark.anyio


async def test_everybody_may_complain_and_only_those_who_run_the_house_read_it_all(donghu):
    sent = await donghu.zhou.client.post("/v1/feedback", json={"words": "填表时返回键会退出", "about": "visit_record"})
    await donghu.lin.client.post("/v1/feedback", json={"words": "队列里想按街道筛选"})

    assert sent.status_code == 201
    assert [row["words"] for row in (await donghu.chen.client.get("/v1/feedback")).json()["items"]] == [
        "队列里想按街道筛选",
        "填表时返回键会退出",
    ]
    assert [row["id"] for row in (await donghu.zhou.client.get("/v1/feedback")).json()["items"]] == [sent.json()["id"]]


async def test_pages_of_feedback_follow_each_other_without_a_gap(donghu):
    for n in range(5):
        await donghu.zhou.client.post("/v1/feedback", json={"words": f"第{n}条"})
    seen, after = [], ""
    while after is not None:
        page = (await donghu.chen.client.get("/v1/feedback", params={"limit": 2, "after": after})).json()
        seen += [row["words"] for row in page["items"]]
        after = page["next"]
    assert seen == [f"第{n}条" for n in (4, 3, 2, 1, 0)]
