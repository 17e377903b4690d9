"""Signing people in, from several phones at once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sync.feed
from server.audit.actions import record_event
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.symposia.actions import KIND as SYMPOSIUM_KIND
from server.symposia.attendance.reach import hold_symposium, known_enterprise
from server.symposia.attendance.signatures import Entry
from server.symposia.tables import ATTENDEE_KINDS, CLOSED, MODES, OPEN, PLANNED, Attendance, Symposium
from sync.transaction import transaction

KIND = "attendance"
ATTENDANCE_MAX = 2000
"""People one symposium signs in."""


async def sign_in(actor: Actor, attendance: UUID, symposium: UUID, entry: Entry, signed_at: datetime) -> Attendance:
    """Rows of several phones come together by their ids; what the server hears last about a row holds. A sign-in that
    comes after the close is kept and marked. Raises `symposium.unknown`, `attendance.…`, `enterprise.unknown`."""
    actor.must("symposium.record")
    _check(entry)
    async with transaction():
        meeting = await hold_symposium(actor, symposium)
        row = await Attendance.objects().get(Attendance.id == attendance)
        if row is None:
            if await Attendance.count().where(Attendance.symposium == meeting.id) >= ATTENDANCE_MAX:
                raise refusal("attendance.too_many", limit=ATTENDANCE_MAX)
            row = Attendance(id=attendance, bureau=actor.bureau, symposium=meeting.id, received_at=now())
            row.after_close = meeting.state == CLOSED
            row.record = meeting.record
        elif row.bureau != actor.bureau or row.symposium != meeting.id:
            raise refusal("attendance.id_taken")
        else:
            row.edits += 1
        if row.signed_at is None:
            row.signed_at, row.signed_by, row.device = signed_at, actor.person, actor.device
        await write(row, entry, await known_enterprise(actor.bureau, entry.enterprise))
        if meeting.state == PLANNED:
            await Symposium.update({Symposium.state: OPEN}).where(Symposium.id == meeting.id)
            sync.feed.touch(actor.bureau, SYMPOSIUM_KIND, meeting.id)
        await record_event(actor, "attendance.sign_in", KIND, row.id, {"symposium": str(meeting.id)})
    return row


async def write(row: Attendance, entry: Entry, enterprise: UUID | None) -> None:
    """Stores what is said about a row, and lets the phones of this meeting have it."""
    row.kind, row.enterprise, row.unit, row.name = entry.kind, enterprise, entry.unit, entry.name
    row.post, row.phone, row.mode, row.excused = entry.post, entry.phone, entry.mode, entry.excused
    await row.save()
    sync.feed.touch(row.bureau, KIND, row.id)


def _check(entry: Entry) -> None:
    if not entry.name.strip():
        raise refusal("attendance.nobody")
    for field, word, words in (("kind", entry.kind, ATTENDEE_KINDS), ("mode", entry.mode, MODES)):
        if word not in words:
            raise refusal("attendance.word_unknown", field=field, word=word, words=", ".join(words))
