"""Rules 11 to 13: every change takes a number at its commit and lands in the scopes that hold it then."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from toy import LI, add_note, move_note

from sync.feed import collect_tombstones, current_id, head_at, touch
from sync.scopes import grant, holders_of, person_scope, revoke, scopes_of
from sync.transaction import fetch, transaction

pytestmark = pytest.mark.anyio


async def feed(bureau) -> list[tuple[str, int, str]]:
    found = await fetch("SELECT scope, seq, op FROM sync_feed WHERE bureau = $1 ORDER BY seq, scope", [bureau])
    return [(row["scope"], row["seq"], row["op"]) for row in found]


async def head(bureau) -> int:
    found = await fetch("SELECT n FROM sync_head WHERE bureau = $1", [bureau])
    return found[0]["n"] if found else 0


async def test_rule_11_each_row_takes_one_number_at_the_commit_and_the_commit_is_recorded(world):
    async with transaction():
        await add_note(world, "a")
        await add_note(world, "b")
        assert await feed(world) == []
    assert await feed(world) == [("topic:a", 1, "put"), ("topic:b", 2, "put")]
    assert await head(world) == 2
    commits = await fetch("SELECT n FROM sync_commit WHERE bureau = $1", [world])
    assert [row["n"] for row in commits] == [2]


async def test_rule_11_a_rolled_back_savepoint_takes_its_touches_along(world):
    async with transaction():
        await add_note(world, "a")
        with pytest.raises(ValueError, match="no"):
            async with transaction():
                await add_note(world, "b")
                raise ValueError("no")
    assert await feed(world) == [("topic:a", 1, "put")]


async def test_rule_11_a_transaction_that_touches_nothing_takes_no_number(world):
    async with transaction():
        await fetch("SELECT 1 AS one")
    assert await head(world) == 0


async def test_rule_12_the_feed_keeps_one_line_per_row_and_scope_moved_to_its_new_number(world):
    async with transaction():
        note = await add_note(world, "a+b")
    for _ in range(3):
        async with transaction():
            touch(world, "note", note)
            touch(world, "note", note)
    assert await feed(world) == [("topic:a", 4, "put"), ("topic:b", 4, "put")]


async def test_rule_13_scenario_44_a_row_that_moves_leaves_an_out_in_the_scope_it_left(world):
    async with transaction():
        note = await add_note(world, "a+b")
    async with transaction():
        await move_note(world, note, "b+c")
    assert await feed(world) == [("topic:a", 2, "out"), ("topic:b", 2, "put"), ("topic:c", 2, "put")]
    async with transaction():
        await move_note(world, note, "a")
    assert await feed(world) == [("topic:a", 3, "put"), ("topic:b", 3, "out"), ("topic:c", 3, "out")]


async def test_rule_12_a_deleted_row_is_gone_from_every_scope(world):
    async with transaction():
        note = await add_note(world, "a+b")
    async with transaction():
        touch(world, "note", note, gone=True)
    assert await feed(world) == [("topic:a", 2, "gone"), ("topic:b", 2, "gone")]
    async with transaction():
        touch(world, "note", uuid4())
    assert len(await feed(world)) == 2


async def test_rule_13_a_merged_row_redirects_even_when_it_is_touched_again_in_the_same_transaction(world):
    async with transaction():
        kept, lost = await add_note(world, "a"), await add_note(world, "a")
    async with transaction():
        touch(world, "note", lost, redirect_to=kept)
        touch(world, "note", lost)
    found = await fetch("SELECT op, redirect_to FROM sync_feed WHERE bureau = $1 AND id = $2", [world, lost])
    assert [(row["op"], row["redirect_to"]) for row in found] == [("redirect", kept)]


async def test_rule_13_grants_take_numbers_and_are_appended_by_generation(world):
    async with transaction():
        grant(world, LI, "topic:a")
        grant(world, LI, "topic:a")
    async with transaction():
        revoke(world, LI, "topic:a")
        grant(world, LI, "topic:a")
    found = await fetch(
        "SELECT generation, granted, revoked FROM sync_grant WHERE bureau = $1 ORDER BY generation", [world]
    )
    assert [tuple(row) for row in found] == [(1, 1, 3), (2, 4, None)]
    assert await scopes_of(world, LI) == {"topic:a"}
    assert await holders_of(world, "topic:a") == {LI}
    async with transaction():
        revoke(world, LI, "topic:a")
    assert await scopes_of(world, LI) == set()
    assert person_scope(LI) == f"person:{LI}"


async def test_rule_15_old_tombstones_and_commits_are_collected_and_living_rows_stay(world):
    async with transaction():
        kept, gone = await add_note(world, "a"), await add_note(world, "a")
    async with transaction():
        touch(world, "note", gone, gone=True)
    assert await head_at(world, datetime.now(UTC) - timedelta(days=1)) == 0
    now = await head_at(world, datetime.now(UTC) + timedelta(seconds=1))
    await collect_tombstones(world, now)
    assert (now, await feed(world)) == (3, [("topic:a", 1, "put")])
    commits = await fetch("SELECT n FROM sync_commit WHERE bureau = $1", [world])
    assert [row["n"] for row in commits] == [3]
    assert (await fetch("SELECT id FROM sync_feed WHERE bureau = $1", [world]))[0]["id"] == kept


async def test_rule_13_merges_outlive_the_tombstones_and_end_when_they_are_taken_back(world):
    async with transaction():
        kept, merged = await add_note(world, "a"), await add_note(world, "a")
    async with transaction():
        touch(world, "note", merged, redirect_to=kept)
    await collect_tombstones(world, 3)
    assert await current_id(world, "note", merged) == kept
    async with transaction():
        await move_note(world, merged, "b")
    assert await current_id(world, "note", merged) == merged
