"""What a record says about its files, for those who keep them: which it names, and whether their place goes."""

from __future__ import annotations

from uuid import UUID

import msgspec

from forms.definition import Form
from server.files.pictures import place
from server.files.upkeep import expected
from server.files.upkeep.expected import NamedFile
from server.people.actor import Actor
from server.records.submission import SubmittedRecord
from sync.bulk import among, ids
from sync.transaction import fetch

REMOVE = "remove"


async def follow_records(system: Actor, submitted: list[SubmittedRecord]) -> None:
    """A record is valid before its files. Plain ones without any cost nothing here."""
    touched = [record for record in submitted if record.attachments or record.is_amendment]
    if touched:
        named = [
            NamedFile(record.id, one.id, record.person, one.name, one.sha256.lower(), one.is_lost, record.received_at)
            for record in touched
            for one in record.attachments
        ]
        await expected.expect(system.bureau, [record.id for record in touched], named)
    private = [record for record in submitted if record.judgement.published.form.photo_place == REMOVE]
    if private:
        files = [one.id for record in private for one in record.attachments]
        await place.ask(system.bureau, [record.id for record in private], files)


async def follow_withdrawal(system: Actor, record: UUID) -> None:
    await expected.forget(system.bureau, record)


async def place_goes(bureau: UUID, records: set[UUID]) -> bool:
    rows = await fetch(
        "SELECT form_version.definition FROM record JOIN form_version ON form_version.id = record.form_version"
        f" WHERE record.bureau = $1 AND record.id {among(2)}",
        [bureau, ids(records)],
    )
    return any(msgspec.json.decode(row[0], type=Form).photo_place == REMOVE for row in rows)
