"""What somebody judged to be two matters, to be looked through: a mistake is taken back by linking the report after all."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from server.issues.actions import reach_issue
from server.issues.tables import CONFIRMED, REJECTED, Issue, IssueLink
from server.people.actor import Actor
from server.people.tables import Person
from server.reports.tables import Report

REJECTIONS_MAX = 200


class Rejection(Struct, frozen=True, kw_only=True):
    issue: str
    """Number of the issue the report was judged not to belong to."""
    issue_title: str
    report: UUID
    title: str
    homes: list[str]
    """Numbers of the issues the report is in."""
    method: str
    score: float | None
    algorithm: str
    rejected_by: UUID | None
    rejected_by_name: str
    """The product itself, or nobody known, when empty."""
    decided_at: datetime | None


async def list_rejections(actor: Actor, named: str = "") -> list[Rejection]:
    """Judgements that still hold, the latest two hundred: of the issues and reports this person may see, or of one issue.
    Raises `issue.unknown`."""
    actor.must("report.link")
    held = (IssueLink.bureau == actor.bureau) & (IssueLink.state == REJECTED)
    held &= IssueLink.issue.is_in(Issue.select(Issue.id).where(Issue.reach_of(actor)))
    if named:
        held &= IssueLink.issue == (await reach_issue(actor, named)).id
    rows = await IssueLink.objects().where(held).order_by(IssueLink.decided_at, ascending=False).limit(REJECTIONS_MAX)
    pairs = {(row.issue, row.report): row for row in reversed(rows)}  # of several judgements the latest
    homes = await _homes(actor.bureau, [row.report for row in rows])
    standing = [row for pair, row in reversed(pairs.items()) if pair[0] not in homes.get(pair[1], set())]
    return await _told(actor.bureau, standing, homes)


async def _homes(bureau: UUID, reports: list[UUID]) -> dict[UUID, set[UUID]]:
    if not reports:
        return {}
    found: dict[UUID, set[UUID]] = {}
    for row in await IssueLink.select(IssueLink.report, IssueLink.issue).where(
        IssueLink.bureau == bureau,
        IssueLink.report.is_in(reports),
        IssueLink.state == CONFIRMED,
        IssueLink.undone_at.is_null(),
    ):
        found.setdefault(row["report"], set()).add(row["issue"])
    return found


async def _told(bureau: UUID, rows: list[IssueLink], homes: dict[UUID, set[UUID]]) -> list[Rejection]:
    if not rows:
        return []
    wanted = {row.issue for row in rows} | {issue for row in rows for issue in homes.get(row.report, ())}
    found = await Issue.select(Issue.id, Issue.number, Issue.title).where(
        Issue.bureau == bureau, Issue.id.is_in(list(wanted))
    )
    issues = {row["id"]: row for row in found}
    reports = await Report.select(Report.id, Report.title).where(
        Report.bureau == bureau, Report.id.is_in([row.report for row in rows])
    )
    titles = {row["id"]: row["title"] for row in reports}
    judges = [row.rejected_by for row in rows if row.rejected_by is not None]
    people = await Person.select(Person.id, Person.name).where(Person.id.is_in(judges)) if judges else []
    names = {row["id"]: row["name"] for row in people}
    return [
        Rejection(
            issue=issues[row.issue]["number"],
            issue_title=issues[row.issue]["title"],
            report=row.report,
            title=titles.get(row.report, ""),
            homes=sorted(issues[home]["number"] for home in homes.get(row.report, ())),
            method=row.method,
            score=row.score,
            algorithm=row.algorithm,
            rejected_by=row.rejected_by,
            rejected_by_name=names.get(row.rejected_by, ""),
            decided_at=row.decided_at,
        )
        for row in rows
    ]
