"""Open311 GeoReport v2 as another city's software speaks it: with the standard's own addresses, fields, formats and errors."""

from xml.etree import ElementTree

import pytest

from server.routing.actions import load_taxonomy
from tests.server.conftest import knock
from tests.server.fieldwork import CODES
from tests.server.test_issues import do

pytestmark = pytest.mark.anyio
V2 = "/open311/v2"


async def account(donghu, login: str = "city-12345", **more) -> dict:
    body = {"login": login, "name": "市 12345 平台", "unit": "sme", **more}
    answer = await donghu.chen.client.post("/v1/accounts", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def firm(donghu) -> str:
    from server.enterprises.actions import NewEnterprise, add_enterprise

    made = NewEnterprise(name="东湖精工仪表", credit_code=CODES[0], region="360102")
    await add_enterprise(donghu.system, made)
    return CODES[0]


async def send(donghu, key: str, status: int = 201, *, format: str = "json", **fields):
    form = {
        "api_key": key, "service_code": "0101", "description": "流动资金贷款缺口\n账上钱不够备料",
        "attribute[enterprise_name]": "赣江云软件", **fields,
    }  # fmt: skip
    given = {name: value for name, value in form.items() if value is not None}
    answer = await donghu.door.post(f"{V2}/requests.{format}", data=given)
    assert answer.status_code == status, answer.text
    return answer.json() if format == "json" else ElementTree.fromstring(answer.content)


async def listed(donghu, key: str, **filters) -> list[str]:
    answer = await donghu.door.get(f"{V2}/requests.json", params={"api_key": key, **filters})
    assert answer.status_code == 200, answer.text
    return [one["service_request_id"] for one in answer.json()]


async def test_discovery_services_and_their_attributes_in_json_and_xml(donghu):
    await load_taxonomy(donghu.system)
    found = (await donghu.door.get(f"{V2}/discovery.json")).json()
    assert found["endpoints"][0]["specification"] == "http://wiki.open311.org/GeoReport_v2"
    answer = await donghu.door.get(f"{V2}/discovery.xml")
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert ElementTree.fromstring(answer.content).find("endpoints/endpoint/formats/format").text == "text/xml"
    services = (await donghu.door.get(f"{V2}/services.json")).json()
    (loan,) = [one for one in services if one["service_code"] == "0101"]
    assert (loan["metadata"], loan["type"], bool(loan["group"])) == (True, "realtime", True)
    tree = ElementTree.fromstring((await donghu.door.get(f"{V2}/services.xml")).content)
    assert [one.findtext("service_code") for one in tree.iter("service")] == [one["service_code"] for one in services]
    definition = (await donghu.door.get(f"{V2}/services/0101.json")).json()
    assert [one["code"] for one in definition["attributes"]] == ["credit_code", "enterprise_name", "source_number"]
    unknown = await donghu.door.get(f"{V2}/services/8888.xml")
    assert (unknown.status_code, ElementTree.fromstring(unknown.content).findtext("error/code")) == (404, "404")


async def test_a_request_becomes_a_report_and_an_issue_and_tells_how_far_it_is(donghu):
    await load_taxonomy(donghu.system)
    key, code = (await account(donghu))["key"], await firm(donghu)
    fields = {
        "attribute[credit_code]": code, "attribute[enterprise_name]": None, "first_name": "明", "last_name": "胡",
        "phone": "13800000000", "lat": "28.68", "long": "115.89", "media_url": "https://pictures.example/1.jpg",
        "address_string": "八一大道 1 号",
    }  # fmt: skip
    (made,) = await send(donghu, key, **fields)
    number = made["service_request_id"]
    shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert (shown["state"], shown["title"], shown["category"]) == ("SUBMITTED", "流动资金贷款缺口", "0101")
    assert shown["enterprise"] is not None
    reports = (await donghu.lin.client.get("/v1/reports")).json()["items"]
    assert [(one["origin"], one["enterprise_name"]) for one in reports] == [("open311", "东湖精工仪表")]
    token = (await donghu.door.get(f"{V2}/tokens/{made['token']}.json", params={"api_key": key})).json()
    assert token == [{"service_request_id": number, "token": made["token"]}]

    async def told() -> dict:
        answer = await donghu.door.get(f"{V2}/requests/{number}.json", params={"api_key": key})
        assert answer.status_code == 200, answer.text
        return answer.json()[0]

    first = await told()
    assert (first["status"], first["status_notes"], first["lat"], first["media_url"], first["address"]) == (
        "open", "待受理", 28.68, "https://pictures.example/1.jpg", "八一大道 1 号",
    )  # fmt: skip
    await do(donghu.lin, number, "dispatch", lead="finance")
    await do(donghu.he, number, "signature")
    await do(donghu.he, number, "reply", letter="A", words="已授信 200 万元")
    assert "200 万元" not in (await told())["status_notes"], "an answer is told when it is signed off"
    await do(donghu.wu, number, "review", outcome="signed_off")
    answered = await told()
    assert (answered["status"], answered["agency_responsible"]) == ("open", "区金融服务中心")
    assert "已授信 200 万元" in answered["status_notes"]
    assert await listed(donghu, key, status="closed") == []
    (other,) = await send(donghu, key)
    await do(donghu.lin, other["service_request_id"], "merge", into=number, reason="同一件事")
    assert await listed(donghu, key) == [other["service_request_id"], number]
    answer = await donghu.door.get(f"{V2}/requests/{other['service_request_id']}.xml", params={"api_key": key})
    request = ElementTree.fromstring(answer.content).find("request")
    assert (request.findtext("status"), request.findtext("service_request_id")) == ("open", other["service_request_id"])
    await do(donghu.zhou, number, "withdrawal", 404, words="不归我管")
    await do(donghu.lin, number, "notes", words="继续")
    assert await listed(donghu, key, service_request_id=f"{number}, 东湖-2026-999999") == [number]
    assert await listed(donghu, key, service_code="0301") == []
    assert await listed(donghu, key, page_size="1", page="2") == [number]
    assert await listed(donghu, key, start_date="2026-01-01T00:00:00Z", end_date="2026-01-02T00:00:00+08:00") == []


async def test_a_number_sent_again_is_filed_once_and_other_words_under_it_are_told(donghu):
    await load_taxonomy(donghu.system)
    key = (await account(donghu))["key"]
    (one,) = await send(donghu, key, **{"attribute[source_number]": "HX-1"})
    (again,) = await send(donghu, key, **{"attribute[source_number]": "HX-1"})
    assert one == again
    (error,) = await send(donghu, key, 400, **{"attribute[source_number]": "HX-1", "description": "别的事"})
    assert one["service_request_id"] in error["description"]
    assert len(await listed(donghu, key)) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"description": None}, "description was not provided"),
        ({"service_code": None}, "service_code was not provided"),
        ({"description": "长" * 4001}, "at most 4000"),
        ({"attribute[enterprise_name]": None}, "attribute[credit_code]"),
        ({"attribute[credit_code]": "123"}, "not a credit code"),
        ({"attribute[colour]": "red"}, "no attribute colour"),
        ({"lat": "28"}, "lat and long come together"),
        ({"lat": "nan", "long": "1e999"}, "lat is a number"),
        ({"description": "a\0b"}, "null character"),
    ],
)
async def test_a_request_that_does_not_fit_is_400_with_every_reason_in_the_standard_s_format(donghu, fields, words):
    await load_taxonomy(donghu.system)
    key = (await account(donghu))["key"]
    (error,) = await send(donghu, key, 400, **fields)
    assert error["code"] == 400
    assert words in error["description"]
    tree = await send(donghu, key, 400, format="xml", **fields)
    assert (tree.tag, tree.findtext("error/code")) == ("errors", "400")
    assert await listed(donghu, key) == []


