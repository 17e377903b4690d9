"""One file holds everything: rows, uploaded files, the server's secret. Rows are read in one snapshot while the server runs."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from server.files.store import key_of, store
from server.files.upkeep.sweeping import stored_contents
from server.keeping.archive import (
    FILES,
    FOLDERS,
    FORMAT,
    ROWS_AT_ONCE,
    UNWRITABLE,
    Manifest,
    Progress,
    refusing,
    table_names,
)
from server.moment import now
from server.refusals import refusal
from server.settings import read_secret, settings
from sync.transaction import current, engine, fetch, is_postgres, transaction


async def write_backup(path: Path, progress: Progress) -> Manifest:
    """Writes beside `path` first and renames at the end: a backup that stands is complete.

    Raises `backup.exists`, `backup.unwritable`.
    """
    if path.exists():
        raise refusal("backup.exists", path=str(path))
    with (
        refusing(UNWRITABLE, "backup.unwritable", path),
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as aside,
    ):
        folder = Path(aside)
        async with transaction(readonly=True):
            names = await table_names()
            rows = {name: await _write_table(folder / f"{name}.ndjson", name, progress) for name in names}
            migrations = [row["name"] for row in await fetch("SELECT name FROM migration ORDER BY name")]
            contents = [] if store().is_in(settings.data_folder / FILES) else await stored_contents()
        manifest = Manifest(
            format=FORMAT, made_at=now(), made_on=engine().engine_type, migrations=migrations, rows=rows
        )
        await asyncio.to_thread(_pack, folder, manifest, contents)
        (folder / "packed").rename(path)
    return manifest


def _pack(folder: Path, manifest: Manifest, contents: list[str]) -> None:
    with (folder / "packed").open("wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as archive:
            _add_bytes(archive, "manifest.json", msgspec.json.encode(manifest))
            _add_bytes(archive, "secret", read_secret(settings))
            for name in manifest.rows:
                archive.add(folder / f"{name}.ndjson", f"tables/{name}.ndjson")
            for name in FOLDERS:
                _add_folder(archive, name)
            for sha256 in contents:
                _add_content(archive, folder / "content", key_of(sha256))
        file.flush()
        os.fsync(file.fileno())
    (folder / "packed").chmod(0o600)


def _add_folder(archive: tarfile.TarFile, name: str) -> None:
    """The server goes on meanwhile: a file that is gone when its turn comes is one no row of the snapshot needs."""
    for path in sorted((settings.data_folder / name).rglob("*")):
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    entry = archive.gettarinfo(arcname=str(path.relative_to(settings.data_folder)), fileobj=file)
                    archive.addfile(entry, file)


def _add_content(archive: tarfile.TarFile, copy: Path, key: str) -> None:
    """From a store that is elsewhere. What the snapshot names stays there for a day, even when it is named no more."""
    with suppress(FileNotFoundError):  # `qifang doctor` tells of it; the rest is worth keeping
        store().copy_out_now(key, copy)
        archive.add(copy, f"{FILES}/{key}")


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


async def _write_table(path: Path, name: str, progress: Progress) -> int:
    count = 0
    with path.open("wb") as file:
        async for rows in _read_rows(name):
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
            count += len(rows)
            progress(name, len(rows))
    return count


async def _read_rows(name: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Pages from one cursor inside the open snapshot, so that memory stays flat."""
    opened = current()
    if opened is None:
        raise RuntimeError("reading a table needs the snapshot's transaction")
    sql = f'SELECT * FROM "{name}"'
    if is_postgres():
        cursor = await opened.connection.cursor(sql)
        while rows := await cursor.fetch(ROWS_AT_ONCE):
            yield [dict(row) for row in rows]
        return
    cursor = await opened.connection.run(lambda connection: connection.execute(sql))
    while rows := await opened.connection.run(lambda _: cursor.fetchmany(ROWS_AT_ONCE)):
        yield [dict(row) for row in rows]
