"""Three-way merge by field, pure: what one hand saw, what it wants, what the row says now and who said so."""

from typing import Any

import msgspec


class FieldStamp(msgspec.Struct, frozen=True):
    """The last change of a field: the row's number then (None: in this very transaction) and whose hand it was."""

    v: int | None
    hand: str


class FieldConflict(msgspec.Struct, frozen=True):
    """A field two hands changed: what the phone had seen, what the server keeps, what the phone wanted."""

    base: Any
    server: Any
    phone: Any


class Merge(msgspec.Struct, frozen=True):
    """`changes` are to be written, `conflicts` to be decided by somebody; `is_beside` says that another hand has
    changed something of this row since the base."""

    changes: dict[str, Any]
    conflicts: dict[str, FieldConflict]
    is_beside: bool


def merge_fields(
    *,
    base: int | None,
    was: dict[str, Any],
    wanted: dict[str, Any],
    current: dict[str, Any],
    stamps: dict[str, FieldStamp],
    hand: str,
) -> Merge:
    """A field conflicts if another hand changed it after `base` to another value than the one wanted now.

    Where no stamp tells (a value written by an import), the old value the phone names in `was` must still stand.
    """
    changes: dict[str, Any] = {}
    conflicts: dict[str, FieldConflict] = {}
    for field, value in wanted.items():
        now = current.get(field)
        if now == value and type(now) is type(value):
            continue
        if _changed_by_another(field, now, base, was, stamps.get(field), hand):
            conflicts[field] = FieldConflict(was.get(field), now, value)
        else:
            changes[field] = value
    is_beside = any(_is_news(stamp, base, hand) for stamp in stamps.values())
    return Merge(changes, conflicts, is_beside)


def _is_news(stamp: FieldStamp, base: int | None, hand: str) -> bool:
    return stamp.hand != hand and base is not None and (stamp.v is None or stamp.v > base)


def _changed_by_another(
    field: str, now: Any, base: int | None, was: dict[str, Any], stamp: FieldStamp | None, hand: str
) -> bool:
    if stamp is not None and stamp.hand == hand:
        return False
    if stamp is not None and _is_news(stamp, base, hand):
        return True
    return field in was and was[field] != now and not (_is_nothing(was[field]) and _is_nothing(now))


def _is_nothing(value: Any) -> bool:
    """A phone that was shown no value says null; a kind may keep an empty text or list for the same."""
    return value is None or value in ("", [])
