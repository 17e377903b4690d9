"""Running a campaign: set it up, open its round on a frozen list, note who declined, close it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

import sync.feed
from server.audit.actions import record_event
from server.campaigns.rules import Population, ValidityRule, is_over
from server.campaigns.slots.reach import find_round, find_slot, lock_round, lock_slots
from server.campaigns.slots.targets import choose, freeze
from server.campaigns.tables import CLOSED, FILLED, MERGED, OPEN, PLANNED, REFUSED, UNREACHABLE, Campaign, Round, Slot
from server.moment import now, today
from server.people.actor import Actor, system_of
from server.questionnaires.actions import find_form
from server.questionnaires.tables import FormVersion
from server.refusals import refusal
from server.settings import settings
from sync.identity import named_id, new_id
from sync.transaction import transaction

KIND, SLOT_KIND = "campaign", "slot"
MARKS = (OPEN, REFUSED, UNREACHABLE)
"""What a person may say of a slot; `filled` only a record can."""


AHEAD_MAX = timedelta(days=3660)
"""How far ahead a round may close: ten years, so that its links can say when they end."""


async def is_campaign(bureau: UUID, campaign: UUID) -> bool:
    return await Campaign.exists().where(Campaign.bureau == bureau, Campaign.id == campaign)


class NewCampaign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign of one round."""

    name: Annotated[str, Meta(max_length=200)]
    form: str
    opens_on: date
    closes_on: date
    grace_days: Annotated[int, Meta(ge=0, le=366)] | None = None
    """Days after the last in which late answers count; the bureau's usual number when left out."""
    population: Population
    validity: ValidityRule = ValidityRule()


class Expiring(Struct, frozen=True):
    """Something to think about that does not stand in the way."""

    code: str
    zh: str
    en: str


class OpenedRound(Struct, frozen=True, kw_only=True):
    campaign: UUID
    n: int
    targets: int
    """Enterprises on the frozen list."""
    form: str
    version: str
    opens_on: date
    closes_on: date
    warnings: list[Expiring] = []


async def create_campaign(actor: Actor, new: NewCampaign) -> Campaign:
    """Raises `campaign.nameless`, `round.dates`, `round.far`, `round.population`, `form.unknown`.

    Nobody is asked before the round opens.
    """
    actor.must("campaign.run")
    if not new.name.strip():
        raise refusal("campaign.nameless")
    if new.opens_on > new.closes_on:
        raise refusal("round.dates")
    if new.closes_on > today() + AHEAD_MAX:
        raise refusal("round.far", latest=(today() + AHEAD_MAX).isoformat())
    if new.population.ways != 1:
        raise refusal("round.population")
    async with transaction():
        form = await find_form(actor, new.form)
        campaign = Campaign(
            id=new_id(), bureau=actor.bureau, name=new.name.strip(), created_by=actor.person, created_at=now()
        )
        await campaign.save()
        await Round(
            id=named_id("round", campaign.id, 1),
            bureau=actor.bureau,
            campaign=campaign.id,
            n=1,
            form_id=form.form_id,
            form_version=form.current,
            opens_on=new.opens_on,
            closes_on=new.closes_on,
            grace_days=settings.link_grace_days if new.grace_days is None else new.grace_days,
            population=msgspec.json.encode(new.population).decode(),
            validity=msgspec.json.encode(new.validity).decode(),
        ).save()
        await record_event(actor, "campaign.create", KIND, campaign.id, {"form": form.form_id})
    return campaign


