"""A client of live events that reads the application's own words as they come: httpx's in-process transport waits for the end."""

import asyncio
from typing import Any


class EventStream:
    """`async with EventStream(token) as stream`: `status`, `headers`, `chunk()` one piece, `event()` the next that says something."""

    def __init__(self, token: str, query: str = "", *, path: str = "/sync/v1/events", **headers: str) -> None:
        self.path = path
        self.query = query
        sent = {"authorization": f"Bearer {token}", "accept-encoding": "gzip, zstd", **headers}
        self.sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.asked = False

    async def receive(self) -> dict[str, Any]:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await self.said.put(message)

    async def __aenter__(self) -> "EventStream":
        from server.app import app

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "headers": self.sent,
            "client": ("127.0.0.1", 1),
            "server": ("qifang.test", 80),
            "root_path": "",
            "state": {},
        }
        self.serving = asyncio.create_task(app(scope, self.receive, self.send))
        start = await self._next()
        self.status = start["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.gone.set()
        async with asyncio.timeout(20):
            await self.serving

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return await self.said.get()

    async def chunk(self) -> str | None:
        """None at the end."""
        message = await self._next()
        return message["body"].decode() if message.get("more_body") or message.get("body") else None

    async def event(self) -> dict[str, str] | None:
        """The fields of the next event with data, comments and bare ids passed over."""
        while (text := await self.chunk()) is not None:
            lines = [line.partition(": ") for line in text.splitlines() if line and not line.startswith(":")]
            fields = {name: value for name, _, value in lines}
            if "data" in fields:
                return fields
        return None
