"""Who waits for whom: writers of one bureau in the order they came, and on SQLite nobody behind a reader."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from sync import turn
from sync.database.sqlite import READERS
from sync.transaction import execute, fetch, is_postgres, transaction
from sync.turn import take_turn

pytestmark = pytest.mark.anyio

STUCK_SECONDS = 30


@pytest.fixture
async def marks(database):
    await execute("CREATE TABLE mark (name TEXT PRIMARY KEY)")
    await execute("INSERT INTO mark (name) VALUES ('old')")
    yield
    await execute("DROP TABLE mark")


async def marked() -> set[str]:
    return {row["name"] for row in await fetch("SELECT name FROM mark")}


@asynccontextmanager
async def holding(bureau: UUID) -> AsyncIterator[None]:
    """Another task's transaction has its turn."""
    has_it, may_leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with transaction():
            await take_turn("mark", bureau)
            has_it.set()
            await may_leave.wait()

    holder = asyncio.create_task(hold())
    await has_it.wait()
    yield
    may_leave.set()
    await holder


async def test_sqlite_writers_never_wait_behind_readers(marks):
    """Every reader is in the middle of a long answer that cannot go on before the writer has committed, and more wait."""
    if is_postgres():
        pytest.skip("a promise about SQLite's one file")
    has_committed = threading.Event()
    asking = asyncio.Semaphore(0)

    async def read_at_length() -> tuple[bool, set[str]]:
        async with transaction(readonly=True) as opened:
            seen = await marked()

            def wait() -> bool:
                return has_committed.wait(STUCK_SECONDS)

            await opened.connection.run(lambda raw: raw.create_function("writer_is_done", 0, wait))
            asking.release()
            rows = await fetch("SELECT writer_is_done() AS done FROM mark")
            return all(row["done"] for row in rows), seen | await marked()

    readers = [asyncio.create_task(read_at_length()) for _ in range(READERS)]
    for _ in readers:
        await asking.acquire()
    late = asyncio.create_task(marked())
    async with transaction():
        await execute("INSERT INTO mark (name) VALUES ('new')")
    assert not any(task.done() for task in [*readers, late])
    has_committed.set()
    for could_go_on, seen in await asyncio.gather(*readers):
        assert could_go_on
        assert seen == {"old"}, "a reader keeps to its snapshot"
    assert await late == {"old", "new"}


async def test_writers_of_a_bureau_are_served_in_the_order_they_came(marks):
    """Also past one that fails: whoever leaves, by whatever way, calls in the next."""
    if not is_postgres():
        pytest.skip("SQLite has one writer, handed on in order")
    bureau = uuid4()
    came: list[int] = []
    served: list[int] = []
    all_came = asyncio.Event()

    async def write(number: int) -> None:
        async with transaction():
            came.append(number)
            if len(came) == 6:
                all_came.set()
            await take_turn("mark", bureau)
            await take_turn("mark", bureau)  # once is enough
            served.append(number)
            if number == 2:
                raise ValueError("on the way")
            await execute("INSERT INTO mark (name) VALUES ($1)", [str(number)])

    async with holding(bureau):
        writing = [asyncio.create_task(write(number)) for number in range(6)]
        await all_came.wait()
        assert served == []
    outcomes = await asyncio.gather(*writing, return_exceptions=True)
    assert served == came
    assert [type(one) for one in outcomes] == [type(None), type(None), ValueError, type(None), type(None), type(None)]
    assert await marked() == {"old", "0", "1", "3", "4", "5"}


async def test_a_turn_that_does_not_come_is_not_waited_for_for_ever(marks, monkeypatch):
    """The database sees who waits for whom, and the line does not: so after a while one asks the database."""
    if not is_postgres():
        pytest.skip("SQLite has one writer, handed on in order")
    monkeypatch.setattr(turn, "PATIENCE_SECONDS", 0)
    bureau = uuid4()

    async def write() -> None:
        async with transaction():
            await take_turn("mark", bureau)
            await execute("INSERT INTO mark (name) VALUES ('impatient')")

    async with holding(bureau):
        await write()
    assert await marked() == {"old", "impatient"}


async def test_what_joins_a_transaction_fails_with_all_of_it(marks):
    """No savepoint: the error undoes what was written before it, too."""
    with pytest.raises(ValueError, match="inside"):
        async with transaction():
            await execute("INSERT INTO mark (name) VALUES ('before')")
            async with transaction(joins=True):
                await execute("INSERT INTO mark (name) VALUES ('inside')")
                raise ValueError("inside")
    assert await marked() == {"old"}
    async with transaction(joins=True):
        await execute("INSERT INTO mark (name) VALUES ('alone')")
    assert await marked() == {"old", "alone"}


async def test_a_brisk_question_is_answered_before_anything_else_happens(marks):
    """On SQLite it is asked in the event loop's own thread, once the connection is open."""
    if is_postgres():
        pytest.skip("on PostgreSQL the answer comes from another process")
    await marked()
    happened: list[str] = []
    asyncio.get_running_loop().call_soon(happened.append, "something else")
    assert await fetch("SELECT name FROM mark WHERE name = $1", ["old"], brisk=True)
    assert happened == []
    await marked()
    assert happened == ["something else"]
