"""Keyset pages: a page ends with an opaque mark of its last row, so depth costs nothing and new rows shift no page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from server.refusals import refusal

T = TypeVar("T")
Shown = TypeVar("Shown")
LIMIT_DEFAULT = 50
LIMIT_MAX = 200
COUNT_MAX = 1000
"""Counting stops here; a list says 1000 and `count_is_exact: false`."""


class Page(Struct, Generic[T], frozen=True):
    items: list[T]
    next: str | None = None
    """Give it back as `after` for the next page; null on the last one."""

    def shown(self, show: Callable[[T], Shown]) -> Page[Shown]:
        return Page([show(item) for item in self.items], self.next)


async def page_of(
    query: Any, columns: Sequence[Any], *, after: str | None, limit: int, is_descending: bool = False
) -> Page[Any]:
    """The rows of a Piccolo query of objects in the order of these columns, the last of which tells all rows apart. Raises
    `request.cursor`. The query is used up: Piccolo's conditions are added in place."""
    limit = check_limit(limit)
    if after:
        kind: Any = tuple[tuple(column.value_type for column in columns)]  # type: ignore[misc]
        query = query.where(_behind(columns, read_mark(after, kind), is_descending))
    found = await query.order_by(*columns, ascending=not is_descending).limit(limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = mark(*(getattr(last, column._meta.name) for column in columns)) if last is not None else None
    return Page(found[:limit], following)


def _behind(columns: Sequence[Any], key: Sequence[Any], is_descending: bool) -> Any:
    """Which rows come after the one with this key."""
    (first, *others), (value, *rest) = columns, key
    behind = first < value if is_descending else first > value
    return behind | ((first == value) & _behind(others, rest, is_descending)) if others else behind


def mark(*key: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def read_mark(after: str, kind: type[T]) -> T:
    """The key inside a mark, as `kind` (a tuple type). Raises `request.cursor`."""
    try:
        key = msgspec.json.decode(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)), type=kind, strict=False)
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        raise refusal("request.cursor") from None
    if not all(map(_is_ours, key)):  # type: ignore[call-overload]
        raise refusal("request.cursor")
    return key


def _is_ours(part: Any) -> bool:
    """Whether a mark of ours can hold this; the rest no database can even be asked about."""
    if isinstance(part, datetime):
        return part.utcoffset() == timedelta(0)
    return not isinstance(part, str) or "\0" not in part


def check_limit(limit: int) -> int:
    return max(1, min(limit, LIMIT_MAX))
