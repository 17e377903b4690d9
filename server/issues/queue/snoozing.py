"""稍后处理: putting an issue aside until a date. Only one's own lists know; its clocks run on and its light stays what it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.issues.actions import reach_issue
from server.issues.tables import IssueSnooze
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from sync.identity import named_id
from sync.transaction import transaction

ASIDE_MAX = timedelta(days=90)


class Snooze(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    until: datetime
    words: Annotated[str, Meta(max_length=500)] = ""
    """What it waits for; for one's own memory."""


class Snoozed(Struct, frozen=True, kw_only=True):
    issue: str
    until: datetime | None


async def snooze_issue(actor: Actor, named: str, snooze: Snooze) -> Snoozed:
    """Raises `issue.unknown`, `issue.snooze`. Putting it aside again replaces the date."""
    actor.must("issue.read")
    moment = now()
    if snooze.until.tzinfo is None or not moment < snooze.until <= moment + ASIDE_MAX:
        raise refusal("issue.snooze", until=snooze.until.isoformat(), days=ASIDE_MAX.days)
    async with transaction():
        issue = await reach_issue(actor, named)
        id = named_id("snooze", actor.bureau, issue.id, actor.person)
        await IssueSnooze.delete().where(IssueSnooze.id == id)
        row = IssueSnooze(id=id, bureau=actor.bureau, issue=issue.id, person=actor.person, created_at=moment)
        row.until, row.words = snooze.until, snooze.words
        await row.save()
        await record_event(actor, "issue.snooze", "issue", issue.id, {"until": snooze.until.isoformat()})
    return Snoozed(issue=issue.number, until=snooze.until)


async def wake_issue(actor: Actor, named: str) -> Snoozed:
    """Back in one's lists. Raises `issue.unknown`."""
    actor.must("issue.read")
    async with transaction():
        issue = await reach_issue(actor, named)
        await IssueSnooze.delete().where(IssueSnooze.id == named_id("snooze", actor.bureau, issue.id, actor.person))
        await record_event(actor, "issue.wake", "issue", issue.id, {})
    return Snoozed(issue=issue.number, until=None)
