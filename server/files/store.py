"""Where whole files lie, each under the SHA-256 of its bytes: written once, never overwritten, kept once however often it came.

A folder, or a bucket that speaks S3. Both do the same: `tests/server/test_file_stores.py` asks them the same questions.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from msgspec import Struct
from obstore.store import LocalStore, S3Store

from server.settings import Settings, settings

PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 2
LISTED_AT_ONCE = 1000
INCOMING = "incoming/"
"""Where a copy from another file system is written before it gets its name."""
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class Content(Struct, frozen=True):
    """What lies in the store under one key. `sha256` is empty where the key is none of ours."""

    key: str
    sha256: str
    size: int
    modified: datetime


def key_of(sha256: str, kind: str = "") -> str:
    """Two levels, so that no folder holds more than a few thousand. `kind` is a folder for what was made of the content."""
    path = f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
    return f"{kind}/{path}" if kind else path


class Store(ABC):
    """What a folder and a bucket have in common. A `key` comes from `key_of`."""

    read_bytes = 256 * 1024
    """Asked for at a time: each request is over soon, however slowly a phone takes what it gets."""

    def __init__(self, objects: Any) -> None:
        self.objects = objects

    @abstractmethod
    async def keep(self, source: Path, key: str) -> None:
        """Returns when the bytes are safe. The content that is there already stays, and counts as new for `contents`."""

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces; memory stays flat. Raises `FileNotFoundError`."""
        while start < end:
            length = min(self.read_bytes, end - start)
            piece = bytes(await obstore.get_range_async(self.objects, key, start=start, length=length))
            if not piece:
                raise FileNotFoundError(errno.ENOENT, f"the store holds less than it should of {key}")
            yield piece
            start += len(piece)

    async def size(self, key: str) -> int | None:
        """None for what is not there."""
        try:
            return int((await obstore.head_async(self.objects, key))["size"])
        except FileNotFoundError:
            return None

    async def drop(self, key: str) -> None:
        if await self.size(key) is not None:
            await obstore.delete_async(self.objects, key)

    async def drop_old(self, key: str, limit: datetime) -> bool:
        """The same, unless it came, or came again, after `limit`."""
        try:
            if (await obstore.head_async(self.objects, key))["last_modified"] >= limit:
                return False
        except FileNotFoundError:
            return False
        await obstore.delete_async(self.objects, key)
        return True

    async def contents(self) -> AsyncIterator[Content]:
        """Everything in the store, in no order."""
        async for several in obstore.list(self.objects, chunk_size=LISTED_AT_ONCE):
            for one in several:
                name = one["path"].rpartition("/")[2]
                sha256 = name if _SHA256.match(name) else ""
                yield Content(one["path"], sha256, one["size"], one["last_modified"])

    async def copy_out(self, key: str, target: Path) -> None:
        """The whole content as a file of its own. Raises `FileNotFoundError`."""
        await asyncio.to_thread(self.copy_out_now, key, target)

    def copy_out_now(self, key: str, target: Path) -> None:
        """The same, for whoever is in a thread already."""
        found = obstore.get(self.objects, key)
        with target.open("wb") as file:
            for piece in found.stream(min_chunk_size=self.read_bytes):
                file.write(piece)

    def is_in(self, folder: Path) -> bool:
        """Whether this is where it keeps its files."""
        return False


class FolderStore(Store):
    def __init__(self, folder: Path) -> None:
        super().__init__(LocalStore(prefix=folder, mkdir=True))
        self.folder = folder

    def is_in(self, folder: Path) -> bool:
        return self.folder.resolve() == folder.resolve()

    async def keep(self, source: Path, key: str) -> None:
        await asyncio.to_thread(self._keep, source, self.folder / key)

    def _keep(self, source: Path, target: Path) -> None:
        """A second name for the same bytes, which are on the disk before it is given: no crash leaves half a file under it."""
        _force(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            self._copy(source, target)
        os.utime(target)
        for folder in (target.parent, target.parent.parent, self.folder):
            _force(folder)

    def _copy(self, source: Path, target: Path) -> None:
        """From another file system: written aside first."""
        aside = self.folder / INCOMING / str(uuid4())
        aside.parent.mkdir(exist_ok=True)
        try:
            shutil.copyfile(source, aside)
            _force(aside)
            aside.rename(target)
        finally:
            aside.unlink(missing_ok=True)


def _force(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class BucketStore(Store):
    """An object appears in a bucket when all of it is there, so nothing has to be written aside."""

    read_bytes = 4 * 1024 * 1024

    async def keep(self, source: Path, key: str) -> None:
        await obstore.put_async(
            self.objects, key, source, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE, use_multipart=None
        )


def open_store(told: Settings) -> Store:
    """By the setting `files`: empty (a folder beside the database), a folder's path, or `s3://bucket/prefix`."""
    place = urlsplit(told.files)
    if place.scheme != "s3":
        return FolderStore(Path(told.files) if told.files else told.data_folder / "files")
    config: dict[str, Any] = {"region": told.files_region, "virtual_hosted_style_request": told.files_virtual_host}
    if told.files_endpoint:
        config["endpoint"] = told.files_endpoint
    if told.files_key:
        config |= {"access_key_id": told.files_key, "secret_access_key": told.files_key_secret}
    return BucketStore(
        S3Store(
            place.netloc,
            prefix=place.path.strip("/") or None,
            config=config,  # type: ignore[arg-type]
            client_options={"allow_http": told.files_endpoint.startswith("http://"), "timeout": "120s"},
        )
    )


@cache
def store() -> Store:
    return open_store(settings)
