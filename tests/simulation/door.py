"""The server's side: one or several processes with one database, a door to each, and one virtual clock."""

import asyncio
import contextlib
import contextvars
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from sync import configuration, turn
from sync import digest as digests
from sync.database.engine import make_engine
from sync.tables import NAMES
from sync.transaction import execute, fetch, use_engine
from tests.simulation import news
from tests.simulation.bodies import Answer
from tests.simulation.desk import at_desk
from tests.simulation.gate import Holding
from tests.simulation.processes import Ask, Forget, HeldElsewhere, Hush, Process, Work, started
from tests.simulation.server import Headers, answer
from tests.simulation.world import TABLES, Registry, make_world

SECRET = b"a secret of the simulation only"
BEGINNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
DOORS = 3
"""As many as the product may have processes on PostgreSQL; SQLite has one."""
T = TypeVar("T")


class Clock:
    """The server's time: it stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = BEGINNING


CLOCK = Clock()
chosen: contextvars.ContextVar[int] = contextvars.ContextVar("chosen", default=0)
"""Whose engine works now: 0 is the desk's, the others are the doors'."""


class Engines:
    """Several engines of one database, each with connections of its own, that look like one to whoever asks."""

    def __init__(self, url: str, count: int) -> None:
        self.engines = [make_engine(url) for _ in range(count)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engines[chosen.get()], name)

    async def start_all(self) -> None:
        for engine in self.engines:
            await engine.start()

    async def close_all(self) -> None:
        for engine in self.engines:
            await engine.close()

    async def waiting(self) -> int:
        """How many writers wait for another one now."""
        if self.engine_type == "sqlite":
            return len(self.writers.waiting)
        found = await fetch(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(found[0]["n"]) + turn.waiting()


async def perform(number: int, question: Ask | Work) -> Answer:
    """Do in this process, as the one of that number, what is asked of it."""
    if isinstance(question, Work):
        await at_desk(question.name, question.bureau, question.id, question.texts)
        return 200, {}, b""
    return await answer(number, question.method, question.address, question.headers, question.body)


async def forget_all() -> None:
    """Be as a process that has just started."""
    digests._remembered.clear()
    await news.hang_up()


class House:
    """The database, its engines, and the event loop everything runs on. Bureaus come and go in it."""

    def __init__(self, database: str, postgres: str = "") -> None:
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="qifang-simulation-", dir=_memory()))
        self.is_postgres = database == "postgres"
        self.doors = DOORS if self.is_postgres else 1
        self.postgres = postgres or os.environ.get("QIFANG_TEST_POSTGRES") or "postgres://root@127.0.0.1:5432/postgres"
        self.name = f"qifang_simulation_{os.getpid()}"
        self.bureaus = 0
        self.processes: list[Process] = []
        """Those that answer in place of this one."""
        self.url = f"sqlite:///{self.folder / 'simulation.db'}"
        self.registry = Registry()
        self.configured = configuration._secret, configuration._now
        if self.is_postgres:
            self.url = f"{self.postgres.rsplit('/', 1)[0]}/{self.name}"
            self.run(self._maintain(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)"))
            self.run(self._maintain(f"CREATE DATABASE {self.name}"))
            self.run(self._maintain(f"ALTER DATABASE {self.name} SET synchronous_commit = off"))
        self.engines = Engines(self.url, self.doors + 1 if self.is_postgres else 1)
        self.settle_in()
        self.run(self.engines.start_all())
        self.run(make_world())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def settle_in(self) -> None:
        """This house is the one the code under test finds."""
        use_engine(self.engines)
        configuration.configure(secret=SECRET, now=lambda: CLOCK.now)
        self.registry.take()
        CLOCK.now = BEGINNING

    @contextlib.contextmanager
    def with_processes(self, count: int = DOORS, breaking: str = "") -> Iterator["House"]:
        """Let this house's doors be processes of their own until the block ends; the desk stays here."""
        if not self.is_postgres:
            raise ValueError("on SQLite the server is one process")
        before = self.processes
        with started(self.url, Path(tempfile.mkdtemp(dir=self.folder)), count, breaking) as self.processes:
            try:
                yield self
            finally:
                self.processes = before

    async def start_again(self) -> None:
        """What the processes remember is gone, and every stream has ended, as when a server is set back."""
        await forget_all()
        for process in self.processes:
            await process.ask(Forget())

    async def hush(self, bureau: UUID) -> None:
        """The phones of a bureau have hung up."""
        news.hush(bureau)
        for process in self.processes:
            await process.ask(Hush(bureau))

    async def _maintain(self, statement: str) -> None:
        connection = await asyncpg.connect(self.postgres)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def sweep(self) -> None:
        """Forget all bureaus, so that a long run does not slow down."""

        async def empty() -> None:
            for table in (*TABLES, *NAMES):
                await execute(f"DELETE FROM {table}")
            if self.is_postgres:
                await execute("VACUUM")

        self.run(empty())

    def close(self) -> None:
        self.run(news.hang_up())
        news.forget_hubs()
        self.run(self.engines.close_all())
        use_engine(None)
        self.registry.give_back()
        configuration._secret, configuration._now = self.configured
        if self.is_postgres:
            self.run(self._maintain(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)"))
        self.runner.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_bureau(self) -> UUID:
        self.bureaus += 1
        return UUID(int=(self.bureaus << 64) + (os.getpid() << 96))

    async def door(self, number: int, method: str, address: str, headers: Headers, body: bytes) -> Answer:
        """Ask one of the processes."""
        return await self.ask(number, self.request(method, address, headers, body))

    def request(self, method: str, address: str, headers: Headers, body: bytes) -> Ask:
        return Ask(CLOCK.now, method, address, {name.lower(): value for name, value in headers.items()}, body)

    async def ask(self, number: int, question: Ask | Work) -> Answer:
        """Let one of the processes do this."""
        if self.processes:
            return await self.processes[number % len(self.processes)].ask(question)
        return await self._here(number, question)

    async def hold(self, number: int, question: Ask | Work) -> "Holding | HeldElsewhere":
        """Let one of the processes do this, and hold it in the middle of its commit, until `end`."""
        if self.processes:
            return await self.processes[number % len(self.processes)].hold(question)
        holding = Holding(self._here(number, question))
        await holding.begin()
        return holding

    async def waiting(self) -> int:
        """How many writers wait for another one now."""
        return await self.engines.waiting()

    async def _here(self, number: int, question: Ask | Work) -> Answer:
        chosen_door = number % self.doors + 1 if self.is_postgres else 0
        token = chosen.set(chosen_door)
        try:
            return await perform(chosen_door, question)
        finally:
            chosen.reset(token)


def _memory() -> str | None:
    """A folder in memory if there is one: what is simulated here is not the disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


async def copy_of(bureau: UUID) -> dict[str, list[Any]]:
    """Everything the server has of a bureau, as a backup would."""
    return {
        table: [tuple(row) for row in await fetch(f"SELECT * FROM {table} WHERE bureau = $1", [bureau])]
        for table in (*TABLES, *NAMES)
    }


async def restore_copy(bureau: UUID, copy: dict[str, list[Any]]) -> None:
    from sync.transaction import executemany, transaction

    async with transaction():
        for table, rows in copy.items():
            await execute(f"DELETE FROM {table} WHERE bureau = $1", [bureau])
            if rows:
                places = ", ".join(f"${number}" for number in range(1, len(rows[0]) + 1))
                await executemany(f"INSERT INTO {table} VALUES ({places})", rows)
