"""Lists and bulk verbs over HTTP."""

from typing import Any
from uuid import UUID

from litestar import Request, Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from server.door import once
from server.issues.queue.snoozing import Snooze, Snoozed, snooze_issue, wake_issue
from server.paging import LIMIT_DEFAULT
from server.worklists.actions import Count, ListOut, NewList, count_lists, delete_list, find_list, lists_of, save_list
from server.worklists.bulk.actions import (
    Asked,
    ItemOut,
    JobOut,
    Preview,
    Undo,
    begin_bulk,
    cancel_bulk,
    list_items,
    preview_bulk,
    show_bulk,
    step_bulk,
    undo_bulk,
)
from server.worklists.bulk.verbs import BulkVerb, bulk_verbs
from server.worklists.rows import Rows, csv_of, show_rows


@get("/worklists")
async def get_worklists(request: Request[Any, Any, Any]) -> list[ListOut]:
    return await lists_of(request.user)


@get("/worklists/counts")
async def get_counts(request: Request[Any, Any, Any]) -> list[Count]:
    return await count_lists(request.user)


@post("/worklists")
async def post_worklist(request: Request[Any, Any, Any], data: JSONBody[NewList]) -> ListOut:
    return await once(request, request.user, lambda: save_list(request.user, data))  # type: ignore[return-value]


@get("/worklists/{named:str}")
async def get_worklist(request: Request[Any, Any, Any], named: FromPath[str]) -> ListOut:
    return await find_list(request.user, named)


@put("/worklists/{named:uuid}")
async def put_worklist(request: Request[Any, Any, Any], named: FromPath[UUID], data: JSONBody[NewList]) -> ListOut:
    return await once(request, request.user, lambda: save_list(request.user, data, named))  # type: ignore[return-value]


@delete("/worklists/{named:uuid}")
async def delete_worklist(request: Request[Any, Any, Any], named: FromPath[UUID]) -> None:
    await delete_list(request.user, named)


@get("/worklists/{named:str}/issues")
async def get_rows(
    request: Request[Any, Any, Any],
    named: FromPath[str],
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Rows:
    return await show_rows(request.user, named, after=after, limit=limit)


@get("/worklists/{named:str}/issues.csv")
async def get_csv(request: Request[Any, Any, Any], named: FromPath[str]) -> Stream:
    one = await find_list(request.user, named)
    headers = {"Content-Disposition": 'attachment; filename="issues.csv"'}
    return Stream(csv_of(request.user, one), media_type="text/csv; charset=utf-8", headers=headers)


@put("/issues/{issue:str}/snooze")
async def put_snooze(request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[Snooze]) -> Snoozed:
    return await once(request, request.user, lambda: snooze_issue(request.user, issue, data))  # type: ignore[return-value]


@delete("/issues/{issue:str}/snooze", status_code=200)
async def delete_snooze(request: Request[Any, Any, Any], issue: FromPath[str]) -> Snoozed:
    return await wake_issue(request.user, issue)


@get("/bulk/verbs")
async def get_bulk_verbs(request: Request[Any, Any, Any]) -> list[BulkVerb]:
    return bulk_verbs()


@post("/bulk/previews", status_code=200)
async def post_preview(request: Request[Any, Any, Any], data: JSONBody[Asked]) -> Preview:
    return await preview_bulk(request.user, data)


@post("/bulk")
async def post_bulk(request: Request[Any, Any, Any], data: JSONBody[Asked]) -> JobOut:
    return await once(request, request.user, lambda: begin_bulk(request.user, data))  # type: ignore[return-value]


@get("/bulk/{job:uuid}")
async def get_bulk(request: Request[Any, Any, Any], job: FromPath[UUID]) -> JobOut:
    return await show_bulk(request.user, job)


@get("/bulk/{job:uuid}/items")
async def get_items(request: Request[Any, Any, Any], job: FromPath[UUID]) -> list[ItemOut]:
    return await list_items(request.user, job)


@post("/bulk/{job:uuid}/steps", status_code=200)
async def post_step(request: Request[Any, Any, Any], job: FromPath[UUID]) -> JobOut:
    return await step_bulk(request.user, job)


@post("/bulk/{job:uuid}/cancellation", status_code=200)
async def post_cancellation(request: Request[Any, Any, Any], job: FromPath[UUID]) -> JobOut:
    return await cancel_bulk(request.user, job)


@post("/bulk/{job:uuid}/undoing")
async def post_undoing(request: Request[Any, Any, Any], job: FromPath[UUID], data: JSONBody[Undo]) -> JobOut:
    return await once(request, request.user, lambda: undo_bulk(request.user, job, data))  # type: ignore[return-value]


router = Router(
    "/v1",
    route_handlers=[
        get_worklists, get_counts, post_worklist, get_worklist, put_worklist, delete_worklist, get_rows, get_csv, put_snooze,
        delete_snooze, get_bulk_verbs, post_preview, post_bulk, get_bulk, get_items, post_step, post_cancellation, post_undoing,
    ],
    tags=["lists"],
)  # fmt: skip
