"""What phones sent and could not be applied: seen by its author and by supervisors, accepted, returned or tried again."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.paging import Page, check_limit, mark, read_mark
from server.people.actor import Actor
from server.people.tables import Bureau, Person
from sync import decisions, quarantine, results
from sync.quarantine import Filter, Kept
from sync.refusal import Refusal
from sync.transaction import retrying, transaction

REPLAYS_MAX = 1000
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
OPEN = ("waiting", "held")
State = Literal["open", "all", "waiting", "held", "accepted", "returned", "released"]


class Waiting(Struct, frozen=True, kw_only=True):
    """One operation that waits, or waited. `body` is what the phone sent, unchanged."""

    id: UUID
    operation: UUID
    person: UUID
    person_name: str
    device: UUID
    n: int
    op: str
    target: UUID | None
    prev: UUID | None
    state: str
    code: str
    received_at: datetime
    details: msgspec.Raw
    body: msgspec.Raw
    decided_by: UUID | None
    decided_by_name: str
    decided_at: datetime | None
    note: str | None


class Query(Struct, frozen=True, kw_only=True):
    """Which to list; empty means any. `open` is what waits for a person or for another operation."""

    state: State = "open"
    person: UUID | None = None
    device: UUID | None = None
    op: str | None = None
    code: str | None = None
    target: UUID | None = None


class Replayed(Struct, frozen=True):
    """How many were applied now, and how many wait on."""

    applied: int
    waiting: int


async def list_waiting(actor: Actor, query: Query | None = None, *, after: str = "", limit: int = 200) -> Page[Waiting]:
    """A supervisor sees the bureau's, everybody else their own. The oldest first."""
    query = query or Query()
    states = {"open": OPEN, "all": ()}.get(query.state, (query.state,))
    wanted = Filter(
        states=states,
        person=query.person if actor.may("quarantine.judge") else actor.person,
        device=query.device,
        op=query.op,
        code=query.code,
        target=query.target,
    )
    behind = read_mark(after, tuple[datetime, Number, UUID]) if after else None
    limit = check_limit(limit)
    found = await quarantine.find_kept(actor.bureau, wanted, after=behind, limit=limit + 1)
    page = found[:limit]
    next_mark = mark(page[-1].received_at, page[-1].n, page[-1].id) if len(found) > limit else None
    return Page(await _shown(actor.bureau, page), next_mark)


async def read_waiting(actor: Actor, id: UUID) -> Waiting:
    """Raises `quarantine.unknown`, also for what is another's."""
    kept = await quarantine.kept_one(actor.bureau, id)
    if kept.person != actor.person and not actor.may("quarantine.judge"):
        kept = await quarantine.kept_one(actor.bureau, UUID(int=0))
    return (await _shown(actor.bureau, [kept]))[0]


async def _shown(bureau: UUID, many: list[Kept]) -> list[Waiting]:
    names = await names_of(bureau, {one.person for one in many} | {one.decided_by for one in many})
    told = {"person_name", "decided_by_name"}
    plain = [name for name in Waiting.__struct_fields__ if name not in told]
    return [
        Waiting(
            **{name: getattr(one, name) for name in plain},
            person_name=names.get(one.person, ""),
            decided_by_name=names.get(one.decided_by, ""),
        )
        for one in many
    ]


async def names_of(bureau: UUID, persons: set[Any]) -> dict[Any, str]:
    wanted = [person for person in persons if person is not None]
    if not wanted:
        return {}
    rows = await Person.select(Person.id, Person.name).where(Person.bureau == bureau, Person.id.is_in(wanted))
    return {row["id"]: row["name"] for row in rows}


async def accept(actor: Actor, id: UUID, note: str) -> str:
    """Applies the operation on this person's word; answers what became of it."""
    actor.must("quarantine.judge")

    async def work() -> str:
        async with transaction():
            outcome = await decisions.accept(actor.bureau, id, by=actor.person, note=note)
            await record_event(actor, "quarantine.accept", "operation", id, {"status": outcome.status})
        return outcome.status

    return await retrying(work)


async def return_to_author(actor: Actor, id: UUID, note: str) -> None:
    actor.must("quarantine.judge")

    async def work() -> None:
        async with transaction():
            await decisions.return_to_author(actor.bureau, id, by=actor.person, note=note)
            await record_event(actor, "quarantine.return", "operation", id, {})

    await retrying(work)


async def replay(actor: Actor, id: UUID) -> str:
    """Applies the operation again with all its checks; answers what became of it: `rejected` waits on."""
    actor.must("quarantine.judge")

    async def work() -> str:
        async with transaction():
            outcome = await decisions.replay(actor.bureau, id, by=actor.person)
            await record_event(actor, "quarantine.replay", "operation", id, {"status": outcome.status})
        return outcome.status

    return await retrying(work)


async def replay_all(actor: Actor, code: str, op: str | None) -> Replayed:
    """The same for everything that waits for one reason, each on its own; 1,000 at a time."""
    actor.must("quarantine.judge")
    wanted = Filter(states=("waiting",), code=code, op=op)
    became: Counter[bool] = Counter()
    for kept in await quarantine.find_kept(actor.bureau, wanted, limit=REPLAYS_MAX):
        try:
            became[await replay(actor, kept.id) not in ("rejected", "retry")] += 1
        except Refusal:
            became[False] += 1
    return Replayed(became[True], became[False])


async def release_overdue() -> dict[str, Any]:
    """Job: what was held five days for a predecessor that never came is applied on the current state."""
    return {bureau.code: await decisions.release_overdue(bureau.id) for bureau in await Bureau.objects()}


async def forget_results() -> None:
    """Job: bodies of results that phones have acknowledged and that are 45 days old; the ids stay for ever."""
    for bureau in await Bureau.objects():
        await results.forget_results(bureau.id)
