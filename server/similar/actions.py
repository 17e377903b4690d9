"""“Has this been said before?” The likest open issues for a text that is being typed and for an issue at triage."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.issues.actions import reach_issue
from server.issues.joining.links import rejected_issues
from server.issues.states import STATES
from server.issues.tables import CONFIRMED, Issue, IssueLink
from server.people.actor import Actor
from server.reports.actions import must_see
from server.reports.similar import ALGORITHM, Found
from server.reports.tables import Report
from server.similar.catalogue import Catalogue, enterprises_of, find_similar

HIDDEN = "（不公开）"
"""Title of an issue whose words this person may not read."""


class Typed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=10_000)]
    category: Annotated[str, Meta(max_length=64)] = ""
    enterprise: UUID | None = None
    """Who says it, so that the answer can tell which issues are the same enterprise's own."""


class SimilarOut(Struct, frozen=True, kw_only=True):
    """`score` is 0 to 1. `spans` are the shared words in what was asked, `text_spans` in `text`, one of the issue's reports: pairs
    of first character and the one after the last. A text this person may not read is empty, and so are the words."""

    issue: UUID
    number: str
    state: str
    state_zh: str
    state_en: str
    title: str
    category: str
    score: float
    algorithm: str
    reports: int
    enterprises: int
    """Different ones that spoke of it."""
    is_same_enterprise: bool
    words: list[str]
    spans: list[tuple[int, int]]
    text: str
    text_spans: list[tuple[int, int]]


class SimilarIssues(Struct, frozen=True, kw_only=True):
    text: str
    """What was asked, as the spans count it."""
    items: list[SimilarOut]


async def suggest_while_typing(actor: Actor, typed: Typed) -> SimilarIssues:
    """Raises `enterprise.unknown`."""
    actor.must("issue.read")
    await must_see(actor, typed.enterprise)
    catalogue, found = await find_similar(actor, typed.text, typed.category)
    return SimilarIssues(text=typed.text, items=await _shown(actor, catalogue, found, typed.enterprise))


async def suggest_at_triage(actor: Actor, named: str | UUID) -> SimilarIssues:
    """What the issue's first report sounds like, without the issue itself."""
    issue = await reach_issue(actor, named)
    report = await first_report(issue)
    if report is None:
        return SimilarIssues(text=issue.title, items=[])
    text = f"{report.title}\n{report.description}"
    passed = {issue.id, *await rejected_issues(actor.bureau, report.id)}
    catalogue, found = await find_similar(actor, text, issue.category or report.category, passed)
    return SimilarIssues(text=text, items=await _shown(actor, catalogue, found, report.enterprise_shown))


async def first_report(issue: Issue) -> Report | None:
    links = IssueLink.select(IssueLink.report).where(
        IssueLink.bureau == issue.bureau,
        IssueLink.issue == issue.id,
        IssueLink.undone_at.is_null(),
        IssueLink.state == CONFIRMED,
    )
    rows = Report.objects().where(Report.bureau == issue.bureau, Report.id.is_in(links))
    report: Report | None = await rows.order_by(Report.reported_at, Report.id).first()
    return report


async def _shown(
    actor: Actor, catalogue: Catalogue, found: list[Found[UUID]], enterprise: UUID | None
) -> list[SimilarOut]:
    rows = await Issue.visible_to(actor).where(Issue.id.is_in([hit.issue for hit in found])) if found else []
    issues = {issue.id: issue for issue in rows}
    return [_out(actor, catalogue, hit, issues[hit.issue], enterprise) for hit in found if hit.issue in issues]


def _out(actor: Actor, catalogue: Catalogue, hit: Found[UUID], issue: Issue, enterprise: UUID | None) -> SimilarOut:
    state = STATES[issue.state]
    spoke = enterprises_of(catalogue, issue.id)
    is_shown = may_read_words(actor, catalogue, hit.report)
    title_shown = all(may_read_words(actor, catalogue, one) for one in catalogue.index.reports_of(issue.id))
    return SimilarOut(
        issue=issue.id,
        number=issue.number,
        state=issue.state,
        state_zh=state.zh,
        state_en=state.en,
        title=issue.title if title_shown else HIDDEN,
        category=issue.category,
        score=hit.score,
        algorithm=ALGORITHM,
        reports=len(catalogue.index.reports_of(issue.id)),
        enterprises=len(spoke),
        is_same_enterprise=enterprise is not None and enterprise in spoke,
        words=hit.words if is_shown else [],
        spans=hit.spans if is_shown else [],
        text=hit.text if is_shown else "",
        text_spans=hit.its_spans if is_shown else [],
    )


def may_read_words(actor: Actor, catalogue: Catalogue, report: UUID) -> bool:
    """Confidential words are for whoever wrote them down and whoever oversees the bureau's reports."""
    told = catalogue.told.get(report)
    return (
        told is None or not told.is_confidential or told.person == actor.person or actor.is_bureau_wide("report.read")
    )
