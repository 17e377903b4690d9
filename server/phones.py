"""What phones call: enrol, push, pull, hello, digest, events. The protocol itself is the `sync` library; this is only its HTTP."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from litestar import Request, Response, Router, get, post
from litestar._openapi.schema_generation import SchemaCreator
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import OpenAPIFormat, OpenAPIType, Schema
from litestar.params import FromQuery, JSONBody
from litestar.plugins import OpenAPISchemaPlugin
from litestar.response import ServerSentEventMessage, Stream
from litestar.typing import FieldDefinition

from server.allowance import Allowance
from server.auth import PUSH_PATH
from server.door import read_with
from server.moment import now, today
from server.refusals import refusal
from server.settings import settings
from server.turns import Turns
from sync import devices
from sync.devices import DeviceContext
from sync.digest import digest
from sync.live.hub import Hub
from sync.live.listener import Ended, Limits
from sync.packed import packed_of
from sync.pull import hello, pull
from sync.push import decode_packed_push, decode_push, push
from sync.refusal import Refusal, device_revoked
from sync.wire import (
    Change,
    DigestResponse,
    EnrolRequest,
    EnrolResponse,
    HelloResponse,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
)


class ChangeSchema(OpenAPISchemaPlugin):
    """Describes one line of a pull: its body is any JSON, which the framework cannot read out of the type."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return value is Change

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        text, number = Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.INTEGER)
        return Schema(
            type=OpenAPIType.OBJECT,
            required=["op", "v"],
            properties={
                "op": Schema(type=OpenAPIType.STRING, enum=["put", "out", "gone", "redirect", "scope_out"]),
                "v": number,
                "kind": text,
                "id": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.UUID),
                "scopes": Schema(type=OpenAPIType.ARRAY, items=text),
                "add": Schema(type=OpenAPIType.BOOLEAN),
                "to": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.UUID),
                "merged": Schema(type=OpenAPIType.BOOLEAN),
                "d": Schema(type=OpenAPIType.OBJECT),
            },
        )


# The library reads the envelope itself: it mends half a pair of UTF-16 that a browser may send, which would stop a phone for ever.
read_with(PushRequest, decode_push, decode_packed_push)

T = TypeVar("T")
PhoneRequest = Request[Any, DeviceContext | None, Any]


def phone_of(request: PhoneRequest, *, salvage: bool = False) -> DeviceContext:
    """Raises `device.required` for somebody signed in at a desk, `device_revoked` for a phone whose work is only salvaged."""
    if request.auth is None:
        raise refusal("device.required")
    if request.auth.is_stopped and not salvage:
        raise device_revoked()
    return request.auth


def answered(request: Request[Any, Any, Any], content: T) -> T:
    """The content as MessagePack for a client that takes that and not JSON; refusals are JSON for everybody."""
    accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept", "").lower().split(",")}
    if "application/json" in accepted or not accepted & {"application/msgpack", "application/x-msgpack"}:
        return content
    packed = packed_of(content)
    return content if packed is None else Response(packed, media_type="application/msgpack")  # type: ignore[return-value]


