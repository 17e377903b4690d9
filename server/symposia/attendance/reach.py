"""Meetings as far as somebody may see them, and the firms people come for."""

from __future__ import annotations

from uuid import UUID

from server.enterprises.actions import resolve_enterprise
from server.people.actor import Actor
from server.refusals import refusal
from server.symposia.tables import Symposium
from sync.bulk import locked


async def find_symposium(actor: Actor, symposium: UUID) -> Symposium:
    return _known(await Symposium.visible_to(actor).where(Symposium.id == symposium).first())


async def hold_symposium(actor: Actor, symposium: UUID) -> Symposium:
    """`find_symposium`, and nobody else changes it until the commit."""
    return _known(await locked(Symposium.visible_to(actor)).where(Symposium.id == symposium).first())


def _known(row: Symposium | None) -> Symposium:
    if row is None:
        raise refusal("symposium.unknown")
    return row


async def known_enterprise(bureau: UUID, enterprise: UUID | None) -> UUID | None:
    """The firm of this id today; a firm merged meanwhile leads on."""
    if enterprise is None:
        return None
    found = await resolve_enterprise(bureau, enterprise)
    if found is None:
        raise refusal("enterprise.unknown")
    known: UUID = found.id
    return known
