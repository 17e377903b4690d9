"""The shared calendar: who is or was where, of the whole bureau, by keyset."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.moment import today
from server.paging import Page, check_limit, mark, read_mark
from server.people.actor import Actor
from server.refusals import refusal
from sync.bulk import among, ids
from sync.transaction import fetch


class CalendarFilter(Struct, frozen=True, kw_only=True):
    enterprise: UUID | None = None
    person: UUID | None = None
    first: date | None = None
    last: date | None = None


class CalendarLine(Struct, frozen=True, kw_only=True):
    """A visit without its notes, which stay with the dossier."""

    id: UUID
    day: date
    state: str
    channel: str
    purpose: list[str]
    enterprise: UUID
    enterprise_name: str
    person: UUID
    person_name: str
    unit_name: str
    companions: list[str]
    """Names."""
    record: UUID | None


async def list_visits(actor: Actor, wanted: CalendarFilter, *, after: str, limit: int) -> Page[CalendarLine]:
    """By day, the earliest first; without a start from today on unless one enterprise is asked for. Raw SQL for the names."""
    actor.must("visit.read")
    limit = check_limit(limit)
    if wanted.first is not None and wanted.last is not None and wanted.first > wanted.last:
        raise refusal("visit.period")
    terms: dict[str, Any] = {"visit.bureau =": actor.bureau}
    if wanted.enterprise is not None:
        terms["visit.enterprise ="] = wanted.enterprise
    if wanted.person is not None:
        terms["visit.person ="] = wanted.person
    first = wanted.first if wanted.first is not None or wanted.enterprise is not None else today()
    if first is not None:
        terms["visit.day >="] = first
    if wanted.last is not None:
        terms["visit.day <="] = wanted.last
    where = [f"{term} ${number}" for number, term in enumerate(terms, start=1)]
    args = list(terms.values())
    if after:
        args += read_mark(after, tuple[date, UUID])
        where.append(f"(visit.day > ${len(args) - 1} OR (visit.day = ${len(args) - 1} AND visit.id > ${len(args)}))")
    found = await fetch(
        "SELECT visit.id, visit.day, visit.state, visit.channel, visit.purpose, visit.enterprise, visit.person,"
        " visit.record, enterprise.name AS enterprise_name, person.name AS person_name, unit.name AS unit_name"
        " FROM visit JOIN enterprise ON enterprise.id = visit.enterprise JOIN person ON person.id = visit.person"
        f" JOIN unit ON unit.id = person.unit WHERE {' AND '.join(where)} ORDER BY visit.day, visit.id LIMIT {limit + 1}",
        args,
    )
    rows = found[:limit]
    along = await _companions([row["id"] for row in rows])
    lines = [_line(row, along.get(row["id"], [])) for row in rows]
    return Page(lines, mark(lines[-1].day, lines[-1].id) if len(found) > limit else None)


async def _companions(visits: list[UUID]) -> dict[UUID, list[str]]:
    found = await fetch(
        "SELECT visit_companion.visit, person.name FROM visit_companion JOIN person ON person.id = visit_companion.person"
        f" WHERE visit_companion.visit {among(1)} ORDER BY person.name",
        [ids(visits)],
    )
    names: dict[UUID, list[str]] = {}
    for row in found:
        names.setdefault(row["visit"], []).append(row["name"])
    return names


def _line(row: Any, companions: list[str]) -> CalendarLine:
    return CalendarLine(
        id=row["id"],
        day=row["day"],
        state=row["state"],
        channel=row["channel"],
        purpose=msgspec.json.decode(row["purpose"]),
        enterprise=row["enterprise"],
        enterprise_name=row["enterprise_name"],
        person=row["person"],
        person_name=row["person_name"],
        unit_name=row["unit_name"],
        companions=companions,
        record=row["record"],
    )