def must_be_served(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Raises `protocol.retired` (426) from the day this version of the protocol retires, at a push only when its time of grace is
    over, so that no work is trapped in an old app."""
    retires_on = settings.protocol_1_retires_on
    if retires_on is None or today() < retires_on:
        return
    push_until = retires_on + timedelta(days=settings.protocol_1_grace_days)
    if connection.url.path == PUSH_PATH and today() < push_until:
        return
    raise refusal(
        "protocol.retired",
        retired_on=retires_on.isoformat(),
        push_until=push_until.isoformat(),
        client_version_min=settings.client_version_min or "-",
    )


@cache
def pushes() -> Allowance:
    return Allowance(settings.pushes_per_minute)


@cache
def pulls() -> Allowance:
    return Allowance(settings.pulls_per_minute)


LATER_SECONDS = 15
"""Those who asked too often in the same minute come back spread over so many seconds."""


def paced(allowance: Allowance, device: DeviceContext) -> DeviceContext:
    """Raises `rate_limited` (429) for a device that asks more often than any phone needs to: an app that goes round in circles
    must not take the others' turns."""
    if wait := allowance.take(str(device.device), now()):
        raise refusal("rate_limited", retry_after=wait + random.randint(0, LATER_SECONDS))  # noqa: S311 - spreads them
    return device


turns = Turns(settings.syncs_at_once_max, settings.syncs_waiting_max, settings.syncs_retry_seconds)
"""Whose turn it is in this process."""


@cache
def wrong_codes() -> Allowance:
    return Allowance(settings.wrong_codes_per_minute)


@post("/enrol", status_code=200, exclude_from_auth=True)
async def post_enrol(request: Request[Any, Any, Any], data: JSONBody[EnrolRequest]) -> EnrolResponse:
    """Only wrong codes are counted: all phones of a bureau may stand behind one address."""
    source = request.client.host if request.client else ""
    if wait := wrong_codes().wait(source, now()):
        raise refusal("enrol.too_often", retry_after=wait)
    try:
        return answered(request, await devices.enrol(data.code, data.incarnation, data.name))
    except Refusal:
        wrong_codes().take(source, now())
        raise


@post("/push", status_code=200)
async def post_push(request: PhoneRequest, data: JSONBody[PushRequest]) -> PushResponse:
    device = paced(pushes(), phone_of(request, salvage=True))
    async with turns.push():
        return answered(request, await push(device, data))


@post("/pull", status_code=200)
async def post_pull(request: PhoneRequest, data: JSONBody[PullRequest]) -> PullResponse:
    device = paced(pulls(), phone_of(request))
    async with turns.pull():
        return answered(request, await pull(device, data))


@get("/hello")
async def get_hello(request: PhoneRequest) -> HelloResponse:
    about = await hello(
        paced(pulls(), phone_of(request)),
        client_min=settings.client_version_min,
        retires_on=settings.protocol_1_retires_on,
        file_bytes_max=settings.file_bytes_max,
        push_bytes_max=settings.body_bytes_max,
    )
    return answered(request, about)


@get("/digest")
async def get_digest(
    request: PhoneRequest, as_of: FromQuery[int], kinds: FromQuery[str | None] = None
) -> DigestResponse:
    """What the phone should hold at `as_of`, to be compared with what it does; `kinds` are separated by commas."""
    device = paced(pulls(), phone_of(request))
    async with turns.pull():
        return answered(request, await digest(device, as_of, kinds.split(",") if kinds else None))


hub = Hub(
    Limits(
        streams=settings.events_streams_max,
        streams_of_holder=settings.events_streams_per_device_max,
        poll_seconds=settings.events_poll_seconds,
        at_once=settings.events_at_once_max,
        spread_seconds=settings.events_spread_seconds,
    )
)
"""Everybody who waits for news in this process."""
RECONNECT_MS = (2_000, 8_000)
"""Each client is told another time, so that they do not all come back at once after a restart."""
STREAM_HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
"""Proxies must neither keep nor pack nor collect what is to arrive at once."""


@get("/events", media_type="text/event-stream")
async def get_events(request: PhoneRequest, after: FromQuery[int | None] = None) -> Stream:
    """A stream of server-sent events that says only up to which number something changed in the phone's scopes. `Last-Event-ID`
    (or `after`) is the number the phone has read up to."""
    hub.must_have_room()
    told = request.headers.get("last-event-id", "")
    is_number = told.isascii() and told.isdigit() and len(told) < 16
    return Stream(
        events_for(phone_of(request), int(told) if is_number else after),
        media_type="text/event-stream",
        headers=STREAM_HEADERS,
    )


async def events_for(device: DeviceContext, after: int | None) -> AsyncIterator[bytes]:
    """The stream's bytes, from the first at once until the server stops or the device may listen no longer."""
    yield ServerSentEventMessage(retry=random.randint(*RECONNECT_MS), comment="qifang", data=None).encode()  # noqa: S311 - spreads them
    try:
        async with hub.joined(device.bureau, device.person, device.device, after=after) as listener:
            if listener.told >= 0:
                yield ServerSentEventMessage(id=listener.told, data=None).encode()
            while True:
                n = await listener.next(settings.events_heartbeat_seconds)
                if n is None:
                    yield ServerSentEventMessage(comment="", data=None).encode()
                else:
                    yield ServerSentEventMessage(event="changed", id=n, data=f'{{"n":{n}}}').encode()
    except Ended:
        return


router = Router(
    "/sync/v1",
    route_handlers=[post_enrol, post_push, post_pull, get_hello, get_digest, get_events],
    guards=[must_be_served],
    tags=["phones"],
)
