"""Drafts over HTTP: an issue is begun with POST /v1/issues and submitted like any other verb of the table."""

from __future__ import annotations

from typing import Any

from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody

from server.door import once
from server.issues.drafts.actions import DraftOut, begin_issue, change_draft, discard_draft, show_draft
from server.issues.drafts.submitting import Draft


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


HANDLERS = [create_issue, get_draft, put_draft, delete_draft]
"""For the router of issues: one address has one router."""
