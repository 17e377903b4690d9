"""Keyset pages: a page ends with an opaque mark of its last row, so depth costs nothing and new rows shift no page."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from server.refusals import refusal

T = TypeVar("T")
LIMIT_DEFAULT = 50
LIMIT_MAX = 200
COUNT_MAX = 1000
"""Counting stops here; a list says 1000 and `count_is_exact: false`."""


class Page(Struct, Generic[T], frozen=True):
    items: list[T]
    next: str | None = None
    """Give it back as `after` for the next page; null on the last one."""


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
