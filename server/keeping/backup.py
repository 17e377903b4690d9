"""One file holds everything: rows, uploaded files, the server's secret. It restores into either database.

The archive is a gzipped tar: `manifest.json` first, then `tables/<name>.ndjson` with one row a line, then `files/…`. Rows are
read in one snapshot; a restore fills an empty, migrated database in one transaction and gives every bureau a new epoch, so
that phones which are ahead of the backup find out and reconcile.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.migrate import migrate
from server.moment import now
from server.refusals import refusal
from server.settings import settings
from sync.feed import rotate_epoch
from sync.transaction import current, engine, executemany, fetch, is_postgres, transaction

FORMAT = 1
ROWS_AT_ONCE = 1000
FOLDERS = ("files", "uploads")
Progress = Callable[[str, int], None]
"""Told a table's name and how many rows were just done."""


class Manifest(Struct, frozen=True, kw_only=True):
    format: int
    made_at: datetime
    made_on: str
    """sqlite or postgres: where the rows came from."""
    migrations: list[str]
    rows: dict[str, int]


async def table_names() -> list[str]:
    """Every table of the product, in an order that does not change."""
    if is_postgres():
        found = await fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    else:
        found = await fetch(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        )
    return [row["name"] for row in found if row["name"] != "migration"]


async def write_backup(path: Path, progress: Progress) -> Manifest:
    """Writes beside `path` first and renames at the end: a backup that stands is complete."""
    if path.exists():
        raise refusal("backup.exists", path=str(path))
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
        async with transaction(readonly=True):
            names = await table_names()
            rows = {name: await _write_table(Path(folder) / f"{name}.ndjson", name, progress) for name in names}
            migrations = [row["name"] for row in await fetch("SELECT name FROM migration ORDER BY name")]
        manifest = Manifest(
            format=FORMAT, made_at=now(), made_on=engine().engine_type, migrations=migrations, rows=rows
        )
        packed = Path(folder) / "packed"
        with tarfile.open(packed, "w:gz", compresslevel=3) as archive:
            _add_bytes(archive, "manifest.json", msgspec.json.encode(manifest))
            _add_bytes(archive, "secret", (settings.data_folder / "secret").read_bytes())
            for name in names:
                archive.add(Path(folder) / f"{name}.ndjson", f"tables/{name}.ndjson")
            for folder_name in FOLDERS:
                if (settings.data_folder / folder_name).exists():
                    archive.add(settings.data_folder / folder_name, folder_name)
        packed.chmod(0o600)
        packed.rename(path)
    return manifest


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


async def restore_backup(path: Path, progress: Progress) -> Manifest:
    """Fills an empty database. Raises `backup.unreadable`, `backup.newer`, `backup.not_empty`; writes nothing then."""
    manifest = read_manifest(path)
    await migrate()
    done = {row["name"] for row in await fetch("SELECT name FROM migration")}
    unknown = [name for name in manifest.migrations if name not in done]
    if unknown:
        raise refusal("backup.newer", migrations=", ".join(unknown))
    for name in await table_names():
        if name not in ("job_run",) and await fetch(f'SELECT 1 FROM "{name}" LIMIT 1') and name in manifest.rows:
            raise refusal("backup.not_empty", table=name)
    with tarfile.open(path, "r:gz") as archive:
        async with transaction():
            for entry in archive:
                if entry.name.startswith("tables/"):
                    name = entry.name.removeprefix("tables/").removesuffix(".ndjson")
                    source = archive.extractfile(entry)
                    if name in manifest.rows and source is not None:
                        await _fill_table(name, source, progress)
            for row in await fetch("SELECT bureau FROM sync_head"):
                await rotate_epoch(UUID(str(row["bureau"])))
    _restore_files(path)
    return manifest


def read_manifest(path: Path) -> Manifest:
    try:
        with tarfile.open(path, "r:gz") as archive:
            file = archive.extractfile("manifest.json")
            manifest = msgspec.json.decode(file.read() if file else b"", type=Manifest)
    except (OSError, tarfile.TarError, KeyError, EOFError, msgspec.DecodeError) as error:
        raise refusal("backup.unreadable", path=str(path), reason=str(error)) from None
    if manifest.format != FORMAT:
        raise refusal("backup.newer", migrations=f"format {manifest.format}")
    return manifest


def _restore_files(path: Path) -> None:
    data = settings.data_folder
    data.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "r:gz") as archive:
        for entry in archive:
            if entry.name.split("/")[0] in (*FOLDERS, "secret"):
                archive.extract(entry, data, filter="data")
    (data / "secret").chmod(0o600)


async def _fill_table(name: str, source: IO[bytes], progress: Progress) -> None:
    types = await _column_types(name)
    for lines in _chunks(source):
        rows = [msgspec.json.decode(line) for line in lines]
        columns = [column for column in rows[0] if column in types]
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
