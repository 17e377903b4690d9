"""Whose turn it is at a row that every writer of a bureau locks: first come, first served.

PostgreSQL lets those who wait for a row race for each new version of it, and whoever comes last may win: under load one
push in a hundred waited for thirty others. So writers of one process line up here first, and only the foremost asks
the database. It is manners, not safety: the row's own lock decides, and between processes there is nothing else.
"""

import asyncio
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from sync.transaction import current, is_postgres

PATIENCE_SECONDS = 2
"""After that one asks the database all the same: it sees a deadlock, this line does not."""

_standing: set[Any] = set()
_lines: "WeakValueDictionary[Any, asyncio.Lock]" = WeakValueDictionary()


async def take_turn(name: str, bureau: UUID) -> None:
    """Wait for one's turn at the row called `name`, and keep it until the transaction ends. SQLite has one writer, who has
    had to wait already."""
    opened = current()
    if opened is None or not is_postgres() or (name, bureau) in opened.turns:
        return
    line = _lines.setdefault((id(asyncio.get_running_loop()), name, bureau), asyncio.Lock())
    _standing.add(opened)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await line.acquire()
        opened.turns[name, bureau] = line
    except TimeoutError:
        pass
    finally:
        _standing.discard(opened)


def waiting() -> int:
    """How many transactions of this process stand in a line now."""
    return len(_standing)
