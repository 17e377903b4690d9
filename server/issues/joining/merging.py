"""Merging and its undoing. Nothing is lost by either: an issue that was merged and parted again is as it was, whatever happened
to the other meanwhile."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from server.issues.steps.joining import find_issue, follow_merges, link_rows, links_of
from server.issues.steps.opening import KIND
from server.issues.steps.step import Step
from server.issues.tables import CONFIRMED, MERGE, REJECTED, Issue, IssueLink
from server.refusals import refusal
from sync.feed import touch
from sync.identity import new_id
from sync.transaction import fetch, is_postgres


async def merge(step: Step) -> None:
    """Every report comes along, so that every reporter gets the answer and a call-back of their own. It does so by a row of its
    own even if the other issue has the report already: either may go again without taking it away."""
    issue = step.issue
    other = await find_issue(issue.bureau, step.fields.into)
    visible = other is not None and await Issue.exists().where(Issue.reach_of(step.actor), Issue.id == other.id)
    if other is None or not visible:
        raise refusal("issue.unknown")
    other = await follow_merges(issue.bureau, other)
    if other.id == issue.id:
        raise refusal("issue.merge_self")
    if is_postgres():  # its state must still be true at the commit
        await fetch("SELECT id FROM issue WHERE id = $1 FOR UPDATE", [other.id])
        await other.refresh()
    if other.closed_at is not None:
        raise refusal("issue.merge_closed", number=other.number)
    rows = [
        IssueLink(
            id=new_id(), bureau=issue.bureau, issue=other.id, report=link.report, enterprise=link.enterprise,
            person=link.person, via=issue.id, method=MERGE, state=link.state, suggested_by=step.actor.person,
            confirmed_by=step.actor.person if link.state == CONFIRMED else None, decided_at=step.at, linked_at=step.at,
        )
        for link in await links_of(issue.bureau, issue.id)
    ]  # fmt: skip
    if rows:
        await IssueLink.insert(*rows)
    issue.merged_into = other.id
    step.kept |= {"into": other.number, "since": issue.state_since.isoformat()}
    touch(issue.bureau, KIND, other.id)


async def join(step: Step) -> None:
    """Raises `common.not_one`, `common.joined`. A common problem is no case of another."""
    issue = step.issue
    other = await find_issue(issue.bureau, step.fields.parent)
    if other is None or not await Issue.exists().where(Issue.reach_of(step.actor), Issue.id == other.id):
        raise refusal("issue.unknown")
    if not other.is_common or issue.is_common:
        raise refusal("common.not_one", number=issue.number if issue.is_common else other.number)
    if issue.parent is not None:
        before = await find_issue(issue.bureau, issue.parent)
        raise refusal("common.joined", number=issue.number, parent=before.number if before is not None else "")
    issue.parent = other.id
    step.kept["parent"] = other.number
    touch(issue.bureau, KIND, other.id)


async def leave(step: Step) -> None:
    issue = step.issue
    if issue.parent is None:
        raise refusal("common.not_joined", number=issue.number)
    before = await find_issue(issue.bureau, issue.parent)
    step.kept["parent"] = before.number if before is not None else ""
    issue.parent = None


async def unmerge(step: Step) -> None:
    """Back to the state before; the links that came along are undone and remembered as rejected, as far as they were carried on."""
    issue = step.issue
    merged = step.last("merge")
    if merged is None or issue.merged_into is None:
        raise refusal("issue.not_merged")
    parting = {row.report for row in await link_rows(issue.bureau, issue.id)}
    via, seen = issue.id, {issue.id}
    onward: UUID | None = issue.merged_into
    while onward is not None and onward not in seen and parting:
        seen.add(onward)
        rows = await link_rows(issue.bureau, onward)
        gone = [row for row in rows if row.via == via and row.report in parting]
        for row in gone:
            row.state, row.rejected_by = REJECTED, step.actor.person
            row.decided_at = row.undone_at = step.at
            await row.save()
        touch(issue.bureau, KIND, onward)
        # What the next one has for another reason, or still through this one, stays there.
        parting = {row.report for row in gone} - {row.report for row in rows if row not in gone}
        via = onward
        further = await find_issue(issue.bureau, onward)
        onward = further.merged_into if further is not None else None
    issue.merged_into = None
    step.target = merged.source
    since = msgspec.json.decode(merged.fields).get("since")
    step.since = datetime.fromisoformat(since) if since else None
