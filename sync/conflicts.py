"""Conflicts: two hands changed one field, or one changed what another deleted. Seen by their author and by whoever sees the
row, wherever it goes; decided once, on the road or at a desk."""

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from sync import refusal
from sync.bulk import among, texts
from sync.bulk import ids as json_ids
from sync.configuration import now
from sync.feed import current_id, touch
from sync.identity import named_id
from sync.merge import FieldConflict
from sync.operations import Kind, Operation, OperationContext, Outcome, applied, kind_of, operation, register_kind
from sync.scopes import person_scope, visible_ids
from sync.stamps import ServerEdit, stamp_fields
from sync.transaction import execute, fetch, is_postgres


class Resolution(msgspec.Struct, forbid_unknown_fields=True):
    """Values for some of the fields two hands differ about; `revive` brings the row back that was deleted meanwhile."""

    set: dict[str, Any]
    revive: bool = False


class ConflictBody(msgspec.Struct):
    """What people see of a conflict. `device_at` is the device's time as told, `device_at_corrected` as far as we believe it;
    `gone` says that the row had been deleted when the edit came."""

    kind: str
    target: UUID
    operation: UUID
    person: UUID
    device: UUID | None
    device_at: str
    fields: dict[str, FieldConflict]
    server_hands: dict[str, str]
    server_edits: dict[str, ServerEdit] = {}
    device_at_corrected: datetime | None = None
    gone: bool = False


class KeptConflict(msgspec.Struct, frozen=True, kw_only=True):
    """A conflict as it stands. `target` is where its row lives now: merges may have moved it since the body was written."""

    id: UUID
    target: UUID
    body: ConflictBody
    at: datetime
    resolved_by: UUID | None = None
    resolved_at: datetime | None = None
    resolution: dict[str, Any] | None = None


COLUMNS = "id, target, body, at, resolved_by, resolved_at, resolution"
_body = msgspec.json.Decoder(ConflictBody)
_values = msgspec.json.Decoder(dict[str, Any] | None)


def _kept(row: Any) -> KeptConflict:
    return KeptConflict(
        id=row["id"],
        target=row["target"],
        body=_body.decode(row["body"]),
        at=row["at"],
        resolved_by=row["resolved_by"],
        resolved_at=row["resolved_at"],
        resolution=_values.decode(row["resolution"] or "null"),
    )


async def keep_conflict(
    context: OperationContext,
    op: Operation[Any],
    kind: str,
    target: UUID,
    fields: dict[str, FieldConflict],
    edits: dict[str, ServerEdit],
    *,
    gone: bool = False,
) -> UUID:
    id = named_id("conflict", context.bureau, op.id)
    body = ConflictBody(
        kind=kind,
        target=target,
        operation=op.id,
        person=context.person,
        device=context.device,
        device_at=op.at.isoformat(),
        fields=fields,
        server_hands={field: edit.hand for field, edit in edits.items()},
        server_edits=edits,
        device_at_corrected=context.event_time(op.at).at,
        gone=gone,
    )
    await execute(
        "INSERT INTO sync_conflict (bureau, id, kind, target, operation, person, body, at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [context.bureau, id, kind, target, op.id, context.person, msgspec.json.encode(body).decode(), now()],
    )
    touch(context.bureau, "conflict", id)
    return id


async def list_conflicts(
    bureau: UUID, *, is_open: bool = True, target: UUID | None = None, after: tuple[Any, UUID] | None = None, limit: int
) -> list[KeptConflict]:
    """Conflicts nobody has decided yet, or all there ever were, the oldest first."""
    chosen = " AND resolved_at IS NULL" if is_open else ""
    values: list[Any] = [bureau]
    if target is not None:
        values.append(target)
        chosen += f" AND target = ${len(values)}"
    if after is not None:
        values += after
        chosen += f" AND (at, id) > (${len(values) - 1}, ${len(values)})"
    found = await fetch(
        f"SELECT {COLUMNS} FROM sync_conflict WHERE bureau = $1{chosen} ORDER BY at, id LIMIT {limit}", values
    )
    return [_kept(row) for row in found]


async def find_conflict(bureau: UUID, id: UUID) -> KeptConflict:
    """Raises `conflict.unknown`."""
    found = await fetch(f"SELECT {COLUMNS} FROM sync_conflict WHERE bureau = $1 AND id = $2", [bureau, id])
    if not found:
        raise refusal.conflict_unknown()
    return _kept(found[0])


