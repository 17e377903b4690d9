"""Tasks over HTTP: what is to be done by when, and saying that it is done."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from server.door import once
from server.moment import today
from server.paging import LIMIT_DEFAULT, Page
from server.shown import shown
from server.tasks.actions import finish_task
from server.tasks.lists import TaskFilter, list_tasks
from server.tasks.tables import NO_DAY, OPEN, Task


class TaskOut(Struct, frozen=True, kw_only=True):
    id: UUID
    person: UUID
    enterprise: UUID | None
    record: UUID | None
    source: str
    title: str
    due_on: date | None
    is_overdue: bool
    state: str
    note: str
    done_at: datetime | None


class DoneTask(Struct, frozen=True, forbid_unknown_fields=True):
    note: str = ""


def task_out(task: Task) -> TaskOut:
    return shown(
        TaskOut,
        task,
        due_on=None if task.due_on == NO_DAY else task.due_on,
        is_overdue=task.state == OPEN and task.due_on < today(),
    )


@get("/tasks")
async def get_tasks(
    request: Request[Any, Any, Any],
    in_state: Annotated[str, QueryParameter(name="state")] = OPEN,
    enterprise: FromQuery[UUID | None] = None,
    person: FromQuery[UUID | None] = None,
    due_before: FromQuery[date | None] = None,
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[TaskOut]:
    """The most urgent first; tasks without a day at the end."""
    wanted = TaskFilter(state=in_state, enterprise=enterprise, person=person, due_before=due_before)
    page = await list_tasks(request.user, wanted, after=after, limit=limit)
    return Page([task_out(task) for task in page.items], page.next)


@post("/tasks/{task:uuid}/done", status_code=200)
async def post_done(request: Request[Any, Any, Any], task: FromPath[UUID], data: JSONBody[DoneTask]) -> TaskOut:
    async def work() -> TaskOut:
        return task_out(await finish_task(request.user, task, data.note))

    return await once(request, request.user, work)  # type: ignore[return-value]


router = Router("/v1", route_handlers=[get_tasks, post_done], tags=["tasks"])
