"""What phones get of people: the names of colleagues and where they work, so that a form can be filled in offline."""

from __future__ import annotations

from uuid import UUID

import msgspec

from sync.bulk import among, ids
from sync.operations import Kind, register_kind
from sync.transaction import fetch

NAME_KIND = "person_name"
NAMES_SCOPE = "reference:people"


async def load(bureau: UUID, persons: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        "SELECT person.id, person.name, unit.name AS unit FROM person JOIN unit ON unit.id = person.unit"
        f" WHERE person.bureau = $1 AND person.id {among(2)}",
        [bureau, ids(persons)],
    )
    return {row["id"]: msgspec.json.encode(dict(row)) for row in found}


async def scopes(bureau: UUID, persons: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(
        f"SELECT id FROM person WHERE bureau = $1 AND disabled_at IS NULL AND id {among(2)}", [bureau, ids(persons)]
    )
    return {row["id"]: {NAMES_SCOPE} for row in found}


def connect() -> None:
    register_kind(Kind(name=NAME_KIND, load=load, scopes=scopes, priority=9))
