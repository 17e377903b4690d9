"""Quarantine and conflicts over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from server.door import once
from server.paging import LIMIT_DEFAULT, Page
from server.quarantine.actions import (
    Query,
    Replayed,
    State,
    Waiting,
    accept,
    list_waiting,
    read_waiting,
    replay,
    replay_all,
    return_to_author,
)
from server.quarantine.conflicts import Conflict, list_conflicts, read_conflict, resolve
from sync.conflicts import Resolution


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    note: str = ""


class Judged(Struct, frozen=True):
    status: str


class Replay(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that waits for this reason, of this operation if it is named."""

    code: str
    op: str | None = None


@get("/quarantine")
async def list_all(
    request: Request[Any, Any, Any],
    in_state: Annotated[State, QueryParameter(name="state")] = "open",
    person: FromQuery[UUID | None] = None,
    device: FromQuery[UUID | None] = None,
    op: FromQuery[str | None] = None,
    code: FromQuery[str | None] = None,
    target: FromQuery[UUID | None] = None,
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[Waiting]:
    query = Query(state=in_state, person=person, device=device, op=op, code=code, target=target)
    return await list_waiting(request.user, query, after=after, limit=limit)


@get("/quarantine/{id:uuid}")
async def get_waiting(request: Request[Any, Any, Any], id: FromPath[UUID]) -> Waiting:
    return await read_waiting(request.user, id)


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


@post("/quarantine/{id:uuid}/replay", status_code=200)
async def create_replay(request: Request[Any, Any, Any], id: FromPath[UUID]) -> Judged:
    """Applies it again with all its checks, after something was mended."""

    async def work() -> Judged:
        return Judged(await replay(request.user, id))

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/quarantine/replays", status_code=200)
async def create_replays(request: Request[Any, Any, Any], data: JSONBody[Replay]) -> Replayed:
    return await once(request, request.user, lambda: replay_all(request.user, data.code, data.op))  # type: ignore[return-value]


@get("/conflicts")
async def get_conflicts(
    request: Request[Any, Any, Any],
    in_state: Annotated[Literal["open", "all"], QueryParameter(name="state")] = "open",
    target: FromQuery[UUID | None] = None,
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[Conflict]:
    return await list_conflicts(request.user, in_state, target, after=after, limit=limit)


@get("/conflicts/{id:uuid}")
async def get_conflict(request: Request[Any, Any, Any], id: FromPath[UUID]) -> Conflict:
    return await read_conflict(request.user, id)


@post("/conflicts/{id:uuid}/resolution", status_code=200)
async def create_resolution(
    request: Request[Any, Any, Any], id: FromPath[UUID], data: JSONBody[Resolution]
) -> Conflict:
    async def work() -> Conflict:
        await resolve(request.user, id, data)
        return await read_conflict(request.user, id)

    return await once(request, request.user, work)  # type: ignore[return-value]


router = Router("/v1", route_handlers=[
    list_all, get_waiting, create_acceptance, create_return, create_replay, create_replays,
    get_conflicts, get_conflict, create_resolution,
], tags=["quarantine"])  # fmt: skip
