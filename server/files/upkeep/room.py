"""How much a device and a bureau may send: counted when a file is announced, given back when the upload is given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from server.files.tables import FileSpace, UploadedFile
from server.people.actor import Actor
from server.refusals import refusal
from server.settings import settings
from sync.transaction import fetch


async def take(actor: Actor, size: int, moment: datetime) -> None:
    """Inside the transaction of the announcement. Raises `file.day_full`, `file.bureau_full`, `file.uploads_too_many`."""
    await _must_be_few(actor)
    await _must_fit_the_day(actor, size, moment)
    if await _add(actor.bureau, size) > settings.file_bytes_per_bureau_max:
        raise refusal("file.bureau_full", limit_bytes=settings.file_bytes_per_bureau_max)


async def give_back(bureau: UUID, size: int) -> None:
    await _add(bureau, -size)


async def _add(bureau: UUID, size: int) -> int:
    sql = (
        "INSERT INTO file_space (id, bytes) VALUES ($1, $2)"
        " ON CONFLICT (id) DO UPDATE SET bytes = file_space.bytes + excluded.bytes RETURNING bytes"
    )
    return int((await fetch(sql, [bureau, size]))[0][0])


async def taken(bureau: UUID) -> int:
    """Bytes announced and not given up."""
    row = await FileSpace.objects().get(FileSpace.id == bureau)
    return row.bytes if row is not None else 0


async def _must_be_few(actor: Actor) -> None:
    table = UploadedFile
    count = await table.count().where(
        table.bureau == actor.bureau, table.person == actor.person, table.state == "pending"
    )
    if count > settings.uploads_per_person_max:
        raise refusal("file.uploads_too_many", limit=settings.uploads_per_person_max)


async def _must_fit_the_day(actor: Actor, size: int, moment: datetime) -> None:
    """The announcement itself is among the rows already. At a desk, which has no device, the person is counted."""
    morning = moment.astimezone(settings.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    table = UploadedFile
    of_device = table.device.is_null() if actor.device is None else table.device == actor.device
    rows = await table.select(table.size).where(
        table.bureau == actor.bureau, table.person == actor.person, of_device, table.created_at >= morning
    )
    if sum(row["size"] for row in rows) > settings.file_bytes_per_device_day_max:
        tomorrow = (morning + timedelta(days=1, hours=1)).replace(hour=0)
        wait = max(int((tomorrow - moment).total_seconds()), 1)
        raise refusal("file.day_full", limit_bytes=settings.file_bytes_per_device_day_max, retry_after=wait)
