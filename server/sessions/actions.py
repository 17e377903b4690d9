"""Desk sessions: sign in, change the one-time password, sign out. Tokens are opaque; only their hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.moment import now
from server.passwords import check_strength, hash_password, matches
from server.people.actions import load_actor
from server.people.actor import Actor
from server.people.tables import Bureau, Person
from server.refusals import refusal
from server.sessions.tables import ANSWERS_KEPT, AnsweredRequest, Session
from server.settings import settings
from sync.identity import new_id
from sync.transaction import transaction

TOKEN_PREFIX = "qfs_"  # noqa: S105 - tells a desk token from a device's, no secret
SEEN_EVERY = timedelta(minutes=1)
"""How often a session in use is written, so that reading stays reading."""


class OpenedSession(Struct, frozen=True):
    token: str
    person: UUID
    name: str
    expires_at: datetime
    must_change_password: bool


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def sign_in(bureau_code: str, login: str, password: str) -> OpenedSession:
    """Raises `session.wrong`, alike for an unknown login, a wrong password, and any password while the login is locked after
    too many failures: whoever guesses learns neither that a login exists nor when to go on."""
    person = await _find_person(bureau_code, login)
    if person is None or _is_locked(person):
        await hash_password(password)  # the same work as for a known login, so that time tells nothing
        raise refusal("session.wrong")
    await _prove(person, password)
    async with transaction():
        await Person.update({Person.failures: 0, Person.locked_until: None}).where(Person.id == person.id)
        token = await open_session_of(person.bureau, person.id)
        await record_event(await load_actor(person.bureau, person.id), "session.open", "person", person.id, {})
    expires = now() + timedelta(hours=settings.session_hours)
    return OpenedSession(token, person.id, person.name, expires, person.must_change_password)


async def open_session_of(bureau: UUID, person: UUID, *, by_console: bool = False) -> str:
    """A token for somebody whose identity is already certain."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    moment = now()
    await Session(
        id=new_id(),
        bureau=bureau,
        person=person,
        token_hash=hash_token(token),
        created_at=moment,
        seen_at=moment,
        is_console=by_console,
    ).save()
    return token


async def actor_of_session(token: str) -> tuple[Actor, bool]:
    """Who this token speaks for, and whether a one-time password is still to be changed. Raises `session.required`."""
    session = await Session.objects().get(Session.token_hash == hash_token(token))
    moment = now()
    if session is None or _is_over(session, moment):
        raise refusal("session.required")
    person = await Person.objects().get(Person.id == session.person)
    if person is None or person.disabled_at is not None:
        raise refusal("session.required")
    if moment - session.seen_at > SEEN_EVERY:
        await Session.update({Session.seen_at: moment}).where(Session.id == session.id)
    actor = await load_actor(session.bureau, session.person)
    return actor, person.must_change_password and not session.is_console


def _is_over(session: Session, moment: datetime) -> bool:
    too_old = moment - session.created_at > timedelta(hours=settings.session_hours)
    idle = moment - session.seen_at > timedelta(minutes=settings.session_idle_minutes)
    return too_old or idle


async def change_password(actor: Actor, token: str, old: str, new: str) -> None:
    """For the signed-in person only. Ends every other session of theirs. Raises `password.same`, `password.weak`, and counts
    wrong guesses as signing in does: a session somebody left open is no way around the lock."""
    person = await Person.objects().get(Person.id == actor.person)
    assert person is not None
    await _prove(person, old)
    if new == old:
        raise refusal("password.same")
    check_strength(new)
    password_hash = await hash_password(new)
    async with transaction():
        await Person.update({Person.password_hash: password_hash, Person.must_change_password: False}).where(
            Person.id == actor.person
        )
        await Session.delete().where((Session.person == actor.person) & (Session.token_hash != hash_token(token)))
        await record_event(actor, "password.change", "person", actor.person, {})


async def sign_out(token: str) -> None:
    await Session.delete().where(Session.token_hash == hash_token(token))


async def _find_person(bureau_code: str, login: str) -> Person | None:
    named = Person.objects().where(Person.login == login)
    if bureau_code:
        bureau = await Bureau.objects().get(Bureau.code == bureau_code)
        if bureau is None:
            return None
        named = named.where(Person.bureau == bureau.id)
    found = await named.limit(2)
    # Without a bureau code a login must be the only one of its name; two bureaus may both have a "dispatcher".
    return found[0] if len(found) == 1 and found[0].disabled_at is None else None


def _is_locked(person: Person) -> bool:
    return person.locked_until is not None and person.locked_until > now()


async def _prove(person: Person, password: str) -> None:
    """Raises `session.wrong`, `session.locked`."""
    if _is_locked(person):
        until = person.locked_until.astimezone(settings.timezone)
        raise refusal("session.locked", until=until.isoformat(timespec="minutes"))
    if not await matches(person.password_hash, password):
        await _count_failure(person)
        raise refusal("session.wrong")


async def _count_failure(person: Person) -> None:
    """Counted by the database, so that guesses sent at the same time are each counted."""
    async with transaction():
        await Person.update({Person.failures: Person.failures + 1}).where(Person.id == person.id)
        row = await Person.select(Person.failures).where(Person.id == person.id).first()
        if row is not None and row["failures"] >= settings.login_failures_max:
            locked = now() + timedelta(minutes=settings.login_lock_minutes)
            await Person.update({Person.failures: 0, Person.locked_until: locked}).where(Person.id == person.id)


async def forget_old_rows() -> None:
    """Job: ended sessions and the kept answers of repeated requests."""
    await Session.delete().where(Session.created_at < now() - timedelta(hours=settings.session_hours))
    await AnsweredRequest.delete().where(AnsweredRequest.created_at < now() - ANSWERS_KEPT)
