"""Field edits (`enterprise.patch` and its like): merged where they can be, kept as a conflict where two hands differ."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from sync import refusal
from sync.bulk import among
from sync.bulk import ids as json_ids
from sync.configuration import now
from sync.feed import FLUSH_ORDER, Stamp, current_id, flush, touch
from sync.identity import named_id
from sync.merge import FieldConflict, FieldStamp, merge_fields
from sync.operations import (
    Kind,
    Operation,
    OperationContext,
    Outcome,
    applied,
    conflict,
    kind_of,
    merged,
    operation,
    quarantine,
    register_kind,
)
from sync.scopes import person_scope, visible_ids
from sync.transaction import defer, execute, executemany, fetch, is_postgres


class PatchArgs(msgspec.Struct, forbid_unknown_fields=True):
    """The new values, by field."""

    set: dict[str, Any]


class ConflictBody(msgspec.Struct):
    """What people see of a conflict."""

    kind: str
    target: UUID
    operation: UUID
    person: UUID
    device: UUID | None
    device_at: str
    fields: dict[str, FieldConflict]
    server_hands: dict[str, str]


_patches: dict[str, str] = {}


def register_patch(name: str, kind: str) -> None:
    """Let phones edit this kind field by field with the operation `name`; the kind brings `fields` and `write`."""
    _patches[kind] = name

    @operation(name, args=PatchArgs, kind=kind)
    async def patch(context: OperationContext, op: Operation[PatchArgs]) -> Outcome:
        return await apply_patch(context, op, kind, op.args.set)


def patch_operation(kind: str) -> str | None:
    """The operation that edits rows of this kind field by field, if there is one."""
    return _patches.get(kind)


async def apply_patch(context: OperationContext, op: Operation[Any], kind_name: str, wanted: dict[str, Any]) -> Outcome:
    """Merge these values into the row; what two hands changed to different values becomes a conflict row."""
    kind = kind_of(kind_name)
    if kind.fields is None or kind.write is None:
        raise RuntimeError(f"kind {kind_name} cannot be patched: it has no fields and write")
    target = await current_id(context.bureau, kind_name, op.target)
    if context.accepted_by is None and not await visible_ids(context.bureau, context.person, kind_name, [target]):
        return quarantine("patch.out_of_reach", "该对象已不在您的范围内", "The row is no longer within your reach")
    current = await kind.fields(context.bureau, target)
    if current is None:
        return quarantine("patch.target_gone", "该对象已被删除, 修改已保留", "Deleted meanwhile; the edit is kept")
    if unknown := set(wanted) - set(current):
        return fields_unknown(unknown)
    stamps = await read_stamps(context.bureau, kind_name, target)
    merge = merge_fields(
        base=op.base, was=op.was or {}, wanted=wanted, current=current, stamps=stamps, hand=context.hand
    )
    if merge.changes:
        await kind.write(context, target, merge.changes)
        await stamp_fields(context.bureau, kind_name, target, merge.changes, hand=context.hand, person=context.person)
    if merge.conflicts:
        hands = {field: stamps[field].hand for field in merge.conflicts if field in stamps}
        return conflict(await _keep_conflict(context, op, kind_name, target, merge.conflicts, hands))
    return merged() if merge.is_beside else applied()


def fields_unknown(names: set[str]) -> Outcome:
    return quarantine("patch.field_unknown", "不能修改这些字段", "These fields cannot be edited", fields=sorted(names))


async def read_stamps(bureau: UUID, kind: str, id: UUID) -> dict[str, FieldStamp]:
    found = await fetch(
        "SELECT field, v, hand FROM sync_field WHERE bureau = $1 AND kind = $2 AND id = $3", [bureau, kind, id]
    )
    return {row["field"]: FieldStamp(row["v"], row["hand"]) for row in found}


async def stamp_fields(
    bureau: UUID, kind: str, id: UUID, fields: Iterable[str], *, hand: str, person: UUID | None
) -> None:
    """Note that this hand changed these fields in this transaction. Desk edits and imports of patchable kinds must
    call it too, with the person's or the import's name as the hand, or phones' edits may conflict for no reason."""
    moment = now()
    await executemany(
        "INSERT INTO sync_field (bureau, kind, id, field, v, hand, person, at) VALUES ($1, $2, $3, $4, NULL, $5, $6, $7)"
        " ON CONFLICT (bureau, kind, id, field)"
        " DO UPDATE SET v = NULL, hand = excluded.hand, person = excluded.person, at = excluded.at",
        [[bureau, kind, id, field, hand, person, moment] for field in fields],
    )
    defer(flush, Stamp(bureau, kind, id), order=FLUSH_ORDER)
    touch(bureau, kind, id)


