"""Other roles, another unit: what a person may do and sees changes at once, at desks and on phones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.moment import now
from server.people.actions import Line, admins_of, find_unit, grant_role, hold_bureau
from server.people.actor import Actor
from server.people.grants.phones import follow_roles
from server.people.kinds import NAME_KIND
from server.people.roles import ADMIN, ROLES
from server.people.tables import Person, RoleGrant, Unit
from server.refusals import refusal
from sync.bulk import locked
from sync.feed import touch
from sync.transaction import transaction


class RoleChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    unit: Line = ""
    """Code of the unit over which (with all below) the roles are given, and at which they are taken. Left out they are given
    at the unit the person works in and taken wherever they are held."""


class RoleHeld(Struct, frozen=True):
    role: str
    unit: str
    """Code of the unit; the role reaches over it and all below."""


class PersonWhole(Struct, frozen=True, kw_only=True):
    id: UUID
    login: str
    name: str
    unit: UUID
    roles: list[RoleHeld]
    is_disabled: bool


async def show_person(actor: Actor, login: str) -> PersonWhole:
    """Raises `person.unknown`."""
    actor.must("person.read")
    person = await Person.objects().get((Person.bureau == actor.bureau) & (Person.login == login))
    if person is None:
        raise refusal("person.unknown")
    return await _whole(person)


async def change_roles(actor: Actor, login: str, change: RoleChange) -> PersonWhole:
    """All or nothing; what is taken goes first, so that a role can be held elsewhere instead.

    Raises `person.unknown`, `role.unknown`, `role.held`, `role.not_held`, `unit.unknown` and `person.last_admin`.
    """
    actor.must("person.write")
    for role in (*change.add, *change.remove):
        if role not in ROLES:
            raise refusal("role.unknown", role=role, roles=", ".join(ROLES))
    async with transaction():
        if ADMIN in change.remove:
            await hold_bureau(actor.bureau)
        person = await _hold_person(actor, login)
        unit = await find_unit(actor.bureau, change.unit) if change.unit else None
        for role in dict.fromkeys(change.remove):
            await _take_role(person, role, unit)
        for role in dict.fromkeys(change.add):
            if await _held(person, role, unit.id if unit else person.unit):
                raise refusal("role.held", role=role)
            await grant_role(actor, person.id, role, unit.id if unit else person.unit)
        if ADMIN in change.remove and not await admins_of(actor.bureau):
            raise refusal("person.last_admin")
        await follow_roles(actor.bureau, person.id)
        details = {"add": list(change.add), "remove": list(change.remove), "unit": change.unit}
        await record_event(actor, "person.roles", "person", person.id, details)
        return await _whole(person)


async def move_person(actor: Actor, login: str, code: str) -> PersonWhole:
    """To another unit, with the roles they hold at the one they leave; roles given at other units stay there. Their phones lose
    the queue of the old unit and get that of the new one; the enterprises in their care stay in it. Raises `person.unknown`,
    `unit.unknown`."""
    actor.must("person.write")
    async with transaction():
        person = await _hold_person(actor, login)
        unit = await find_unit(actor.bureau, code)
        left = person.unit
        if unit.id != left:
            person.unit = unit.id
            await person.save([Person.unit])
            for row in await RoleGrant.objects().where(_in_force(person) & (RoleGrant.unit == left)):
                row.revoked_at = now()
                await row.save()
                if not await _held(person, row.role, unit.id):
                    await grant_role(actor, person.id, row.role, unit.id)
            await follow_roles(actor.bureau, person.id)
            touch(actor.bureau, NAME_KIND, person.id)
            details = {"unit": str(unit.id), "left": str(left)}
            await record_event(actor, "person.move", "person", person.id, details)
        return await _whole(person)


async def _hold_person(actor: Actor, login: str) -> Person:
    """Until the commit: two changes of one person are made one after the other."""
    person = await locked(Person.objects()).get((Person.bureau == actor.bureau) & (Person.login == login))
    if person is None or person.disabled_at is not None:
        raise refusal("person.unknown")
    return person


async def _take_role(person: Person, role: str, unit: Unit | None) -> None:
    where = _in_force(person) & (RoleGrant.role == role)
    if unit is not None:
        where &= RoleGrant.unit == unit.id
    if not await RoleGrant.exists().where(where):
        raise refusal("role.not_held", role=role)
    await RoleGrant.update({RoleGrant.revoked_at: now()}).where(where)


async def _held(person: Person, role: str, unit: UUID) -> bool:
    return await RoleGrant.exists().where(_in_force(person) & (RoleGrant.role == role) & (RoleGrant.unit == unit))


def _in_force(person: Person) -> Any:
    held = (RoleGrant.bureau == person.bureau) & (RoleGrant.person == person.id)
    return held & RoleGrant.revoked_at.is_null()


async def _whole(person: Person) -> PersonWhole:
    codes = {unit.id: unit.code for unit in await Unit.of_bureau(person.bureau)}
    rows = await RoleGrant.objects().where(_in_force(person))
    roles = sorted((row.role, codes[row.unit]) for row in rows)
    return PersonWhole(
        id=person.id,
        login=person.login,
        name=person.name,
        unit=person.unit,
        roles=[RoleHeld(role, unit) for role, unit in roles],
        is_disabled=person.disabled_at is not None,
    )
