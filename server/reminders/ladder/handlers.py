"""The ladder over HTTP."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get, post, put
from litestar.params import JSONBody

from server.door import once
from server.reminders.ladder.actions import (
    LadderEditionOut,
    LadderOut,
    NewLadder,
    check_ladder,
    list_ladders,
    replace_ladder,
    show_ladder,
)
from server.reminders.ladder.rungs import Complaint


@get("/ladder")
async def get_ladder(request: Request[Any, Any, Any]) -> LadderOut:
    """Who is told of what: every rung in force."""
    return await show_ladder(request.user)


@get("/ladder/editions")
async def get_ladder_editions(request: Request[Any, Any, Any]) -> list[LadderEditionOut]:
    """The bureau's own editions, the newest first."""
    return await list_ladders(request.user)


@put("/ladder")
async def put_ladder(request: Request[Any, Any, Any], data: JSONBody[NewLadder]) -> LadderOut:
    return await once(request, request.user, lambda: replace_ladder(request.user, data))  # type: ignore[return-value]


@post("/ladder/check", status_code=200)
async def try_ladder(request: Request[Any, Any, Any], data: JSONBody[NewLadder]) -> list[Complaint]:
    """Everything that speaks against it. Writes nothing."""
    return check_ladder(request.user, data)


router = Router("/v1", route_handlers=[get_ladder, get_ladder_editions, put_ladder, try_ladder], tags=["notices"])
