"""Signed links: offered at the desk or on the spot, opened by the enterprise itself, good for one slot of one round."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from forms.definition import Form
from server.audit.actions import record_event
from server.campaigns.actions import find_round, find_slot, put_mark
from server.campaigns.links.allowance import Allowance
from server.campaigns.links.prefill import constants, prefill
from server.campaigns.links.token import make_token, read_token
from server.campaigns.rules import is_over, last_day
from server.campaigns.tables import OPEN, REFUSED, Campaign, Round, Slot, SlotLink, SlotRecord
from server.enterprises.actions import flat, resolve_enterprise
from server.moment import now, today
from server.paging import Page, check_limit, mark, read_mark
from server.people.actor import Actor, system_of
from server.questionnaires.tables import FormVersion
from server.records.actions import Amendment, amend_record, context_of, submit_record
from server.records.submission import Submission
from server.records.tables import WITHDRAWN, Record, RecordVersion
from server.refusals import refusal
from server.settings import read_secret, settings
from sync.identity import named_id, new_id
from sync.transaction import execute, transaction

KIND = "slot_link"
CODE_END = 4
"""Characters of the credit code that open the prefill: QR codes travel in groups."""


class LinkOut(Struct, frozen=True, kw_only=True):
    slot: UUID
    enterprise: UUID
    name: str
    url: str
    """What the QR code holds."""
    expires_at: datetime
    opened_at: datetime | None


class LinkPage(Struct, frozen=True, kw_only=True):
    """What an enterprise sees behind its link."""

    campaign: str
    enterprise: str
    closes_on: str
    state: str
    form: Raw
    """The whole definition, as phones get it."""
    version: str
    notice: dict[str, str]
    """What people are told before the first question."""
    prefill: dict[str, Any]
    prefill_locked: bool
    """More is known; the last four characters of the credit code open it."""


class Answered(Struct, frozen=True, kw_only=True):
    record: UUID
    standing: str
    """first: it counts · duplicate: another answer came before and counts · invalid: too much was left open."""
    errors: int
    """Answers to mend; sending again replaces what was sent."""


@cache
def allowance() -> Allowance:
    return Allowance(settings.link_requests_per_minute)


@cache
def secret() -> bytes:
    return read_secret(settings)


async def offer_links(actor: Actor, campaign: UUID, n: int, *, after: str, limit: int) -> Page[LinkOut]:
    """Links for the slots still open, by name, a page at a time; one that was offered before is shown again."""
    actor.must("campaign.ask")
    async with transaction():
        row = await _open_round(actor, campaign, n)
        limit = check_limit(limit)
        query = Slot.visible_to(actor).where(Slot.round == row.id, Slot.state == OPEN)
        if after:
            name, last = read_mark(after, tuple[str, UUID])
            query = query.where((Slot.name > name) | ((Slot.name == name) & (Slot.id > last)))
        found = await query.order_by(Slot.name, Slot.id).limit(limit + 1)
        slots = found[:limit]
        links = [link_out(slot, await _link_of(actor, row, slot)) for slot in slots]
    return Page(links, mark(slots[-1].name, slots[-1].id) if len(found) > limit else None)


async def offer_link(actor: Actor, slot: UUID) -> LinkOut:
    """The link of one enterprise, for instance on the commissioner's phone. Raises `slot.unknown`, `round.not_open`."""
    actor.must("campaign.ask")
    async with transaction():
        found = await find_slot(actor, slot)
        row = await Round.objects().get(Round.id == found.round)
        assert row is not None
        row = await _open_round(actor, row.campaign, row.n)
        return link_out(found, await _link_of(actor, row, found))


async def revoke_link(actor: Actor, slot: UUID) -> None:
    """The link stops working at once; the next one offered is another."""
    actor.must("campaign.ask")
    async with transaction():
        found = await find_slot(actor, slot)
        link = await _current(found)
        if link is not None:
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


async def look(token: str) -> LinkPage:
    """What is asked. Raises `link.unknown`, `link.expired`, `link.too_often`."""
    return await _page(token, None)


async def unlock(token: str, code_end: str) -> LinkPage:
    """The same with what the dossier and the last answers know, for whoever knows the credit code. Raises `link.code_wrong`."""
    return await _page(token, code_end)


