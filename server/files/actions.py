"""A file's way in: announced, appended to as the network allows, checked whole, kept."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.files import partials
from server.files.media_types import sniff
from server.files.pictures import place
from server.files.store import key_of, store
from server.files.tables import ExpectedFile, UploadedFile
from server.files.upkeep import room
from server.moment import now
from server.people.actor import Actor, system_of
from server.refusals import refusal
from server.settings import settings
from sync.refusal import Refusal
from sync.transaction import is_postgres, retrying, transaction

PENDING, STORED, CORRUPT, ENDED = "pending", "stored", "corrupt", "ended"
DAYS_MIN = 30
NAME_MAX = 255


class NewUpload(Struct, frozen=True, kw_only=True):
    """What a phone announces; it makes the id, so that a lost answer costs nothing."""

    id: UUID
    size: int
    record: UUID | None = None
    name: str = ""
    sha256: str = ""
    metadata: str = ""
    """`Upload-Metadata` as it came."""


async def begin_upload(actor: Actor, new: NewUpload) -> UploadedFile:
    """The same announcement twice is one upload.

    Raises `file.too_large`, `file.id_taken`, `file.id_reused`, `file.uploads_too_many`, `file.day_full`, `file.bureau_full`.
    """
    actor.must("file.upload")
    if new.size > settings.file_bytes_max:
        raise refusal("file.too_large", limit_bytes=settings.file_bytes_max)
    return await retrying(lambda: _begin(actor, new))


async def _begin(actor: Actor, new: NewUpload) -> UploadedFile:
    moment = now()
    async with transaction():
        if await UploadedFile.objects().get(UploadedFile.id == new.id) is None and await _insert(actor, new, moment):
            await room.take(actor, new.size, moment)
        row = await _locked().get(UploadedFile.id == new.id)
        if (row.bureau, row.person) != (actor.bureau, actor.person):
            raise refusal("file.id_taken")
        if (row.size, row.sha256) != (new.size, new.sha256):
            raise refusal("file.id_reused")
        if row.state == ENDED:
            row.state, row.created_at, row.expires_at = PENDING, moment, _expiry(moment)
            await _set(row.id, {"state": PENDING, "created_at": moment, "expires_at": row.expires_at, "offset": 0})
            await room.take(actor, new.size, moment)
    return row


async def _insert(actor: Actor, new: NewUpload, moment: datetime) -> bool:
    """False when another announcement of this id came first."""
    made = UploadedFile(
        id=new.id,
        bureau=actor.bureau,
        person=actor.person,
        device=actor.device,
        record=new.record,
        name=new.name[:NAME_MAX],
        size=new.size,
        sha256=new.sha256,
        metadata=new.metadata,
        created_at=moment,
        expires_at=_expiry(moment),
    )
    return bool(await UploadedFile.insert(made).on_conflict(action="DO NOTHING").returning(UploadedFile.id))


def _expiry(moment: datetime) -> datetime:
    return moment + timedelta(days=max(settings.upload_days, DAYS_MIN))


def _locked() -> Any:
    """SQLite has one writer anyway, and says so loudly when asked to lock rows."""
    return UploadedFile.objects().lock_rows() if is_postgres() else UploadedFile.objects()


async def _set(upload: UUID, values: dict[str, Any]) -> None:
    """Only these columns: others may have been written meanwhile by somebody else."""
    async with transaction():
        await UploadedFile.update(values).where(UploadedFile.id == upload)  # type: ignore[arg-type]


async def reach_upload(actor: Actor, upload: UUID) -> UploadedFile:
    """One's own upload, its `offset` as the disk has it. Raises `file.unknown`, `file.gone`."""
    actor.must("file.upload")
    row = await UploadedFile.objects().get(
        (UploadedFile.id == upload) & (UploadedFile.bureau == actor.bureau) & (UploadedFile.person == actor.person)
    )
    if row is None:
        raise refusal("file.unknown")
    if row.state == ENDED or (row.state != STORED and row.expires_at < now()):
        raise refusal("file.gone")
    row.offset = row.size if row.state == STORED else partials.size_of(upload)
    return row


async def settle_upload(actor: Actor, upload: UUID) -> UploadedFile:
    """The same, and finished when its last byte has come: the server may have stopped between that byte and its check.

    Raises `file.busy` too; `file.corrupt` is no news to whoever asks how much there is.
    """
    row = await reach_upload(actor, upload)
    if row.state != STORED and row.offset == row.size:
        try:
            row = await append_upload(actor, upload, row.size, _nothing())
        except Refusal as refused:
            if refused.code != "file.corrupt":
                raise
            row = await reach_upload(actor, upload)
    return row


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def append_upload(
    actor: Actor, upload: UUID, offset: int, pieces: AsyncIterable[bytes], checksum: tuple[str, bytes] | None = None
) -> UploadedFile:
    """Keeps what comes, also of a part that is cut; with a `checksum` (its name and value) a part is kept whole or not at all.

    Raises `file.offset`, `file.busy`, `file.past_end`, `file.checksum`, `file.no_space`; `file.corrupt` when the last byte
    is there and the whole does not fit: then it begins again at 0.
    """
    actor.must("file.upload")
    await reach_upload(actor, upload)
    with partials.opened_alone(upload) as file:
        row = await reach_upload(actor, upload)  # as the one before us left it
        if row.state == STORED:
            partials.drop(upload)
        if offset != row.offset:
            raise refusal("file.offset", offset=row.offset)
        if row.state == STORED:
            return row
        is_whole = False
        try:
            heard = partials.until_silent(pieces, settings.upload_silent_seconds)
            digest = await partials.append(file, heard, row.size - offset, checksum[0] if checksum else "")
            if checksum is not None and not hmac.compare_digest(digest, checksum[1]):
                raise refusal("file.checksum")
            is_whole = True
        finally:
            if checksum is not None and not is_whole:
                file.truncate(offset)
        row.offset = partials.size_of(upload)
        if row.offset == row.size:
            await _finish(actor, row)
        else:
            row.state, row.expires_at = PENDING, _expiry(now())
            await _set(upload, {"state": PENDING, "offset": row.offset, "expires_at": row.expires_at})
    return row


