"""Where operations wait that could not be applied: visible to their author, decided by one action, never lost.

`waiting` is for a person to accept or return; `held` is for a predecessor to be applied. Accepting applies the kept
operation as a new server operation, with the checks of assignment and version waived, and then releases what was held
behind it, in the order of n.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from sync import refusal
from sync.bulk import among
from sync.bulk import ids as json_ids
from sync.configuration import now
from sync.effects import apply_one, understand
from sync.feed import touch
from sync.operations import Kind, OperationContext, Outcome, register_kind
from sync.results import result_of, store_results
from sync.scopes import person_scope
from sync.transaction import execute, fetch, is_postgres, transaction
from sync.wire import OperationHead, WireOperation, operation_decoder

HELD_AT_MOST = timedelta(days=5)
LIST_MAX = 500


class Kept(msgspec.Struct, kw_only=True):
    """One operation in quarantine."""

    id: UUID
    operation: UUID
    device: UUID
    person: UUID
    n: int
    op: str
    target: UUID | None
    prev: UUID | None
    creates: str | None
    state: str
    code: str
    details: msgspec.Raw
    body: msgspec.Raw
    received_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    note: str | None


COLUMNS = ", ".join(Kept.__struct_fields__)


def _kept(row: Any) -> Kept:
    values = {name: row[name] for name in Kept.__struct_fields__}
    values["details"] = msgspec.Raw(row["details"].encode())
    values["body"] = msgspec.Raw(row["body"].encode())
    return Kept(**values)


async def keep(
    context: OperationContext,
    head: OperationHead,
    body: bytes,
    outcome: Outcome,
    *,
    state: str = "waiting",
    creates: str | None = None,
    prev: UUID | None = None,
    salt: str = "",
) -> UUID:
    """Store an operation that was not applied, with its reason; the same one twice is kept once."""
    if context.device is None:
        raise RuntimeError("only a device's operation can go to quarantine")
    id = uuid5(head.id, f"quarantine/{salt}")
    details = {"zh": outcome.zh, "en": outcome.en, "path": outcome.path, **(outcome.details or {})}
    await execute(
        "INSERT INTO sync_quarantine (bureau, id, operation, device, person, n, op, target, prev, creates, state, code,"
        " details, body, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        " ON CONFLICT (bureau, id) DO NOTHING",
        [
            context.bureau,
            id,
            head.id,
            context.device,
            context.person,
            head.n,
            head.op.replace("\0", ""),
            _uuid_or_none(head.target),
            prev,
            creates,
            state,
            outcome.code or "",
            msgspec.json.encode(details).decode(),
            body.decode(errors="replace"),
            context.received_at,
        ],
    )
    touch(context.bureau, "quarantine", id)
    return id


def _uuid_or_none(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


async def list_quarantine(bureau: UUID, *, author: UUID | None = None, is_open: bool = True) -> list[Kept]:
    """What waits for a decision, or everything ever kept; all of the bureau, or one author's. The oldest first."""
    chosen = " AND state IN ('waiting', 'held')" if is_open else ""
    chosen += "" if author is None else " AND person = $2"
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1{chosen} ORDER BY received_at, n LIMIT {LIST_MAX}",
        [bureau] if author is None else [bureau, author],
    )
    return [_kept(row) for row in found]


async def open_for(bureau: UUID, operations: Iterable[UUID], targets: Iterable[UUID]) -> list[Kept]:
    """What is open and may matter to these: their predecessors, creators of their targets, and those held for them."""
    wanted = json_ids(operations)
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND state IN ('waiting', 'held')"
        f" AND (operation {among(2)} OR prev {among(2)} OR target {among(3)})",
        [bureau, wanted, json_ids(targets)],
    )
    return [_kept(row) for row in found]


async def accept(bureau: UUID, id: UUID, *, by: UUID, note: str = "") -> Outcome:
    """Apply the kept operation on a supervisor's word. If it still cannot be applied, its refusal is raised and
    nothing changes."""
    async with transaction():
        kept = await _lock(bureau, id)
        outcome = await _apply(kept, bureau, accepted_by=by)
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
            [bureau, uuid5(kept.id, "accept"), "", outcome.status, now()],
        )
        await _decide(bureau, kept, "accepted", by, note)
        await store_results(bureau, [result_of(kept.operation, outcome)])
        await release(bureau, [kept.operation], [] if kept.target is None else [kept.target])
    return outcome


