"""Posts with their holders, and absences: who may change them, and what is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.moment import now, today
from server.people.actions import Code, Line, Name, find_unit, hold_bureau, load_actor
from server.people.actor import Actor
from server.people.tables import Person, Unit
from server.refusals import refusal
from server.routing.posts.duty import absences_on, holders_of, loads_of
from server.routing.posts.tables import Absence, Post, PostHolder
from sync.identity import named_id, new_id
from sync.transaction import transaction

HOLDERS_MAX = 100
WORKS = "issue.reply"
"""Whoever handles issues of a unit holds this over it."""
ABSENCE_DAYS_MAX = 400


class HolderIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    login: Line
    capacity: Annotated[int, Meta(ge=0, le=10_000)] = 0
    """Most open issues at once; 0 for no limit."""
    substitute: Line = ""
    """Login of whoever stands in when an absence names nobody."""


class PostIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    holders: Annotated[list[HolderIn], Meta(max_length=HOLDERS_MAX)] = []


class HolderOut(Struct, frozen=True, kw_only=True):
    login: str
    name: str
    capacity: int
    substitute: str
    open: int
    is_on_duty: bool
    away_until: date | None


class PostOut(Struct, frozen=True, kw_only=True):
    unit: str
    code: str
    name: str
    is_retired: bool
    holders: list[HolderOut]


class AbsenceIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    login: Line
    starts_on: date
    ends_on: date
    """The last day away."""
    substitute: Line = ""
    reason: Line = ""


class AbsenceOut(Struct, frozen=True, kw_only=True):
    id: UUID
    login: str
    name: str
    starts_on: date
    ends_on: date
    substitute: str
    reason: str
    is_cancelled: bool


DutyChanged = Callable[[UUID], Awaitable[None]]
_changed: list[DutyChanged] = []


def on_duty_changed(follower: DutyChanged) -> None:
    """Have `follower(bureau)` called in the transaction of whatever may have made somebody free."""
    if follower not in _changed:
        _changed.append(follower)


async def _tell_changed(bureau: UUID) -> None:
    for follower in _changed:
        await follower(bureau)


async def list_posts(actor: Actor, unit: str = "") -> list[PostOut]:
    actor.must("routing.read")
    units = {row.id: row.code for row in await Unit.of_bureau(actor.bureau)}
    if unit and unit not in units.values():
        raise refusal("unit.unknown", unit=unit)
    posts = await Post.objects().where(Post.bureau == actor.bureau).order_by(Post.code)
    posts = [post for post in posts if not unit or units[post.unit] == unit]
    rows = await holders_of(actor.bureau, [post.id for post in posts])
    persons = {row.id: row for row in await Person.of_bureau(actor.bureau)} if rows else {}
    held = [row.person for row in rows]
    loads, away = await loads_of(actor.bureau, held), await absences_on(actor.bureau, held, today())

    def shown(row: PostHolder) -> HolderOut:
        person, stands_in = persons[row.person], persons.get(row.substitute) if row.substitute else None
        absence = away.get(row.person)
        return HolderOut(
            login=person.login,
            name=person.name,
            capacity=row.capacity,
            substitute=stands_in.login if stands_in is not None else "",
            open=loads[row.person].open if row.person in loads else 0,
            is_on_duty=absence is None and person.disabled_at is None,
            away_until=absence.ends_on if absence is not None else None,
        )

    return [
        PostOut(
            unit=units[post.unit],
            code=post.code,
            name=post.name,
            is_retired=post.retired_at is not None,
            holders=[shown(row) for row in rows if row.post == post.id],
        )
        for post in sorted(posts, key=lambda post: (units[post.unit], post.code))
    ]


async def put_post(actor: Actor, unit_code: str, code: Code, wanted: PostIn) -> PostOut:
    """Makes the post or changes it; its holders are those named, in this order. Raises `unit.unknown`, `person.unknown`,
    `post.holder_twice`, `post.holder_cannot` for somebody whose roles do not reach the unit's issues."""
    actor.must("routing.write")
    async with transaction():
        await hold_bureau(actor.bureau)
        unit = await _reached_unit(actor, unit_code)
        logins = [holder.login for holder in wanted.holders]
        if len(set(logins)) < len(logins):
            raise refusal("post.holder_twice", login=next(one for one in logins if logins.count(one) > 1))
        able: dict[str, UUID] = {}
        for login in dict.fromkeys([*logins, *(holder.substitute for holder in wanted.holders if holder.substitute)]):
            able[login] = await _able(actor.bureau, unit, login)
        post = Post(
            id=named_id("post", actor.bureau, unit.code, code), bureau=actor.bureau, unit=unit.id, code=code, name=wanted.name
        )  # fmt: skip
        known = await Post.objects().get((Post.bureau == actor.bureau) & (Post.unit == unit.id) & (Post.code == code))
        if known is not None:
            post = known
            post.name, post.retired_at = wanted.name, None
        await post.save()
        await _set_holders(post, wanted.holders, able)
        details = {"unit": unit.code, "code": code, "holders": logins}
        await record_event(actor, "post.put", "post", post.id, details)
        await _tell_changed(actor.bureau)
    return next(one for one in await list_posts(actor, unit.code) if one.code == code)


