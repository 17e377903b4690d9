"""The way to the server, as bad as a real one: each fault by name, and requests that stay underway or come again later."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec

from tests.simulation.door import JSON, PACKED, Answer, House

FAULTS = {
    "": "nothing: the request arrives, and so does its answer",
    "lost": "the request never arrives",
    "cut": "the answer is lost after the server has committed",
    "half": "the answer is cut in the middle",
    "short": "only half of the request arrives, and no answer",
    "twice": "the request arrives twice, one after the other",
    "twins": "the request arrives twice at the same time, at two processes",
    "portal": "a captive portal answers 200 with HTML",
    "stranger": "a proxy answers 401 with HTML",
    "busy": "503 with Retry-After",
    "many": "429 with Retry-After",
    "denied": "401 in the server's own form, by mistake",
}
NAMES = list(FAULTS)
HTML = b"<html><body>Wi-Fi login</body></html>"
GHOSTS_MAX = 30


PACKING = {name.lower(): value for name, value in PACKED.items()}


def _packed(body: bytes) -> bytes:
    """The same in MessagePack; half a body is cut in that form, too."""
    try:
        return msgspec.msgpack.encode(msgspec.json.decode(body))
    except msgspec.DecodeError:
        return msgspec.msgpack.encode({"operations": body.decode(errors="replace")})[:-1]


class Crash(BaseException):
    """The phone's process is killed; no handler of it runs."""


class Line(httpx.AsyncBaseTransport):
    """One phone's line. `faults` are used up one per request; afterwards `then` is all that happens.

    `stop` ("sent" or "answered") holds the next request before it reaches the server, or its answer before it reaches
    the phone, until `go_on`. `watch` is told of every answer of the server, whether or not the phone gets it.
    """

    def __init__(self, house: House, watch: Callable[[str, bytes, Answer], Awaitable[None]], tally: Any) -> None:
        self.house = house
        self.watch = watch
        self.tally = tally
        self.faults: list[str] = []
        self.then = ""
        self.stop = ""
        self.stopped = asyncio.Event()
        self.going_on = asyncio.Event()
        self.is_killed = False
        self.packs = False
        """Requests and answers travel as MessagePack."""
        self.number = 0
        self.between: Callable[[], Awaitable[None]] | None = None
        """What others do after each answer of the server, before the phone gets it."""
        self.ghosts: list[tuple[str, str, dict[str, str], bytes]] = []
        """Requests as they were sent, for whoever wants to deliver them once more."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.number += 1
        fault = self.faults.pop(0) if self.faults else self.then
        self.tally.requests += 1
        if fault:
            self.tally.faults[fault] += 1
        ask = (request.method, request.url.raw_path.decode(), headers, body)
        if request.url.path != "/sync/v1/enrol":
            self.ghosts = [*self.ghosts[1 - GHOSTS_MAX :], ask]
        await self._hold("sent")
        early = self._without_server(fault, headers)
        if early is not None:
            return early
        if fault == "short":
            await self.deliver(*ask[:3], body[: len(body) // 2])
            raise httpx.ReadError("cut while it was sent")
        if fault == "twins":
            (status, told, content), _ = await asyncio.gather(self.deliver(*ask), self.deliver(*ask, aside=1))
        else:
            status, told, content = await self.deliver(*ask)
        if fault == "twice":
            status, told, content = await self.deliver(*ask)
        if self.between is not None:
            await self.between()
        await self._hold("answered")
        if fault == "cut":
            raise httpx.ReadError("cut after the server had answered")
        if fault == "half":
            content = content[: len(content) // 2]
            if not content:
                raise httpx.ReadError("cut before the first byte")
        return httpx.Response(status, headers=told, content=content)

    def _without_server(self, fault: str, headers: dict[str, str]) -> httpx.Response | None:
        """What others than our server say, or nothing at all."""
        if fault == "lost":
            raise httpx.ConnectError("no network")
        echo = {"X-Request-Id": headers["x-request-id"], "Content-Type": "application/json"}
        if fault in ("portal", "stranger"):
            return httpx.Response(
                200 if fault == "portal" else 401, headers={"Content-Type": "text/html"}, content=HTML
            )
        if fault in ("busy", "many"):
            status = 503 if fault == "busy" else 429
            return httpx.Response(status, headers=echo | {"Retry-After": "1"}, content=b"{}")
        if fault == "denied":
            return httpx.Response(401, headers=echo, content=b'{"code": "device.unknown"}')
        return None

    async def deliver(
        self, method: str, address: str, headers: dict[str, str], body: bytes, *, aside: int = 0
    ) -> Answer:
        """Ask the server and let the watcher know, whatever becomes of the answer."""
        number = self.number + aside
        if self.packs and body and address in ("/sync/v1/push", "/sync/v1/pull"):
            status, told, content = await self.house.door(number, method, address, headers | PACKING, _packed(body))
            if told.get("Content-Type") == PACKED["Content-Type"]:
                told, content = told | JSON, msgspec.json.encode(msgspec.msgpack.decode(content))
            found = status, told, content
        else:
            found = await self.house.door(number, method, address, headers, body)
        await self.watch(address, body, found)
        return found

    async def _hold(self, where: str) -> None:
        if self.stop == where:
            self.stop = ""
            self.tally.faults[f"held when {where}"] += 1
            self.going_on.clear()
            self.stopped.set()
            await self.going_on.wait()
        if self.is_killed:
            raise Crash

    def go_on(self) -> None:
        self.stopped.clear()
        self.going_on.set()
