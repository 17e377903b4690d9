"""Files that have come, for those who may see what they belong to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from msgspec import Struct

from server.files import partials
from server.files.actions import ENDED, STORED
from server.files.pictures import place
from server.files.store import key_of, store
from server.files.tables import UploadedFile
from server.people.actor import Actor
from server.refusals import refusal

MISSING = "missing"
THUMBNAILS = "thumbnails"
RETRY_SECONDS = 60
"""When a small picture is worth asking for again."""


class FileState(Struct, frozen=True, kw_only=True):
    """One file of a record. `missing`: the record names it, and nothing of it was ever announced."""

    id: UUID
    state: str
    name: str = ""
    media_type: str = ""
    size: int = 0
    offset: int = 0
    has_thumbnail: bool = False


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
    """A stored file this person may read, without its place if that was asked for.

    Raises `file.unknown`, `file.not_stored`, `file.lost`.
    """
    actor.must("file.read")
    row = await UploadedFile.visible_to(actor).where(UploadedFile.id == file).first()
    if row is None:
        row = await UploadedFile.objects().get((UploadedFile.bureau == actor.bureau) & (UploadedFile.id == file))
        if row is None or not await _is_shown_by_another(actor, row.record):
            raise refusal("file.unknown")
    if row.state != STORED:
        raise refusal("file.not_stored", state=row.state, offset=partials.size_of(file))
    if await store().size(key_of(row.sha256_stored)) != row.size:
        raise refusal("file.lost")
    if row.place == place.ASKED:
        await place.remove_now(row)
    return row


async def reach_thumbnail(actor: Actor, file: UUID) -> UploadedFile:
    """The same, for a file of which a small picture has been made. Raises `file.thumbnail_pending`, `file.thumbnail_none` too."""
    row = await reach_file(actor, file)
    if row.thumbnail == "":
        raise refusal("file.thumbnail_pending", retry_after=RETRY_SECONDS)
    if row.thumbnail != "made" or await store().size(key_of(row.sha256_stored, THUMBNAILS)) is None:
        raise refusal("file.thumbnail_none")
    return row


async def list_files(actor: Actor, record: UUID) -> list[FileState]:
    """The files announced for a record: all of them for whoever sees the record, else one's own."""
    actor.must("file.read")
    if await _is_shown_by_another(actor, record):
        return await files_of(actor.bureau, record)
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
        has_thumbnail=row.thumbnail == "made",
    )
