"""What every command of the console shares: the event loop, the database, refusals as one line and exit code 1, tables, --json."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import asyncpg
import click
import msgspec
from rich.console import Console
from rich.table import Table

from server import wiring
from server.migrate import pending_migrations
from server.people.actions import find_bureau
from server.people.actor import Actor, system_of
from sync.refusal import Refusal
from sync.transaction import engine

T = TypeVar("T")
out = Console(soft_wrap=True, highlight=False)
EXIT_REFUSED = 1

bureau_option = click.option("--bureau", default="", help="Code of the bureau; needed only when there are several.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output, for scripts.")


def run(work: Callable[[], Coroutine[Any, Any, T]], *, migrated: bool = True) -> T:
    """Runs one command's work with the database open. A refusal ends the process with exit code 1 and one line on standard error."""

    async def with_database() -> T:
        wiring.connect()
        database = engine()
        try:
            await database.start()
        except (OSError, sqlite3.Error, asyncpg.PostgresError) as error:
            raise click.ClickException(
                f"the database does not open: {error}; look at QIFANG_DATABASE and QIFANG_DATA"
            ) from None
        try:
            if migrated and await pending_migrations():
                raise click.ClickException("the database is not up to date; run `qifang migrate` first")
            return await work()
        finally:
            await database.close()

    try:
        return asyncio.run(with_database())
    except Refusal as refused:
        refuse(refused)
        raise AssertionError("unreachable") from None


def refuse(refused: Refusal) -> None:
    click.echo(f"{refused.code}: {refused.zh} / {refused.en}", err=True)
    sys.exit(EXIT_REFUSED)


async def console_actor(bureau_code: str) -> Actor:
    """The console acts as the product itself in the bureau named (or in the only one)."""
    bureau = await find_bureau(bureau_code)
    return system_of(bureau.id)


def print_json(value: object) -> None:
    click.echo(msgspec.json.encode(value).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """A table, or what to do next when there is nothing to show."""
    if not rows:
        out.print(empty)
        return
    table = Table(title=title or None, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, no_wrap=place == 0, overflow="fold" if place == 0 else "ellipsis")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(table)
