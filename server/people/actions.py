"""Founding a bureau, growing its unit tree, adding persons, and who acts."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.moment import now
from server.passwords import hash_password, one_time_password
from server.people.actor import Actor, system_of
from server.people.grants.phones import follow_roles
from server.people.kinds import NAME_KIND
from server.people.roles import ADMIN, ROLES
from server.people.tables import Bureau, Person, RoleGrant, Unit
from server.refusals import refusal
from server.settings import settings
from sync.bulk import locked
from sync.devices import suspend_devices
from sync.feed import touch
from sync.identity import new_id
from sync.operations import OperationContext
from sync.transaction import fetch, is_postgres, transaction

Code = Annotated[str, Meta(pattern=r"^[\w.-]{1,64}\Z")]
"""Of a unit. No slash: codes make up the path by which reach is measured."""
Line = Annotated[str, Meta(max_length=200)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class NewUnit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Code
    name: Name
    kind: Line = "department"
    """department, street, agency or external."""
    parent: Line = ""
    """Code of the unit above; empty for the root."""
    contact: Line = ""


class NewPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    login: Name
    name: Name
    unit: Line
    """Code of the unit this person works in; roles reach over it and all below."""
    roles: tuple[str, ...]
    phone: Line = ""


class Password(Struct, frozen=True):
    word: str
    hash: str


class AddedPerson(Struct, frozen=True):
    id: UUID
    login: str
    one_time_password: str
    """Shown once; only its hash is kept. Empty for somebody who cannot sign in before getting one."""


async def found_bureau(code: str, name: str, region: str = "") -> Actor:
    """A new tenant with its root unit (same code and name). Returns the system's hand in it."""
    async with transaction():
        if await Bureau.exists().where(Bureau.code == code):
            raise refusal("bureau.exists", code=code)
        bureau = Bureau(id=new_id(), code=code, name=name, region=region, created_at=now())
        await bureau.save()
        root = Unit(
            id=new_id(),
            bureau=bureau.id,
            code=code,
            name=name,
            kind="bureau",
            path=f"{code}/",
            contact="",
            created_at=now(),
        )
        await root.save()
        actor = system_of(bureau.id)
        await record_event(actor, "bureau.found", "bureau", bureau.id, {"code": code})
    return actor


async def hold_bureau(bureau: UUID) -> None:
    """Until the commit: editions of a bureau's rules are made one after the other."""
    if is_postgres():
        await fetch("SELECT id FROM bureau WHERE id = $1 FOR UPDATE", [bureau])


async def find_bureau(code: str = "") -> Bureau:
    """The bureau with this code, or the only one there is."""
    bureaus = await Bureau.objects().order_by(Bureau.code)
    if code:
        bureaus = [bureau for bureau in bureaus if bureau.code == code]
    if not bureaus:
        raise refusal("bureau.unknown", bureau=code or "-")
    if len(bureaus) > 1:
        raise refusal("bureau.ambiguous", codes=", ".join(bureau.code for bureau in bureaus))
    return bureaus[0]


async def find_unit(bureau: UUID, code: str) -> Unit:
    unit = await Unit.objects().get((Unit.bureau == bureau) & (Unit.code == code))
    if unit is None:
        raise refusal("unit.unknown", unit=code)
    return unit


async def add_unit(actor: Actor, new: NewUnit) -> Unit:
    actor.must("unit.write")
    async with transaction():
        if await Unit.exists().where((Unit.bureau == actor.bureau) & (Unit.code == new.code)):
            raise refusal("unit.exists", code=new.code)
        if new.parent:
            parent = await find_unit(actor.bureau, new.parent)
        else:
            parent = (await Unit.of_bureau(actor.bureau))[0]
        unit = Unit(
            id=new_id(),
            bureau=actor.bureau,
            parent=parent.id,
            code=new.code,
            name=new.name,
            kind=new.kind,
            path=f"{parent.path}{new.code}/",
            contact=new.contact,
            created_at=now(),
        )
        await unit.save()
        await record_event(actor, "unit.add", "unit", unit.id, {"code": new.code})
    return unit


async def make_password(actor: Actor) -> Password:
    """For `add_person`: made apart, so that its slow hash is over before a transaction begins."""
    actor.must("person.write")
    word = one_time_password()
    return Password(word, await hash_password(word))


async def add_person(
    actor: Actor, new: NewPerson, *, with_password: bool = True, made: Password | None = None
) -> AddedPerson:
    """Raises `person.exists`, `role.unknown`, `unit.unknown`. The password returned works once, then must be changed;
    without one the person signs in once `reset_password` has given them theirs."""
    actor.must("person.write")
    for role in new.roles:
        if role not in ROLES:
            raise refusal("role.unknown", role=role, roles=", ".join(ROLES))
    if made is None:
        made = await make_password(actor) if with_password else Password("", "")
    async with transaction():
        unit = await find_unit(actor.bureau, new.unit)
        if await Person.exists().where((Person.bureau == actor.bureau) & (Person.login == new.login)):
            raise refusal("person.exists", login=new.login)
        person = Person(
            id=new_id(),
            bureau=actor.bureau,
            unit=unit.id,
            login=new.login,
            name=new.name,
            phone=new.phone,
            password_hash=made.hash,
            created_at=now(),
        )
        await person.save()
        for role in new.roles:
            await grant_role(actor, person.id, role, unit.id)
        await follow_roles(actor.bureau, person.id)
        touch(actor.bureau, NAME_KIND, person.id)
        await record_event(actor, "person.add", "person", person.id, {"login": new.login, "roles": list(new.roles)})
    return AddedPerson(person.id, new.login, made.word)


