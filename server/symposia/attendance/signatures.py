"""One row of a sign-in list: as a phone signs it, as the record's answers have it, and where the two differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Protocol
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.answers import as_id
from sync.identity import named_id

FORM_ID = "symposium"
ROWS = "attendance"
"""The repeat of the form that lists who came."""
QUESTIONS = {
    "kind": "attendee_kind",
    "unit": "att_unit",
    "name": "att_name",
    "post": "att_post",
    "phone": "att_phone",
    "mode": "att_mode",
}


NAME_MAX, UNIT_MAX, POST_MAX, PHONE_MAX, WORD_MAX = 100, 200, 100, 50, 50
"""Characters of what is said about one person."""
LIMITS = {"name": NAME_MAX, "unit": UNIT_MAX, "post": POST_MAX, "phone": PHONE_MAX, "kind": WORD_MAX, "mode": WORD_MAX}


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who came, for whom, and how."""

    kind: Annotated[str, Meta(max_length=WORD_MAX)] = "firm"
    enterprise: UUID | None = None
    unit: Annotated[str, Meta(max_length=UNIT_MAX)] = ""
    """Firm or office in words, where it is in no registry."""
    name: Annotated[str, Meta(max_length=NAME_MAX)]
    post: Annotated[str, Meta(max_length=POST_MAX)] = ""
    phone: Annotated[str, Meta(max_length=PHONE_MAX)] = ""
    mode: Annotated[str, Meta(max_length=WORD_MAX)] = "present"
    excused: bool = False


class Signed(Protocol):
    """A stored row: what `Entry` has, and an id."""

    id: Any
    enterprise: Any
    unit: Any
    name: Any


def recorded_rows(record: UUID, answers: Mapping[str, Any]) -> list[tuple[UUID, Entry]]:
    """The sign-in of the record's answers. A row's id is its `_id`, else it derives from the record and the row's place."""
    rows = answers.get(ROWS)
    found = []
    for place, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, dict):
            found.append((as_id(row.get("_id")) or named_id("attendance", record, place), _entry(row)))
    return found


def _entry(row: Mapping[str, Any]) -> Entry:
    """What is too long for a list is cut there: the record itself has it whole."""
    words = {field: row[name][: LIMITS[field]] for field, name in QUESTIONS.items() if isinstance(row.get(name), str)}
    return Entry(
        enterprise=as_id(row.get("att_enterprise")),
        excused=row.get("att_leave") == "yes",
        **{"kind": "", "name": "", "mode": ""} | words,  # what the answers leave open stays open
    )


def match(entry_id: UUID, entry: Entry, signed: Iterable[Signed]) -> UUID | None:
    """The signature this row of the answers means: the same row id, else the same person of the same firm or office."""
    rows = list(signed)
    for row in rows:
        if row.id == entry_id:
            return entry_id
    for row in rows:
        if entry.name and who(row) == who(entry):
            return UUID(str(row.id))
    return None


def who(row: Any) -> tuple[str, str]:
    return (str(row.enterprise) if row.enterprise else row.unit.strip(), row.name.strip())


def differences(row: Any, recorded: Entry) -> dict[str, Any]:
    """Field → what the record's answers say, where they say something else than the signature. Silence is no difference."""
    told = msgspec.to_builtins(recorded)
    return {field: value for field, value in told.items() if value and value != _plain(getattr(row, field))}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
