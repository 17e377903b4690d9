"""Single answers as what they mean. One that means nothing was already noted as a flaw of its record. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID


def as_day(answer: Any) -> date | None:
    try:
        return date.fromisoformat(answer[:10]) if isinstance(answer, str) else None
    except ValueError:
        return None


def as_id(answer: Any) -> UUID | None:
    try:
        return UUID(answer) if isinstance(answer, str) else None
    except ValueError:
        return None
