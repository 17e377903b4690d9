"""Where operations wait that could not be applied: visible to their author, decided by one action, never lost.

`waiting` is for a person to accept or return; `held` is for a predecessor to be applied.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec

from sync.bulk import among, texts
from sync.bulk import ids as json_ids
from sync.feed import touch
from sync.operations import Kind, OperationContext, Outcome, register_kind
from sync.refusal import quarantine_unknown
from sync.scopes import person_scope
from sync.transaction import execute, fetch, is_postgres
from sync.wire import OperationHead

LIST_MAX = 500
ID_REUSED = "id_reused"
"""The code of an operation whose id was known with other content: what became of that id is no news of this one."""


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

    @property
    def created(self) -> list[UUID]:
        """The target, if this operation was to bring it into being: whatever is about it waits, too."""
        return [self.target] if self.target is not None and self.creates else []


COLUMNS = ", ".join(Kept.__struct_fields__)


def kept_from(row: Any) -> Kept:
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


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the kept to list; None leaves a thing open."""

    states: tuple[str, ...] = ("waiting", "held")
    person: UUID | None = None
    device: UUID | None = None
    op: str | None = None
    code: str | None = None
    target: UUID | None = None


async def list_quarantine(bureau: UUID, *, author: UUID | None = None, is_open: bool = True) -> list[Kept]:
    """What waits for a decision, or everything ever kept; all of the bureau, or one author's. The oldest first."""
    wanted = Filter(person=author) if is_open else Filter(states=(), person=author)
    return await find_kept(bureau, wanted, limit=LIST_MAX)


async def find_kept(
    bureau: UUID, wanted: Filter, *, after: tuple[datetime, int, UUID] | None = None, limit: int
) -> list[Kept]:
    """The kept operations that fit, the oldest first, from behind `after` (time, n and id of the last one seen)."""
    chosen, values = "", list[Any]([bureau])
    for name in ("person", "device", "op", "code", "target"):
        if (value := getattr(wanted, name)) is not None:
            values.append(value)
            chosen += f" AND {name} = ${len(values)}"
    if wanted.states:
        values.append(texts(wanted.states))
        chosen += f" AND state {among(len(values), 'text')}"
    if after is not None:
        values += after
        chosen += f" AND (received_at, n, id) > (${len(values) - 2}, ${len(values) - 1}, ${len(values)})"
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1{chosen} ORDER BY received_at, n, id LIMIT {limit}",
        values,
    )
    return [kept_from(row) for row in found]


async def kept_one(bureau: UUID, id: UUID) -> Kept:
    """Raises `quarantine.unknown`."""
    found = await fetch(f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND id = $2", [bureau, id])
    if not found:
        raise quarantine_unknown()
    return kept_from(found[0])


async def open_for(bureau: UUID, operations: Iterable[UUID], targets: Iterable[UUID]) -> list[Kept]:
    """What is open and may matter to these: their predecessors, creators of their targets, and those held for them.

    Locked, or a decision taken at the same moment would not see what this push is about to hold behind it."""
    wanted = json_ids(operations)
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND state IN ('waiting', 'held')"
        f" AND (operation {among(2)} OR prev {among(2)} OR target {among(3)}) ORDER BY id{locking()}",
        [bureau, wanted, json_ids(targets)],
    )
    return [kept_from(row) for row in found]


def locking() -> str:
    """SQLite's one writer needs no row locks."""
    return " FOR UPDATE" if is_postgres() else ""


async def missing_or_open(bureau: UUID, operations: list[UUID]) -> set[UUID]:
    """Which of these have not been applied: unknown, or themselves in quarantine."""
    found = await fetch(
        f"SELECT id FROM sync_operation WHERE bureau = $1 AND id {among(2)}"
        " AND status NOT IN ('held', 'retry') AND id NOT IN (SELECT operation FROM sync_quarantine"
        f" WHERE bureau = $1 AND operation {among(2)} AND state IN ('waiting', 'held'))",
        [bureau, json_ids(operations)],
    )
    return set(operations) - {row["id"] for row in found}


async def _load(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_quarantine WHERE bureau = $1 AND id {among(2)}",
        [bureau, json_ids(ids)],
    )
    return {row["id"]: msgspec.json.encode(kept_from(row)) for row in found}


async def _scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(
        f"SELECT id, person FROM sync_quarantine WHERE bureau = $1 AND id {among(2)}", [bureau, json_ids(ids)]
    )
    return {row["id"]: {person_scope(row["person"])} for row in found}


register_kind(Kind(name="quarantine", load=_load, scopes=_scopes, priority=1))
