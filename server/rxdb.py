"""What apps built on RxDB call: pull, push and a stream for each kind. `sync.rx` is the protocol; this is only its HTTP."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from functools import cache
from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import ServerSentEventMessage, Stream
from msgspec import Raw

from server.door import read_with
from server.phones import RECONNECT_MS, STREAM_HEADERS, PhoneRequest, hub, paced, phone_of, pulls, pushes, turns
from server.refusals import refusal
from server.settings import settings
from sync.devices import DeviceContext, running_devices
from sync.identity import named_id
from sync.live.listener import Ended, StillGood
from sync.operations import kinds, operations_on
from sync.patches import patch_operation
from sync.rx.pull import rx_pull
from sync.rx.push import decode_rx_push, rx_push
from sync.wire import RxPullRequest, RxPullResponse, RxRow

# Read by the library, as a phone's push is: half a pair of UTF-16 must not stop a client for ever.
read_with(list[RxRow], decode_rx_push)


def known(kind: str) -> str:
    """Raises `rx.kind_unknown`."""
    names = [one.name for one in kinds()]
    if kind not in names:
        raise refusal("rx.kind_unknown", kind=kind, kinds=", ".join(names))
    return kind


@post("/{kind:str}/pull", status_code=200)
async def post_pull(request: PhoneRequest, kind: FromPath[str], data: JSONBody[RxPullRequest]) -> RxPullResponse:
    device = paced(pulls(), phone_of(request))
    async with turns.pull():
        return await rx_pull(device, known(kind), data)


@post("/{kind:str}/push", status_code=200)
async def post_push(request: PhoneRequest, kind: FromPath[str], data: JSONBody[list[RxRow]]) -> list[Raw]:
    """The documents of which the server has another state. Raises `rx.read_only` where nothing is edited field by field."""
    device = paced(pushes(), phone_of(request, salvage=True))
    if patch_operation(known(kind)) is None:
        raise refusal("rx.read_only", kind=kind, operations=", ".join(operations_on(kind)) or "-")
    async with turns.push():
        return await rx_push(device, kind, data)


@get("/{kind:str}/stream", media_type="text/event-stream")
async def get_stream(request: PhoneRequest, kind: FromPath[str]) -> Stream:
    """Server-sent events that say only `RESYNC`: at once, and whenever something changed in the person's scopes."""
    device = phone_of(request)
    known(kind)
    hub.must_have_room()
    return Stream(resyncs(device, kind), media_type="text/event-stream", headers=STREAM_HEADERS)


async def resyncs(device: DeviceContext, kind: str) -> AsyncIterator[bytes]:
    """The stream's bytes. An app has a stream for each of its collections, so they are counted kind by kind."""
    yield ServerSentEventMessage(retry=random.randint(*RECONNECT_MS), comment="qifang", data=None).encode()  # noqa: S311 - spreads them
    holder = holder_of(device.device, kind)
    try:
        async with hub.joined(device.bureau, device.person, holder, still_good=running(kind)) as listener:
            yield ServerSentEventMessage(data="RESYNC").encode()
            while True:
                n = await listener.next(settings.events_heartbeat_seconds)
                said = (
                    ServerSentEventMessage(comment="", data=None)
                    if n is None
                    else ServerSentEventMessage(data="RESYNC")
                )
                yield said.encode()
    except Ended:
        return


def holder_of(device: UUID, kind: str) -> UUID:
    """Who holds the stream of a kind: made of the device, and the device of it."""
    return UUID(int=device.int ^ named_id("rx stream", kind).int)


@cache
def running(kind: str) -> StillGood:
    """Whether the devices behind these holders may go on listening."""

    async def still_good(bureau: UUID, holders: set[UUID]) -> set[UUID]:
        good = await running_devices(bureau, {holder_of(holder, kind) for holder in holders})
        return {holder_of(device, kind) for device in good}

    return still_good


router = Router("/rx", route_handlers=[post_pull, post_push, get_stream], tags=["rxdb"])
