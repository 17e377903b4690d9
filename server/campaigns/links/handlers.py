"""Signed links over HTTP: offered and withdrawn by those who work here, followed by enterprises without an account."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Raw, Struct

from server.campaigns.links.actions import LinkOut, offer_link, offer_links, revoke_link
from server.campaigns.links.answering import Answered, LinkPage, answer, decline, look, unlock
from server.door import once
from server.paging import LIMIT_DEFAULT, Page

ANSWER_BYTES_MAX = 1024 * 1024
"""Largest body anybody without an account may send."""
QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
"""The address is the key: it is to stay in no cache, no referrer and no index."""


class CodeEnd(Struct, frozen=True, forbid_unknown_fields=True):
    code_end: Annotated[str, Meta(max_length=18)]
    """Last four characters of the credit code."""


class LinkAnswers(Struct, frozen=True, forbid_unknown_fields=True):
    answers: Raw


class Decline(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=500)] = ""


@post("/campaigns/{campaign:uuid}/rounds/{n:int}/links", status_code=200)
async def post_links(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    n: FromPath[int],
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[LinkOut]:
    """Links for the slots still open, a page at a time; asking again shows the same ones."""
    return await offer_links(request.user, campaign, n, after=after, limit=limit)


@post("/slots/{slot:uuid}/link", status_code=200)
async def post_link(request: Request[Any, Any, Any], slot: FromPath[UUID]) -> LinkOut:
    return await offer_link(request.user, slot)


@post("/slots/{slot:uuid}/link/revocation", status_code=204)
async def post_revocation(request: Request[Any, Any, Any], slot: FromPath[UUID]) -> None:
    await once(request, request.user, lambda: revoke_link(request.user, slot))


@get("/{token:str}", exclude_from_auth=True)
async def get_page(token: FromPath[str]) -> LinkPage:
    """What is asked, with the notice people are to read first."""
    return await look(token)


@post("/{token:str}/prefill", status_code=200, exclude_from_auth=True, request_max_body_size=ANSWER_BYTES_MAX)
async def post_prefill(token: FromPath[str], data: JSONBody[CodeEnd]) -> LinkPage:
    """The same, with what is known already; opened by the last four characters of the credit code."""
    return await unlock(token, data.code_end)


@post("/{token:str}", status_code=200, exclude_from_auth=True, request_max_body_size=ANSWER_BYTES_MAX)
async def post_answers(token: FromPath[str], data: JSONBody[LinkAnswers]) -> Answered:
    """Sending again replaces what was sent, until the round is over."""
    return await answer(token, data.answers)


@post("/{token:str}/refusal", status_code=204, exclude_from_auth=True, request_max_body_size=ANSWER_BYTES_MAX)
async def post_decline(token: FromPath[str], data: JSONBody[Decline]) -> None:
    await decline(token, data.reason)


router = Router("/v1", route_handlers=[post_links, post_link, post_revocation], tags=["campaigns"])
public = Router(
    "/c",
    route_handlers=[get_page, post_prefill, post_answers, post_decline],
    response_headers=QUIET,
    tags=["signed links"],
)
