"""A draft becomes a report and its issue a matter of the bureau: what `submit` does beside moving."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, replace

from server.clocks.choosing.actions import choices_in_force
from server.clocks.choosing.rules import choose
from server.issues.steps.choices import kept_choice
from server.issues.steps.numbers import take_numbers
from server.issues.steps.opening import TITLE_MAX
from server.issues.steps.step import Step
from server.issues.tables import Issue, IssueDraft, IssueLink
from server.refusals import refusal
from server.reports.actions import NewReport, file_report
from sync.identity import new_id

NEEDED = ("title", "description", "source")


class Draft(NewReport, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report that is still being typed: nothing is needed yet, all limits are those of the report."""

    title: Annotated[str, Meta(max_length=200)] = ""
    description: Annotated[str, Meta(max_length=10_000)] = ""
    source: Annotated[str, Meta(max_length=64)] = ""


def read_draft(row: IssueDraft, issue: Issue) -> Draft:
    return replace(msgspec.json.decode(row.words, type=Draft), enterprise=issue.enterprise)


async def draft_of(bureau: UUID, issue: Issue) -> IssueDraft:
    rows = IssueDraft.objects().where(IssueDraft.bureau == bureau, IssueDraft.person == issue.person)
    row = await rows.where(IssueDraft.issue == issue.id).first()
    if row is None:
        raise LookupError(f"the draft {issue.id} has no words")
    return row


async def submit(step: Step) -> None:
    """Its report is filed now, so its clocks run from now; the number of the year is given now, so none is skipped."""
    issue = step.issue
    row = await draft_of(issue.bureau, issue)
    draft = read_draft(row, issue)
    missing = [name for name in NEEDED if not getattr(draft, name)]
    if missing:
        raise refusal("issue.draft_unfinished", missing=", ".join(missing))
    report = await file_report(step.actor, NewReport(**asdict(draft)), row.id)
    (issue.number,) = await take_numbers(issue.bureau, 1)
    issue.title, issue.category, issue.urgency = report.title[:TITLE_MAX], report.category, report.urgency
    choice = choose(
        await choices_in_force(issue.bureau), report.category, report.urgency, {report.origin, report.source}
    )
    issue.policy = choice.policy
    step.kept |= kept_choice(choice)
    issue.opened_at, issue.enterprise = step.at, report.enterprise_shown
    await IssueLink(
        id=new_id(), bureau=issue.bureau, issue=issue.id, report=report.id, enterprise=report.enterprise_shown,
        person=report.person, confirmed_by=report.person, linked_at=step.at,
    ).save()  # fmt: skip
    await row.remove()
