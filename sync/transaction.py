"""One way to write: a real transaction outside, a savepoint inside, and plain SQL for the hot paths.

The outermost `transaction()` owns a connection from its first statement to its commit; a nested one is a savepoint, so
an inner failure undoes exactly the inner writes. Raw SQL is written with `$1` placeholders for both databases and runs
on the very connection the ORM uses.
"""

import asyncio
import contextvars
import errno
import inspect
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from piccolo.engine.base import Engine
from piccolo.engine.finder import engine_finder

from sync.database.statements import is_reading

T = TypeVar("T")
Flush = Callable[[list[Any]], Awaitable[None]]
Callback = Callable[[], Any]

RETRIES_MAX = 6
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
RETRYABLE_STATES = {"40001", "40P01"}  # serialization failure, deadlock


class Level:
    """What one transaction or savepoint has put off: flushes before the commit, callbacks after it."""

    __slots__ = ("callbacks", "deferred")

    def __init__(self) -> None:
        self.deferred: dict[tuple[int, Flush], list[Any]] = {}
        self.callbacks: list[Callback] = []

    def absorb(self, inner: "Level") -> None:
        for key, items in inner.deferred.items():
            self.deferred.setdefault(key, []).extend(items)
        self.callbacks.extend(inner.callbacks)


class Lost(Exception):
    """The database ended the transaction on its own (a full disk, a connection cut), so what is written from here on
    would stay alone. Whoever goes on after errors must let this one pass."""


class Transaction:
    """An open transaction: the connection, and a stack of levels, one per savepoint."""

    def __init__(self, connection: Any, readonly: bool) -> None:
        self.connection = connection
        self.readonly = readonly
        self.levels = [Level()]
        self.is_open = True
        self.turns: dict[Any, asyncio.Lock] = {}
        """What this transaction has its turn at until it ends; see `sync.turn`."""

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator["Transaction"]:
        """Undo what is written inside when the block raises; keep what was written before it."""
        name = f"level_{len(self.levels)}"
        await self.connection.execute(f"SAVEPOINT {name}")
        self.levels.append(Level())
        try:
            yield self
        except BaseException:
            self.levels.pop()
            await self._undo(name)
            raise
        inner = self.levels.pop()
        await self.connection.execute(f"RELEASE SAVEPOINT {name}")
        self.levels[-1].absorb(inner)

    async def _undo(self, name: str) -> None:
        try:
            await self.connection.execute(f"ROLLBACK TO SAVEPOINT {name}")
            await self.connection.execute(f"RELEASE SAVEPOINT {name}")
        except Exception as error:
            raise Lost(f"the transaction has ended by itself: {error}") from error

    def leave(self) -> None:
        """Let those who wait for their turn go on."""
        for held in self.turns.values():
            held.release()
        self.turns.clear()

    async def flush(self) -> None:
        """Run what was deferred, the lowest order first; a flush may defer more."""
        deferred = self.levels[0].deferred
        while deferred:
            key = min(deferred, key=lambda pair: pair[0])
            await key[1](deferred.pop(key))


class OpenTransaction:
    """The context variable Piccolo asks; a transaction that has ended counts as none, so that a task started inside
    one may outlive it."""

    def __init__(self, name: str) -> None:
        self.variable: contextvars.ContextVar[Transaction | None] = contextvars.ContextVar(name, default=None)

    def get(self) -> Transaction | None:
        found = self.variable.get()
        return found if found is not None and found.is_open else None

    def set(self, value: Transaction) -> contextvars.Token[Transaction | None]:
        return self.variable.set(value)

    def reset(self, token: contextvars.Token[Transaction | None]) -> None:
        self.variable.reset(token)


_engine: Any = None


def engine() -> Any:
    """The engine of `piccolo_conf` (or of the module named by PICCOLO_CONF), found once."""
    return use_engine(_found_engine()) if _engine is None else _engine


def use_engine(database: Any) -> Any:
    """Work on this engine from now on; None looks for `piccolo_conf` again at the next use."""
    global _engine
    _engine = database
    return database


def _found_engine() -> Engine[Any]:
    found: Engine[Any] | None = engine_finder()
    if found is None:
        raise RuntimeError("no database engine: piccolo_conf.DB is missing")
    return found


def is_postgres() -> bool:
    return engine().engine_type == "postgres"


def current() -> Transaction | None:
    return engine().current_transaction.get()


@asynccontextmanager
async def transaction(
    *, isolation: str | None = None, readonly: bool = False, brisk: bool = False, joins: bool = False
) -> AsyncIterator[Transaction]:
    """Write all or nothing.

    `isolation` ("repeatable read", "serializable") is PostgreSQL's; SQLite is always serializable. `readonly` reads one
    snapshot and takes no writer. `brisk` promises statements that are short and many: SQLite then runs them in the event
    loop's own thread, all but the waiting for its turn and for the disk. All are settled by the outermost call. A commit
    that fails rolls back and raises. With `joins` an open transaction is used as it is, without a savepoint: for what
    nobody goes on after when it raises.
    """
    if joins and (outer := current()) is not None:
        yield outer
        return
    async with transaction_on(engine(), isolation=isolation, readonly=readonly, brisk=brisk) as opened:
        yield opened


