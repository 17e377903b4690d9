"""Passwords and keys of channels have to be used, so they cannot be hashed: they are encrypted with a key of the server's
own secret, which stands in the data folder and in backups but never in the database."""

from __future__ import annotations

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.refusals import refusal
from server.settings import read_secret, settings

_PURPOSE = b"qifang notice channels 1"


@cache
def _box() -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(read_secret(settings))
    return Fernet(base64.urlsafe_b64encode(key))


def seal(words: bytes) -> str:
    return _box().encrypt(words).decode()


def unseal(sealed: str) -> bytes:
    """Raises `channel.unreadable` when the server's secret is not the one it was sealed with."""
    try:
        return _box().decrypt(sealed.encode())
    except InvalidToken:
        raise refusal("channel.unreadable") from None
