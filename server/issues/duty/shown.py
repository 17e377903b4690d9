"""Who has an issue and why, as its page shows it; and who should, while nobody has."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Raw, Struct

from server.issues.duty.route import route_of
from server.issues.duty.tables import IssueDuty
from server.issues.tables import Issue
from server.people.actor import SYSTEM
from server.people.tables import Person, Unit
from server.routing.posts.tables import Post


class Proposal(Struct, frozen=True, kw_only=True):
    lead: str
    post: str
    co: tuple[str, ...]
    version: int
    why_zh: str
    why_en: str


class DutyOut(Struct, frozen=True, kw_only=True):
    """One decision who handles it inside a unit."""

    at: datetime
    n: int
    unit: str
    post: str
    handler: str
    """Login; empty while the unit decides."""
    handler_name: str
    decided_by: str
    why_zh: str
    why_en: str
    considered: Raw


async def proposal_of(issue: Issue) -> Proposal:
    route = await route_of(issue)
    return Proposal(**{name: getattr(route, name) for name in Proposal.__struct_fields__})


async def duties_of(issue: Issue) -> list[DutyOut]:
    """Every decision, the newest first."""
    rows = await IssueDuty.objects().where(IssueDuty.bureau == issue.bureau, IssueDuty.issue == issue.id)
    rows = sorted(rows, key=lambda row: (row.at, row.n), reverse=True)
    if not rows:
        return []
    wanted = {one for row in rows for one in (row.person, row.decided_by) if one is not None and one != SYSTEM}
    persons = await Person.objects().where(Person.id.is_in(list(wanted))) if wanted else []
    names: dict[UUID, Person] = {row.id: row for row in persons}
    units = {row.id: row.code for row in await Unit.of_bureau(issue.bureau)}
    posts = {row.id: row.code for row in await Post.objects().where(Post.bureau == issue.bureau)}
    return [
        DutyOut(
            at=row.at,
            n=row.n,
            unit=units.get(row.unit, ""),
            post=posts.get(row.post, ""),
            handler=names[row.person].login if row.person in names else "",
            handler_name=names[row.person].name if row.person in names else "",
            decided_by=names[row.decided_by].name if row.decided_by in names else "",
            why_zh=row.why_zh,
            why_en=row.why_en,
            considered=Raw(row.considered.encode()),
        )
        for row in rows
    ]
