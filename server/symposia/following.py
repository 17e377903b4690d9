"""What a submitted symposium record does: it closes the meeting and brings its sign-in together with the phones' rows.

The answers stay as they were sent. The merged list stands beside them: rows the phones signed, rows only the record
has, and for rows of both what the record says otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

import sync.feed
from server.enterprises.actions import resolve_enterprise
from server.moment import now
from server.people.actor import Actor
from server.records.submission import SubmittedRecord
from server.settings import settings
from server.symposia.actions import KIND, YEARS, end, scope_of
from server.symposia.attendance.actions import ATTENDANCE_MAX, write
from server.symposia.attendance.actions import KIND as ATTENDANCE_KIND
from server.symposia.attendance.signatures import FORM_ID, Entry, match, recorded_rows
from server.symposia.tables import CLOSED, SYMPOSIUM_KINDS, Attendance, Symposium, SymposiumHelper, SymposiumInvitation
from sync.bulk import locked
from sync.identity import named_id
from sync.scopes import grant
from sync.transaction import transaction

UNTITLED = "座谈会 / Symposium"


async def follow_symposium_records(system: Actor, records: list[SubmittedRecord]) -> None:
    """Follower of submitted and amended records, in their transaction."""
    async with transaction():
        for record in records:
            if record.form_id == FORM_ID:
                await _take_in(system, record)


async def follow_withdrawal(system: Actor, record: UUID) -> None:
    """Follower of records taken back: the meeting waits for its minutes again; what only they told of the sign-in goes."""
    symposium = await locked(Symposium.objects()).get(
        (Symposium.bureau == system.bureau) & (Symposium.record == record)
    )
    if symposium is not None:
        symposium.record = None
        await symposium.save()
        sync.feed.touch(system.bureau, KIND, symposium.id)
        await _bring_together(system, symposium, [])


async def follow_enterprise_merge(system: Actor, old: UUID, into: UUID) -> None:
    """Follower of a merge: who came for the temporary firm came for the one it became."""
    for row in await Attendance.select(Attendance.id).where(
        Attendance.bureau == system.bureau, Attendance.enterprise == old
    ):
        await Attendance.update({Attendance.enterprise: into}).where(Attendance.id == row["id"])
        sync.feed.touch(system.bureau, ATTENDANCE_KIND, row["id"])
    for invited in await SymposiumInvitation.objects().where(
        SymposiumInvitation.bureau == system.bureau, SymposiumInvitation.enterprise == old
    ):
        twice = SymposiumInvitation.exists().where(
            SymposiumInvitation.symposium == invited.symposium, SymposiumInvitation.enterprise == into
        )
        if await twice:
            await SymposiumInvitation.delete().where(SymposiumInvitation.id == invited.id)
        else:
            await SymposiumInvitation.update({SymposiumInvitation.enterprise: into}).where(
                SymposiumInvitation.id == invited.id
            )
        sync.feed.touch(system.bureau, KIND, invited.symposium)


async def _take_in(system: Actor, record: SubmittedRecord) -> None:
    symposium = await _symposium_of(system, record)
    symposium.record = record.id
    symposium.campaign = symposium.campaign or record.campaign
    if symposium.state == CLOSED:
        await symposium.save()
        sync.feed.touch(system.bureau, KIND, symposium.id)
    else:
        await end(symposium)
    await _bring_together(system, symposium, recorded_rows(record.id, record.answers)[:ATTENDANCE_MAX])


async def _bring_together(system: Actor, symposium: Symposium, told: list[tuple[UUID, Entry]]) -> None:
    rows = {row.id: row for row in await Attendance.of_symposium(system.bureau, symposium.id)}
    unclaimed = dict(rows)
    for told_id, entry in told:
        id = match(told_id, entry, unclaimed.values()) or told_id
        row = unclaimed.pop(id, None)
        if row is None:
            is_taken = id in rows or await Attendance.exists().where(Attendance.id == id)
            id = named_id("attendance", symposium.id, id, len(rows)) if is_taken else id
            row = Attendance(id=id, bureau=system.bureau, symposium=symposium.id, received_at=now())
            rows[id] = row
        row.record, row.recorded = symposium.record, msgspec.json.encode(entry).decode()
        if row.signed_at is None:  # the record is all we know of this row
            known = await resolve_enterprise(system.bureau, entry.enterprise) if entry.enterprise else None
            await write(row, entry, known.id if known is not None else None)
        else:
            await row.save()
            sync.feed.touch(system.bureau, ATTENDANCE_KIND, row.id)
    for row in unclaimed.values():
        if row.signed_at is None:  # an earlier version of the record listed it, this one does not
            await Attendance.delete().where(Attendance.id == row.id)
            sync.feed.touch(system.bureau, ATTENDANCE_KIND, row.id, gone=True)
        else:
            row.record, row.recorded = symposium.record, ""
            await row.save()
            sync.feed.touch(system.bureau, ATTENDANCE_KIND, row.id)


async def _symposium_of(system: Actor, record: SubmittedRecord) -> Symposium:
    """The one this record already closed; else the one it names as its visit, if its author records or helps there;
    else a new one, made from the answers."""
    own = Symposium.bureau == system.bureau
    known = await locked(Symposium.objects()).get(own & (Symposium.record == record.id))
    if known is None and record.visit is not None:
        known = await locked(Symposium.objects()).get(own & (Symposium.id == record.visit) & Symposium.record.is_null())
        if known is not None and not await _works_at(known, record.person):
            known = None
    if known is not None:
        return known
    answers = record.answers
    is_free = record.visit is not None and not await Symposium.exists().where(Symposium.id == record.visit)
    kind = answers.get("meeting_kind")
    made = Symposium(
        id=record.visit if is_free else named_id("symposium", record.id),
        bureau=system.bureau,
        title=_text(answers.get("meeting_name")) or UNTITLED,
        kind=kind if kind in SYMPOSIUM_KINDS else SYMPOSIUM_KINDS[0],
        starts_at=_moment(answers.get("start_at")) or record.collected_at,
        place=_text(answers.get("place")),
        host=_text(answers.get("host_unit")),
        recorder=record.person,
        created_at=now(),
    )
    await made.save()
    grant(system.bureau, record.person, scope_of(made.id))
    return made


async def _works_at(symposium: Symposium, person: UUID) -> bool:
    return symposium.recorder == person or await SymposiumHelper.exists().where(
        SymposiumHelper.symposium == symposium.id, SymposiumHelper.person == person
    )


def _text(answer: Any) -> str:
    return answer.strip() if isinstance(answer, str) else ""


def _moment(answer: Any) -> datetime | None:
    """An answer without a zone is meant in the bureau's; one that cannot be meant is None."""
    try:
        moment = datetime.fromisoformat(answer) if isinstance(answer, str) else None
    except ValueError:
        return None
    if moment is None or moment.year not in YEARS:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=settings.timezone)
