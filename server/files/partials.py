"""Files on their way: one partial file per upload, whose length is the truth about how much has come."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

from server.files.media_types import HEAD_BYTES
from server.refusals import refusal
from server.settings import settings

PIECE_BYTES = 256 * 1024
"""How much is gathered before it is written, and read at a time: what one upload costs in memory."""
HASHES = ("sha1", "sha256")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def folder() -> Path:
    return settings.data_folder / "uploads"


def path_of(upload: UUID) -> Path:
    return folder() / str(upload)


def size_of(upload: UUID) -> int:
    try:
        return path_of(upload).stat().st_size
    except FileNotFoundError:
        return 0


def drop(upload: UUID) -> None:
    path_of(upload).unlink(missing_ok=True)


@contextmanager
def opened_alone(upload: UUID) -> Iterator[IO[bytes]]:
    """The partial file, for one writer of all processes; a retry that races the slow original gets `file.busy`."""
    folder().mkdir(parents=True, exist_ok=True)
    path = path_of(upload)
    with path.open("ab", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal("file.busy") from None
        if not _is_at(path, file):  # the one before us was done, and took the file away, after we had opened it
            raise refusal("file.busy")
        yield file


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


async def until_silent(pieces: AsyncIterable[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Ends when nothing has come for so long: a phone out of reach does not hang up, and would hold its upload for ever."""
    source = aiter(pieces)
    while True:
        try:
            async with asyncio.timeout(seconds):
                piece = await anext(source)
        except (StopAsyncIteration, TimeoutError):
            return
        yield piece


async def append(file: IO[bytes], pieces: AsyncIterable[bytes], room: int, digest: str = "") -> bytes:
    """Writes what comes, also of a stream that breaks off, and answers its hash (`digest` is one of HASHES, or none).

    Raises `file.past_end` when more comes than there is room for (nothing beyond is written), and `file.no_space`.
    """
    hashing = hashlib.new(digest, usedforsecurity=False) if digest else None
    gathered = bytearray()
    try:
        async for piece in pieces:
            room -= len(piece)
            if room < 0:
                raise refusal("file.past_end")
            gathered += piece
            if hashing is not None:
                hashing.update(piece)
            if len(gathered) >= PIECE_BYTES:
                # In the loop on purpose: the page cache takes it faster than a thread, and a request that is cancelled
                # while a thread still writes could not say how much is there.
                _write(file, gathered)
    finally:
        _write(file, gathered)
    return hashing.digest() if hashing is not None else b""


def _write(file: IO[bytes], gathered: bytearray) -> None:
    try:
        while gathered:
            del gathered[: file.write(gathered)]
    except OSError as error:
        gathered.clear()
        if error.errno not in _NO_SPACE:
            raise
        raise refusal("file.no_space") from error


def finish(upload: UUID) -> tuple[str, bytes]:
    """Forces the bytes to the disk; answers their SHA-256 (hex) and the head of the file."""
    with path_of(upload).open("rb") as file:
        os.fsync(file.fileno())
        head = file.read(HEAD_BYTES)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest(), head
