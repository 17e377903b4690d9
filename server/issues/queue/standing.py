"""Who has an issue in hand: units with their own clocks, the contact with the enterprise, what is on account."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.clocks.explanation import DueOut, explain
from server.issues.fields import Milestone
from server.issues.steps.dues import measure_of
from server.issues.steps.parts import part_dues
from server.issues.tables import Issue, IssueEvent, IssueUnit
from server.moment import now
from server.people.tables import Person
from server.settings import settings


class UnitAtWork(Struct, frozen=True, kw_only=True):
    code: str
    name: str
    role: str
    """lead, split (a part of its own) or co (helps)."""
    since: datetime
    until: datetime | None
    asked_at: datetime | None
    signed_at: datetime | None
    answered_at: datetime | None
    due: datetime | None
    """When a unit that is not the lead must have answered; null while the clocks stand still."""
    dues: list[DueOut]
    """Its own clocks with their reasons."""


class Contact(Struct, frozen=True, kw_only=True):
    """Who keeps the contact with the enterprise: whoever received it first, until another unit has signed."""

    code: str
    name: str
    by_signing: bool


class AccountReview(Struct, frozen=True, kw_only=True):
    at: datetime
    words: str
    milestone_on: date


class Account(Struct, frozen=True, kw_only=True):
    """What is on account: the plan as it stands, and what the monthly reviews said."""

    plan: str
    reason: str
    since: datetime
    milestone_on: date
    milestones: list[Milestone]
    reviews: list[AccountReview]


async def units_of(issue: Issue, units: dict[UUID, Any], events: list[IssueEvent]) -> list[UnitAtWork]:
    rows = (
        await IssueUnit.objects()
        .where(IssueUnit.bureau == issue.bureau, IssueUnit.issue == issue.id)
        .order_by(IssueUnit.since, IssueUnit.id)
    )
    measure, moment = await measure_of(issue.bureau, issue.closed_at), now()
    return [
        UnitAtWork(
            **{
                name: getattr(row, name)
                for name in ("role", "since", "until", "asked_at", "signed_at", "answered_at", "due")
            },
            code=units[row.unit]["code"],
            name=units[row.unit]["name"],
            dues=[explain(due, measure.calendar, settings.timezone, moment) for due in part_dues(row, events, measure)],
        )
        for row in rows
    ]


async def contact_of(issue: Issue, units: dict[UUID, Any]) -> Contact | None:
    unit = issue.contact
    if unit is None:
        author = (
            await Person.select(Person.unit).where(Person.bureau == issue.bureau, Person.id == issue.person).first()
        )
        unit = author["unit"] if author is not None else None
    if unit not in units:
        return None
    return Contact(code=units[unit]["code"], name=units[unit]["name"], by_signing=issue.contact is not None)


def account_of(issue: Issue, events: list[IssueEvent]) -> Account | None:
    """Only while it is on account."""
    if issue.state != "LONG_TERM":
        return None
    begun = next(event for event in reversed(events) if event.verb == "put_on_account")
    plan = msgspec.json.decode(begun.fields)
    reviews, milestones = [], plan.get("milestones", [])
    for event in events[begun.n :]:
        if event.verb == "review_account":
            said = msgspec.json.decode(event.fields)
            milestones = said["milestones"] or milestones
            reviews.append(
                AccountReview(at=event.at, words=said["words"], milestone_on=date.fromisoformat(said["milestone_on"]))
            )
    return Account(
        plan=plan["plan"],
        reason=plan["reason"],
        since=begun.at,
        milestone_on=reviews[-1].milestone_on if reviews else date.fromisoformat(plan["milestone_on"]),
        milestones=msgspec.convert(milestones, list[Milestone]),
        reviews=reviews,
    )
