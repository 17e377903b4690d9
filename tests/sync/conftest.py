"""The sync tests' own database, of the kind QIFANG_TEST_DATABASE names, with the protocol's tables in it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from town import Town
from toy import NOTE, PIN, WORLD

from sync.database.engine import make_engine
from sync.operations import register_kind
from sync.tables import create_tables
from sync.transaction import execute, use_engine

POSTGRES = os.environ.get("QIFANG_TEST_POSTGRES", "postgres://root@127.0.0.1:5432/postgres")
ON_POSTGRES = os.environ.get("QIFANG_TEST_DATABASE", "sqlite") == "postgres"
MADE: list[Any] = []


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


async def in_maintenance(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not ON_POSTGRES:
        yield f"sqlite:///{tmp_path_factory.mktemp('sync') / 'sync.db'}"
        return
    name = f"qifang_test_sync_{os.getpid()}"
    asyncio.run(in_maintenance(f"CREATE DATABASE {name}"))
    yield POSTGRES.rsplit("/", 1)[0] + f"/{name}"
    asyncio.run(in_maintenance(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Any]:
    """The engine the code under test finds."""
    engine = make_engine(database_url)
    use_engine(engine)
    await engine.start()
    yield engine
    await engine.close()
    use_engine(None)


@pytest.fixture
async def world(database: Any, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A fresh bureau in a database that has the protocol's tables and the toy kinds'."""
    if not MADE:
        for statement in WORLD:
            await execute(statement)
        await create_tables()
        MADE.append(database)
    monkeypatch.setattr("sync.incidents._listeners", [])  # the product's, where its own tests ran before
    monkeypatch.setattr("sync.configuration._secret", b"a secret of the tests only")
    monkeypatch.setattr("sync.configuration._now", lambda: datetime.now(UTC))
    monkeypatch.setattr("sync.incidents._listeners", [])
    register_kind(NOTE)
    register_kind(PIN)
    return uuid4()


@pytest.fixture
async def town(world: UUID) -> AsyncIterator[Town]:
    made = Town(world)
    yield made
    for phone in made.phones:
        phone.close()
