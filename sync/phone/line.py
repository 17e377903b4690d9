"""One request of a phone and its answer: tried again, after a random pause, until somebody answers who is our server."""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import zstandard

from sync.packed import json_of, packed_of

TRIES_MAX = 5
PAUSE_SECONDS_MAX = 300
LISTENING = httpx.Timeout(10, read=90)
"""A stream of events says at least every 25 seconds that it lives."""
PACKED = "application/msgpack"
PACK_BYTES_MIN = 1024
"""Smaller requests fit one packet anyway."""


class Offline(Exception):
    """No answer, or none from our server: the work stays in the queue and nothing is known about it."""


class Answered(Exception):
    """The server said no to the request as a whole."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}")
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        return str(self.problem.get("code", ""))


class Caller:
    """Carries requests over `client` (its base address is the server's) in the name of the token of the moment. With
    `packs` large bodies are sent compressed, with `msgpack` everything is said in MessagePack: it is JSON again on this side."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        token: Callable[[], str],
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        packs: bool = False,
        msgpack: bool = False,
    ) -> None:
        self.client = client
        self.token = token
        self.sleep = sleep
        self.packs = packs
        self.accepted = {"Accept": PACKED} if msgpack else {}

    async def ask(self, address: str, request: Any) -> bytes:
        """POST JSON, get JSON. A callable makes the request anew for every try: a clock in it must not be old."""

        def written() -> tuple[bytes, dict[str, str]]:
            content = msgspec.json.encode(request() if callable(request) else request)
            headers = {"Content-Type": "application/json"}
            packed = packed_of(msgspec.Raw(content)) if self.accepted else None
            if packed is not None:
                content, headers = packed, {"Content-Type": PACKED}
            if self.packs and len(content) >= PACK_BYTES_MIN:
                return zstandard.compress(content, 1), headers | {"Content-Encoding": "zstd"}
            return content, headers

        answer = await self.request("POST", address, headers=self.accepted, content=written, json=True)
        return _json_in(answer)

    async def look(self, address: str) -> bytes:
        """GET JSON."""
        return _json_in(await self.request("GET", address, headers=self.accepted, json=True))

    async def request(
        self,
        method: str,
        address: str,
        *,
        headers: dict[str, str],
        content: bytes | Callable[[], tuple[bytes, dict[str, str]]] = b"",
        json: bool = False,
        tries: int = TRIES_MAX,
    ) -> httpx.Response:
        """The server's answer. Raises `Answered` for one of 400 and above, `Offline` when nobody of ours answers."""
        for attempt in range(tries):
            if attempt:
                await self.sleep(random.uniform(0.5, 1.5) * 2**attempt)  # noqa: S311 - spreads two thousand phones
            body, more = content() if callable(content) else (content, {})
            sent = headers | more | self.signed()
            try:
                answer = await self.client.request(method, address, headers=sent, content=body)
            except (httpx.TransportError, httpx.DecodingError):
                continue
            if not _is_ours(answer, sent["X-Request-Id"], json=json):
                continue
            if answer.status_code in (429, 503):
                await self.sleep(_pause(answer) * random.uniform(1, 1.5))  # noqa: S311
                continue
            if answer.status_code >= 500 or _problem(answer).get("code") == "busy":
                continue
            if answer.status_code >= 400:
                raise Answered(answer.status_code, _problem(answer))
            return answer
        raise Offline(f"{method} {address}: no answer from the server")

    async def wait_for_event(self, address: str, last_id: str) -> bool:
        """Listen to server-sent events until one says that something changed (True), or the stream ends (False). Raises
        `Answered` for a refusal, `Offline` when nobody of ours answers."""
        headers = {"Accept": "text/event-stream", **self.signed()}
        if last_id:
            headers["Last-Event-ID"] = last_id
        try:
            async with self.client.stream("GET", address, headers=headers, timeout=LISTENING) as answer:
                if answer.status_code >= 400:
                    await answer.aread()
                    if not _is_ours(answer, headers["X-Request-Id"], json=True):
                        raise Offline(f"GET {address}: no answer from the server")
                    raise Answered(answer.status_code, _problem(answer))
                if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                    raise Offline(f"GET {address}: no events from the server")
                async for line in answer.aiter_lines():
                    if line == "event: changed":
                        return True
        except httpx.TransportError as error:
            raise Offline(f"GET {address}: the stream was cut") from error
        return False

    def signed(self) -> dict[str, str]:
        """What every request carries: a name of its own, which an answer must repeat, and the token."""
        headers = {"X-Request-Id": secrets.token_hex(8)}
        if token := self.token():
            headers["Authorization"] = f"Bearer {token}"
        return headers


def _is_ours(answer: httpx.Response, request_id: str, *, json: bool) -> bool:
    """A captive portal answers 200 with HTML; a cut line leaves half a body. Neither is an answer."""
    if answer.headers.get("X-Request-Id") != request_id:
        return False
    if not json:
        return True
    if _type_of(answer) not in ("application/json", "application/problem+json", PACKED):
        return False
    try:
        msgspec.json.decode(_json_in(answer), type=msgspec.Raw)
    except (ValueError, msgspec.DecodeError):
        return False
    return True


def _type_of(answer: httpx.Response) -> str:
    return str(answer.headers.get("Content-Type", "")).split(";")[0]


def _json_in(answer: httpx.Response) -> bytes:
    return json_of(answer.content) if _type_of(answer) == PACKED else answer.content


def _pause(answer: httpx.Response) -> float:
    """What the server asks for, in seconds; a date or nonsense counts as one."""
    asked = answer.headers.get("Retry-After", "")
    return min(int(asked), PAUSE_SECONDS_MAX) if asked.isdigit() and len(asked) < 10 else 1


def _problem(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code < 400:
        return {}
    try:
        found = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return {}
    return {**found, **found.get("details", {})} if isinstance(found, dict) else {}
