"""Rule 5, scenario 39: a device that asks too often waits, alone; overload is another thing and another status."""

import msgspec
import pytest

from sync.phone import Phone
from tests.server.conftest import knock
from tests.server.fieldwork import enterprises, phone
from tests.server.test_protocol import asked

pytestmark = pytest.mark.anyio


@pytest.fixture
def strict(monkeypatch):
    """Three pushes and two pulls a minute."""
    from server import phones

    few = msgspec.structs.replace(phones.settings, pushes_per_minute=3, pulls_per_minute=2)
    monkeypatch.setattr(phones, "settings", few)
    phones.pushes.cache_clear()
    phones.pulls.cache_clear()


def empty_of(device):
    return {"device": device.device, "incarnation": device.meta("incarnation"), "operations": []}


async def statuses(device, path: str, content, times: int) -> list[int]:
    return [(await asked(device, "POST", path, json=content)).status_code for _ in range(times)]


async def test_rule_5_scenario_39_who_asks_too_often_waits_and_may_push_more_than_pull(donghu, strict):
    one, other = await phone(donghu, donghu.zhou), await phone(donghu, donghu.he)
    assert await statuses(one, "/sync/v1/pull", {"cursor": None}, 3) == [200, 200, 429]
    assert await statuses(one, "/sync/v1/push", empty_of(one), 4) == [200, 200, 200, 429]
    refused = await asked(one, "GET", "/sync/v1/hello")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert await statuses(other, "/sync/v1/pull", {"cursor": None}, 1) == [200]


async def test_rule_5_scenario_39_those_who_asked_too_often_do_not_come_back_together(donghu, strict):
    device = await phone(donghu, donghu.zhou)
    await statuses(device, "/sync/v1/pull", {"cursor": None}, 2)
    answers = [await asked(device, "POST", "/sync/v1/pull", json={"cursor": None}) for _ in range(30)]
    waits = {int(answer.headers["Retry-After"]) for answer in answers}
    assert len(waits) > 5
    assert min(waits) >= 55
    assert max(waits) <= 75


async def test_rule_5_scenario_39_an_app_built_on_rxdb_keeps_to_the_same_pace(donghu, strict):
    device = await phone(donghu, donghu.zhou)
    assert await statuses(device, "/rx/enterprise/pull", {"checkpoint": None}, 3) == [200, 200, 429]
    assert await statuses(device, "/rx/enterprise/push", [], 4) == [200, 200, 200, 429]


async def test_rule_5_scenario_39_the_reference_phone_waits_as_it_is_asked_and_loses_nothing(donghu, strict):
    from server import phones

    firms = await enterprises(donghu, 3)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        """Waiting as long as one is asked to ends the minute."""
        pauses.append(seconds)
        if seconds >= 55:
            phones.pushes.cache_clear()
            phones.pulls.cache_clear()

    offered = await donghu.chen.client.post("/v1/enrolments", json={"login": "zhou"})
    device = Phone(":memory:", knock(), sleep=pause, limit=1)
    await device.enrol(offered.json()["code"])
    await device.sync()
    assert set(firms) <= set(device.rows("enterprise"))
    assert any(seconds >= 55 for seconds in pauses)


@pytest.fixture
async def open_door(donghu, monkeypatch):
    """The product, with one app of others that may call it from a browser; gives how to call it."""
    import httpx

    from server import app

    monkeypatch.setattr(app, "settings", msgspec.structs.replace(app.settings, origins="https://app.example"))
    made = app.door.Envelope(app.OwnPagesOnly(app.create_app()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=made), base_url="http://qifang.test") as client:
        yield client


ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
PULL = "/rx/enterprise/pull"


@pytest.mark.parametrize("path", [PULL, "/sync/v1/push", "/files"])
async def test_rule_24_a_page_of_an_allowed_origin_may_ask_and_another_may_not(open_door, path):
    allowed = await open_door.options(path, headers={"Origin": "https://app.example"} | ASKED)
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "authorization" in allowed.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    for origin in ("https://evil.example", "https://app.example.evil.example", "http://app.example", "null"):
        refused = await open_door.options(path, headers={"Origin": origin} | ASKED)
        assert refused.status_code == 400
        assert "Access-Control-Allow-Origin" not in refused.headers


async def test_rule_24_a_page_of_an_allowed_origin_reads_answers_and_refusals(donghu, open_door):
    device = await phone(donghu, donghu.zhou)
    told = {"Authorization": f"Bearer {device.meta('token')}", "X-Request-Id": "one"}
    for signed, status in ((told, 200), ({}, 401)):
        for origin, heard in (("https://app.example", "https://app.example"), ("https://evil.example", None)):
            answer = await open_door.post(PULL, json={"checkpoint": None}, headers=signed | {"Origin": origin})
            assert (answer.status_code, answer.headers.get("Access-Control-Allow-Origin")) == (status, heard)
        assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("path", ["/v1/session", "/v1/enterprises", "/health"])
async def test_rule_24_the_desk_is_for_our_own_pages(open_door, path):
    answer = await open_door.options(path, headers={"Origin": "https://app.example"} | ASKED)
    assert not any(name.startswith("access-control-allow-origin") for name in answer.headers)


async def test_rule_24_nobody_elses_page_may_call_unless_a_setting_says_so(donghu):
    asked_for = await donghu.door.options(PULL, headers={"Origin": "https://app.example"} | ASKED)
    assert "Access-Control-Allow-Origin" not in asked_for.headers


@pytest.mark.parametrize("origins", ["*", "https://*.example", "https://app.example/path", "app.example"])
def test_an_origin_is_named_whole(origins):
    from server.settings import read_settings

    with pytest.raises(SystemExit):
        read_settings({"QIFANG_ORIGINS": origins})
    two = read_settings({"QIFANG_ORIGINS": "https://app.example, http://127.0.0.1:5173"})
    assert two.origins_allowed == ["https://app.example", "http://127.0.0.1:5173"]
