"""Reports and issues joined and parted again: links, merges, and their undoing. Nothing is lost by either."""

from __future__ import annotations

from uuid import UUID

from server.issues.states import DRAFT
from server.issues.steps.opening import KIND
from server.issues.steps.step import Step
from server.issues.tables import Issue, IssueLink
from server.people.actor import Actor
from server.refusals import refusal
from server.reports.tables import Report
from sync.feed import touch, touch_many
from sync.identity import new_id
from sync.transaction import fetch, is_postgres


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


async def links_of(bureau: UUID, issue: UUID) -> list[IssueLink]:
    return (
        await IssueLink.objects()
        .where(IssueLink.bureau == bureau, IssueLink.issue == issue, IssueLink.undone_at.is_null())
        .order_by(IssueLink.linked_at, IssueLink.id)
    )


async def merge(step: Step) -> None:
    """Every report comes along, so that every reporter gets the answer and a call-back of their own."""
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
    known = {link.report for link in await links_of(issue.bureau, other.id)}
    rows = [
        IssueLink(
            id=new_id(),
            bureau=issue.bureau,
            issue=other.id,
            report=link.report,
            enterprise=link.enterprise,
            person=link.person,
            via=issue.id,
            confirmed_by=step.actor.person,
            linked_at=step.at,
        )
        for link in await links_of(issue.bureau, issue.id)
        if link.report not in known
    ]
    if rows:
        await IssueLink.insert(*rows)
    issue.merged_into = other.id
    step.kept["into"] = other.number
    touch(issue.bureau, KIND, other.id)


async def unmerge(step: Step) -> None:
    """Back to the state before; the links that came along are undone, not deleted, as far as they were carried on."""
    issue = step.issue
    merged = step.last("merge")
    if merged is None or issue.merged_into is None:
        raise refusal("issue.not_merged")
    carried, via = {link.report for link in await links_of(issue.bureau, issue.id)}, issue.id
    onward: UUID | None = issue.merged_into
    seen = {issue.id}
    while onward is not None and onward not in seen:
        seen.add(onward)
        came = [link for link in await links_of(issue.bureau, onward) if link.via == via and link.report in carried]
        for link in came:
            link.undone_at = step.at
            await link.save()
        touch(issue.bureau, KIND, onward)
        carried, via = {link.report for link in came}, onward
        further = await find_issue(issue.bureau, onward)
        onward = further.merged_into if further is not None else None
    issue.merged_into = None
    step.target = merged.source


async def link_report(step: Step) -> None:
    """A link by somebody who may judge it is confirmed, another a suggestion for the dispatcher."""
    issue = step.issue
    report = await Report.visible_to(step.actor).where(Report.id == step.fields.report).first()
    if report is None:
        raise refusal("report.unknown")
    confirmed_by = step.actor.person if step.actor.may("report.link") else None
    for link in await links_of(issue.bureau, issue.id):
        if link.report == report.id:
            if link.confirmed_by is None and confirmed_by is not None:
                link.confirmed_by = confirmed_by
                await link.save()
            return
    await IssueLink(
        id=new_id(),
        bureau=issue.bureau,
        issue=issue.id,
        report=report.id,
        enterprise=report.enterprise,
        person=report.person,
        confirmed_by=confirmed_by,
        linked_at=step.at,
    ).save()


async def unlink_report(step: Step) -> None:
    for link in await links_of(step.issue.bureau, step.issue.id):
        if link.report == step.fields.report:
            link.undone_at = step.at
            await link.save()
            return
    raise refusal("report.unknown")


async def follow_enterprise_merge(actor: Actor, old: UUID, into: UUID) -> None:
    """What concerned a provisional enterprise concerns the one it turned out to be."""
    links = await IssueLink.objects().where(IssueLink.bureau == actor.bureau, IssueLink.enterprise == old)
    for table in (Issue, IssueLink):
        await table.update({table.enterprise: into}).where(table.bureau == actor.bureau, table.enterprise == old)
    touch_many(actor.bureau, KIND, {link.issue for link in links})
