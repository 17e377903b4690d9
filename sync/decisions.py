"""What becomes of operations in quarantine: accepted or returned by a person, released when what they waited for is in.

Accepting applies the kept operation as a new server operation, with the checks of assignment and version waived, and then
releases what was held behind it, in the order of n.
"""

from datetime import timedelta
from uuid import UUID, uuid5

import msgspec

from sync import refusal
from sync.bulk import among
from sync.bulk import ids as json_ids
from sync.configuration import now
from sync.effects import apply_one, understand
from sync.feed import touch
from sync.operations import OperationContext, Outcome
from sync.quarantine import COLUMNS, ID_REUSED, LIST_MAX, Kept, kept_from, locking, missing_or_open
from sync.results import result_of, store_results
from sync.transaction import execute, fetch, retrying, transaction
from sync.wire import WireOperation, operation_decoder

HELD_AT_MOST = timedelta(days=5)
DECIDED_ONLY = (ID_REUSED, "device.revoked")
"""Reasons that nothing mends: somebody must say that the work is to be taken."""


async def accept(bureau: UUID, id: UUID, *, by: UUID, note: str = "") -> Outcome:
    """Apply the kept operation on a supervisor's word. If it still cannot be applied, its refusal is raised and
    nothing changes."""
    return await retrying(lambda: _accept(bureau, id, by, note))


async def _accept(bureau: UUID, id: UUID, by: UUID, note: str) -> Outcome:
    async with transaction():
        kept = await _lock(bureau, id)
        accepted = uuid5(kept.id, "accept")
        is_reused = kept.code == ID_REUSED
        outcome = await _apply(kept, bureau, accepted_by=by, under=accepted if is_reused else None)
        if outcome.status in ("rejected", "retry"):
            raise refusal.Refusal(
                outcome.code or "quarantine.not_applicable",
                409,
                outcome.zh or "仍无法执行此操作",
                outcome.en or "The operation still cannot be applied",
                **(outcome.details or {}),
            )
        await execute(
            "INSERT INTO sync_operation (bureau, id, hash, status, received_at) VALUES ($1, $2, $3, $4, $5)",
            [bureau, accepted, "", outcome.status, now()],
        )
        await _decide(bureau, kept, "accepted", by, note)
        if not is_reused:
            await store_results(bureau, [result_of(kept.operation, outcome)])
        await release(bureau, [kept.operation], kept.created)
    return outcome


async def return_to_author(bureau: UUID, id: UUID, *, by: UUID, note: str) -> None:
    """Give the operation back with a reason, and with it whatever was held behind it."""
    await retrying(lambda: _return(bureau, id, by, note))


async def _return(bureau: UUID, id: UUID, by: UUID, note: str) -> None:
    async with transaction():
        kept = await _lock(bureau, id)
        await _decide(bureau, kept, "returned", by, note)
        operations, targets = [kept.operation], kept.created
        while dependants := await _held_behind(bureau, operations, targets):
            for one in dependants:
                await _decide(bureau, one, "returned", by, note)
            operations = [one.operation for one in dependants]
            targets = [target for one in dependants for target in one.created]


