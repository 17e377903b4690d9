"""Ids: UUIDv7 (RFC 9562) for whatever is made, UUIDv5 for what may exist only once."""

from __future__ import annotations

import hashlib
import os
import time
from uuid import UUID, uuid5

NAMESPACE = UUID("5b1c2f0e-7d53-5c0a-9a43-9f4a3f3f6c11")
"""Under which all our UUIDv5 names live."""


def new_id(unix_seconds: float | None = None) -> UUID:
    """A fresh UUIDv7. It sorts by the time it was made; nothing may read a time out of it."""
    milliseconds = int((time.time() if unix_seconds is None else unix_seconds) * 1000)
    random = int.from_bytes(os.urandom(10))
    return _stamped((milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random, 7)


def named_id(*parts: object) -> UUID:
    """The one id of a natural key: the same parts give the same UUID everywhere."""
    return uuid5(NAMESPACE, "/".join(str(part) for part in parts))


def kin_id(parent: UUID, *parts: object) -> UUID:
    """The one id of something that belongs to `parent`: the same parts give the same id everywhere, and it sorts beside
    a parent that sorts by time.

    A UUIDv8 (RFC 9562) with the parent's first 48 bits before a hash. What is written together then lies together in
    every index; ids that are all hash touch a page each, and one push of visit records writes two thousand pages.
    """
    name = "/".join(str(part) for part in parts)
    if parent.version not in (7, 8):
        return uuid5(parent, name)
    hashed = hashlib.sha1(parent.bytes + name.encode(), usedforsecurity=False).digest()  # as a UUIDv5 is made
    value = parent.int >> 80 << 80 | int.from_bytes(hashed[6:16])
    return _stamped(value, 8)


def _stamped(value: int, version: int) -> UUID:
    """128 bits with the version and the variant of RFC 9562 written over them."""
    return UUID(int=value & ~(0xF << 76 | 0x3 << 62) | version << 76 | 0x2 << 62)
