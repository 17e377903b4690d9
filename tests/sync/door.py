"""A small HTTP door for the toy world, and a line to it that can be made as bad as a real one."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import httpx
import msgspec

from sync import devices
from sync.digest import digest
from sync.pull import hello, pull
from sync.push import decode_push, push
from sync.refusal import Refusal
from sync.wire import EnrolRequest, PullRequest


class Door:
    """ASGI: enrol, push, pull, hello, and files kept in memory by plain tus."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.lengths: dict[str, tuple[int, str]] = {}
        self.stored: dict[str, bytes] = {}

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answered = [(b"x-request-id", headers.get("x-request-id", "").encode())]
        try:
            if scope["path"].startswith("/files"):
                status, extra = self.tus(scope["method"], scope["path"], headers, body)
                answered += [(name.encode(), value.encode()) for name, value in extra.items()]
                content = b""
            else:
                content = msgspec.json.encode(
                    await self.answer(scope["path"], dict(parse_qsl(scope["query_string"].decode())), headers, body)
                )
                status = 200
                answered.append((b"content-type", b"application/json"))
        except Refusal as refused:
            status = refused.status
            content = msgspec.json.encode({"code": refused.code, "details": refused.details})
            answered.append((b"content-type", b"application/problem+json"))
        await send({"type": "http.response.start", "status": status, "headers": answered})
        await send({"type": "http.response.body", "body": content})

    async def answer(self, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> Any:
        if path == "/sync/v1/enrol":
            request = msgspec.json.decode(body, type=EnrolRequest)
            return await devices.enrol(request.code, request.incarnation, request.name)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        context = await devices.authenticate(token, salvage=path == "/sync/v1/push")
        if path == "/sync/v1/push":
            return await push(context, decode_push(body))
        if path == "/sync/v1/pull":
            return await pull(context, msgspec.json.decode(body, type=PullRequest))
        if path == "/sync/v1/digest":
            return await digest(context, int(query["as_of"]), query["kinds"].split(",") if "kinds" in query else None)
        return await hello(context)

    def tus(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        if method == "POST":
            pairs = dict(pair.split(" ") for pair in headers["upload-metadata"].split(","))
            meta = {name: base64.b64decode(value).decode() for name, value in pairs.items()}
            self.files.setdefault(meta["id"], bytearray())
            self.lengths[meta["id"]] = (int(headers["upload-length"]), meta["sha256"])
            return 201, {"Location": f"/files/{meta['id']}"}
        id = path.removeprefix("/files/")
        if id not in self.files:
            raise Refusal("file.unknown", 404, "没有这个文件", "No such file")
        if method == "PATCH":
            if int(headers["upload-offset"]) != len(self.files[id]):
                raise Refusal("file.offset", 409, "位置不符", "The offset does not fit")
            self.files[id] += body
            length, digest = self.lengths[id]
            if len(self.files[id]) == length and hashlib.sha256(self.files[id]).hexdigest() == digest:
                self.stored[id] = bytes(self.files[id])
        return 204 if method == "PATCH" else 200, {"Upload-Offset": str(len(self.files[id]))}


class Line(httpx.AsyncBaseTransport):
    """The way to the server. `faults` are used up one per request: lost, cut (after the server has answered), half,
    portal, busy, twice, part (half of a file's chunk arrives)."""

    def __init__(self, door: Door) -> None:
        self.inner = httpx.ASGITransport(app=door)
        self.faults: list[str] = []
        self.requests: list[tuple[str, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.requests.append((request.url.path, body))
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "lost":
            raise httpx.ConnectError("no network")
        if fault == "portal":
            return httpx.Response(200, headers={"Content-Type": "text/html"}, content=b"<html>Wi-Fi login</html>")
        if fault == "busy":
            echo = {"X-Request-Id": request.headers["X-Request-Id"], "Retry-After": "1"}
            return httpx.Response(503, headers={"Content-Type": "application/json", **echo}, content=b"{}")
        if fault == "part":
            half = httpx.Request(
                request.method, request.url, headers=without_length(request), content=body[: len(body) // 2]
            )
            await self.inner.handle_async_request(half)
            raise httpx.ReadError("cut in the middle")
        answer = await self.inner.handle_async_request(copy_of(request, body))
        if fault == "twice":
            answer = await self.inner.handle_async_request(copy_of(request, body))
        content = await answer.aread()
        if fault == "cut":
            raise httpx.ReadError("cut after the server had answered")
        if fault == "half":
            content = content[: len(content) // 2]
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        return httpx.Response(answer.status_code, headers=headers, content=content)


def without_length(request: httpx.Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.lower() != "content-length"}


def copy_of(request: httpx.Request, body: bytes) -> httpx.Request:
    return httpx.Request(request.method, request.url, headers=without_length(request), content=body)


def ids_of(results: list[Any]) -> list[UUID]:
    return [result.id for result in results]