async def resolve_conflict(context: OperationContext, id: UUID, decided: Resolution) -> None:
    """Decide a conflict: the values are written, the server's value stands for the fields left out. Of a row that was
    deleted, values can be written only when it is revived."""
    if is_postgres():
        await fetch("SELECT id FROM sync_conflict WHERE bureau = $1 AND id = $2 FOR UPDATE", [context.bureau, id])
    kept = await find_conflict(context.bureau, id)
    if kept.resolved_at is not None:
        raise refusal.conflict_resolved()
    strangers = sorted(set(decided.set) - set(kept.body.fields))
    if strangers:
        raise refusal.malformed(f"$.set.{strangers[0]}")
    kind = kind_of(kept.body.kind)
    target = await current_id(context.bureau, kept.body.kind, kept.target)
    if decided.revive:
        if kind.revive is None:
            raise refusal.conflict_not_revivable()
        await kind.revive(context, target)
    if decided.set and kind.write is not None and kind.fields is not None:
        if await kind.fields(context.bureau, target) is None:
            raise refusal.conflict_row_gone()
        await kind.write(context, target, decided.set)
        await stamp_fields(
            context.bureau, kept.body.kind, target, decided.set, hand=context.hand, person=context.person
        )
    await execute(
        "UPDATE sync_conflict SET resolved_by = $3, resolved_at = $4, resolution = $5 WHERE bureau = $1 AND id = $2",
        [context.bureau, id, context.person, now(), msgspec.json.encode(decided.set).decode()],
    )
    touch(context.bureau, "conflict", id)


@operation("conflict.resolve", args=Resolution, kind="conflict")
async def _resolve(context: OperationContext, op: Operation[Resolution]) -> Outcome:
    if not await visible_ids(context.bureau, context.person, "conflict", [op.target]):
        raise refusal.conflict_unknown()
    await resolve_conflict(context, op.target, op.args)
    return applied()


async def _load(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT id, target, body, resolved_by, resolved_at, resolution FROM sync_conflict"
        f" WHERE bureau = $1 AND id {among(2)}",
        [bureau, json_ids(ids)],
    )
    return {
        row["id"]: msgspec.json.encode(
            {
                "conflict": msgspec.Raw(row["body"].encode()),
                "target": row["target"],
                "resolved_by": row["resolved_by"],
                "resolved_at": row["resolved_at"],
                "resolution": msgspec.Raw((row["resolution"] or "null").encode()),
            }
        )
        for row in found
    }


async def _scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    """A conflict is seen by its author and by whoever sees the row it is about, or saw it when it was deleted."""
    found = await fetch(
        f"SELECT id, person, kind, target FROM sync_conflict WHERE bureau = $1 AND id {among(2)}",
        [bureau, json_ids(ids)],
    )
    lines = await fetch(
        "SELECT id, scope, op FROM sync_feed WHERE bureau = $1"
        f" AND kind {among(2, 'text')} AND id {among(3)} AND op IN ('put', 'gone')",
        [bureau, texts({row["kind"] for row in found}), json_ids({row["target"] for row in found})],
    )
    by_op: dict[tuple[UUID, str], set[str]] = defaultdict(set)
    for line in lines:
        by_op[line["id"], line["op"]].add(line["scope"])
    return {
        row["id"]: {person_scope(row["person"])} | (by_op[row["target"], "put"] or by_op[row["target"], "gone"])
        for row in found
    }


async def _follow(bureau: UUID, elsewhere: list[tuple[str, UUID]]) -> list[UUID]:
    """Conflicts about rows that have come into other scopes; about one that was merged, they are about the other now."""
    found = await fetch(
        f"SELECT id, kind, target FROM sync_conflict WHERE bureau = $1 AND target {among(2)} ORDER BY id",
        [bureau, json_ids(id for _, id in elsewhere)],
    )
    for row in found:
        target = await current_id(bureau, row["kind"], row["target"])
        if target != row["target"]:
            await execute(
                "UPDATE sync_conflict SET target = $3 WHERE bureau = $1 AND id = $2", [bureau, row["id"], target]
            )
    return [row["id"] for row in found]


register_kind(Kind(name="conflict", load=_load, scopes=_scopes, follow=_follow, priority=1))
