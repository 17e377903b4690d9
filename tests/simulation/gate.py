"""A place in the middle of a write transaction where one writer can be held, while others go on beside it."""

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any


class Gate:
    """Closed for one writer, and for whoever works for it; all others go through."""

    def __init__(self) -> None:
        self.held = asyncio.Event()
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        self.held.set()
        await self.opened.wait()


_mine: contextvars.ContextVar[Gate | None] = contextvars.ContextVar("mine", default=None)
"""The gate this writer must pass, if one stands in its way."""


async def passed() -> None:
    """A writer comes by, once all of its rows but the feed's are written."""
    if (gate := _mine.get()) is not None:
        await gate.pass_through()


class Holding:
    """A piece of work that is held at the gate, where it comes by one, between `begin` and `end`."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.work = work
        self.gate = Gate()

    async def begin(self) -> None:
        """Go on when the work is held or, having met no gate, done."""
        token = _mine.set(self.gate)
        self.task = asyncio.create_task(self.work)
        _mine.reset(token)
        held = asyncio.create_task(self.gate.held.wait())
        await asyncio.wait([self.task, held], return_when=asyncio.FIRST_COMPLETED)
        held.cancel()

    async def end(self) -> Any:
        """Let it go, and answer what came of it."""
        self.gate.opened.set()
        return await self.task
