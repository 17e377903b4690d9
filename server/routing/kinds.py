"""What phones get of the taxonomy: one row per code, in the scope everybody holds."""

from __future__ import annotations

from uuid import UUID

import msgspec

from server.routing.actions import KIND
from sync.bulk import among, ids
from sync.operations import Kind, register_kind
from sync.transaction import fetch

SCOPE = "reference:taxonomy"


async def load(bureau: UUID, categories: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        "SELECT id, code, parent, zh, en, icon, successor, retired_at FROM category"
        f" WHERE bureau = $1 AND id {among(2)}",
        [bureau, ids(categories)],
    )
    columns = ("id", "code", "parent", "zh", "en", "icon", "successor", "retired_at")
    return {row["id"]: msgspec.json.encode({name: row[name] for name in columns}) for row in found}


async def scopes(bureau: UUID, categories: list[UUID]) -> dict[UUID, set[str]]:
    return {category: {SCOPE} for category in categories}


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=9))
