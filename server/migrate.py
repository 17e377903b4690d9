"""Migrations under a lock: two processes that start together must not both run them."""

from __future__ import annotations

import fcntl
import re
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

from server.settings import settings
from sync.transaction import engine, execute, fetch, is_postgres, transaction

LOCK_NUMBER = 0x71666167  # any fixed number of our own
FIGURES = ("1000000", "100000", "1000", "100", "10", "5", "2")
"""Rows of a table, of one bureau, of one value of the next column …: what SQLite is to believe of an index by bureau."""
FOLDER = Path(__file__).parent.parent / "migrations"


@asynccontextmanager
async def _migration_lock() -> AsyncIterator[None]:
    if is_postgres():
        connection = await engine().get_new_connection()
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", LOCK_NUMBER)
            yield
        finally:
            await connection.close()
    else:
        settings.data_folder.mkdir(parents=True, exist_ok=True)
        with (settings.data_folder / "migrate.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@cache
def migration_ids() -> list[str]:
    """Every migration there is, in order, read from the files' own `ID` lines: importing them takes a second."""
    found = (re.search(r'^ID = "(.+)"$', path.read_text(), re.MULTILINE) for path in FOLDER.glob("server_*.py"))
    return sorted(match[1] for match in found if match)


async def done_migrations() -> set[str]:
    if is_postgres():
        has_table = await fetch("SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = 'migration'")
    else:
        has_table = await fetch("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'")
    return {row["name"] for row in await fetch("SELECT name FROM migration")} if has_table else set()


async def pending_migrations() -> list[str]:
    done = await done_migrations()
    return [name for name in migration_ids() if name not in done]


async def migrate(until: str = "all") -> list[str]:
    """Runs what is pending, in order, up to one that is named or all; returns the ids it ran."""
    from piccolo.apps.migrations.commands.forwards import ForwardsMigrationManager  # slow to import, seldom needed
    from piccolo.apps.migrations.tables import Migration

    async with _migration_lock():
        names = [name for name in await pending_migrations() if until == "all" or name <= until]
        if names:
            await Migration.create_table(if_not_exists=True)
            manager = ForwardsMigrationManager(app_name="server", migration_id=until)
            with redirect_stdout(StringIO()), warnings.catch_warnings():  # it talks; our commands have their own words
                warnings.simplefilter("ignore")
                result = await manager.run()
            if not result.success:
                raise RuntimeError(f"migration failed: {result.message}")
            if not is_postgres():
                await tell_planner()
    return names


async def tell_planner() -> None:
    """Tells SQLite that a bureau has many rows, before it has any.

    Without figures it takes an index that begins with `bureau` for selective and would, for fifty ids, walk through
    all rows of the bureau. PostgreSQL gathers its own.
    """
    async with transaction():
        await execute("ANALYZE")  # makes the table of figures
        await execute("DELETE FROM sqlite_stat1")
        for row in await fetch("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"):
            columns = await fetch("SELECT name FROM pragma_index_info($1) ORDER BY seqno", [row[0]])
            if columns[0][0] == "bureau":
                figures = " ".join(FIGURES[: len(columns) + 1])
                await execute(
                    "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ($1, $2, $3)", [row[1], row[0], figures]
                )
        await execute("ANALYZE sqlite_schema")  # reads them
