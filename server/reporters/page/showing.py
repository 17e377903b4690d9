"""What an enterprise sees behind its link."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from server.callbacks.actions import may_answer
from server.callbacks.answers import SELF_CHANNELS, Rating
from server.callbacks.answers import Reason as WhyNot
from server.callbacks.answers import Words as AnyWords
from server.callbacks.tables import Callback
from server.enterprises.actions import resolve_enterprise
from server.enterprises.tables import Enterprise
from server.issues.states import STATES as ISSUE_STATES
from server.issues.tables import Issue
from server.people.tables import Unit
from server.reporters.matter import Matter, Progress, answer_for, needed_from, progress_of
from server.reporters.tables import ReporterLink
from server.reporters.words import STATES
from server.reports.tables import ReportContact

QUESTIONS = ("contacted", "solved", "satisfied", "attitude", "speed", "why_not", "why_words", "agree_case", "words")
"""Of the call-back questionnaire, what an enterprise answers by itself."""
Said = Annotated[str, Meta(min_length=1, max_length=3500)]
CodeEndText = Annotated[str, Meta(max_length=18)]


class Judgement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The questions of the call-back that need nobody to judge the answers."""

    contacted: Literal["yes", "no", "not_sure"]
    solved: Literal["solved", "partly", "unsolved", "only_explained"]
    satisfied: Literal["satisfied", "mostly", "dissatisfied"]
    attitude: Rating | None = None
    speed: Rating | None = None
    why_not: Annotated[list[WhyNot], Meta(max_length=7)] = []
    why_words: AnyWords = ""
    agree_case: bool = False
    words: AnyWords = ""


class Comment(Struct, frozen=True, forbid_unknown_fields=True):
    words: Said


class Withdrawal(Struct, frozen=True, forbid_unknown_fields=True):
    words: Said
    code_end: CodeEndText
    """Last four characters of the credit code."""


class CodeEnd(Struct, frozen=True, forbid_unknown_fields=True):
    code_end: CodeEndText


class Reply(Struct, frozen=True, kw_only=True):
    words: str
    letter: str
    meaning: str
    at: datetime


class Judged(Struct, frozen=True, kw_only=True):
    """How the enterprise answered in this turn."""

    at: datetime
    by_link: bool
    solved: str
    satisfied: str
    counts: bool


class Contact(Struct, frozen=True):
    name: str
    phone: str


class ReporterPage(Struct, frozen=True, kw_only=True):
    """`is_locked`: the credit code opens more — whom we have as contact, and of a confidential matter every word of it."""

    number: str
    state: str
    state_zh: str
    state_en: str
    since: datetime
    is_locked: bool
    is_confidential: bool
    enterprise: str
    title: str
    description: str
    """The enterprise's own words."""
    said_at: datetime
    received_at: datetime
    due_at: datetime | None
    """The first instant that is too late for an answer; null while nothing is owed or the enterprise is waited for."""
    closed_at: datetime | None
    unit: str
    unit_contact: str
    needed: str
    """What the enterprise is asked to bring."""
    progress: list[Progress]
    reply: Reply | None
    judged: Judged | None
    questions: tuple[str, ...]
    """Empty when there is nothing to judge now."""
    may: list[str]
    """Of satisfaction, comment and withdrawal, what is possible now."""
    contact: Contact | None


async def enterprise_of(matter: Matter) -> Enterprise | None:
    named: UUID | None = matter.report.enterprise
    return await resolve_enterprise(matter.report.bureau, named) if named is not None else None


async def page_of(link: ReporterLink, matter: Matter, *, is_open: bool) -> ReporterPage:
    issue, report = matter.issue, matter.report
    enterprise = await enterprise_of(matter)
    shows_words = is_open or not report.confidentiality
    answer = await answer_for(matter)
    unit = await Unit.objects().get((Unit.bureau == issue.bureau) & (Unit.id == issue.lead)) if issue.lead else None
    judged = await _judged(link, issue)
    may = _possible(issue, judged)
    name = enterprise.name if enterprise is not None else report.enterprise_name
    return ReporterPage(
        number=issue.number,
        state=issue.state,
        state_zh=STATES[issue.state][0],
        state_en=STATES[issue.state][1],
        since=issue.state_since,
        is_locked=not is_open,
        is_confidential=bool(report.confidentiality),
        enterprise=name if shows_words else "",
        title=report.title if shows_words else "",
        description=report.description if shows_words else "",
        said_at=report.collected_at,
        received_at=report.reported_at,
        due_at=issue.solve_due if issue.closed_at is None and issue.state != "PENDING_CALLBACK" else None,
        closed_at=issue.closed_at,
        unit=unit.name if unit is not None else "",
        unit_contact=unit.contact if unit is not None else "",
        needed=needed_from(matter) if shows_words else "",
        progress=progress_of(matter),
        reply=Reply(
            words=answer.words if shows_words else "", letter=answer.letter, meaning=answer.meaning, at=answer.at
        )
        if answer is not None
        else None,
        judged=judged,
        questions=QUESTIONS if "satisfaction" in may else (),
        may=may,
        contact=await _contact(matter) if is_open else None,
    )


def _possible(issue: Issue, judged: Judged | None) -> list[str]:
    found = ["satisfaction"] if may_answer(issue) and (judged is None or not judged.by_link) else []
    return [*found, "comment", *(["withdrawal"] if ISSUE_STATES[issue.state].is_open else [])]


async def _judged(link: ReporterLink, issue: Issue) -> Judged | None:
    rows = [
        row
        for row in await Callback.of_issue(issue.bureau, issue.id)
        if row.report == link.report and row.turn == issue.redos and row.reached == "reached"
    ]
    by_link = [row for row in rows if row.channel in SELF_CHANNELS]
    if not rows:
        return None
    row = (by_link or rows)[-1]
    return Judged(at=row.at, by_link=bool(by_link), solved=row.solved, satisfied=row.satisfied, counts=row.counts)


async def _contact(matter: Matter) -> Contact | None:
    """As the enterprise told us, so that it can say that somebody else is to be called."""
    row = await ReportContact.objects().get(
        (ReportContact.bureau == matter.report.bureau) & (ReportContact.id == matter.report.id)
    )
    return Contact(row.name, row.phone) if row is not None else None