async def open_round(actor: Actor, campaign: UUID, n: int) -> OpenedRound:
    """Freezes the list and the form's version: what the registry says later changes neither. Raises `round.opened`,
    `round.form_expired`, `round.form_retired`, `round.nobody`, `round.too_many`, `round.enterprises_unknown`."""
    actor.must("campaign.run")
    async with transaction():
        row = await find_round(actor, campaign, n)
        await lock_round(row)
        if row.state != PLANNED:
            raise refusal("round.opened", n=n)
        version = await _lawful_version(actor, row)
        targets = await choose(actor.bureau, msgspec.json.decode(row.population, type=Population))
        row.form_version, row.state, row.frozen_at, row.targets = version.id, OPEN, now(), len(targets)
        await row.save()
        slots = await freeze(row, targets)
        sync.feed.touch_many(actor.bureau, SLOT_KIND, slots)
        await record_event(actor, "round.open", KIND, campaign, {"n": n, "targets": row.targets})
    return OpenedRound(
        campaign=campaign,
        n=n,
        targets=row.targets,
        form=row.form_id,
        version=version.version,
        opens_on=row.opens_on,
        closes_on=row.closes_on,
        warnings=_expiring(row, version),
    )


async def close_round(actor: Actor, campaign: UUID, n: int) -> Round:
    """From now on records are kept beside their slot and fill nothing; links stop. Closing twice is once."""
    actor.must("campaign.run")
    async with transaction():
        row = await find_round(actor, campaign, n)
        if row.state == PLANNED:
            raise refusal("round.not_open", n=n)
        if row.state != CLOSED:
            row.state, row.closed_at = CLOSED, now()
            await row.save()
            slots = await Slot.select(Slot.id).where(Slot.bureau == actor.bureau, Slot.round == row.id)
            sync.feed.touch_many(actor.bureau, SLOT_KIND, [slot["id"] for slot in slots])
            await record_event(actor, "round.close", KIND, campaign, {"n": n})
    return row


async def close_ended_rounds() -> int:
    """Job: a round past its last day of grace leaves the phones, whether or not somebody closed it. Answers how many."""
    ended = [row for row in await Round.objects().where(Round.state == OPEN) if is_over(row, today())]
    for row in ended:
        await close_round(system_of(row.bureau), row.campaign, row.n)
    return len(ended)


async def mark_slot(actor: Actor, slot: UUID, state: str, reason: str) -> Slot:
    """The firm declined or could not be reached, or is to be asked again after all. Raises `slot.filled`, `round.not_open`."""
    actor.must("campaign.ask")
    if state not in MARKS:
        raise refusal("slot.state_unknown", state=state, states=", ".join(MARKS))
    async with transaction():
        return await put_mark(await find_slot(actor, slot), state, reason, hand=actor)


async def put_mark(slot: Slot, state: str, reason: str, *, hand: Actor) -> Slot:
    """Inside an open transaction, for whoever may."""
    await lock_slots([slot.id])
    await slot.refresh()
    row = await Round.objects().get(Round.id == slot.round)
    assert row is not None
    if is_over(row, today()):
        raise refusal("round.not_open", n=row.n)
    if slot.state in (FILLED, MERGED):
        raise refusal("slot.filled" if slot.state == FILLED else "slot.merged")
    slot.state, slot.reason = state, reason
    await slot.save()
    sync.feed.touch(hand.bureau, SLOT_KIND, slot.id)
    await record_event(hand, "slot.mark", SLOT_KIND, slot.id, {"state": state})
    return slot


async def _lawful_version(actor: Actor, row: Round) -> FormVersion:
    """The form's current version, if it may still be put before anybody."""
    form = await find_form(actor, row.form_id)
    if form.retired_at is not None:
        raise refusal("round.form_retired", form=form.form_id)
    version = await FormVersion.objects().get((FormVersion.bureau == actor.bureau) & (FormVersion.id == form.current))
    assert version is not None
    if version.valid_until is not None and version.valid_until < max(today(), row.opens_on):
        raise refusal("round.form_expired", form=form.form_id, valid_until=version.valid_until.isoformat())
    return version


def _expiring(row: Round, version: Any) -> list[Expiring]:
    if version.valid_until is None or version.valid_until >= row.closes_on:
        return []
    day = version.valid_until.isoformat()
    return [
        Expiring(
            "round.form_expires",
            f"表单有效期至{day},早于截止日期{row.closes_on.isoformat()}",
            f"The form's approval ends on {day}, before the round does on {row.closes_on.isoformat()}",
        )
    ]
