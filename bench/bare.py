"""The baseline: a bare ASGI app that writes (or reads) the very rows our server does, with the raw driver and nothing else.

It decodes the same requests strictly, writes in one transaction with one bulk insert a table, and answers in the same
shape. It looks nothing up, checks no rule, hashes nothing and computes no chain: digests are constants of the right length.
SQLite runs in the event loop itself, which is faster than any thread as long as nobody else wants the loop.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
from msgspec import Raw, Struct

DATABASE = os.environ.get("QIFANG_DATABASE", "")
ON_POSTGRES = DATABASE.startswith("postgres")
DIGEST = "0" * 64


class Args(Struct):
    form: str
    version: str
    answers: Raw
    filled_at: datetime
    enterprise: UUID | None = None


class Operation(Struct):
    id: UUID
    n: int
    op: str
    target: UUID
    args: Args
    at: datetime


class Push(Struct):
    device: UUID
    incarnation: str
    acked: int
    operations: list[Operation]
    clock: datetime


class Pull(Struct):
    cursor: str | None
    limit: int


class Change(Struct):
    op: str
    v: int
    kind: str
    id: str
    scopes: list[str]
    d: Raw


push_decoder = msgspec.json.Decoder(Push)
pull_decoder = msgspec.json.Decoder(Pull)
encoder = msgspec.json.Encoder()

INSERTS = {
    "sync_operation": "bureau, id, hash, device, n, status, received_at",
    "record": "id, bureau, form_id, form_version, enterprise, person, device, origin, state, current, received_at,"
    " collected_at, clock_suspect, late_version, errors, verifies, advises, campaign, slot, visit, versions, review_reason",
    "record_version": "id, bureau, record, n, form_version, person, device, received_at, started_at, filled_at,"
    " collected_at, body, flaws, attachments, note",
    "audit_row": "id, bureau, n, at, person, device, event, subject_kind, subject, details, digest",
    "sync_feed": "bureau, kind, id, scope, seq, op, redirect_to",
    "sync_commit": "bureau, n, id, at",
}
"""The tables a push writes; beside them one row each of sync_head, audit_head and sync_device is updated."""


def insert(table: str) -> str:
    columns = INSERTS[table].split(", ")
    marks = ", ".join(f"${n}" if ON_POSTGRES else "?" for n in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({INSERTS[table]}) VALUES ({marks})"


STATEMENTS = {table: insert(table) for table in INSERTS}


class Known(Struct):
    """What the benchmark made before: our server looks these up, the baseline is told."""

    bureau: UUID
    persons: dict[UUID, UUID]
    """Device → person."""
    form_version: UUID
    tokens: dict[str, UUID]
    """Token → person."""


known = msgspec.json.decode(os.environ.get("BENCH_KNOWN", "null"), type=Known | None)


def rows_of(push: Push, head: int) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of one push. Values are as the driver wants them: objects for PostgreSQL, text for SQLite."""
    cell = (lambda value: value) if ON_POSTGRES else _text
    moment = datetime.now(UTC)
    now = cell(moment)
    bureau, version, device = cell(known.bureau), cell(known.form_version), cell(push.device)
    person = cell(known.persons[push.device])
    scope = f"person:{known.persons[push.device]}"
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in INSERTS}
    for place, one in enumerate(push.operations, 1):
        id, target, filled = cell(one.id), cell(one.target), cell(one.args.filled_at)
        enterprise = one.args.enterprise and cell(one.args.enterprise)
        body = bytes(one.args.answers).decode()
        rows["sync_operation"].append((bureau, id, DIGEST[:32], device, one.n, "applied", now))
        rows["record"].append(
            (
                target, bureau, one.args.form, version, enterprise, person, device, "visit", "received", id, now, filled,
                False, False, 0, 0, 0, None, None, None, 1, "",
            )
        )  # fmt: skip
        rows["record_version"].append(
            (id, bureau, target, 1, version, person, device, now, None, filled, filled, body, "[]", "[]", "")
        )
        details = '{"form":"bench","version":"1"}'
        rows["audit_row"].append(
            (
                cell(uuid4()), bureau, head + place, now, person, device, "record.submit", "record", target, details,
                DIGEST,
            )
        )  # fmt: skip
        rows["sync_feed"].append((bureau, "record", target, scope, head + place, "put", None))
    rows["sync_commit"].append((bureau, head + len(push.operations), DIGEST[:16], now))
    return rows


def _text(value: Any) -> str:
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


