"""Drafts over HTTP: an issue is begun with POST /v1/issues and submitted like any other verb of the table."""

from __future__ import annotations

from typing import Any

from litestar import Request, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from server.door import once
from server.issues.drafts.actions import DraftOut, begin_issue, change_draft, discard_draft, show_draft
from server.issues.drafts.submitting import Draft
from server.issues.drafts.takeover import LeftDraft, list_left, take_over
from server.paging import LIMIT_DEFAULT, Page


@post("/issues")
async def create_issue(request: Request[Any, Any, Any], data: JSONBody[Draft]) -> DraftOut:
    return await once(request, request.user, lambda: begin_issue(request.user, data))  # type: ignore[return-value]


@get("/issues/{issue:str}/draft")
async def get_draft(request: Request[Any, Any, Any], issue: FromPath[str]) -> DraftOut:
    return await show_draft(request.user, issue)


@put("/issues/{issue:str}/draft")
async def put_draft(request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[Draft]) -> DraftOut:
    return await once(request, request.user, lambda: change_draft(request.user, issue, data))  # type: ignore[return-value]


@delete("/issues/{issue:str}/draft")
async def delete_draft(request: Request[Any, Any, Any], issue: FromPath[str]) -> None:
    await discard_draft(request.user, issue)


@get("/drafts/left")
async def get_left_drafts(
    request: Request[Any, Any, Any], after: FromQuery[str] = "", limit: FromQuery[int] = LIMIT_DEFAULT
) -> Page[LeftDraft]:
    """Of authors who have left or file no reports any more."""
    return await list_left(request.user, after=after, limit=limit)


@post("/issues/{issue:str}/draft/takeover")
async def post_takeover(request: Request[Any, Any, Any], issue: FromPath[str]) -> DraftOut:
    return await once(request, request.user, lambda: take_over(request.user, issue))  # type: ignore[return-value]


HANDLERS = [create_issue, get_draft, put_draft, delete_draft, get_left_drafts, post_takeover]
"""For the router of issues: one address has one router."""
