"""Phones of the bureau: one-time codes to enrol them, a list of them, and taking one away."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.moment import now
from server.people.actor import Actor
from server.people.grants.phones import has_lost_phones
from server.people.tables import Person
from server.refusals import refusal
from server.settings import settings
from sync.devices import Device, issue_code, list_devices, revoke_device
from sync.transaction import transaction


class Enrolment(Struct, frozen=True, kw_only=True):
    """What a phone needs to become a device. `link` is what the QR code holds."""

    code: str
    address: str
    link: str
    login: str
    expires_at: datetime


async def offer_enrolment(actor: Actor, login: str) -> Enrolment:
    """A code that works once, for one phone of this person. Raises `person.unknown`, `device.no_role`."""
    actor.must("device.enrol")
    valid_for = timedelta(hours=settings.enrolment_hours)
    async with transaction():
        person = await Person.objects().get((Person.bureau == actor.bureau) & (Person.login == login))
        if person is None or person.disabled_at is not None:
            raise refusal("person.unknown")
        if await has_lost_phones(actor.bureau, person.id):
            raise refusal("device.no_role")
        code = await issue_code(actor.bureau, person.id, valid_for=valid_for)
        await record_event(actor, "device.enrol", "person", person.id, {})
    return Enrolment(
        code=code,
        address=settings.address,
        link=f"{settings.address}/enrol#{code}",
        login=login,
        expires_at=now() + valid_for,
    )


async def list_phones(actor: Actor) -> list[Device]:
    actor.must("device.enrol")
    return await list_devices(actor.bureau)


SALVAGE_DAYS_MAX = 90


async def take_away(actor: Actor, device: UUID, salvage_days: int | None = None) -> int:
    """Revokes a device with every fork of it; answers how many stopped. Its next pull is told to wipe. For so many days (0: a
    thief has it) it may still hand in what it recorded, which waits in quarantine. Raises `device.unknown`, `device.salvage`."""
    actor.must("device.revoke")
    days = settings.salvage_days if salvage_days is None else salvage_days
    if not 0 <= days <= SALVAGE_DAYS_MAX:
        raise refusal("device.salvage", days_max=SALVAGE_DAYS_MAX)
    async with transaction():
        if device not in {known.id for known in await list_devices(actor.bureau)}:
            raise refusal("device.unknown")
        stopped = await revoke_device(actor.bureau, device, salvage=timedelta(days=days))
        for one in stopped:
            await record_event(actor, "device.revoke", "device", one, {"salvage_days": days})
    return len(stopped)