HEADS = {
    "sync_head": "INSERT INTO sync_head (bureau, n, epoch, floor) VALUES ($1, $2, $1, 0)"
    " ON CONFLICT (bureau) DO UPDATE SET n = sync_head.n + excluded.n RETURNING n",
    "audit_head": "UPDATE audit_head SET n = n + $2, digest = $3 WHERE id = $1",
    "sync_device": "UPDATE sync_device SET have_n = $3, acked = $4, last_push_at = $5 WHERE bureau = $1 AND id = $2",
}


class Sqlite:
    def __init__(self) -> None:
        self.connection = sqlite3.connect(DATABASE.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "temp_store = MEMORY", "cache_size = -16000"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.heads = {name: sql.replace("$", "?") for name, sql in HEADS.items()}

    async def write(self, push: Push) -> None:
        run, count = self.connection.execute, len(push.operations)
        run("BEGIN IMMEDIATE")
        bureau = str(known.bureau)
        head = run(self.heads["sync_head"], (bureau, count)).fetchone()[0]
        rows = rows_of(push, head - count)
        for table, statement in STATEMENTS.items():
            self.connection.executemany(statement, rows[table])
        run(self.heads["audit_head"], (bureau, count, DIGEST))
        last = push.operations[-1].n
        run(self.heads["sync_device"], (bureau, str(push.device), last, push.acked, _text(push.clock)))
        run("COMMIT")

    async def read(self, scope: str, after: int, limit: int) -> list[Any]:
        return self.connection.execute(READ_HERE, (str(known.bureau), scope, after, limit)).fetchall()


class Postgres:
    pool: Any = None

    async def write(self, push: Push) -> None:
        count = len(push.operations)
        async with self.pool.acquire() as connection, connection.transaction():
            head = await connection.fetchval(HEADS["sync_head"], known.bureau, count)
            rows = rows_of(push, head - count)
            for table, statement in STATEMENTS.items():
                await connection.executemany(statement, rows[table])
            await connection.execute(HEADS["audit_head"], known.bureau, count, DIGEST)
            last = push.operations[-1].n
            device = (known.bureau, push.device, last, push.acked, push.clock)
            await connection.execute(HEADS["sync_device"], *device)

    async def read(self, scope: str, after: int, limit: int) -> list[Any]:
        return await self.pool.fetch(READ, known.bureau, scope, after, limit)


READ = (
    "SELECT f.seq, f.scope, f.kind, r.id, r.form_id, r.enterprise, r.person, r.origin, r.state, r.received_at,"
    " r.collected_at, r.errors, r.verifies, r.review_reason, v.n, v.attachments, v.flaws, v.body, w.version"
    " FROM sync_feed f JOIN record r ON r.id = f.id JOIN record_version v ON v.id = r.current"
    " JOIN form_version w ON w.id = r.form_version WHERE f.bureau = $1 AND f.scope = $2 AND f.seq > $3"
    " AND f.kind = 'record' ORDER BY f.seq LIMIT $4"
)

READ_HERE = READ.replace("$", "?")


class Body(Struct):
    id: Any
    form: str
    version: str
    n: int
    enterprise: Any
    person: Any
    origin: str
    state: str
    received_at: Any
    collected_at: Any
    errors: int
    verifies: int
    review_reason: str
    attachments: Raw
    flaws: Raw
    answers: Raw


def change_of(row: Any) -> Change:
    body = Body(
        row[3], row[4], row[18], row[14], row[5], row[6], row[7], row[8], row[9], row[10], row[11], row[12], row[13],
        Raw(row[15].encode()), Raw(row[16].encode()), Raw(row[17].encode()),
    )  # fmt: skip
    return Change("put", row[0], row[2], str(row[3]), [row[1]], Raw(encoder.encode(body)))


store: Any = Postgres() if ON_POSTGRES else Sqlite() if DATABASE and known else None


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"].endswith("push"):
        answer = await push(body)
    else:
        token = next(value for name, value in scope["headers"] if name == b"authorization").decode()
        answer = await pull(known.tokens[token.removeprefix("Bearer ")], body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _live(receive: Any, send: Any) -> None:
    await receive()
    if ON_POSTGRES:
        store.pool = await asyncpg.create_pool(DATABASE, min_size=1, max_size=16)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def push(body: bytes) -> bytes:
    request = push_decoder.decode(body)
    await store.write(request)
    results = [{"id": one.id, "status": "applied"} for one in request.operations]
    return encoder.encode({"results": results, "server_time": request.clock, "have_n": request.operations[-1].n})


async def pull(person: UUID, body: bytes) -> bytes:
    request = pull_decoder.decode(body)
    rows = await store.read(f"person:{person}", int(request.cursor or 0), request.limit)
    changes = [change_of(row) for row in rows]
    cursor = str(changes[-1].v) if changes else request.cursor
    return encoder.encode({"changes": changes, "cursor": cursor, "complete": len(rows) < request.limit})
