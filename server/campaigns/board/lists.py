"""Reading a campaign: its rounds, the board of one round, who has not answered, one slot with all that came for it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.campaigns.board.rate import Rates, Tally, rates
from server.campaigns.rules import Population, ValidityRule, is_over, last_day
from server.campaigns.slots.reach import find_campaign, find_round, find_slot
from server.campaigns.tables import CLOSED, OPEN, SLOT_STATES, Campaign, Round, Slot, SlotRecord
from server.moment import today
from server.paging import Page, page_of
from server.people.actor import Actor
from server.questionnaires.tables import FormVersion
from server.refusals import refusal
from server.shown import shown
from sync.transaction import fetch


class RoundOut(Struct, frozen=True, kw_only=True):
    n: int
    form: str
    version: str
    opens_on: date
    closes_on: date
    last_day: date
    """The last day of late answers."""
    state: str
    """planned, open or closed; a round past its last day reads closed whether or not somebody closed it."""
    targets: int
    frozen_at: datetime | None
    population: Population
    validity: ValidityRule


class CampaignOut(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    created_at: datetime
    rounds: list[RoundOut]


class Board(Struct, frozen=True, kw_only=True):
    campaign: UUID
    name: str
    round: RoundOut
    rates: Rates
    duplicates: int
    """Valid records for slots that were filled already."""
    invalid: int
    """Records that did not have what the round asks for."""
    after_close: int
    """Records that came when the round was over."""


class SlotLine(Struct, frozen=True, kw_only=True):
    id: UUID
    enterprise: UUID
    name: str
    """As the registry said when the list was frozen."""
    code: str
    state: str
    via: str
    late: bool
    filled_at: datetime | None
    record: UUID | None
    reason: str


class SlotRecordOut(Struct, frozen=True, kw_only=True):
    record: UUID
    via: str
    standing: str
    received_at: datetime


class SlotWhole(SlotLine, frozen=True, kw_only=True):
    frozen: dict[str, Any]
    records: list[SlotRecordOut]


async def list_campaigns(actor: Actor, *, after: str, limit: int) -> Page[CampaignOut]:
    """The newest first."""
    actor.must("campaign.read")
    page = await page_of(Campaign.visible_to(actor), [Campaign.id], after=after, limit=limit, is_descending=True)
    return Page(await _campaigns_out(page.items), page.next)


async def show_campaign(actor: Actor, campaign: UUID) -> CampaignOut:
    actor.must("campaign.read")
    return await campaign_out(await find_campaign(actor, campaign))


async def campaign_out(row: Campaign) -> CampaignOut:
    return (await _campaigns_out([row]))[0]


async def _campaigns_out(campaigns: list[Campaign]) -> list[CampaignOut]:
    """Two questions, however many campaigns."""
    if not campaigns:
        return []
    rounds: dict[UUID, list[Round]] = {row.id: [] for row in campaigns}
    found = (
        await Round.objects()
        .where(Round.bureau == campaigns[0].bureau, Round.campaign.is_in(list(rounds)))
        .order_by(Round.n)
    )
    for one in found:
        rounds[one.campaign].append(one)
    versions = await _versions(found)
    return [
        CampaignOut(
            id=row.id,
            name=row.name,
            created_at=row.created_at,
            rounds=[_round_out(one, versions) for one in rounds[row.id]],
        )
        for row in campaigns
    ]


async def round_out(row: Round) -> RoundOut:
    return _round_out(row, await _versions([row]))


async def _versions(rounds: list[Round]) -> dict[UUID, str]:
    """Form version → what it is called; a round that is only planned has none yet."""
    wanted = [row.form_version for row in rounds if row.form_version is not None]
    if not wanted:
        return {}
    found = await FormVersion.select(FormVersion.id, FormVersion.version).where(FormVersion.id.is_in(wanted))
    return {row["id"]: row["version"] for row in found}


def _round_out(row: Round, versions: dict[UUID, str]) -> RoundOut:
    return RoundOut(
        n=row.n,
        form=row.form_id,
        version=versions.get(row.form_version, ""),
        opens_on=row.opens_on,
        closes_on=row.closes_on,
        last_day=last_day(row),
        state=CLOSED if row.state == OPEN and is_over(row, today()) else row.state,
        targets=row.targets,
        frozen_at=row.frozen_at,
        population=msgspec.json.decode(row.population, type=Population),
        validity=msgspec.json.decode(row.validity, type=ValidityRule),
    )


async def show_board(actor: Actor, campaign: UUID, n: int) -> Board:
    """Figures of the whole round, whoever asks: they name nobody. Raw SQL: two counts over an index."""
    actor.must("campaign.read")
    owner = await find_campaign(actor, campaign)
    row = await find_round(actor, campaign, n)
    tallies = await fetch(
        "SELECT state, via, late, COUNT(*) AS count FROM slot WHERE bureau = $1 AND round = $2 GROUP BY state, via, late",
        [actor.bureau, row.id],
    )
    extra = await fetch(
        "SELECT slot_record.standing, COUNT(*) AS count FROM slot_record JOIN slot ON slot.id = slot_record.slot"
        " WHERE slot.bureau = $1 AND slot.round = $2 GROUP BY slot_record.standing",
        [actor.bureau, row.id],
    )
    standing = {one["standing"]: one["count"] for one in extra}
    return Board(
        campaign=campaign,
        name=owner.name,
        round=await round_out(row),
        rates=rates(Tally(one["state"], one["via"], bool(one["late"]), one["count"]) for one in tallies),
        duplicates=standing.get("duplicate", 0),
        invalid=standing.get("invalid", 0),
        after_close=standing.get("after_close", 0),
    )


async def list_slots(actor: Actor, campaign: UUID, n: int, *, state: str, after: str, limit: int) -> Page[SlotLine]:
    """By name. A commissioner sees the slots of enterprises in their own care."""
    actor.must("campaign.read")
    if state and state not in SLOT_STATES:
        raise refusal("slot.state_unknown", state=state, states=", ".join(SLOT_STATES))
    row = await find_round(actor, campaign, n)
    query = Slot.visible_to(actor).where(Slot.round == row.id)
    if state:
        query = query.where(Slot.state == state)
    return (await page_of(query, (Slot.name, Slot.id), after=after, limit=limit)).shown(slot_line)


def slot_line(slot: Slot) -> SlotLine:
    return shown(SlotLine, slot)


async def show_slot(actor: Actor, slot: UUID) -> SlotWhole:
    actor.must("campaign.read")
    row = await find_slot(actor, slot)
    records = await SlotRecord.objects().where(SlotRecord.slot == row.id).order_by(SlotRecord.received_at)
    whole = [shown(SlotRecordOut, one) for one in records]
    return shown(SlotWhole, row, frozen=msgspec.json.decode(row.frozen), records=whole)
