"""The only link the product makes by itself: the same enterprise says the same thing again while its issue is open."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from server.issues.actions import move_issue
from server.issues.fields import Merge
from server.issues.steps.opening import issue_of
from server.issues.tables import CONFIRMED, Issue, IssueLink
from server.people.actor import Actor
from server.reports.filed import FiledReport
from server.reports.similar import ALGORITHM, is_repeat
from server.reports.tables import Report

METHOD = "same_enterprise_repeat"
REPEAT_DAYS = 30
"""After that, saying it again is news: nothing has happened for a month."""
REPORTS_READ_MAX = 300
"""Of the enterprises of one batch, the newest first."""
REASON = (
    "同一企业{days}日内重复反映,系统自动关联;可撤销并案。"
    "The same enterprise said the same within {days} days; undo the merge to part them."
)


async def link_repeats(system: Actor, reports: list[FiledReport]) -> None:
    """Follows reports, after their issues are open: merges the issue of a repeat into the open one, a step of the timeline that is
    undone like any merge. What was solved on the spot, and a draft somebody submits, stay what they are; what hides its
    enterprise is joined to nothing, because the link would tell whose it is."""
    firms = {report.enterprise_shown for report in reports if not report.solved_on_site} - {None}
    if not firms:
        return
    since = min(report.reported_at for report in reports) - timedelta(days=REPEAT_DAYS)
    earlier = (
        await Report.select(Report.id, Report.enterprise, Report.title, Report.description)
        .where(
            Report.bureau == system.bureau, Report.enterprise.is_in(sorted(firms, key=str)), Report.reported_at >= since
        )
        .where(Report.name_hidden.eq(False))
        .order_by(Report.reported_at, Report.id, ascending=False)
        .limit(REPORTS_READ_MAX)
    )
    waiting = {report.id for report in reports}
    for report in reports:
        waiting.discard(report.id)
        if report.enterprise_shown is None or report.solved_on_site:
            continue
        words = f"{report.title}\n{report.description}"
        before = (one for one in earlier if one["enterprise"] == report.enterprise and one["id"] not in waiting)
        for other in before:
            says_it = other["id"] != report.id and is_repeat(words, f"{other['title']}\n{other['description']}")
            if says_it and await _join(system, report.id, other["id"]):
                break


async def _join(system: Actor, report: UUID, earlier: UUID) -> bool:
    """Whether it came to an open issue."""
    own = await Issue.objects().get((Issue.bureau == system.bureau) & (Issue.id == issue_of(report)))
    homes = IssueLink.select(IssueLink.issue).where(
        IssueLink.bureau == system.bureau,
        IssueLink.report == earlier,
        IssueLink.state == CONFIRMED,
        IssueLink.undone_at.is_null(),
    )
    home = (
        await Issue.objects()
        .where(Issue.bureau == system.bureau, Issue.closed_at.is_null(), Issue.state != "DRAFT", Issue.id.is_in(homes))
        .order_by(Issue.opened_at, Issue.id)
        .first()
    )
    if own is None or own.state != "SUBMITTED" or home is None or home.id == own.id:
        return False
    await move_issue(system, own.id, "merge", Merge(into=home.number, reason=REASON.format(days=REPEAT_DAYS)))
    await IssueLink.update({IssueLink.method: METHOD, IssueLink.algorithm: ALGORITHM, IssueLink.score: 1.0}).where(
        IssueLink.bureau == system.bureau, IssueLink.issue == home.id, IssueLink.via == own.id
    )
    return True
