"""The way from one phone to the server, as bad as in a lift: it loses, cuts and repeats, and watches that repeating is harmless."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from random import Random

import httpx
import msgspec

CUT, LOST, TWICE = 0.12, 0.05, 0.08
"""How often an answer is lost after the server has committed, a request before it arrives, and a push sent twice."""


@dataclass
class Line(httpx.AsyncBaseTransport):
    """The way to the server of one phone, until it is `mended`."""

    inner: httpx.AsyncBaseTransport
    chance: Random
    is_online: bool = True
    is_mended: bool = False
    cuts: int = 0
    lost: int = 0
    duplicates: int = 0
    push_seconds: list[float] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.is_online:
            raise httpx.ConnectError("the phone is offline")
        if not self.is_mended and self.chance.random() < LOST:
            self.lost += 1
            raise httpx.ConnectError("the request was lost")
        is_push = request.url.path.endswith("/push")
        answer = await self._pass_on(request, is_push)
        if is_push and not self.is_mended and answer.status_code == 200:
            if self.chance.random() < TWICE:
                again = await self._pass_on(request, is_push)
                self._compare(answer.content, again.content)
                answer = again
            elif self.chance.random() < CUT:
                self.cuts += 1
                raise httpx.ReadError("the line was cut before the answer came")
        return answer

    async def _pass_on(self, request: httpx.Request, is_push: bool) -> httpx.Response:
        begun = time.perf_counter()
        answer = await self.inner.handle_async_request(request)
        content = await answer.aread()
        if is_push:
            self.push_seconds.append(time.perf_counter() - begun)
            told = msgspec.json.decode(content) if answer.status_code == 200 else {}
            self.duplicates += sum(one.get("duplicate", False) for one in told.get("results", ()))
        return answer

    def _compare(self, first: bytes, second: bytes) -> None:
        """The same push sent twice is answered twice the same, but for saying that it is known."""
        before, after = (
            [one | {"duplicate": True} for one in msgspec.json.decode(answer)["results"]] for answer in (first, second)
        )
        if before != after:
            self.differing.append(f"a push sent twice was answered differently: {before} / {after}")
