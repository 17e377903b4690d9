"""Rule 18: a phone compares what it holds with what it should, and repairs the scope that differs."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from test_pull import Store, device, unwatch, watch, write
from toy import WANG, add_note, move_note

from sync import digest as digests
from sync.digest import digest
from sync.feed import collect_tombstones, rotate_epoch, touch
from sync.pull import hello, pull
from sync.refusal import Refusal
from sync.transaction import execute, transaction
from sync.wire import PullRequest, row_hash

pytestmark = pytest.mark.anyio


class Careful(Store):
    """A store that knows the number of each row and can tell its own digest, by the letter of docs/sync.md."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.numbers: dict[tuple[str, UUID], int] = {}
        self.repairing: list[str] = []

    def obey(self, change) -> None:
        super().obey(change)
        if change.op == "put":
            self.numbers[change.kind, change.id] = change.v

    async def page(self):
        if not self.repairing:
            return await super().page()
        request = PullRequest(cursor=self.cursor, limit=self.limit, kinds=self.kinds, repair=self.repairing)
        answer = await pull(self.context, request)
        for change in answer.changes:
            self.obey(change)
        self.cursor, self.repairing = answer.cursor, []
        return answer

    def own(self) -> dict[str, tuple[int, str]]:
        found: dict[str, tuple[int, int]] = {}
        for key, scopes in self.scopes.items():
            for scope in scopes:
                count, total = found.get(scope, (0, 0))
                found[scope] = count + 1, total ^ row_hash(*key, self.numbers[key])
        return {scope: (count, f"{total:016x}") for scope, (count, total) in found.items()}

    async def compare(self) -> list[str]:
        """The scopes that differ."""
        answer = await digest(self.context, self.pages[-1].until, self.kinds)
        told = {scope: (one.count, one.xor) for scope, one in answer.scopes.items()}
        own = self.own()
        return sorted(one for one in {*told, *own} - {*answer.moved} if told.get(one) != own.get(one))

    async def repair(self, scopes: list[str]) -> None:
        for held in self.scopes.values():
            held.difference_update(scopes)
        self.repairing = scopes
        while True:
            answer = await self.page()
            self.pages.append(answer)
            if answer.complete and answer.head == answer.until:
                break
        for key in [key for key in self.rows if not self.scopes.get(key)]:
            del self.rows[key]
            self.scopes.pop(key, None)


@pytest.fixture
async def li(world) -> Careful:
    digests._remembered.clear()
    return Careful(await device(world))


async def test_rule_18_a_phone_that_has_caught_up_finds_no_difference(world, li):
    await watch(world, "a", "b")
    note = await write(world, "a+b", "in both")
    await write(world, "a", "one")
    await write(world, "c", "hidden")
    await li.catch_up()
    assert await li.compare() == []
    assert {scope: count for scope, (count, _) in li.own().items()} == {"topic:a": 2, "topic:b": 1}
    async with transaction():
        await move_note(world, note, "b")
    await unwatch(world, "b")
    await li.catch_up()
    assert await li.compare() == []
    assert list(li.own()) == ["topic:a"]


@pytest.mark.parametrize("limit", [1, 1000])
async def test_rule_18_a_scope_that_differs_is_repaired_and_the_others_go_on(world, li, limit):
    await watch(world, "a", "b")
    kept, lost, stale = [await write(world, "a", title) for title in ("kept", "lost", "stale")]
    await write(world, "b", "elsewhere")
    await li.catch_up()
    del li.rows["note", lost], li.scopes["note", lost]
    li.numbers["note", stale] -= 1
    ghost = ("note", uuid4())
    li.rows[ghost], li.scopes[ghost], li.numbers[ghost] = {"title": "ghost"}, {"topic:a"}, 3
    assert await li.compare() == ["topic:a"]

    li.limit = limit
    async with transaction():
        await move_note(world, kept, "a+b")
    await li.repair(["topic:a"])
    assert li.titles == ["elsewhere", "kept", "lost", "stale"]
    assert li.scopes["note", kept] == {"topic:a", "topic:b"}
    assert await li.compare() == []


