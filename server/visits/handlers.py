"""The shared calendar over HTTP, and planning visits at a desk."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from server.door import once
from server.paging import LIMIT_DEFAULT, Page
from server.visits.actions import Finish, VisitPlan, cancel_visit, finish_visit, plan_visit
from server.visits.calendar.guard import VisitWarning
from server.visits.calendar.lists import CalendarFilter, CalendarLine, list_visits
from server.visits.tables import Visit
from sync.identity import new_id


class NewVisit(VisitPlan, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: UUID | None = None
    """Give one to make the request repeatable; planning one's own visit again moves it."""


class PlannedVisit(Struct, frozen=True):
    id: UUID
    warnings: list[VisitWarning]
    """What the over-visit guard says; empty when nobody is disturbed."""


class CancelVisit(Struct, frozen=True, forbid_unknown_fields=True):
    reason: str


class VisitState(Struct, frozen=True):
    id: UUID
    state: str
    day: date


def state_of(visit: Visit) -> VisitState:
    return VisitState(visit.id, visit.state, visit.day)


@get("/visits")
async def get_visits(
    request: Request[Any, Any, Any],
    enterprise: FromQuery[UUID | None] = None,
    person: FromQuery[UUID | None] = None,
    first: Annotated[date | None, QueryParameter(name="from")] = None,
    last: Annotated[date | None, QueryParameter(name="to")] = None,
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[CalendarLine]:
    """Of the whole bureau, by day; from today on unless `from` or `enterprise` is given."""
    wanted = CalendarFilter(enterprise=enterprise, person=person, first=first, last=last)
    return await list_visits(request.user, wanted, after=after, limit=limit)


@post("/visits")
async def post_visit(request: Request[Any, Any, Any], data: JSONBody[NewVisit]) -> PlannedVisit:
    async def work() -> PlannedVisit:
        visit = data.id or new_id()
        return PlannedVisit(visit, await plan_visit(request.user, visit, data))

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/visits/{visit:uuid}/finish", status_code=200)
async def post_finish(request: Request[Any, Any, Any], visit: FromPath[UUID], data: JSONBody[Finish]) -> VisitState:
    async def work() -> VisitState:
        return state_of(await finish_visit(request.user, visit, data))

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/visits/{visit:uuid}/cancellation", status_code=200)
async def post_cancellation(
    request: Request[Any, Any, Any], visit: FromPath[UUID], data: JSONBody[CancelVisit]
) -> VisitState:
    async def work() -> VisitState:
        return state_of(await cancel_visit(request.user, visit, data.reason))

    return await once(request, request.user, work)  # type: ignore[return-value]


router = Router("/v1", route_handlers=[get_visits, post_visit, post_finish, post_cancellation], tags=["visits"])
