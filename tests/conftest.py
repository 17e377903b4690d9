"""One database per test process, of the kind QIFANG_TEST_DATABASE names (sqlite or postgres), made by the real migrations."""

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import pytest

ON_POSTGRES = os.environ.get("QIFANG_TEST_DATABASE", "sqlite") == "postgres"
POSTGRES = os.environ.get("QIFANG_TEST_POSTGRES") or "postgres://root@127.0.0.1:5432/postgres"
os.environ["QIFANG_TEST_POSTGRES"] = POSTGRES
DATA = tempfile.mkdtemp(prefix="qifang-test-")
DATABASE_NAME = f"qifang_test_{os.getpid()}"
atexit.register(shutil.rmtree, DATA, ignore_errors=True)
for name in [name for name in os.environ if name.startswith("QIFANG_") and not name.startswith("QIFANG_TEST_")]:
    del os.environ[name]
os.environ["QIFANG_DATA"] = DATA
os.environ["QIFANG_DATABASE"] = f"{POSTGRES.rsplit('/', 1)[0]}/{DATABASE_NAME}" if ON_POSTGRES else ""
os.environ["QIFANG_PASSWORD_MEMORY_MIB"] = "1"
os.environ["QIFANG_LOG_LEVEL"] = "error"
os.environ["PICCOLO_CONF"] = "piccolo_conf"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_report_header() -> str:
    return f"database: {'PostgreSQL' if ON_POSTGRES else 'SQLite'}"


async def in_maintenance(statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(POSTGRES)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def schema() -> Any:
    """The product's own database, migrated from nothing."""
    if ON_POSTGRES:
        asyncio.run(in_maintenance(f"CREATE DATABASE {DATABASE_NAME}"))

    async def build() -> None:
        from server.migrate import migrate
        from sync.transaction import engine

        await engine().start()
        await migrate()
        await engine().close()

    asyncio.run(build())
    yield
    if ON_POSTGRES:
        asyncio.run(in_maintenance(f"DROP DATABASE {DATABASE_NAME} WITH (FORCE)"))


async def _table_names() -> list[str]:
    from sync.transaction import fetch, is_postgres

    if is_postgres():
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    else:
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [row[0] for row in await fetch(sql) if row[0] != "migration"]


@pytest.fixture
async def product(schema: None) -> AsyncIterator[None]:
    """An empty product: migrated, wired, no bureau yet."""
    from server import phones, wiring
    from sync.transaction import engine, execute, transaction

    wiring.connect()
    await engine().start()
    yield
    await phones.hub.close()  # its reader must not outlive this test's event loop
    async with transaction():
        for name in await _table_names():
            await execute(f"DELETE FROM {name}")
    await engine().close()
