"""Records coming in: judged in memory, written in bulk, then handed to whoever follows.

The hot path of the product. Whatever the number of records, there is one statement for each table, one for each
question asked of the database, and no ORM; what differs between phone, desk and link is only on whose behalf it happens.
Longer than others because the whole path of a batch should be readable in one place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

from server.audit.actions import record_events
from server.people.actor import SYSTEM, Actor, system_of
from server.people.roles import BUREAU_WIDE, ROLES
from server.records.judging import Judgement, judge
from server.records.tables import RECEIVED
from server.refusals import refusal
from sync.bulk import among, ids, insert
from sync.feed import touch_new
from sync.operations import OperationContext
from sync.refusal import Refusal
from sync.scopes import person_scope, scopes_of
from sync.transaction import fetch, is_postgres

KIND = "record"
ATTACHMENTS_MAX = 100
ELAPSED_SECONDS_MAX = 30 * 86_400
Moment = Annotated[datetime, Meta(tz=True)]
Elapsed = Annotated[int, Meta(ge=0, le=ELAPSED_SECONDS_MAX)]


class Attachment(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file the answers speak of. It may arrive later, or never: then it is listed as missing."""

    id: UUID
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    sha256: Annotated[str, Meta(max_length=64)] = ""
    is_lost: bool = False
    """The phone no longer has it."""


