"""Who acts: a person with roles, or the product itself. `must` is the first line of every action."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from msgspec import Struct

from server.people.roles import BUREAU_WIDE, ROLES
from server.refusals import refusal

SYSTEM = UUID(int=0)
"""Stands for the product in audit rows and histories."""


class Actor(Struct, frozen=True, kw_only=True):
    """A person at work. `roles` maps each role to the units it was granted at, `reach` to those units with all below them."""

    bureau: UUID
    person: UUID
    name: str
    unit: UUID | None = None
    roles: dict[str, frozenset[UUID]] = {}
    reach: dict[str, frozenset[UUID]] = {}
    device: UUID | None = None

    @property
    def is_system(self) -> bool:
        return self.person == SYSTEM

    def may(self, permission: str) -> bool:
        return self.is_system or any(permission in ROLES[role] for role in self.roles)

    def must(self, permission: str, **details: Any) -> None:
        """Raises `permission.missing`, with what else the caller can tell, when no role of this person holds the permission."""
        if not self.may(permission):
            raise refusal("permission.missing", permission=permission, **details)

    def units(self, permission: str) -> frozenset[UUID]:
        """Every unit over which some role gives this person the permission."""
        return frozenset().union(*(self.reach[role] for role in self.roles if permission in ROLES[role]))

    def is_bureau_wide(self, permission: str) -> bool:
        """Whether the permission reaches all the queue below the grant, not only what is addressed to the person's unit."""
        return self.is_system or any(permission in ROLES[role] for role in self.roles if role in BUREAU_WIDE)


def system_of(bureau: UUID) -> Actor:
    """The product acting by itself in one bureau: jobs, followers, the console."""
    return Actor(bureau=bureau, person=SYSTEM, name="system")
