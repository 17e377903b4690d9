"""Channels over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, patch, post
from litestar.params import FromPath, JSONBody

from server.notices.channels.actions import (
    ChannelChange,
    ChannelOut,
    NewChannel,
    Preview,
    Tried,
    Try,
    add_channel,
    change_channel,
    list_channels,
    preview_channel,
    try_channel,
)


@get("/channels")
async def get_channels(request: Request[Any, Any, Any]) -> list[ChannelOut]:
    return await list_channels(request.user)


@post("/channels")
async def post_channel(request: Request[Any, Any, Any], data: JSONBody[NewChannel]) -> ChannelOut:
    """The answer alone shows a secret that was made; it is therefore not kept for an Idempotency-Key."""
    return await add_channel(request.user, data)


@patch("/channels/{channel:uuid}")
async def patch_channel(
    request: Request[Any, Any, Any], channel: FromPath[UUID], data: JSONBody[ChannelChange]
) -> ChannelOut:
    return await change_channel(request.user, channel, data)


@post("/channels/{channel:uuid}/tries", status_code=200)
async def post_try(request: Request[Any, Any, Any], channel: FromPath[UUID], data: JSONBody[Try]) -> Tried:
    """Sends a test message now."""
    return await try_channel(request.user, channel, data)


@get("/channels/{channel:uuid}/preview")
async def get_preview(request: Request[Any, Any, Any], channel: FromPath[UUID]) -> Preview:
    return await preview_channel(request.user, channel)


router = Router("/v1", route_handlers=[
    get_channels, post_channel, patch_channel, post_try, get_preview,
], tags=["notices"])  # fmt: skip
