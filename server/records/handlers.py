"""Records over HTTP: list, read with all versions, submit from a desk, approve, return."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Raw, Struct

from server.door import once
from server.files.reading.actions import FileState, files_of
from server.paging import LIMIT_DEFAULT, Page, page_of
from server.people.actor import Actor
from server.records.actions import (
    approve_record,
    find_record,
    named_files,
    return_record,
    submit_record,
    versions_of,
)
from server.records.submission import Submission
from server.records.tables import Duration, Record, RecordVersion
from server.shown import shown
from sync.identity import new_id


class RecordLine(Struct, frozen=True, kw_only=True):
    """A record in a list: without its answers."""

    id: UUID
    form: str
    enterprise: UUID | None
    person: UUID
    origin: str
    state: str
    versions: int
    received_at: datetime
    collected_at: datetime
    clock_suspect: bool
    late_version: bool
    errors: int
    verifies: int
    advises: int
    review_reason: str


class VersionOut(Struct, frozen=True, kw_only=True):
    n: int
    form_version: UUID
    received_at: datetime
    filled_at: datetime
    collected_at: datetime
    duration: Duration
    note: str
    attachments: Raw
    flaws: Raw
    answers: Raw


class RecordOut(Struct, frozen=True, kw_only=True):
    record: RecordLine
    versions: list[VersionOut]
    """The first one first; the last one counts."""
    files: list[FileState]
    """Whatever the last version speaks of and whatever was announced, also what never came."""


class NewRecord(Submission, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record from a desk. Sending the same `id` twice takes it in once and refuses the second."""

    id: UUID | None = None


class Approval(Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1)]
    """The number of the version that was looked at (`n`); another one must be looked at first."""


class Return(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1)]
    """As for an approval."""
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


@get("/records")
async def list_records(
    request: Request[Any, Any, Any],
    form: FromQuery[str | None] = None,
    enterprise: FromQuery[UUID | None] = None,
    person: FromQuery[UUID | None] = None,
    record_state: Annotated[str | None, QueryParameter(name="state")] = None,
    limit: FromQuery[int] = LIMIT_DEFAULT,
    after: FromQuery[str | None] = None,
) -> Page[RecordLine]:
    """The latest first."""
    request.user.must("record.read")
    query = Record.visible_to(request.user)
    wanted = {Record.form_id: form, Record.enterprise: enterprise, Record.person: person, Record.state: record_state}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    order = (Record.received_at, Record.id)
    return (await page_of(query, order, after=after, limit=limit, is_descending=True)).shown(_line)


@get("/records/{id:uuid}")
async def show_record(request: Request[Any, Any, Any], id: FromPath[UUID]) -> RecordOut:
    record = await find_record(request.user, id)
    versions = await versions_of(record)
    files = await files_of(record.bureau, record.id, named_files(versions[-1]))
    return RecordOut(record=_line(record), versions=[_version(one) for one in versions], files=files)


@post("/records")
async def create_record(request: Request[Any, Any, Any], data: JSONBody[NewRecord]) -> RecordLine:
    async def work() -> RecordLine:
        id = data.id or new_id()
        await submit_record(request.user, id, new_id(), data)
        return await _line_of(request.user, id)

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/records/{id:uuid}/approval")
async def create_approval(request: Request[Any, Any, Any], id: FromPath[UUID], data: JSONBody[Approval]) -> RecordLine:
    async def work() -> RecordLine:
        await approve_record(request.user, id, data.version)
        return await _line_of(request.user, id)

    return await once(request, request.user, work)  # type: ignore[return-value]


@post("/records/{id:uuid}/return")
async def create_return(request: Request[Any, Any, Any], id: FromPath[UUID], data: JSONBody[Return]) -> RecordLine:
    async def work() -> RecordLine:
        await return_record(request.user, id, data.version, data.reason)
        return await _line_of(request.user, id)

    return await once(request, request.user, work)  # type: ignore[return-value]


async def _line_of(actor: Actor, id: UUID) -> RecordLine:
    return _line(await Record.just_written(actor, id))


def _line(record: Record) -> RecordLine:
    return shown(RecordLine, record, form=record.form_id)


def _version(version: RecordVersion) -> VersionOut:
    return shown(
        VersionOut,
        version,
        attachments=Raw(version.attachments.encode()),
        flaws=Raw(version.flaws.encode()),
        answers=Raw(version.body.encode()),
    )


router = Router("/v1", route_handlers=[
    list_records, show_record, create_record, create_approval, create_return,
], tags=["records"])  # fmt: skip
