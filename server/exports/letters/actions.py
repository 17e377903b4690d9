"""Letters (受理单、交办单、催办通知书、回访表): written from an issue, numbered, kept as they went out."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.exports.letters.tables import Paper, PaperCounter, PaperTemplate
from server.exports.letters.template import Unusable, check_template, fill, kinds, shipped
from server.exports.letters.values import TO_UNITS, values_of
from server.issues.actions import hold_issue, reach_issue
from server.issues.steps.dues import timeline
from server.issues.steps.step import Step
from server.issues.tables import Issue, IssueEvent
from server.moment import now, today
from server.people.actor import Actor
from server.refusals import refusal
from sync.bulk import locked
from sync.identity import named_id, new_id
from sync.transaction import transaction

WRITE, READ = "paper.write", "issue.read"
URGING = "urging"


class PaperOut(Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    kind_zh: str
    number: str
    person: UUID
    made_at: datetime
    sha256: str
    template: str
    """SHA-256 of the bureau's own template it was made with; empty for the shipped one."""


class TemplateOut(Struct, frozen=True, kw_only=True):
    kind: str
    zh: str
    is_own: bool
    sha256: str
    since: datetime | None


async def write_paper(actor: Actor, named: str, kind: str) -> PaperOut:
    """Raises `issue.unknown`, `paper.kind`, `paper.not_led`, `paper.nothing_urged`."""
    actor.must(WRITE)
    _must_know(kind)
    async with transaction():
        issue = await hold_issue(actor, named)
        if kind == "handover" and issue.lead is None:
            raise refusal("paper.not_led", number=issue.number)
        if kind == URGING and not {event.verb for event in await timeline(issue.bureau, issue.id)} & {
            "urge",
            "supervise",
        }:
            raise refusal("paper.nothing_urged", number=issue.number)
        return _out(await _write(actor, issue, kind))


async def follow_urging(step: Step, event: IssueEvent) -> None:
    """Whoever is urged gets it in writing too; registered in `server.wiring`."""
    if event.verb in ("urge", "supervise"):
        await _write(step.actor, step.issue, URGING)


async def list_papers(actor: Actor, named: str) -> list[PaperOut]:
    """Those of an issue that this person may read, as they were written."""
    actor.must(READ)
    issue = await reach_issue(actor, named)
    rows = await Paper.objects().where(Paper.bureau == issue.bureau, Paper.issue == issue.id).order_by(Paper.made_at)
    return [_out(row) for row in rows if _may_read(actor, row.kind)]


async def read_paper(actor: Actor, named: str, id: UUID) -> tuple[PaperOut, bytes]:
    """Raises `issue.unknown`, `paper.unknown`."""
    actor.must(READ)
    issue = await reach_issue(actor, named)
    row = await Paper.objects().get((Paper.bureau == issue.bureau) & (Paper.issue == issue.id) & (Paper.id == id))
    if row is None or not _may_read(actor, row.kind):
        raise refusal("paper.unknown")
    return _out(row), row.content


def _may_read(actor: Actor, kind: str) -> bool:
    """What names the enterprise whatever it asked for is for those who oversee the queue; the rest for whoever works on it."""
    return actor.may(WRITE) or kind in TO_UNITS


async def list_templates(actor: Actor) -> list[TemplateOut]:
    actor.must(WRITE)
    own = await _own(actor.bureau)
    return [
        TemplateOut(
            kind=kind,
            zh=told.zh,
            is_own=kind in own,
            sha256=own[kind].sha256 if kind in own else _sha256(shipped(kind)),
            since=own[kind].since if kind in own else None,
        )
        for kind, told in kinds().items()
    ]


async def read_template(actor: Actor, kind: str) -> bytes:
    """The one in use, to be changed and given back."""
    actor.must(WRITE)
    _must_know(kind)
    own = await _own(actor.bureau)
    return own[kind].content if kind in own else shipped(kind)


async def replace_template(actor: Actor, kind: str, content: bytes) -> TemplateOut:
    """From now on; an empty body goes back to the shipped one. Raises `paper.kind`, `paper.template`."""
    actor.must("routing.write")
    _must_know(kind)
    if content:
        try:
            check_template(content)
        except Unusable as unusable:
            raise refusal("paper.template", reason=unusable.zh, reason_en=unusable.en) from None
    async with transaction():
        row = PaperTemplate(
            id=new_id(), bureau=actor.bureau, kind=kind, person=actor.person, since=now(),
            sha256=_sha256(content) if content else "", content=content,
        )  # fmt: skip
        await row.save()
        await record_event(actor, "paper.template", "bureau", actor.bureau, {"kind": kind, "sha256": row.sha256})
    return TemplateOut(
        kind=kind,
        zh=kinds()[kind].zh,
        is_own=bool(content),
        sha256=row.sha256 or _sha256(shipped(kind)),
        since=row.since,
    )


async def _write(actor: Actor, issue: Issue, kind: str) -> Paper:
    number = await _number(issue.bureau, kind)
    own = (await _own(issue.bureau)).get(kind)
    content = fill(own.content if own is not None else shipped(kind), await values_of(issue, kind, number))
    row = Paper(
        id=new_id(), bureau=issue.bureau, issue=issue.id, kind=kind, number=number, person=actor.person, made_at=now(),
        template=own.sha256 if own is not None else "", sha256=_sha256(content), content=content,
    )  # fmt: skip
    await row.save()
    await record_event(actor, "paper.write", "issue", issue.id, {"kind": kind, "number": number, "sha256": row.sha256})
    return row


async def _number(bureau: UUID, kind: str) -> str:
    """`催办通知书〔2026〕3号`, without gaps: the counter is held until the commit."""
    year = today().year
    id = named_id("paper", str(bureau), str(year), kind)
    await PaperCounter.insert(PaperCounter(id=id, bureau=bureau, n=0)).on_conflict(action="DO NOTHING")
    row = await locked(PaperCounter.objects().where(PaperCounter.id == id).first())
    row.n += 1
    await row.save()
    return f"{kinds()[kind].zh}〔{year}〕{row.n}号"


async def _own(bureau: UUID) -> dict[str, PaperTemplate]:
    rows = await PaperTemplate.objects().where(PaperTemplate.bureau == bureau).order_by(PaperTemplate.since)
    return {kind: row for kind, row in {row.kind: row for row in rows}.items() if row.content}


def _must_know(kind: str) -> None:
    if kind not in kinds():
        raise refusal("paper.kind", kind=kind[:100], kinds="、".join(kinds()))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _out(row: Paper) -> PaperOut:
    return PaperOut(
        id=row.id, kind=row.kind, kind_zh=kinds()[row.kind].zh, number=row.number, person=row.person, made_at=row.made_at,
        sha256=row.sha256, template=row.template,
    )  # fmt: skip
