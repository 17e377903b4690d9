"""Notices and wishes over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from server.door import once
from server.notices.inbox.actions import (
    Inbox,
    NewWish,
    NoticeOut,
    WishOut,
    list_notices,
    read_all,
    read_notice,
    set_wish,
    show_wish,
)
from server.paging import LIMIT_DEFAULT


class Seen(Struct, frozen=True):
    count: int


@get("/notices")
async def get_notices(
    request: Request[Any, Any, Any],
    unread: FromQuery[bool] = False,
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Inbox:
    return await list_notices(request.user, unread=unread, after=after, limit=limit)


@post("/notices/{notice:uuid}/reading", status_code=200)
async def post_reading(request: Request[Any, Any, Any], notice: FromPath[UUID]) -> NoticeOut:
    return await once(request, request.user, lambda: read_notice(request.user, notice))  # type: ignore[return-value]


@post("/notices/readings", status_code=200)
async def post_readings(request: Request[Any, Any, Any]) -> Seen:
    async def work() -> Seen:
        return Seen(await read_all(request.user))

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/notice-wishes")
async def get_wishes(request: Request[Any, Any, Any]) -> WishOut:
    """How one wants to be told."""
    return await show_wish(request.user)


@put("/notice-wishes")
async def put_wishes(request: Request[Any, Any, Any], data: JSONBody[NewWish]) -> WishOut:
    return await once(request, request.user, lambda: set_wish(request.user, data))  # type: ignore[return-value]


router = Router("/v1", route_handlers=[
    get_notices, post_reading, post_readings, get_wishes, put_wishes,
], tags=["notices"])  # fmt: skip
