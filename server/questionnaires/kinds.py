"""What phones get of questionnaires: one row per form, with its current version whole. Older versions answer by address."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from server.questionnaires.actions import KIND, SCOPE
from sync.bulk import among, ids
from sync.operations import Kind, register_kind
from sync.transaction import fetch


class MediaLine(Struct, frozen=True):
    name: str
    sha256: str


class FormBody(Struct, frozen=True, kw_only=True):
    id: UUID
    form_id: str
    version: str
    published_at: datetime
    valid_until: date | None
    retired_at: datetime | None
    media: list[MediaLine]
    definition: Raw


async def load(bureau: UUID, forms: list[UUID]) -> dict[UUID, bytes]:
    media: dict[UUID, list[MediaLine]] = {}
    for row in await fetch(
        "SELECT form_media.form_version, form_media.name, form_media.sha256 FROM form_media"
        f" JOIN form ON form.current = form_media.form_version WHERE form.bureau = $1 AND form.id {among(2)}"
        " ORDER BY form_media.name",
        [bureau, ids(forms)],
    ):
        media.setdefault(row[0], []).append(MediaLine(row[1], row[2]))
    found = await fetch(
        "SELECT form.id, form.form_id, form.retired_at, form.current, form_version.version, form_version.published_at,"
        " form_version.valid_until, form_version.definition FROM form"
        f" JOIN form_version ON form_version.id = form.current WHERE form.bureau = $1 AND form.id {among(2)}",
        [bureau, ids(forms)],
    )
    return {row["id"]: _body(row, media.get(row["current"], [])) for row in found}


def _body(row: Any, media: list[MediaLine]) -> bytes:
    return msgspec.json.encode(
        FormBody(
            id=row["id"],
            form_id=row["form_id"],
            version=row["version"],
            published_at=row["published_at"],
            valid_until=row["valid_until"],
            retired_at=row["retired_at"],
            media=media,
            definition=Raw(row["definition"].encode()),
        )
    )


async def scopes(bureau: UUID, forms: list[UUID]) -> dict[UUID, set[str]]:
    return {form: {SCOPE} for form in forms}


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=0))