async def _finish(actor: Actor, row: UploadedFile) -> None:
    """Under the upload's lock."""
    sha256, head = await asyncio.to_thread(partials.finish, row.id)
    if row.sha256 and sha256 != row.sha256:
        row.offset, row.state = 0, CORRUPT
        await _set(row.id, {"state": CORRUPT, "offset": 0})
        partials.drop(row.id)
        raise refusal("file.corrupt")
    row.media_type, row.sha256_received, row.sha256_stored = sniff(head), sha256, sha256
    is_private = row.place == place.ASKED or await place.is_asked_for(row.bureau, await _records_of(row))
    await _keep(row, is_private)
    await retrying(lambda: _note_stored(actor, row))
    if await store().size(key_of(row.sha256_stored)) != row.size:  # swept away as old, just before the row named it
        await _keep(row, is_private)
    partials.drop(row.id)


async def _keep(row: UploadedFile, is_private: bool) -> None:
    if is_private:
        await place.keep_without(row, partials.path_of(row.id))
    else:
        await store().keep(partials.path_of(row.id), key_of(row.sha256_received))


async def _records_of(row: UploadedFile) -> set[UUID]:
    """The records that speak of this file."""
    named = await ExpectedFile.select(ExpectedFile.record).where(
        ExpectedFile.bureau == row.bureau, ExpectedFile.file == row.id
    )
    return {one["record"] for one in named} | ({row.record} if row.record is not None else set())


async def _note_stored(actor: Actor, row: UploadedFile) -> None:
    async with transaction():
        now_asked = (await _locked().get(UploadedFile.id == row.id)).place
        row.state, row.offset, row.stored_at = STORED, row.size, now()
        row.place = row.place if row.place == place.DONE else now_asked
        values = {"state": STORED, "offset": row.size, "stored_at": row.stored_at, "media_type": row.media_type}
        hashes = {"sha256_received": row.sha256_received, "sha256_stored": row.sha256_stored, "place": row.place}
        await _set(row.id, values | hashes)
        fits = (ExpectedFile.sha256 == "") | (ExpectedFile.sha256 == row.sha256_received)
        await ExpectedFile.delete().where(ExpectedFile.bureau == row.bureau, ExpectedFile.file == row.id, fits)
        details = {"sha256": row.sha256_received, "size": row.size}
        if row.sha256_stored != row.sha256_received:
            details["sha256_stored"] = row.sha256_stored
        await record_event(actor, "file.store", "file", row.id, details)


async def end_upload(actor: Actor, upload: UUID) -> None:
    """Gives an unfinished upload up. Raises `file.unknown`, `file.gone`, `file.busy`, `file.kept` for a stored file."""
    actor.must("file.upload")
    await reach_upload(actor, upload)
    with partials.opened_alone(upload):
        row = await reach_upload(actor, upload)
        if row.state == STORED:
            partials.drop(upload)
            raise refusal("file.kept")
        await _end(row)


async def _end(row: UploadedFile) -> None:
    """Under the upload's lock, which goes with the partial file: so that is the last to go."""

    async def work() -> None:
        async with transaction():
            fresh = await _locked().get(UploadedFile.id == row.id)
            if fresh.state == ENDED:
                return  # another machine, whose partial files are its own, was here first
            await _set(row.id, {"state": ENDED, "offset": 0})
            await room.give_back(row.bureau, row.size)

    await retrying(work)
    partials.drop(row.id)


async def end_expired_uploads() -> int:
    """For the timetable: forgets the bytes of uploads nobody went on with. Safe to run twice."""
    table = UploadedFile
    rows = await table.objects().where(table.state.is_in([PENDING, CORRUPT]), table.expires_at < now())
    return sum([await _alone(row, _end_expired) for row in rows])


async def _end_expired(row: UploadedFile) -> bool:
    if row.state not in (PENDING, CORRUPT) or row.expires_at >= now():
        return False
    await _end(row)
    return True


async def finish_whole_uploads() -> int:
    """For the timetable: what had come in full when the server stopped is checked and kept. Safe to run twice."""
    rows = await UploadedFile.objects().where(UploadedFile.state == PENDING, UploadedFile.expires_at >= now())
    whole = [row for row in rows if row.size and partials.size_of(row.id) == row.size]
    return sum([await _alone(row, _finish_whole) for row in whole])


async def _finish_whole(row: UploadedFile) -> bool:
    if row.state != PENDING or partials.size_of(row.id) != row.size:
        return False
    await _finish(system_of(row.bureau), row)
    return True


async def _alone(row: UploadedFile, act: Callable[[UploadedFile], Awaitable[bool]]) -> bool:
    """Under the upload's lock, on the row as it is then; an upload that is being written to, or does not fit, is left."""
    try:
        with partials.opened_alone(row.id):
            fresh = await UploadedFile.objects().get(UploadedFile.id == row.id)
            return fresh is not None and await act(fresh)
    except Refusal as refused:
        if refused.code not in ("file.busy", "file.corrupt"):
            raise
        return False
