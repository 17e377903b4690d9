"""What alarms are counted from, and what the enterprises of one said, as far as the reader may know it. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.alarms.counting.alarm import LOOK_BACK, Said
from server.clocks.span import start_of_day
from server.enterprises.tables import Enterprise
from server.people.actor import Actor
from server.reports.tables import Report
from server.settings import settings
from sync.transaction import fetch

WORDS_MAX = 20
"""Reports of one alarm that are shown with it, the newest."""
DESCRIPTION_MAX = 200
"""Characters of each."""


class WordsOut(Struct, frozen=True, kw_only=True):
    """`title` and `description` are empty for what was said in confidence: it is read where it lies, `GET /v1/reports/{report}`."""

    report: UUID
    reported_at: datetime
    enterprise: UUID | None
    enterprise_name: str
    title: str
    description: str
    confidentiality: str


async def said_in(bureau: UUID, first: date, last: date) -> list[Said]:
    """Reports of firms in the registry whose alarms of these days they can be part of, under the category of their issue, before
    there is one under their own. Raw SQL: it reads the reports of nine weeks and more of a whole bureau."""
    rows = await fetch(
        "SELECT report.id, report.reported_at, report.enterprise, enterprise.region,"
        " COALESCE(NULLIF(issue.category, ''), report.category) AS category FROM report"
        " JOIN enterprise ON enterprise.id = report.enterprise AND enterprise.bureau = report.bureau"
        " LEFT JOIN issue_link ON issue_link.report = report.id AND issue_link.bureau = report.bureau"
        " AND issue_link.state = 'confirmed' AND issue_link.undone_at IS NULL"
        " LEFT JOIN issue ON issue.id = issue_link.issue AND issue.state <> 'DRAFT'"
        " WHERE report.bureau = $1 AND report.reported_at >= $2 AND report.reported_at < $3",
        [
            bureau,
            start_of_day(first - LOOK_BACK, settings.timezone),
            start_of_day(last + timedelta(days=1), settings.timezone),
        ],
    )
    return [
        Said(
            row["reported_at"].astimezone(settings.timezone).date(), row["category"], row["region"],
            _id(row["enterprise"]), _id(row["id"]),
        )
        for row in rows
        if row["category"]
    ]  # fmt: skip


async def words_of(actor: Actor, wanted: Iterable[list[UUID]]) -> list[list[WordsOut]]:
    """For each list of reports the words of its last, the newest first. What is out of reach is left out; who asked not to be
    named is named to those alone who may know it."""
    lists = [reports[-WORDS_MAX:] for reports in wanted]
    ids = sorted({id for reports in lists for id in reports}, key=str)
    if not ids or not actor.may("report.read"):
        return [[] for _ in lists]
    reports = {row.id: row for row in await Report.visible_to(actor).where(Report.id.is_in(ids))}
    known = {row.enterprise_for(actor) for row in reports.values()} - {None}
    firms = await Enterprise.visible_to(actor).where(Enterprise.id.is_in(sorted(known, key=str) or [actor.bureau]))
    names = {firm.id: firm.name for firm in firms}
    return [[_words(actor, reports[id], names) for id in reversed(some) if id in reports] for some in lists]


def _words(actor: Actor, report: Report, names: dict[UUID, str]) -> WordsOut:
    firm, is_open = report.enterprise_for(actor), not report.confidentiality
    return WordsOut(
        report=report.id, reported_at=report.reported_at, enterprise=firm, enterprise_name=names.get(firm, ""),
        title=report.title if is_open else "", description=report.description[:DESCRIPTION_MAX] if is_open else "",
        confidentiality=report.confidentiality,
    )  # fmt: skip


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
