"""Who looks after which firm: assign, hand over, end. Each is dated, and each moves the dossier between phones."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.enterprises.actions import ASSIGNMENT_KIND, enterprise_scope, reach_enterprise
from server.enterprises.tables import Enterprise, EnterpriseAssignment
from server.moment import now, today
from server.people.actor import Actor
from server.people.tables import Person
from server.refusals import refusal
from server.settings import settings
from sync.feed import touch
from sync.identity import new_id
from sync.scopes import grant, revoke
from sync.transaction import fetch, transaction


class Warned(Struct, frozen=True):
    """Something to think about that does not stand in the way."""

    code: str
    zh: str
    en: str


class Assigned(Struct, frozen=True, kw_only=True):
    id: UUID
    enterprise: UUID
    person: UUID
    role: str
    since: date
    until: date | None
    handed_to: UUID | None = None
    warnings: list[Warned] = []


async def assign_enterprise(
    actor: Actor,
    enterprise: UUID,
    person: UUID,
    *,
    since: date | None = None,
    role: str = "commissioner",
    reason: str = "",
) -> Assigned:
    """The person's phones get the dossier. Above the cap the answer carries a warning. Raises `assignment.exists`, `.dates`."""
    actor.must("enterprise.assign")
    async with transaction():
        row = await reach_enterprise(actor, enterprise)
        await _must_work_here(actor.bureau, person)
        starts = since or today()
        if starts > today():
            raise refusal("assignment.dates")
        table = EnterpriseAssignment
        if await table.exists().where(
            table.bureau == actor.bureau, table.person == person, table.enterprise == row.id, table.until.is_null()
        ):
            raise refusal("assignment.exists")
        made = EnterpriseAssignment(
            id=new_id(),
            bureau=actor.bureau,
            enterprise=row.id,
            person=person,
            role=role,
            since=starts,
            reason=reason,
            created_by=actor.person,
            created_at=now(),
        )
        await made.save()
        grant(actor.bureau, person, enterprise_scope(row.id))
        touch(actor.bureau, ASSIGNMENT_KIND, made.id)
        await record_event(actor, "enterprise.assign", "enterprise", row.id, {"person": str(person), "role": role})
        warnings = await _warnings(actor.bureau, person)
    return assigned(made, warnings)


async def end_assignment(actor: Actor, assignment: UUID, *, until: date | None = None, reason: str = "") -> Assigned:
    """The dossier leaves the person's phones, save unsent work. Raises `assignment.unknown`, `.dates`."""
    actor.must("enterprise.assign")
    async with transaction():
        row = await _in_force(actor, assignment)
        await _end(actor, row, until or today(), reason)
        await record_event(actor, "enterprise.unassign", "enterprise", row.enterprise, {"person": str(row.person)})
    return assigned(row, [])


async def hand_over(
    actor: Actor, assignment: UUID, person: UUID, *, on: date | None = None, reason: str = ""
) -> Assigned:
    """Ends one assignment and begins another in its role on the same day; the old row names the new one. Answers the new one."""
    actor.must("enterprise.assign")
    async with transaction():
        old = await _in_force(actor, assignment)
        new = await assign_enterprise(actor, old.enterprise, person, since=on, role=old.role, reason=reason)
        old.handed_to = new.id
        await _end(actor, old, on or today(), reason)
    return new


async def list_assignments(actor: Actor, enterprise: UUID) -> list[Assigned]:
    """Who looked after this firm, from when to when; those in force last."""
    actor.must("enterprise.read")
    row = await reach_enterprise(actor, enterprise)
    table = EnterpriseAssignment
    rows = await table.objects().where(table.bureau == actor.bureau, table.enterprise == row.id).order_by(table.since)
    return [assigned(one, []) for one in sorted(rows, key=lambda one: (one.until is None, one.since))]


async def is_assigned(bureau: UUID, enterprise: UUID, person: UUID) -> bool:
    table = EnterpriseAssignment
    return await table.exists().where(
        table.bureau == bureau, table.enterprise == enterprise, table.person == person, table.until.is_null()
    )


async def _in_force(actor: Actor, assignment: UUID) -> EnterpriseAssignment:
    table = EnterpriseAssignment
    row = await table.in_force(actor.bureau).where(table.id == assignment).first()
    if row is None or not await Enterprise.visible_to(actor).where(Enterprise.id == row.enterprise).first():
        raise refusal("assignment.unknown")
    return row


async def _end(actor: Actor, row: EnterpriseAssignment, until: date, reason: str) -> None:
    if until < row.since or until > today():
        raise refusal("assignment.dates")
    row.until = until
    row.ended_by = actor.person
    row.reason = reason or row.reason
    await row.save()
    revoke(actor.bureau, row.person, enterprise_scope(row.enterprise))
    touch(actor.bureau, ASSIGNMENT_KIND, row.id)


async def _must_work_here(bureau: UUID, person: UUID) -> None:
    row = await Person.objects().get((Person.bureau == bureau) & (Person.id == person))
    if row is None or row.disabled_at is not None:
        raise refusal("person.unknown")


async def _warnings(bureau: UUID, person: UUID) -> list[Warned]:
    found = await fetch(
        "SELECT count(*) FROM enterprise_assignment WHERE bureau = $1 AND person = $2 AND until IS NULL",
        [bureau, person],
    )
    count, most = int(found[0][0]), settings.assignments_per_commissioner_max
    if count <= most:
        return []
    return [
        Warned(
            "assignment.above_cap",
            f"此人现在负责 {count} 家企业,建议不超过 {most} 家",
            f"This person now looks after {count} enterprises; {most} is the advised most",
        )
    ]


def assigned(row: EnterpriseAssignment, warnings: list[Warned]) -> Assigned:
    return Assigned(
        id=row.id,
        enterprise=row.enterprise,
        person=row.person,
        role=row.role,
        since=row.since,
        until=row.until,
        handed_to=row.handed_to,
        warnings=warnings,
    )
