"""SQLite with one queued writer, behind Piccolo's interface.

Stock Piccolo opens a thread and a connection for every query and lets writers starve each other. Here one writer
connection is handed on in the order it was asked for, readers have their own connections on a WAL file, and every
connection lives in one thread of its own.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from piccolo.engine.sqlite import SQLiteEngine as StockSQLiteEngine
from piccolo.engine.sqlite import dict_factory
from piccolo.querystring import QueryString

from sync.database.cells import written_out
from sync.database.statements import is_reading, sqlite_placeholders
from sync.transaction import OpenTransaction, transaction_on

T = TypeVar("T")

READERS = 4
OUTAGES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
BUSY_TIMEOUT_MS = 10_000  # how long BEGIN IMMEDIATE waits for another process
PRAGMAS = (
    "PRAGMA page_size = 8192",  # takes effect only on a new file
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged push survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16000",
)
READER_PRAGMAS = ("PRAGMA query_only = ON",)
WRITER_PRAGMAS = (
    "PRAGMA cache_size = -64000",  # the pages that fifty visit records touch in every index, several times over
    "PRAGMA wal_autocheckpoint = 8000",  # 64 MB: pages written again and again go to the file itself once
)


class Connection:
    """One sqlite3 connection in one thread; statements run in the order they were asked for.

    While `is_brisk`, whoever holds the connection runs them in its own thread instead: handing a statement over and back
    costs more than most statements do. The thread is a daemon, so a process that forgets to close can still exit.
    """

    def __init__(self, path: str, readonly: bool) -> None:
        self.path = path
        self.readonly = readonly
        self.is_brisk = False
        self.opened: sqlite3.Connection | None = None
        self.work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._serve, name=f"sqlite:{Path(path).name}", daemon=True)
        self.thread.start()

    def _open(self) -> sqlite3.Connection:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path,
            detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES,
            isolation_level=None,
            cached_statements=512,
            check_same_thread=False,
        )
        for pragma in PRAGMAS:
            connection.execute(pragma)
        for pragma in READER_PRAGMAS if self.readonly else WRITER_PRAGMAS:
            connection.execute(pragma)
        connection.row_factory = sqlite3.Row
        return connection

    def _serve(self) -> None:
        while (job := self.work.get()) is not None:
            act, loop, future = job
            result: Any = None
            failure: BaseException | None = None
            try:
                if self.opened is None:
                    self.opened = self._open()
                result = act(self.opened)
            except BaseException as error:  # raised again where it is awaited
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop that asked is gone: nobody waits for this answer
                loop.call_soon_threadsafe(_deliver, future, result, failure)
            del job, act, loop, future, result, failure
        if self.opened is not None:
            self.opened.close()

    async def run(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Call `act` with the sqlite3 connection, in its thread."""
        if self.is_brisk and self.opened is not None:
            return act(self.opened)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self.work.put((act, loop, future))
        return await future

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        translated = sqlite_placeholders(sql)
        return await self.run(lambda connection: connection.execute(translated, args).fetchall())

    async def fetch_dicts(self, sql: str, args: Sequence[Any]) -> list[dict[str, Any]]:
        """What the ORM wants; its SQL already has SQLite's placeholders."""

        def act(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            cursor = connection.cursor()
            cursor.row_factory = dict_factory
            return cursor.execute(sql, args).fetchall()

        return await self.run(act)

    async def execute(self, sql: str, *args: Any) -> None:
        translated = sqlite_placeholders(sql)

        def act(connection: sqlite3.Connection) -> None:
            connection.execute(translated, args).close()

        await self.run(act)

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        translated = sqlite_placeholders(sql)
        written = written_out(rows)

        def act(connection: sqlite3.Connection) -> None:
            connection.executemany(translated, written).close()

        await self.run(act)

    async def rollback(self) -> None:
        def act(connection: sqlite3.Connection) -> None:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

        await self.run(act)

    def close(self) -> None:
        self.work.put(None)
        self.thread.join(timeout=5)


def _deliver(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)


class Pool:
    """A few connections handed out first come, first served, to tasks of any event loop."""

    def __init__(self, path: str, size: int, readonly: bool) -> None:
        self.path = path
        self.size = size
        self.readonly = readonly
        self.mutex = threading.Lock()
        self.all: list[Connection] = []
        self.idle: list[Connection] = []
        self.waiting: deque[asyncio.Future[Connection]] = deque()

    async def acquire(self) -> Connection:
        with self.mutex:
            if self.idle:
                return self.idle.pop()
            if len(self.all) < self.size:
                self.all.append(Connection(self.path, self.readonly))
                return self.all[-1]
            future: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
            self.waiting.append(future)
        try:
            return await future
        except asyncio.CancelledError:
            with self.mutex:
                if future in self.waiting:
                    self.waiting.remove(future)
            if future.done() and not future.cancelled():
                self.release(future.result())
            raise

    def release(self, connection: Connection) -> None:
        with self.mutex:
            if connection not in self.all:
                return  # the pool was closed meanwhile, and the connection with it
            while self.waiting:
                future = self.waiting.popleft()
                try:
                    future.get_loop().call_soon_threadsafe(self._hand_over, future, connection)
                except RuntimeError:
                    continue  # its event loop has closed
                return
            self.idle.append(connection)

    def _hand_over(self, future: asyncio.Future[Connection], connection: Connection) -> None:
        if future.done():
            self.release(connection)
        else:
            future.set_result(connection)

    def close(self) -> None:
        with self.mutex:
            closing, self.all, self.idle = self.all, [], []
        for connection in closing:
            connection.close()


class SQLiteEngine(StockSQLiteEngine):
    """One writer, a few readers; inside a transaction everything runs on the transaction's connection."""

    def __init__(self, path: str) -> None:
        self.writers = Pool(path, 1, readonly=False)
        self.readers = Pool(path, READERS, readonly=True)
        super().__init__(path=path)
        self.current_transaction = OpenTransaction(f"sqlite_transaction_{path}")  # type: ignore[assignment]

    async def start(self) -> None:
        """Open the writer now, so that a wrong path fails at start-up."""
        connection = await self.acquire(False)
        try:
            await connection.execute("SELECT 1")
        finally:
            await self.release(connection)

    async def close(self) -> None:
        self.close_connections()

    def close_connections(self) -> None:
        """Close everything; the next query opens anew."""
        self.readers.close()
        self.writers.close()

    async def acquire(self, readonly: bool) -> Connection:
        return await (self.readers if readonly else self.writers).acquire()

    async def release(self, connection: Connection) -> None:
        connection.is_brisk = False
        (self.readers if connection.readonly else self.writers).release(connection)

    def begin_statement(self, isolation: str | None, readonly: bool) -> str:
        return "BEGIN" if readonly else "BEGIN IMMEDIATE"

    def hasten(self, connection: Connection, brisk: bool) -> None:
        connection.is_brisk = brisk

    async def commit(self, connection: Connection) -> None:
        await connection.execute("COMMIT")

    async def rollback(self, connection: Connection) -> None:
        await connection.rollback()

    def is_outage(self, error: BaseException) -> bool:
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in OUTAGES

    def transaction(self, *args: Any, **options: Any) -> Any:
        return transaction_on(self)

    async def batch(self, query: Any, batch_size: int = 100, node: str | None = None) -> Any:
        raise RuntimeError("read in pages by key instead of .batch()")

    async def run_querystring(self, querystring: QueryString, in_pool: bool = False) -> Any:
        sql, args = querystring.compile_string(engine_type=self.engine_type)
        return await self._run(sql, args)

    async def run_ddl(self, ddl: str, in_pool: bool = False) -> Any:
        return await self._run(ddl, [])

    async def _run(self, sql: str, args: Sequence[Any]) -> Any:
        opened = self.current_transaction.get()
        if opened is not None:
            return await opened.connection.fetch_dicts(sql, args)
        connection = await self.acquire(is_reading(sql))
        try:
            return await connection.fetch_dicts(sql, args)
        finally:
            await self.release(connection)
