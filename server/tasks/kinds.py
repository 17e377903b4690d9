"""What phones see and do of tasks: one's own, and saying that one is done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.people.actions import actor_of
from server.tasks.actions import KIND, finish_task
from server.tasks.tables import CANCELLED, NO_DAY
from sync.bulk import among, ids
from sync.operations import Kind, Operation, OperationContext, Outcome, operation, register_kind
from sync.scopes import person_scope
from sync.transaction import fetch

COLUMNS = "id, person, enterprise, record, source, title, due_on, state, note, done_at"


class TaskDone(Struct, frozen=True, forbid_unknown_fields=True):
    note: str = ""


async def load(bureau: UUID, tasks: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(f"SELECT {COLUMNS} FROM task WHERE bureau = $1 AND id {among(2)}", [bureau, ids(tasks)])
    return {row["id"]: msgspec.json.encode(_body(row)) for row in found}


def _body(row: Any) -> dict[str, Any]:
    return dict(row) | {"due_on": None if row["due_on"] == NO_DAY else row["due_on"]}


async def scopes(bureau: UUID, tasks: list[UUID]) -> dict[UUID, set[str]]:
    """A promise taken back leaves the phone."""
    found = await fetch(
        f"SELECT id, person FROM task WHERE bureau = $1 AND state <> $3 AND id {among(2)}",
        [bureau, ids(tasks), CANCELLED],
    )
    return {row["id"]: {person_scope(row["person"])} for row in found}


async def apply_done(context: OperationContext, done: Operation[TaskDone]) -> Outcome | None:
    actor = await actor_of(context)
    await finish_task(actor, done.target, done.args.note)
    return None


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=1))
    operation("task.done", args=TaskDone, kind=KIND)(apply_done)
