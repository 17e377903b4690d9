"""Transactions on both databases, through the front door: the same behaviour, nothing leaked."""

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from piccolo.columns import UUID as UUIDColumn
from piccolo.columns import Numeric, Text, Timestamptz
from piccolo.table import Table

from sync.database.engine import make_engine
from sync.transaction import (
    Lost,
    current,
    defer,
    engine,
    execute,
    executemany,
    fetch,
    is_postgres,
    on_commit,
    retrying,
    transaction,
    use_engine,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def marks(database):
    await execute("CREATE TABLE mark (name TEXT PRIMARY KEY)")
    yield
    await execute("DROP TABLE mark")


async def mark(name: str) -> None:
    await execute("INSERT INTO mark (name) VALUES ($1)", [name])


async def marked() -> list[str]:
    return [row["name"] for row in await fetch("SELECT name FROM mark ORDER BY name")]


async def test_a_transaction_writes_all_or_nothing(marks):
    async with transaction():
        await mark("kept")
    with pytest.raises(ValueError, match="halfway"):
        async with transaction():
            await mark("dropped")
            raise ValueError("halfway")
    assert await marked() == ["kept"]
    assert current() is None


async def test_a_brisk_transaction_keeps_the_same_promises(marks):
    async with transaction(brisk=True):
        await mark("kept")
        with pytest.raises(ValueError, match="inner"):
            async with transaction():
                await mark("inner")
                raise ValueError("inner")
    with pytest.raises(ValueError, match="halfway"):
        async with transaction(brisk=True):
            await mark("dropped")
            raise ValueError("halfway")
    await asyncio.gather(*(write_briskly(f"b{number}") for number in range(5)), mark("aside"))
    assert await marked() == ["aside", "b0", "b1", "b2", "b3", "b4", "kept"]


async def write_briskly(name: str) -> None:
    async with transaction(brisk=True):
        await mark(name)


async def test_a_nested_transaction_is_a_savepoint(marks):
    async with transaction():
        await mark("outer")
        with pytest.raises(ValueError, match="inner"):
            async with transaction():
                await mark("inner")
                raise ValueError("inner")
        async with transaction():
            await mark("second")
    assert await marked() == ["outer", "second"]


async def test_what_was_deferred_runs_once_before_the_commit_and_is_dropped_with_its_savepoint(marks):
    runs: list[list[str]] = []

    async def flush(names: list[str]) -> None:
        runs.append(names)
        for name in names:
            await mark(name)

    async with transaction():
        defer(flush, "a")
        with pytest.raises(ValueError, match="no"):
            async with transaction():
                defer(flush, "lost")
                raise ValueError("no")
        async with transaction():
            defer(flush, "b")
        assert runs == []
    assert runs == [["a", "b"]]
    assert await marked() == ["a", "b"]


async def test_callbacks_run_after_the_commit_and_never_after_a_rollback(marks):
    seen: list[list[str]] = []

    async def look() -> None:
        seen.append(await marked())

    async with transaction():
        on_commit(look)
        await mark("here")
        assert seen == []
    assert seen == [["here"]]
    with pytest.raises(ValueError, match="no"):
        async with transaction():
            on_commit(look)
            raise ValueError("no")
    assert seen == [["here"]]


async def test_failed_commits_leak_neither_connection_nor_context(database):
    deferrable = "DEFERRABLE INITIALLY DEFERRED"
    await execute("CREATE TABLE parent (id INT PRIMARY KEY)")
    await execute(f"CREATE TABLE child (id INT PRIMARY KEY, parent INT REFERENCES parent (id) {deferrable})")
    for number in range(20):
        with pytest.raises(Exception, match="(?i)foreign key"):
            async with transaction():
                await execute("INSERT INTO child (id, parent) VALUES ($1, $2)", [number, 99])
        assert current() is None
    assert await fetch("SELECT id FROM child") == []
    await execute("DROP TABLE child")
    await execute("DROP TABLE parent")


async def test_a_swallowed_error_cannot_turn_the_commit_into_a_silent_rollback(marks):
    if not is_postgres():
        pytest.skip("SQLite goes on after a failed statement")
    with pytest.raises(RuntimeError, match="swallowed"):
        async with transaction():
            await mark("one")
            with pytest.raises(Exception, match="duplicate"):
                await mark("one")
    assert await marked() == []


async def test_a_transaction_the_database_has_ended_takes_nothing_more(marks):
    """What came after it would be written alone, without what was written before."""
    with pytest.raises(Lost):
        async with transaction():
            await mark("before")
            async with transaction():
                await end_transaction()
    assert await marked() == []
    async with transaction():
        await mark("the next one works")


async def end_transaction() -> None:
    """As a full disk or a cut connection would."""
    if is_postgres():
        await execute("SELECT pg_terminate_backend(pg_backend_pid())")
    else:
        await execute("INSERT OR ROLLBACK INTO mark (name) VALUES ('before')")


async def test_writers_take_their_turn_and_readers_do_not_wait_for_them(marks):
    async def write(number: int) -> None:
        async with transaction():
            count = (await fetch("SELECT count(*) AS n FROM mark"))[0]["n"]
            await mark(f"{number:02}-{count:02}")

    async with transaction():
        await mark("open")
        outside = asyncio.create_task(fetch_outside())
        if not is_postgres():
            assert await outside == []
        await outside
    await asyncio.gather(*(write(number) for number in range(12)))
    assert len(await marked()) == 13


async def fetch_outside() -> list[str]:
    """Read on a connection of one's own: the task inherits the open transaction, so step out of it."""
    reader = await engine().acquire(True)
    try:
        return [row["name"] for row in await reader.fetch("SELECT name FROM mark")]
    finally:
        await engine().release(reader)


async def test_a_readonly_transaction_sees_one_snapshot_and_refuses_to_write(marks):
    with pytest.raises(Exception, match="(?i)read-?only"):
        async with transaction(readonly=True):
            await mark("never")
    assert await marked() == []


async def test_a_cancelled_task_gives_its_connection_back(marks):
    async def hold() -> None:
        async with transaction():
            await mark("held")
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(hold()) for _ in range(3)]
    await mark_when_running(tasks[0])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await mark("after")
    assert await marked() == ["after"]


