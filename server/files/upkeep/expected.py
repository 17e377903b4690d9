"""Files that records name and that have not come: noted with the record, gone when the file is stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.files import partials
from server.files.tables import ExpectedFile, UploadedFile
from server.moment import now
from server.paging import Page, page_of
from server.people.actor import Actor
from server.settings import settings
from sync.bulk import among, ids
from sync.identity import new_id
from sync.transaction import execute, executemany, fetch

MISSING, PENDING, CORRUPT, LOST, DIFFERS = "missing", "pending", "corrupt", "lost", "differs"
_INSERT = """
INSERT INTO expected_file (id, bureau, record, file, person, name, sha256, is_lost, since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
"""


class NamedFile(Struct, frozen=True):
    """A file as a record names it."""

    record: UUID
    file: UUID
    person: UUID
    name: str
    sha256: str
    is_lost: bool
    since: datetime


class MissingFile(Struct, frozen=True, kw_only=True):
    """`state`: missing (nothing of it ever came), pending (`offset` bytes came), corrupt (it did not fit its checksum),
    differs (another file came than the record names), lost (the phone no longer has it)."""

    record: UUID
    file: UUID
    person: UUID
    name: str
    state: str
    size: int | None = None
    offset: int = 0
    since: datetime
    """When the record came."""


async def expect(bureau: UUID, records: Iterable[UUID], named: list[NamedFile]) -> None:
    """In the transaction that stores the records: what each names now replaces what it named before."""
    await execute(f"DELETE FROM expected_file WHERE bureau = $1 AND record {among(2)}", [bureau, ids(records)])
    if not named:
        return
    found = await fetch(
        f"SELECT id, sha256_received FROM uploaded_file WHERE bureau = $1 AND state = 'stored' AND id {among(2)}",
        [bureau, ids({one.file for one in named})],
    )
    stored = {(UUID(str(row[0])), row[1]) for row in found} | {(UUID(str(row[0])), "") for row in found}
    rows = [
        (new_id(), bureau, one.record, one.file, one.person, one.name, one.sha256, one.is_lost, one.since)
        for one in named
        if (one.file, one.sha256) not in stored
    ]
    await executemany(_INSERT, rows)


async def forget(bureau: UUID, record: UUID) -> None:
    """A record that was taken back misses nothing."""
    await ExpectedFile.delete().where(ExpectedFile.bureau == bureau, ExpectedFile.record == record)


async def list_missing(actor: Actor, *, after: str, limit: int, days: int | None = None) -> Page[MissingFile]:
    """The oldest first: one's own, and all of the bureau for those who oversee it. `days` is otherwise the setting."""
    actor.must("file.read")
    table = ExpectedFile
    patience = timedelta(days=settings.file_missing_days if days is None else days)
    query = table.objects().where(table.bureau == actor.bureau, table.since <= now() - patience)
    if not actor.is_bureau_wide("file.read"):
        query = query.where(table.person == actor.person)
    page = await page_of(query, (table.since, table.id), after=after, limit=limit)
    uploads = await _uploads_of(actor.bureau, [row.file for row in page.items])
    return page.shown(lambda row: _missing(row, uploads.get(row.file)))


async def _uploads_of(bureau: UUID, files: list[UUID]) -> dict[UUID, UploadedFile]:
    if not files:
        return {}
    rows = await UploadedFile.objects().where(UploadedFile.bureau == bureau, UploadedFile.id.is_in(files))
    return {row.id: row for row in rows}


def _missing(expected: ExpectedFile, upload: UploadedFile | None) -> MissingFile:
    told: dict[str, Any] = {"size": None, "offset": 0, "state": LOST if expected.is_lost else MISSING}
    if upload is not None and upload.state != "ended":
        offset = upload.size if upload.state == "stored" else partials.size_of(upload.id)
        state = DIFFERS if upload.state == "stored" else upload.state
        told = {"size": upload.size, "offset": offset, "state": state}
    return MissingFile(
        record=expected.record,
        file=expected.file,
        person=expected.person,
        name=expected.name,
        since=expected.since,
        **told,
    )
