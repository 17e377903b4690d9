"""The reference client waits for news at the real door."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sync.devices import revoke_device
from sync.phone import Answered, Offline, Phone
from tests.server.fieldwork import enterprises, phone
from tests.server.streams import EventStream

pytestmark = pytest.mark.anyio


class Words(httpx.AsyncByteStream):
    """What the application says, as it says it."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        is_more = True
        while is_more:
            message = await self.stream._next()
            is_more = message.get("more_body", False)
            yield message.get("body", b"")

    async def aclose(self) -> None:
        await self.stream.__aexit__()


class Streaming(httpx.AsyncBaseTransport):
    """Hands the answer on while it is still being written; httpx's own in-process transport waits for its end."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        carried = {"x_request_id": request.headers["x-request-id"]}
        if "last-event-id" in request.headers:
            carried["last_event_id"] = request.headers["last-event-id"]
        stream = await EventStream(token, accept_encoding="identity", **carried).__aenter__()
        return httpx.Response(stream.status, headers=stream.headers, stream=Words(stream))


async def listening(donghu: Any) -> tuple[Phone, Phone]:
    """Zhou's phone, and the same phone on a line that streams."""
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    listener = Phone(":memory:", httpx.AsyncClient(transport=Streaming(), base_url="http://qifang.test"))
    for name in ("token", "as_of"):
        listener.set_meta(name, device.meta(name))
    return device, listener


async def test_rule_18_a_phone_that_waits_hears_of_what_happens_and_of_what_it_missed(donghu):
    device, listener = await listening(donghu)
    waiting = asyncio.create_task(listener.wait_for_news())
    await asyncio.sleep(0)
    await enterprises(donghu, 1)
    async with asyncio.timeout(30):
        assert await waiting is True
        assert await listener.wait_for_news() is True
    await device.pull()
    assert len(device.rows("enterprise")) == 1
    device.close(), listener.close()


async def test_rule_18_a_phone_that_may_not_listen_learns_why(donghu):
    from uuid import UUID

    device, listener = await listening(donghu)
    await revoke_device(donghu.bureau, UUID(device.device))
    with pytest.raises(Answered) as no:
        await listener.wait_for_news()
    assert no.value.code == "device_revoked"
    device.close(), listener.close()


async def test_rule_21_a_page_of_a_captive_portal_is_no_stream():
    def portal(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "text/html"}, content=b"<html>Wi-Fi</html>")

    async with httpx.AsyncClient(transport=httpx.MockTransport(portal), base_url="http://qifang.test") as client:
        lost = Phone(":memory:", client)
        with pytest.raises(Offline):
            await lost.wait_for_news()
        lost.close()
