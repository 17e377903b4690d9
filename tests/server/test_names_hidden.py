"""An enterprise that asks not to be named is named to nobody who handles its matter, at a desk or on a phone."""

import pytest

from tests.server.fieldwork import enterprises, phone
from tests.server.test_issues import do, grant_unit

pytestmark = pytest.mark.anyio


async def test_who_handles_it_never_learns_the_name_and_who_oversees_it_does(donghu):
    (firm,) = await enterprises(donghu, 1)
    body = {
        "title": "被要求垫资", "description": "不愿透露是谁说的", "source": "hotline", "enterprise": str(firm),
        "name_hidden": True, "contact_name": "王某", "contact_phone": "13800000000",
    }  # fmt: skip
    filed = await donghu.lin.client.post("/v1/reports", json=body)
    assert filed.status_code == 201, filed.text
    report = filed.json()["id"]
    (line,) = (await donghu.lin.client.get("/v1/issues")).json()["items"]
    assert line["enterprise"] is None
    sent = await do(donghu.lin, line["number"], "dispatch", lead="finance")
    assert (sent["links"][0]["enterprise"], sent["links"][0]["name_hidden"]) == (str(firm), True)
    await grant_unit(donghu, donghu.he, "finance")
    seen = await do(donghu.he, line["number"], "signature")
    assert (seen["enterprise"], seen["links"][0]["enterprise"]) == (None, None)
    assert str(firm) not in str(seen)
    assert (await donghu.he.client.get(f"/v1/reports/{report}")).status_code == 404
    handler, carer = await phone(donghu, donghu.he), await phone(donghu, donghu.zhou)
    for device in (handler, carer):
        await device.sync()
        assert report not in {str(id) for id in device.rows("report")}
        assert device.rows("report_contact") == {}
    assert str(firm) not in str(handler.rows("issue"))
    assert carer.rows("issue") == {}, "even who looks after the firm is not told that it complained"
    assert (await donghu.zhou.client.get(f"/v1/reports/{report}")).status_code == 404
    assert (await donghu.sun.client.get(f"/v1/reports/{report}")).json()["enterprise"] == str(firm)


async def test_a_draft_about_it_hides_the_name_from_its_submission_on(donghu):
    (firm,) = await enterprises(donghu, 1)
    body = {"title": "垫资", "description": "匿名", "source": "hotline", "enterprise": str(firm), "name_hidden": True}
    begun = (await donghu.lin.client.post("/v1/issues", json=body)).json()
    submitted = await do(donghu.lin, begun["number"], "submission")
    assert submitted["enterprise"] is None
    assert submitted["links"][0]["enterprise"] == str(firm)
    other = await donghu.zhou.client.get(f"/v1/issues/{submitted['number']}")
    assert other.status_code == 404


SAID = {"title": "拖欠货款不还", "description": "大客户拖欠货款已经九个月,催了多次没有结果", "source": "hotline"}


async def told(donghu, **more) -> str:
    """The number of the issue a report at lin's desk became."""
    filed = await donghu.lin.client.post("/v1/reports", json=SAID | more)
    assert filed.status_code == 201, filed.text
    rows = (await donghu.lin.client.get("/v1/issues", params={"limit": 100})).json()["items"]
    return max(row["number"] for row in rows)


async def test_neither_its_answers_nor_a_search_give_the_name_away(donghu):
    (firm,) = await enterprises(donghu, 1)
    number = await told(donghu, enterprise=str(firm), enterprise_name="赣江云软件", name_hidden=True)
    await do(donghu.lin, number, "dispatch", lead="finance")
    await grant_unit(donghu, donghu.he, "finance")
    for member, enterprise, found in ((donghu.he, None, []), (donghu.lin, str(firm), [number])):
        (replied,) = (await member.client.get(f"/v1/issues/{number}/replies")).json()
        assert replied["enterprise"] == enterprise
        rows = (await member.client.get("/v1/issues", params={"text": "赣江云"})).json()["items"]
        assert [row["number"] for row in rows] == found


@pytest.mark.parametrize("hidden", [(True, False), (False, True)])
async def test_it_is_not_given_away_by_saying_the_same_under_its_name(donghu, hidden):
    (firm,) = await enterprises(donghu, 1)
    for is_hidden in hidden:
        await told(donghu, enterprise=str(firm), name_hidden=is_hidden)
    rows = (await donghu.lin.client.get("/v1/issues", params={"limit": 100})).json()["items"]
    assert {row["enterprise"] for row in rows} == {str(firm), None}, "each an issue of its own"


async def test_what_sounds_alike_does_not_tell_that_it_is_the_same_firm(donghu):
    (firm,) = await enterprises(donghu, 1)
    named = await told(donghu, enterprise=str(firm))
    hidden = await told(donghu, enterprise=str(firm), name_hidden=True, title="货款被拖欠")
    await grant_unit(donghu, donghu.he, "finance")
    for number in (named, hidden):
        await do(donghu.lin, number, "dispatch", lead="finance")
    for asked, other in ((named, hidden), (hidden, named)):
        items = (await donghu.he.client.get(f"/v1/issues/{asked}/similar")).json()["items"]
        assert [(one["number"], one["is_same_enterprise"]) for one in items] == [(other, False)]
