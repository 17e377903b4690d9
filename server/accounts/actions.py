"""Service accounts: another system that works here, by a key instead of a password. A key is shown once; its hash is kept."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.accounts.tables import ServiceKey
from server.allowance import Allowance
from server.audit.actions import record_event
from server.moment import now
from server.people.actions import NewPerson, add_person, load_actor
from server.people.actor import Actor
from server.people.roles import INTAKE
from server.people.tables import Person
from server.refusals import refusal
from server.sessions.actions import hash_token
from server.settings import settings
from sync.identity import new_id
from sync.transaction import transaction

KEY_PREFIX = "qfk_"
START_CHARACTERS = 10
SEEN_EVERY = timedelta(minutes=1)
"""How often a key in use is written, so that reading stays reading."""


class NewAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unit` is where the account stands: what its roles reach is counted from there."""

    login: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    unit: Annotated[str, Meta(min_length=1, max_length=64)]
    roles: Annotated[tuple[str, ...], Meta(max_length=10)] = (INTAKE,)


class Account(Struct, frozen=True, kw_only=True):
    id: UUID
    """Of the key."""
    person: UUID
    login: str
    name: str
    start: str
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    key: str = ""
    """Only in the answer to making one."""


@cache
def asked() -> Allowance:
    return Allowance(settings.key_requests_per_minute)


async def open_account(actor: Actor, new: NewAccount) -> Account:
    """Raises what adding a person raises."""
    actor.must("person.write")
    async with transaction():
        wanted = NewPerson(login=new.login, name=new.name, unit=new.unit, roles=new.roles)
        added = await add_person(actor, wanted, with_password=False)
        return await _give_key(actor, added.id, new.login, new.name)


async def list_accounts(actor: Actor) -> list[Account]:
    """Revoked keys too: who had access, and when it was last used."""
    actor.must("person.read")
    persons = {row.id: row for row in await Person.of_bureau(actor.bureau)}
    rows = await ServiceKey.of_bureau(actor.bureau)
    return [_shown(row, persons[row.person].login, persons[row.person].name) for row in rows]


async def renew_key(actor: Actor, id: UUID) -> Account:
    """A new key for the same account; the old one ends at once. Raises `account.unknown`."""
    actor.must("person.write")
    async with transaction():
        row = await _revoke(actor, id)
        person = await Person.objects().get(Person.id == row.person)
        assert person is not None
        return await _give_key(actor, person.id, person.login, person.name)


async def revoke_key(actor: Actor, id: UUID) -> None:
    """Raises `account.unknown`."""
    actor.must("person.write")
    async with transaction():
        await _revoke(actor, id)


async def actor_of_key(key: str) -> Actor:
    """Raises `account.key_wrong`, `account.too_often`."""
    row = await ServiceKey.objects().get(ServiceKey.key_hash == hash_token(key)) if key.startswith(KEY_PREFIX) else None
    if row is None or row.revoked_at is not None:
        raise refusal("account.key_wrong")
    person = await Person.objects().get(Person.id == row.person)
    if person is None or person.disabled_at is not None:
        raise refusal("account.key_wrong")
    moment = now()
    if wait := asked().take(str(row.id), moment):
        raise refusal("account.too_often", retry_after=wait, limit=settings.key_requests_per_minute)
    if row.used_at is None or moment - row.used_at > SEEN_EVERY:
        await ServiceKey.update({ServiceKey.used_at: moment}).where(ServiceKey.id == row.id)
    return await load_actor(row.bureau, row.person)


async def _revoke(actor: Actor, id: UUID) -> ServiceKey:
    row = await ServiceKey.objects().get((ServiceKey.bureau == actor.bureau) & (ServiceKey.id == id))
    if row is None or row.revoked_at is not None:
        raise refusal("account.unknown")
    row.revoked_at = now()
    await row.save()
    await record_event(actor, "account.revoke", "person", row.person, {"start": row.start})
    return row


async def _give_key(actor: Actor, person: UUID, login: str, name: str) -> Account:
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    row = ServiceKey(
        id=new_id(), bureau=actor.bureau, person=person, key_hash=hash_token(key), start=key[:START_CHARACTERS],
        created_at=now(), created_by=actor.person,
    )  # fmt: skip
    await row.save()
    await record_event(actor, "account.key", "person", person, {"start": row.start})
    return _shown(row, login, name, key)


def _shown(row: ServiceKey, login: str, name: str, key: str = "") -> Account:
    return Account(
        id=row.id, person=row.person, login=login, name=name, start=row.start, created_at=row.created_at,
        used_at=row.used_at, revoked_at=row.revoked_at, key=key,
    )  # fmt: skip
