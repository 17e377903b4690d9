"""docs/sync.md speaks of the protocol as it is: every message on the page is one, and every rule has a test."""

import re
from pathlib import Path

import msgspec
import pytest

from sync import wire

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sync.md").read_text()
MESSAGES = re.findall(r"`(\w+)`\n\n```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("name", "text"), MESSAGES, ids=[name for name, _ in MESSAGES])
def test_each_message_on_the_page_is_read_by_the_code(name, text):
    message = msgspec.json.decode(text, type=getattr(wire, name))
    for raw in getattr(message, "operations", []):
        operation = wire.operation_decoder.decode(raw)
        assert wire.body_hash(operation, wire.read_args(operation))
    told = msgspec.json.decode(text)
    for read, written in zip(message, told, strict=True) if isinstance(told, list) else [(message, told)]:
        if isinstance(read, msgspec.Struct):
            assert set(written) <= {field.encode_name for field in msgspec.structs.fields(read)}


def test_every_message_of_the_protocol_is_on_the_page():
    names = {name for name in dir(wire) if name.endswith(("Request", "Response"))}
    assert names == {name for name, _ in MESSAGES}


def test_every_rule_on_the_page_has_a_test_of_its_number():
    rules = {int(number) for number in re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE)}
    assert rules == set(range(1, 25))
    tests = [path for folder in ("sync", "server") for path in (ROOT / "tests" / folder).glob("test_*.py")]
    names = " ".join(path.read_text() for path in tests)
    assert [number for number in sorted(rules) if f"rule_{number}_" not in names] == []


def test_the_hashes_on_the_page_are_those_of_the_digest():
    rows = re.findall(r"^(\w+)/([0-9a-f-]{36})/(\d+) +([0-9a-f]{16})$", PAGE, re.MULTILINE)
    hashes = [wire.row_hash(kind, id, int(v)) for kind, id, v, _ in rows]
    assert [f"{one:016x}" for one in hashes] == [told for *_, told in rows]
    (both,) = re.findall(r"^a scope of these two rows +([0-9a-f]{16})$", PAGE, re.MULTILINE)
    first, second = hashes
    assert f"{first ^ second:016x}" == both
