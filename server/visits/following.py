"""What submitted visit records do to the calendar: each finishes a planned visit, or puts in the one nobody planned.

Every pushed visit record passes here, so a batch costs a handful of statements, whatever its size.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

import sync.feed
from server.answers import as_day, as_id
from server.moment import now
from server.people.actor import Actor
from server.people.tables import Person
from server.records.submission import SubmittedRecord, work_scopes
from server.settings import settings
from server.visits.actions import KIND
from server.visits.tables import CANCELLED, CHANNELS, DONE, PLANNED, Visit
from sync.bulk import among, ids, insert, locked
from sync.identity import kin_id, named_id
from sync.scopes import person_scope
from sync.transaction import fetch, is_postgres, transaction

FORM_ID = "visit_record"
WITHDRAWN = "走访记录已撤回 / The record was withdrawn"
_COLUMNS = (
    "id uuid, bureau uuid, enterprise uuid, person uuid, day date, channel text, purpose text, state text, record uuid,"
    " campaign uuid, created_at timestamptz, updated_at timestamptz, note text, reason text"
)
_OR_UPDATE = (
    "ON CONFLICT (id) DO UPDATE SET day = excluded.day, channel = excluded.channel, purpose = excluded.purpose,"
    " state = excluded.state, record = excluded.record, campaign = excluded.campaign, updated_at = excluded.updated_at"
)
_COMPANION = "id uuid, bureau uuid, visit uuid, person uuid"


class _Meeting(Struct, eq=False):
    """A row of `visit`, without the ORM: every visit record makes one."""

    id: UUID
    bureau: UUID
    enterprise: UUID | None
    person: UUID
    day: date
    channel: str
    purpose: str
    state: str
    record: UUID | None
    campaign: UUID | None
    created_at: datetime
    updated_at: datetime
    note: str = ""
    reason: str = ""
    is_new: bool = False
    """Made for its record, under an id that nobody else can have made."""


_FIELDS = _Meeting.__struct_fields__[:-1]


async def follow_visit_records(system: Actor, records: list[SubmittedRecord]) -> None:
    """Follower of submitted and amended records, in their transaction. Raw SQL: two statements for all of them."""
    made = [record for record in records if record.form_id == FORM_ID and record.enterprise is not None]
    if not made:
        return
    async with transaction(joins=True):
        waiting = await _candidates(system.bureau, made)
        taken = await _taken(made, waiting)
        visits = [_take_place(system.bureau, record, waiting, taken) for record in made]
        await insert("visit", _COLUMNS, [astuple(visit)[:-1] for visit in visits], _OR_UPDATE)
        along = await _bring_along(system.bureau, made, visits)
        new = [visit for visit in visits if visit.is_new]
        scopes = {visit.id: work_scopes(visit.person, visit.enterprise) for visit in new}
        for visit, companion in along:
            if visit in scopes:
                scopes[visit].add(person_scope(companion))
        sync.feed.touch_new(system.bureau, KIND, scopes)
        sync.feed.touch_many(system.bureau, KIND, [visit.id for visit in visits if not visit.is_new])


async def _bring_along(bureau: UUID, records: list[SubmittedRecord], visits: list[_Meeting]) -> list[tuple[UUID, UUID]]:
    """Visits and those who went along, as the records tell."""
    colleagues = await _colleagues(bureau, records)
    along = [
        (visit.id, person)
        for record, visit in zip(records, visits, strict=True)
        for person in _visitors(record)
        if person in colleagues and person != visit.person
    ]
    rows = [(named_id("companion", visit, person), bureau, visit, person) for visit, person in along]
    await insert("visit_companion", _COMPANION, rows, "ON CONFLICT (visit, person) DO NOTHING")
    return along


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


async def _candidates(bureau: UUID, records: list[SubmittedRecord]) -> list[_Meeting]:
    """Visits to these enterprises that are planned by the records' authors, or that a record of the batch names or
    finished before; held until the commit. Each is found through its own index, so that long histories cost nothing."""
    enterprises = ids({record.enterprise for record in records if record.enterprise is not None})
    select = f"SELECT {', '.join(_FIELDS)} FROM visit WHERE bureau = $1 AND enterprise {among(2)}"
    hold = " ORDER BY id FOR UPDATE" if is_postgres() else ""
    found = await fetch(
        f"{select} AND person {among(3)} AND state = $4 AND record IS NULL{hold}",
        [bureau, enterprises, ids({record.person for record in records}), PLANNED],
    )
    named = [record.visit for record in records if record.visit is not None]
    amended = [record.id for record in records if record.is_amendment]
    if named or amended:
        found += await fetch(
            f"{select} AND (record {among(3)} OR id {among(4)} AND record IS NULL){hold}",
            [bureau, enterprises, ids(amended), ids(named)],
        )
    return list({row[0]: _Meeting(*row) for row in found}.values())


async def _taken(records: list[SubmittedRecord], known: list[_Meeting]) -> set[UUID]:
    """Ids that records name and that are those of other visits."""
    named = {record.visit for record in records if record.visit is not None} - {visit.id for visit in known}
    if not named:
        return set()
    return {row["id"] for row in await Visit.select(Visit.id).where(Visit.id.is_in(list(named)))}


def _take_place(bureau: UUID, record: SubmittedRecord, waiting: list[_Meeting], taken: set[UUID]) -> _Meeting:
    answers = record.answers
    day = as_day(answers.get("visit_date")) or record.collected_at.astimezone(settings.timezone).date()
    visit = _visit_of(record, day, waiting)
    if visit is not None:
        waiting.remove(visit)
        taken.add(visit.id)
    else:
        # The phone may name a visit whose plan has not come yet: then that is the one.
        own = record.visit if record.visit is not None and record.visit not in taken else None
        taken.update([own] if own else [])
        visit = _Meeting(
            id=own or kin_id(record.id, "visit"),
            bureau=bureau,
            enterprise=record.enterprise,
            person=record.person,
            day=day,
            channel=CHANNELS[0],
            purpose="[]",
            state=DONE,
            record=None,
            campaign=None,
            created_at=now(),
            updated_at=now(),
            is_new=own is None and not record.is_amendment,
        )
    channel, purpose = answers.get("channel"), answers.get("purpose")
    if channel in CHANNELS:
        visit.channel = channel
    if isinstance(purpose, list):
        visit.purpose = msgspec.json.encode(purpose).decode()
    visit.day, visit.state, visit.record, visit.updated_at = day, DONE, record.id, now()
    visit.campaign = visit.campaign or record.campaign
    return visit


def _visit_of(record: SubmittedRecord, day: date, waiting: list[_Meeting]) -> _Meeting | None:
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
    told = [as_id(row.get("visitor")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [visitor for visitor in told if visitor is not None]
