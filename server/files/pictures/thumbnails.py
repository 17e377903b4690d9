"""Small pictures, made after the request by a process that may fail: see `drawing`."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import msgspec
import structlog

from server.files import partials
from server.files.pictures.place import ASKED
from server.files.store import key_of, store
from server.files.tables import UploadedFile
from server.settings import settings

log = structlog.get_logger()
MADE, NONE = "made", "none"
AT_ONCE = 100
BATCHES_MAX = 10
PICTURES = frozenset(f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "tiff", "bmp", "heic", "heif", "avif"))
_HOME = Path(__file__).parents[3]


class Painter:
    """The drawing process while it lives: one for many pictures, a new one after a picture that killed it."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def __aenter__(self) -> Painter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def draw(self, source: Path, target: Path) -> bool:
        """False for a picture that cannot be drawn within the limits."""
        process = await self._living()
        assert process.stdin is not None
        assert process.stdout is not None
        asked = msgspec.json.encode({"source": str(source), "target": str(target)})
        try:
            async with asyncio.timeout(settings.picture_seconds_max):
                process.stdin.write(asked + b"\n")
                answer = await process.stdout.readline()
        except (TimeoutError, ConnectionError):
            answer = b""
        if not answer:
            await self._end()
            log.warning("picture.killed", source=source.name)
            return False
        return bool(msgspec.json.decode(answer)["is_made"])

    async def _living(self) -> Process:
        if self._process is None:
            limits = str(settings.picture_pixels_max), str(settings.picture_memory_mib_max)
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-E", "-s", "-B", "-m", "server.files.pictures.drawing", *limits),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                cwd=_HOME,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            )
        return self._process

    async def _end(self) -> None:
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None


async def make_thumbnails() -> int:
    """For the timetable: of every stored picture that has been tried by nobody. Safe to run twice, also at the same time."""
    count = 0
    async with Painter() as painter:
        for _ in range(BATCHES_MAX):
            rows = await _untried()
            for row in rows:
                await _make(painter, row)
            count += len(rows)
            if len(rows) < AT_ONCE:
                break
    return count


async def _untried() -> list[UploadedFile]:
    table = UploadedFile
    query = table.objects().where(table.state == "stored", table.thumbnail == "", table.place != ASKED)
    return await query.order_by(table.stored_at).limit(AT_ONCE)


async def _make(painter: Painter, row: UploadedFile) -> None:
    outcome = MADE if row.media_type in PICTURES and await _is_made(painter, row.sha256_stored) else NONE
    table = UploadedFile
    await table.update({table.thumbnail: outcome}).where(
        table.sha256_stored == row.sha256_stored, table.thumbnail == ""
    )


async def _is_made(painter: Painter, sha256: str) -> bool:
    key = key_of(sha256, "thumbnails")
    if await store().size(key) is not None:
        return True
    partials.folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=partials.folder(), prefix=".picture-") as folder:
        source, target = Path(folder) / "source", Path(folder) / sha256
        try:
            await store().copy_out(key_of(sha256), source)
        except FileNotFoundError:
            log.error("file.lost", sha256=sha256)
            return False
        if not await painter.draw(source, target):
            return False
        await store().keep(target, key)
    return True
