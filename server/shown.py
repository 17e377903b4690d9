"""Stored rows as what is answered: the fields an answer shares with its row are named once, in the answer's type."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct

S = TypeVar("S", bound=Struct)


def shown(answer: type[S], row: Any, **others: Any) -> S:
    """The row as this type: each field from the attribute of its name, save the `others` that are given."""
    same = {field: getattr(row, field) for field in answer.__struct_fields__ if field not in others}
    return answer(**same, **others)