async def _lock(bureau: UUID, id: UUID) -> Kept:
    found = await fetch(f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND id = $2{locking()}", [bureau, id])
    if not found:
        raise refusal.quarantine_unknown()
    if found[0]["state"] not in ("waiting", "held"):
        raise refusal.quarantine_decided(found[0]["state"])
    return kept_from(found[0])


async def _decide(bureau: UUID, kept: Kept, state: str, by: UUID | None, note: str) -> None:
    await execute(
        "UPDATE sync_quarantine SET state = $3, decided_by = $4, decided_at = $5, note = $6"
        " WHERE bureau = $1 AND id = $2",
        [bureau, kept.id, state, by, now(), note],
    )
    touch(bureau, "quarantine", kept.id)


async def _apply(
    kept: Kept, bureau: UUID, *, accepted_by: UUID | None = None, late: bool = False, under: UUID | None = None
) -> Outcome:
    """Hand the kept operation to its handler; `under` is the id it goes by when its own belongs to another."""
    try:
        wire: WireOperation = operation_decoder.decode(kept.body)
    except msgspec.DecodeError as error:
        raise refusal.Refusal(
            "operation.unreadable", 409, "此操作无法读取", "This operation cannot be read", reason=str(error)
        ) from error
    if under is not None:
        wire = msgspec.structs.replace(wire, id=under)
    context = OperationContext(
        bureau=bureau,
        person=kept.person,
        device=kept.device,
        received_at=kept.received_at,
        accepted_by=accepted_by,
        late=late,
    )
    understood = understand(wire)
    if isinstance(understood, Outcome):
        return understood
    return await apply_one(context, *understood)


async def release(bureau: UUID, operations: list[UUID], targets: list[UUID]) -> None:
    """Apply what was held behind these operations and targets, now that they are in, in the order of n; and then
    what was held behind that."""
    while candidates := await _held_behind(bureau, operations, targets):
        operations, targets = [], []
        for kept in candidates:
            if await is_blocked(bureau, kept):
                continue
            await _release_one(bureau, kept, late=False)
            operations.append(kept.operation)
            targets.extend(kept.created)
        if not operations:
            return


async def replay(bureau: UUID, id: UUID, *, by: UUID) -> Outcome:
    """Apply the kept operation again, with all its checks, because what stood in its way has been mended: a form that was
    published, an assignment that was set right. Where it still does not fit it waits on, with the reason of today."""
    return await retrying(lambda: _replay(bureau, id, by))


async def _replay(bureau: UUID, id: UUID, by: UUID) -> Outcome:
    async with transaction():
        kept = await _lock(bureau, id)
        if kept.code in DECIDED_ONLY:
            raise refusal.quarantine_needs_decision(kept.code)
        if await is_blocked(bureau, kept):
            raise refusal.quarantine_waits()
        outcome = await _release_one(bureau, kept, late=False, by=by)
        if outcome.status not in ("rejected", "retry"):
            await release(bureau, [kept.operation], kept.created)
    return outcome


async def _release_one(bureau: UUID, kept: Kept, *, late: bool, by: UUID | None = None) -> Outcome:
    outcome = await _apply(kept, bureau, late=late)
    if outcome.status == "rejected":
        details = {"zh": outcome.zh, "en": outcome.en, "path": outcome.path, **(outcome.details or {})}
        await execute(
            "UPDATE sync_quarantine SET state = 'waiting', code = $3, details = $4 WHERE bureau = $1 AND id = $2",
            [bureau, kept.id, outcome.code or "", msgspec.json.encode(details).decode()],
        )
        touch(bureau, "quarantine", kept.id)
    elif outcome.status != "retry":
        await _decide(bureau, kept, "released", by, "late" if late else "")
    await store_results(bureau, [result_of(kept.operation, outcome, kept.id)])
    return outcome


async def _held_behind(bureau: UUID, operations: list[UUID], targets: list[UUID]) -> list[Kept]:
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND state = 'held'"
        f" AND (prev {among(2)} OR target {among(3)}) ORDER BY device, n{locking()}",
        [bureau, json_ids(operations), json_ids(targets)],
    )
    return [kept_from(row) for row in found]


async def is_blocked(bureau: UUID, kept: Kept) -> bool:
    """Is a predecessor, or the creator of its target, still open (or, for a predecessor, not here at all)?"""
    creators = await fetch(
        "SELECT id FROM sync_quarantine WHERE bureau = $1 AND target = $2 AND creates IS NOT NULL AND id <> $3"
        " AND state IN ('waiting', 'held')",
        [bureau, kept.target, kept.id],
    )
    if creators:
        return True
    return kept.prev is not None and bool(await missing_or_open(bureau, [kept.prev]))


async def release_overdue(bureau: UUID) -> int:
    """Apply what has been held for five days without its predecessor ever arriving: on the current state, marked. Before
    that, what waits for nothing any more because its handler had asked for another try. Returns how many were overdue."""
    return await retrying(lambda: _release_overdue(bureau))


async def _release_overdue(bureau: UUID) -> int:
    async with transaction():
        await _try_again(bureau)
        found = await fetch(
            f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND state = 'held' AND prev IS NOT NULL"
            " AND received_at <= $2 AND NOT EXISTS (SELECT 1 FROM sync_operation"
            f" WHERE sync_operation.bureau = $1 AND sync_operation.id = sync_quarantine.prev) ORDER BY device, n{locking()}",
            [bureau, now() - HELD_AT_MOST],
        )
        overdue = [kept_from(row) for row in found]
        for kept in overdue:
            await _release_one(bureau, kept, late=True)
            await release(bureau, [kept.operation], kept.created)
    return len(overdue)


async def _try_again(bureau: UUID) -> None:
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND state = 'held' AND operation IN"
        " (SELECT id FROM sync_operation WHERE sync_operation.bureau = $1 AND status = 'retry')"
        f" ORDER BY device, n LIMIT {LIST_MAX}{locking()}",
        [bureau],
    )
    for kept in map(kept_from, found):
        if not await is_blocked(bureau, kept):
            await _release_one(bureau, kept, late=False)
            await release(bureau, [kept.operation], kept.created)
