"""The sync tests' own database, of the kind QIFANG_TEST_DATABASE names, with the protocol's tables in it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from sync.engine import make_engine
from sync.transaction import use_engine

POSTGRES = os.environ.get("QIFANG_TEST_POSTGRES", "postgres://root@127.0.0.1:5432/postgres")
ON_POSTGRES = os.environ.get("QIFANG_TEST_DATABASE", "sqlite") == "postgres"


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
