"""What happens to a record after it came: amended, withdrawn, approved, returned; and sending one from a desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, Struct

from server.audit.actions import record_event
from server.moment import now
from server.people.actions import actor_of
from server.people.actor import SYSTEM, Actor, system_of
from server.records.judging import Judgement, judge
from server.records.submission import (
    ATTACHMENTS_MAX,
    KIND,
    VERSION,
    Attachment,
    Elapsed,
    Incoming,
    Moment,
    Submission,
    SubmittedRecord,
    as_text,
    body_cell,
    collected_at,
    follow,
    submit_records,
)
from server.records.tables import AMENDED, APPROVED, RECEIVED, RETURNED, STATES, WITHDRAWN, Record, RecordVersion
from server.refusals import refusal
from sync.bulk import insert, locked
from sync.feed import touch, touch_many
from sync.operations import OperationContext
from sync.refusal import Refusal
from sync.scopes import scopes_of
from sync.transaction import transaction

OPEN = (RECEIVED, RETURNED, AMENDED)
"""States in which the author may still change or withdraw a record."""


class Amendment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of `record.amend`: the answers whole, as they should have been. A record keeps its form."""

    form: str
    version: str
    answers: Raw
    filled_at: Moment
    started_at: Moment | None = None
    elapsed_seconds: Elapsed | None = None
    """As for `record.submit`, of the amending alone."""
    attachments: Annotated[list[Attachment], Meta(max_length=ATTACHMENTS_MAX)] = []
    note: Annotated[str, Meta(max_length=500)] = ""
    """Why."""


FollowWithdrawal = Callable[[Actor, UUID], Awaitable[None]]
_withdrawal_followers: list[FollowWithdrawal] = []


def on_withdrawn(follower: FollowWithdrawal) -> None:
    """Called with the id of each record that is taken back, in that transaction, as the product's own hand."""
    if follower not in _withdrawal_followers:
        _withdrawal_followers.append(follower)


async def submit_record(actor: Actor, id: UUID, operation: UUID, args: Submission) -> SubmittedRecord:
    """One record from a desk or through a link. Raises what `submit_records` refuses."""
    actor.must("record.submit")
    async with transaction():
        (result,) = await submit_records(context_of(actor), [Incoming(id, operation, args)])
        if isinstance(result, Refusal):
            raise result
    return result


def context_of(actor: Actor) -> OperationContext:
    """A desk has no device, and its clock is ours."""
    return OperationContext(bureau=actor.bureau, person=actor.person, device=actor.device, received_at=now())


async def amend_record(context: OperationContext, id: UUID, operation: UUID, args: Amendment) -> SubmittedRecord:
    """A further version beside those before; it waits for review again.

    Raises `permission.missing`, `record.unknown`, `record.closed` (approved or withdrawn meanwhile), `record.other_form` and
    what judging refuses.
    """
    await _must(context, "record.amend")
    async with transaction():
        record = await _find_own(context, id)
        _must_be_open(record)
        if record.form_id != args.form:
            raise refusal("record.other_form", form=record.form_id)
        (judgement,) = await judge(context.bureau, [args], [UNSET])
        if isinstance(judgement, Refusal):
            raise judgement
        collected = collected_at(context, args.filled_at)
        await _store_amendment(context, record, operation, args, judgement)
        amended = SubmittedRecord(
            id=id,
            bureau=context.bureau,
            form_id=record.form_id,
            version=args.version,
            judgement=judgement,
            enterprise=record.enterprise,
            person=record.person,
            device=context.device,
            origin=record.origin,
            received_at=context.received_at,
            collected_at=collected,
            clock_suspect=context.clock_suspect,
            late_version=record.late_version,
            campaign=record.campaign,
            slot=record.slot,
            visit=record.visit,
            attachments=args.attachments,
            is_amendment=True,
        )
        touch(context.bureau, KIND, id)
        await record_event(context, "record.amend", KIND, id, {"n": record.versions + 1})
        await follow(context.bureau, [amended])
    return amended


async def _store_amendment(
    context: OperationContext, record: Record, operation: UUID, args: Amendment, judgement: Judgement
) -> None:
    row = (
        operation, context.bureau, record.id, record.versions + 1, judgement.published.id, context.person, context.device,
        context.received_at, args.started_at, args.filled_at, collected_at(context, args.filled_at), body_cell(judgement.body),
        as_text(judgement.flaws), as_text(args.attachments), args.note, args.elapsed_seconds,
    )  # fmt: skip
    errors, verifies, advises = judgement.counts
    await insert("record_version", VERSION, [row])
    await Record.update(
        {
            Record.current: operation,
            Record.versions: record.versions + 1,
            Record.form_version: judgement.published.id,
            Record.state: AMENDED,
            Record.errors: errors,
            Record.verifies: verifies,
            Record.advises: advises,
        }
    ).where(Record.id == record.id)


