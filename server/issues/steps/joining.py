"""Which reports an issue answers, and which issue goes on for one that was merged."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from server.issues.states import DRAFT
from server.issues.steps.opening import KIND
from server.issues.tables import CONFIRMED, Issue, IssueLink
from server.people.actor import Actor
from server.reports.tables import Report
from sync.feed import touch_many


async def find_issue(bureau: UUID, named: str | UUID, author: UUID | None = None) -> Issue | None:
    """By id or by number. A draft is found only for its author."""
    try:
        wanted = Issue.id == (named if isinstance(named, UUID) else UUID(named))
    except ValueError:
        wanted = Issue.number == named
    issue = await Issue.objects().get((Issue.bureau == bureau) & wanted)
    return None if issue is not None and issue.state == DRAFT and issue.person != author else issue


async def follow_merges(bureau: UUID, issue: Issue) -> Issue:
    """The issue that goes on, for one that was merged."""
    seen = {issue.id}
    while issue.state == "MERGED" and issue.merged_into is not None and issue.merged_into not in seen:
        other = await find_issue(bureau, issue.merged_into)
        if other is None:
            break
        issue = other
        seen.add(issue.id)
    return issue


async def link_rows(bureau: UUID, issue: UUID) -> list[IssueLink]:
    """Every link that stands; a report may have several: its own and one for each merge it came along with."""
    return (
        await IssueLink.objects()
        .where(IssueLink.bureau == bureau, IssueLink.issue == issue, IssueLink.undone_at.is_null())
        .order_by(IssueLink.linked_at, IssueLink.id)
    )


async def links_of(bureau: UUID, issue: UUID) -> list[IssueLink]:
    """One link for each report, a confirmed one where there is any."""
    links: dict[UUID, IssueLink] = {}
    for row in await link_rows(bureau, issue):
        known = links.get(row.report)
        if known is None or (known.state != CONFIRMED and row.state == CONFIRMED):
            links[row.report] = row
    return list(links.values())


async def confidential_issues(bureau: UUID, issues: Sequence[UUID]) -> set[UUID]:
    """Those of them, whose titles may repeat words an enterprise said in confidence."""
    told = Report.select(Report.id).where(Report.bureau == bureau, Report.confidentiality != "")
    rows = await IssueLink.select(IssueLink.issue).where(
        IssueLink.bureau == bureau,
        IssueLink.issue.is_in(list(issues)),
        IssueLink.undone_at.is_null(),
        IssueLink.report.is_in(told),
    )
    return {row["issue"] for row in rows}


async def follow_enterprise_merge(actor: Actor, old: UUID, into: UUID) -> None:
    """What concerned a provisional enterprise concerns the one it turned out to be."""
    links = await IssueLink.objects().where(IssueLink.bureau == actor.bureau, IssueLink.enterprise == old)
    for table in (Issue, IssueLink):
        await table.update({table.enterprise: into}).where(table.bureau == actor.bureau, table.enterprise == old)
    touch_many(actor.bureau, KIND, {link.issue for link in links})
