"""Call-backs over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from server.callbacks.actions import list_callbacks, record_callback
from server.callbacks.answers import Answers
from server.callbacks.duty.actions import RulesOut, Wanted, give_task, list_tasks, replace_rules, show_rules, tasks_of
from server.callbacks.duty.draw import Rules
from server.callbacks.tables import Callback, CallbackTask
from server.door import once
from server.issues.actions import reach_issue
from server.moment import today
from server.paging import LIMIT_DEFAULT, Page
from server.shown import shown


class CallbackOut(Struct, frozen=True, kw_only=True):
    """`respondent` is shown to those who call back, to nobody else."""

    id: UUID
    report: UUID
    turn: int
    n: int
    caller: UUID
    at: datetime
    channel: str
    reached: str
    respondent: str
    contacted: str
    solved: str
    satisfied: str
    attitude: int | None
    speed: int | None
    why_not: list[str]
    why_words: str
    subjective: bool
    redo: bool
    agree_case: bool
    words: str
    concludes: bool
    counts: bool


class Recorded(Struct, frozen=True):
    callback: CallbackOut
    state: str
    """Of the issue, now."""


class TaskOut(Struct, frozen=True, kw_only=True):
    """Who was drawn by which rule, and by what number (`docs/issues.md`)."""

    id: UUID
    issue: UUID
    report: UUID
    turn: int
    drawn: bool
    percent: int
    number: int
    rule: str
    policy_version: int
    officer: UUID | None
    due_on: date
    closes_on: date
    is_overdue: bool
    state: str
    made_at: datetime
    settled_at: datetime | None


def _task(row: CallbackTask) -> TaskOut:
    return shown(TaskOut, row, is_overdue=row.state == "open" and row.due_on < today())


def _out(row: Callback, *, unmasked: bool) -> CallbackOut:
    respondent = row.respondent if unmasked else row.respondent[:1]
    return shown(CallbackOut, row, why_not=msgspec.json.decode(row.why_not), respondent=respondent)


@post("/issues/{issue:str}/callbacks", status_code=201)
async def create_callback(request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[Answers]) -> Recorded:
    async def work() -> Recorded:
        row = await record_callback(request.user, issue, data)
        return Recorded(_out(row, unmasked=True), (await reach_issue(request.user, row.issue)).state)

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/issues/{issue:str}/callbacks")
async def get_callbacks(request: Request[Any, Any, Any], issue: FromPath[str]) -> list[CallbackOut]:
    rows = await list_callbacks(request.user, issue)
    return [_out(row, unmasked=request.user.may("issue.call_back")) for row in rows]


@get("/issues/{issue:str}/callback-tasks")
async def get_tasks_of(request: Request[Any, Any, Any], issue: FromPath[str]) -> list[TaskOut]:
    """Every reporter and turn: drawn or not, by which rule, given to whom."""
    return [_task(row) for row in await tasks_of(request.user, issue)]


@get("/callback-tasks")
async def get_tasks(
    request: Request[Any, Any, Any],
    in_state: Annotated[str, QueryParameter(name="state")] = "open",
    mine: FromQuery[bool] = False,
    due_before: FromQuery[date | None] = None,
    after: FromQuery[str] = "",
    limit: FromQuery[int] = LIMIT_DEFAULT,
) -> Page[TaskOut]:
    """The most urgent first."""
    wanted = Wanted(state=in_state, mine=mine, due_before=due_before)
    return (await list_tasks(request.user, wanted, after=after, limit=limit)).shown(_task)


class Officer(Struct, frozen=True, forbid_unknown_fields=True):
    login: Annotated[str, Meta(min_length=1, max_length=64)]


@put("/callback-tasks/{task:uuid}/officer")
async def put_officer(request: Request[Any, Any, Any], task: FromPath[UUID], data: JSONBody[Officer]) -> TaskOut:
    """Gives an open task to somebody else."""

    async def work() -> TaskOut:
        return _task(await give_task(request.user, task, data.login))

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/callback-policy")
async def get_policy(request: Request[Any, Any, Any]) -> RulesOut:
    return await show_rules(request.user)


@put("/callback-policy")
async def put_policy(request: Request[Any, Any, Any], data: JSONBody[Rules]) -> RulesOut:
    """A new version; what was drawn stays drawn."""
    return await once(request, request.user, lambda: replace_rules(request.user, data))  # type: ignore[return-value]


router = Router(
    "/v1",
    route_handlers=[create_callback, get_callbacks, get_tasks_of, get_tasks, put_officer, get_policy, put_policy],
    tags=["callbacks"],
)
