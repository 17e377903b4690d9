"""Who last changed which field: per row and field the number and the hand of its last change."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from sync.bulk import among, texts
from sync.configuration import now
from sync.feed import FLUSH_ORDER, Stamp, flush, touch
from sync.merge import FieldStamp
from sync.transaction import defer, executemany, fetch


class ServerEdit(msgspec.Struct, frozen=True):
    """Who gave a field the value the server keeps, and when."""

    hand: str
    person: UUID | None
    at: datetime


async def read_stamps(bureau: UUID, kind: str, id: UUID) -> dict[str, FieldStamp]:
    found = await fetch(
        "SELECT field, v, hand FROM sync_field WHERE bureau = $1 AND kind = $2 AND id = $3", [bureau, kind, id]
    )
    return {row["field"]: FieldStamp(row["v"], row["hand"]) for row in found}


async def stamp_fields(
    bureau: UUID, kind: str, id: UUID, fields: Iterable[str], *, hand: str, person: UUID | None
) -> None:
    """Note that this hand changed these fields in this transaction. Desk edits and imports of patchable kinds must
    call it too, with the person's or the import's name as the hand, or phones' edits may conflict for no reason."""
    await stamp_rows(bureau, kind, {id: fields}, hand=hand, person=person)


async def stamp_rows(
    bureau: UUID, kind: str, changed: Mapping[UUID, Iterable[str]], *, hand: str, person: UUID | None
) -> None:
    """The same for many rows at once: row → its changed fields."""
    moment = now()
    await executemany(
        "INSERT INTO sync_field (bureau, kind, id, field, v, hand, person, at) VALUES ($1, $2, $3, $4, NULL, $5, $6, $7)"
        " ON CONFLICT (bureau, kind, id, field)"
        " DO UPDATE SET v = NULL, hand = excluded.hand, person = excluded.person, at = excluded.at",
        [[bureau, kind, id, field, hand, person, moment] for id, fields in changed.items() for field in fields],
    )
    for id in changed:
        defer(flush, Stamp(bureau, kind, id), order=FLUSH_ORDER)
        touch(bureau, kind, id)


async def server_edits(bureau: UUID, kind: str, id: UUID, fields: Iterable[str]) -> dict[str, ServerEdit]:
    found = await fetch(
        "SELECT field, hand, person, at FROM sync_field"
        f" WHERE bureau = $1 AND kind = $2 AND id = $3 AND field {among(4, 'text')}",
        [bureau, kind, id, texts(fields)],
    )
    return {row["field"]: ServerEdit(row["hand"], row["person"], row["at"]) for row in found}