async def _keep_conflict(
    context: OperationContext,
    op: Operation[Any],
    kind: str,
    target: UUID,
    fields: dict[str, FieldConflict],
    hands: dict[str, str],
) -> UUID:
    id = named_id("conflict", context.bureau, op.id)
    body = ConflictBody(kind, target, op.id, context.person, context.device, op.at.isoformat(), fields, hands)
    await execute(
        "INSERT INTO sync_conflict (bureau, id, kind, target, operation, person, body, at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [context.bureau, id, kind, target, op.id, context.person, msgspec.json.encode(body).decode(), now()],
    )
    touch(context.bureau, "conflict", id)
    return id


async def open_conflicts(bureau: UUID) -> list[tuple[UUID, ConflictBody]]:
    """Conflicts nobody has decided yet, the oldest first."""
    found = await fetch(
        "SELECT id, body FROM sync_conflict WHERE bureau = $1 AND resolved_at IS NULL ORDER BY at, id", [bureau]
    )
    return [(row["id"], msgspec.json.decode(row["body"], type=ConflictBody)) for row in found]


async def resolve_conflict(context: OperationContext, id: UUID, values: dict[str, Any]) -> None:
    """Decide a conflict: `values` are written, the server's value stands for the fields left out."""
    locking = " FOR UPDATE" if is_postgres() else ""
    found = await fetch(
        f"SELECT kind, target, body, resolved_at FROM sync_conflict WHERE bureau = $1 AND id = $2{locking}",
        [context.bureau, id],
    )
    if not found:
        raise refusal.conflict_unknown()
    row = found[0]
    if row["resolved_at"] is not None:
        raise refusal.conflict_resolved()
    body = msgspec.json.decode(row["body"], type=ConflictBody)
    strangers = sorted(set(values) - set(body.fields))
    if strangers:
        raise refusal.malformed(f"$.set.{strangers[0]}")
    write = kind_of(row["kind"]).write
    if values and write is not None:
        target = await current_id(context.bureau, row["kind"], row["target"])
        await write(context, target, values)
        await stamp_fields(context.bureau, row["kind"], target, values, hand=context.hand, person=context.person)
    await execute(
        "UPDATE sync_conflict SET resolved_by = $3, resolved_at = $4, resolution = $5 WHERE bureau = $1 AND id = $2",
        [context.bureau, id, context.person, now(), msgspec.json.encode(values).decode()],
    )
    touch(context.bureau, "conflict", id)


@operation("conflict.resolve", args=PatchArgs, kind="conflict")
async def _resolve(context: OperationContext, op: Operation[PatchArgs]) -> Outcome:
    if not await visible_ids(context.bureau, context.person, "conflict", [op.target]):
        raise refusal.conflict_unknown()
    await resolve_conflict(context, op.target, op.args.set)
    return applied()


async def _load_conflicts(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT id, body, resolved_by, resolved_at, resolution FROM sync_conflict WHERE bureau = $1 AND id {among(2)}",
        [bureau, json_ids(ids)],
    )
    return {
        row["id"]: msgspec.json.encode(
            {
                "conflict": msgspec.Raw(row["body"].encode()),
                "resolved_by": row["resolved_by"],
                "resolved_at": row["resolved_at"],
                "resolution": msgspec.Raw((row["resolution"] or "null").encode()),
            }
        )
        for row in found
    }


async def _conflict_scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    """A conflict is seen by its author and by whoever sees the row it is about."""
    found = await fetch(
        "SELECT sync_conflict.id AS id, sync_conflict.person AS person, sync_feed.scope AS scope FROM sync_conflict"
        " LEFT JOIN sync_feed ON sync_feed.bureau = sync_conflict.bureau AND sync_feed.kind = sync_conflict.kind"
        " AND sync_feed.id = sync_conflict.target AND sync_feed.op = 'put'"
        f" WHERE sync_conflict.bureau = $1 AND sync_conflict.id {among(2)}",
        [bureau, json_ids(ids)],
    )
    scopes: dict[UUID, set[str]] = {}
    for row in found:
        mine = scopes.setdefault(row["id"], {person_scope(row["person"])})
        if row["scope"] is not None:
            mine.add(row["scope"])
    return scopes


register_kind(Kind(name="conflict", load=_load_conflicts, scopes=_conflict_scopes, priority=1))
