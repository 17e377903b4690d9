"""Photos of which the form says that the place goes: before they are kept, or afterwards when the record came later."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from server.audit.actions import record_event
from server.files import partials
from server.files.pictures.whereabouts import PICTURES, take_place_out
from server.files.store import key_of, store
from server.files.tables import UploadedFile
from server.people.actor import system_of
from sync.bulk import among, ids
from sync.transaction import execute, transaction

ASKED, DONE = "asked", "done"
AT_ONCE = 200
Question = Callable[[UUID, set[UUID]], Awaitable[bool]]
_questions: list[Question] = []


def asked_by(question: Question) -> None:
    """`question(bureau, records)` says whether the form of one of these records wants the place out of its photos."""
    if question not in _questions:
        _questions.append(question)


async def is_asked_for(bureau: UUID, records: set[UUID]) -> bool:
    for question in _questions:
        if records and await question(bureau, records):
            return True
    return False


async def ask(bureau: UUID, records: Collection[UUID], files: Collection[UUID]) -> None:
    """In the transaction of records whose form wants it: their files that have come, or are on their way, are marked."""
    mark = f"UPDATE uploaded_file SET place = '{ASKED}' WHERE bureau = $1 AND place = '' AND"
    await execute(f"{mark} record {among(2)}", [bureau, ids(records)])
    if files:
        await execute(f"{mark} id {among(2)}", [bureau, ids(files)])


async def keep_without(row: UploadedFile, source: Path) -> None:
    """Stores a copy without the place; `row` says afterwards what is stored. It is for the caller to save."""
    partials.folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=partials.folder(), prefix=".place-") as folder:
        kept = source
        if row.media_type in PICTURES:
            kept = Path(folder) / "picture"
            row.sha256_stored = await asyncio.to_thread(_copy_without, source, kept)
        await store().keep(kept, key_of(row.sha256_stored))
    row.place = DONE


def _copy_without(source: Path, target: Path) -> str:
    shutil.copyfile(source, target)
    take_place_out(target)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def remove_now(row: UploadedFile) -> None:
    """For a stored file that was asked for afterwards. Safe to run twice, also at the same time."""
    if row.media_type in PICTURES:
        await _replace_content(row)
    row.place = DONE
    async with transaction():
        await UploadedFile.update(
            {
                UploadedFile.place: DONE,
                UploadedFile.sha256_stored: row.sha256_stored,
                UploadedFile.thumbnail: "",
            }
        ).where(UploadedFile.id == row.id)
        details = {"sha256_stored": row.sha256_stored}
        await record_event(system_of(row.bureau), "file.remove_place", "file", row.id, details)


async def _replace_content(row: UploadedFile) -> None:
    partials.folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=partials.folder(), prefix=".place-") as folder:
        source = Path(folder) / "source"
        await store().copy_out(key_of(row.sha256_stored), source)
        await keep_without(row, source)


async def remove_places() -> int:
    """For the timetable: photos that were marked after they had come."""
    table = UploadedFile
    rows = await table.objects().where(table.state == "stored", table.place == ASKED).limit(AT_ONCE)
    for row in rows:
        await remove_now(row)
    return len(rows)
