"""Writing the audit chain, checking it, reading it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from server.moment import now
from sync.bulk import insert
from sync.identity import new_id
from sync.transaction import defer, execute, fetch, is_postgres
from sync.turn import take_turn

FLUSH_ORDER = 50
"""Before the feed (100): every writer locks the chain's head first and the feed's head second, so two never wait crosswise."""


_COLUMNS = (
    "id uuid, bureau uuid, n integer, at timestamptz, person uuid, device uuid, event text, subject_kind text,"
    " subject uuid, details text, digest text"
)


class Hand(Protocol):
    """Whoever acts: `server.people.actor.Actor`, which this concept does not know."""

    @property
    def bureau(self) -> UUID: ...
    @property
    def person(self) -> UUID: ...
    @property
    def device(self) -> UUID | None: ...


class AuditEntry(Struct, frozen=True, kw_only=True):
    n: int
    at: datetime
    person: UUID
    device: UUID | None
    event: str
    subject_kind: str
    subject: UUID
    details: dict[str, Any]
    digest: str


async def record_event(hand: Hand, event: str, subject_kind: str, subject: UUID, details: dict[str, Any]) -> None:
    """Adds a row to the chain with the commit of the transaction that is open. `details` must hold no personal data."""
    record_events(hand, event, subject_kind, [subject], details)


def record_events(hand: Hand, event: str, subject_kind: str, subjects: Iterable[UUID], details: dict[str, Any]) -> None:
    """The same happened to each of these: a row each, with the same details."""
    encoded = msgspec.json.encode(details, order="deterministic").decode()
    moment = now()
    for subject in subjects:
        row = (hand.bureau, moment, hand.person, hand.device, event, subject_kind, subject, encoded)
        defer(_append, row, order=FLUSH_ORDER)


def _digest(before: str, n: int, at: datetime, *fields: object) -> str:
    return _digest_of_text(before, n, _microseconds(at), *("" if f is None else str(f) for f in fields))


def _microseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1_000_000))


def _digest_of_text(before: str, n: int, *fields: str) -> str:
    return hashlib.sha256("\x1f".join((before, str(n), *fields)).encode()).hexdigest()


async def _append(items: list[Any]) -> None:
    """Raw SQL: one statement for the head, one for all rows, whatever their number (a push writes 50)."""
    by_bureau: dict[UUID, list[Any]] = {}
    for item in items:
        by_bureau.setdefault(item[0], []).append(item)
    for bureau in sorted(by_bureau):
        rows = by_bureau[bureau]
        await take_turn("audit_head", bureau)
        head = await fetch(
            "INSERT INTO audit_head (id, n, digest) VALUES ($1, $2, '') "
            "ON CONFLICT (id) DO UPDATE SET n = audit_head.n + $2 RETURNING n, digest",
            [_uuid(bureau), len(rows)],
        )
        values, digest = _chained(rows, head[0]["n"] - len(rows), head[0]["digest"])
        await insert("audit_row", _COLUMNS, values)
        await execute("UPDATE audit_head SET digest = $2 WHERE id = $1", [_uuid(bureau), digest])


def _chained(rows: list[Any], n: int, digest: str) -> tuple[list[tuple[Any, ...]], str]:
    """The rows as they are stored and the last digest. Few persons and moments stand in many rows, so each is written once."""
    written: dict[Any, str] = {None: ""}
    values: list[tuple[Any, ...]] = []
    for bureau, at, person, device, event, kind, subject, details in rows:
        n += 1
        for one in (person, device):
            if one not in written:
                written[one] = str(one)
        if at not in written:
            written[at] = _microseconds(at)
        said = (written[at], written[person], written[device], event, kind, str(subject), details)
        digest = _digest_of_text(digest, n, *said)
        values.append((new_id(), bureau, n, at, person, device, event, kind, subject, details, digest))
    return values, digest


def _uuid(value: UUID | None) -> Any:
    return value if value is None or is_postgres() else str(value)


async def read_chain(bureau: UUID, *, after: int = 0, limit: int = 100) -> list[AuditEntry]:
    rows = await fetch(
        "SELECT n, at, person, device, event, subject_kind, subject, details, digest FROM audit_row "
        "WHERE bureau = $1 AND n > $2 ORDER BY n LIMIT $3",
        [_uuid(bureau), after, limit],
    )
    return [
        AuditEntry(
            n=row["n"],
            at=row["at"],
            person=row["person"],
            device=row["device"],
            event=row["event"],
            subject_kind=row["subject_kind"],
            subject=row["subject"],
            details=msgspec.json.decode(row["details"]),
            digest=row["digest"],
        )
        for row in rows
    ]


async def find_break(bureau: UUID) -> int | None:
    """The number of the first row that does not follow from the one before, or that is missing at the end; None for an
    unbroken chain."""
    digest, last = "", 0
    found = await fetch("SELECT n, digest FROM audit_head WHERE id = $1", [_uuid(bureau)])
    head_n, head_digest = found[0] if found else (0, "")
    while rows := await read_chain(bureau, after=last, limit=1000):
        for row in rows:
            details = msgspec.json.encode(row.details, order="deterministic").decode()
            digest = _digest(
                digest, row.n, row.at, row.person, row.device, row.event, row.subject_kind, row.subject, details
            )
            if row.n != last + 1 or digest != row.digest:
                return row.n
            last = row.n
            if last == head_n and digest != head_digest:
                return last
    return last + 1 if last < head_n else None
