"""What submitted visit records do to the calendar: each finishes a planned visit, or puts in the one nobody planned.

Every pushed visit record passes here, so a batch costs a handful of statements, whatever its size.
"""

from __future__ import annotations

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
from server.visits.actions import KIND
from server.visits.tables import CANCELLED, CHANNELS, DONE, PLANNED, Visit
from sync.bulk import locked
from sync.identity import kin_id, named_id
from sync.transaction import executemany, transaction

FORM_ID = "visit_record"
WITHDRAWN = "走访记录已撤回 / The record was withdrawn"
COLUMNS = "id, bureau, enterprise, person, day, channel, purpose, state, record, campaign, created_at, updated_at"
_STORE = (
    f"INSERT INTO visit ({COLUMNS}, note, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', '')"
    " ON CONFLICT (id) DO UPDATE SET day = excluded.day, channel = excluded.channel, purpose = excluded.purpose,"
    " state = excluded.state, record = excluded.record, campaign = excluded.campaign, updated_at = excluded.updated_at"
)
_ALONG = (
    "INSERT INTO visit_companion (id, bureau, visit, person) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (visit, person) DO NOTHING"
)


async def follow_visit_records(system: Actor, records: list[SubmittedRecord]) -> None:
    """Follower of submitted and amended records, in their transaction. Raw SQL: two statements for all of them."""
    made = [record for record in records if record.form_id == FORM_ID and record.enterprise is not None]
    if not made:
        return
    async with transaction():
        waiting = await _candidates(system.bureau, made)
        taken = await _taken(made, waiting)
        visits = [_take_place(system.bureau, record, waiting, taken) for record in made]
        columns = COLUMNS.split(", ")
        await executemany(_STORE, [[getattr(visit, column) for column in columns] for visit in visits])
        colleagues = await _colleagues(system.bureau, made)
        along = [
            [named_id("companion", visit.id, person), system.bureau, visit.id, person]
            for record, visit in zip(made, visits, strict=True)
            for person in _visitors(record)
            if person in colleagues and person != visit.person
        ]
        if along:
            await executemany(_ALONG, along)
        sync.feed.touch_many(system.bureau, KIND, [visit.id for visit in visits])


async def follow_withdrawal(system: Actor, record: UUID) -> None:
    """Follower of records taken back: the visit is planned again, or, if only the record spoke of it, did not take place."""
    visit = await locked(Visit.objects()).get((Visit.bureau == system.bureau) & (Visit.record == record))
    if visit is not None:
        nobody_planned = visit.id == kin_id(record, "visit")
        visit.state, visit.reason = (CANCELLED, WITHDRAWN) if nobody_planned else (PLANNED, "")
        visit.record, visit.updated_at = None, now()
        await visit.save()
        sync.feed.touch(system.bureau, KIND, visit.id)


async def follow_enterprise_merge(system: Actor, old: UUID, into: UUID) -> None:
    """Follower of a merge: the visits of the temporary firm are those of the one it became."""
    for row in await Visit.select(Visit.id).where(Visit.bureau == system.bureau, Visit.enterprise == old):
        await Visit.update({Visit.enterprise: into}).where(Visit.id == row["id"])
        sync.feed.touch(system.bureau, KIND, row["id"])


async def _candidates(bureau: UUID, records: list[SubmittedRecord]) -> list[Visit]:
    """Visits to these enterprises that a record of the batch finished before, or names, or that are still planned; held until the
    commit."""
    named = [record.visit for record in records if record.visit is not None]
    found: list[Visit] = (
        await locked(Visit.objects())
        .where(
            Visit.bureau == bureau,
            Visit.enterprise.is_in(list({record.enterprise for record in records})),
            Visit.record.is_in([record.id for record in records])
            | ((Visit.state == PLANNED) | Visit.id.is_in([*named, bureau])) & Visit.record.is_null(),
        )
        .order_by(Visit.id)
    )
    return found


async def _taken(records: list[SubmittedRecord], known: list[Visit]) -> set[UUID]:
    """Ids that records name and that are those of other visits."""
    named = {record.visit for record in records if record.visit is not None} - {visit.id for visit in known}
    if not named:
        return set()
    return {row["id"] for row in await Visit.select(Visit.id).where(Visit.id.is_in(list(named)))}


def _take_place(bureau: UUID, record: SubmittedRecord, waiting: list[Visit], taken: set[UUID]) -> Visit:
    answers = record.answers
    day = _day(answers.get("visit_date")) or record.collected_at.astimezone(settings.timezone).date()
    visit = _visit_of(record, day, waiting)
    if visit is not None:
        waiting.remove(visit)
        taken.add(visit.id)
    else:
        # The phone may name a visit whose plan has not come yet: then that is the one.
        own = record.visit if record.visit is not None and record.visit not in taken else None
        taken.update([own] if own else [])
        visit = Visit(
            id=own or kin_id(record.id, "visit"),
            bureau=bureau,
            enterprise=record.enterprise,
            person=record.person,
            channel=CHANNELS[0],
            created_at=now(),
        )
    channel, purpose = answers.get("channel"), answers.get("purpose")
    if channel in CHANNELS:
        visit.channel = channel
    if isinstance(purpose, list):
        visit.purpose = msgspec.json.encode(purpose).decode()
    visit.day, visit.state, visit.record, visit.updated_at = day, DONE, record.id, now()
    visit.campaign = visit.campaign or record.campaign
    return visit


def _visit_of(record: SubmittedRecord, day: date, waiting: list[Visit]) -> Visit | None:
    """The visit this record already finished; else the one it names; else the visitor's own plan nearest to the day."""
    here = [visit for visit in waiting if visit.enterprise == record.enterprise]
    for visit in here:
        if visit.record == record.id:
            return visit
    free = [visit for visit in here if visit.record is None]
    for visit in free:
        if visit.id == record.visit:
            return visit
    plans = [visit for visit in free if visit.person == record.person and visit.state == PLANNED]
    return min(plans, key=lambda visit: (abs((visit.day - day).days), visit.id), default=None)


async def _colleagues(bureau: UUID, records: list[SubmittedRecord]) -> set[UUID]:
    """Those of the visitors who are persons of the bureau."""
    named = {person for record in records for person in _visitors(record)}
    if not named:
        return set()
    known = await Person.select(Person.id).where(Person.bureau == bureau, Person.id.is_in(list(named)))
    return {row["id"] for row in known}


def _visitors(record: SubmittedRecord) -> list[UUID]:
    rows = record.answers.get("visitors")
    found = []
    for row in rows if isinstance(rows, list) else []:
        told: Any = row.get("visitor") if isinstance(row, dict) else None
        try:
            found.append(UUID(told))
        except (TypeError, ValueError, AttributeError):
            continue
    return found


def _day(answer: Any) -> date | None:
    try:
        return date.fromisoformat(answer[:10]) if isinstance(answer, str) else None
    except ValueError:
        return None
