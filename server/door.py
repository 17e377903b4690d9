"""The HTTP door: strict bodies, compressed bodies, request ids, problem details, repeated writes. No route lives here.

Longer than most because every request passes all of it, and the order of the parts matters.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from server.compression import inflating, packing
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.sessions.tables import AnsweredRequest
from server.settings import settings
from sync.identity import named_id, new_id
from sync.packed import json_of
from sync.refusal import Refusal, busy
from sync.transaction import is_busy, is_outage, retrying, transaction

log = structlog.get_logger()
T = TypeVar("T")

OUTAGE_RETRY_SECONDS = 5
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
request_id: ContextVar[str] = ContextVar("request_id", default="-")


class ProblemDetails(Struct, kw_only=True, omit_defaults=True):
    """RFC 9457. `code` is what a program reads, `title` (Chinese) and `detail` (English) are for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    details: dict[str, Any] = {}


class StrictRequest(Request[Any, Any, Any]):
    """Decodes a body once, strictly, straight into the handler's type; JSON or MessagePack by Content-Type."""

    async def json(self) -> Any:
        return await self._decode()

    async def msgpack(self) -> Any:
        return await self._decode()

    async def _decode(self) -> Any:
        field = self.route_handler.parsed_data_field
        decoders = _decoders_of(field.annotation if field is not None else Any)
        body = await self.body()
        media_type = self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        decoder = decoders.get(media_type)
        if decoder is None:
            raise refusal("request.media_type")
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise refusal("request.malformed", reason=str(error)) from None
        except RecursionError:
            raise refusal("request.malformed", reason="nested too deeply") from None