async def reset_password(actor: Actor, login: str) -> AddedPerson:
    """A new one-time password for somebody who lost theirs, is locked out, or never had one. Until it is changed, open
    sessions can do nothing but change it. Raises `person.unknown`."""
    actor.must("person.write")
    password = one_time_password()
    password_hash = await hash_password(password)
    async with transaction():
        person = await locked(Person.objects()).get((Person.bureau == actor.bureau) & (Person.login == login))
        if person is None or person.disabled_at is not None:
            raise refusal("person.unknown")
        person.password_hash, person.must_change_password = password_hash, True
        person.failures, person.locked_until = 0, None
        await person.save()
        await record_event(actor, "person.reset_password", "person", person.id, {})
    return AddedPerson(person.id, login, password)


async def disable_person(actor: Actor, login: str) -> Person:
    """Somebody has left, or is away: no session and no phone of theirs works from now on, and phones are told to wipe. What they
    recorded stays theirs, what their phones have not sent is salvaged for some days, and what they looked after stays with
    them until it is handed over. Raises `person.unknown`, `person.last_admin`."""
    actor.must("person.write")
    async with transaction():
        await hold_bureau(actor.bureau)
        person = await locked(Person.objects()).get((Person.bureau == actor.bureau) & (Person.login == login))
        if person is None or person.disabled_at is not None:
            raise refusal("person.unknown")
        if await admins_of(actor.bureau) == {person.id}:
            raise refusal("person.last_admin")
        person.disabled_at = now()
        await person.save()
        await suspend_devices(actor.bureau, person.id, salvage=timedelta(days=settings.salvage_days))
        touch(actor.bureau, NAME_KIND, person.id, gone=True)
        await record_event(actor, "person.disable", "person", person.id, {})
    return person


async def enable_person(actor: Actor, login: str) -> Person:
    """Somebody is back: their password and their phones work again, those apart that were revoked one by one, and all of them
    when no role of theirs works with a phone any more. Raises `person.unknown`."""
    actor.must("person.write")
    async with transaction():
        person = await locked(Person.objects()).get((Person.bureau == actor.bureau) & (Person.login == login))
        if person is None or person.disabled_at is None:
            raise refusal("person.unknown")
        person.disabled_at = None
        await person.save()
        await follow_roles(actor.bureau, person.id)
        touch(actor.bureau, NAME_KIND, person.id)
        await record_event(actor, "person.enable", "person", person.id, {})
    return person


async def grant_role(actor: Actor, person: UUID, role: str, unit: UUID) -> None:
    """`follow_roles` comes after it, in the same transaction."""
    actor.must("person.write")
    row = RoleGrant(id=new_id(), bureau=actor.bureau, person=person, role=role, unit=unit, granted_at=now())
    await row.save()


async def admins_of(bureau: UUID) -> set[UUID]:
    """Who administers the bureau and can sign in."""
    found = await fetch(
        "SELECT person.id FROM role_grant JOIN person ON person.id = role_grant.person"
        " WHERE role_grant.bureau = $1 AND role_grant.role = $2 AND role_grant.revoked_at IS NULL"
        " AND person.disabled_at IS NULL",
        [bureau, ADMIN],
    )
    return {row["id"] for row in found}


_ACTOR = (
    "SELECT person.name, person.unit, role_grant.role, role_grant.unit AS held_at, below.id AS below FROM person"
    " LEFT JOIN role_grant ON role_grant.bureau = person.bureau AND role_grant.person = person.id"
    " AND role_grant.revoked_at IS NULL"
    " LEFT JOIN unit AS held ON held.id = role_grant.unit"
    " LEFT JOIN unit AS below ON below.bureau = person.bureau"
    " AND substr(below.path, 1, length(held.path)) = held.path"
    " WHERE person.bureau = $1 AND person.id = $2"
)
_ENABLED_ACTOR = f"{_ACTOR} AND person.disabled_at IS NULL"
"""Raw SQL: every request asks it, and one statement costs a quarter of what three by the ORM do."""


async def actor_of(context: OperationContext) -> Actor:
    """Whose operation this is. A supervisor may accept what somebody recorded who has been disabled since."""
    return await load_actor(
        context.bureau, context.person, context.device, even_disabled=context.accepted_by is not None
    )


async def load_actor(bureau: UUID, person: UUID, device: UUID | None = None, *, even_disabled: bool = False) -> Actor:
    """The person with every role in force and the units those reach. Raises `person.unknown` for a stranger or a disabled one."""
    found = await fetch(_ACTOR if even_disabled else _ENABLED_ACTOR, [bureau, person], brisk=True)
    if not found:
        raise refusal("person.unknown")
    roles: dict[str, set[UUID]] = {}
    reach: dict[str, set[UUID]] = {}
    for row in found:
        if row["role"] is not None:
            roles.setdefault(row["role"], set()).add(row["held_at"])
            reach.setdefault(row["role"], set()).add(row["below"])
    first = found[0]
    return Actor(
        bureau=bureau,
        person=person,
        name=first["name"],
        unit=first["unit"],
        roles={role: frozenset(at) for role, at in roles.items()},
        reach={role: frozenset(over) for role, over in reach.items()},
        device=device,
    )