async def _set_holders(post: Post, holders: list[HolderIn], able: dict[str, UUID]) -> None:
    """Who stays keeps the date since when; every change ends one row and begins another."""
    before = {row.person: row for row in await holders_of(post.bureau, [post.id])}
    for place, holder in enumerate(holders):
        substitute = able.get(holder.substitute)
        row = before.pop(able[holder.login], None)
        if row is not None and (row.capacity, row.substitute) == (holder.capacity, substitute):
            row.place = place
            await row.save()
            continue
        if row is not None:
            before[row.person] = row
        await PostHolder(
            id=new_id(), bureau=post.bureau, post=post.id, person=able[holder.login], place=place,
            capacity=holder.capacity, substitute=substitute, since=now(),
        ).save()  # fmt: skip
    for row in before.values():
        row.until = now()
        await row.save()


async def retire_post(actor: Actor, unit_code: str, code: str) -> PostOut:
    """No new issue goes to it; rules that name it are shown as complaints. Raises `post.unknown`."""
    actor.must("routing.write")
    async with transaction():
        unit = await _reached_unit(actor, unit_code)
        post = await Post.objects().get((Post.bureau == actor.bureau) & (Post.unit == unit.id) & (Post.code == code))
        if post is None:
            raise refusal("post.unknown", post=code, unit=unit.code)
        post.retired_at = post.retired_at or now()
        await post.save()
        await record_event(actor, "post.retire", "post", post.id, {"unit": unit.code, "code": code})
    return next(one for one in await list_posts(actor, unit.code) if one.code == code)


async def list_absences(actor: Actor, on: date | None = None) -> list[AbsenceOut]:
    """Those of a day; without one, all that are not over."""
    actor.must("routing.read")
    where = (Absence.bureau == actor.bureau) & Absence.cancelled_at.is_null() & (Absence.ends_on >= (on or today()))
    if on is not None:
        where &= Absence.starts_on <= on
    rows = await Absence.objects().where(where).order_by(Absence.starts_on, Absence.id)
    return [await _shown(row) for row in rows]


async def note_absence(actor: Actor, absence: AbsenceIn) -> AbsenceOut:
    """One's own, or with `duty.write` that of anybody in reach. Raises `absence.days`, `person.unknown`, `absence.substitute`."""
    actor.must("routing.read")
    if not timedelta(0) <= absence.ends_on - absence.starts_on <= timedelta(days=ABSENCE_DAYS_MAX):
        raise refusal("absence.days", limit=ABSENCE_DAYS_MAX)
    async with transaction():
        person = await _theirs(actor, absence.login)
        substitute = await _find_person(actor.bureau, absence.substitute) if absence.substitute else None
        if substitute is not None and substitute.id == person.id:
            raise refusal("absence.substitute", login=absence.substitute)
        row = Absence(
            id=new_id(),
            bureau=actor.bureau,
            person=person.id,
            starts_on=absence.starts_on,
            ends_on=absence.ends_on,
            substitute=substitute.id if substitute is not None else None,
            reason=absence.reason,
            noted_by=actor.person,
            created_at=now(),
        )
        await row.save()
        details = {"person": str(person.id), "starts_on": str(row.starts_on), "ends_on": str(row.ends_on)}
        await record_event(actor, "absence.note", "absence", row.id, details)
    return await _shown(row)


async def end_absence(actor: Actor, id: UUID) -> AbsenceOut:
    """Back today; one that has not begun is cancelled. Raises `absence.unknown`."""
    actor.must("routing.read")
    async with transaction():
        row = await Absence.objects().get((Absence.bureau == actor.bureau) & (Absence.id == id))
        if row is None or row.cancelled_at is not None or row.ends_on < today():
            raise refusal("absence.unknown")
        person = await Person.objects().get((Person.bureau == actor.bureau) & (Person.id == row.person))
        await _theirs(actor, person.login if person is not None else "")
        if row.starts_on >= today():
            row.cancelled_at = now()
        else:
            row.ends_on = today() - timedelta(days=1)
        await row.save()
        await record_event(actor, "absence.end", "absence", row.id, {"person": str(row.person)})
        await _tell_changed(actor.bureau)
    return await _shown(row)


async def _shown(row: Absence) -> AbsenceOut:
    wanted = [row.person, *([row.substitute] if row.substitute is not None else [])]
    names = {one.id: one for one in await Person.objects().where(Person.bureau == row.bureau, Person.id.is_in(wanted))}
    return AbsenceOut(
        id=row.id,
        login=names[row.person].login,
        name=names[row.person].name,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        substitute=names[row.substitute].login if row.substitute in names else "",
        reason=row.reason,
        is_cancelled=row.cancelled_at is not None,
    )


async def _theirs(actor: Actor, login: str) -> Person:
    person = await _find_person(actor.bureau, login)
    if person.id == actor.person or actor.is_system:
        return person
    actor.must("duty.write")
    if person.unit not in actor.units("duty.write"):
        raise refusal("person.unknown", login=login)
    return person


async def _find_person(bureau: UUID, login: str) -> Person:
    person = await Person.objects().get((Person.bureau == bureau) & (Person.login == login))
    if person is None or person.disabled_at is not None:
        raise refusal("person.unknown", login=login)
    return person


async def _able(bureau: UUID, unit: Unit, login: str) -> UUID:
    person = await _find_person(bureau, login)
    if unit.id not in (await load_actor(bureau, person.id)).units(WORKS):
        raise refusal("post.holder_cannot", login=login, unit=unit.code)
    return person.id


async def _reached_unit(actor: Actor, code: str) -> Unit:
    unit = await find_unit(actor.bureau, code)
    if not actor.is_system and unit.id not in actor.units("routing.write"):
        raise refusal("unit.unknown", unit=code)
    return unit
