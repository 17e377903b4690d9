"""What an enterprise does behind its signed link: look, open what is known, answer, answer again, decline. No account."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from forms.definition import Form
from server.allowance import Allowance
from server.campaigns.actions import put_mark
from server.campaigns.links.actions import secret
from server.campaigns.links.prefill import constants, prefill
from server.campaigns.links.token import read_token
from server.campaigns.rules import is_over
from server.campaigns.slots.reach import lock_slots
from server.campaigns.tables import REFUSED, Campaign, Round, Slot, SlotLink, SlotRecord
from server.enterprises.actions import flat, resolve_enterprise
from server.moment import now, today
from server.people.actor import system_of
from server.questionnaires.tables import FormVersion
from server.records.actions import Amendment, amend_record, context_of, submit_record
from server.records.submission import Submission
from server.records.tables import WITHDRAWN, Record, RecordVersion
from server.refusals import refusal
from server.settings import settings
from sync.identity import named_id
from sync.transaction import transaction

CODE_END = 4
"""Characters of the credit code that open the prefill: QR codes travel in groups."""
CODE_TRIES_PER_MINUTE = 5
"""Codes one link may be tried with in a minute, in each process."""


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
def code_allowance() -> Allowance:
    return Allowance(CODE_TRIES_PER_MINUTE)


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
        await lock_slots([slot.id])  # whoever sends twice at once waits here
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
        await put_mark(slot, REFUSED, reason, hand=system_of(slot.bureau))


def _brake(limit: Allowance, token: str) -> None:
    wait = limit.take(hashlib.sha256(token.encode()).hexdigest(), now())
    if wait:
        raise refusal("link.too_often", retry_after=wait)


async def _follow(token: str) -> tuple[Slot, Round]:
    """The slot behind a token and its round, while both still take answers."""
    _brake(allowance(), token)
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
    if code_end is not None:
        _brake(code_allowance(), token)
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


async def _said_already(record: Record, answers: Raw) -> bool:
    current = await RecordVersion.select(RecordVersion.body).where(RecordVersion.id == record.current).first()
    return current is not None and current["body"].encode() == bytes(answers)
