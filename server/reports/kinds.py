"""What phones get of reports: the report itself, and apart from it whom to call."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.records.submission import work_scopes
from server.reports.actions import CONTACT_KIND
from server.reports.filed import KIND
from sync.bulk import among, ids
from sync.operations import Kind, register_kind
from sync.transaction import fetch


class ReportBody(Struct, frozen=True):
    id: UUID
    record: UUID | None
    enterprise: UUID | None
    enterprise_name: str
    person: UUID
    title: str
    description: str
    category: str
    urgency: str
    solved_on_site: bool
    on_site_answer: str
    wish_date: date | None
    amount: str
    people: int | None
    suggested_unit: str
    attachment: str
    publish_name_consent: bool
    name_hidden: bool
    confidentiality: str
    origin: str
    reported_at: datetime


class ContactBody(Struct, frozen=True):
    id: UUID
    name: str
    phone: str


async def load(bureau: UUID, reports: list[UUID]) -> dict[UUID, bytes]:
    return await _load(ReportBody, "report", bureau, reports)


async def load_contacts(bureau: UUID, reports: list[UUID]) -> dict[UUID, bytes]:
    return await _load(ContactBody, "report_contact", bureau, reports)


async def _load(body: Any, table: str, bureau: UUID, reports: list[UUID]) -> dict[UUID, bytes]:
    columns = ", ".join(body.__struct_fields__)
    found = await fetch(f"SELECT {columns} FROM {table} WHERE bureau = $1 AND id {among(2)}", [bureau, ids(reports)])
    return {row[0]: msgspec.json.encode(body(*row)) for row in found}


async def scopes(bureau: UUID, reports: list[UUID]) -> dict[UUID, set[str]]:
    """Whoever wrote it down, and whoever looks after the enterprise."""
    found = await fetch(
        "SELECT id, person, CASE WHEN name_hidden THEN NULL ELSE enterprise END FROM report"
        f" WHERE bureau = $1 AND id {among(2)}",
        [bureau, ids(reports)],
    )
    return {row[0]: work_scopes(row[1], row[2]) for row in found}


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=2))
    register_kind(Kind(name=CONTACT_KIND, load=load_contacts, scopes=scopes, priority=3))
