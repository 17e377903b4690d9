"""Keeping promises: tasks follow from visit records, and somebody says that they are done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sync.feed
from server.audit.actions import record_event
from server.moment import now
from server.people.actor import Actor
from server.records.submission import SubmittedRecord
from server.refusals import refusal
from server.tasks.promises import FORM_ID, Promise, promises_in
from server.tasks.tables import CANCELLED, DONE, OPEN, Task
from sync.bulk import insert, locked
from sync.scopes import person_scope
from sync.transaction import transaction

KIND = "task"
_COLUMNS = (
    "id uuid, bureau uuid, person uuid, enterprise uuid, record uuid, source text, title text, due_on date, state text,"
    " note text, created_at timestamptz"
)


async def _hold_task(actor: Actor, task: UUID) -> Task:
    found: Task | None = await locked(Task.visible_to(actor)).get(Task.id == task)
    if found is None:
        raise refusal("task.unknown")
    return found


async def finish_task(actor: Actor, task: UUID, note: str = "") -> Task:
    """Done once is done: saying it again changes nothing. A promise taken back meanwhile may still have been kept."""
    actor.must("task.do")
    async with transaction():
        found = await _hold_task(actor, task)
        if found.state == DONE:
            return found
        found.state, found.note, found.done_at, found.done_by = DONE, note, now(), actor.person
        await found.save()
        sync.feed.touch(actor.bureau, KIND, found.id)
        await record_event(actor, "task.done", KIND, found.id, {})
    return found


async def follow_visit_records(system: Actor, records: list[SubmittedRecord]) -> None:
    """Follower of submitted and amended records: what was promised on a visit becomes tasks of the visitor. Raw SQL: one
    statement for all new ones of a batch."""
    made: list[list[Any]] = []
    for record in records:
        if record.form_id != FORM_ID:
            continue
        promises = promises_in(record.id, record.answers)
        if record.is_amendment:
            await keep_promises(system.bureau, record.id, record.person, record.enterprise, promises)
        else:
            owner = [system.bureau, record.person, record.enterprise, record.id]
            made += [[one.id, *owner, one.source, one.title, one.due_on, OPEN, "", now()] for one in promises]
    if made:
        await insert("task", _COLUMNS, made, "ON CONFLICT (id) DO NOTHING")
        sync.feed.touch_new(system.bureau, KIND, {row[0]: [person_scope(row[2])] for row in made})


async def follow_withdrawal(system: Actor, record: UUID) -> None:
    """Follower of records taken back: what they promised and nobody did yet is off."""
    await keep_promises(system.bureau, record, system.person, None, [])


async def follow_enterprise_merge(system: Actor, old: UUID, into: UUID) -> None:
    """Follower of a merge: what is to be done for the temporary firm is done for the one it became."""
    for row in await Task.select(Task.id).where(Task.bureau == system.bureau, Task.enterprise == old):
        await Task.update({Task.enterprise: into}).where(Task.id == row["id"])
        sync.feed.touch(system.bureau, KIND, row["id"])


async def keep_promises(
    bureau: UUID, record: UUID, person: UUID, enterprise: UUID | None, promises: list[Promise]
) -> None:
    """Makes the tasks of one record what it now says: new ones open, changed ones follow, those no longer in it are
    cancelled. What was done stays done. Runs inside the transaction that stores the record."""
    async with transaction():
        rows = await locked(Task.objects()).where(Task.bureau == bureau, Task.record == record).order_by(Task.id)
        known = {task.id: task for task in rows}
        for promise in promises:
            task = known.pop(promise.id, None)
            if task is None:
                task = Task(
                    id=promise.id,
                    bureau=bureau,
                    person=person,
                    enterprise=enterprise,
                    record=record,
                    source=promise.source,
                    created_at=now(),
                )
            elif task.state == DONE or (task.state, task.title, task.due_on) == (OPEN, promise.title, promise.due_on):
                continue
            task.state, task.title, task.due_on = OPEN, promise.title, promise.due_on
            await task.save()
            sync.feed.touch(bureau, KIND, task.id)
        for task in known.values():
            if task.state == OPEN:
                await Task.update({Task.state: CANCELLED}).where(Task.id == task.id)
                sync.feed.touch(bureau, KIND, task.id)
