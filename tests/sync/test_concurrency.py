"""Rule 11 under load: many writers, one reader that never waits, and no row is ever missed."""

import asyncio
from uuid import UUID, uuid4

import msgspec
import pytest
from toy import LI, add_note

from sync import feed
from sync.devices import authenticate, enrol, issue_code
from sync.pull import pull
from sync.push import decode_push, push
from sync.scopes import grant
from sync.transaction import execute, fetch, is_postgres, transaction
from sync.wire import PullRequest

pytestmark = pytest.mark.anyio

WRITERS, ROUNDS = 8, 12


async def write_for_a_while(bureau: UUID) -> None:
    async def writer(number: int) -> None:
        for turn in range(ROUNDS):
            async with transaction():
                await add_note(bureau, "a", f"{number}/{turn}")
                if turn % 3 == 0:
                    await asyncio.sleep(0)
                    await fetch("SELECT count(*) AS n FROM toy_note WHERE bureau = $1", [bureau])

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))


async def read_while(bureau: UUID, writing: "asyncio.Task[None]") -> int:
    """Follow the feed as a phone does, beside the writers and then to the head; how many rows were seen."""
    context = await authenticate((await enrol(await issue_code(bureau, LI), "one")).token)
    seen: set[UUID | None] = set()
    cursor = None
    while True:
        is_last = writing.done()
        answer = await pull(context, PullRequest(cursor=cursor, limit=7))
        cursor = answer.cursor
        seen |= {change.id for change in answer.changes if change.op == "put"}
        if is_last and answer.complete and answer.head == answer.until:
            return len(seen)
        await asyncio.sleep(0)


async def seen_rows(bureau: UUID) -> int:
    async with transaction():
        grant(bureau, LI, "topic:a")
    writing = asyncio.create_task(write_for_a_while(bureau))
    seen = await read_while(bureau, writing)
    await writing
    return seen


async def test_rule_11_scenario_7_no_row_is_lost_between_concurrent_writers_and_a_reader(world):
    assert await seen_rows(world) == WRITERS * ROUNDS


async def test_rule_11_the_same_test_fails_when_the_counter_is_a_sequence(world, monkeypatch):
    if not is_postgres():
        pytest.skip("SQLite has one writer: nothing can commit late")
    name = f"toy_sequence_{world.hex}"
    await execute(f"CREATE SEQUENCE {name} START 100")

    async def from_a_sequence(bureau: UUID, count: int) -> int:
        """Take numbers without holding anything until the commit; the head is only raised, never locked for long."""
        last = 0
        for _ in range(count):
            last = (await fetch(f"SELECT nextval('{name}') AS n"))[0]["n"]
        await slow_commit()
        await execute("UPDATE sync_head SET n = greatest(n, $2) WHERE bureau = $1", [bureau, last])
        return last

    slow = iter(range(10_000))

    async def slow_commit() -> None:
        for _ in range(next(slow) % 5 * 8):
            await asyncio.sleep(0)

    async with transaction():
        grant(world, LI, "topic:a")
    monkeypatch.setattr(feed, "raise_head", from_a_sequence)
    lost = 0
    for _ in range(5):
        writing = asyncio.create_task(write_for_a_while(world))
        seen = await read_while(world, writing)
        await writing
        total = (await fetch("SELECT count(*) AS n FROM toy_note WHERE bureau = $1", [world]))[0]["n"]
        lost = total - seen
        if lost:
            break
    await execute(f"DROP SEQUENCE {name}")
    assert lost > 0


async def test_rule_4_scenario_43_identical_pushes_at_the_same_time_have_one_effect_and_equal_answers(world):
    enrolled = await enrol(await issue_code(world, LI), "one")
    context = await authenticate(enrolled.token)
    operations = [
        {
            "id": uuid4(),
            "n": n,
            "op": "note.add",
            "target": uuid4(),
            "args": {"topic": "a", "title": str(n)},
            "at": "2026-03-01T09:00:00Z",
        }
        for n in range(1, 21)
    ]
    body = msgspec.json.encode({"device": enrolled.device, "incarnation": "one", "operations": operations})
    answers = await asyncio.gather(*(push(context, decode_push(body)) for _ in range(6)))
    assert {tuple(result.status for result in answer.results) for answer in answers} == {("applied",) * 20}
    assert sum(not result.duplicate for answer in answers for result in answer.results) == 20
    count = await fetch("SELECT count(*) AS n FROM toy_note WHERE bureau = $1", [world])
    assert count[0]["n"] == 20


async def test_rule_3_two_devices_pushing_to_the_same_targets_in_opposite_order_both_succeed(world):
    async with transaction():
        targets = [await add_note(world, "a", f"n{number}") for number in range(12)]

    async def comment(incarnation: str, order: list[UUID]) -> list[str]:
        enrolled = await enrol(await issue_code(world, LI), incarnation)
        operations = [
            {
                "id": uuid4(),
                "n": n,
                "op": "note.comment",
                "target": target,
                "args": {"text": incarnation},
                "at": "2026-03-01T09:00:00Z",
            }
            for n, target in enumerate(order, 1)
        ]
        body = msgspec.json.encode({"device": enrolled.device, "incarnation": incarnation, "operations": operations})
        answer = await push(await authenticate(enrolled.token), decode_push(body))
        return [result.status for result in answer.results]

    done = await asyncio.gather(comment("one", targets), comment("two", targets[::-1]), comment("three", targets))
    assert done == [["applied"] * 12] * 3
