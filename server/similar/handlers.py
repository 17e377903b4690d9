"""Similar issues over HTTP: while typing, and at triage."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody

from server.door import once
from server.similar.actions import SimilarIssues, Typed, suggest_at_triage, suggest_while_typing
from server.similar.nightly.proposals import Decided, Decision, GroupOut, decide_proposal, list_proposals
from server.similar.verdicts import Judged, Verdict, judge_similar


@post("/reports/similar", status_code=200, summary="相似事项 similar issues while typing")
async def post_similar(request: Request[Any, Any, Any], data: JSONBody[Typed]) -> SimilarIssues:
    return await suggest_while_typing(request.user, data)


@get("/issues/{issue:str}/similar", summary="相似事项 similar issues at triage")
async def get_similar(request: Request[Any, Any, Any], issue: FromPath[str]) -> SimilarIssues:
    return await suggest_at_triage(request.user, issue)


@post("/issues/{issue:str}/similar", summary="判定相似 same, not the same, or new")
async def post_verdict(request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[Verdict]) -> Judged:
    return await once(request, request.user, lambda: judge_similar(request.user, issue, data))  # type: ignore[return-value]


@get("/issue-groups", summary="归并建议 groups proposed at night")
async def get_groups(request: Request[Any, Any, Any]) -> list[GroupOut]:
    return await list_proposals(request.user)


@post("/issues/{issue:str}/group", summary="审定归并建议 accept or reject a proposed group")
async def post_group(request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[Decision]) -> Decided:
    return await once(request, request.user, lambda: decide_proposal(request.user, issue, data))  # type: ignore[return-value]


router = Router(
    "/v1", route_handlers=[post_similar, get_similar, post_verdict, get_groups, post_group], tags=["similar"]
)
