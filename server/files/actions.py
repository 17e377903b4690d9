"""A file's way in: announced, appended to as the network allows, checked whole, kept."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.files import partials, store
from server.files.media_types import sniff
from server.files.tables import UploadedFile
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.settings import settings
from sync.refusal import Refusal
from sync.transaction import transaction

PENDING, STORED, CORRUPT, ENDED, MISSING = "pending", "stored", "corrupt", "ended", "missing"
DAYS_MIN = 30
NAME_MAX = 255


class NewUpload(Struct, frozen=True, kw_only=True):
    """What a phone announces; it makes the id, so that a lost answer costs nothing."""

    id: UUID
    size: int
    record: UUID | None = None
    name: str = ""
    sha256: str = ""


class FileState(Struct, frozen=True, kw_only=True):
    """One file of a record. `missing`: the record names it, and nothing of it was ever announced."""

    id: UUID
    state: str
    name: str = ""
    media_type: str = ""
    size: int = 0
    offset: int = 0


async def begin_upload(actor: Actor, new: NewUpload) -> UploadedFile:
    """The same announcement twice is one upload. Raises `file.too_large`, `file.id_taken`, `file.id_reused`, `file.uploads_too_many`."""
    actor.must("file.upload")
    if new.size > settings.file_bytes_max:
        raise refusal("file.too_large", limit_bytes=settings.file_bytes_max)
    moment = now()
    async with transaction():
        row = await UploadedFile.objects().get(UploadedFile.id == new.id)
        if row is None:
            await _must_have_room(actor)
            made = UploadedFile(
                id=new.id,
                bureau=actor.bureau,
                person=actor.person,
                device=actor.device,
                record=new.record,
                name=new.name[:NAME_MAX],
                size=new.size,
                sha256=new.sha256,
                created_at=moment,
                expires_at=moment + timedelta(days=max(settings.upload_days, DAYS_MIN)),
            )
            await UploadedFile.insert(made).on_conflict(action="DO NOTHING")
            row = await UploadedFile.objects().get(UploadedFile.id == new.id)
        if row is None or (row.bureau, row.person) != (actor.bureau, actor.person):
            raise refusal("file.id_taken")
        if (row.size, row.sha256) != (new.size, new.sha256):
            raise refusal("file.id_reused")
        if row.state == ENDED:
            row.state, row.offset = PENDING, 0
            row.expires_at = moment + timedelta(days=max(settings.upload_days, DAYS_MIN))
            await row.save()
    return row


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
    """As `reach_upload`; an upload whose last byte came just before its server died is finished here, because a client
    that hears it is all there asks no more. Raises `file.busy` while another request finishes it."""
    row = await reach_upload(actor, upload)
    if row.state == STORED or row.offset < row.size:
        return row
    try:
        return await append_upload(actor, upload, row.size, _nothing())
    except Refusal as refused:
        if refused.code != "file.corrupt":
            raise
        return await reach_upload(actor, upload)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def append_upload(
    actor: Actor, upload: UUID, offset: int, pieces: AsyncIterable[bytes], checksum: tuple[str, bytes] | None = None
) -> UploadedFile:
    """Keeps what comes, also of a part that is cut; with a `checksum` (its name and value) a part is kept whole or not at all.

    Raises `file.offset`, `file.busy`, `file.past_end`, `file.checksum`; `file.corrupt` when the last byte is there and the
    whole does not fit: then it begins again at 0.
    """
    actor.must("file.upload")
    row = await reach_upload(actor, upload)
    if row.state == STORED:
        if offset != row.size:
            raise refusal("file.offset", offset=row.size)
        return row
    with partials.opened_alone(upload) as file:
        have = partials.size_of(upload)
        if offset != have:
            raise refusal("file.offset", offset=have)
        is_whole = False
        try:
            digest = await partials.append(file, pieces, row.size - have, checksum[0] if checksum else "")
            if checksum is not None and not hmac.compare_digest(digest, checksum[1]):
                raise refusal("file.checksum")
            is_whole = True
        finally:
            if checksum is not None and not is_whole:
                file.truncate(have)
        row.offset = partials.size_of(upload)
        if row.offset == row.size:
            await _finish(actor, row)
        else:
            await _note(row, PENDING)
    return row


async def _finish(actor: Actor, row: UploadedFile) -> None:
    sha256, head = await asyncio.to_thread(partials.finish, row.id)
    if row.sha256 and sha256 != row.sha256:
        partials.drop(row.id)
        row.offset = 0
        await _note(row, CORRUPT)
        raise refusal("file.corrupt")
    await store.keep(row.id, partials.path_of(row.id), sha256)
    async with transaction():
        row.sha256_received = sha256
        row.media_type = sniff(head)
        row.stored_at = now()
        await _note(row, STORED)
        await record_event(actor, "file.store", "file", row.id, {"sha256": sha256, "size": row.size})
    partials.drop(row.id)


async def _note(row: UploadedFile, state: str) -> None:
    async with transaction():
        row.state = state
        await row.save()


async def end_upload(actor: Actor, upload: UUID) -> None:
    """Gives an unfinished upload up; a stored file stays. Raises `file.unknown`, `file.gone`, `file.busy`."""
    actor.must("file.upload")
    row = await reach_upload(actor, upload)
    if row.state == STORED:
        return
    with partials.opened_alone(upload):
        partials.drop(upload)
        await _note(row, ENDED)


async def end_expired_uploads() -> int:
    """For the timetable: forgets the bytes of uploads nobody went on with. Safe to run twice."""
    rows = await UploadedFile.objects().where(
        UploadedFile.state.is_in([PENDING, CORRUPT]), UploadedFile.expires_at < now()
    )
    for row in rows:
        partials.drop(row.id)
        await _note(row, ENDED)
    return len(rows)


Reach = Callable[[Actor, UUID], Awaitable[bool]]
_reaches: list[Reach] = []


def shown_with(reach: Reach) -> None:
    """Lets a file be read by whoever `reach` says may see the record it belongs to (or what came of that record)."""
    _reaches.append(reach)


async def _is_shown_by_another(actor: Actor, record: UUID) -> bool:
    for reach in _reaches:
        if await reach(actor, record):
            return True
    return False


async def reach_file(actor: Actor, file: UUID) -> UploadedFile:
    """A stored file this person may read. Raises `file.unknown`, `file.not_stored`."""
    actor.must("file.read")
    row = await UploadedFile.visible_to(actor).where(UploadedFile.id == file).first()
    if row is None:
        row = await UploadedFile.objects().get((UploadedFile.bureau == actor.bureau) & (UploadedFile.id == file))
        if row is None or not await _is_shown_by_another(actor, row.record):
            raise refusal("file.unknown")
    if row.state != STORED:
        raise refusal("file.not_stored", state=row.state, offset=partials.size_of(file))
    return row


async def list_files(actor: Actor, record: UUID) -> list[FileState]:
    actor.must("file.read")
    rows = await UploadedFile.visible_to(actor).where(UploadedFile.record == record).order_by(UploadedFile.id)
    return [_state_of(row) for row in rows if row.state != ENDED]


async def files_of(bureau: UUID, record: UUID, named: Iterable[UUID] = ()) -> list[FileState]:
    """All files announced for a record, and those its answers name (`named`) of which nothing ever came."""
    wanted = set(named)
    table = UploadedFile
    of_record = table.record == record
    rows = await table.objects().where(
        table.bureau == bureau, (of_record | table.id.is_in(list(wanted))) if wanted else of_record
    )
    states = [_state_of(row) for row in sorted(rows, key=lambda row: row.id) if row.state != ENDED]
    gone = wanted - {state.id for state in states}
    return states + [FileState(id=id, state=MISSING) for id in sorted(gone)]


def _state_of(row: UploadedFile) -> FileState:
    return FileState(
        id=row.id,
        state=row.state,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        offset=row.size if row.state == STORED else partials.size_of(row.id),
    )


async def _must_have_room(actor: Actor) -> None:
    table = UploadedFile
    count = await table.count().where(
        table.bureau == actor.bureau, table.person == actor.person, table.state == PENDING
    )
    if count >= settings.uploads_per_person_max:
        raise refusal("file.uploads_too_many", limit=settings.uploads_per_person_max)