async def test_keys_are_kept_as_hashes_end_when_revoked_and_reach_only_what_came_by_them(donghu, monkeypatch):
    from server.accounts import actions
    from sync.transaction import fetch

    await load_taxonomy(donghu.system)
    mine, other = await account(donghu), await account(donghu, "province")
    (row,) = [row for row in await fetch("SELECT * FROM service_key") if row["start"] == mine["key"][:10]]
    assert mine["key"] not in str(dict(row))
    (made,) = await send(donghu, mine["key"])
    assert await listed(donghu, mine["key"]) == [made["service_request_id"]]
    assert await listed(donghu, other["key"]) == []
    hidden = await donghu.door.get(f"{V2}/requests/{made['service_request_id']}.json", params={"api_key": other["key"]})
    assert hidden.status_code == 404
    by_bearer = knock(mine["key"])
    assert (await by_bearer.get("/v1/issues")).json()["count"] == 1
    assert (await by_bearer.post(f"/v1/issues/{made['service_request_id']}/refusal", json={})).status_code in (400, 403)
    for params in ({}, {"api_key": "qfk_wrong"}, {"api_key": "' OR 1=1"}):
        no = await donghu.door.get(f"{V2}/requests.json", params=params)
        assert (no.status_code, no.json()[0]["code"]) == (403, 403)
    renewed = (await donghu.chen.client.post(f"/v1/accounts/{mine['id']}/key")).json()
    await send(donghu, mine["key"], 403)
    assert await listed(donghu, renewed["key"]) == [made["service_request_id"]]
    assert (await donghu.chen.client.delete(f"/v1/accounts/{renewed['id']}")).status_code == 204
    await send(donghu, renewed["key"], 403)
    assert (await donghu.zhou.client.get("/v1/accounts")).status_code == 403
    accounts = (await donghu.chen.client.get("/v1/accounts")).json()
    assert all(one["key"] == "" for one in accounts)
    actions.asked.cache_clear()
    meter = actions.Allowance(1)
    monkeypatch.setattr(actions, "asked", lambda: meter)
    assert await listed(donghu, other["key"]) == []
    hasty = await donghu.door.get(f"{V2}/requests.json", params={"api_key": other["key"]})
    assert (hasty.status_code, int(hasty.headers["Retry-After"]) > 0) == (429, True)
    await by_bearer.aclose()
