"""Similar issues over HTTP: while typing, and at triage."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody

from server.similar.actions import SimilarIssues, Typed, suggest_at_triage, suggest_while_typing


@post("/reports/similar", status_code=200, summary="相似事项 similar issues while typing")
async def post_similar(request: Request[Any, Any, Any], data: JSONBody[Typed]) -> SimilarIssues:
    return await suggest_while_typing(request.user, data)


@get("/issues/{issue:str}/similar", summary="相似事项 similar issues at triage")
async def get_similar(request: Request[Any, Any, Any], issue: FromPath[str]) -> SimilarIssues:
    return await suggest_at_triage(request.user, issue)


router = Router("/v1", route_handlers=[post_similar, get_similar], tags=["similar"])
"""The routes of this concept."""
