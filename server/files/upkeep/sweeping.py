"""What nothing refers to any more: content without a row, partial files without an upload. For the timetable."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog

from server.files import partials
from server.files.store import INCOMING, Content, store
from server.moment import now
from sync.bulk import among, ids, texts
from sync.refusal import Refusal
from sync.transaction import fetch

log = structlog.get_logger()
AGE_MIN = timedelta(days=1)
"""Younger content may belong to an upload whose row is just being written."""
AT_ONCE = 1000


async def drop_unreferenced() -> int:
    """Content that no file's row names, nor a small picture of such; and partial files that belong to no upload."""
    return await _drop_contents() + await _drop_partials()


async def _drop_contents() -> int:
    count, several = 0, []
    limit = now() - AGE_MIN
    async for content in store().contents():
        if content.modified < limit and content.key.startswith(INCOMING):
            await store().drop(content.key)  # the copy of a process that was killed
        elif content.modified < limit and content.sha256:
            several.append(content)
        if len(several) == AT_ONCE:
            count += await _drop_of(several)
            several = []
    return count + await _drop_of(several)


async def _drop_of(contents: list[Content]) -> int:
    if not contents:
        return 0
    sql = f"SELECT DISTINCT sha256_stored FROM uploaded_file WHERE sha256_stored {among(1, 'text')}"
    known = {row[0] for row in await fetch(sql, [texts(sorted({one.sha256 for one in contents}))])}
    count = 0
    for one in contents:
        if one.sha256 in known:
            continue
        if not await store().drop_old(one.key, now() - AGE_MIN):
            continue  # it has come again since it was listed
        count += 1
        log.info("file.drop_unreferenced", key=one.key, size=one.size)
    return count


async def _drop_partials() -> int:
    old = await asyncio.to_thread(_old_partials)
    uploads = {UUID(path.name): path for path in old if _is_upload(path)}
    sql = f"SELECT id FROM uploaded_file WHERE state IN ('pending', 'corrupt') AND id {among(1)}"
    known = {UUID(str(row[0])) for row in await fetch(sql, [ids(uploads)])} if uploads else set()
    lost = [upload for upload in uploads if upload not in known]
    dropped = sum([_drop_partial(upload) for upload in lost])
    for path in old:
        if not _is_upload(path):  # the temporary folder of a process that was killed
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            dropped += 1
    return dropped


def _drop_partial(upload: UUID) -> bool:
    try:
        with partials.opened_alone(upload):
            partials.drop(upload)
    except Refusal:
        return False
    return True


def _is_upload(path: Path) -> bool:
    try:
        return str(UUID(path.name)) == path.name
    except ValueError:
        return False


def _old_partials() -> list[Path]:
    limit = now() - AGE_MIN
    if not partials.folder().exists():
        return []
    return [path for path in partials.folder().iterdir() if _moment_of(path) < limit]


def _moment_of(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return now()


async def stored_contents(newest: int | None = None) -> list[str]:
    """SHA-256 of all contents that rows name; or of the newest files only."""
    order = "ORDER BY stored_at DESC" if newest else "ORDER BY id"
    limit = f"LIMIT {newest}" if newest else ""
    rows = await fetch(f"SELECT sha256_stored FROM uploaded_file WHERE state = 'stored' {order} {limit}")
    return list(dict.fromkeys(row[0] for row in rows))
