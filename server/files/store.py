"""Where whole files lie, each under the SHA-256 of its bytes: written once, never overwritten, kept once however often it came."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from uuid import UUID

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore

from server.settings import settings

PART_BYTES = 5 * 1024 * 1024
PARTS_AT_ONCE = 2
READ_BYTES = 256 * 1024


def _folder() -> Path:
    return settings.data_folder / "files"


@cache
def _store() -> LocalStore:
    return LocalStore(prefix=_folder(), mkdir=True)


def key_of(sha256: str) -> str:
    """Two levels, so that no folder holds more than a few thousand."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


async def keep(upload: UUID, partial: Path, sha256: str) -> None:
    """Returns when the bytes are on the disk. It is written aside first: a crash leaves no half file under a good name."""
    aside = f"incoming/{upload}"
    await obstore.put_async(
        _store(), aside, partial, use_multipart=True, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
    )
    try:
        await obstore.rename_async(_store(), aside, key_of(sha256), overwrite=False)
    except AlreadyExistsError:
        await obstore.delete_async(_store(), aside)
    await asyncio.to_thread(_force, _folder() / key_of(sha256))


def _force(path: Path) -> None:
    for one in (path, path.parent):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


async def read(sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes from `start` up to, not including, `end`, in pieces; memory stays flat."""
    if start >= end:
        return
    found = await obstore.get_async(_store(), key_of(sha256), options={"range": (start, end)})
    async for piece in found.stream(min_chunk_size=READ_BYTES):
        yield bytes(piece)
