"""Labels on an issue: put on and taken off by whoever may note something there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.issues.actions import hold_issue, reach_issue
from server.issues.fields import Code
from server.issues.labels.tables import IssueLabel
from server.issues.steps.opening import KIND
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.routing.taxonomy.tables import Label
from sync.identity import new_id
from sync.transaction import transaction

LABELS_MAX = 20
Codes = Annotated[list[Code], Meta(max_length=LABELS_MAX)]


class LabelChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    add: Codes = []
    remove: Codes = []


class LabelOut(Struct, frozen=True, kw_only=True):
    label: str
    zh: str
    en: str
    is_retired: bool
    successor: str
    since: datetime
    person: UUID
    until: datetime | None
    removed_by: UUID | None


async def labels_of(actor: Actor, named: str) -> list[LabelOut]:
    """Those it carries first, then those it has carried. Raises `issue.unknown`."""
    issue = await reach_issue(actor, named)
    rows = await IssueLabel.objects().where(IssueLabel.bureau == actor.bureau, IssueLabel.issue == issue.id)
    known = {row.code: row for row in await Label.objects().where(Label.bureau == actor.bureau)}
    return [
        LabelOut(
            label=row.label, zh=known[row.label].zh, en=known[row.label].en, is_retired=known[row.label].retired_at is not None,
            successor=known[row.label].successor, since=row.since, person=row.person, until=row.until, removed_by=row.removed_by,
        )
        for row in sorted(rows, key=lambda row: (row.until is not None, row.label, row.since))
    ]  # fmt: skip


async def change_labels(actor: Actor, named: str, change: LabelChange) -> list[LabelOut]:
    """What it carries already, or does not carry, is left as it is. Raises `label.unknown`, `category.retired`, `label.many`."""
    actor.must("issue.note")
    async with transaction():
        issue = await hold_issue(actor, named)
        known = {row.code: row for row in await Label.objects().where(Label.bureau == actor.bureau)}
        for code in (*change.add, *change.remove):
            if code not in known:
                raise refusal("label.unknown", label=code)
        where = (IssueLabel.bureau == actor.bureau) & (IssueLabel.issue == issue.id) & IssueLabel.until.is_null()
        carried = {row.label: row for row in await IssueLabel.objects().where(where)}
        for code in dict.fromkeys(change.remove):
            if code in carried:
                row = carried.pop(code)
                row.until, row.removed_by = now(), actor.person
                await row.save()
        for code in dict.fromkeys(change.add):
            if code in carried:
                continue
            if known[code].retired_at is not None:
                raise refusal("category.retired", category=code, successor=known[code].successor or "-")
            row = IssueLabel(
                id=new_id(), bureau=actor.bureau, issue=issue.id, label=code, since=now(), person=actor.person
            )  # fmt: skip
            carried[code] = row
            await row.save()
        if len(carried) > LABELS_MAX:
            raise refusal("label.many", limit=LABELS_MAX)
        details = {"add": list(change.add), "remove": list(change.remove)}
        await record_event(actor, "issue.label", KIND, issue.id, details)
        return await labels_of(actor, str(issue.id))
