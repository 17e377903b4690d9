"""Planning a visit, saying that it took place or will not, and what a submitted visit record does to the plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

import sync.feed
from server.audit.actions import record_event
from server.enterprises.actions import reach_enterprise
from server.moment import now
from server.people.actor import Actor
from server.people.tables import Person
from server.refusals import refusal
from server.settings import settings
from server.visits.calendar.guard import DISTURBING, Neighbour, VisitWarning, near, warn
from server.visits.tables import CANCELLED, CHANNELS, DONE, PLANNED, Visit, VisitCompanion
from sync.bulk import locked
from sync.identity import named_id
from sync.transaction import fetch, transaction

KIND = "visit"


class VisitPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enterprise: UUID
    day: date
    channel: str = "on_site"
    purpose: list[str] = []
    companions: list[UUID] = []
    campaign: UUID | None = None
    note: str = ""


class Finish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    day: date
    channel: str = ""
    """Empty: as planned."""
    note: str = ""


KnowsCampaign = Callable[[UUID, UUID], Awaitable[bool]]
_campaign_checks: list[KnowsCampaign] = []


def campaigns_known_by(check: KnowsCampaign) -> None:
    """`check(bureau, campaign)` says whether there is one of this id: campaigns come after visits, and know them."""
    if check not in _campaign_checks:
        _campaign_checks.append(check)


async def must_know_campaign(bureau: UUID, campaign: UUID | None) -> None:
    """Raises `campaign.unknown`."""
    if campaign is not None and not any([await check(bureau, campaign) for check in _campaign_checks]):
        raise refusal("campaign.unknown")


async def plan_visit(actor: Actor, visit: UUID, plan: VisitPlan) -> list[VisitWarning]:
    """Puts a visit into the shared calendar, or moves one's own planned visit. Answers what the over-visit guard says,
    which stops nobody. Raises `enterprise.unknown`, `person.unknown`, `campaign.unknown`, `visit.channel_unknown`, `visit.id_taken`."""
    actor.must("visit.plan")
    _check_channel(plan.channel)
    async with transaction():
        enterprise = await reach_enterprise(actor, plan.enterprise)
        await _check_persons(actor, plan.companions)
        await must_know_campaign(actor.bureau, plan.campaign)
        row = await _begin(actor, visit, enterprise.id, plan)
        if row.bureau != actor.bureau or row.person != actor.person:
            raise refusal("visit.id_taken")
        elif row.state != PLANNED:
            return []
        row.enterprise, row.day, row.channel = enterprise.id, plan.day, plan.channel
        row.purpose = msgspec.json.encode(plan.purpose).decode()
        row.campaign, row.note, row.updated_at = plan.campaign, plan.note, now()
        await row.save()
        await set_companions(row, plan.companions)
        sync.feed.touch(actor.bureau, KIND, row.id)
        await record_event(actor, "visit.plan", KIND, row.id, {"enterprise": str(row.enterprise), "day": str(row.day)})
        return await warnings_of(row)


async def finish_visit(actor: Actor, visit: UUID, finish: Finish) -> Visit:
    """It took place. A visit cancelled meanwhile at another desk took place all the same; one already done stays as it is."""
    actor.must("visit.plan")
    async with transaction():
        row = await _hold_own(actor, visit)
        if row.state == DONE:
            return row
        if finish.channel:
            _check_channel(finish.channel)
            row.channel = finish.channel
        row.state, row.day, row.note, row.updated_at = DONE, finish.day, finish.note or row.note, now()
        await row.save()
        sync.feed.touch(actor.bureau, KIND, row.id)
        await record_event(actor, "visit.finish", KIND, row.id, {"day": str(row.day)})
    return row


async def cancel_visit(actor: Actor, visit: UUID, reason: str) -> Visit:
    """Raises `visit.done` for one that took place."""
    actor.must("visit.plan")
    async with transaction():
        row = await _hold_own(actor, visit)
        if row.state == DONE:
            raise refusal("visit.done")
        if row.state == CANCELLED:
            return row
        row.state, row.reason, row.updated_at = CANCELLED, reason, now()
        await row.save()
        sync.feed.touch(actor.bureau, KIND, row.id)
        await record_event(actor, "visit.cancel", KIND, row.id, {})
    return row


async def _begin(actor: Actor, visit: UUID, enterprise: UUID, plan: VisitPlan) -> Visit:
    """The visit of this id, held until the commit; a new one of the actor's when there was none."""
    fresh = Visit(
        id=visit, bureau=actor.bureau, enterprise=enterprise, person=actor.person, day=plan.day, channel=plan.channel,
        created_at=now(), updated_at=now(),
    )  # fmt: skip
    await Visit.insert(fresh).on_conflict(target=Visit.id, action="DO NOTHING")
    row: Visit = await locked(Visit.objects()).get(Visit.id == visit)
    return row


async def warnings_of(visit: Visit) -> list[VisitWarning]:
    """What the over-visit guard says about this visit as it stands."""
    if visit.channel not in DISTURBING:
        return []
    interval = settings.visit_interval_days
    neighbours = near(visit.day, visit.channel, await _around(visit, interval), interval)
    warning = warn(visit.day, visit.person, neighbours, interval)
    return [] if warning is None else [warning]


async def _around(visit: Visit, interval_days: int) -> list[Neighbour]:
    """Raw SQL for the names beside each visit."""
    found = await fetch(
        "SELECT visit.id, visit.day, visit.channel, visit.state, visit.person, person.name AS person_name,"
        " unit.name AS unit_name FROM visit JOIN person ON person.id = visit.person JOIN unit ON unit.id = person.unit"
        " WHERE visit.bureau = $1 AND visit.enterprise = $2 AND visit.id <> $3 AND visit.state <> $4"
        " AND visit.day > $5 AND visit.day < $6",
        [
            visit.bureau,
            visit.enterprise,
            visit.id,
            CANCELLED,
            visit.day - timedelta(days=interval_days),
            visit.day + timedelta(days=interval_days),
        ],
    )
    return [
        Neighbour(
            visit=row["id"],
            day=row["day"],
            channel=row["channel"],
            state=row["state"],
            person=row["person"],
            person_name=row["person_name"],
            unit_name=row["unit_name"],
        )
        for row in found
    ]


async def set_companions(visit: Visit, persons: list[UUID]) -> None:
    await VisitCompanion.delete().where(VisitCompanion.visit == visit.id)
    for person in dict.fromkeys(persons):
        if person != visit.person:
            row = VisitCompanion(id=named_id("companion", visit.id, person), bureau=visit.bureau, visit=visit.id)
            row.person = person
            await row.save()


def _check_channel(channel: str) -> None:
    if channel not in CHANNELS:
        raise refusal("visit.channel_unknown", channel=channel, channels=", ".join(CHANNELS))


async def _check_persons(actor: Actor, persons: list[UUID]) -> None:
    known = await Person.count().where(Person.bureau == actor.bureau, Person.id.is_in(persons)) if persons else 0
    if known != len(set(persons)):
        raise refusal("person.unknown")


async def _hold_own(actor: Actor, visit: UUID) -> Visit:
    """Held until the commit: one's own visits and those one goes along to; everybody reads the calendar, nobody changes another's plan."""
    row: Visit | None = await locked(Visit.visible_to(actor)).get(Visit.id == visit)
    if row is not None and (row.person == actor.person or actor.is_system):
        return row
    along = VisitCompanion.exists().where(VisitCompanion.visit == visit, VisitCompanion.person == actor.person)
    if row is None or not await along:
        raise refusal("visit.unknown")
    return row
