"""What a person makes of a suggestion: the same problem, similar but not the same, or new."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from server.issues.actions import move_issue, reach_issue
from server.issues.fields import LinkReport, Merge, RejectLink, Words
from server.issues.joining.links import Suggestion, rejected_issues, suggest_links
from server.issues.steps.joining import links_of
from server.issues.tables import CONFIRMED, Issue
from server.people.actor import Actor, system_of
from server.refusals import refusal
from server.reports.similar import ALGORITHM
from server.similar.actions import suggest_at_triage
from sync.transaction import transaction

OTHERS_MAX = 20


class Verdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`same` names the one issue it is the same problem as, `not_same` those it is not. `new`: it is none of those suggested now."""

    verdict: Literal["same", "not_same", "new"]
    others: Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(max_length=OTHERS_MAX)] = []
    reason: Words


class Judged(Struct, frozen=True, kw_only=True):
    outcome: str
    """merged, linked, suggested (somebody with the right to link must confirm it) or rejected."""
    issues: list[str]
    """Numbers of the others."""


async def judge_similar(actor: Actor, named: str | UUID, given: Verdict) -> Judged:
    """Raises `issue.unknown`, `similar.verdict` when the others do not fit the verdict, and what merging and linking raise."""
    actor.must("issue.note")
    async with transaction():
        issue = await reach_issue(actor, named)
        named_right = {"same": len(given.others) == 1, "not_same": bool(given.others), "new": not given.others}
        if not named_right[given.verdict]:
            raise refusal("similar.verdict")
        others = [await reach_issue(actor, other) for other in dict.fromkeys(given.others)]
        if given.verdict == "same":
            return await _join(actor, issue, others[0], given.reason)
        return await _part(actor, issue, others, given.reason)


async def _join(actor: Actor, issue: Issue, other: Issue, reason: str) -> Judged:
    """By a merge where that is possible, else by links: what a commissioner links waits for a dispatcher."""
    if issue.closed_at is None and actor.may("issue.merge"):
        await move_issue(actor, issue.id, "merge", Merge(into=other.number, reason=reason))
        return Judged(outcome="merged", issues=[other.number])
    if issue.id == other.id:
        raise refusal("issue.merge_self")
    for link in await links_of(issue.bureau, issue.id):
        if link.state == CONFIRMED:
            await move_issue(actor, other.id, "link_report", LinkReport(report=link.report, words=reason))
    return Judged(outcome="linked" if actor.may("report.link") else "suggested", issues=[other.number])


async def _part(actor: Actor, issue: Issue, others: list[Issue], reason: str) -> Judged:
    """Remembered by the link table, in both directions, and told by the other's timeline; never suggested again."""
    actor.must("report.link")
    suggested = {hit.issue: hit.score for hit in (await suggest_at_triage(actor, issue.id)).items}
    if not others:
        others = [await reach_issue(actor, id) for id in suggested]
    own = [link.report for link in await links_of(issue.bureau, issue.id) if link.state == CONFIRMED]
    for other in others:
        if other.id == issue.id:
            raise refusal("issue.merge_self")
        for report in own:
            if other.id in await rejected_issues(issue.bureau, report):
                continue
            guess = Suggestion(report=report, issue=other.id, score=suggested.get(other.id, 0.0), algorithm=ALGORITHM)
            await suggest_links(system_of(issue.bureau), [guess])
            await move_issue(actor, other.id, "reject_link", RejectLink(report=report, reason=reason))
    return Judged(outcome="rejected", issues=[other.number for other in others])