_cache: dict[Any, dict[str, Any]] = {}
_NULL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped null character, not an escaped backslash followed by u0000."""


class _Reader(Struct, frozen=True):
    """Looks like a decoder, so that a type may bring its own way of reading JSON."""

    decode: Callable[[bytes], Any]


def read_with(annotation: Any, read: Callable[[bytes], Any], read_packed: Callable[[bytes], Any] | None = None) -> None:
    """Bodies of this type are read by these, from JSON and (if given) from MessagePack; they raise refusals of their own."""
    _cache[annotation] = {"application/json": _Reader(read)}
    if read_packed is not None:
        packed = _Reader(read_packed)
        _cache[annotation] |= {"application/msgpack": packed, "application/x-msgpack": packed}


def _decoders_of(annotation: Any) -> dict[str, Any]:
    if annotation not in _cache:
        decoder = msgspec.json.Decoder(annotation, strict=True)

        def read(body: bytes) -> Any:
            if rb"\u0000" in body and _NULL.search(body):
                raise refusal("request.malformed", reason="a text holds a null character, which no database stores")
            return decoder.decode(body)

        packed = _Reader(lambda body: read(_json_of(body)))
        _cache[annotation] = {
            "application/json": _Reader(read),
            "application/msgpack": packed,
            "application/x-msgpack": packed,
        }
    return _cache[annotation]


def _json_of(packed: bytes) -> bytes:
    """MessagePack as the same JSON: what stays raw inside a body is JSON everywhere behind the door."""
    try:
        return json_of(packed)
    except ValueError as error:
        raise refusal("request.malformed", reason=str(error)) from None


def refuse_null_characters(request: Request[Any, Any, Any]) -> None:
    """No name and no filter holds one; PostgreSQL cannot even be asked about it."""
    if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
        raise refusal("request.malformed", reason="the address holds a null character")


class Envelope:
    """Outermost: gives every request an id, echoes it, inflates compressed bodies and counts their size."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        told = headers.get(b"x-request-id", b"").decode("latin-1")
        ours = told if _REQUEST_ID.match(told) else str(new_id())
        token = request_id.set(ours)

        async def send_with_id(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", ours.encode())]
            await send(message)

        accepted = headers.get(b"accept-encoding", b"").decode("latin-1").lower()
        try:
            encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").lower()
            if encoding != "identity":
                scope["headers"] = [
                    pair for pair in scope["headers"] if pair[0].lower() not in (b"content-encoding", b"content-length")
                ]
                receive = inflating(receive, encoding)
            await self.app(scope, receive, packing(send_with_id, accepted))
        finally:
            request_id.reset(token)


def problem(refused: Refusal) -> Response[ProblemDetails]:
    details = {key: value for key, value in refused.details.items() if value is not None}
    content = ProblemDetails(
        type=f"/docs/refusals#{refused.code.replace('.', '')}",
        title=refused.zh,
        status=refused.status,
        detail=refused.en,
        code=refused.code,
        request_id=request_id.get(),
        details=details,
    )
    headers = {"Retry-After": str(details["retry_after"])} if "retry_after" in details else None
    return Response(content, status_code=refused.status, media_type="application/problem+json", headers=headers)


def on_refusal(_: Request[Any, Any, Any], refused: Refusal) -> Response[ProblemDetails]:
    return problem(refused)


_FRAMEWORK_CODES = {404: "route.unknown", 405: "route.method", 401: "session.required", 415: "request.media_type"}


def on_http_exception(_: Request[Any, Any, Any], error: HTTPException) -> Response[ProblemDetails]:
    """What the framework itself refuses, in our words."""
    if isinstance(error.__cause__, Refusal):
        return problem(error.__cause__)
    if error.status_code == 413:
        return problem(refusal("request.too_large", limit_bytes=settings.body_bytes_max))
    if error.status_code in _FRAMEWORK_CODES:
        return problem(refusal(_FRAMEWORK_CODES[error.status_code]))
    if error.status_code >= 500:
        return on_bug(_, error)
    extra = getattr(error, "extra", None)
    reason = "; ".join(f"{e.get('key', '')}: {e.get('message', '')}" for e in extra) if isinstance(extra, list) else ""
    return problem(refusal("request.malformed", reason=reason or error.detail.partition(" for path ")[0]))


def on_bug(_: Request[Any, Any, Any], error: Exception) -> Response[ProblemDetails]:
    if is_busy(error):
        return problem(busy())
    if is_outage(error):
        log.error("outage", request_id=request_id.get(), exc_info=error)
        return problem(refusal("server.outage", retry_after=OUTAGE_RETRY_SECONDS))
    log.error("bug", request_id=request_id.get(), exc_info=error)
    content = ProblemDetails(
        type="/docs/refusals#bug",
        title="服务器内部错误,请把请求编号告诉管理员",
        status=500,
        detail="Something broke on our side; tell your administrator the request id",
        code="bug",
        request_id=request_id.get(),
    )
    return Response(content, status_code=500, media_type="application/problem+json")


async def once(request: Request[Any, Any, Any], actor: Actor, work: Callable[[], Awaitable[T]]) -> T | Response[bytes]:
    """A desk write that may be sent twice. With an `Idempotency-Key` the first answer is kept in the same transaction as the
    effect and given again for a day; the same key with another request is `idempotency.reused`. What was refused left
    nothing, so the key is free again. Two writes that block each other are one after the other: one is done again."""
    key = request.headers.get("idempotency-key")
    return await retrying(lambda: _kept_once(request, actor, key, work) if key else work())


async def _kept_once(
    request: Request[Any, Any, Any], actor: Actor, key: str, work: Callable[[], Awaitable[T]]
) -> T | Response[bytes]:
    asked = [request.method.encode(), request.url.path.encode(), request.url.query.encode(), await request.body()]
    digest = hashlib.sha256(b"\0".join(asked)).hexdigest()
    row_id = named_id("idempotency", actor.bureau, actor.person, key)
    async with transaction():
        if not await AnsweredRequest.claim(actor, row_id, digest, now()):
            known = await AnsweredRequest.objects().get(AnsweredRequest.id == row_id)
            if known is None or known.request_hash != digest:
                raise refusal("idempotency.reused")
            return Response(known.body.encode(), status_code=known.status, media_type="application/json")
        result = await work()
        answer: dict[Any, Any] = {
            AnsweredRequest.status: request.route_handler.status_code,  # type: ignore[attr-defined]
            AnsweredRequest.body: msgspec.json.encode(result).decode(),
        }
        await AnsweredRequest.update(answer).where(AnsweredRequest.id == row_id)
    return result
