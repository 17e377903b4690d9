"""What the product hands the library once, at start: a secret for cursors and tokens, and the time."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime


def _system_time() -> datetime:
    return datetime.now(UTC)


_secret = b""
_now: Callable[[], datetime] = _system_time


def configure(*, secret: bytes | None = None, now: Callable[[], datetime] | None = None) -> None:
    """Set the server's secret (≥ 16 bytes; a new one invalidates every token and cursor) and, for a played or tested
    history, the clock."""
    global _secret, _now
    if secret is not None:
        if len(secret) < 16:
            raise ValueError("the secret needs at least 16 bytes")
        _secret = secret
    if now is not None:
        _now = now


def now() -> datetime:
    return _now()


def seal(purpose: str, content: bytes) -> bytes:
    """An HMAC of the content that is good for this purpose only."""
    if not _secret:
        raise RuntimeError("sync.configuration.configure(secret=…) has not been called")
    return hmac.new(_secret, purpose.encode() + b"\0" + content, hashlib.sha256).digest()