async def answer(token: str, answers: Raw) -> Answered:
    """One record per link's slot: sending again amends it until the round is over; the same answers again change nothing."""
    async with transaction():
        slot, row = await _follow(token)
        await execute(
            "UPDATE slot SET state = state WHERE id = $1", [slot.id]
        )  # whoever sends twice at once waits here
        hand = system_of(slot.bureau)
        record = named_id("link record", slot.id)
        version = await FormVersion.objects().get(FormVersion.id == row.form_version)
        assert version is not None
        known = await Record.objects().get((Record.bureau == slot.bureau) & (Record.id == record))
        if known is None:
            submission = Submission(
                form=row.form_id,
                version=version.version,
                answers=answers,
                filled_at=now(),
                enterprise=slot.enterprise,
                origin="link",
                campaign=row.campaign,
                slot=slot.id,
            )
            await submit_record(hand, record, named_id("link answer", record, 1), submission)
        elif not await _said_already(known, answers):
            amendment = Amendment(form=row.form_id, version=version.version, answers=answers, filled_at=now())
            operation = named_id("link answer", record, known.versions + 1)
            await amend_record(context_of(hand), record, operation, amendment)
        stored = await Record.objects().get(Record.id == record)
        standing = await SlotRecord.objects().get((SlotRecord.slot == slot.id) & (SlotRecord.record == record))
        assert stored is not None
        return Answered(record=record, standing=standing.standing if standing else "", errors=stored.errors)


async def decline(token: str, reason: str) -> None:
    """The enterprise does not wish to answer; it may still change its mind. Raises `slot.filled`."""
    async with transaction():
        slot, _ = await _follow(token)
        await put_mark(system_of(slot.bureau), slot, REFUSED, reason)


async def _follow(token: str) -> tuple[Slot, Round]:
    """The slot behind a token and its round, while both still take answers."""
    wait = allowance().take(hashlib.sha256(token.encode()).hexdigest(), now())
    if wait:
        raise refusal("link.too_often", retry_after=wait)
    opened = read_token(secret(), token)
    link = await SlotLink.objects().get(SlotLink.id == opened.link) if opened is not None else None
    if opened is None or link is None or link.revoked_at is not None:
        raise refusal("link.unknown")
    slot = await Slot.objects().get((Slot.id == link.slot) & (Slot.bureau == link.bureau))
    row = await Round.objects().get((Round.id == slot.round) & (Round.bureau == link.bureau)) if slot else None
    if slot is None or row is None:
        raise refusal("link.unknown")
    if now() >= opened.expires_at or is_over(row, today()):
        raise refusal("link.expired")
    if link.opened_at is None:
        await SlotLink.update({SlotLink.opened_at: now()}).where(SlotLink.id == link.id)
    return slot, row


async def _page(token: str, code_end: str | None) -> LinkPage:
    slot, row = await _follow(token)
    if code_end is not None and (len(code_end) != CODE_END or slot.code[-CODE_END:].upper() != code_end.upper()):
        raise refusal("link.code_wrong")
    campaign = await Campaign.objects().get(Campaign.id == row.campaign)
    version = await FormVersion.objects().get(FormVersion.id == row.form_version)
    assert campaign is not None
    assert version is not None
    form = msgspec.json.decode(version.definition, type=Form)
    return LinkPage(
        campaign=campaign.name,
        enterprise=slot.name,
        closes_on=row.closes_on.isoformat(),
        state=slot.state,
        form=Raw(version.definition.encode()),
        version=version.version,
        notice=form.header.notice if form.header is not None else {},
        prefill=constants(form) if code_end is None else await _known(slot, row, form),
        prefill_locked=code_end is None,
    )


async def _known(slot: Slot, row: Round, form: Form) -> dict[str, Any]:
    enterprise = await resolve_enterprise(slot.bureau, slot.enterprise)
    dossier = await flat(enterprise) if enterprise is not None else {}
    last = (
        await Record.select(Record.current)
        .where(
            Record.bureau == slot.bureau,
            Record.enterprise == slot.enterprise,
            Record.form_id == row.form_id,
            Record.state != WITHDRAWN,
            Record.id != named_id("link record", slot.id),
        )
        .order_by(Record.received_at, ascending=False)
        .first()
    )
    answers: Any = {}
    if last is not None:
        body = await RecordVersion.select(RecordVersion.body).where(RecordVersion.id == last["current"]).first()
        answers = msgspec.json.decode(body["body"]) if body else {}
    return prefill(form, str(slot.enterprise), dossier, answers if isinstance(answers, dict) else {})


async def _open_round(actor: Actor, campaign: UUID, n: int) -> Round:
    row = await find_round(actor, campaign, n)
    if row.state != OPEN or is_over(row, today()):
        raise refusal("round.not_open", n=n)
    return row


async def _link_of(actor: Actor, row: Round, slot: Slot) -> SlotLink:
    known = await _current(slot)
    if known is not None:
        return known
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


async def _current(slot: Slot) -> SlotLink | None:
    return await SlotLink.objects().get((SlotLink.slot == slot.id) & SlotLink.revoked_at.is_null())


def _end_of(row: Round) -> datetime:
    """Midnight after the last day, in the bureau's zone."""
    return datetime.combine(last_day(row) + timedelta(days=1), time(), settings.timezone).astimezone(UTC)


async def _said_already(record: Record, answers: Raw) -> bool:
    current = await RecordVersion.select(RecordVersion.body).where(RecordVersion.id == record.current).first()
    return current is not None and current["body"].encode() == bytes(answers)
