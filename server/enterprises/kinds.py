"""What phones get of the registry: the dossiers they are assigned to, a line of every firm, and the assignments themselves.

Raw SQL throughout: a first sync loads thousands of rows, one query per kind and page.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from server.enterprises.actions import (
    ASSIGNMENT_KIND,
    KIND,
    NAME_KIND,
    enterprise_scope,
    flat,
    store_values,
)
from server.enterprises.fields import CONTACT_FIELDS, DESK_ONLY, FACTS, FIELDS, TEXT_FIELDS, read_value
from server.enterprises.lists.columns import WORDS
from server.enterprises.removal.actions import revive
from server.enterprises.tables import Enterprise
from server.people.actions import load_actor
from server.people.actor import Actor
from server.quarantine.conflicts import describe
from server.refusals import refusal
from sync.bulk import among, ids
from sync.operations import Kind, OperationContext, register_kind
from sync.patches import register_patch
from sync.scopes import person_scope
from sync.transaction import fetch, is_postgres

NAMES_SCOPE = "reference:enterprises"
CURRENT = "merged_into IS NULL AND removed_at IS NULL"
ENTITY_COLUMNS = ("name", "label", "credit_code", "pinyin", "status", "region", "industry", "tier", "size", "address")
"""`name` is the id, as forms store it; `label` is what people read."""


class ContactLine(Struct, frozen=True):
    name: str
    post: str
    phone: str
    is_first: bool


class DatedLine(Struct, frozen=True, omit_defaults=True):
    """A rung, an honour or a pool, with its dates; `until` is null while it holds."""

    name: str
    since: date
    until: date | None = None
    note: str = ""


class DossierBody(Struct, frozen=True, kw_only=True):
    id: UUID
    credit_code: str | None
    temporary_id: str | None
    name: str
    pinyin: str
    status: str
    region: str
    industry: str
    address: str
    tier: str
    size: str
    tags: Raw
    facts: Raw
    contacts: list[ContactLine]
    tiers: list[DatedLine]
    honours: list[DatedLine]
    pools: list[DatedLine]


class NameBody(Struct, frozen=True):
    id: UUID
    name: str
    credit_code: str | None
    temporary_id: str | None
    pinyin: str
    status: str


class AssignmentBody(Struct, frozen=True, kw_only=True):
    id: UUID
    enterprise: UUID
    person: UUID
    role: str
    since: date
    until: date | None


async def dossiers(bureau: UUID, wanted: list[UUID]) -> dict[UUID, DossierBody]:
    """Whole dossiers, for phones and for the desk alike; merged, removed and unknown ids are missing."""
    where = f"WHERE bureau = $1 AND enterprise {among(2)}"
    key = [bureau, ids(wanted)]
    contacts: dict[UUID, list[ContactLine]] = defaultdict(list)
    for row in await fetch(
        f"SELECT enterprise, name, post, phone, is_first FROM enterprise_contact {where} ORDER BY is_first DESC, name",
        key,
    ):
        contacts[row[0]].append(ContactLine(row[1], row[2], row[3], bool(row[4])))
    tiers = await _dated(
        f"SELECT enterprise, tier, since, until, rules FROM enterprise_tier {where} ORDER BY since", key
    )
    honours = await _dated(
        f"SELECT enterprise, title, since, until, awarded_by FROM enterprise_honour {where} ORDER BY since", key
    )
    pools = await _dated(
        f"SELECT enterprise, pool, since, until, reason FROM enterprise_pool {where} ORDER BY since", key
    )
    rows = await fetch(
        "SELECT id, credit_code, temporary_id, name, pinyin, status, region, industry, address, tier, size, tags, facts"
        f" FROM enterprise WHERE bureau = $1 AND {CURRENT} AND id {among(2)}",
        key,
    )
    return {
        row["id"]: DossierBody(
            id=row["id"],
            credit_code=row["credit_code"],
            temporary_id=row["temporary_id"],
            name=row["name"],
            pinyin=row["pinyin"],
            status=row["status"],
            region=row["region"],
            industry=row["industry"],
            address=row["address"],
            tier=row["tier"],
            size=row["size"],
            tags=Raw(row["tags"].encode()),
            facts=Raw(row["facts"].encode()),
            contacts=contacts.get(row["id"], []),
            tiers=tiers.get(row["id"], []),
            honours=honours.get(row["id"], []),
            pools=pools.get(row["id"], []),
        )
        for row in rows
    }


async def _dated(sql: str, key: list[Any]) -> dict[UUID, list[DatedLine]]:
    found: dict[UUID, list[DatedLine]] = defaultdict(list)
    for row in await fetch(sql, key):
        found[row[0]].append(DatedLine(row[1], row[2], row[3], row[4]))
    return found


async def _load_dossiers(bureau: UUID, wanted: list[UUID]) -> dict[UUID, bytes]:
    return {id: msgspec.json.encode(body) for id, body in (await dossiers(bureau, wanted)).items()}


async def _dossier_scopes(bureau: UUID, wanted: list[UUID]) -> dict[UUID, set[str]]:
    return {id: {enterprise_scope(id)} for id in wanted}


async def _load_names(bureau: UUID, wanted: list[UUID]) -> dict[UUID, bytes]:
    rows = await fetch(
        "SELECT id, name, credit_code, temporary_id, pinyin, status FROM enterprise"
        f" WHERE bureau = $1 AND {CURRENT} AND id {among(2)}",
        [bureau, ids(wanted)],
    )
    return {row["id"]: msgspec.json.encode(NameBody(*row)) for row in rows}


async def _name_scopes(_: UUID, wanted: list[UUID]) -> dict[UUID, set[str]]:
    return {id: {NAMES_SCOPE} for id in wanted}


async def _load_assignments(bureau: UUID, wanted: list[UUID]) -> dict[UUID, bytes]:
    rows = await _assignments(bureau, wanted)
    return {row["id"]: msgspec.json.encode(AssignmentBody(**dict(row))) for row in rows}


async def _assignment_scopes(bureau: UUID, wanted: list[UUID]) -> dict[UUID, set[str]]:
    """An assignment that has ended stays with the person it was given to: it says since when the firm is no longer theirs."""
    return {row["id"]: {person_scope(row["person"])} for row in await _assignments(bureau, wanted)}


async def _assignments(bureau: UUID, wanted: list[UUID]) -> list[Any]:
    return await fetch(
        "SELECT id, enterprise, person, role, since, until FROM enterprise_assignment"
        f" WHERE bureau = $1 AND id {among(2)}",
        [bureau, ids(wanted)],
    )


async def _lock(bureau: UUID, wanted: list[UUID]) -> None:
    await fetch(
        f"SELECT id FROM enterprise WHERE bureau = $1 AND id {among(2)} ORDER BY id FOR UPDATE",
        [bureau, ids(wanted)],
    )


async def _titles(bureau: UUID, wanted: list[UUID]) -> dict[UUID, str]:
    rows = await fetch(f"SELECT id, name FROM enterprise WHERE bureau = $1 AND id {among(2)}", [bureau, ids(wanted)])
    return {row["id"]: row["name"] for row in rows}


async def _fields(bureau: UUID, enterprise: UUID) -> dict[str, Any] | None:
    if is_postgres():
        await _lock(bureau, [enterprise])
    row = await Enterprise.objects().get((Enterprise.bureau == bureau) & (Enterprise.id == enterprise))
    if row is None or row.merged_into is not None or row.removed_at is not None:
        return None
    values = dict.fromkeys(FACTS, "") | await flat(row)
    return {name: value for name, value in values.items() if name not in DESK_ONLY}


def _unfold(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of `_fields` out of a dossier's body, and what else is in it. A fact that bears the name of a part of the
    dossier stays among the facts."""
    rest = {name: value for name, value in body.items() if name not in FIELDS or name in DESK_ONLY}
    facts = {name: value for name, value in body["facts"].items() if name not in DossierBody.__struct_fields__}
    rest["facts"] = {name: value for name, value in body["facts"].items() if name not in facts}
    first: dict[str, str] = next((one for one in body["contacts"] if one["is_first"]), {})
    fields = (
        dict.fromkeys(FACTS, "") | facts | {name: body[name] or "" for name in TEXT_FIELDS if name not in DESK_ONLY}
    )
    fields |= {name: first.get(name.removeprefix("contact_"), "") for name in CONTACT_FIELDS}
    fields["tags"] = body["tags"]
    return fields, rest


