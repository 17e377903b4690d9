"""The choice inside a post with what the database knows: who holds it, who is away, who has how much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from server.moment import today
from server.people.tables import Person
from server.routing.posts.choice import Choice, Holder, choose_holder
from server.routing.posts.tables import Absence, Post, PostHolder

CHAIN_MAX = 10
"""So many substitutes of substitutes are followed."""


class Load(Struct, frozen=True):
    open: int
    given_at: datetime | None


Loads = Callable[[UUID, list[UUID]], Awaitable[dict[UUID, Load]]]
_loads: list[Loads] = []


def weigh_with(loads: Loads) -> None:
    """Have `loads(bureau, persons)` say how many open issues each has; registered in `server.wiring`."""
    _loads[:] = [loads]


async def loads_of(bureau: UUID, persons: list[UUID]) -> dict[UUID, Load]:
    return await _loads[0](bureau, persons) if _loads and persons else {}


async def find_post(bureau: UUID, unit: UUID, code: str = "") -> Post | None:
    """The post a rule names; where it names none, the unit's only one."""
    where = (Post.bureau == bureau) & (Post.unit == unit) & Post.retired_at.is_null()
    found = await Post.objects().where(where).order_by(Post.code)
    if code:
        return next((post for post in found if post.code == code), None)
    return found[0] if len(found) == 1 else None


async def holders_of(bureau: UUID, posts: list[UUID]) -> list[PostHolder]:
    if not posts:
        return []
    where = (PostHolder.bureau == bureau) & PostHolder.post.is_in(posts) & PostHolder.until.is_null()
    return await PostHolder.objects().where(where).order_by(PostHolder.place)


async def absences_on(bureau: UUID, persons: list[UUID], day: date) -> dict[UUID, Absence]:
    """The absence each is on; the one that lasts longest when several overlap."""
    if not persons:
        return {}
    rows = await Absence.objects().where(
        Absence.bureau == bureau,
        Absence.person.is_in(persons),
        Absence.cancelled_at.is_null(),
        Absence.starts_on <= day,
        Absence.ends_on >= day,
    )
    return {row.person: row for row in sorted(rows, key=lambda row: row.ends_on)}


async def choose_in_post(
    bureau: UUID, post: Post, unwanted: frozenset[UUID] = frozenset(), on: date | None = None
) -> Choice:
    """Whose issue it would be on that day (today), with the reasons."""
    rows = await holders_of(bureau, [post.id])
    known = await known_holders(bureau, rows, on or today())
    return choose_holder(post.name, [known[row.person] for row in rows if row.person in known], known, unwanted)


async def known_holders(bureau: UUID, rows: list[PostHolder], day: date) -> dict[UUID, Holder]:
    """The holders and everybody who may stand in for them, link by link."""
    own = {row.person: row for row in rows}
    known: dict[UUID, Holder] = {}
    wanted = list(own)
    for _ in range(CHAIN_MAX):
        if not wanted:
            break
        persons = await Person.objects().where(Person.bureau == bureau, Person.id.is_in(wanted))
        absences = await absences_on(bureau, wanted, day)
        loads = await loads_of(bureau, wanted)
        for person in persons:
            absence, row = absences.get(person.id), own.get(person.id)
            named = absence.substitute if absence is not None else None
            load = loads.get(person.id, Load(0, None))
            known[person.id] = Holder(
                person=person.id,
                name=person.name,
                load=load.open,
                capacity=row.capacity if row is not None else 0,
                given_at=load.given_at,
                has_left=person.disabled_at is not None,
                away_until=absence.ends_on if absence is not None else None,
                substitute=named or (row.substitute if row is not None else None),
            )
        wanted = [
            one.substitute for one in known.values() if one.substitute is not None and one.substitute not in known
        ]
    return known
