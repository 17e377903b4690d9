"""What no address may be sent: each one answers with a refusal that has a code, and nothing is written."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.paging import mark
from server.people.roles import ROLES
from sync.identity import new_id
from sync.phone import Answered
from tests.server.addresses import Address, addresses, smallest, spoilt
from tests.server.fieldwork import phone
from tests.server.full_bureau import contents, fill
from tests.server.test_reach import employ, id_named, ids_at

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_OBJECT = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "application/json"),
    "cut": (b'{"words": "ab', "application/json"),
    "only half a list": (b'[{"a": 1},', "application/json"),
    "deep list": (DEEP, "application/json"),
    "deep object": (DEEP_OBJECT, "application/json"),
    "number": (b"1e999", "application/json"),
    "huge number": (b"1" * 5000, "application/json"),
    "not a number": (b"NaN", "application/json"),
    "null": (b"null", "application/json"),
    "not UTF-8": (b'{"words": "\xff\xfe", "name": "\xff"}', "application/json"),
    "GB18030": ('{"words": "企业"}'.encode("gb18030"), "application/json"),
    "form": (b"words=1", "application/x-www-form-urlencoded"),
    "no type": (b"{}", "text/plain"),
    "XML": (b"<words/>", "application/xml"),
    "MessagePack that is none": (b"\xc1\xff\x00", "application/msgpack"),
    "an unknown field": (b'{"no_such_field": 1}', "application/json"),
    "two values": (b"{} {}", "application/json"),
}
SPOILS: dict[str, Any] = {
    "null character": "a\0b",
    "very long": "企" * 20_000,
    "huge": 2**70,
    "large": 2**40,
    "negative": -(2**63),
    "not whole": 1.5e300,
    "list for text": [[]],
    "nothing": None,
    "empty": "",
    "control": "a\u0007\u202e\u0000",
    "late": "9999-12-31T23:59:59.999999Z",
    "early": "0001-01-01",
    "zone": "0001-01-01T00:00:00+14:00",
    "wildcard": "%_\\'\";--",
}
HARMLESS = {"large", "nothing", "empty", "late", "early", "zone", "wildcard", "very long"}
"""Some fields take these; none breaks on them."""


def taking_json() -> list[Address]:
    return [one for one in addresses() if one.body is not None]


def sentence(answer: Any, *what: Any) -> str:
    return " ".join(str(one)[:200] for one in what) + f" → {answer.status_code} {answer.text[:300]}"


def is_refusal(answer: Any) -> bool:
    kind = answer.headers.get("content-type", "")
    return 400 <= answer.status_code < 500 and kind == "application/problem+json" and bool(answer.json()["code"])


@pytest.fixture
async def full(donghu: Any) -> Any:
    """A full bureau, one person who may do everything, and their phone."""
    known = await fill(donghu)
    everything = await employ(donghu, "everything", tuple(ROLES))
    device = await phone(donghu, donghu.zhou)
    device.client.headers["Authorization"] = f"Bearer {device.meta('token')}"
    yield (
        donghu,
        known,
        {
            "/v1": everything.client,
            "/sync": device.client,
            "/rx": device.client,
            "/c/": donghu.door,
            "/files": everything.client,
        },
    )
    await device.client.aclose()


def client_for(address: Address, clients: dict[str, Any]) -> Any:
    return next(client for start, client in clients.items() if address.path.startswith(start))


async def test_a_body_nobody_can_read_is_refused_everywhere_and_nothing_is_written(full):
    donghu, known, clients = full
    before = await contents(donghu.bureau)
    for address in taking_json():
        path = address.at(ids_at(address, known))
        for name, (body, media_type) in UNREADABLE.items():
            answer = await client_for(address, clients).request(
                address.method, path, content=body, headers={"Content-Type": media_type}
            )
            assert is_refusal(answer), sentence(answer, address, name)
    after = await contents(donghu.bureau)
    assert {name for name in before if before[name] != after[name]} == set()


async def test_a_value_that_cannot_be_stored_is_refused_wherever_it_stands(full):
    _, known, clients = full
    broken = []
    for address in taking_json():
        path, client, body = address.at(ids_at(address, known)), client_for(address, clients), whole(address, known)
        for name, spoil in SPOILS.items():
            for spoiled in spoilt(body, spoil):
                answer = await client.request(address.method, path, json=spoiled)
                may_pass = name in HARMLESS and answer.status_code < 300
                if not (is_refusal(answer) or may_pass or is_answered_one_by_one(address, answer)):
                    broken.append(sentence(answer, address, name, spoiled))
    assert broken == []


async def test_half_a_pair_of_utf_16_is_refused_as_text_that_is_none(full):
    _, known, clients = full
    for address in taking_json():
        path, body = address.at(ids_at(address, known)), whole(address, known)
        for spoiled in spoilt(body, "HALF", of=str):
            content = msgspec.json.encode(spoiled).replace(b"HALF", b"a\\ud800b")
            answer = await client_for(address, clients).request(address.method, path, content=content, headers=JSON)
            assert is_refusal(answer) or is_answered_one_by_one(address, answer), sentence(answer, address, spoiled)


def whole(address: Address, known: dict[str, Any]) -> Any:
    """A body with every field that there is, so that each can be spoiled."""
    return smallest(address.body, lambda field: id_named(field, known), every=True)


def is_answered_one_by_one(address: Address, answer: Any) -> bool:
    """A push is taken in; what is wrong with an operation stands in its result."""
    return address.path == "/sync/v1/push" and answer.status_code == 200


FILTERS = (
    "after",
    "q",
    "text",
    "person",
    "state",
    "unit",
    "category",
    "since",
    "form",
    "tier",
    "status",
    "record",
    "mine",
)
MARKS = [
    [key, str(UUID(int=1))]
    for key in (
        "a\0b",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01",
        10**30,
        -1,
        None,
        "x" * 9000,
    )
]
QUERIES = [
    *(f"after={mark(*key)}" for key in MARKS),
    *(f"{name}=%00" for name in FILTERS),
    *("limit=-1", "limit=0", "limit=1e9", "limit=99999999999999999999999", "limit=x"),
    *("after=x", "after=W10", "after=WzEsMl0", "after=WyJhIiwiYiJd", "after=%F0%9F%98%80"),
    *("q=%25_%5C", "q=" + "x" * 5000, "enterprise=x", "state=no", "overdue=maybe"),
    *("from=0000-00-00", "from=99999-01-01", "first=0001-01-01&last=9999-12-31", "first=9999-12-31&last=9999-12-31"),
    *("due_before=0001-01-01T00:00:00Z", "due_before=0001-01-01T00:00:00%2B14:00", "due_before=2026-01-01T00:00:00"),
    *("due_before=0001-01-01", "due_before=9999-12-31T23:59:59-14:00", "from=0001-01-01&to=9999-12-31"),
]
ODD_IDS = ["%00", "a%00b", "..%2F..%2Fetc", "%FF", "x" * 3000, "%27%22", "-1", "9" * 30, "%20", "0", "东湖-2026-999999"]


async def test_no_query_breaks_a_list(full):
    _, known, clients = full
    broken = []
    for address in (one for one in addresses() if one.method == "GET" and one.path.startswith(("/v1", "/c/"))):
        path = address.at(ids_at(address, known))
        for query in QUERIES:
            answer = await client_for(address, clients).get(f"{path}?{query}")
            if answer.status_code >= 400 and not is_refusal(answer):
                broken.append(sentence(answer, address, query))
    assert broken == []


async def test_no_address_breaks_on_an_odd_id(full):
    _, known, clients = full
    broken = []
    for address in (one for one in addresses() if one.parameters and one.path.startswith(("/v1", "/c/", "/files"))):
        ids = ids_at(address, known)
        body = {} if address.body else None
        for name in ids:
            for odd in ODD_IDS:
                path = address.at(ids | {name: odd})
                answer = await client_for(address, clients).request(address.method, path, json=body)
                if not 400 <= answer.status_code < 500:
                    broken.append(sentence(answer, address, name, odd))
    assert broken == []


async def test_a_null_character_in_one_record_of_a_phone_holds_up_no_other(full):
    donghu, _, _ = full
    device = await phone(donghu, donghu.zhou)
    for words in ("a\0b", r"a\u0000b", "plain"):
        args = {"form": "pulse", "version": "1", "answers": {"remark": words}, "filled_at": "2026-11-20T10:00:00+08:00"}
        device.do("record.submit", new_id(), args)
    assert [result.status for result in await device.push()] == ["applied"] * 3
    await device.pull()
    told = {body["answers"].get("remark") for body in device.rows("record").values()}
    assert told >= {"a\ufffdb", r"a\u0000b", "plain"}
    await device.client.aclose()


async def test_a_record_in_messagepack_is_kept_as_the_same_json(full):
    donghu, _, _ = full
    record = {"form": "pulse", "version": "1", "answers": {"staff": 3}, "filled_at": "2026-11-20T10:00:00+08:00"}
    headers = {"Content-Type": "application/msgpack"}
    sent = await donghu.zhou.client.post("/v1/records", content=msgspec.msgpack.encode(record), headers=headers)
    assert sent.status_code == 201, sent.text
    shown = (await donghu.zhou.client.get(f"/v1/records/{sent.json()['id']}")).json()
    assert shown["versions"][0]["answers"] == {"staff": 3}


async def test_a_code_that_exists_is_refused_and_one_with_a_slash_reaches_nowhere(donghu):
    again = await donghu.chen.client.post("/v1/units", json={"code": "sme", "name": "中小企业局"})
    assert (again.status_code, again.json()["details"]) == (409, {"code": "sme"})
    inside = await donghu.chen.client.post("/v1/units", json={"code": "finance/x", "name": "混进来的"})
    assert (inside.status_code, inside.json()["code"]) == (400, "request.malformed")


DEEP_ANSWERS = [
    b'{"remark": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
]
HURTFUL_ANSWERS = [
    b'{"staff": 1e999}',
    b'{"staff": ' + b"9" * 4000 + b"}",
    b'{"staff": -0.0, "staff": 1}',
    b'{"remark": "\xff\xfe"}',
    b'{"remark": "\\ud800"}',
    b'{"' + b"x" * 50_000 + b'": 1}',
    b"{" + b",".join(b'"q%d": 1' % n for n in range(20_000)) + b"}",
    b"[]",
    b"null",
    b'"answers"',
]


@pytest.mark.parametrize("answers", HURTFUL_ANSWERS, ids=range(len(HURTFUL_ANSWERS)))
async def test_answers_that_were_made_to_hurt_are_refused_or_kept_and_never_break_the_server(donghu, answers):
    from server.questionnaires.actions import publish_form
    from tests.server.workbooks import PULSE, workbook

    await publish_form(donghu.system, workbook(PULSE), "pulse.xlsx")
    head = b'{"form":"pulse","version":"1","filled_at":"2026-11-20T10:00:00+08:00","answers":'
    desk = await donghu.zhou.client.post("/v1/records", content=head + answers + b"}", headers=JSON)
    assert desk.status_code == 201 or is_refusal(desk), sentence(desk, answers[:60])
    device = await phone(donghu, donghu.zhou)
    for raw in (answers, b'{"remark": "the next one"}'):
        args = msgspec.Raw(head + raw + b"}")
        try:
            device.do("record.submit", new_id(), args)
        except UnicodeDecodeError:
            continue  # our own phone keeps only text
    results = await device.push()
    assert results[-1].status == "applied"
    await device.pull()
    assert "the next one" in {
        body["answers"].get("remark") for body in device.rows("record").values() if isinstance(body["answers"], dict)
    }
    if desk.status_code == 201:
        shown = await donghu.zhou.client.get(f"/v1/records/{desk.json()['id']}")
        assert shown.status_code == 200
        assert msgspec.json.decode(shown.content)
    await device.client.aclose()


@pytest.mark.parametrize("answers", DEEP_ANSWERS, ids=["list", "object"])
async def test_answers_nested_without_end_are_refused_and_nothing_is_applied(donghu, answers):
    head = b'{"form":"pulse","version":"1","filled_at":"2026-11-20T10:00:00+08:00","answers":'
    desk = await donghu.zhou.client.post("/v1/records", content=head + answers + b"}", headers=JSON)
    assert is_refusal(desk), sentence(desk)
    device = await phone(donghu, donghu.zhou)
    device.do("record.submit", new_id(), msgspec.Raw(head + answers + b"}"))
    with pytest.raises(Answered) as no:
        await device.push()
    assert (no.value.status, no.value.code) == (400, "envelope.malformed")
    assert (await donghu.zhou.client.get("/v1/records")).json()["items"] == []
    await device.client.aclose()
