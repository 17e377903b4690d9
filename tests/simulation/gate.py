"""A place in the middle of a write transaction where one writer can be held, while others go on beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Closed for the next one who passes; whoever comes after it goes through."""

    def __init__(self) -> None:
        self.is_closed = False
        self.held = asyncio.Event()
        self.opened = asyncio.Event()

    async def passed(self) -> None:
        if self.is_closed:
            self.is_closed = False
            self.held.set()
            await self.opened.wait()

    @asynccontextmanager
    async def close(self) -> AsyncIterator[None]:
        """Hold the next writer who comes here, until the block ends."""
        self.held, self.opened = asyncio.Event(), asyncio.Event()
        self.is_closed = True
        try:
            yield
        finally:
            self.is_closed = False
            self.opened.set()


GATE = Gate()
