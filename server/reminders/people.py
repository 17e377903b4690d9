"""Which persons a rung of the ladder means for one issue: those with the role whose grant lies nearest above its unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.people.roles import BUREAU_WIDE, DISPATCHER, HANDLER
from server.people.tables import Unit
from server.reminders.ladder.rungs import AUTHOR, CO_HANDLER
from sync.transaction import fetch

_HELD = (
    "SELECT role_grant.person, role_grant.role, unit.path FROM role_grant"
    " JOIN person ON person.id = role_grant.person AND person.disabled_at IS NULL"
    " JOIN unit ON unit.id = role_grant.unit WHERE role_grant.bureau = $1 AND role_grant.revoked_at IS NULL"
)


class Staff(Struct, frozen=True):
    """Who holds which role where, and the paths and names of the units: one bureau, read once for many issues."""

    held: dict[str, list[tuple[str, UUID]]]
    paths: dict[UUID, str]
    names: dict[UUID, str]

    def near(self, role: str, unit: UUID | None) -> set[UUID]:
        """Everybody with the role as near above `unit` as there is one; without a unit everybody whose role oversees the queue."""
        holders = self.held.get(role, [])
        if unit is None:
            return {person for _, person in holders} if role in BUREAU_WIDE else set()
        path = self.paths.get(unit, "")
        above = [(at, person) for at, person in holders if path.startswith(at)]
        nearest = max((len(at) for at, _ in above), default=0)
        return {person for at, person in above if len(at) == nearest}

    def meant(self, to: Iterable[str], lead: UUID | None, co: Iterable[UUID], author: UUID | None) -> set[UUID]:
        """Never nobody while there is a dispatcher: what would be told to no one is theirs to look after."""
        found: set[UUID] = set()
        for word in to:
            if word == AUTHOR:
                found |= {author} if author is not None else set()
            elif word == CO_HANDLER:
                for unit in co:
                    found |= self.near(HANDLER, unit)
            else:
                found |= self.near(word, lead)
        return found or self.near(DISPATCHER, None)


async def staff_of(bureau: UUID) -> Staff:
    """Raw SQL: two statements for every move of an issue, however many are told."""
    held: dict[str, list[tuple[str, UUID]]] = {}
    rows: list[Any] = await fetch(_HELD, [bureau])
    for row in rows:
        held.setdefault(row["role"], []).append((row["path"], row["person"]))
    units = await Unit.select(Unit.id, Unit.path, Unit.name).where(Unit.bureau == bureau)
    return Staff(held, {row["id"]: row["path"] for row in units}, {row["id"]: row["name"] for row in units})
