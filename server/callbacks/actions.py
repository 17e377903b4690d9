"""Calling back: every reporter is asked, by somebody who did not handle the issue; a bad answer reopens it, good ones close it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from server.audit.actions import record_event
from server.callbacks.answers import SELF_CHANNELS, Answers, is_conclusive, missing, worst
from server.callbacks.tables import Callback
from server.issues.actions import hold_issue, move_issue, reach_issue
from server.issues.fields import CallBack, Close, Reason
from server.issues.states import REOPEN_DAYS, STATES
from server.issues.steps.joining import links_of
from server.issues.steps.opening import KIND
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
    engine refuses (`issue.same_person` for whoever handled it). Who has answered by their link already in this turn is not
    asked again: what was said now is kept and does not count."""
    actor.must("issue.call_back")
    lacking = missing(answers)
    if lacking:
        raise refusal("callback.incomplete", fields=lacking)
    async with transaction():
        issue = await hold_issue(actor, named)  # of two callers at once the second knows what the first was told
        tried = await Callback.of_issue(issue.bureau, issue.id)
        told_before = _told_by_link(issue, answers, tried)
        if told_before is not None:
            row = await _row(actor, issue, told_before, answers, tried, id or new_id(), occurred, counts=False)
            await row.save()
            await record_event(actor, "callback.keep", KIND, issue.id, {"callback": str(row.id)})
            return row
        if issue.state not in (PENDING, ON_SITE):
            raise refusal("callback.not_due", number=issue.number, state=STATES[issue.state].zh)
        report = _whom(answers, await waiting_reports(issue, tried))
        row = await _row(actor, issue, report, answers, tried, id or new_id(), occurred)
        await row.save()
        await _follow_up(actor, issue, row, tried, occurred)
    return row


async def record_self_answer(bureau: UUID, named: UUID, answers: Answers) -> Callback:
    """What an enterprise answers behind its link, once in each turn: as good as a call-back. Where somebody has called already, it
    is kept and does not count. An issue that was closed without asking it is reopened for a reason that lies with the unit.
    Raises `callback.answered`, `callback.incomplete`, `callback.not_due`."""
    lacking = missing(answers)
    if lacking:
        raise refusal("callback.incomplete", fields=lacking)
    hand = system_of(bureau)
    async with transaction():
        issue = await hold_issue(hand, named)
        tried = await Callback.of_issue(bureau, issue.id)
        ours = [row for row in tried if row.turn == issue.redos and row.report == answers.report]
        if any(row.channel in SELF_CHANNELS for row in ours):
            raise refusal("callback.answered")
        if not may_answer(issue):
            raise refusal("callback.not_due", number=issue.number, state=STATES[issue.state].zh)
        assert answers.report is not None
        counts = not any(row.concludes for row in ours)
        row = await _row(hand, issue, answers.report, answers, tried, new_id(), None, counts=counts)
        await row.save()
        if not counts:
            await record_event(hand, "callback.keep", KIND, issue.id, {"callback": str(row.id)})
        elif issue.state in (PENDING, ON_SITE):
            await _follow_up(hand, issue, row, tried, None)
        else:
            await _judge_closed(hand, issue, row, tried)
    return row


def may_answer(issue: Issue) -> bool:
    """While a call-back is due, and after a closing as long as it can be reopened."""
    if issue.state in (PENDING, ON_SITE):
        return True
    closed_at = issue.closed_at
    return issue.state == "CLOSED" and closed_at is not None and now() <= closed_at + timedelta(days=REOPEN_DAYS)


async def _follow_up(
    actor: Actor, issue: Issue, row: Callback, tried: list[Callback], occurred: Occurred | None
) -> None:
    """The move that follows from a call-back that counts, and the closing once everybody was asked."""
    redo = row.reached == "reached" and _is_redo(row)
    outcome: Literal["kept", "redo"] = "redo" if redo else "kept"
    told = CallBack(outcome=outcome, callback=row.id, reached=row.reached, satisfied=row.satisfied)
    await _keep_satisfaction(issue, [*tried, row])
    await move_issue(actor, issue.id, "call_back", told, occurred)
    if not redo and not await waiting_reports(issue, [*tried, row]):
        # The caller must not be the closer: answers that conclude the matter close it by rule, in the product's hand.
        await move_issue(system_of(issue.bureau), issue.id, "close", Close(proof=f"callback {row.id}"))


async def _judge_closed(hand: Actor, issue: Issue, row: Callback, tried: list[Callback]) -> None:
    await _keep_satisfaction(issue, [*tried, row])
    if _is_redo(row):
        await move_issue(
            hand,
            issue.id,
            "reopen",
            Reason(reason=f"企业通过链接评价不满意 / dissatisfied, by its link: {row.why_words}"),
        )
    else:
        await record_event(hand, "callback.keep", KIND, issue.id, {"callback": str(row.id)})


def _is_redo(row: Callback) -> bool:
    return row.redo or (row.satisfied == "dissatisfied" and row.subjective)


async def _keep_satisfaction(issue: Issue, rows: list[Callback]) -> None:
    """On the issue, for lists: the worst answer of this turn, or what was said last while nobody has answered in it."""
    said = worst(row.satisfied for row in rows if row.turn == issue.redos and row.counts)
    if said:
        await Issue.update({Issue.satisfied: said}).where(Issue.id == issue.id)


def _told_by_link(issue: Issue, answers: Answers, tried: list[Callback]) -> UUID | None:
    """The reporter who answered by their link already, when it is they whom this call-back is about."""
    told = {row.report for row in tried if row.turn == issue.redos and row.concludes and row.channel in SELF_CHANNELS}
    if answers.channel in SELF_CHANNELS and answers.report is None:
        return None
    if answers.report is not None:
        return answers.report if answers.report in told else None
    called = {row.report for row in tried if row.turn == issue.redos}
    return next(iter(told)) if len(told) == 1 and called == told and issue.state == "CLOSED" else None


async def waiting_reports(issue: Issue, tried: list[Callback]) -> list[UUID]:
    """Reports whose authors' enterprises still have to be asked in this turn. Suggested links do not count."""
    concluded = {row.report for row in tried if row.turn == issue.redos and row.concludes}
    links = await links_of(issue.bureau, issue.id)
    return [link.report for link in links if link.confirmed_by is not None and link.report not in concluded]


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
    *,
    counts: bool = True,
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
        concludes=counts and is_conclusive(answers, days),
        counts=counts,
    )


def _moment(answers: Answers, occurred: Occurred | None) -> datetime:
    """As told at a desk, but never in the future; from the road, the time that counts."""
    if occurred is not None:
        return occurred.counts_at
    return min(answers.at, now()) if answers.at is not None and answers.at.tzinfo is not None else now()
