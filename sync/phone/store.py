"""A phone's memory, one SQLite file for one person: the rows it was told, its queue, the journal of what was answered, and
files. It knows nothing of the network.

Everything a phone does is one local transaction (`together`): a change and its queue entry, a page and its cursor. A row
keeps two bodies: `told` is what the server said, `body` what the person sees, which may be ahead of it while work on the
row is unanswered.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from sync.identity import new_id
from sync.wire import OPERATION_BYTES_MAX, Change, Result, row_hash

JOURNAL_KEPT_FOR = timedelta(days=30)
STEPS = [
    """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS row (
    kind TEXT, id TEXT, v INTEGER, body TEXT, mark INTEGER, leaving INTEGER DEFAULT 0, PRIMARY KEY (kind, id)
);
CREATE TABLE IF NOT EXISTS row_scope (kind TEXT, id TEXT, scope TEXT, PRIMARY KEY (kind, id, scope));
CREATE TABLE IF NOT EXISTS alias (kind TEXT, id TEXT, now TEXT, PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS operation (
    place INTEGER PRIMARY KEY, id TEXT UNIQUE, n INTEGER, target TEXT, body TEXT, result TEXT, done_at TEXT
);
CREATE TABLE IF NOT EXISTS file (
    id TEXT PRIMARY KEY, record TEXT, name TEXT, sha256 TEXT, content BLOB, is_stored INTEGER DEFAULT 0
);
""",
    """
ALTER TABLE row ADD COLUMN told TEXT;
UPDATE row SET told = body WHERE v > 0;
ALTER TABLE row DROP COLUMN mark;
CREATE INDEX row_scope_scope ON row_scope (scope);
CREATE INDEX operation_target ON operation (target);
CREATE TABLE joined (id TEXT PRIMARY KEY, into_id TEXT);
ALTER TABLE file ADD COLUMN stored_at TEXT;
ALTER TABLE file ADD COLUMN refused TEXT;
""",
    """
ALTER TABLE operation ADD COLUMN tried INTEGER DEFAULT 0;
UPDATE operation SET tried = 1 WHERE n IS NOT NULL;
""",
]
"""The schema as it grew: a store made by an earlier version is brought up to date when it is opened."""


class Store:
    """Rows, queue, journal and files of one person. `clock` is the device's own, right or wrong."""

    def __init__(self, path: str | Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        done = self.db.execute("PRAGMA user_version").fetchone()[0]
        for number, step in enumerate(STEPS[done:], done + 1):
            self.db.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All or nothing; inside another `together` it is part of that one."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def meta(self, name: str, default: str = "") -> str:
        found = self.db.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
        return found[0] if found else default

    def set_meta(self, name: str, value: object) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", [name, str(value)])

    # what the person sees and does ------------------------------------------------------------------------------

    def rows(self, kind: str) -> dict[UUID, Any]:
        """The rows of one kind this phone holds."""
        found = self.db.execute("SELECT id, body FROM row WHERE kind = ?", [kind])
        return {UUID(row["id"]): msgspec.json.decode(row["body"]) for row in found}

    def version(self, kind: str, id: UUID) -> int | None:
        """The number of the row as this phone saw it: the `base` of an edit."""
        found = self.db.execute("SELECT v FROM row WHERE kind = ? AND id = ?", [kind, str(id)]).fetchone()
        return found["v"] if found else None

    def leaving(self) -> set[tuple[str, UUID]]:
        """Rows out of reach that stay, to be read only, until the work on them has been answered."""
        found = self.db.execute("SELECT kind, id FROM row WHERE leaving = 1")
        return {(row["kind"], UUID(row["id"])) for row in found}

    def do(
        self,
        op: str,
        target: UUID,
        args: Any,
        *,
        base: int | None = None,
        was: dict[str, Any] | None = None,
        prev: UUID | None = None,
        local: tuple[str, Any] | None = None,
        id: UUID | None = None,
    ) -> UUID:
        """Do something, on or off line: the operation goes into the queue, and the local row (`local` is its kind and
        body) changes in the same transaction."""
        id = id or new_id(self.clock().timestamp())
        operation: dict[str, Any] = {"id": id, "op": op, "target": target, "args": args, "at": self.clock()}
        operation |= {name: v for name, v in (("base", base), ("was", was), ("prev", prev)) if v is not None}
        body = msgspec.json.encode(operation)
        if len(body) > OPERATION_BYTES_MAX:
            raise ValueError(f"one operation may have {OPERATION_BYTES_MAX} bytes, this has {len(body)}")
        with self.together():
            self.db.execute(
                "INSERT INTO operation (id, target, body) VALUES (?, ?, ?)", [str(id), str(target), body.decode()]
            )
            if local is not None:
                self.db.execute(
                    "INSERT INTO row (kind, id, v, body) VALUES (?, ?, 0, ?) ON CONFLICT (kind, id)"
                    " DO UPDATE SET body = excluded.body",
                    [local[0], str(target), msgspec.json.encode(local[1]).decode()],
                )
        return id

    def attach(self, record: UUID, name: str, content: bytes, *, id: UUID | None = None) -> UUID:
        """Keep a file for a record until it has been uploaded, and as long as the journal after that."""
        id = id or new_id(self.clock().timestamp())
        self.db.execute(
            "INSERT INTO file (id, record, name, sha256, content) VALUES (?, ?, ?, ?, ?)",
            [str(id), str(record), name, hashlib.sha256(content).hexdigest(), content],
        )
        return id

    def unsent(self) -> list[UUID]:
        """Operations without a result, in the order they were made."""
        found = self.db.execute("SELECT id FROM operation WHERE result IS NULL ORDER BY place")
        return [UUID(row["id"]) for row in found]

    def unsent_files(self) -> dict[UUID, str]:
        """Files the server does not have yet, with the code of its refusal where it refused one."""
        found = self.db.execute("SELECT id, refused FROM file WHERE is_stored = 0 ORDER BY id")
        return {UUID(row["id"]): row["refused"] or "" for row in found}

    def result(self, id: UUID) -> Result | None:
        """What became of an operation; of one that was joined into another, what became of that."""
        joined = self.db.execute("SELECT into_id FROM joined WHERE id = ?", [str(id)]).fetchone()
        key = joined["into_id"] if joined else str(id)
        found = self.db.execute("SELECT result FROM operation WHERE id = ?", [key]).fetchone()
        return msgspec.json.decode(found["result"], type=Result) if found and found["result"] else None

    # what the server says ---------------------------------------------------------------------------------------

    def obey(self, change: Change) -> None:
        """One line of a page."""
        kind, id = change.kind or "", str(change.id)
        if change.op == "put":
            self._put(kind, id, change.v, bytes(change.d))
            if not change.add:
                self.db.execute("DELETE FROM row_scope WHERE kind = ? AND id = ?", [kind, id])
            for scope in change.scopes or []:
                self.db.execute("INSERT OR IGNORE INTO row_scope (kind, id, scope) VALUES (?, ?, ?)", [kind, id, scope])
        elif change.op == "out":
            self._leave([(kind, id)], change.scopes or [])
        elif change.op == "scope_out":
            for scope in change.scopes or []:
                held = self.db.execute("SELECT kind, id FROM row_scope WHERE scope = ?", [scope]).fetchall()
                self._leave([(row["kind"], row["id"]) for row in held], [scope])
        else:
            if change.op == "redirect":
                self.db.execute(
                    "INSERT OR REPLACE INTO alias (kind, id, now) VALUES (?, ?, ?)", [kind, id, str(change.to)]
                )
            self._drop(kind, id)

    def _put(self, kind: str, id: str, v: int, body: bytes) -> None:
        self.db.execute(
            "INSERT INTO row (kind, id, v, body, told) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, id)"
            " DO UPDATE SET v = excluded.v, body = excluded.body, told = excluded.told, leaving = 0",
            [kind, id, v, body.decode(), body.decode()],
        )

    def _leave(self, keys: list[tuple[str, str]], scopes: list[str]) -> None:
        for kind, id in keys:
            for scope in scopes:
                self.db.execute("DELETE FROM row_scope WHERE kind = ? AND id = ? AND scope = ?", [kind, id, scope])
            if not self.db.execute("SELECT 1 FROM row_scope WHERE kind = ? AND id = ?", [kind, id]).fetchone():
                self._drop(kind, id)

    def _drop(self, kind: str, id: str) -> None:
        """Forget a row; one with unsent work stays, read-only, until its work has been answered."""
        self.db.execute("DELETE FROM row_scope WHERE kind = ? AND id = ?", [kind, id])
        if self._has_unsent(id):
            self.db.execute("UPDATE row SET leaving = 1 WHERE kind = ? AND id = ?", [kind, id])
        else:
            self.db.execute("DELETE FROM row WHERE kind = ? AND id = ?", [kind, id])

    def _has_unsent(self, target: str) -> bool:
        sql = "SELECT 1 FROM operation WHERE target = ? AND result IS NULL"
        return self.db.execute(sql, [target]).fetchone() is not None

    def begin_reconcile(self) -> None:
        """The full set will come again: forget which scopes hold what. The rows stay, readable, until the head."""
        with self.together():
            self.set_meta("cursor", "")
            self.db.execute("DELETE FROM row_scope")

    def sweep(self) -> None:
        """At the head a row that no scope holds goes: the server did not send it again, or this phone made it, was answered
        for it and did not get it back. What was answered otherwise than the person hoped shows what the server says."""
        with self.together():
            stale = self.db.execute(
                "SELECT kind, id, v FROM row WHERE NOT EXISTS"
                " (SELECT 1 FROM row_scope WHERE row_scope.kind = row.kind AND row_scope.id = row.id)"
            ).fetchall()
            for row in stale:
                if row["v"] > 0 or not self._has_unsent(row["id"]):
                    self._drop(row["kind"], row["id"])
            self.db.execute(
                "UPDATE row SET body = told WHERE told IS NOT NULL AND body <> told"
                " AND id NOT IN (SELECT target FROM operation WHERE result IS NULL)"
            )

    def digest(self) -> dict[str, tuple[int, int]]:
        """Per scope the number of rows this phone holds and the xor of their hashes."""
        found: dict[str, tuple[int, int]] = {}
        sql = "SELECT scope, kind, id, v FROM row_scope JOIN row USING (kind, id)"
        for row in self.db.execute(sql):
            count, total = found.get(row["scope"], (0, 0))
            found[row["scope"]] = count + 1, total ^ row_hash(row["kind"], row["id"], row["v"])
        return found

    def forget_scopes(self, scopes: list[str]) -> None:
        """Forget that these scopes hold anything, until they have been sent again."""
        for scope in scopes:
            self.db.execute("DELETE FROM row_scope WHERE scope = ?", [scope])

    def note_results(self, results: list[Result], server_time: datetime) -> None:
        """Answered is answered: only `retry` leaves an operation in the queue. Rows that stayed for it may go now."""
        with self.together():
            self.set_meta("server_time", server_time.isoformat())
            for result in results:
                if result.status != "retry":
                    self.db.execute(
                        "UPDATE operation SET result = ?, done_at = ? WHERE id = ?",
                        [msgspec.json.encode(result).decode(), server_time.isoformat(), str(result.id)],
                    )
            for row in self.db.execute("SELECT kind, id FROM row WHERE leaving = 1").fetchall():
                self._drop(row["kind"], row["id"])

    def wipe(self) -> None:
        """A revoked device keeps nothing it was shown; what it has not sent stays."""
        with self.together():
            for table in ("row", "row_scope", "alias"):
                self.db.execute(f"DELETE FROM {table}")
            self.set_meta("cursor", "")
