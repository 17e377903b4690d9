"""A phone in somebody's hand: it can be killed in the middle of anything, copied, and set back to an old copy."""

import asyncio
import random
import sqlite3
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx

from sync.phone import Phone
from tests.simulation.bodies import draw_coding
from tests.simulation.door import CLOCK, House
from tests.simulation.line import Crash, Line


async def no_wait(seconds: float) -> None:
    return


class Frail:
    """A local store that dies before its n-th statement from now."""

    def __init__(self, db: sqlite3.Connection, statements: int) -> None:
        self.db = db
        self.left = statements

    def execute(self, *args: Any) -> sqlite3.Cursor:
        if self.left <= 0:
            raise Crash
        self.left -= 1
        return self.db.execute(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


class Handset:
    """One installation. `firm` are the notes, each with a topic, that it held and that its person has seen through that
    topic ever since: whatever happens, they may not disappear, not even for a while."""

    def __init__(self, house: House, person: UUID, watch: Any, tally: Any, *, limit: int, coding: int) -> None:
        self.house = house
        self.draw = random.Random(coding)
        """How each request is written; the same ones every time the history is played."""
        self.kinds: list[str] | None = None
        self.person = person
        self.limit = limit
        self.watch = watch
        self.tally = tally
        self.clock_offset = timedelta(0)
        self.is_unknown = False
        """The server, set back to a copy, has never heard of it."""
        self.firm: set[tuple[UUID, str]] = set()
        self.task: asyncio.Task[Any] | None = None
        self.copy: bytes | None = None
        self.listening: asyncio.Task[Any] | None = None
        self.sight: Any = None
        """What its person saw when it began to wait for news."""
        self._boot(None)

    def _boot(self, content: bytes | None) -> None:
        self.line = Line(self.house, partial(self.watch, self), self.tally, lambda: draw_coding(self.draw))
        client = httpx.AsyncClient(transport=self.line, base_url="http://door")
        self.phone = Phone(
            ":memory:",
            client,
            clock=lambda: CLOCK.now + self.clock_offset,
            sleep=no_wait,
            limit=self.limit,
            kinds=self.kinds,
        )
        if content is not None:
            self.phone.db.deserialize(content)

    def content(self) -> bytes:
        """What is on its disk: without what no transaction has committed."""
        db = self.phone.db.db if isinstance(self.phone.db, Frail) else self.phone.db
        if db.in_transaction:
            db.execute("ROLLBACK")
        content: bytes = db.serialize()
        return content

    def takes(self, kind: str) -> bool:
        return self.kinds is None or kind in self.kinds

    def hang_up(self) -> None:
        """Wait for news no longer."""
        if self.listening is not None:
            self.listening.cancel()
            self.listening = None

    async def kill(self, content: bytes | None = None) -> None:
        """The process ends and starts again, with what is on its disk or with an old copy of it."""
        if self.task is not None:
            self.line.is_killed = True
            self.line.go_on()
            await asyncio.wait([self.task])
            self.task.exception()
            self.task = None
        self.hang_up()
        kept = self.content() if content is None else content
        if content is not None:
            self.firm = set()
        self.phone.close()
        self._boot(kept)

    @property
    def is_busy(self) -> bool:
        return self.task is not None

    def close(self) -> None:
        self.hang_up()
        self.phone.close()
