"""A backup fills an empty database of either kind. Every bureau gets a new epoch, so that phones which are ahead of the backup
find out and reconcile."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import msgspec

from server.files.store import store
from server.keeping.archive import (
    DAMAGED,
    FILES,
    FOLDERS,
    ROWS_AT_ONCE,
    UNWRITABLE,
    Manifest,
    Progress,
    check_archive,
    refusing,
    table_names,
)
from server.migrate import done_migrations, migrate, migration_ids
from server.refusals import refusal
from server.settings import settings
from sync.feed import rotate_epoch
from sync.transaction import execute, executemany, fetch, is_postgres, transaction


async def restore_backup(path: Path, progress: Progress) -> Manifest:
    """Fills an empty database and data folder. The archive is read through before anything is written.

    The database is first brought to the backup's own version, so that what later migrations do is done to its rows too.
    Raises `backup.unreadable`, `.newer`, `.older`, `.not_empty`, `.folder_not_empty`, `.unwritable`; no row is written then.
    """
    manifest = await asyncio.to_thread(check_archive, path)
    await _must_be_empty(manifest)
    data = settings.data_folder
    with refusing(UNWRITABLE, "backup.unwritable", data):
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=data, prefix=".restore-") as aside:
            await asyncio.to_thread(_unpack_files, path, Path(aside))
            await migrate(until=manifest.migrations[-1])
            await _fill_tables(path, manifest, progress)
            await _keep_elsewhere(Path(aside))
            for entry in Path(aside).iterdir():
                _move_in(entry, data / entry.name)
    await migrate()
    await execute(
        "UPDATE uploaded_file SET thumbnail = ''"
    )  # small pictures may not have come along: they are made again
    return manifest


async def _must_be_empty(manifest: Manifest) -> None:
    done = await done_migrations()
    newer = [name for name in manifest.migrations if name not in migration_ids()]
    if newer:
        raise refusal("backup.newer", migrations=", ".join(newer))
    for name in await table_names():
        if name != "job_run" and await fetch(f'SELECT 1 FROM "{name}" LIMIT 1'):
            raise refusal("backup.not_empty", table=name)
    if not done <= set(manifest.migrations):
        raise refusal("backup.older", migrations=", ".join(sorted(done - set(manifest.migrations))))
    for name in FOLDERS:
        if any(path.is_file() for path in (settings.data_folder / name).rglob("*")):
            raise refusal("backup.folder_not_empty", path=str(settings.data_folder / name))


def _unpack_files(path: Path, folder: Path) -> None:
    with tarfile.open(path, "r:gz") as archive:
        for entry in archive:
            if entry.name.split("/")[0] in (*FOLDERS, "secret"):
                archive.extract(entry, folder, filter="data")
    (folder / "secret").chmod(0o600)


async def _keep_elsewhere(folder: Path) -> None:
    """The files of the archive go to their store where that is not the folder beside the database."""
    if store().is_in(settings.data_folder / FILES):
        return
    for path in sorted((folder / FILES).rglob("*")):
        if path.is_file():
            await store().keep(path, str(path.relative_to(folder / FILES)))
    shutil.rmtree(folder / FILES, ignore_errors=True)


def _move_in(entry: Path, place: Path) -> None:
    """The folders that stand there hold no file; the secret of an empty server has signed nothing."""
    if place.is_dir():
        shutil.rmtree(place)
    entry.replace(place)


async def _fill_tables(path: Path, manifest: Manifest, progress: Progress) -> None:
    with refusing(DAMAGED, "backup.unreadable", path), tarfile.open(path, "r:gz") as archive:
        async with transaction():
            for entry in archive:
                source = archive.extractfile(entry)
                if entry.name.startswith("tables/") and source is not None:
                    name = entry.name.removeprefix("tables/").removesuffix(".ndjson")
                    await _fill_table(name, source, progress)
            for row in await fetch("SELECT bureau FROM sync_head"):
                await rotate_epoch(UUID(str(row["bureau"])))


async def _fill_table(name: str, source: IO[bytes], progress: Progress) -> None:
    types = await _column_types(name)
    for lines in _chunks(source):
        rows = [msgspec.json.decode(line) for line in lines]
        columns = list(rows[0])
        sql = (
            f'INSERT INTO "{name}" ({", ".join(f"{chr(34)}{c}{chr(34)}" for c in columns)}) '
            f"VALUES ({', '.join(f'${n}' for n in range(1, len(columns) + 1))})"
        )
        await executemany(sql, [[_value(row[column], types[column]) for column in columns] for row in rows])
        progress(name, len(rows))


def _chunks(source: IO[bytes]) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    for line in source:
        lines.append(line)
        if len(lines) == ROWS_AT_ONCE:
            yield lines
            lines = []
    if lines:
        yield lines


async def _column_types(name: str) -> dict[str, str]:
    if is_postgres():
        found = await fetch(
            "SELECT column_name AS name, data_type AS type FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = $1",
            [name],
        )
    else:
        found = await fetch("SELECT name, type FROM pragma_table_info($1)", [name])
    return {row["name"]: row["type"].lower() for row in found}


def _value(value: Any, column_type: str) -> Any:
    """A JSON value as the column's own type: the two databases spell dates, booleans and ids differently."""
    if value is None:
        return None
    if column_type == "uuid":
        return UUID(value)
    if column_type == "date":
        return date.fromisoformat(value)
    if column_type.startswith("timestamp"):
        return datetime.fromisoformat(value)
    if column_type in ("boolean", "bool"):
        return bool(value)
    if column_type == "bytea" or column_type == "blob":
        return msgspec.convert(value, bytes, strict=False)
    return value
