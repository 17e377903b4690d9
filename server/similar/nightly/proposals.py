"""What the night proposed, for a supervisor to read, accept or reject."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from server.issues.actions import move_issue, reach_issue
from server.issues.fields import Merge, RejectLink, Words
from server.issues.tables import CONFIRMED, SUGGESTED, Issue, IssueLink
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.reports.tables import Report
from server.similar.actions import HIDDEN
from sync.transaction import transaction

METHOD = "proposal"
SHOWN_MAX = 200
"""Links read for one list; what is decided makes room."""


class Proposed(Struct, frozen=True, kw_only=True):
    issue: UUID
    number: str
    title: str
    text: str


class GroupOut(Struct, frozen=True, kw_only=True):
    """`into` is the oldest issue, `members` those that would come to it. `score` is the group's mean likeness."""

    into: Proposed
    members: list[Proposed]
    score: float
    algorithm: str
    proposed_at: datetime


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without `issues` it is about the whole group."""

    verdict: Literal["accept", "reject"]
    issues: Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(max_length=100)] = []
    reason: Words


class Decided(Struct, frozen=True, kw_only=True):
    issues: list[str]


async def list_proposals(actor: Actor) -> list[GroupOut]:
    """The likest groups first; an issue that was closed, merged or joined by another report since is in none."""
    actor.must("issue.merge")
    links = await (
        IssueLink.objects()
        .where(
            IssueLink.bureau == actor.bureau,
            IssueLink.method == METHOD,
            IssueLink.state == SUGGESTED,
            IssueLink.undone_at.is_null(),
            IssueLink.issue.is_in(_open(actor)),
        )
        .order_by(IssueLink.score, IssueLink.issue, IssueLink.report, ascending=False)
        .limit(SHOWN_MAX)
    )
    groups: dict[UUID, list[tuple[IssueLink, Issue]]] = defaultdict(list)
    for link in links:
        home = await _home(actor, link.report)
        if home is not None and home.id != link.issue:
            groups[link.issue].append((link, home))
    shown = []
    for into, members in groups.items():
        target = await Issue.visible_to(actor).where(Issue.id == into).first()
        if target is None:
            continue
        best = members[0][0]
        shown.append(
            GroupOut(
                into=await _shown(actor, target),
                members=[await _shown(actor, home) for _, home in members],
                score=best.score or 0.0,
                algorithm=best.algorithm,
                proposed_at=best.linked_at,
            )
        )
    return sorted(shown, key=lambda one: (-one.score, one.into.number))


async def decide_proposal(actor: Actor, named: str | UUID, given: Decision) -> Decided:
    """Accepting merges, rejecting is remembered. Raises `similar.no_proposal` for an issue that is not proposed for this one."""
    actor.must("issue.merge")
    async with transaction():
        into = await reach_issue(actor, named)
        waiting = await IssueLink.objects().where(
            IssueLink.bureau == actor.bureau,
            IssueLink.issue == into.id,
            IssueLink.method == METHOD,
            IssueLink.state == SUGGESTED,
            IssueLink.undone_at.is_null(),
        )
        homes = {link.report: await _home(actor, link.report) for link in waiting}
        chosen = {(await reach_issue(actor, one)).id for one in given.issues}
        proposed = {home.id for home in homes.values() if home is not None}
        if not proposed or not chosen <= proposed:
            raise refusal("similar.no_proposal", number=into.number)
        decided = []
        for link in waiting:
            home = homes[link.report]
            if home is None or home.id == into.id or (chosen and home.id not in chosen):
                continue
            if given.verdict == "accept":
                link.undone_at = now()  # the report comes with the merge, so that undoing that takes it away again
                await link.save()
                await move_issue(actor, home.id, "merge", Merge(into=into.number, reason=given.reason))
            else:
                await move_issue(actor, into.id, "reject_link", RejectLink(report=link.report, reason=given.reason))
            decided.append(home.number)
    return Decided(issues=decided)


def _open(actor: Actor) -> Any:
    return Issue.select(Issue.id).where(Issue.reach_of(actor), Issue.closed_at.is_null())


async def _home(actor: Actor, report: UUID) -> Issue | None:
    """The open issue this report is alone in, if this person may see it."""
    homes = IssueLink.select(IssueLink.issue).where(
        IssueLink.bureau == actor.bureau,
        IssueLink.report == report,
        IssueLink.state == CONFIRMED,
        IssueLink.undone_at.is_null(),
    )
    home: Issue | None = (
        await Issue.visible_to(actor).where(Issue.id.is_in(homes), Issue.closed_at.is_null()).order_by(Issue.id).first()
    )
    if home is None:
        return None
    links = IssueLink.count().where(
        IssueLink.bureau == actor.bureau,
        IssueLink.issue == home.id,
        IssueLink.state == CONFIRMED,
        IssueLink.undone_at.is_null(),
    )
    return home if await links == 1 else None


async def _shown(actor: Actor, issue: Issue) -> Proposed:
    links = IssueLink.select(IssueLink.report).where(
        IssueLink.issue == issue.id, IssueLink.state == CONFIRMED, IssueLink.undone_at.is_null()
    )
    report = (
        await Report.objects().where(Report.bureau == issue.bureau, Report.id.is_in(links)).order_by(Report.id).first()
    )
    hidden = report is not None and report.confidentiality and not actor.is_bureau_wide("report.read")
    return Proposed(
        issue=issue.id,
        number=issue.number,
        title=HIDDEN if hidden else issue.title,
        text="" if report is None or hidden else f"{report.title}\n{report.description}",
    )
