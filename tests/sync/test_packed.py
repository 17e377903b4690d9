"""Rule 20: MessagePack stands for the same JSON, and the same operation sent either way is the same operation."""

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from town import note
from toy import LI

from sync.devices import authenticate
from sync.envelope import decode_packed_push, decode_push, read_items
from sync.packed import json_of, packed_of
from sync.push import push
from sync.refusal import Refusal
from sync.wire import PUSH_BYTES_MAX

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
operations = st.fixed_dictionaries(
    {
        "id": st.uuids().map(str),
        "n": st.integers(1, 2**53),
        "op": st.text(max_size=20),
        "target": st.uuids().map(str),
        "args": st.dictionaries(st.text(max_size=8), values, max_size=5),
        "at": st.datetimes().map(lambda at: at.isoformat() + "+08:00"),
    },
    optional={"base": st.integers(0, 2**53), "was": st.dictionaries(st.text(max_size=8), values, max_size=3)},
)


def envelope(*many: Any) -> dict[str, Any]:
    return {"device": "a52b35d2-8bb2-5c7b-90e9-519c21f515e4", "incarnation": "x", "operations": list(many)}


@settings(max_examples=150, deadline=None)
@given(operations)
def test_rule_20_rule_4_a_random_operation_has_the_same_hash_either_way(operation):
    plain = read_items(decode_push(msgspec.json.encode(envelope(operation))))
    packed = read_items(decode_packed_push(msgspec.msgpack.encode(envelope(operation))))
    assert [item.hash for item in packed] == [item.hash for item in plain]
    assert [item.wire for item in packed] == [item.wire for item in plain]


@settings(max_examples=100, deadline=None)
@given(values)
def test_rule_20_an_answer_says_the_same_either_way(value):
    assert msgspec.msgpack.decode(packed_of(value)) == msgspec.json.decode(msgspec.json.encode(value))
    assert json_of(msgspec.msgpack.encode(value)) == msgspec.json.encode(value)


def test_rule_20_an_answer_with_a_number_beyond_64_bits_stays_json():
    assert packed_of({"d": msgspec.Raw(b"123456789012345678901234567890")}) is None


@pytest.mark.parametrize(
    "packed",
    [
        msgspec.msgpack.encode({"a": b"bytes"}),
        msgspec.msgpack.encode({1: "a"}),
        msgspec.msgpack.encode(float("nan")),
        msgspec.msgpack.encode([float("inf")]),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(5, b"x")),
        b"\xd6\xff\x00\x00\x00\x01",  # a timestamp
        msgspec.msgpack.encode({"a": 1})[:-1],
        msgspec.msgpack.encode({"a": 1}) + b"\x00",
        b"\xa1\xff",
        b"\xc1",
        b"\x91" * 5_000 + b"\x90",
        b"",
    ],
    ids=["binary", "key", "nan", "infinity", "extension", "timestamp", "cut", "more", "utf8", "never", "deep", "empty"],
)
def test_rule_20_what_json_cannot_say_is_refused(packed):
    with pytest.raises(ValueError):
        json_of(packed)
    with pytest.raises(Refusal, match=r"envelope\.malformed"):
        decode_packed_push(packed)


@pytest.mark.parametrize("length", [3, 40, 300, 70_000])
def test_rule_5_half_a_character_becomes_a_sign_in_texts_and_nothing_else_changes(length):
    half = b"\xed\xa0\x80"
    text = half + b"x" * (length - 3)
    number = struct.pack(">d", struct.unpack(">d", b"\x40" + half + b"\x00\x00\x00\x00")[0])
    head = msgspec.msgpack.encode("x" * length)[:-length]
    others = [
        1,
        -1,
        200,
        70_000,
        2**40,
        -200,
        -70_000,
        -(2**40),
        None,
        True,
        {"a": []},
        ["x"] * 20,
        {str(n): n for n in range(20)},
    ]
    packed = b"\x93" + head + text + b"\xcb" + number + msgspec.msgpack.encode(others)
    read = msgspec.json.decode(json_of(packed))
    assert read == ["\ufffd" + "x" * (length - 3), struct.unpack(">d", number)[0], others]


def test_rule_20_limits_count_what_is_sent_and_the_json_it_stands_for():
    for body in (b"\x00" * (PUSH_BYTES_MAX + 1), msgspec.msgpack.encode(["\x01" * (PUSH_BYTES_MAX // 5)])):
        with pytest.raises(Refusal, match=r"envelope\.too_large"):
            decode_packed_push(body)


@pytest.mark.anyio
async def test_rule_20_rule_4_the_same_operation_sent_as_messagepack_is_a_duplicate(town):
    li = await town.phone(LI)
    note(li, "once")
    await li.push()
    sent = next(body for path, body in reversed(town.line.requests) if path == "/sync/v1/push")
    packed = msgspec.msgpack.encode(msgspec.json.decode(sent))
    answer = await push(await authenticate(li.meta("token")), decode_packed_push(packed))
    assert [(one.status, one.duplicate) for one in answer.results] == [("applied", True)]
    assert len(await town.notes()) == 1
