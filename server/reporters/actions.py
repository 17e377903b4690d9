"""Making links for reporters, withdrawing them, and reading what each reporter was answered."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.issues.actions import hold_issue, reach_issue
from server.issues.states import VERBS
from server.issues.steps.dues import timeline
from server.issues.steps.joining import links_of
from server.issues.steps.step import HANDLING
from server.issues.tables import CONFIRMED, Issue
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.reporters.matter import Answer, answers_of
from server.reporters.tables import ReporterLink
from server.reports.tables import Report
from server.settings import settings
from sync.identity import new_id
from sync.transaction import transaction

KIND = "reporter_link"
LINK_DAYS = 180
"""How long a link lasts, unless it is withdrawn."""
TOKEN_BYTES = 24


class Handing(Struct, frozen=True, forbid_unknown_fields=True):
    """How the link reaches the enterprise: in a short message, or as a code it scans."""

    channel: Literal["sms_link", "enterprise_code"] = "enterprise_code"


class MadeLink(Struct, frozen=True, kw_only=True):
    id: UUID
    report: UUID
    url: str
    """Shown this once: only its hash is kept."""
    channel: str
    expires_at: datetime


class LinkState(Struct, frozen=True, kw_only=True):
    id: UUID
    report: UUID
    channel: str
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    revoked_at: datetime | None
    comments: int


class Replied(Struct, frozen=True, kw_only=True):
    """What one enterprise said, and every answer to it, the newest first."""

    report: UUID
    enterprise: UUID | None
    title: str
    description: str
    said_at: datetime
    answers: list[Answer]


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def make_link(actor: Actor, named: str, report: UUID, handing: Handing) -> MadeLink:
    """A new link for the author of a report; the one before stops working. Not by whoever handled the issue, who would answer for
    the enterprise. Raises `issue.unknown`, `report.unknown`, `issue.same_person`."""
    actor.must("issue.call_back")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    async with transaction():
        issue = await _hold_report(actor, named, report)
        for event in await timeline(issue.bureau, issue.id):
            if event.verb in HANDLING and event.person == actor.person:
                done = VERBS[event.verb]
                raise refusal("issue.same_person", done=done.zh, done_en=done.en, wanted="回访")
        await _revoke(actor, report)
        link = ReporterLink(
            id=new_id(), bureau=actor.bureau, report=report, token_hash=hash_of(token), channel=handing.channel,
            created_by=actor.person, created_at=now(), expires_at=now() + timedelta(days=LINK_DAYS),
        )  # fmt: skip
        await link.save()
        await record_event(actor, "link.offer", KIND, link.id, {"report": str(report)})
    url = f"{settings.address}/r/{token}"
    return MadeLink(id=link.id, report=report, url=url, channel=link.channel, expires_at=link.expires_at)


async def revoke_link(actor: Actor, named: str, report: UUID) -> None:
    """It stops working at once."""
    actor.must("issue.call_back")
    async with transaction():
        await _hold_report(actor, named, report)
        await _revoke(actor, report)


async def list_links(actor: Actor, named: str) -> list[LinkState]:
    """Every link there was for the reporters of an issue, without the tokens, the newest first."""
    issue = await reach_issue(actor, named)
    reports = [link.report for link in await links_of(issue.bureau, issue.id) if link.state == CONFIRMED]
    rows = await ReporterLink.of_reports(issue.bureau, reports) if reports else []
    return [LinkState(**{name: getattr(row, name) for name in LinkState.__struct_fields__}) for row in rows]


async def list_replies(actor: Actor, named: str) -> list[Replied]:
    """What each reporter of an issue said and was answered."""
    issue = await reach_issue(actor, named)
    answers = await answers_of(issue, await timeline(issue.bureau, issue.id))
    reports = [link.report for link in await links_of(issue.bureau, issue.id) if link.state == CONFIRMED]
    rows = await Report.objects().where(Report.bureau == issue.bureau, Report.id.is_in(reports)) if reports else []
    return [
        Replied(
            report=row.id, enterprise=row.enterprise_for(actor), title=row.title, description=row.description,
            said_at=row.collected_at, answers=answers.get(row.id, []),
        )
        for row in sorted(rows, key=lambda row: (row.reported_at, row.id))
    ]  # fmt: skip


async def _hold_report(actor: Actor, named: str, report: UUID) -> Issue:
    """Of two who make a link at once the second revokes the first's."""
    issue = await hold_issue(actor, named)
    if not any(link.report == report and link.state == CONFIRMED for link in await links_of(issue.bureau, issue.id)):
        raise refusal("report.unknown")
    return issue


async def _revoke(actor: Actor, report: UUID) -> None:
    for link in await ReporterLink.of_reports(actor.bureau, [report]).where(ReporterLink.revoked_at.is_null()):
        await ReporterLink.update({ReporterLink.revoked_at: now()}).where(ReporterLink.id == link.id)
        await record_event(actor, "link.revoke", KIND, link.id, {"report": str(report)})
