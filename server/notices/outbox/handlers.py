"""The log of deliveries over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.door import once
from server.notices.outbox.actions import (
    DeliveryOut,
    Query,
    Replay,
    Replayed,
    State,
    list_deliveries,
    read_delivery,
    replay,
    replay_failed,
)
from server.paging import LIMIT_DEFAULT, Page


@get("/deliveries")
async def get_deliveries(
    request: Request[Any, Any, Any],
    in_state: Annotated[State, QueryParameter(name="state")] = "all",
    channel: FromQuery[UUID | None] = None,
    topic: FromQuery[str] = "",
    since: FromQuery[datetime | None] = None,
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[DeliveryOut]:
    query = Query(state=in_state, channel=channel, topic=topic, since=since)
    return await list_deliveries(request.user, query, after=after, limit=limit)


@get("/deliveries/{delivery:uuid}")
async def get_delivery(request: Request[Any, Any, Any], delivery: FromPath[UUID]) -> DeliveryOut:
    return await read_delivery(request.user, delivery)


@post("/deliveries/{delivery:uuid}/replay", status_code=200)
async def post_replay(request: Request[Any, Any, Any], delivery: FromPath[UUID]) -> DeliveryOut:
    return await once(request, request.user, lambda: replay(request.user, delivery))  # type: ignore[return-value]


@post("/deliveries/replays", status_code=200)
async def post_replays(request: Request[Any, Any, Any], data: JSONBody[Replay]) -> Replayed:
    return await once(request, request.user, lambda: replay_failed(request.user, data))  # type: ignore[return-value]


router = Router("/v1", route_handlers=[get_deliveries, get_delivery, post_replay, post_replays], tags=["notices"])
