"""By the timetable: draws for what was settled during visits, and closes what nobody was drawn for."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import structlog

from server.callbacks.actions import ON_SITE, PENDING
from server.callbacks.duty.actions import NOT_DRAWN, draw_tasks, is_closable
from server.callbacks.tables import CallbackTask
from server.issues.actions import hold_issue, move_issue
from server.issues.fields import Close
from server.issues.tables import Issue
from server.moment import today
from server.people.actor import system_of
from sync.refusal import Refusal
from sync.transaction import fetch, retrying, transaction

log = structlog.get_logger()
CHUNK = 500
"""Issues looked at in one run for each of the two; what is left waits for the next."""
PROOF = "抽样回访未抽中,等待期内企业未提出异议,按规则销号 / not drawn for a call-back, and the enterprise did not object in time"
_NOT_DRAWN_YET = (
    "SELECT id, bureau FROM issue WHERE state IN ('PENDING_CALLBACK', 'ON_SITE_CLOSED') AND NOT EXISTS (SELECT 1 FROM callback_task"
    " WHERE callback_task.issue = issue.id AND callback_task.turn = issue.redos) LIMIT $1"
)
"""Raw, because a report solved on site becomes an issue in a push, where no draw may slow it down."""


async def sweep_callbacks() -> int:
    """Job: how many issues were drawn for or closed. Any number of processes may run it at once."""
    count = 0
    for row in await fetch(_NOT_DRAWN_YET, [CHUNK]):
        count += await retrying(partial(_draw, UUID(str(row["bureau"])), UUID(str(row["id"]))))
    ripe = CallbackTask.select(CallbackTask.bureau, CallbackTask.issue).where(
        CallbackTask.state == NOT_DRAWN, CallbackTask.closes_on < today()
    )
    issues: dict[Any, Any] = {row["issue"]: row["bureau"] for row in await ripe.limit(CHUNK)}
    for issue, bureau in issues.items():
        count += await retrying(partial(_close, bureau, issue))
    return count


async def _draw(bureau: UUID, id: UUID) -> int:
    async with transaction():
        issue = await hold_issue(system_of(bureau), id)
        if issue.state not in (PENDING, ON_SITE):
            return 0
        await draw_tasks(issue)
    return 1


async def _close(bureau: UUID, id: UUID) -> int:
    try:
        async with transaction():
            issue: Issue = await hold_issue(system_of(bureau), id)
            if issue.state not in (PENDING, ON_SITE):
                return 0
            tasks = [task for task in await CallbackTask.of_issue(bureau, id) if task.turn == issue.redos]
            if not is_closable(tasks, today()):
                return 0
            await move_issue(system_of(bureau), id, "close", Close(proof=PROOF))
    except Refusal as refused:
        log.warning("callback.not_closed", issue=str(id), code=refused.code)
        return 0
    return 1
