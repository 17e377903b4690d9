"""Reads an upload's bytes while we still find out who sends them.

A server that notices a lost connection forgets what it had read and not yet handed over. On a bad line that is the whole of
many a part: it arrives, the line goes, and only then has the database said whose upload it is. So the first bytes are taken
at once, and a few more are kept ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
PATH = "/files"
METHODS = ("POST", "PATCH")
MESSAGES_MAX = 16
"""How many pieces wait at most: what one upload may cost in memory before anybody has asked for it."""


class ReadAhead:
    """ASGI, around the whole application: anything before it that waits would lose what it is for."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] not in METHODS or not scope["path"].startswith(PATH):
            await self.app(scope, receive, send)
            return
        waiting: asyncio.Queue[Message] = asyncio.Queue(MESSAGES_MAX)
        await waiting.put(await receive())
        reading = asyncio.create_task(_read(receive, waiting))
        try:
            await self.app(scope, waiting.get, send)
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


async def _read(receive: Receive, waiting: asyncio.Queue[Message]) -> None:
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
        await waiting.put(message)
