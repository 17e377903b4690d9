"""What phones see and do of notices: one's own, and that one has been read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.notices.inbox.actions import read_notice
from server.notices.senders.message import Words
from server.notices.telling import KIND
from server.people.actions import actor_of
from sync.bulk import among, ids
from sync.operations import Kind, Operation, OperationContext, Outcome, operation, register_kind
from sync.scopes import person_scope
from sync.transaction import fetch

COLUMNS = "id, topic, subject_kind, subject, is_urgent, words, created_at, read_at"


class Reading(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say beside which."""


async def load(bureau: UUID, notices: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT {COLUMNS} FROM notice WHERE bureau = $1 AND person IS NOT NULL AND id {among(2)}",
        [bureau, ids(notices)],
    )
    return {row["id"]: msgspec.json.encode(_body(row)) for row in found}


def _body(row: Any) -> dict[str, Any]:
    words = msgspec.json.decode(row["words"], type=Words)
    shown = {name: row[name] for name in COLUMNS.split(", ") if name != "words"}
    shown["is_urgent"] = bool(shown["is_urgent"])
    return shown | {name: getattr(words, name) for name in ("title_zh", "title_en", "text_zh", "text_en", "facts")}


async def scopes(bureau: UUID, notices: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(
        f"SELECT id, person FROM notice WHERE bureau = $1 AND person IS NOT NULL AND id {among(2)}",
        [bureau, ids(notices)],
    )
    return {row["id"]: {person_scope(row["person"])} for row in found}


async def apply_read(context: OperationContext, one: Operation[Reading]) -> Outcome | None:
    await read_notice(await actor_of(context), one.target)
    return None


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=4))
    operation("notice.read", args=Reading, kind=KIND)(apply_read)
