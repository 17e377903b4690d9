"""What a person's phones may have and do, as it follows from the roles in force."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from server.people.kinds import NAMES_SCOPE
from server.people.roles import HANDLER, REVIEWER, ROLES
from server.people.tables import RoleGrant
from server.settings import settings
from sync.devices import resume_devices, suspend_devices
from sync.scopes import grant, revoke, scopes_of

KNOWN_ISSUES_SCOPE = "reference:issues"
REFERENCE_SCOPES = ("reference:forms", "reference:enterprises", "reference:taxonomy", NAMES_SCOPE, KNOWN_ISSUES_SCOPE)
UNIT_SCOPE = "unit:"


def phone_scopes(role: str, unit: UUID) -> set[str]:
    """What every phone may know, and the queue of the unit for those who work in it."""
    if not _uses_phone(role):
        return set()
    works_in_unit = role in (HANDLER, REVIEWER)
    return {*REFERENCE_SCOPES, f"{UNIT_SCOPE}{unit}"} if works_in_unit else set(REFERENCE_SCOPES)


async def follow_roles(bureau: UUID, person: UUID) -> None:
    """After roles were given or taken, in that transaction. Scopes of the person, of enterprises in their care and of
    meetings stay: they come from something else. Whoever has lost the last role that works with a phone has their phones
    stopped like somebody who left, and let go on with the next such role."""
    rows = await _grants_of(bureau, person)
    wanted: set[str] = set().union(*(phone_scopes(row.role, row.unit) for row in rows if row.revoked_at is None))
    scopes = await scopes_of(bureau, person)
    held = {scope for scope in scopes if scope.startswith(UNIT_SCOPE) or scope in REFERENCE_SCOPES}
    for scope in sorted(wanted - held):
        grant(bureau, person, scope)
    for scope in sorted(held - wanted):
        revoke(bureau, person, scope)
    if _has_lost_phones(rows):
        await suspend_devices(bureau, person, salvage=timedelta(days=settings.salvage_days))
    else:
        await resume_devices(bureau, person)


async def has_lost_phones(bureau: UUID, person: UUID) -> bool:
    """Whether they worked with a phone once and no role lets them any more."""
    return _has_lost_phones(await _grants_of(bureau, person))


def _has_lost_phones(rows: list[RoleGrant]) -> bool:
    used = [row for row in rows if _uses_phone(row.role)]
    return bool(used) and all(row.revoked_at is not None for row in used)


def _uses_phone(role: str) -> bool:
    return "device.use" in ROLES[role]


async def _grants_of(bureau: UUID, person: UUID) -> list[RoleGrant]:
    return await RoleGrant.objects().where(RoleGrant.bureau == bureau, RoleGrant.person == person)
