"""A full disk ends SQLite's transaction in the middle of a push: all of it is undone, and the phone sends it again."""

from uuid import uuid4

import msgspec
import pytest
from town import note
from toy import Comment, add_note

from sync.devices import authenticate
from sync.operations import Operation, OperationContext, Outcome, operation
from sync.phone import Phone
from sync.push import decode_push, push
from sync.transaction import Lost, execute, fetch, is_postgres

pytestmark = pytest.mark.anyio


@operation("note.end", args=Comment, kind="note")
async def end(context: OperationContext, one: Operation[Comment]) -> Outcome:
    await add_note(context.bureau, "a", "half done", id=one.target)
    await execute("INSERT OR ROLLBACK INTO toy_note (bureau, id) VALUES ($1, $2)", [context.bureau, one.target])
    raise AssertionError("the same id twice must fail")


def envelope_of(phone: Phone) -> bytes:
    """What the phone would send next."""
    operations = [msgspec.Raw(b'{"n":%d,' % n + body[1:]) for n, body in phone._next_batch()]
    envelope = {"device": phone.device, "incarnation": phone.meta("incarnation"), "operations": operations}
    return msgspec.json.encode(envelope)


async def test_rule_3_what_follows_a_transaction_the_database_has_ended_is_not_applied_alone(town):
    if is_postgres():
        pytest.skip("PostgreSQL ends the connection with it")
    li = await town.phone()
    note(li, "before")
    li.do("note.end", uuid4(), {"text": "the disk is full"})
    note(li, "after")
    context = await authenticate(li.meta("token"))
    with pytest.raises(Lost):
        await push(context, decode_push(envelope_of(li)))
    assert (await town.notes(), len(li.unsent())) == ({}, 3)
    assert await fetch("SELECT id FROM sync_operation WHERE bureau = $1", [town.bureau]) == []
