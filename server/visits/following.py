"""What a submitted visit record does to the calendar: it finishes the planned visit, or puts in the one nobody planned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

import sync.feed
from server.moment import now
from server.people.actor import Actor
from server.people.tables import Person
from server.records.submission import SubmittedRecord
from server.settings import settings
from server.visits.actions import KIND, set_companions
from server.visits.tables import CHANNELS, DONE, PLANNED, Visit, VisitCompanion
from sync.identity import named_id
from sync.transaction import transaction

FORM_ID = "visit_record"


async def follow_visit_records(system: Actor, records: list[SubmittedRecord]) -> None:
    """Follower of submitted and amended records, in their transaction."""
    async with transaction():
        for record in records:
            if record.form_id == FORM_ID and record.enterprise is not None:
                await _take_place(system, record, record.enterprise)


async def follow_enterprise_merge(system: Actor, old: UUID, into: UUID) -> None:
    """Follower of a merge: the visits of the temporary firm are those of the one it became."""
    for row in await Visit.select(Visit.id).where(Visit.bureau == system.bureau, Visit.enterprise == old):
        await Visit.update({Visit.enterprise: into}).where(Visit.id == row["id"])
        sync.feed.touch(system.bureau, KIND, row["id"])


async def _take_place(system: Actor, record: SubmittedRecord, enterprise: UUID) -> None:
    answers = record.answers
    day = _day(answers.get("visit_date")) or record.collected_at.astimezone(settings.timezone).date()
    visit = await _visit_of(system, record, enterprise, day)
    channel = answers.get("channel")
    purpose = answers.get("purpose")
    if channel in CHANNELS:
        visit.channel = channel
    if isinstance(purpose, list):
        visit.purpose = msgspec.json.encode(purpose).decode()
    visit.day, visit.state, visit.record, visit.updated_at = day, DONE, record.id, now()
    visit.campaign = visit.campaign or record.campaign
    await visit.save()
    visitors = await _colleagues(system, answers)
    if visitors:
        planned = await VisitCompanion.select(VisitCompanion.person).where(VisitCompanion.visit == visit.id)
        await set_companions(visit, [*(row["person"] for row in planned), *visitors])
    sync.feed.touch(system.bureau, KIND, visit.id)


async def _visit_of(system: Actor, record: SubmittedRecord, enterprise: UUID, day: date) -> Visit:
    """The visit this record already finished; else the one it names; else the visitor's own plan nearest to the day; else a new one."""
    own = Visit.bureau == system.bureau
    known = await Visit.objects().get(own & (Visit.record == record.id))
    if known is None and record.visit is not None:
        named = own & (Visit.id == record.visit) & (Visit.enterprise == enterprise) & Visit.record.is_null()
        known = await Visit.objects().get(named)
    if known is None:
        planned = await Visit.objects().where(
            own & (Visit.person == record.person) & (Visit.enterprise == enterprise) & (Visit.state == PLANNED)
        )
        known = min(planned, key=lambda visit: (abs((visit.day - day).days), visit.id), default=None)
    if known is not None:
        return known
    # The phone may have named a visit whose plan has not come yet: then that is the one.
    is_free = record.visit is not None and not await Visit.exists().where(Visit.id == record.visit)
    return Visit(
        id=record.visit if is_free else named_id("visit", record.id),
        bureau=system.bureau,
        enterprise=enterprise,
        person=record.person,
        day=day,
        channel="on_site",
        created_at=now(),
    )


async def _colleagues(system: Actor, answers: Mapping[str, Any]) -> list[UUID]:
    """Those of the visitors who are persons of the bureau."""
    rows = answers.get("visitors")
    named = []
    for row in rows if isinstance(rows, list) else []:
        try:
            named.append(UUID(row["visitor"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    if not named:
        return []
    known = await Person.select(Person.id).where(Person.bureau == system.bureau, Person.id.is_in(named))
    found = {row["id"] for row in known}
    return [person for person in named if person in found]


def _day(answer: Any) -> date | None:
    try:
        return date.fromisoformat(answer[:10]) if isinstance(answer, str) else None
    except ValueError:
        return None
