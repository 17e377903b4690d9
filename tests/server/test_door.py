"""Bad bodies stop at the door: nothing is parsed, nothing applied."""

import gzip

import pytest
import zstandard

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code": "x", "name"', "request.malformed"),
        (b'{"code": 3, "name": "x"}', "request.malformed"),
        (b'{"code": "x", "name": "x", "colour": "red"}', "request.malformed"),
        (b"[" * 200_000, "request.malformed"),
        (b"", "request.malformed"),
    ],
)
async def test_a_body_that_does_not_fit_is_400_with_the_reason(donghu, body, code):
    answer = await donghu.chen.client.post("/v1/units", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_a_form_post_from_a_foreign_page_is_not_read_as_json(donghu):
    headers = {"Content-Type": "text/plain"}
    answer = await donghu.chen.client.post("/v1/units", content=b'{"code": "x", "name": "x"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "request.media_type")


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_compressed_bodies_are_read(donghu, encoding):
    body = b'{"code": "tax", "name": "x"}'
    packed = gzip.compress(body) if encoding == "gzip" else zstandard.compress(body)
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    assert (await donghu.chen.client.post("/v1/units", content=packed, headers=headers)).status_code == 201


@pytest.mark.parametrize(
    ("packed", "encoding", "status", "code"),
    [
        (gzip.compress(b'{"code": "x", "name": "x"}')[:-6], "gzip", 400, "request.corrupt"),
        (b"not gzip at all", "gzip", 400, "request.corrupt"),
        (zstandard.compress(b'{"code": "x", "name": "x"}')[:-3], "zstd", 400, "request.corrupt"),
        (gzip.compress(b'{"code": "x"}') * 2, "gzip", 400, "request.corrupt"),
        (gzip.compress(bytes(200_000_000)), "gzip", 413, "request.too_large"),
        (zstandard.compress(bytes(200_000_000)), "zstd", 413, "request.too_large"),
        (b"x", "br", 415, "request.encoding"),
    ],
    ids=["cut gzip", "no gzip", "cut zstd", "gzip twice", "gzip bomb", "zstd bomb", "brotli"],
)
async def test_rule_20_scenario_42_damaged_bodies_and_bombs_stop_before_parsing(donghu, packed, encoding, status, code):
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    answer = await donghu.chen.client.post("/v1/units", content=packed, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_huge_body_is_413(donghu):
    headers = {"Content-Type": "application/json"}
    answer = await donghu.chen.client.post("/v1/units", content=b" " * 100_000_000, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


async def test_the_request_id_is_echoed_and_an_odd_one_replaced(donghu):
    answer = await donghu.door.get("/health", headers={"X-Request-Id": "phone-1.42"})
    assert answer.headers["x-request-id"] == "phone-1.42"
    answer = await donghu.door.get("/health", headers={"X-Request-Id": "a b\tc"})
    assert answer.headers["x-request-id"] != "a b\tc"


async def test_an_unknown_address_is_a_problem_with_a_code(donghu):
    answer = await donghu.chen.client.get("/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "route.unknown")


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_long_json_answers_are_packed_with_what_the_client_takes(donghu, encoding):
    answer = await donghu.door.get("/schema/openapi.json", headers={"Accept-Encoding": encoding})
    assert answer.headers["content-encoding"] == encoding
    assert answer.json()["info"]["title"] == "Qifang 企访"


async def test_a_desk_session_is_told_that_phones_have_addresses_of_their_own(donghu):
    for asked in (donghu.zhou.client.get("/sync/v1/hello"), donghu.zhou.client.post("/sync/v1/pull", json={})):
        answer = await asked
        assert (answer.status_code, answer.json()["code"]) == (403, "device.required")