async def withdraw_record(context: OperationContext, id: UUID, reason: str, seen: int | None = None) -> None:
    """The record stays, marked. What it reported goes on: a report is withdrawn at its issue.

    `seen` is the version its author withdrew. Raises `record.other_version` when it was amended from elsewhere since, unless a
    supervisor says that it is to be withdrawn all the same.
    """
    await _must(context, "record.amend")
    async with transaction():
        record = await _find_own(context, id)
        _must_be_open(record)
        if seen is not None and context.accepted_by is None and await _is_amended_elsewhere(context, id, seen):
            raise refusal("record.other_version", n=record.versions, seen=seen)
        await Record.update({Record.state: WITHDRAWN, Record.review_reason: reason}).where(Record.id == id)
        touch(context.bureau, KIND, id)
        await record_event(context, "record.withdraw", KIND, id, {})
        for follower in _withdrawal_followers:
            await follower(system_of(context.bureau), id)


async def _is_amended_elsewhere(context: OperationContext, record: UUID, seen: int) -> bool:
    later = (RecordVersion.record == record) & (RecordVersion.n > seen)
    rows = await RecordVersion.select(RecordVersion.device).where((RecordVersion.bureau == context.bureau) & later)
    return any(row["device"] != context.device for row in rows)


async def approve_record(actor: Actor, id: UUID, seen: int) -> None:
    """`seen` is the version that was looked at. Raises `record.other_version` when the author has amended it since."""
    await _review(actor, id, seen, APPROVED, "")


async def return_record(actor: Actor, id: UUID, seen: int, reason: str) -> None:
    """Back to its author with a reason; an amendment brings it again. `seen` as for an approval."""
    await _review(actor, id, seen, RETURNED, reason)


async def _review(actor: Actor, id: UUID, seen: int, state: str, reason: str) -> None:
    actor.must("record.review")
    async with transaction():
        await find_record(actor, id)
        record = await locked(Record.objects()).get((Record.bureau == actor.bureau) & (Record.id == id))
        if record.state not in (RECEIVED, AMENDED):
            raise refusal("record.not_reviewable", state=record.state, state_zh=STATES[record.state])
        if seen != record.versions:
            raise refusal("record.other_version", n=record.versions, seen=seen)
        await Record.update(
            {
                Record.state: state,
                Record.review_reason: reason,
                Record.reviewed_by: actor.person,
                Record.reviewed_at: now(),
            }
        ).where(Record.id == id)
        touch(actor.bureau, KIND, id)
        verb = "record.approve" if state == APPROVED else "record.return"
        await record_event(actor, verb, KIND, id, {"n": record.versions})


async def find_record(actor: Actor, id: UUID) -> Record:
    actor.must("record.read")
    record = await Record.visible_to(actor).where(Record.id == id).first()
    if record is None:
        raise refusal("record.unknown")
    return record


async def versions_of(record: Record) -> list[RecordVersion]:
    """All versions, the first one first."""
    return await RecordVersion.objects().where(RecordVersion.record == record.id).order_by(RecordVersion.n)


def named_files(version: RecordVersion) -> list[UUID]:
    """The files this version speaks of, whether or not they came."""
    return [one.id for one in msgspec.json.decode(version.attachments, type=list[Attachment])]


async def _must(context: OperationContext, permission: str) -> None:
    """By the roles in force now, not those of the day it was done; the product itself and a supervisor's word need none."""
    if context.person != SYSTEM and context.accepted_by is None:
        (await actor_of(context)).must(permission)


async def _find_own(context: OperationContext, id: UUID) -> Record:
    """The author's own record, or one about an enterprise now in this person's care (a handover takes the records along)."""
    record = await locked(Record.objects()).get((Record.bureau == context.bureau) & (Record.id == id))
    if record is None:
        raise refusal("record.unknown")
    if record.person != context.person and context.person != SYSTEM and context.accepted_by is None:
        scopes = await scopes_of(context.bureau, context.person)
        if f"enterprise:{record.enterprise}" not in scopes:
            raise refusal("record.unknown")
    return record


def _must_be_open(record: Record) -> None:
    if record.state not in OPEN:
        raise refusal("record.closed", state=record.state, state_zh=STATES[record.state])


async def follow_enterprise_merge(system: Actor, old: UUID, into: UUID) -> None:
    """Follower of a merge: what was recorded about the temporary firm is about the one it became."""
    found = await Record.select(Record.id).where(Record.bureau == system.bureau, Record.enterprise == old)
    await Record.update({Record.enterprise: into}).where(Record.bureau == system.bureau, Record.enterprise == old)
    touch_many(system.bureau, KIND, [row["id"] for row in found])


async def may_see_record(actor: Actor, record: UUID) -> bool:
    """Whether this person reaches the record; with it go its files."""
    return actor.may("record.read") and await Record.visible_to(actor).where(Record.id == record).first() is not None
