"""Reporters' links over HTTP: made and withdrawn by those who call back, followed by enterprises without an account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect

from server.door import once
from server.reporters.actions import (
    Handing,
    LinkState,
    MadeLink,
    Replied,
    list_links,
    list_replies,
    make_link,
    revoke_link,
)
from server.reporters.page.showing import CodeEnd, Comment, Judgement, ReporterPage, Withdrawal
from server.reporters.page.use import comment, judge, look, unlock, withdraw

BODY_BYTES_MAX = 64 * 1024
"""Largest body anybody without an account may send here."""
QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
"""The address is the key: it is to stay in no cache, no referrer and no index."""


@post("/issues/{issue:str}/reports/{report:uuid}/link", status_code=201)
async def post_link(
    request: Request[Any, Any, Any], issue: FromPath[str], report: FromPath[UUID], data: JSONBody[Handing]
) -> MadeLink:
    """The address is shown this once; the link before stops working. Never kept for `Idempotency-Key`: nothing may hold it."""
    return await make_link(request.user, issue, report, data)


@post("/issues/{issue:str}/reports/{report:uuid}/link/revocation", status_code=204)
async def post_revocation(request: Request[Any, Any, Any], issue: FromPath[str], report: FromPath[UUID]) -> None:
    await once(request, request.user, lambda: revoke_link(request.user, issue, report))


@get("/issues/{issue:str}/reporter-links")
async def get_links(request: Request[Any, Any, Any], issue: FromPath[str]) -> list[LinkState]:
    return await list_links(request.user, issue)


@get("/issues/{issue:str}/replies")
async def get_replies(request: Request[Any, Any, Any], issue: FromPath[str]) -> list[Replied]:
    """What each enterprise said and was answered."""
    return await list_replies(request.user, issue)


@get("/{token:str}", exclude_from_auth=True)
async def get_page(token: FromPath[str]) -> ReporterPage:
    """Own words, number, progress, answer."""
    return await look(token)


@post("/{token:str}/unlocking", status_code=200, exclude_from_auth=True, request_max_body_size=BODY_BYTES_MAX)
async def post_unlocking(token: FromPath[str], data: JSONBody[CodeEnd]) -> ReporterPage:
    """The same, with what only the enterprise may see; opened by the last four characters of its credit code."""
    return await unlock(token, data.code_end)


@post("/{token:str}/satisfaction", status_code=201, exclude_from_auth=True, request_max_body_size=BODY_BYTES_MAX)
async def post_satisfaction(token: FromPath[str], data: JSONBody[Judgement]) -> ReporterPage:
    """Counts like a call-back; once in each turn."""
    return await judge(token, data)


@post("/{token:str}/comment", status_code=201, exclude_from_auth=True, request_max_body_size=BODY_BYTES_MAX)
async def post_comment(token: FromPath[str], data: JSONBody[Comment]) -> ReporterPage:
    """More to know; what waits for the enterprise goes on."""
    return await comment(token, data.words)


@post("/{token:str}/withdrawal", status_code=201, exclude_from_auth=True, request_max_body_size=BODY_BYTES_MAX)
async def post_withdrawal(token: FromPath[str], data: JSONBody[Withdrawal]) -> ReporterPage:
    return await withdraw(token, data.words, data.code_end)


@get("/r/{token:str}", exclude_from_auth=True, response_headers=QUIET, include_in_schema=False)
async def get_short(token: FromPath[str]) -> Redirect:
    """What a code holds stays short."""
    return Redirect(f"/v1/reporter/{token}", status_code=303)


router = Router("/v1", route_handlers=[post_link, post_revocation, get_links, get_replies], tags=["reporters"])
public = Router(
    "/v1/reporter",
    route_handlers=[get_page, post_unlocking, post_satisfaction, post_comment, post_withdrawal],
    response_headers=QUIET,
    tags=["signed links"],
)
