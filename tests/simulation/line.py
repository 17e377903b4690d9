"""The way to the server, as bad as a real one: each fault by name, and requests that stay underway or come again later."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.simulation.bodies import CODED, DAMAGED_CODES, DAMAGES, Answer, Coding, read, written
from tests.simulation.checks import must
from tests.simulation.door import House

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
    "rivals": "the request arrives at one process, and again at another while the first is in the middle of its commit",
    **DAMAGES,
}
NAMES = list(FAULTS)
HTML = b"<html><body>Wi-Fi login</body></html>"
GHOSTS_MAX = 30


Request = tuple[str, str, dict[str, str], bytes]
"""Method, address, headers in small letters, and the body as the phone wrote it."""


def _for_phone(answer: Answer, coding: Coding) -> Answer:
    """The phone inflates for itself; its MessagePack is read by the line."""
    return read(answer) if coding.packs else answer


def _response(answer: Answer) -> httpx.Response:
    status, told, content = answer
    return httpx.Response(status, headers={k: v for k, v in told.items() if k != "content-length"}, content=content)


class Crash(BaseException):
    """The phone's process is killed; no handler of it runs."""


class Line(httpx.AsyncBaseTransport):
    """One phone's line. `faults` are used up one per request; afterwards `then` is all that happens.

    `stop` ("sent" or "answered") holds the next request before it reaches the server, or its answer before it reaches
    the phone, until `go_on`. `watch` is told of every answer of the server, whether or not the phone gets it.
    """

    def __init__(
        self,
        house: House,
        watch: Callable[[str, bytes, Answer], Awaitable[None]],
        tally: Any,
        coding: Callable[[], Coding],
    ) -> None:
        self.house = house
        self.watch = watch
        self.tally = tally
        self.coding = coding
        """How the next request is written."""
        self.was_damaged = False
        """The server has been sent what it must refuse, and its refusal may have reached the phone."""
        self.faults: list[str] = []
        self.then = ""
        self.stop = ""
        self.stopped = asyncio.Event()
        self.going_on = asyncio.Event()
        self.is_killed = False
        self.number = self.streams = 0
        self.between: Callable[[], Awaitable[None]] | None = None
        """What others do after each answer of the server, before the phone gets it."""
        self.ghosts: list[tuple[str, str, dict[str, str], bytes]] = []
        """Requests as they were sent, for whoever wants to deliver them once more."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if request.url.path == "/sync/v1/events":
            self.streams += 1
            return _response(await self.house.door(self.streams, "GET", request.url.path, headers, b""))
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
        found = await self._with_server(fault, ask)
        if self.between is not None:
            await self.between()
        await self._hold("answered")
        if fault == "cut":
            raise httpx.ReadError("cut after the server had answered")
        if fault == "half":
            found = (*found[:2], found[2][: len(found[2]) // 2])
            if not found[2]:
                raise httpx.ReadError("cut before the first byte")
        return _response(found)

    async def _with_server(self, fault: str, ask: "Request") -> Answer:
        """What our server says to it, however often and however whole it arrives."""
        if fault == "short":
            await self.deliver(*ask, damage=fault)
            raise httpx.ReadError("cut while it was sent")
        if fault in DAMAGES and ask[1] in CODED:
            self.was_damaged = True
            return await self.deliver(*ask, damage=fault)
        if fault == "twins":
            return (await asyncio.gather(self.deliver(*ask), self.deliver(*ask, aside=1)))[0]
        if fault == "rivals":
            return await self._rivals(ask)
        found = await self.deliver(*ask)
        return await self.deliver(*ask) if fault == "twice" else found

    async def _rivals(self, ask: "Request") -> Answer:
        """The slow original is held with all but its commit behind it, and the phone's second try arrives elsewhere."""
        coding = self._coding(ask[1])
        held = await self.house.hold(self.number, self._question(ask, coding))
        before = await self.house.waiting()
        second = asyncio.create_task(self.deliver(*ask, aside=1))
        while not second.done() and await self.house.waiting() <= before:
            await asyncio.sleep(0.001)
        first = await held.end()
        await self.watch(ask[1], ask[3], read(first))
        return await second

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
        self, method: str, address: str, headers: dict[str, str], body: bytes, *, aside: int = 0, damage: str = ""
    ) -> Answer:
        """Ask the server and let the watcher know, whatever becomes of the answer. The phone speaks JSON; what it says is
        written in another way each time it is sent."""
        coding = self._coding(address)
        question = self._question((method, address, headers, body), coding, damage)
        found = await self.house.ask(self.number + aside, question)
        plain = read(found)
        if damage in DAMAGES:
            is_refused = plain[0] in (400, 413) and any(code.encode() in plain[2] for code in DAMAGED_CODES)
            must(
                is_refused or plain[0] in (401, 403),
                "I3",
                f"a body that was {damage} was answered {plain[0]} {plain[2]!r}",
            )
        elif damage != "short":
            await self.watch(address, body, plain)
        return _for_phone(found, coding)

    def _coding(self, address: str) -> Coding:
        coding = self.coding()
        return coding if address in CODED else Coding(False, "", coding.accepts)

    def _question(self, ask: "Request", coding: Coding, damage: str = "") -> Any:
        method, address, headers, body = ask
        content, told = written(body, coding, damage)
        self.tally.codings["+".join(filter(None, ["msgpack" if coding.packs else "json", coding.encoding]))] += 1
        return self.house.request(method, address, headers | told, content)

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
