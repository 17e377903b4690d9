"""Field edits (`enterprise.patch` and its like): merged where they can be, kept as a conflict where two hands differ."""

from typing import Any
from uuid import UUID

import msgspec

from sync.conflicts import keep_conflict
from sync.feed import current_id
from sync.merge import FieldConflict, merge_fields
from sync.operations import (
    Operation,
    OperationContext,
    Outcome,
    applied,
    conflict,
    kind_of,
    merged,
    operation,
    quarantine,
)
from sync.scopes import scopes_of, visible_ids
from sync.stamps import read_stamps, server_edits, stamp_fields
from sync.transaction import fetch


class PatchArgs(msgspec.Struct, forbid_unknown_fields=True):
    """The new values, by field."""

    set: dict[str, Any]


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
    current = await kind.fields(context.bureau, target)
    if current is None:
        return await _edit_of_the_deleted(context, op, kind_name, target, wanted)
    if context.accepted_by is None and not await visible_ids(context.bureau, context.person, kind_name, [target]):
        return _out_of_reach()
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
        edits = await server_edits(context.bureau, kind_name, target, merge.conflicts)
        return conflict(await keep_conflict(context, op, kind_name, target, merge.conflicts, edits))
    return merged() if merge.is_beside else applied()


def fields_unknown(names: set[str]) -> Outcome:
    return quarantine("patch.field_unknown", "不能修改这些字段", "These fields cannot be edited", fields=sorted(names))


def _out_of_reach() -> Outcome:
    return quarantine("patch.out_of_reach", "该对象已不在您的范围内", "The row is no longer within your reach")


async def _edit_of_the_deleted(
    context: OperationContext, op: Operation[Any], kind: str, target: UUID, wanted: dict[str, Any]
) -> Outcome:
    """The deletion stands. The edit becomes a conflict that can be revived, if this person had the row; nobody learns by
    asking whether a row they never saw has been there."""
    scopes = await _last_scopes(context.bureau, kind, target)
    if context.accepted_by is None and not scopes & await scopes_of(context.bureau, context.person):
        return _out_of_reach()
    if not scopes:
        return quarantine(
            "patch.target_gone", "该对象已不存在, 修改已保留", "The row is not there any more; the edit is kept"
        )
    fields = {field: FieldConflict((op.was or {}).get(field), None, value) for field, value in wanted.items()}
    return conflict(await keep_conflict(context, op, kind, target, fields, {}, gone=True))


async def _last_scopes(bureau: UUID, kind: str, id: UUID) -> set[str]:
    """Where a deleted row was when it went; nowhere once its tombstones have been collected."""
    found = await fetch(
        "SELECT scope FROM sync_feed WHERE bureau = $1 AND kind = $2 AND id = $3 AND op = 'gone' AND seq ="
        " (SELECT max(seq) FROM sync_feed WHERE bureau = $1 AND kind = $2 AND id = $3)",
        [bureau, kind, id],
    )
    return {row["scope"] for row in found}
