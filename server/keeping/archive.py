"""What a backup's archive is made of, and whether one is whole.

A gzipped tar: `manifest.json` first, then the server's `secret`, `tables/<name>.ndjson` with one row a line, and the files.
"""

from __future__ import annotations

import gzip
import sqlite3
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from server.refusals import refusal
from sync.transaction import fetch, is_postgres

FORMAT = 1
ROWS_AT_ONCE = 1000
CHUNK_BYTES = 1024 * 1024
FILES = "files"
FOLDERS = (FILES, "uploads")
Progress = Callable[[str, int], None]
"""Told a table's name and how many rows were just done."""
DAMAGED = (
    tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, msgspec.MsgspecError, KeyError, ValueError, TypeError, AttributeError,
)  # fmt: skip
"""What reading an archive may raise that was cut, altered or never one of ours."""
UNWRITABLE = (OSError, sqlite3.OperationalError)
"""A folder that is not there, no permission, a full disk."""


class Manifest(Struct, frozen=True, kw_only=True):
    format: int
    made_at: datetime
    made_on: str
    """sqlite or postgres: where the rows came from."""
    migrations: list[str]
    rows: dict[str, int]


@contextmanager
def refusing(errors: type[Exception] | tuple[type[Exception], ...], code: str, path: Path) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise refusal(code, path=str(path), reason=str(error)) from None


async def table_names() -> list[str]:
    """Every table of the product, in an order that does not change."""
    if is_postgres():
        found = await fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    else:
        found = await fetch(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        )
    return [row["name"] for row in found if row["name"] != "migration"]


def read_manifest(path: Path) -> Manifest:
    with refusing(DAMAGED, "backup.unreadable", path), tarfile.open(path, "r:gz") as archive:
        file = archive.extractfile("manifest.json")
        manifest = msgspec.json.decode(file.read() if file else b"", type=Manifest)
        if not manifest.migrations:
            raise ValueError("it names no migrations")
    if manifest.format != FORMAT:
        raise refusal("backup.newer", migrations=f"format {manifest.format}")
    return manifest


def check_archive(path: Path) -> Manifest:
    """Reads it to its end: every part has a name we gave it and every table as many rows as the manifest says."""
    manifest = read_manifest(path)
    found: dict[str, int] = {}
    with refusing(DAMAGED, "backup.unreadable", path), gzip.open(path) as whole, tarfile.open(fileobj=whole) as archive:
        for entry in archive:
            source = archive.extractfile(entry) if entry.isfile() else None
            if source is None or not _is_ours(entry.name, manifest):
                raise ValueError(f"{entry.name[:200]!r} does not belong into a backup")
            if entry.name in found:
                raise ValueError(f"{entry.name} is there twice")
            found[entry.name] = sum(1 for _ in source) if entry.name.startswith("tables/") else 0
        while whole.read(CHUNK_BYTES):  # to the checksum at the end
            pass
        missing = [name for name, rows in manifest.rows.items() if found.get(f"tables/{name}.ndjson") != rows]
        if missing or "secret" not in found:
            raise ValueError(f"it is not whole: {', '.join(missing) or 'secret'}")
    return manifest


def _is_ours(name: str, manifest: Manifest) -> bool:
    first, *rest = name.split("/")
    if first in FOLDERS:
        return bool(rest) and not {"", ".", ".."} & set(rest)
    return name in ("manifest.json", "secret") or name in {f"tables/{table}.ndjson" for table in manifest.rows}
