"""Reports over HTTP: what enterprises said, newest first, and writing down one that came by telephone or letter."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct, convert

from server.door import once
from server.paging import LIMIT_DEFAULT, Page, page_of
from server.people.actor import Actor
from server.reports.actions import NewReport, file_report, find_report
from server.reports.kinds import ReportBody
from server.reports.tables import Report


class FiledOut(Struct, frozen=True):
    id: UUID
    reported_at: datetime


@get("/reports")
async def list_reports(
    request: Request[Any, Any, Any],
    enterprise: FromQuery[UUID | None] = None,
    record: FromQuery[UUID | None] = None,
    limit: FromQuery[int] = LIMIT_DEFAULT,
    after: FromQuery[str | None] = None,
) -> Page[ReportBody]:
    return await _page(request.user, enterprise, record, limit, after)


@get("/reports/{id:uuid}")
async def show_report(request: Request[Any, Any, Any], id: FromPath[UUID]) -> ReportBody:
    return _out(await find_report(request.user, id))


@post("/reports")
async def create_report(request: Request[Any, Any, Any], data: JSONBody[NewReport]) -> FiledOut:
    async def work() -> FiledOut:
        report = await file_report(request.user, data)
        return FiledOut(report.id, report.reported_at)

    return await once(request, request.user, work)  # type: ignore[return-value]


async def _page(
    actor: Actor, enterprise: UUID | None, record: UUID | None, limit: int, after: str | None
) -> Page[ReportBody]:
    actor.must("report.read")
    query = Report.visible_to(actor)
    if enterprise is not None:
        query = query.where(Report.enterprise == enterprise)
    if record is not None:
        query = query.where(Report.record == record)
    order = (Report.reported_at, Report.id)
    return (await page_of(query, order, after=after, limit=limit, is_descending=True)).shown(_out)


def _out(report: Report) -> ReportBody:
    return convert(report, ReportBody, from_attributes=True)


router = Router("/v1", route_handlers=[list_reports, show_report, create_report], tags=["reports"])
