"""What the product's door does, without its framework: the part of the server that answers. See `door.py` for how many there are."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from sync import devices
from sync.digest import digest
from sync.packed import json_of, packed_of
from sync.pull import hello, pull
from sync.push import decode_packed_push, decode_push, push
from sync.refusal import Refusal
from sync.rx.pull import rx_pull
from sync.wire import EnrolRequest, PullRequest, RxPullRequest
from tests.simulation.bodies import JSON, PACKED, Answer, inflated, packed_for
from tests.simulation.news import heard
from tests.simulation.world import tus

PROBLEM = {"Content-Type": "application/problem+json"}
STREAM = {"Content-Type": "text/event-stream"}
Headers = dict[str, str]


async def answer(number: int, method: str, address: str, headers: Headers, body: bytes) -> Answer:
    """`number` is that of the process. Header names are in small letters."""
    echo = {"X-Request-Id": headers.get("x-request-id", "")}
    try:
        status, told, content = await _answer(number, method, address, headers, await inflated(headers, body))
    except Refusal as refused:
        problem = msgspec.json.encode({"code": refused.code, "details": refused.details})
        status, told, content = refused.status, PROBLEM, problem
    except (msgspec.DecodeError, ValueError):
        status, told, content = 400, PROBLEM, b'{"code": "request.malformed"}'
    return await packed_for(headers, (status, echo | told, content))


async def _answer(number: int, method: str, address: str, headers: Headers, body: bytes) -> Answer:
    path, _, asked = address.partition("?")
    query = dict(parse_qsl(asked))
    if path == "/sync/v1/enrol":
        request = msgspec.json.decode(body, type=EnrolRequest)
        enrolled = await devices.enrol(request.code, request.incarnation, request.name)
        return 200, JSON, msgspec.json.encode(enrolled)
    is_handing_in = path == "/sync/v1/push" or path.startswith("/files")
    token = headers.get("authorization", "").removeprefix("Bearer ")
    context = await devices.authenticate(token, salvage=is_handing_in)
    if path.startswith("/files"):
        status, more = await tus(context.bureau, method, path, headers, body)
        return status, more, b""
    if path == "/sync/v1/events":
        after = headers.get("last-event-id", "")
        return 200, STREAM, await heard(context, int(after) if after else None, number)
    is_packed = headers.get("content-type") == PACKED["Content-Type"]
    found = await _sync(context, path, query, body, is_packed=is_packed)
    if is_packed and (packed := packed_of(found)) is not None:
        return 200, PACKED, packed
    return 200, JSON, msgspec.json.encode(found)


async def _sync(context: Any, path: str, query: dict[str, str], body: bytes, *, is_packed: bool) -> Any:
    if path == "/sync/v1/push":
        return await push(context, decode_packed_push(body) if is_packed else decode_push(body))
    if path == "/sync/v1/pull":
        return await pull(context, msgspec.json.decode(json_of(body) if is_packed else body, type=PullRequest))
    if path.startswith("/rx/"):
        return await rx_pull(context, path.split("/")[2], msgspec.json.decode(body, type=RxPullRequest))
    if path == "/sync/v1/digest":
        return await digest(context, int(query["as_of"]), query["kinds"].split(",") if "kinds" in query else None)
    return await hello(context)
