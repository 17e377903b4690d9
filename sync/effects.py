"""Operations meet their handlers here: decoded, in order, in savepoints, and none of them takes another along."""

import logging
from typing import Any

import msgspec

from sync.operations import (
    APPLIED,
    Operation,
    OperationContext,
    Outcome,
    Registration,
    kind_of,
    operation_of,
    quarantine,
)
from sync.refusal import Refusal
from sync.transaction import is_fatal, is_postgres, transaction
from sync.wire import WireOperation

log = logging.getLogger("sync")
_was = msgspec.json.Decoder(dict[str, Any] | None)


class Undo(Exception):
    """The handler answered that nothing was applied, so nothing may stay written."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def understand(wire: WireOperation, plain: Any = msgspec.UNSET) -> tuple[Registration, Operation[Any]] | Outcome:
    """The operation with its arguments decoded (`plain`: as plain values, by whoever had to), or why it goes to quarantine."""
    registration = operation_of(wire.op)
    if registration is None:
        return quarantine("operation.unknown", "服务器不认识此操作", "The server does not know this operation")
    try:
        args = registration.decoder.decode(wire.args)
        was = _was.decode(wire.was) if wire.was else None
    except msgspec.DecodeError as error:
        return quarantine(
            "operation.malformed",
            "操作内容不完整或格式有误",
            "The operation's content is incomplete or malformed",
            path=path_of(error),
            reason=str(error),
        )
    decoded = Operation(
        id=wire.id,
        n=wire.n,
        op=wire.op,
        target=wire.target,
        args=args,
        at=wire.at,
        base=wire.base,
        was=was,
        prev=wire.prev,
        raw=bytes(wire.args),
        plain=plain,
    )
    return registration, decoded


def path_of(error: Exception) -> str:
    _, found, path = str(error).partition(" - at `")
    return path.rstrip("`") if found else "$"


async def lock_targets(context: OperationContext, wires: list[WireOperation]) -> None:
    """Lock what a push will write in one sorted order, so that two pushes rarely deadlock. SQLite has one writer."""
    if not is_postgres():
        return
    targets: dict[str, set[Any]] = {}
    for wire in wires:
        registration = operation_of(wire.op)
        if registration is not None and registration.kind is not None:
            targets.setdefault(registration.kind, set()).add(wire.target)
    for name in sorted(targets):
        lock = kind_of(name).lock
        if lock is not None:
            await lock(context.bureau, sorted(targets[name]))


async def apply_together(
    context: OperationContext, registration: Registration, operations: list[Operation[Any]]
) -> list[Outcome]:
    """Consecutive operations of one name: in bulk under one savepoint if the handler can, else one by one."""
    if registration.batch is not None and len(operations) > 1:
        try:
            async with transaction():
                outcomes = await registration.batch(context, operations)
                if len(outcomes) != len(operations):
                    raise RuntimeError(
                        f"{registration.name}: {len(outcomes)} outcomes for {len(operations)} operations"
                    )
                return outcomes
        except Exception as error:
            if is_fatal(error):
                raise
            log.info("bulk of %s fell back to one by one: %r", registration.name, error)
    return [await apply_one(context, registration, one) for one in operations]


async def apply_one(context: OperationContext, registration: Registration, one: Operation[Any]) -> Outcome:
    """One operation under its own savepoint. What its handler refuses, or fails at, is kept in quarantine: a phone
    must never be stuck behind one bad record."""
    try:
        async with transaction():
            outcome = await registration.handler(context, one) or APPLIED
            if outcome.status in ("rejected", "retry") and not outcome.keeps:
                raise Undo(outcome)
            return outcome
    except Undo as undo:
        return undo.outcome
    except Refusal as refusal:
        return quarantine(refusal.code, refusal.zh, refusal.en, **refusal.details)
    except Exception as error:
        if is_fatal(error):
            raise
        log.exception("operation %s %s failed", one.op, one.id)
        return quarantine(
            "operation.failed", "服务器处理此操作时出错, 内容已保留", "The server failed at this operation; it is kept"
        )
