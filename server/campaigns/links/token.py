"""The token of a signed link: 64 characters a–z and 2–7 that nobody can make up and that say when they end. Pure.

A link id (16 bytes), the second it expires (4 bytes) and 20 bytes of HMAC-SHA-256 over both, in lower-case base32: no
character a person could mistake or a phone could turn into a capital with another meaning. It holds no answers and
nothing about the enterprise.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from uuid import UUID

from msgspec import Struct

PURPOSE = b"qifang signed link 1\0"
"""Sets this use of the server's secret apart from all others."""
SEAL_BYTES = 20
TOKEN_LENGTH = 64


class Opened(Struct, frozen=True):
    link: UUID
    expires_at: datetime


def make_token(secret: bytes, link: UUID, expires_at: datetime) -> str:
    content = link.bytes + int(expires_at.timestamp()).to_bytes(4)
    return base64.b32encode(content + _seal(secret, content)).decode().lower()


def read_token(secret: bytes, token: str) -> Opened | None:
    """None for anything this server did not sign. Says nothing about whether the link still holds."""
    if len(token) != TOKEN_LENGTH or token != token.lower():
        return None
    try:
        told = base64.b32decode(token.upper())
    except (binascii.Error, ValueError):
        return None
    content, seal = told[:-SEAL_BYTES], told[-SEAL_BYTES:]
    if not hmac.compare_digest(seal, _seal(secret, content)):
        return None
    return Opened(UUID(bytes=content[:16]), datetime.fromtimestamp(int.from_bytes(content[16:]), UTC))


def _seal(secret: bytes, content: bytes) -> bytes:
    return hmac.new(secret, PURPOSE + content, hashlib.sha256).digest()[:SEAL_BYTES]
