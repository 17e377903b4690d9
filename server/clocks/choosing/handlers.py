"""The rules of which policy an issue gets, over HTTP."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get, post, put
from litestar.params import JSONBody

from server.clocks.choosing.actions import (
    ChoicesOut,
    NewChoices,
    check_choices,
    list_choices,
    replace_choices,
    show_choices,
)
from server.clocks.choosing.rules import Complaint
from server.door import once


@get("/clock-choices")
async def get_choices(request: Request[Any, Any, Any]) -> ChoicesOut:
    """The rules in force."""
    return await show_choices(request.user)


@get("/clock-choices/editions")
async def get_choice_editions(request: Request[Any, Any, Any]) -> list[ChoicesOut]:
    """Every edition, the newest first."""
    return await list_choices(request.user)


@put("/clock-choices")
async def put_choices(request: Request[Any, Any, Any], data: JSONBody[NewChoices]) -> ChoicesOut:
    return await once(request, request.user, lambda: replace_choices(request.user, data))  # type: ignore[return-value]


@post("/clock-choices/check", status_code=200)
async def try_choices(request: Request[Any, Any, Any], data: JSONBody[NewChoices]) -> list[Complaint]:
    """Everything that speaks against them. Writes nothing."""
    return await check_choices(request.user, data)


router = Router("/v1", route_handlers=[get_choices, get_choice_editions, put_choices, try_choices], tags=["clocks"])
