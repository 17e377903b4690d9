"""Many rows in one statement, whatever their number, so that its plan is prepared once: given as one JSON array to read
from, or inserted column by column.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from sync.transaction import execute, executemany, is_postgres


async def insert(table: str, columns: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
    """Insert rows of cells in the order of `columns` ("id uuid, at timestamptz"). `conflict` ends the statement
    (`ON CONFLICT …`). Text may be given to SQLite as UTF-8 bytes.

    PostgreSQL gets an array a column: run once for each row, a statement costs it twice as much.
    """
    if not rows:
        return
    sql = _insert(table, columns, conflict, is_postgres())
    if is_postgres():
        await execute(sql, list(zip(*rows, strict=True)))
    else:
        await executemany(sql, rows)


@functools.cache
def _insert(table: str, columns: str, conflict: str, postgres: bool) -> str:
    named = [column.split() for column in columns.split(", ")]
    into = f"INSERT INTO {table} ({', '.join(name for name, _ in named)})"
    if postgres:
        arrays = ", ".join(f"${n}::{type_name}[]" for n, (_, type_name) in enumerate(named, 1))
        return f"{into} SELECT * FROM unnest({arrays}) {conflict}"
    marks = ", ".join(f"CAST(${n} AS TEXT)" if kind == "text" else f"${n}" for n, (_, kind) in enumerate(named, 1))
    return f"{into} VALUES ({marks}) {conflict}"


def rows(columns: str, parameter: int) -> str:
    """`rows("id uuid, seq bigint", 2)` reads as a table `rows` with these columns; argument $2 is `as_json([{…}])`."""
    return _rows(columns, parameter, is_postgres())


@functools.cache
def _rows(columns: str, parameter: int, postgres: bool) -> str:
    if postgres:
        return f"json_to_recordset(${parameter}::json) AS rows({columns})"
    names = [column.split()[0] for column in columns.split(", ")]
    values = ", ".join(f"value ->> '{name}' AS {name}" for name in names)
    return f"(SELECT {values} FROM json_each(${parameter}) WHERE true) AS rows"


def among(parameter: int, type_name: str = "uuid") -> str:
    """`id {among(2)}`: is the column one of these? The argument is made by `ids` or `texts`.

    PostgreSQL gets `= ANY(array)`: a join with `unnest` may settle on a sequential scan while a table is young, and
    keep that plan while it grows.
    """
    if is_postgres():
        return f"= ANY(${parameter}::{type_name}[])"
    return f"IN (SELECT value FROM json_each(${parameter}))"


def one_of(parameter: int, type_name: str = "uuid") -> str:
    """The right side of `IN`, where `among` does not fit (`NOT IN`)."""
    if is_postgres():
        return f"(SELECT unnest(${parameter}::{type_name}[]))"
    return f"(SELECT value FROM json_each(${parameter}))"


def as_json(items: Iterable[Any]) -> str:
    """The argument of `rows`: one JSON array of objects."""
    return msgspec.json.encode(list(items)).decode()


def ids(items: Iterable[UUID]) -> Any:
    """The argument of `among`."""
    return list(items) if is_postgres() else as_json(items)


def texts(items: Iterable[str]) -> Any:
    """The argument of `among` for texts."""
    return list(items) if is_postgres() else as_json(items)


def locked(query: Any) -> Any:
    """The Piccolo query, holding the rows it finds until the commit: what is saved whole was true when it was read.
    SQLite has one writer anyway, and says so loudly when asked to lock rows."""
    return query.lock_rows() if is_postgres() else query
