"""Drafts whose author has left, or files no reports any more: a supervisor of the author's unit finishes or discards them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from piccolo.columns.combination import WhereRaw

from server.audit.actions import record_event
from server.issues.drafts.actions import DraftOut, draft_out, must_have_room
from server.issues.drafts.submitting import draft_of
from server.issues.states import DRAFT
from server.issues.steps.opening import KIND
from server.issues.tables import Issue
from server.moment import now
from server.paging import Page, page_of
from server.people.actor import Actor
from server.people.roles import ROLES
from server.people.tables import Person
from server.refusals import refusal
from server.shown import shown
from sync.bulk import locked
from sync.transaction import transaction

_FILING = ", ".join(f"'{role}'" for role, permissions in ROLES.items() if "report.file" in permissions)
_LEFT = (
    "issue.person IN (SELECT person.id FROM person WHERE person.bureau = {{}} AND person.unit IN ({units})"
    " AND (person.disabled_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM role_grant WHERE role_grant.bureau = person.bureau"
    f" AND role_grant.person = person.id AND role_grant.revoked_at IS NULL AND role_grant.role IN ({_FILING}))))"
)


class LeftDraft(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    title: str
    enterprise: UUID | None
    person: UUID
    person_name: str
    opened_at: datetime
    updated_at: datetime


async def list_left(actor: Actor, *, after: str, limit: int) -> Page[LeftDraft]:
    """The oldest first."""
    actor.must("issue.supervise")
    page = await page_of(_left(actor), (Issue.opened_at, Issue.id), after=after, limit=limit)
    names = await _names(actor.bureau, [row.person for row in page.items])
    return page.shown(lambda row: shown(LeftDraft, row, person_name=names[row.person]))


async def take_over(actor: Actor, named: str) -> DraftOut:
    """It is this person's from now on, as if they had begun it: to go on with, to submit or to delete. Raises `issue.unknown`,
    `issue.drafts_full`."""
    actor.must("issue.supervise")
    async with transaction():
        await must_have_room(actor)
        issue = await locked(_left(actor)).where(_is_named(named)).first()
        if issue is None:
            raise refusal("issue.unknown")
        row = await draft_of(issue.bureau, issue)
        left = issue.person
        issue.person = row.person = actor.person
        issue.updated_at = row.updated_at = now()
        await issue.save()
        await row.save()
        await record_event(actor, "issue.take_over", KIND, issue.id, {"left": str(left)})
    return draft_out(issue, row)


def _left(actor: Actor) -> Any:
    units = sorted(actor.units("issue.supervise"))
    condition = _LEFT.format(units=", ".join("{}" for _ in units) or "NULL")
    drafts = Issue.objects().where(Issue.bureau == actor.bureau, Issue.state == DRAFT)
    return drafts.where(WhereRaw(condition, actor.bureau, *units))


def _is_named(named: str) -> Any:
    try:
        return Issue.id == UUID(named)
    except ValueError:
        return Issue.number == named


async def _names(bureau: UUID, persons: list[UUID]) -> dict[UUID, str]:
    if not persons:
        return {}
    rows = await Person.select(Person.id, Person.name).where(Person.bureau == bureau, Person.id.is_in(persons))
    return {row["id"]: row["name"] for row in rows}
