"""Issues begun by hand: a letter, a telephone call that is still being typed. Only the author sees, changes, deletes and
submits it (who takes it over from one who has left is its author); before that it is in no queue, on no phone, and no clock runs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from server.audit.actions import record_event
from server.clocks.policy import ORDINARY
from server.issues.actions import hold_issue, reach_issue
from server.issues.drafts.submitting import Draft, draft_of, read_draft
from server.issues.machine.tables import machine_of
from server.issues.states import DRAFT, VERBS
from server.issues.steps.numbers import take_draft_number
from server.issues.steps.opening import KIND, issue_of
from server.issues.steps.step import impossible
from server.issues.tables import NEVER, Issue, IssueDraft, IssueEvent
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.reports.actions import SOURCES, must_see
from sync.identity import new_id
from sync.transaction import transaction

DRAFTS_MAX = 100
"""Drafts one person may have at a time."""


class DraftOut(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    """What it is called until it is submitted."""
    begun_at: datetime
    updated_at: datetime
    draft: Draft


async def begin_issue(actor: Actor, draft: Draft) -> DraftOut:
    """Raises `issue.drafts_full`, `report.source_unknown`, `enterprise.unknown`."""
    actor.must("report.file")
    moment, report = now(), new_id()
    async with transaction():
        await _check(actor, draft)
        await must_have_room(actor)
        issue = Issue(
            id=issue_of(report), bureau=actor.bureau, number=await take_draft_number(actor.bureau), state=DRAFT,
            state_since=moment, title="", policy=ORDINARY, person=actor.person, origin="desk", opened_at=moment,
            next_due=NEVER, closed_at=moment, events=1, updated_at=moment,
        )  # fmt: skip
        _show(issue, draft)
        row = IssueDraft(id=report, bureau=actor.bureau, issue=issue.id, person=actor.person, updated_at=moment)
        row.words = _words(draft)
        await issue.save()
        await row.save()
        await IssueEvent(
            id=new_id(), bureau=actor.bureau, issue=issue.id, n=1, at=moment, counts_at=moment, verb="open", outcome="draft",
            target=DRAFT, person=actor.person, unit=actor.unit,
        ).save()  # fmt: skip
        await record_event(actor, "issue.draft", KIND, issue.id, {})
    return draft_out(issue, row)


async def show_draft(actor: Actor, named: str | UUID) -> DraftOut:
    """Raises `issue.unknown`, `issue.move_impossible` once it is submitted."""
    issue = await reach_issue(actor, named)
    return draft_out(issue, await _row(issue))


async def change_draft(actor: Actor, named: str | UUID, draft: Draft) -> DraftOut:
    """In place of what was typed before."""
    actor.must("report.file")
    async with transaction():
        issue = await hold_issue(actor, named)
        row = await _row(issue)
        await _check(actor, draft)
        _show(issue, draft)
        row.words, row.updated_at = _words(draft), now()
        issue.updated_at = row.updated_at
        await issue.save()
        await row.save()
    return draft_out(issue, row)


async def discard_draft(actor: Actor, named: str | UUID) -> None:
    """Nothing of it is left but that there was one."""
    actor.must("report.file")
    async with transaction():
        issue = await hold_issue(actor, named)
        await (await _row(issue)).remove()
        await IssueEvent.delete().where(IssueEvent.bureau == actor.bureau, IssueEvent.issue == issue.id)
        await record_event(actor, "issue.discard", KIND, issue.id, {})
        await issue.remove()


async def must_have_room(actor: Actor) -> None:
    """Raises `issue.drafts_full`."""
    mine = (IssueDraft.bureau == actor.bureau) & (IssueDraft.person == actor.person)
    if await IssueDraft.count().where(mine) >= DRAFTS_MAX:
        raise refusal("issue.drafts_full", limit=DRAFTS_MAX)


async def _row(issue: Issue) -> IssueDraft:
    if issue.state != DRAFT:
        raise await impossible(issue, VERBS["submit"], await machine_of(issue.bureau))
    return await draft_of(issue.bureau, issue)


async def _check(actor: Actor, draft: Draft) -> None:
    if draft.source and draft.source not in SOURCES:
        raise refusal("report.source_unknown", source=draft.source, sources=", ".join(SOURCES))
    await must_see(actor, draft.enterprise)


def _show(issue: Issue, draft: Draft) -> None:
    """What lists show of it."""
    issue.title, issue.category, issue.urgency = draft.title, draft.category, draft.urgency
    issue.enterprise = draft.enterprise


def _words(draft: Draft) -> str:
    return msgspec.json.encode(replace(draft, enterprise=None)).decode()


def draft_out(issue: Issue, row: IssueDraft) -> DraftOut:
    return DraftOut(
        id=issue.id,
        number=issue.number,
        begun_at=issue.opened_at,
        updated_at=row.updated_at,
        draft=read_draft(row, issue),
    )
