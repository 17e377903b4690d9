"""The bureau's calendar over HTTP: its days, its office hours, a year's notice, and every version of them."""

from datetime import date
from typing import Any

from litestar import Request, get, post, put
from litestar.params import FromQuery, JSONBody

from server.door import once
from server.issues.redating.actions import Redated, change_calendar, change_hours, import_notice
from server.worktime.actions import DayOut, list_days
from server.worktime.days import Day, Hours
from server.worktime.editing import VersionOut, list_hours, list_versions


@get("/calendar")
async def get_calendar(
    request: Request[Any, Any, Any], first: FromQuery[date], last: FromQuery[date], version: FromQuery[str] = ""
) -> list[DayOut]:
    return await list_days(request.user, first, last, version)


@put("/calendar")
async def put_calendar(
    request: Request[Any, Any, Any],
    data: JSONBody[list[Day]],
    preview: FromQuery[bool] = False,
    forward: FromQuery[bool] = False,
    note: FromQuery[str] = "",
) -> Redated:
    async def work() -> Redated:
        return await change_calendar(request.user, data, note=note, preview=preview, forward=forward)

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/calendar/hours")
async def get_hours(request: Request[Any, Any, Any], version: FromQuery[str] = "") -> list[Hours]:
    return await list_hours(request.user, version)


@put("/calendar/hours")
async def put_hours(
    request: Request[Any, Any, Any],
    data: JSONBody[list[Hours]],
    preview: FromQuery[bool] = False,
    forward: FromQuery[bool] = False,
    note: FromQuery[str] = "",
) -> Redated:
    async def work() -> Redated:
        return await change_hours(request.user, data, note=note, preview=preview, forward=forward)

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/calendar/notices", status_code=201)
async def post_notice(
    request: Request[Any, Any, Any], preview: FromQuery[bool] = False, forward: FromQuery[bool] = False
) -> Redated:
    """The body is a year's JSON file of the holiday-cn project, as it is."""

    async def work() -> Redated:
        return await import_notice(request.user, await request.body(), preview=preview, forward=forward)

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/calendar/versions")
async def get_versions(request: Request[Any, Any, Any]) -> list[VersionOut]:
    return await list_versions(request.user)


HANDLERS = (get_calendar, put_calendar, get_hours, put_hours, post_notice, get_versions)
