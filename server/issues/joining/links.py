"""Links between reports and issues: suggested, confirmed, rejected, undone. What somebody judged to be two matters is
remembered and not suggested again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.issues.steps.joining import follow_merges, link_rows
from server.issues.steps.opening import KIND
from server.issues.steps.step import Step
from server.issues.tables import CONFIRMED, HAND, REJECTED, SUGGESTED, Issue, IssueLink
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.reports.tables import Report
from sync.feed import touch
from sync.identity import new_id
from sync.transaction import fetch


class Suggestion(Struct, frozen=True, kw_only=True):
    """An algorithm's guess that the report speaks of the issue; `algorithm` is its name and version, `score` from 0 to 1."""

    report: UUID
    issue: UUID
    score: float
    algorithm: str
    method: str = "proposal"


async def suggest_links(system: Actor, suggestions: Sequence[Suggestion]) -> int:
    """Keeps what is new and was not rejected; returns how many. They wait for `confirm_link` or `reject_link`. Must run inside
    a transaction."""
    kept = 0
    for one in suggestions:
        report = await Report.objects().get((Report.bureau == system.bureau) & (Report.id == one.report))
        known = {link.report for link in await link_rows(system.bureau, one.issue)}
        if report is None or one.report in known or one.issue in await rejected_issues(system.bureau, one.report):
            continue
        row = _link(one.issue, report, now())
        row.method, row.score, row.algorithm, row.suggested_by = one.method, one.score, one.algorithm, system.person
        await row.save()
        touch(system.bureau, KIND, one.issue)
        await record_event(system, "issue.suggest_link", KIND, one.issue, {"report": one.report, "score": one.score})
        kept += 1
    return kept


def _link(issue: UUID, report: Report, at: datetime) -> IssueLink:
    return IssueLink(
        id=new_id(), bureau=report.bureau, issue=issue, report=report.id, enterprise=report.enterprise_shown, person=report.person,
        state=SUGGESTED, linked_at=at,
    )  # fmt: skip


async def rejected_issues(bureau: UUID, report: UUID) -> set[UUID]:
    """Issues this report was judged not to belong to, also as what they were merged into, and the other way round: those whose
    reports were judged not to belong to the issues this report is in. A later confirmation lifts a judgement.

    Raw SQL because both directions are one look at the link table each, and every suggestion asks."""
    found = await fetch(
        "SELECT rejected.issue FROM issue_link AS rejected"
        " WHERE rejected.bureau = $1 AND rejected.report = $2 AND rejected.state = 'rejected'"
        f" AND {_NOT_LIFTED}"
        " UNION SELECT theirs.issue FROM issue_link AS mine"
        " JOIN issue_link AS rejected ON rejected.bureau = mine.bureau AND rejected.issue = mine.issue"
        " JOIN issue_link AS theirs ON theirs.bureau = mine.bureau AND theirs.report = rejected.report"
        " WHERE mine.bureau = $1 AND mine.report = $2 AND mine.state = 'confirmed' AND mine.undone_at IS NULL"
        " AND rejected.state = 'rejected' AND rejected.report <> $2 AND theirs.state = 'confirmed'"
        f" AND theirs.undone_at IS NULL AND theirs.issue <> mine.issue AND {_NOT_LIFTED}",
        [bureau, report],
    )
    issues = [UUID(str(row[0])) for row in found]
    if not issues:
        return set()
    merged = await Issue.objects().where(
        Issue.bureau == bureau, Issue.id.is_in(issues), Issue.merged_into.is_not_null()
    )
    return {*issues, *[(await follow_merges(bureau, issue)).id for issue in merged]}


_NOT_LIFTED = (
    "NOT EXISTS (SELECT 1 FROM issue_link AS later WHERE later.bureau = rejected.bureau AND later.issue = rejected.issue"
    " AND later.report = rejected.report AND later.state = 'confirmed' AND later.undone_at IS NULL)"
)


async def link_report(step: Step) -> None:
    """A link by somebody who may judge it is confirmed, also against an earlier judgement; another is a suggestion."""
    issue, judges = step.issue, step.actor.may("report.link")
    report = await Report.visible_to(step.actor).where(Report.id == step.fields.report).first()
    if report is None:
        raise refusal("report.unknown")
    rows = [row for row in await link_rows(issue.bureau, issue.id) if row.report == report.id]
    if judges:
        _confirm(step, rows)
    elif not rows and issue.id in await rejected_issues(issue.bureau, report.id):
        raise refusal("link.rejected", number=issue.number)
    if any(row.via is None for row in rows):
        await _save(rows)
        return
    row = _link(issue.id, report, step.at)
    row.method, row.suggested_by = HAND, step.actor.person
    if judges:
        _confirm(step, [row])
    await _save([*rows, row])


async def confirm_link(step: Step) -> None:
    rows = await _suggested(step)
    _confirm(step, rows)
    await _save(rows)


async def reject_link(step: Step) -> None:
    rows = await _suggested(step)
    _reject(step, rows)
    await _save(rows)


async def unlink_report(step: Step) -> None:
    """Raises `link.last` where the report would be in no issue at all any more, and nobody would answer it."""
    issue = step.issue
    rows = [row for row in await link_rows(issue.bureau, issue.id) if row.report == step.fields.report]
    if not rows:
        raise refusal("report.unknown")
    if any(row.state == CONFIRMED for row in rows) and not await _is_elsewhere(issue, step.fields.report):
        raise refusal("link.last", number=issue.number)
    _reject(step, rows)
    await _save(rows)


async def _suggested(step: Step) -> list[IssueLink]:
    rows = [
        row
        for row in await link_rows(step.issue.bureau, step.issue.id)
        if row.report == step.fields.report and row.state == SUGGESTED
    ]
    if not rows:
        raise refusal("link.not_suggested", number=step.issue.number)
    return rows


async def _is_elsewhere(issue: Issue, report: UUID) -> bool:
    homes = Issue.select(Issue.id).where(
        Issue.bureau == issue.bureau, Issue.id != issue.id, Issue.state.not_in(["MERGED", "DRAFT"])
    )
    return await IssueLink.exists().where(
        IssueLink.bureau == issue.bureau,
        IssueLink.report == report,
        IssueLink.state == CONFIRMED,
        IssueLink.undone_at.is_null(),
        IssueLink.issue.is_in(homes),
    )


def _confirm(step: Step, rows: Iterable[IssueLink]) -> None:
    for row in rows:
        if row.state == SUGGESTED:
            row.state, row.confirmed_by, row.decided_at = CONFIRMED, step.actor.person, step.at


def _reject(step: Step, rows: Iterable[IssueLink]) -> None:
    for row in rows:
        row.state, row.rejected_by = REJECTED, step.actor.person
        row.decided_at = row.undone_at = step.at


async def _save(rows: Iterable[IssueLink]) -> None:
    for row in rows:
        await row.save()
