"""Reading the promises out of a visit record's answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.answers import as_day
from server.tasks.tables import NEXT_CONTACT, NO_DAY, PROMISE
from sync.identity import kin_id

FORM_ID = "visit_record"
PROMISES, WHAT, BY_WHEN = "promises", "promise", "promise_due"
"""The repeat of the form and the two questions in it."""
NEXT_VISIT = ("closing", "next_visit")
NEXT_CONTACT_TITLE = "再次联系企业 / Be in touch again"
PROMISES_MAX = 50
"""Rows beyond are kept in the record and make no task."""


class Promise(Struct, frozen=True):
    id: UUID
    source: str
    title: str
    due_on: date


def promises_in(record: UUID, answers: Mapping[str, Any]) -> list[Promise]:
    """One per row that says what was promised, and one for the next contact. Rows keep their task by `_id`, else (or when
    another row has the same) by place."""
    found, taken = [], {NEXT_VISIT[1]}
    rows = answers.get(PROMISES)
    for place, row in enumerate(rows[:PROMISES_MAX] if isinstance(rows, list) else []):
        what = row.get(WHAT) if isinstance(row, dict) else None
        if isinstance(what, str) and what.strip():
            key = str(row.get("_id") or place)
            key = f"{key}/{place}" if key in taken else key
            taken.add(key)
            found.append(
                Promise(kin_id(record, "task", key), PROMISE, what.strip(), as_day(row.get(BY_WHEN)) or NO_DAY)
            )
    closing = answers.get(NEXT_VISIT[0])
    again = as_day(closing.get(NEXT_VISIT[1])) if isinstance(closing, dict) else None
    if again is not None:
        found.append(Promise(kin_id(record, "task", NEXT_VISIT[1]), NEXT_CONTACT, NEXT_CONTACT_TITLE, again))
    return found
