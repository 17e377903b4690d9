"""The matter behind a report: the issue that answers it today, what it has been through, what was answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.issues.states import DRAFT
from server.issues.steps.dues import timeline
from server.issues.steps.joining import follow_merges
from server.issues.tables import CONFIRMED, Issue, IssueEvent, IssueLink, IssueReply
from server.refusals import refusal
from server.reporters.words import step_words
from server.reports.tables import Report

ANSWERING = ("reply", "record_reply")
SAID = {"refuse": "words", "resolve_on_site": "answer"}
"""Verbs that answer the enterprise by themselves, and the field they do it in."""


class Matter(Struct, frozen=True, kw_only=True):
    report: Report
    issue: Issue
    events: list[IssueEvent]
    link: IssueLink
    """By which the issue answers the report."""
    passed: list[IssueEvent]
    """What happened while the report lay elsewhere: in an issue since merged into this one."""


class Progress(Struct, frozen=True):
    at: datetime
    zh: str
    en: str


class Answer(Struct, frozen=True, kw_only=True):
    words: str
    letter: str
    meaning: str
    """What the letter meant when it was given."""
    is_own: bool
    at: datetime
    approved_at: datetime | None
    """None while no reviewer has signed it off: the enterprise does not see it yet."""


async def matter_of(bureau: UUID, report: UUID) -> Matter:
    """Raises `report.unknown` for a report that no issue answers."""
    said = await Report.objects().get((Report.bureau == bureau) & (Report.id == report))
    links = (
        await IssueLink.objects()
        .where(
            IssueLink.bureau == bureau, IssueLink.report == report, IssueLink.undone_at.is_null(),
            IssueLink.state == CONFIRMED,
        )
        .order_by(IssueLink.linked_at, IssueLink.id, ascending=False)
    )  # fmt: skip
    rows = await Issue.objects().where(
        Issue.bureau == bureau, Issue.id.is_in([link.issue for link in links] or [report])
    )
    issues = {issue.id: issue for issue in rows if issue.state != DRAFT}
    link = next((link for link in links if link.issue in issues and issues[link.issue].state != "MERGED"), None)
    link = link or next((link for link in links if link.issue in issues), None)
    if said is None or link is None:
        raise refusal("report.unknown")
    issue = await follow_merges(bureau, issues[link.issue])
    passed: list[IssueEvent] = []
    for other in issues.values():
        if other.id != issue.id and other.state == "MERGED":
            passed += await timeline(bureau, other.id)
    return Matter(report=said, issue=issue, events=await timeline(bureau, issue.id), link=link, passed=passed)


def progress_of(matter: Matter) -> list[Progress]:
    """In plain words, without names and notes; of an issue it came into, only what happened since."""
    since = matter.link.linked_at if matter.passed else datetime.min.replace(tzinfo=matter.link.linked_at.tzinfo)
    seen = [*matter.passed, *(event for event in matter.events if event.at >= since)]
    told = [(event.at, words) for event in seen if (words := step_words(event.verb, event.outcome)) is not None]
    return [Progress(at, *words) for at, words in sorted(told, key=lambda one: one[0])]


def needed_from(matter: Matter) -> str:
    """What the enterprise is to bring, while it is waited for."""
    if matter.issue.state != "WAITING_FIRM":
        return ""
    asked = next(event for event in reversed(matter.events) if event.verb == "wait_for_enterprise")
    return str(fields_of(asked)["needed"])


async def answers_of(issue: Issue, events: list[IssueEvent]) -> dict[UUID, list[Answer]]:
    """Every answer that was given to each report, the newest first."""
    rows = (
        await IssueReply.objects()
        .where(IssueReply.bureau == issue.bureau, IssueReply.issue == issue.id)
        .order_by(IssueReply.n, ascending=False)
    )
    approved = approvals(events)
    found: dict[UUID, list[Answer]] = {}
    for row in rows:
        answer = Answer(
            words=row.words, letter=row.letter, meaning=row.letter_definition, is_own=row.is_own, at=row.at,
            approved_at=approved.get(row.n),
        )  # fmt: skip
        found.setdefault(row.report, []).append(answer)
    return found


def approvals(events: list[IssueEvent]) -> dict[int, datetime]:
    """When each answer, by its line of the timeline, was signed off."""
    found: dict[int, datetime] = {}
    last = None
    for event in events:
        if event.verb in ANSWERING:
            last = event.n
        elif event.verb == "review":
            if event.outcome == "signed_off" and last is not None:
                found[last] = event.at
            last = None
    return found


async def answer_for(matter: Matter) -> Answer | None:
    """What this enterprise is answered: its own words, the common ones where it joined later, or what a verb said by itself."""
    own = (await answers_of(matter.issue, matter.events)).get(matter.report.id, [])
    approved = approvals(matter.events)
    for answer in own:
        if answer.approved_at is not None:
            return answer
    for event in reversed(matter.events):
        fields = fields_of(event)
        if event.n in approved or event.verb in SAID:
            return Answer(
                words=fields.get(SAID.get(event.verb, "words"), ""), letter=fields.get("letter", ""),
                meaning=fields.get("letter_definition", ""), is_own=False, at=event.at,
                approved_at=approved.get(event.n, event.at),
            )  # fmt: skip
    said = matter.report.on_site_answer
    if matter.report.solved_on_site and said:
        at = matter.report.reported_at
        return Answer(words=said, letter="", meaning="", is_own=True, at=at, approved_at=at)
    return None


def fields_of(event: IssueEvent) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(event.fields)
    return fields
