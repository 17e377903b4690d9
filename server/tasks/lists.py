"""The list of tasks, by keyset: the most urgent first, those without a day at the end."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from msgspec import Struct

from server.paging import Page, page_of
from server.people.actor import Actor
from server.refusals import refusal
from server.tasks.tables import STATES, Task


class TaskFilter(Struct, frozen=True, kw_only=True):
    state: str
    enterprise: UUID | None = None
    person: UUID | None = None
    due_before: date | None = None


async def list_tasks(actor: Actor, wanted: TaskFilter, *, after: str, limit: int) -> Page[Task]:
    actor.must("task.do" if not actor.is_bureau_wide("task.read") else "task.read")
    if wanted.state not in STATES:
        raise refusal("task.state_unknown", state=wanted.state, states=", ".join(STATES))
    query = Task.visible_to(actor).where(Task.state == wanted.state)
    if wanted.enterprise is not None:
        query = query.where(Task.enterprise == wanted.enterprise)
    if wanted.person is not None:
        query = query.where(Task.person == wanted.person)
    if wanted.due_before is not None:
        query = query.where(Task.due_on < wanted.due_before)
    return await page_of(query, (Task.due_on, Task.id), after=after, limit=limit)