async def return_to_author(bureau: UUID, id: UUID, *, by: UUID, note: str) -> None:
    """Give the operation back with a reason, and with it whatever was held behind it."""
    async with transaction():
        kept = await _lock(bureau, id)
        await _decide(bureau, kept, "returned", by, note)
        for dependant in await _held_behind(bureau, [kept.operation], [kept.target] if kept.target else []):
            await return_to_author(bureau, dependant.id, by=by, note=note)


async def _lock(bureau: UUID, id: UUID) -> Kept:
    locking = " FOR UPDATE" if is_postgres() else ""
    found = await fetch(f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND id = $2{locking}", [bureau, id])
    if not found:
        raise refusal.quarantine_unknown()
    if found[0]["state"] not in ("waiting", "held"):
        raise refusal.quarantine_decided(found[0]["state"])
    return _kept(found[0])


async def _decide(bureau: UUID, kept: Kept, state: str, by: UUID | None, note: str) -> None:
    await execute(
        "UPDATE sync_quarantine SET state = $3, decided_by = $4, decided_at = $5, note = $6"
        " WHERE bureau = $1 AND id = $2",
        [bureau, kept.id, state, by, now(), note],
    )
    touch(bureau, "quarantine", kept.id)


async def _apply(kept: Kept, bureau: UUID, *, accepted_by: UUID | None = None, late: bool = False) -> Outcome:
    try:
        wire: WireOperation = operation_decoder.decode(kept.body)
    except msgspec.DecodeError as error:
        raise refusal.Refusal(
            "operation.unreadable", 409, "此操作无法读取", "This operation cannot be read", reason=str(error)
        ) from error
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
            if kept.target is not None and kept.creates:
                targets.append(kept.target)
        if not operations:
            return


async def _release_one(bureau: UUID, kept: Kept, *, late: bool) -> None:
    outcome = await _apply(kept, bureau, late=late)
    if outcome.status == "rejected":
        details = {"zh": outcome.zh, "en": outcome.en, "path": outcome.path, **(outcome.details or {})}
        await execute(
            "UPDATE sync_quarantine SET state = 'waiting', code = $3, details = $4 WHERE bureau = $1 AND id = $2",
            [bureau, kept.id, outcome.code or "", msgspec.json.encode(details).decode()],
        )
        touch(bureau, "quarantine", kept.id)
    elif outcome.status != "retry":
        await _decide(bureau, kept, "released", None, "late" if late else "")
    await store_results(bureau, [result_of(kept.operation, outcome, kept.id)])


async def _held_behind(bureau: UUID, operations: list[UUID], targets: list[UUID]) -> list[Kept]:
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND state = 'held'"
        f" AND (prev {among(2)} OR target {among(3)}) ORDER BY device, n",
        [bureau, json_ids(operations), json_ids(targets)],
    )
    return [_kept(row) for row in found]


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


async def missing_or_open(bureau: UUID, operations: list[UUID]) -> set[UUID]:
    """Which of these have not been applied: unknown, or themselves in quarantine."""
    found = await fetch(
        f"SELECT id FROM sync_operation WHERE bureau = $1 AND id {among(2)}"
        " AND status NOT IN ('held', 'retry') AND id NOT IN (SELECT operation FROM sync_quarantine"
        f" WHERE bureau = $1 AND operation {among(2)} AND state IN ('waiting', 'held'))",
        [bureau, json_ids(operations)],
    )
    return set(operations) - {row["id"] for row in found}


async def release_overdue(bureau: UUID) -> int:
    """Apply what has been held for five days without its predecessor ever arriving: on the current state, marked."""
    async with transaction():
        found = await fetch(
            f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND state = 'held' AND prev IS NOT NULL"
            " AND received_at <= $2 AND NOT EXISTS (SELECT 1 FROM sync_operation"
            " WHERE sync_operation.bureau = $1 AND sync_operation.id = sync_quarantine.prev) ORDER BY device, n",
            [bureau, now() - HELD_AT_MOST],
        )
        overdue = [_kept(row) for row in found]
        for kept in overdue:
            await _release_one(bureau, kept, late=True)
            await release(bureau, [kept.operation], [])
    return len(overdue)


async def _load(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND id {among(2)}",
        [bureau, json_ids(ids)],
    )
    return {row["id"]: msgspec.json.encode(_kept(row)) for row in found}


async def _scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(
        f"SELECT id, person FROM sync_quarantine WHERE bureau = $1 AND id {among(2)}", [bureau, json_ids(ids)]
    )
    return {row["id"]: {person_scope(row["person"])} for row in found}


register_kind(Kind(name="quarantine", load=_load, scopes=_scopes, priority=1))
