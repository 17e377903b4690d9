"""The rows of a list, as JSON a page at a time and as CSV from beginning to end."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from msgspec import Struct

from server.enterprises.lists.report import escaped
from server.issues.queue.listing import list_queue
from server.paging import LIMIT_DEFAULT, LIMIT_MAX
from server.people.actor import Actor
from server.settings import settings
from server.worklists.actions import ListOut, find_list
from server.worklists.columns import COLUMNS, rows_of

ROWS_MAX = 100_000
"""Of one CSV file."""


class Heading(Struct, frozen=True):
    name: str
    zh: str
    en: str


class Rows(Struct, frozen=True, kw_only=True):
    columns: list[Heading]
    rows: list[dict[str, Any]]
    next: str | None
    count: int
    count_is_exact: bool


async def show_rows(actor: Actor, named: str, *, after: str = "", limit: int = LIMIT_DEFAULT) -> Rows:
    """Raises `list.unknown` and what the queue raises."""
    one = await find_list(actor, named)
    queue = await list_queue(actor, one.wanted(), sort=one.sort, after=after, limit=limit)
    return Rows(
        columns=[Heading(name, *COLUMNS[name]) for name in one.columns],
        rows=await rows_of(actor, queue.items, one.columns),
        next=queue.next,
        count=queue.count,
        count_is_exact=queue.count_is_exact,
    )


async def csv_of(actor: Actor, one: ListOut) -> AsyncIterator[bytes]:
    """In the order of the list, with a byte order mark so that spreadsheets read the characters. Holds one page at a time."""
    yield _line([COLUMNS[name][0] for name in one.columns], first=True)
    after, written = "", 0
    while written < ROWS_MAX:
        queue = await list_queue(actor, one.wanted(), sort=one.sort, after=after, limit=LIMIT_MAX)
        rows = await rows_of(actor, queue.items, one.columns)
        written += len(rows)
        yield b"".join(_line([_cell(value) for value in row.values()]) for row in rows)
        if queue.next is None:
            return
        after = queue.next


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return value.astimezone(settings.timezone).strftime("%Y-%m-%d %H:%M")
    return escaped(str(value))


def _line(cells: list[str], *, first: bool = False) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return (b"\xef\xbb\xbf" if first else b"") + text.getvalue().encode()