async def test_rule_18_a_repair_asked_for_again_starts_over_and_brings_nothing_out_of_reach(world, li):
    await watch(world, "a")
    for title in ("one", "two", "three"):
        await write(world, "a", title)
    await write(world, "b", "hidden")
    await li.catch_up()
    wanted = PullRequest(cursor=li.cursor, limit=2, repair=["topic:a", "topic:b"])
    first = await pull(li.context, wanted)
    again = await pull(li.context, wanted)
    more = await pull(li.context, PullRequest(cursor=first.cursor, repair=["topic:a"]))
    assert [change.id for change in first.changes] == [change.id for change in again.changes]
    assert (first.complete, len(first.changes), len(more.changes), more.complete) == (False, 2, 3, True)
    assert all(change.add and change.scopes == ["topic:a"] for change in more.changes)
    with pytest.raises(Refusal) as refused:
        await pull(li.context, PullRequest(cursor=li.cursor, repair=[f"topic:{n}" for n in range(21)]))
    assert refused.value.details == {"path": "$.repair"}


async def test_rule_18_what_moved_after_the_phones_number_is_named_and_not_compared(world, li):
    await watch(world, "a", "b")
    await write(world, "a", "one")
    await write(world, "b", "two")
    await li.catch_up()
    stands_at = li.pages[-1].until
    await write(world, "a", "later")
    await watch(world, "new")
    await unwatch(world, "b")
    answer = await digest(li.context, stands_at)
    assert answer.moved == ["topic:a", "topic:b", "topic:new"]
    assert answer.scopes == {}
    assert (answer.as_of, answer.head) == (stands_at, stands_at + 3)


async def test_rule_18_a_digest_of_some_kinds_counts_only_those(world, li):
    some = Careful(li.context, kinds=["pin"])
    await watch(world, "a")
    await write(world, "a", "a note")
    async with transaction():
        pin = uuid4()
        await execute(
            "INSERT INTO toy_pin (bureau, id, topic, body) VALUES ($1, $2, 'a', '{\"title\": \"pin\"}')", [world, pin]
        )
        touch(world, "pin", pin)
    await li.catch_up()
    await some.catch_up()
    assert (await li.compare(), await some.compare()) == ([], [])
    assert (await digest(li.context, li.pages[-1].until, ["pin"])).scopes["topic:a"].count == 1


async def test_rule_18_a_digest_is_computed_once_for_all_who_hold_the_scope_until_it_moves(world, li, monkeypatch):
    monkeypatch.setattr("sync.digest.ROWS_AT_ONCE", 2)
    wang = Careful(await device(world, WANG))
    await watch(world, "a")
    await watch(world, "a", person=WANG)
    for title in "abcde":
        await write(world, "a", title)
    await li.catch_up()
    await wang.catch_up()
    assert (await li.compare(), await wang.compare(), len(digests._remembered)) == ([], [], 1)
    monkeypatch.setattr("sync.digest.REMEMBERED_MAX", 1)
    await write(world, "a", "f")
    await wang.catch_up()
    assert (await wang.compare(), len(digests._remembered)) == ([], 1)
    assert wang.own()["topic:a"][0] == 6


async def test_rule_18_a_number_of_another_history_asks_for_a_reconcile(world, li):
    await watch(world, "a")
    async with transaction():
        gone = await add_note(world, "a", "soon gone")
    await li.catch_up()
    stands_at = li.pages[-1].until
    async with transaction():
        await execute("DELETE FROM toy_note WHERE id = $1", [gone])
        touch(world, "note", gone, gone=True)
    await collect_tombstones(world, stands_at + 1)
    for number, reason in ((stands_at + 2, "history_changed"), (stands_at, "below_floor")):
        with pytest.raises(Refusal) as refused:
            await digest(li.context, number)
        assert (refused.value.status, refused.value.details["reason"]) == (410, reason)


async def test_rule_18_hello_tells_a_change_of_reach_the_limits_and_the_epoch(world, li):
    first = await hello(li.context, client_min="1.2.0", file_bytes_max=5)
    await watch(world, "a")
    second = await hello(li.context)
    await unwatch(world, "a")
    await watch(world, "a")
    third = await hello(li.context)
    assert len({first.scopes_hash, second.scopes_hash, third.scopes_hash}) == 3
    assert (await hello(li.context)).scopes_hash == third.scopes_hash
    assert (first.client_min, first.file_bytes_max, first.protocols) == ("1.2.0", 5, [1])
    epoch = await rotate_epoch(world)
    told = msgspec.json.decode(msgspec.json.encode(await hello(li.context)))
    assert told["epoch"] == str(epoch)
    assert told["operations_max"] == 500
    assert {"digest", "repair"} <= set(told["features"])
