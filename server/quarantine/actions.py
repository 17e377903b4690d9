"""What phones sent and could not be applied: seen by its author and by supervisors, accepted or returned by one action."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.people.actor import Actor
from server.people.tables import Bureau
from sync import decisions, quarantine, results
from sync.patches import ConflictBody, open_conflicts
from sync.transaction import retrying, transaction


class Waiting(Struct, frozen=True, kw_only=True):
    """One operation that waits. `body` is what the phone sent, unchanged."""

    id: UUID
    person: UUID
    device: UUID
    n: int
    op: str
    target: UUID | None
    state: str
    code: str
    received_at: datetime
    details: msgspec.Raw
    body: msgspec.Raw


class OpenConflict(Struct, frozen=True, kw_only=True):
    id: UUID
    conflict: ConflictBody


async def list_waiting(actor: Actor) -> list[Waiting]:
    """A supervisor sees the bureau's, everybody else their own."""
    author = None if actor.may("quarantine.judge") else actor.person
    kept = await quarantine.list_quarantine(actor.bureau, author=author)
    return [Waiting(**{name: getattr(one, name) for name in Waiting.__struct_fields__}) for one in kept]


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


async def list_conflicts(actor: Actor) -> list[OpenConflict]:
    actor.must("quarantine.judge")
    return [OpenConflict(id=id, conflict=body) for id, body in await open_conflicts(actor.bureau)]


async def release_overdue() -> dict[str, Any]:
    """Job: what was held five days for a predecessor that never came is applied on the current state."""
    return {bureau.code: await decisions.release_overdue(bureau.id) for bureau in await Bureau.objects()}


async def forget_results() -> None:
    """Job: bodies of results that phones have acknowledged and that are 45 days old; the ids stay for ever."""
    for bureau in await Bureau.objects():
        await results.forget_results(bureau.id)