@asynccontextmanager
async def transaction_on(
    database: Any, *, isolation: str | None = None, readonly: bool = False, brisk: bool = False
) -> AsyncIterator[Transaction]:
    """`transaction()` for a given engine; the engines themselves use it for Piccolo's migrations."""
    outer = database.current_transaction.get()
    if outer is not None:
        async with outer.savepoint() as nested:
            yield nested
        return
    connection = await database.acquire(readonly)
    opened = Transaction(connection, readonly)
    try:
        database.hasten(connection, readonly)  # to begin or end reading waits for nobody
        await connection.execute(database.begin_statement(isolation, readonly))
        token = database.current_transaction.set(opened)
        database.hasten(connection, brisk)
        try:
            yield opened
            await opened.flush()
        finally:
            database.hasten(connection, readonly)
            opened.is_open = False
            database.current_transaction.reset(token)
        await database.commit(connection)
    except BaseException:
        await database.rollback(connection)
        raise
    finally:
        opened.leave()
        await database.release(connection)
    for callback in opened.levels[0].callbacks:
        outcome = callback()
        if inspect.isawaitable(outcome):
            await outcome


def defer(flush: Flush, item: Any, *, order: int = 0) -> None:
    """Hand `item` to `flush`, together with all others of this transaction, just before its commit.

    Items put off inside a savepoint are dropped with it. Lower orders run first; the feed takes 100, because the row
    it locks is the one every writer waits for.
    """
    opened = current()
    if opened is None:
        raise RuntimeError("defer() needs an open transaction")
    opened.levels[-1].deferred.setdefault((order, flush), []).append(item)


def deferred(flush: Flush, *, order: int = 0) -> list[Any]:
    """What has been put off for `flush` so far, in the order it was; empty outside a transaction."""
    opened = current()
    levels = [] if opened is None else opened.levels
    return [item for level in levels for item in level.deferred.get((order, flush), ())]


def on_commit(callback: Callback) -> None:
    """Call back after the outermost commit (or now, outside a transaction); never after a rollback."""
    opened = current()
    if opened is None:
        outcome = callback()
        if inspect.isawaitable(outcome):
            raise RuntimeError("an async on_commit() needs an open transaction")
    else:
        opened.levels[-1].callbacks.append(callback)


def is_fatal(error: BaseException) -> bool:
    """Does this error end the whole transaction, so that nobody inside may answer it?"""
    return is_conflict(error) or is_busy(error) or is_outage(error)


def is_outage(error: BaseException) -> bool:
    """Has the database or its disk failed (no space left, gone, restarting), so that the same request is right later?"""
    is_full = isinstance(error, OSError) and error.errno in _NO_SPACE
    return is_full or isinstance(error, Lost) or bool(engine().is_outage(error))


def is_conflict(error: BaseException) -> bool:
    """Did the database give up on one of two colliding transactions, so that trying again is right?"""
    return getattr(error, "sqlstate", None) in RETRYABLE_STATES


def is_busy(error: BaseException) -> bool:
    """Did another process hold SQLite's only writer for longer than the busy timeout?"""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


async def retrying(work: Callable[[], Awaitable[T]]) -> T:
    """Run a whole transaction again after a serialization failure or deadlock (40001, 40P01), a few times, jittered."""
    for attempt in range(1, RETRIES_MAX + 1):
        try:
            return await work()
        except Exception as error:
            if not is_conflict(error) or attempt == RETRIES_MAX or current() is not None:
                raise
        await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - only spreads the tries
    raise AssertionError("unreachable")


@asynccontextmanager
async def leased(readonly: bool, brisk: bool = False) -> AsyncIterator[Any]:
    """The open transaction's connection, or one of the pool for a single statement."""
    opened = current()
    if opened is not None:
        yield opened.connection
        return
    connection = await engine().acquire(readonly)
    engine().hasten(connection, brisk)
    try:
        yield connection
    finally:
        await engine().release(connection)


async def fetch(sql: str, args: Sequence[Any] = (), *, brisk: bool = False) -> list[Any]:
    """Rows that answer to both `row["name"]` and `row[0]`. Placeholders are `$1`, `$2`, … on both databases. `brisk`
    promises, outside a transaction, to find a few rows by their key."""
    async with leased(is_reading(sql), brisk) as connection:
        return await connection.fetch(sql, *args)


async def execute(sql: str, args: Sequence[Any] = ()) -> None:
    """Run one statement whose rows nobody reads."""
    async with leased(False) as connection:
        await connection.execute(sql, *args)


async def executemany(sql: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run one statement for many rows; outside a transaction all or nothing as well. Inside one, what a failure leaves
    behind goes with the savepoint or transaction around it."""
    async with transaction(joins=True) as opened:
        await opened.connection.executemany(sql, list(rows))
