"""A submitted record finds its slot: the first valid one fills it, the others are kept beside it and shown."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

import sync.feed
from server.audit.actions import record_event
from server.campaigns.actions import SLOT_KIND
from server.campaigns.rules import ValidityRule, is_over, is_valid, standing_of
from server.campaigns.slots.reach import lock_slots
from server.campaigns.tables import (
    DESK,
    DUPLICATE,
    FILLED,
    FIRST,
    INVALID,
    LINK,
    MERGED,
    OPEN,
    PLANNED,
    VISIT,
    WITHDRAWN,
    Round,
    Slot,
    SlotLink,
    SlotRecord,
)
from server.enterprises.tables import Enterprise
from server.moment import now
from server.people.actor import Actor
from server.records.submission import SubmittedRecord
from server.records.tables import Record
from server.settings import settings
from sync.identity import named_id
from sync.transaction import transaction

WAYS = {"link": LINK, "desk": DESK}
"""Origin of a record → way of answering; whatever else was filled in on a visit or by phone."""


async def follow_records(system: Actor, records: list[SubmittedRecord]) -> None:
    """Follower of submitted and amended records, in their transaction. Most records concern no round: two questions tell."""
    if all(record.enterprise is None for record in records):
        return
    rounds = await _rounds(system.bureau, {record.form_id for record in records})
    if not rounds:
        return
    async with transaction():
        enterprises = await _today(system.bureau, {record.enterprise for record in records} - {None})
        slots = await _slots(system.bureau, list(rounds), set(enterprises.values()))
        for record in records:
            here = slots.get(enterprises.get(record.enterprise)) if record.enterprise is not None else None
            if here:
                await _take_in(system, rounds, record, here)


async def follow_withdrawal(system: Actor, record: UUID) -> None:
    """Follower of records taken back: the next valid record that came for the slot fills it, or it is open again."""
    for gone in await SlotRecord.objects().where(SlotRecord.bureau == system.bureau, SlotRecord.record == record):
        await lock_slots([gone.slot])
        gone.standing = WITHDRAWN
        await gone.save()
        slot = await Slot.objects().get((Slot.bureau == system.bureau) & (Slot.id == gone.slot))
        if slot is not None and slot.record == record:
            others = SlotRecord.objects().where(SlotRecord.slot == slot.id, SlotRecord.standing == DUPLICATE)
            await _fill_instead(slot, await others.order_by(SlotRecord.received_at, SlotRecord.id).first())
        sync.feed.touch(system.bureau, SLOT_KIND, gone.slot)


async def _fill_instead(slot: Slot, following: SlotRecord | None) -> None:
    if following is None:
        slot.state, slot.record, slot.via, slot.filled_at, slot.late = OPEN, None, "", None, False
    else:
        following.standing = FIRST
        await following.save()
        row = await Round.objects().get(Round.id == slot.round)
        record = await Record.objects().get((Record.bureau == slot.bureau) & (Record.id == following.record))
        assert row is not None
        assert record is not None
        slot.record, slot.via, slot.filled_at = following.record, following.via, following.received_at
        slot.late = _answered_on(record) > row.closes_on
    await slot.save()


async def follow_enterprise_merge(system: Actor, old: UUID, into: UUID) -> None:
    """Follower of a merge: the slot goes along; where the firm it became has one of its own in the round, that one goes on."""
    for slot in await Slot.objects().where(Slot.bureau == system.bureau, Slot.enterprise == old):
        kept = await Slot.objects().get((Slot.round == slot.round) & (Slot.enterprise == into))
        if kept is None:
            await Slot.update({Slot.enterprise: into}).where(Slot.id == slot.id)
        else:
            await _merge_slots(slot, kept)
            sync.feed.touch(system.bureau, SLOT_KIND, kept.id)
            await record_event(system, "slot.merge", SLOT_KIND, slot.id, {"into": str(kept.id)})
        sync.feed.touch(system.bureau, SLOT_KIND, slot.id)


async def _merge_slots(slot: Slot, kept: Slot) -> None:
    """Whatever came for either came for the one that goes on, whose own answer counts if both have one; the other's link
    stops."""
    await lock_slots([slot.id, kept.id])
    await slot.refresh()
    await kept.refresh()
    fills = slot.state == FILLED and kept.state != FILLED
    for came in await SlotRecord.objects().where(SlotRecord.slot == slot.id):
        came.slot = kept.id
        if came.standing == FIRST and not fills:
            came.standing = DUPLICATE
        await came.save()
    if fills:
        kept.state, kept.record, kept.via = FILLED, slot.record, slot.via
        kept.filled_at, kept.late, kept.reason = slot.filled_at, slot.late, ""
        await kept.save()
    slot.state, slot.record, slot.via, slot.filled_at, slot.late = MERGED, None, "", None, False
    await slot.save()
    await SlotLink.update({SlotLink.revoked_at: now()}).where(SlotLink.slot == slot.id, SlotLink.revoked_at.is_null())


async def _rounds(bureau: UUID, forms: set[str]) -> dict[UUID, Round]:
    """Every round of these forms that was ever opened, the one that ends first in front."""
    found = await Round.objects().where(
        Round.bureau == bureau, Round.form_id.is_in(sorted(forms)), Round.state.not_in([PLANNED])
    )
    return {row.id: row for row in sorted(found, key=lambda row: (row.closes_on, row.id))}


async def _today(bureau: UUID, enterprises: set[Any]) -> dict[UUID, UUID]:
    """Each enterprise → the one it is today, after merges."""
    if not enterprises:
        return {}
    rows = await Enterprise.select(Enterprise.id, Enterprise.merged_into).where(
        Enterprise.bureau == bureau, Enterprise.id.is_in(list(enterprises))
    )
    return {row["id"]: row["merged_into"] or row["id"] for row in rows}


async def _slots(bureau: UUID, rounds: list[UUID], enterprises: set[UUID]) -> dict[UUID | None, list[UUID]]:
    """Enterprise → its slots in these rounds."""
    found: dict[UUID | None, list[UUID]] = {}
    if enterprises:
        for row in await Slot.select(Slot.id, Slot.enterprise).where(
            Slot.bureau == bureau, Slot.enterprise.is_in(list(enterprises)), Slot.round.is_in(rounds)
        ):
            found.setdefault(row["enterprise"], []).append(row["id"])
    return found


async def _take_in(system: Actor, rounds: dict[UUID, Round], record: SubmittedRecord, here: list[UUID]) -> None:
    await lock_slots(here)
    slots = await Slot.objects().where(Slot.bureau == system.bureau, Slot.id.is_in(here))
    slot = _slot_of(rounds, record, slots, await _round_if_merged(system.bureau, record.slot))
    if slot is None:
        return
    row = rounds[slot.round]
    valid = is_valid(msgspec.json.decode(row.validity, type=ValidityRule), record.judgement.flaws)
    standing = standing_of(
        row, received_on=_day_of(record.received_at), is_answer_valid=valid, is_filled=slot.state == FILLED
    )
    known = await SlotRecord.objects().get((SlotRecord.slot == slot.id) & (SlotRecord.record == record.id))
    via = WAYS.get(record.origin, VISIT)
    if known is None:
        known = SlotRecord(
            id=named_id("slot record", slot.id, record.id),
            bureau=system.bureau,
            slot=slot.id,
            record=record.id,
            via=via,
            received_at=record.received_at,
        )
    elif known.standing != INVALID:
        return  # what an amendment changes in a record that counts, or does not, is seen in the record
    known.standing = standing
    await known.save()
    if standing == FIRST:
        slot.state, slot.record, slot.via, slot.filled_at = FILLED, record.id, via, now()
        slot.late, slot.reason = _answered_on(record) > row.closes_on, ""
        await slot.save()
        await record_event(system, "slot.fill", SLOT_KIND, slot.id, {"record": str(record.id), "via": via})
    sync.feed.touch(system.bureau, SLOT_KIND, slot.id)


async def _round_if_merged(bureau: UUID, slot: UUID | None) -> UUID | None:
    """The round of a slot that was merged into another: a phone that has not heard of it still names it."""
    merged = (Slot.bureau == bureau) & (Slot.id == slot) & (Slot.state == MERGED)
    row = await Slot.objects().get(merged) if slot is not None else None
    return row.round if row is not None else None


def _slot_of(
    rounds: dict[UUID, Round], record: SubmittedRecord, slots: list[Slot], merged_in: UUID | None
) -> Slot | None:
    """The slot the record names, or the one it was merged into; else that of the campaign it names; else one of any round
    open now, first one that is still to be filled. A record filled in before a round opened says nothing about it."""
    day = _answered_on(record)
    slots = [slot for slot in slots if day >= rounds[slot.round].opens_on]
    if record.slot is not None:
        return next((slot for slot in slots if slot.id == record.slot or slot.round == merged_in), None)
    if record.campaign is not None:
        slots = [slot for slot in slots if rounds[slot.round].campaign == record.campaign]
    else:
        slots = [slot for slot in slots if not is_over(rounds[slot.round], _day_of(record.received_at))]
    order = list(rounds)
    slots.sort(key=lambda slot: (slot.state == FILLED, order.index(slot.round)))
    return slots[0] if slots else None


def _answered_on(record: SubmittedRecord | Record) -> date:
    """The day it was filled in, as far as the device's clock can be believed."""
    return _day_of(record.received_at if record.clock_suspect else record.collected_at)


def _day_of(moment: datetime) -> date:
    return moment.astimezone(settings.timezone).date()
