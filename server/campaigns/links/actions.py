"""Offering and withdrawing signed links, each good for one slot of one round."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import cache
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.campaigns.links.token import make_token
from server.campaigns.rules import is_over, last_day
from server.campaigns.slots.reach import find_round, find_slot, lock_round
from server.campaigns.tables import OPEN, Round, Slot, SlotLink
from server.moment import now, today
from server.paging import Page, page_of
from server.people.actor import Actor
from server.refusals import refusal
from server.settings import read_secret, settings
from sync.identity import new_id
from sync.transaction import transaction

KIND = "slot_link"


class LinkOut(Struct, frozen=True, kw_only=True):
    slot: UUID
    enterprise: UUID
    name: str
    url: str
    """What the QR code holds."""
    expires_at: datetime
    opened_at: datetime | None


@cache
def secret() -> bytes:
    return read_secret(settings)


async def offer_links(actor: Actor, campaign: UUID, n: int, *, after: str, limit: int) -> Page[LinkOut]:
    """Links for the slots still open, by name, a page at a time; one that was offered before is shown again."""
    actor.must("campaign.ask")
    async with transaction():
        row = await _open_round(actor, campaign, n)
        query = Slot.visible_to(actor).where(Slot.round == row.id, Slot.state == OPEN)
        page = await page_of(query, (Slot.name, Slot.id), after=after, limit=limit)
        known = {link.slot: link for link in await _current([slot.id for slot in page.items])}
        links = [link_out(slot, known.get(slot.id) or await _new_link(actor, row, slot)) for slot in page.items]
    return Page(links, page.next)


async def offer_link(actor: Actor, slot: UUID) -> LinkOut:
    """The link of one enterprise, for instance on the commissioner's phone. Raises `slot.unknown`, `round.not_open`."""
    actor.must("campaign.ask")
    async with transaction():
        found = await find_slot(actor, slot)
        row = await Round.objects().get(Round.id == found.round)
        assert row is not None
        row = await _open_round(actor, row.campaign, row.n)
        known = await _current([found.id])
        return link_out(found, known[0] if known else await _new_link(actor, row, found))


async def revoke_link(actor: Actor, slot: UUID) -> None:
    """The link stops working at once; the next one offered is another."""
    actor.must("campaign.ask")
    async with transaction():
        found = await find_slot(actor, slot)
        for link in await _current([found.id]):
            await SlotLink.update({SlotLink.revoked_at: now()}).where(SlotLink.id == link.id)
            await record_event(actor, "link.revoke", KIND, link.id, {"slot": str(slot)})


def link_out(slot: Slot, link: SlotLink) -> LinkOut:
    token = make_token(secret(), link.id, link.expires_at)
    return LinkOut(
        slot=slot.id,
        enterprise=slot.enterprise,
        name=slot.name,
        url=f"{settings.address}/c/{token}",
        expires_at=link.expires_at,
        opened_at=link.opened_at,
    )


async def _open_round(actor: Actor, campaign: UUID, n: int) -> Round:
    row = await find_round(actor, campaign, n)
    await lock_round(row)
    if row.state != OPEN or is_over(row, today()):
        raise refusal("round.not_open", n=n)
    return row


async def _new_link(actor: Actor, row: Round, slot: Slot) -> SlotLink:
    link = SlotLink(
        id=new_id(),
        bureau=actor.bureau,
        slot=slot.id,
        expires_at=_end_of(row),
        created_by=actor.person,
        created_at=now(),
    )
    await link.save()
    await record_event(actor, "link.offer", KIND, link.id, {"slot": str(slot.id)})
    return link


async def _current(slots: list[UUID]) -> list[SlotLink]:
    """The links of these slots that work, one of each at most; with one question whatever their number."""
    if not slots:
        return []
    return await SlotLink.objects().where(SlotLink.slot.is_in(slots), SlotLink.revoked_at.is_null())


def _end_of(row: Round) -> datetime:
    """Midnight after the last day, in the bureau's zone."""
    return datetime.combine(last_day(row) + timedelta(days=1), time(), settings.timezone).astimezone(UTC)
