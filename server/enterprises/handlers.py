"""The registry over HTTP: list, look up, add, change, merge; honours, pools and who looks after whom."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct
from msgspec.structs import replace

from server.door import once
from server.enterprises.actions import (
    NewEnterprise,
    add_enterprise,
    change_enterprise,
    find_by_code,
    list_enterprises,
    reach_enterprise,
)
from server.enterprises.assignments.actions import (
    Assigned,
    assign_enterprise,
    end_assignment,
    hand_over,
    is_assigned,
    list_assignments,
)
from server.enterprises.credit_code import is_temporary, normalise
from server.enterprises.dossier.actions import NewHonour, enter_pool, give_honour, leave_pool
from server.enterprises.fields import mask_phone
from server.enterprises.kinds import ContactLine, DossierBody, dossiers, entity_list_csv
from server.enterprises.merging.actions import merge_enterprises
from server.enterprises.removal.actions import remove_enterprise, restore_enterprise
from server.paging import LIMIT_DEFAULT, Page, check_limit, mark, read_mark
from server.people.actor import Actor
from server.refusals import refusal
from server.shown import shown


class EnterpriseLine(Struct, frozen=True, kw_only=True):
    id: UUID
    credit_code: str | None
    temporary_id: str | None
    name: str
    status: str
    region: str
    industry: str
    tier: str
    size: str
    updated_at: datetime


class Changes(Struct, frozen=True, forbid_unknown_fields=True):
    set: dict[str, Any]
    """New values by field; a name that is no field of the registry is a fact of the dossier."""


class MergeInto(Struct, frozen=True, forbid_unknown_fields=True):
    into: UUID


class Removal(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class NewAssignment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    person: UUID
    since: date | None = None
    role: str = "commissioner"
    reason: str = ""


class Handover(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    person: UUID
    on: date | None = None
    reason: str = ""


class NewMembership(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pool: Annotated[str, Meta(min_length=1, max_length=200)]
    since: date | None = None
    reason: Annotated[str, Meta(max_length=4000)] = ""


async def dossier(actor: Actor, enterprise: UUID) -> DossierBody:
    """Telephone numbers stand in full for those who look after the firm and those who keep the registry."""
    actor.must("enterprise.read")
    row = await reach_enterprise(actor, enterprise)
    body = (await dossiers(actor.bureau, [row.id]))[row.id]
    if actor.may("enterprise.write") or await is_assigned(actor.bureau, row.id, actor.person):
        return body
    masked = [ContactLine(one.name, one.post, mask_phone(one.phone), one.is_first) for one in body.contacts]
    return replace(body, contacts=masked)


@get("/enterprises")
async def get_enterprises(
    request: Request[Any, Any, Any],
    q: FromQuery[str] = "",
    tier: FromQuery[str] = "",
    status: FromQuery[str] = "",
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[EnterpriseLine]:
    """By name. `q` is part of a name, a credit code, or the reading of a name: `nchm` finds 南昌鸿铭."""
    limit = check_limit(limit)
    key = read_mark(after, tuple[str, UUID]) if after else None
    rows = await list_enterprises(request.user, query=q, tier=tier, status=status, after=key, limit=limit + 1)
    more = mark(rows[limit - 1].name, rows[limit - 1].id) if len(rows) > limit else None
    return Page([shown(EnterpriseLine, row) for row in rows[:limit]], more)


@post("/enterprises")
async def post_enterprise(request: Request[Any, Any, Any], data: JSONBody[NewEnterprise]) -> EnterpriseLine:
    async def work() -> EnterpriseLine:
        return shown(EnterpriseLine, await add_enterprise(request.user, data))

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/enterprises/{key:str}")
async def get_enterprise(request: Request[Any, Any, Any], key: FromPath[str]) -> DossierBody:
    """`key` is an id, a credit code or a temporary id; what was merged answers with what it was merged into."""
    return await dossier(request.user, await _id_of(request.user, key))


async def _id_of(actor: Actor, key: str) -> UUID:
    try:
        return UUID(key)
    except ValueError:
        wanted = normalise(key)
    row = await find_by_code(actor.bureau, wanted) if len(wanted) == 18 or is_temporary(wanted) else None
    if row is None:
        raise refusal("enterprise.unknown")
    return row.id


@patch("/enterprises/{enterprise:uuid}")
async def patch_enterprise(
    request: Request[Any, Any, Any], enterprise: FromPath[UUID], data: JSONBody[Changes]
) -> EnterpriseLine:
    async def work() -> EnterpriseLine:
        return shown(EnterpriseLine, await change_enterprise(request.user, enterprise, data.set))

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/enterprises/{enterprise:uuid}/merge", status_code=200)
async def post_merge(
    request: Request[Any, Any, Any], enterprise: FromPath[UUID], data: JSONBody[MergeInto]
) -> EnterpriseLine:
    """A firm that has no code goes into the one named; both ids lead there from now on."""

    async def work() -> EnterpriseLine:
        return shown(EnterpriseLine, await merge_enterprises(request.user, enterprise, data.into))

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/enterprises/{enterprise:uuid}/removal")
async def post_removal(
    request: Request[Any, Any, Any], enterprise: FromPath[UUID], data: JSONBody[Removal]
) -> EnterpriseLine:
    """A firm that should not have been written down leaves the registry. Only one nothing was done for."""

    async def work() -> EnterpriseLine:
        return shown(EnterpriseLine, await remove_enterprise(request.user, enterprise, data.reason))

    return await once(request, request.user, work)  # type: ignore[return-value]


@delete("/enterprises/{enterprise:uuid}/removal", status_code=200)
async def delete_removal(request: Request[Any, Any, Any], enterprise: FromPath[UUID]) -> EnterpriseLine:
    """Back into the registry, as it was."""
    return shown(EnterpriseLine, await restore_enterprise(request.user, enterprise))


@post("/enterprises/{enterprise:uuid}/honours")
async def post_honour(
    request: Request[Any, Any, Any], enterprise: FromPath[UUID], data: JSONBody[NewHonour]
) -> DossierBody:
    async def work() -> DossierBody:
        await give_honour(request.user, enterprise, data)
        return await dossier(request.user, enterprise)

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/enterprises/{enterprise:uuid}/pools")
async def post_pool(
    request: Request[Any, Any, Any], enterprise: FromPath[UUID], data: JSONBody[NewMembership]
) -> DossierBody:
    async def work() -> DossierBody:
        await enter_pool(request.user, enterprise, data.pool, since=data.since, reason=data.reason)
        return await dossier(request.user, enterprise)

    return await once(request, request.user, work)  # type: ignore[return-value]


@delete("/enterprises/{enterprise:uuid}/pools/{pool:str}")
async def delete_pool(request: Request[Any, Any, Any], enterprise: FromPath[UUID], pool: FromPath[str]) -> None:
    await leave_pool(request.user, enterprise, pool)


@get("/enterprises/{enterprise:uuid}/assignments")
async def get_assignments(request: Request[Any, Any, Any], enterprise: FromPath[UUID]) -> list[Assigned]:
    return await list_assignments(request.user, enterprise)


@post("/enterprises/{enterprise:uuid}/assignments")
async def post_assignment(
    request: Request[Any, Any, Any], enterprise: FromPath[UUID], data: JSONBody[NewAssignment]
) -> Assigned:
    async def work() -> Assigned:
        return await assign_enterprise(
            request.user, enterprise, data.person, since=data.since, role=data.role, reason=data.reason
        )

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/assignments/{assignment:uuid}/handover")
async def post_handover(
    request: Request[Any, Any, Any], assignment: FromPath[UUID], data: JSONBody[Handover]
) -> Assigned:
    async def work() -> Assigned:
        return await hand_over(request.user, assignment, data.person, on=data.on, reason=data.reason)

    return await once(request, request.user, work)  # type: ignore[return-value]


@delete("/assignments/{assignment:uuid}", status_code=200)
async def delete_assignment(request: Request[Any, Any, Any], assignment: FromPath[UUID]) -> Assigned:
    return await end_assignment(request.user, assignment)


@get("/lists/enterprises.csv", media_type="text/csv")
async def get_entity_list(request: Request[Any, Any, Any]) -> Response[str]:
    """The list forms choose enterprises from."""
    text = await entity_list_csv(request.user.bureau, request.user)
    return Response(text, media_type="text/csv; charset=utf-8")


router = Router("/v1", route_handlers=[
    get_enterprises, post_enterprise, get_enterprise, patch_enterprise, post_merge, post_removal, delete_removal,
    post_honour, post_pool, delete_pool,
    get_assignments, post_assignment, post_handover, delete_assignment, get_entity_list,
], tags=["enterprises"])  # fmt: skip
