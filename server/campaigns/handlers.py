"""Campaigns over HTTP: set up, open, watch, close; slots and who declined."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from server.campaigns.actions import NewCampaign, OpenedRound, close_round, create_campaign, mark_slot, open_round
from server.campaigns.board.lists import (
    Board,
    CampaignOut,
    RoundOut,
    SlotLine,
    SlotWhole,
    campaign_out,
    list_campaigns,
    list_slots,
    round_out,
    show_board,
    show_campaign,
    show_slot,
    slot_line,
)
from server.door import once
from server.paging import LIMIT_DEFAULT, Page


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    state: str
    """refused, unreachable, or open again."""
    reason: Annotated[str, Meta(max_length=500)] = ""


@get("/campaigns")
async def get_campaigns(
    request: Request[Any, Any, Any], after: FromQuery[str] = "", limit: FromQuery[int] = LIMIT_DEFAULT
) -> Page[CampaignOut]:
    return await list_campaigns(request.user, after=after, limit=limit)


@post("/campaigns")
async def post_campaign(request: Request[Any, Any, Any], data: JSONBody[NewCampaign]) -> CampaignOut:
    async def work() -> CampaignOut:
        return await campaign_out(await create_campaign(request.user, data))

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/campaigns/{campaign:uuid}")
async def get_campaign(request: Request[Any, Any, Any], campaign: FromPath[UUID]) -> CampaignOut:
    return await show_campaign(request.user, campaign)


@get("/campaigns/{campaign:uuid}/rounds/{n:int}")
async def get_board(request: Request[Any, Any, Any], campaign: FromPath[UUID], n: FromPath[int]) -> Board:
    """Targets, answers by way, refusals, lateness, and the response rate with its n."""
    return await show_board(request.user, campaign, n)


@post("/campaigns/{campaign:uuid}/rounds/{n:int}/open", status_code=200)
async def post_open(request: Request[Any, Any, Any], campaign: FromPath[UUID], n: FromPath[int]) -> OpenedRound:
    async def work() -> OpenedRound:
        return await open_round(request.user, campaign, n)

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/campaigns/{campaign:uuid}/rounds/{n:int}/close", status_code=200)
async def post_close(request: Request[Any, Any, Any], campaign: FromPath[UUID], n: FromPath[int]) -> RoundOut:
    async def work() -> RoundOut:
        return await round_out(await close_round(request.user, campaign, n))

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/campaigns/{campaign:uuid}/rounds/{n:int}/slots")
async def get_slots(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    n: FromPath[int],
    in_state: Annotated[str, QueryParameter(name="state")] = "",
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[SlotLine]:
    """`state=open` is the list of who has not answered."""
    return await list_slots(request.user, campaign, n, state=in_state, after=after, limit=limit)


@get("/slots/{slot:uuid}")
async def get_slot(request: Request[Any, Any, Any], slot: FromPath[UUID]) -> SlotWhole:
    """One enterprise in one round, with every record that came for it and how each stands."""
    return await show_slot(request.user, slot)


@post("/slots/{slot:uuid}/mark", status_code=200)
async def post_mark(request: Request[Any, Any, Any], slot: FromPath[UUID], data: JSONBody[Mark]) -> SlotLine:
    async def work() -> SlotLine:
        return slot_line(await mark_slot(request.user, slot, data.state, data.reason))

    return await once(request, request.user, work)  # type: ignore[return-value]


router = Router("/v1", route_handlers=[
    get_campaigns, post_campaign, get_campaign, get_board, post_open, post_close, get_slots, get_slot, post_mark,
], tags=["campaigns"])  # fmt: skip