async def mark_when_running(task: "asyncio.Task[None]") -> None:
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()


async def test_a_colliding_transaction_is_tried_again(database):
    class Collision(Exception):
        sqlstate = "40001"

    tries = []

    async def work() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise Collision
        return "done"

    assert await retrying(work) == "done"
    assert len(tries) == 3


async def test_the_orm_and_raw_sql_share_one_transaction_and_keep_types(database):
    class Sample(Table, db=database, tablename="sample"):
        id = UUIDColumn(primary_key=True)
        name = Text()
        at = Timestamptz()
        price = Numeric((10, 2))

    await Sample.create_table()
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    known = uuid4()
    async with transaction():
        await Sample.insert(Sample(id=known, name="墨", at=at, price=Decimal("12.50")))
        assert (await fetch("SELECT name FROM sample WHERE name = $1", ["墨"]))[0][0] == "墨"
    row = await Sample.select().first()
    assert (UUID(str(row["id"])), row["at"], row["price"]) == (known, at, Decimal("12.50"))
    raw = (await fetch("SELECT id, at FROM sample"))[0]
    assert (raw["id"], raw["at"]) == (known, at)
    with pytest.raises(ValueError, match="undo"):
        async with database.transaction():
            await Sample.delete(force=True)
            raise ValueError("undo")
    assert await Sample.count() == 1
    await Sample.alter().drop_table()


async def test_many_rows_go_in_together_or_not_at_all(marks):
    await executemany("INSERT INTO mark (name) VALUES ($1)", [["a"], ["b"]])
    with pytest.raises(Exception, match="(?i)unique"):
        await executemany("INSERT INTO mark (name) VALUES ($1)", [["c"], ["a"]])
    assert await marked() == ["a", "b"]


def test_several_event_loops_in_one_process_share_the_engine(tmp_path):
    local = make_engine(f"sqlite:///{tmp_path / 'loops.db'}")

    async def count(name: str) -> int:
        async with transaction():
            await mark(name)
        return len(await marked())

    before = use_engine(local)
    try:
        asyncio.run(execute("CREATE TABLE mark (name TEXT PRIMARY KEY)"))
        assert [asyncio.run(count(name)) for name in "abc"] == [1, 2, 3]
        threads = [threading.Thread(target=lambda n=name: asyncio.run(count(n))) for name in "def"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert asyncio.run(marked()) == list("abcdef")
    finally:
        use_engine(None)
        assert before is local
        local.close_connections()


def test_a_process_that_forgets_to_close_still_exits(tmp_path):
    program = f"""
import asyncio
from sync.database.engine import make_engine
from sync.transaction import use_engine, fetch, transaction, execute
use_engine(make_engine("sqlite:///{tmp_path / "exit.db"}"))
async def main():
    async with transaction():
        await execute("CREATE TABLE t (a INT)")
    print(len(await fetch("SELECT * FROM t")))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.strip() == "0"


def test_an_address_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="sqlite:///"):
        make_engine("mysql://root@localhost/x")


async def test_a_connection_given_back_after_its_pool_was_closed_is_not_handed_out_again(tmp_path):
    """What was left waiting when its event loop ended gives back late."""
    local = make_engine(f"sqlite:///{tmp_path}/late.sqlite")
    late = await local.acquire(True)
    await late.execute("SELECT 1")
    await local.close()
    await local.release(late)
    again = await local.acquire(True)
    assert again is not late
    await again.execute("SELECT 1")
    await local.release(again)
    await local.close()
