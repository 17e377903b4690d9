"""Campaigns, rounds and slots as far as somebody may see them; what they may not see is unknown."""

from __future__ import annotations

from uuid import UUID

from server.campaigns.tables import Campaign, Round, Slot
from server.people.actor import Actor
from server.refusals import refusal
from sync.transaction import execute

ROUNDS_MAX = 32_767
"""The highest number the column takes."""


async def find_campaign(actor: Actor, campaign: UUID) -> Campaign:
    row: Campaign | None = await Campaign.visible_to(actor).where(Campaign.id == campaign).first()
    if row is None:
        raise refusal("campaign.unknown")
    return row


async def find_round(actor: Actor, campaign: UUID, n: int) -> Round:
    await find_campaign(actor, campaign)
    known = (Round.bureau == actor.bureau) & (Round.campaign == campaign) & (Round.n == n)
    row = await Round.objects().get(known) if abs(n) <= ROUNDS_MAX else None
    if row is None:
        raise refusal("round.unknown", n=n)
    return row


async def find_slot(actor: Actor, slot: UUID) -> Slot:
    row: Slot | None = await Slot.visible_to(actor).where(Slot.id == slot).first()
    if row is None:
        raise refusal("slot.unknown")
    return row


async def lock_round(row: Round) -> None:
    """Until the commit nobody else opens this round or offers links in it: of two who do so at once, one waits."""
    await execute("UPDATE campaign_round SET state = state WHERE id = $1", [row.id])
    await row.refresh()


async def lock_slots(slots: list[UUID]) -> None:
    """Until the commit nobody else fills these: of two records that come at once, one is the first."""
    for slot in sorted(slots):
        await execute("UPDATE slot SET state = state WHERE id = $1", [slot])
