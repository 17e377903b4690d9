"""Quarantine and conflicts over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from server.door import once
from server.quarantine.actions import OpenConflict, Waiting, accept, list_conflicts, list_waiting, return_to_author


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    note: str = ""


class Judged(Struct, frozen=True):
    status: str


@get("/quarantine")
async def list_all(request: Request[Any, Any, Any]) -> list[Waiting]:
    return await list_waiting(request.user)


@post("/quarantine/{id:uuid}/acceptance", status_code=200)
async def create_acceptance(request: Request[Any, Any, Any], id: FromPath[UUID], data: JSONBody[Verdict]) -> Judged:
    async def work() -> Judged:
        return Judged(await accept(request.user, id, data.note))

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/quarantine/{id:uuid}/return", status_code=200)
async def create_return(request: Request[Any, Any, Any], id: FromPath[UUID], data: JSONBody[Verdict]) -> Judged:
    async def work() -> Judged:
        await return_to_author(request.user, id, data.note)
        return Judged("returned")

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/conflicts")
async def list_open_conflicts(request: Request[Any, Any, Any]) -> list[OpenConflict]:
    return await list_conflicts(request.user)


router = Router(
    "/v1", route_handlers=[list_all, create_acceptance, create_return, list_open_conflicts], tags=["quarantine"]
)
