"""Posts and absences over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from server.door import once
from server.people.actions import Code
from server.routing.posts.actions import (
    AbsenceIn,
    AbsenceOut,
    PostIn,
    PostOut,
    end_absence,
    list_absences,
    list_posts,
    note_absence,
    put_post,
    retire_post,
)


@get("/posts")
async def get_posts(request: Request[Any, Any, Any], unit: FromQuery[str] = "") -> list[PostOut]:
    return await list_posts(request.user, unit)


@put("/posts/{unit:str}/{code:str}")
async def put_post_of_unit(
    request: Request[Any, Any, Any], unit: FromPath[str], code: FromPath[Code], data: JSONBody[PostIn]
) -> PostOut:
    return await once(request, request.user, lambda: put_post(request.user, unit, code, data))  # type: ignore[return-value]


@post("/posts/{unit:str}/{code:str}/retirement")
async def post_retirement(request: Request[Any, Any, Any], unit: FromPath[str], code: FromPath[str]) -> PostOut:
    return await once(request, request.user, lambda: retire_post(request.user, unit, code))  # type: ignore[return-value]


@get("/absences")
async def get_absences(request: Request[Any, Any, Any], on: FromQuery[date | None] = None) -> list[AbsenceOut]:
    return await list_absences(request.user, on)


@post("/absences")
async def post_absence(request: Request[Any, Any, Any], data: JSONBody[AbsenceIn]) -> AbsenceOut:
    return await once(request, request.user, lambda: note_absence(request.user, data))  # type: ignore[return-value]


@post("/absences/{absence:uuid}/end")
async def post_absence_end(request: Request[Any, Any, Any], absence: FromPath[UUID]) -> AbsenceOut:
    return await once(request, request.user, lambda: end_absence(request.user, absence))  # type: ignore[return-value]


HANDLERS = [get_posts, put_post_of_unit, post_retirement, get_absences, post_absence, post_absence_end]
