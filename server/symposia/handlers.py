"""Symposia over HTTP: plan, invite, let others help, read the sign-in, close."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from server.door import once
from server.paging import LIMIT_DEFAULT, Page
from server.symposia.actions import Helpers, Invited, NewSymposium, add_helpers, close_symposium, invite, plan_symposium
from server.symposia.attendance.lists import AttendanceOut, list_attendance
from server.symposia.lists import SymposiumOut, SymposiumWhole, list_symposia, show_symposium, symposium_out


class Invitations(Struct, frozen=True, forbid_unknown_fields=True):
    enterprises: Invited


class NewHelpers(Struct, frozen=True, forbid_unknown_fields=True):
    persons: Helpers


class Count(Struct, frozen=True):
    count: int
    """How many there are now."""


@get("/symposia")
async def get_symposia(
    request: Request[Any, Any, Any], after: FromQuery[str] = "", limit: FromQuery[int] = LIMIT_DEFAULT
) -> Page[SymposiumOut]:
    return await list_symposia(request.user, after=after, limit=limit)


@post("/symposia")
async def post_symposium(request: Request[Any, Any, Any], data: JSONBody[NewSymposium]) -> SymposiumOut:
    async def work() -> SymposiumOut:
        return symposium_out(await plan_symposium(request.user, data))

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/symposia/{symposium:uuid}")
async def get_symposium(request: Request[Any, Any, Any], symposium: FromPath[UUID]) -> SymposiumWhole:
    return await show_symposium(request.user, symposium)


@post("/symposia/{symposium:uuid}/invitations", status_code=200)
async def post_invitations(
    request: Request[Any, Any, Any], symposium: FromPath[UUID], data: JSONBody[Invitations]
) -> Count:
    async def work() -> Count:
        return Count(await invite(request.user, symposium, data.enterprises))

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/symposia/{symposium:uuid}/helpers", status_code=200)
async def post_helpers(request: Request[Any, Any, Any], symposium: FromPath[UUID], data: JSONBody[NewHelpers]) -> Count:
    async def work() -> Count:
        return Count(await add_helpers(request.user, symposium, data.persons))

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/symposia/{symposium:uuid}/attendance")
async def get_attendance(
    request: Request[Any, Any, Any],
    symposium: FromPath[UUID],
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[AttendanceOut]:
    return await list_attendance(request.user, symposium, after=after, limit=limit)


@post("/symposia/{symposium:uuid}/close", status_code=200)
async def post_close(request: Request[Any, Any, Any], symposium: FromPath[UUID]) -> SymposiumOut:
    async def work() -> SymposiumOut:
        return symposium_out(await close_symposium(request.user, symposium))

    return await once(request, request.user, work)  # type: ignore[return-value]


router = Router("/v1", route_handlers=[
    get_symposia, post_symposium, get_symposium, post_invitations, post_helpers, get_attendance, post_close,
], tags=["symposia"])  # fmt: skip
