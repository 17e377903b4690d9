"""Call-backs over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from server.callbacks.actions import list_callbacks, record_callback
from server.callbacks.answers import Answers
from server.callbacks.tables import Callback
from server.door import once
from server.issues.actions import reach_issue
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


router = Router("/v1", route_handlers=[create_callback, get_callbacks], tags=["callbacks"])
