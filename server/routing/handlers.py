"""The taxonomy and the routing matrix over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Any

from litestar import Request, Router, get, post, put
from litestar.params import FromQuery, JSONBody
from msgspec import Struct

from server.door import once
from server.people.actor import Actor
from server.routing.actions import Matrix, list_categories, matrix_of, preview, replace_rules
from server.routing.checking.complaints import Complaint
from server.routing.checking.preview import Asked, Preview, check_rules
from server.routing.posts.handlers import HANDLERS as POSTS
from server.routing.route import Rule
from server.routing.taxonomy.handlers import HANDLERS as TAXONOMY


class CategoryOut(Struct, frozen=True):
    code: str
    parent: str
    zh: str
    en: str
    icon: str
    successor: str
    is_retired: bool


class NewMatrix(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rules: list[Rule]
    starts_on: date | None = None
    note: str = ""


@get("/categories")
async def get_categories(request: Request[Any, Any, Any]) -> list[CategoryOut]:
    rows = await list_categories(request.user)
    return [
        CategoryOut(row.code, row.parent, row.zh, row.en, row.icon, row.successor, row.retired_at is not None)
        for row in rows
    ]


@get("/routing")
async def get_routing(request: Request[Any, Any, Any], on: FromQuery[date | None] = None) -> Matrix:
    actor: Actor = request.user
    actor.must("routing.read")
    return await matrix_of(actor.bureau, on)


@put("/routing")
async def put_routing(request: Request[Any, Any, Any], data: JSONBody[NewMatrix]) -> Matrix:
    async def work() -> Matrix:
        return await replace_rules(request.user, data.rules, starts_on=data.starts_on, note=data.note)

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/routing/check", status_code=200, summary="Everything that is wrong with an edition; nothing is written")
async def post_check(request: Request[Any, Any, Any], data: JSONBody[NewMatrix]) -> list[Complaint]:
    return await check_rules(request.user, data.rules)


@post("/routing/preview", status_code=200, summary="Who would get it, and why; nothing is written")
async def post_preview(request: Request[Any, Any, Any], data: JSONBody[Asked]) -> Preview:
    return await preview(request.user, data)


router = Router(
    "/v1",
    route_handlers=[get_categories, get_routing, put_routing, post_check, post_preview, *POSTS, *TAXONOMY],
    tags=["routing"],
)
