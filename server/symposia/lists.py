"""Reading symposia: the list of them, and one with what came of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from server.enterprises.tables import Enterprise
from server.paging import Page, page_of
from server.people.actor import Actor
from server.reports.tables import Report
from server.shown import shown
from server.symposia.attendance.reach import find_symposium
from server.symposia.tables import Attendance, Symposium, SymposiumHelper, SymposiumInvitation


class SymposiumOut(Struct, frozen=True, kw_only=True):
    id: UUID
    title: str
    kind: str
    starts_at: datetime
    place: str
    host: str
    recorder: UUID
    campaign: UUID | None
    state: str
    record: UUID | None


class Outcome(Struct, frozen=True, kw_only=True):
    """What one enterprise had to do with the meeting."""

    enterprise: UUID
    name: str
    invited: bool
    signed_in: bool
    """Whether somebody came for it; a problem of an enterprise nobody came for is worth a second look."""
    reports: int
    """Problems it raised there."""


class SymposiumWhole(SymposiumOut, frozen=True, kw_only=True):
    helpers: list[UUID]
    attended: int
    enterprises: list[Outcome]


def symposium_out(row: Symposium) -> SymposiumOut:
    return shown(SymposiumOut, row)


async def list_symposia(actor: Actor, *, after: str, limit: int) -> Page[SymposiumOut]:
    """The latest first."""
    actor.must("symposium.record" if not actor.is_bureau_wide("record.read") else "record.read")
    order = (Symposium.starts_at, Symposium.id)
    page = await page_of(Symposium.visible_to(actor), order, after=after, limit=limit, is_descending=True)
    return page.shown(symposium_out)


async def show_symposium(actor: Actor, symposium: UUID) -> SymposiumWhole:
    actor.must("symposium.record" if not actor.is_bureau_wide("record.read") else "record.read")
    row = await find_symposium(actor, symposium)
    helpers = await SymposiumHelper.select(SymposiumHelper.person).where(SymposiumHelper.symposium == row.id)
    rows = await Attendance.select(Attendance.enterprise, Attendance.excused).where(
        Attendance.bureau == actor.bureau, Attendance.symposium == row.id
    )
    present = {one["enterprise"] for one in rows if not one["excused"]} - {None}
    excused = {one["enterprise"] for one in rows if one["excused"]} - {None}
    return shown(
        SymposiumWhole,
        row,
        helpers=sorted(helper["person"] for helper in helpers),
        attended=sum(not one["excused"] for one in rows),
        enterprises=await _outcomes(actor, row, present, excused),
    )


async def _outcomes(actor: Actor, symposium: Symposium, present: set[UUID], excused: set[UUID]) -> list[Outcome]:
    invitations = await SymposiumInvitation.select(SymposiumInvitation.enterprise).where(
        SymposiumInvitation.symposium == symposium.id
    )
    invited = {row["enterprise"] for row in invitations}
    reports: Counter[UUID] = Counter()
    if symposium.record is not None:
        said = await Report.select(Report.enterprise).where(
            Report.named_to(actor), Report.record == symposium.record, Report.enterprise.is_not_null()
        )
        reports = Counter(row["enterprise"] for row in said)
    concerned = list(present | excused | invited | set(reports))
    names = await Enterprise.select(Enterprise.id, Enterprise.name).where(
        Enterprise.bureau == actor.bureau, Enterprise.id.is_in(concerned)
    ) if concerned else []  # fmt: skip
    return [
        Outcome(
            enterprise=row["id"],
            name=row["name"],
            invited=row["id"] in invited,
            signed_in=row["id"] in present,
            reports=reports[row["id"]],
        )
        for row in sorted(names, key=lambda row: (row["name"], row["id"]))
    ]
