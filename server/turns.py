"""Whose turn it is when two thousand phones come at six o'clock: some are served, some wait, the rest are told when to come again.

Work is worth more than news: a push goes before every waiting pull, and pulls never take the last places.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.refusals import refusal


class Turns:
    """At most `places` requests under way in this process, and `waiting_max` pushes (half as many pulls) waiting for a place.
    Whoever finds that full is asked to come again after about `retry_seconds`: not all at the same moment."""

    def __init__(self, places: int, waiting_max: int, retry_seconds: int) -> None:
        self.places = places
        self.waiting_max = waiting_max
        self.retry_seconds = retry_seconds
        self.kept_for_pushes = places // 4
        self.under_way = 0
        self.pushes: deque[asyncio.Future[None]] = deque()
        self.pulls: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def push(self) -> AsyncIterator[None]:
        """Raises `server.busy` (503)."""
        if len(self.pushes) >= self.waiting_max:
            raise refusal("server.busy", retry_after=self._soon(self.retry_seconds // 6, self.retry_seconds))
        async with self._turn(self.pushes):
            yield

    @asynccontextmanager
    async def pull(self) -> AsyncIterator[None]:
        """Raises `server.busy` (503), and asks for more patience than of those who bring work."""
        if len(self.pulls) >= self.waiting_max // 2:
            raise refusal("server.busy", retry_after=self._soon(self.retry_seconds // 2, self.retry_seconds * 2))
        async with self._turn(self.pulls):
            yield

    def _soon(self, earliest: int, latest: int) -> int:
        return random.randint(max(1, earliest), max(1, latest))  # noqa: S311 - spreads them

    @asynccontextmanager
    async def _turn(self, queue: deque[asyncio.Future[None]]) -> AsyncIterator[None]:
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(called)
        self._call()
        try:
            await called
        except asyncio.CancelledError:
            if called in queue:
                queue.remove(called)
            elif called.done() and not called.cancelled():
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        self.under_way -= 1
        self._call()

    def _call(self) -> None:
        """Call in whoever may come, those with work first. One that has given up waiting has taken itself out of the queue, or is
        about to, and is passed over."""
        while self.pushes and self.under_way < self.places:
            self._call_in(self.pushes.popleft())
        while self.pulls and self.under_way < self.places - self.kept_for_pushes:
            self._call_in(self.pulls.popleft())

    def _call_in(self, called: asyncio.Future[None]) -> None:
        if not called.done():
            called.set_result(None)
            self.under_way += 1
