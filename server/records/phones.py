"""What phones get of records, and what they may do to them: submit, amend, withdraw."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, Struct

from server.records.actions import Amendment, amend_record, withdraw_record
from server.records.submission import KIND, Incoming, Submission, submit_records, work_scopes
from sync.bulk import among, ids
from sync.operations import Kind, Operation, OperationContext, Outcome, applied, operation, quarantine, register_kind
from sync.refusal import Refusal
from sync.transaction import fetch, is_postgres


class RecordBody(Struct, frozen=True, kw_only=True):
    """A record as its author and the holders of its enterprise see it; answers and flaws are those of the version `n`."""

    id: UUID
    form: str
    version: str
    n: int
    enterprise: UUID | None
    person: UUID
    origin: str
    state: str
    received_at: datetime
    collected_at: datetime
    errors: int
    verifies: int
    review_reason: str
    attachments: Raw
    flaws: Raw
    answers: Raw


class Withdrawal(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `record.withdraw`. `seen` is the number of the version that was on the screen: one that came from
    elsewhere since makes it wait for somebody to decide."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    seen: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


async def submit_batch(context: OperationContext, operations: list[Operation[Submission]]) -> list[Outcome]:
    incoming = [Incoming(one.target, one.id, one.args, _answers(one)) for one in operations]
    results = await submit_records(context, incoming)
    return [_kept(result) if isinstance(result, Refusal) else applied() for result in results]


def _answers(one: Operation[Submission]) -> Any:
    return UNSET if one.plain is UNSET else one.plain.get("answers", UNSET)


async def submit(context: OperationContext, one: Operation[Submission]) -> Outcome:
    return (await submit_batch(context, [one]))[0]


async def amend(context: OperationContext, one: Operation[Amendment]) -> Outcome:
    await amend_record(context, one.target, one.id, one.args)
    return applied()


async def withdraw(context: OperationContext, one: Operation[Withdrawal]) -> Outcome:
    await withdraw_record(context, one.target, one.args.reason, one.args.seen)
    return applied()


def _kept(refused: Refusal) -> Outcome:
    return quarantine(refused.code, refused.zh, refused.en, **refused.details)


@cache
def _select() -> str:
    """JSON columns come as bytes: they go into the answer as they are, and text would be decoded and encoded on the way."""
    as_bytes = "convert_to({}, 'UTF8')" if is_postgres() else "CAST({} AS BLOB)"
    columns = ", ".join(as_bytes.format(f"record_version.{name}") for name in ("attachments", "flaws", "body"))
    return (
        "SELECT record.id, record.form_id, form_version.version, record_version.n, record.enterprise, record.person,"
        " record.origin, record.state, record.received_at, record.collected_at, record.errors, record.verifies,"
        f" record.review_reason, {columns} FROM record"
        " JOIN record_version ON record_version.id = record.current"
        " JOIN form_version ON form_version.id = record.form_version"
    )


async def load(bureau: UUID, records: list[UUID]) -> dict[UUID, bytes]:
    """Raw SQL: pulls read a thousand rows at a time, and the answers travel in the sender's own bytes."""
    found = await fetch(f"{_select()} WHERE record.bureau = $1 AND record.id {among(2)}", [bureau, ids(records)])
    return {row[0]: _encode(row) for row in found}


_encoder = msgspec.json.Encoder()


def _encode(row: Any) -> bytes:
    return _encoder.encode(
        RecordBody(
            id=row[0],
            form=row[1],
            version=row[2],
            n=row[3],
            enterprise=row[4],
            person=row[5],
            origin=row[6],
            state=row[7],
            received_at=row[8],
            collected_at=row[9],
            errors=row[10],
            verifies=row[11],
            review_reason=row[12],
            attachments=Raw(row[13]),
            flaws=Raw(row[14]),
            answers=Raw(row[15]),
        )
    )


async def scopes(bureau: UUID, records: list[UUID]) -> dict[UUID, set[str]]:
    """The author's own work, and all about the enterprise for whoever looks after it."""
    found = await fetch(
        f"SELECT id, person, enterprise FROM record WHERE bureau = $1 AND id {among(2)}", [bureau, ids(records)]
    )
    return {row[0]: work_scopes(row[1], row[2]) for row in found}


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=1))
    operation("record.submit", args=Submission, batch=submit_batch, kind=KIND, creates=True)(submit)
    operation("record.amend", args=Amendment, kind=KIND)(amend)
    operation("record.withdraw", args=Withdrawal, kind=KIND)(withdraw)