class Submission(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of `record.submit`."""

    form: str
    version: str
    answers: Raw
    filled_at: Moment
    """When the record was finished, by the device's clock."""
    started_at: Moment | None = None
    elapsed_seconds: Elapsed | None = None
    """From `started_at` to `filled_at` by a clock that nobody can set (a monotonic one), if the device has one."""
    enterprise: UUID | None = None
    origin: Literal["visit", "symposium", "campaign", "callback", "link", "desk"] = "visit"
    attachments: Annotated[list[Attachment], Meta(max_length=ATTACHMENTS_MAX)] = []
    campaign: UUID | None = None
    slot: UUID | None = None
    visit: UUID | None = None


class Incoming(Struct, frozen=True):
    """One record to take in: its own id, and that of the operation, which becomes the id of its first version."""

    id: UUID
    operation: UUID
    args: Submission
    answers: Any = msgspec.UNSET
    """The answers as plain values, where they have been decoded already."""


class SubmittedRecord(Struct, frozen=True, kw_only=True, dict=True):
    """What followers get, inside the transaction that stores it. `is_amendment`: an earlier version of it was followed before."""

    id: UUID
    bureau: UUID
    form_id: str
    version: str
    judgement: Judgement
    enterprise: UUID | None
    person: UUID
    device: UUID | None
    origin: str
    received_at: datetime
    collected_at: datetime
    clock_suspect: bool
    late_version: bool
    campaign: UUID | None = None
    slot: UUID | None = None
    visit: UUID | None = None
    attachments: Sequence[Attachment] = ()
    is_amendment: bool = False

    @cached_property
    def answers(self) -> dict[str, Any]:
        """Empty for answers that are no object."""
        evaluation = self.judgement.evaluation
        answers = evaluation.answers if evaluation is not None else msgspec.json.decode(self.judgement.body)
        return answers if isinstance(answers, dict) else {}


Follower = Callable[[Actor, list[SubmittedRecord]], Awaitable[None]]
_followers: list[Follower] = []


def on_submitted(follower: Follower) -> None:
    """Called with all records of a batch, in the order they came, as the product's own hand; what it raises undoes the batch."""
    if follower not in _followers:
        _followers.append(follower)


async def follow(bureau: UUID, records: list[SubmittedRecord]) -> None:
    for follower in _followers:
        await follower(system_of(bureau), records)


async def submit_records(context: OperationContext, incoming: Sequence[Incoming]) -> list[SubmittedRecord | Refusal]:
    """One answer per record; a refused one holds up no other. Must run inside a transaction.

    Refusals: `permission.missing`, `form.version_unknown`, `record.out_of_scope`, `record.exists`, `record.malformed`.
    """
    refused, seen = await _refuse(context, incoming)
    if any(one.code == "record.out_of_scope" for one in refused.values()):
        incoming = await _follow_merges(context.bureau, incoming)
        refused, seen = await _refuse(context, incoming)
    judgements = await judge(context.bureau, [one.args for one in incoming], [one.answers for one in incoming])
    current = {
        row[0]: row[1] for row in await fetch("SELECT form_id, current FROM form WHERE bureau = $1", [context.bureau])
    }
    results: list[SubmittedRecord | Refusal] = []
    taken: list[tuple[Incoming, SubmittedRecord]] = []
    for one, judgement in zip(incoming, judgements, strict=True):
        no = refusal("record.exists") if one.id in seen else refused.get(one.id) if refused else None
        if no is not None or isinstance(judgement, Refusal):
            results.append(no or judgement)  # type: ignore[arg-type]
            continue
        late = current.get(one.args.form) != judgement.published.id
        record = _accept(context, one, judgement, late)
        seen.add(one.id)
        taken.append((one, record))
        results.append(record)
    if taken:
        await _store(context, taken)
        await follow(context.bureau, [record for _, record in taken])
    return results


async def _refuse(context: OperationContext, incoming: Sequence[Incoming]) -> tuple[dict[UUID, Refusal], set[UUID]]:
    """What is refused because this person may not, or because the enterprise is not (or no longer) in their care; and the
    ids that are taken already."""
    found = await fetch(f"SELECT id FROM record WHERE id {among(1)}", [ids(one.id for one in incoming)])
    seen = {UUID(str(row[0])) for row in found}
    roles = await _roles_of(context)
    if roles is not None and not any("record.submit" in ROLES[role] for role in roles):
        return {one.id: refusal("permission.missing", permission="record.submit") for one in incoming}, seen
    about = {one.args.enterprise for one in incoming if one.args.enterprise is not None}
    if not about:
        return {}, seen
    known = await fetch(
        f"SELECT id FROM enterprise WHERE bureau = $1 AND merged_into IS NULL AND removed_at IS NULL AND id {among(2)}",
        [context.bureau, ids(about)],
    )
    reached = {row[0] for row in known}
    if roles is not None and not any(role in BUREAU_WIDE and "record.submit" in ROLES[role] for role in roles):
        scopes = await scopes_of(context.bureau, context.person)
        reached = {enterprise for enterprise in reached if f"enterprise:{enterprise}" in scopes}
    outside = about - reached
    return {one.id: refusal("record.out_of_scope") for one in incoming if one.args.enterprise in outside}, seen


async def _follow_merges(bureau: UUID, incoming: Sequence[Incoming]) -> list[Incoming]:
    """A firm written down twice may have become one while the phone was offline: its record goes where the firm went."""
    about = {one.args.enterprise for one in incoming if one.args.enterprise is not None}
    found = await fetch(
        f"SELECT id, merged_into FROM enterprise WHERE bureau = $1 AND merged_into IS NOT NULL AND id {among(2)}",
        [bureau, ids(about)],
    )
    now_at = {row["id"]: row["merged_into"] for row in found}
    return [
        msgspec.structs.replace(one, args=msgspec.structs.replace(one.args, enterprise=now_at[one.args.enterprise]))
        if one.args.enterprise in now_at
        else one
        for one in incoming
    ]


async def _roles_of(context: OperationContext) -> list[str] | None:
    """Roles in force now; None when nothing is to be asked: the product itself, or a supervisor's acceptance."""
    if context.person == SYSTEM or context.accepted_by is not None:
        return None
    found = await fetch(
        "SELECT role FROM role_grant WHERE bureau = $1 AND person = $2 AND revoked_at IS NULL",
        [context.bureau, context.person],
    )
    return [row[0] for row in found]


def work_scopes(person: UUID, enterprise: UUID | None) -> set[str]:
    """Whoever did it, and whoever looks after the enterprise."""
    return {person_scope(person)} if enterprise is None else {person_scope(person), f"enterprise:{enterprise}"}


def collected_at(context: OperationContext, filled_at: datetime) -> datetime:
    return min(context.corrected(filled_at), context.received_at)


def _accept(context: OperationContext, one: Incoming, judgement: Judgement, late: bool) -> SubmittedRecord:
    args = one.args
    return SubmittedRecord(
        id=one.id,
        bureau=context.bureau,
        form_id=args.form,
        version=args.version,
        judgement=judgement,
        enterprise=args.enterprise,
        person=context.person,
        device=context.device,
        origin=args.origin,
        received_at=context.received_at,
        collected_at=collected_at(context, args.filled_at),
        clock_suspect=context.clock_suspect,
        late_version=late,
        campaign=args.campaign,
        slot=args.slot,
        visit=args.visit,
        attachments=args.attachments,
    )


_RECORD = (
    "id uuid, bureau uuid, form_id text, form_version uuid, enterprise uuid, person uuid, device uuid, origin text,"
    " state text, current uuid, received_at timestamptz, collected_at timestamptz, clock_suspect boolean,"
    " late_version boolean, errors integer, verifies integer, advises integer, campaign uuid, slot uuid, visit uuid,"
    " versions integer, review_reason text"
)
VERSION = (
    "id uuid, bureau uuid, record uuid, n integer, form_version uuid, person uuid, device uuid, received_at timestamptz,"
    " started_at timestamptz, filled_at timestamptz, collected_at timestamptz, body text, flaws text, attachments text,"
    " note text, elapsed_seconds integer"
)


async def _store(context: OperationContext, taken: list[tuple[Incoming, SubmittedRecord]]) -> None:
    """Raw SQL, two statements for any number of records: this is where phones come online at 18:00."""
    bureau, person, device, received = context.bureau, context.person, context.device, context.received_at
    records: list[tuple[Any, ...]] = []
    versions: list[tuple[Any, ...]] = []
    for one, record in taken:
        args, judgement = one.args, record.judgement
        flaws, form_version = judgement.flaws, judgement.published.id
        errors, verifies, advises = judgement.counts if flaws else (0, 0, 0)
        records.append(
            (
                one.id, bureau, args.form, form_version, args.enterprise, person, device, args.origin, RECEIVED,
                one.operation, received, record.collected_at, record.clock_suspect, record.late_version, errors, verifies, advises,
                args.campaign, args.slot, args.visit, 1, "",
            )
        )  # fmt: skip
        versions.append(
            (
                one.operation, bureau, one.id, 1, form_version, person, device, received, args.started_at, args.filled_at,
                record.collected_at, body_cell(judgement.body), as_text(flaws), as_text(args.attachments), "",
                args.elapsed_seconds,
            )
        )  # fmt: skip
    await insert("record", _RECORD, records)
    await insert("record_version", VERSION, versions)
    of_version: dict[UUID, list[SubmittedRecord]] = {}
    for _, record in taken:
        of_version.setdefault(record.judgement.published.id, []).append(record)
    for several in of_version.values():
        ids_of = [record.id for record in several]
        touch_new(
            context.bureau, KIND, {record.id: work_scopes(record.person, record.enterprise) for record in several}
        )
        details = {"form": several[0].form_id, "version": several[0].version}
        record_events(context, "record.submit", KIND, ids_of, details)


def as_text(items: Sequence[Any]) -> str:
    return msgspec.json.encode(items).decode() if items else "[]"


def body_cell(body: bytes) -> Any:
    """SQLite takes the bytes as they came: turning three kilobytes into text and back takes 8 µs."""
    return body.decode() if is_postgres() else body
