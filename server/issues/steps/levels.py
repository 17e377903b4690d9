"""Who has an issue in hand when it goes up by itself: whoever oversees the next unit above the one that leads."""

from __future__ import annotations

from uuid import UUID

from server.issues.steps.step import Step
from server.people.roles import COORDINATOR, SUPERVISOR
from server.people.tables import Person, RoleGrant, Unit


async def raise_one_level(step: Step) -> None:
    """Marks the issue as escalated and gives it to a supervisor of the next unit above the lead that has one, else to a coordinator
    there; to nobody in particular where the tree ends. Each further redo begins above the one who has it already."""
    issue = step.issue
    units = {unit.id: unit for unit in await Unit.of_bureau(issue.bureau)}
    below = units.get(issue.lead) if issue.lead is not None else None
    held = await _unit_of(issue.escalation_owner, units) if issue.escalated and issue.escalation_owner else None
    unit = units.get((held or below).parent) if (held or below) is not None else None  # type: ignore[union-attr]
    issue.escalated = True
    while unit is not None:
        owner = await _overseer(issue.bureau, unit.id, step.persons("sign", "reply"))
        if owner is not None:
            issue.escalation_owner = owner.id
            step.kept |= {"escalated_to": unit.code, "owner_name": owner.name}
            return
        unit = units.get(unit.parent) if unit.parent is not None else None


async def _unit_of(owner: UUID, units: dict[UUID, Unit]) -> Unit | None:
    """The highest unit this person oversees."""
    grants = await RoleGrant.objects().where(
        RoleGrant.person == owner, RoleGrant.role.is_in([SUPERVISOR, COORDINATOR]), RoleGrant.revoked_at.is_null()
    )
    overseen = [units[grant.unit] for grant in grants if grant.unit in units]
    return min(overseen, key=lambda unit: unit.path.count("/"), default=None)


async def _overseer(bureau: UUID, unit: UUID, handlers: set[UUID]) -> Person | None:
    """A supervisor before a coordinator, by login; nobody who handled the issue."""
    for role in (SUPERVISOR, COORDINATOR):
        grants = await RoleGrant.select(RoleGrant.person).where(
            RoleGrant.bureau == bureau, RoleGrant.unit == unit, RoleGrant.role == role, RoleGrant.revoked_at.is_null()
        )
        wanted = [row["person"] for row in grants if row["person"] not in handlers]
        if wanted:
            found = (
                await Person.objects()
                .where(Person.bureau == bureau, Person.id.is_in(wanted), Person.disabled_at.is_null())
                .order_by(Person.login)
                .first()
            )
            if found is not None:
                return found
    return None
