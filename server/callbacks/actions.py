"""Calling back: every reporter is asked, by somebody who did not handle the issue; a bad answer reopens it, good ones close it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from server.callbacks.answers import Answers, is_conclusive, missing, needs_redo
from server.callbacks.tables import Callback
from server.issues.actions import hold_issue, move_issue, reach_issue
from server.issues.fields import CallBack, Close
from server.issues.states import STATES
from server.issues.steps.joining import links_of
from server.issues.steps.step import Occurred
from server.issues.tables import Issue
from server.moment import now
from server.people.actor import Actor, system_of
from server.refusals import refusal
from server.settings import settings
from server.worktime.actions import calendar_of
from sync.identity import new_id
from sync.transaction import transaction

PENDING, ON_SITE = "PENDING_CALLBACK", "ON_SITE_CLOSED"


async def record_callback(
    actor: Actor, named: str | UUID, answers: Answers, *, id: UUID | None = None, occurred: Occurred | None = None
) -> Callback:
    """One try. Raises `callback.incomplete`, `callback.which` when several reporters wait, `callback.not_due`, and what the
    engine refuses (`issue.same_person` for whoever handled it)."""
    actor.must("issue.call_back")
    lacking = missing(answers)
    if lacking:
        raise refusal("callback.incomplete", fields=lacking)
    async with transaction():
        issue = await hold_issue(actor, named)  # of two callers at once the second knows what the first was told
        if issue.state not in (PENDING, ON_SITE):
            raise refusal("callback.not_due", number=issue.number, state=STATES[issue.state].zh)
        tried = await Callback.of_issue(issue.bureau, issue.id)
        report = _whom(answers, await waiting_reports(issue, tried))
        redo = answers.reached == "reached" and needs_redo(answers)
        row = await _row(actor, issue, report, answers, tried, id or new_id(), occurred)
        await row.save()
        outcome: Literal["kept", "redo"] = "redo" if redo else "kept"
        told = CallBack(outcome=outcome, callback=row.id, reached=answers.reached, satisfied=answers.satisfied)
        await move_issue(actor, issue.id, "call_back", told, occurred)
        if not redo and not await waiting_reports(issue, [*tried, row]):
            # The caller must not be the closer: answers that conclude the matter close it by rule, in the product's hand.
            await move_issue(system_of(issue.bureau), issue.id, "close", Close(proof=f"callback {row.id}"))
    return row


async def waiting_reports(issue: Issue, tried: list[Callback]) -> list[UUID]:
    """Reports whose authors' enterprises still have to be asked in this turn. Suggested links do not count."""
    concluded = {row.report for row in tried if row.turn == issue.redos and row.concludes}
    links = await links_of(issue.bureau, issue.id)
    return [link.report for link in links if link.confirmed_by is not None and link.report not in concluded]


async def guard_closing(issue: Issue) -> None:
    """Registered with the engine: nothing that waits for call-backs is closed before all were made."""
    if issue.state != PENDING:
        return
    waiting = await waiting_reports(issue, await Callback.of_issue(issue.bureau, issue.id))
    if waiting:
        raise refusal("callback.waiting", number=issue.number, count=len(waiting))


async def list_callbacks(actor: Actor, named: str | UUID) -> list[Callback]:
    actor.must("issue.read")
    issue = await reach_issue(actor, named)
    return await Callback.of_issue(issue.bureau, issue.id)


def _whom(answers: Answers, waiting: list[UUID]) -> UUID:
    if answers.report is not None and answers.report in waiting:
        return answers.report
    if answers.report is None and len(waiting) == 1:
        return waiting[0]
    raise refusal("callback.which", reports=[str(report) for report in waiting])


async def _row(
    actor: Actor,
    issue: Issue,
    report: UUID,
    answers: Answers,
    tried: list[Callback],
    id: UUID,
    occurred: Occurred | None,
) -> Callback:
    moment = _moment(answers, occurred)
    day = moment.astimezone(settings.timezone).date()
    calendar = await calendar_of(issue.bureau)
    before = [row for row in tried if row.report == report and row.turn == issue.redos]
    days = {one for one in (*(row.day for row in before), day) if calendar.is_working(one)}
    said: dict[str, Any] = msgspec.structs.asdict(answers)
    said["why_not"] = msgspec.json.encode(answers.why_not).decode()
    return Callback(
        **(said | {"report": report, "at": moment}),
        id=id,
        bureau=issue.bureau,
        issue=issue.id,
        turn=issue.redos,
        n=len(before) + 1,
        caller=actor.person,
        day=day,
        concludes=is_conclusive(answers, days),
    )


def _moment(answers: Answers, occurred: Occurred | None) -> datetime:
    """As told at a desk, but never in the future; from the road, the time that counts."""
    if occurred is not None:
        return occurred.counts_at
    return min(answers.at, now()) if answers.at is not None and answers.at.tzinfo is not None else now()
