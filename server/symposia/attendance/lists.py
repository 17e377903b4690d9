"""The merged sign-in list: what the phones signed, with what the record says beside it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.enterprises.fields import mask_phone
from server.paging import Page, page_of
from server.people.actor import Actor
from server.symposia.attendance.reach import find_symposium
from server.symposia.attendance.signatures import Entry, differences, who
from server.symposia.tables import Attendance


class AttendanceOut(Struct, frozen=True, kw_only=True):
    """A row of the merged list. The phone number is masked here; the phones of recorder and helpers hold it whole."""

    id: UUID
    kind: str
    enterprise: UUID | None
    unit: str
    name: str
    post: str
    phone: str
    mode: str
    excused: bool
    signed_at: datetime | None
    signed_by: UUID | None
    edits: int
    after_close: bool
    in_record: bool
    differences: dict[str, Any]
    """Field → what the record's answers say instead."""
    maybe_twice: bool
    """Another row of this page names the same person of the same firm or office."""


async def list_attendance(actor: Actor, symposium: UUID, *, after: str, limit: int) -> Page[AttendanceOut]:
    """The merged list, in the order the rows were made."""
    actor.must("symposium.record" if not actor.is_bureau_wide("record.read") else "record.read")
    row = await find_symposium(actor, symposium)
    query = Attendance.of_symposium(actor.bureau, row.id)
    page = await page_of(query, [Attendance.id], after=after, limit=limit)
    named = Counter(who(one) for one in page.items)
    return page.shown(lambda one: _line(one, named[who(one)] > 1))


def _line(row: Attendance, maybe_twice: bool) -> AttendanceOut:
    differing: dict[str, Any] = {}
    if row.recorded:
        differing = differences(row, msgspec.json.decode(row.recorded, type=Entry))
        if "phone" in differing:
            differing["phone"] = mask_phone(differing["phone"])
    plain = ("id", "kind", "enterprise", "unit", "name", "post", "mode", "excused", "signed_at", "signed_by", "edits")
    return AttendanceOut(
        **{field: getattr(row, field) for field in plain},
        phone=mask_phone(row.phone),
        after_close=row.after_close,
        in_record=bool(row.recorded),
        differences=differing,
        maybe_twice=maybe_twice,
    )
