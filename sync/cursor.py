"""How far a device has read: opaque to it, sealed, and enough to go on after any interruption.

A round reads everything up to a fixed number `until`. `start` is where the round began: it decides which grants are
news. A back-fill brings what scopes granted in one round already held, up to the `upto` of that round; it takes pages of
its own while rounds go on, and remembers the priority it has reached and the number within it.
"""

import base64
import hmac
import zlib
from collections.abc import Iterable
from uuid import UUID

import msgspec

from sync.configuration import seal

PROTOCOL = 1
SEAL_BYTES = 16


class Backfill(msgspec.Struct, array_like=True):
    """Rows up to `upto` in the scopes granted after `since` and not later than `upto`; of `scopes` alone when it repairs."""

    since: int
    upto: int
    priority: int = 0
    position: int = 0
    scopes: list[str] = []


class Cursor(msgspec.Struct, array_like=True):
    """`synced_to` runs from `start` to `until`; `commit` is the commit that brought the head to `until`."""

    protocol: int
    person: UUID
    kinds: int
    epoch: UUID
    start: int
    synced_to: int
    until: int
    commit: str
    backfills: list[Backfill] = []


_decoder = msgspec.json.Decoder(Cursor)


def kinds_number(kinds: Iterable[str] | None) -> int:
    """A number that changes when a client asks for other kinds."""
    return 0 if kinds is None else zlib.crc32(msgspec.json.encode(sorted(set(kinds))))


def encode_cursor(cursor: Cursor) -> str:
    return seal_text("cursor", msgspec.json.encode(cursor))


def decode_cursor(text: str) -> Cursor | None:
    """The cursor, or None for a text that this server did not write."""
    try:
        return _decoder.decode(open_text("cursor", text))
    except (ValueError, msgspec.DecodeError):
        return None


def seal_text(purpose: str, content: bytes) -> str:
    """Content that goes to a client and comes back as it was: readable, but nobody else can write one."""
    return base64.urlsafe_b64encode(seal(purpose, content)[:SEAL_BYTES] + content).decode().rstrip("=")


def open_text(purpose: str, text: str) -> bytes:
    """What was sealed; raises ValueError for a text that this server did not seal for this purpose."""
    raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    content = raw[SEAL_BYTES:]
    if not hmac.compare_digest(raw[:SEAL_BYTES], seal(purpose, content)[:SEAL_BYTES]):
        raise ValueError("the seal does not fit")
    return content
