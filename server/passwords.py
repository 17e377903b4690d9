"""Passwords: argon2, one-time ones to begin with, and the rule of what is strong enough."""

from __future__ import annotations

import asyncio
import secrets
import string

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from server.refusals import refusal
from server.settings import settings

LENGTH_MIN = 8
CLASSES_MIN = 3
_hasher = PasswordHasher(parallelism=1, memory_cost=settings.password_memory_mib * 1024)
_HASHES_AT_ONCE = 2
"""Each takes `password_memory_mib`; more at a time would let a flood of logins take the machine's memory."""
_gate: asyncio.Semaphore | None = None
_gate_loop: asyncio.AbstractEventLoop | None = None


def _turn() -> asyncio.Semaphore:
    global _gate, _gate_loop
    loop = asyncio.get_running_loop()
    if _gate is None or _gate_loop is not loop:
        _gate, _gate_loop = asyncio.Semaphore(_HASHES_AT_ONCE), loop
    return _gate


def one_time_password() -> str:
    """Twelve characters nobody confuses when read aloud, always with three classes."""
    letters, digits = "abcdefghjkmnpqrstuvwxyz", "23456789"
    body = "".join(secrets.choice(letters + digits) for _ in range(9))
    return secrets.choice(letters.upper()) + body + secrets.choice(letters) + secrets.choice(digits)


def check_strength(password: str) -> None:
    classes = [
        any(c in string.ascii_lowercase for c in password),
        any(c in string.ascii_uppercase for c in password),
        any(c in string.digits for c in password),
        any(not c.isalnum() for c in password),
    ]
    if len(password) < LENGTH_MIN or sum(classes) < CLASSES_MIN:
        raise refusal("password.weak")


async def hash_password(password: str) -> str:
    async with _turn():
        return await asyncio.to_thread(_hasher.hash, password)


async def matches(password_hash: str, password: str) -> bool:
    """False too for an empty hash, after the same work: somebody who has no password yet."""
    if not password_hash:
        await hash_password(password)
        return False

    def verify() -> bool:
        try:
            return _hasher.verify(password_hash, password)
        except VerificationError:
            return False

    async with _turn():
        return await asyncio.to_thread(verify)