async def _write(context: OperationContext, enterprise: UUID, values: dict[str, Any]) -> None:
    """Raises `enterprise.field_invalid`, so that an odd value waits in quarantine instead of spoiling the dossier."""
    actor = await load_actor(context.bureau, context.accepted_by or context.person, context.device)
    if not actor.may("enterprise.write"):
        actor.must("enterprise.patch")
    canonical = {}
    for name, value in values.items():
        canonical[name], misfit = read_value(name, value)
        if misfit is not None:
            raise refusal("enterprise.field_invalid", field=name, reason_zh=misfit.zh, reason=misfit.en)
    row = await Enterprise.objects().get((Enterprise.bureau == context.bureau) & (Enterprise.id == enterprise))
    if row is None:
        raise refusal("enterprise.unknown")
    await store_values(row, canonical)


async def entity_list_csv(bureau: UUID, actor: Actor) -> str:
    """`enterprises.csv` for `select_one_from_file`: every firm in business dealings with the bureau, so that nobody adds one twice.

    A choice list for phones and form tools, so every cell is what the registry holds, also where a spreadsheet would take
    it for a formula: an escaped name would be shown and stored as another name. What people open in a spreadsheet (the report
    of an import) is escaped where it is written. The rows beyond name, code and reading are public registry data; contacts
    are in the dossier alone.
    """
    actor.must("enterprise.read")
    rows = await fetch(
        "SELECT id, name, COALESCE(credit_code, temporary_id), pinyin, status, region, industry, tier, size, address"
        f" FROM enterprise WHERE bureau = $1 AND {CURRENT} ORDER BY name, id",
        [bureau],
    )
    return _as_csv(list(row) for row in rows)


def _as_csv(rows: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(ENTITY_COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def connect() -> None:
    register_kind(
        Kind(
            name=KIND,
            load=_load_dossiers,
            scopes=_dossier_scopes,
            priority=3,
            fields=_fields,
            write=_write,
            unfold=_unfold,
            revive=revive,
            lock=_lock,
        )
    )
    register_kind(Kind(name=NAME_KIND, load=_load_names, scopes=_name_scopes, priority=9))
    register_kind(Kind(name=ASSIGNMENT_KIND, load=_load_assignments, scopes=_assignment_scopes, priority=0))
    register_patch("enterprise.patch", KIND)
    describe(KIND, _titles, lambda field: WORDS[field][0] if field in WORDS else field)
