"""The reference client, in one file because it is the protocol's other half and wants to be read in one sitting.

It is documentation, test double and load generator. Its parts: keep (the local store), send (push, fork, files),
receive (pull, reconcile), ask (one request).

Everything a phone does is one local transaction: a change and its queue entry, a page and its cursor.
"""

import asyncio
import base64
import hashlib
import random
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec

from sync.identity import new_id
from sync.wire import OPERATION_BYTES_MAX, OPERATIONS_MAX, Change, EnrolResponse, PullResponse, PushResponse, Result

TRIES_MAX = 5
PUSH_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
JOURNAL_KEPT_FOR = timedelta(days=30)
TUS = {"Tus-Resumable": "1.0.0"}

SCHEMA = """
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
"""


class Offline(Exception):
    """No answer, or none from our server: the work stays in the queue and nothing is known about it."""


class Answered(Exception):
    """The server said no to the request as a whole."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}")
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        return str(self.problem.get("code", ""))


class Phone:
    """One installation for one person, with its store in one SQLite file.

    `client` carries the requests (its base address is the server's). `clock` is the device's own, right or wrong.
    """

    def __init__(
        self,
        store: str | Path,
        client: httpx.AsyncClient,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        limit: int = 1000,
        kinds: list[str] | None = None,
    ) -> None:
        self.client = client
        self.clock = clock
        self.sleep = sleep
        self.limit = limit
        self.kinds = kinds
        self.is_work_ready = False
        self.db = sqlite3.connect(store, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.executescript(SCHEMA)

    def close(self) -> None:
        self.db.close()

    # keep -------------------------------------------------------------------------------------------------------

    @contextmanager
    def together(self) -> Iterator[None]:
        """All or nothing, in the local store."""
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

    @property
    def device(self) -> str:
        return self.meta("device")

    def rows(self, kind: str) -> dict[UUID, Any]:
        """The rows of one kind this phone holds."""
        found = self.db.execute("SELECT id, body FROM row WHERE kind = ?", [kind])
        return {UUID(row["id"]): msgspec.json.decode(row["body"]) for row in found}

    def version(self, kind: str, id: UUID) -> int | None:
        """The number of the row as this phone saw it: the `base` of an edit."""
        found = self.db.execute("SELECT v FROM row WHERE kind = ? AND id = ?", [kind, str(id)]).fetchone()
        return found["v"] if found else None

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
                self._put(local[0], str(target), self.version(local[0], target) or 0, msgspec.json.encode(local[1]))
        return id

    def attach(self, record: UUID, name: str, content: bytes, *, id: UUID | None = None) -> UUID:
        """Keep a file for a record until it has been uploaded."""
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

    def result(self, id: UUID) -> Result | None:
        found = self.db.execute("SELECT result FROM operation WHERE id = ?", [str(id)]).fetchone()
        return msgspec.json.decode(found["result"], type=Result) if found and found["result"] else None

    def forget_journal(self) -> None:
        """Operations stay 30 days after their result, for a server that comes back from a backup."""
        limit = (self.clock() - JOURNAL_KEPT_FOR).isoformat()
        self.db.execute("DELETE FROM operation WHERE done_at < ?", [limit])

    def _put(self, kind: str, id: str, v: int, body: bytes) -> None:
        self.db.execute(
            "INSERT INTO row (kind, id, v, body, mark) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, id)"
            " DO UPDATE SET v = excluded.v, body = excluded.body, mark = excluded.mark, leaving = 0",
            [kind, id, v, body.decode(), int(self.meta("mark", "0"))],
        )

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

    # send -------------------------------------------------------------------------------------------------------

    async def enrol(self, code: str, name: str = "") -> EnrolResponse:
        """Become a device. The incarnation is made first and kept, so that a lost answer can be asked for again."""
        if not self.meta("incarnation"):
            self.set_meta("incarnation", secrets.token_urlsafe(16))
        request = {"code": code, "incarnation": self.meta("incarnation"), "name": name}
        enrolled = msgspec.json.decode(await self.ask("/sync/v1/enrol", request), type=EnrolResponse)
        with self.together():
            for field in EnrolResponse.__struct_fields__:
                self.set_meta(field, getattr(enrolled, field))
        return enrolled

    async def sync(self) -> None:
        """Send everything, then receive everything. Pushes come first: work is worth more than news."""
        await self.push()
        await self.upload_files()
        await self.pull()

    async def push(self) -> list[Result]:
        """Send the queue, piece by piece; each answer is stored before the next piece goes."""
        results: list[Result] = []
        while batch := self._next_batch():
            try:
                answer = await self._send(batch)
            except Answered as no:
                self._mend(no)
                continue
            with self.together():
                for result in answer.results:
                    if result.status != "retry":
                        self._note_result(result)
            results.extend(answer.results)
            if all(result.status == "retry" for result in answer.results):
                break
        return results

    def _next_batch(self) -> list[tuple[int, bytes]]:
        """Number what has never been tried, and take as much as one push carries."""
        with self.together():
            unnumbered = self.db.execute("SELECT id FROM operation WHERE n IS NULL ORDER BY place").fetchall()
            last_n = int(self.meta("last_n", "0"))
            for row in unnumbered:
                last_n += 1
                self.db.execute("UPDATE operation SET n = ? WHERE id = ?", [last_n, row["id"]])
            self.set_meta("last_n", last_n)
        batch: list[tuple[int, bytes]] = []
        size = 0
        waiting = self.db.execute(
            "SELECT n, body FROM operation WHERE result IS NULL ORDER BY n LIMIT ?", [OPERATIONS_MAX]
        )
        for row in waiting:
            size += len(row["body"])
            if batch and size > PUSH_BYTES:
                break
            batch.append((row["n"], row["body"].encode()))
        return batch

    async def _send(self, batch: list[tuple[int, bytes]]) -> PushResponse:
        first_unanswered = self.db.execute("SELECT min(n) FROM operation WHERE result IS NULL").fetchone()[0]
        request = {
            "device": self.device,
            "incarnation": self.meta("incarnation"),
            "acked": first_unanswered - 1,
            "clock": self.clock(),
            "operations": [msgspec.Raw(b'{"n":%d,' % n + body[1:]) for n, body in batch],
        }
        return msgspec.json.decode(await self.ask("/sync/v1/push", request), type=PushResponse)

    def _mend(self, no: Answered) -> None:
        """Two answers to a push are orders: take a new identity, or go back to a number the server has lost."""
        with self.together():
            if no.code == "device_forked":
                self.set_meta("device", no.problem["device"])
                self.set_meta("token", no.problem["token"])
                self.set_meta("last_n", 0)
                self.db.execute("UPDATE operation SET n = NULL WHERE result IS NULL")
                self.db.execute("UPDATE operation SET n = 0 WHERE result IS NOT NULL")
            elif no.code == "n_gap" and self._offer_again(no.problem["expected"]):
                return
            else:
                raise no

    def _offer_again(self, expected: int) -> bool:
        """After a restore the server asks for numbers it had answered: the journal still has them."""
        sql = "UPDATE operation SET result = NULL, done_at = NULL WHERE n >= ? AND result IS NOT NULL"
        return self.db.execute(sql, [expected]).rowcount > 0

    def _note_result(self, result: Result) -> None:
        self.db.execute(
            "UPDATE operation SET result = ?, done_at = ? WHERE id = ?",
            [msgspec.json.encode(result).decode(), self.clock().isoformat(), str(result.id)],
        )
        leaving = self.db.execute(
            "SELECT kind, row.id AS id FROM row JOIN operation ON operation.target = row.id"
            " WHERE operation.id = ? AND leaving = 1",
            [str(result.id)],
        ).fetchall()
        for row in leaving:
            self._drop(row["kind"], row["id"])

    async def upload_files(self) -> None:
        """Send each file by tus, going on from wherever the server has it."""
        for row in self.db.execute("SELECT * FROM file WHERE is_stored = 0").fetchall():
            address = f"/files/{row['id']}"
            offset = await self._offset(address)
            if offset is None:
                fields = {name: row[name] for name in ("id", "record", "name", "sha256")}
                metadata = ",".join(f"{name} {base64.b64encode(v.encode()).decode()}" for name, v in fields.items())
                headers = {"Upload-Metadata": metadata, "Upload-Length": str(len(row["content"]))}
                await self.request("POST", "/files", headers=TUS | headers)
                offset = 0
            setbacks = 0
            while offset < len(row["content"]):
                chunk = row["content"][offset : offset + CHUNK_BYTES]
                headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
                try:
                    answer = await self.request("PATCH", address, headers=TUS | headers, content=chunk, tries=1)
                    offset = int(answer.headers["Upload-Offset"])
                except (Offline, Answered):
                    setbacks += 1
                    if setbacks == TRIES_MAX:
                        raise
                    offset = await self._offset(address) or 0
            self.db.execute("UPDATE file SET is_stored = 1 WHERE id = ?", [row["id"]])

    async def _offset(self, address: str) -> int | None:
        """How much of the file the server has; None if it has never heard of it."""
        try:
            answer = await self.request("HEAD", address, headers=TUS)
        except Answered as no:
            if no.status == 404:
                return None
            raise
        return int(answer.headers["Upload-Offset"])

    # receive ----------------------------------------------------------------------------------------------------

    async def pull(self) -> None:
        """Read pages until nothing is left. When the server asks for a reconcile, read everything again, and only then
        drop what is no longer there."""
        while True:
            request: dict[str, Any] = {"cursor": self.meta("cursor") or None, "limit": self.limit}
            if self.kinds is not None:
                request["kinds"] = self.kinds
            try:
                answer = msgspec.json.decode(await self.ask("/sync/v1/pull", request), type=PullResponse)
            except Answered as no:
                if no.code == "device_revoked":
                    self.wipe()
                if no.code != "resync_required" or not self.meta("cursor"):
                    raise
                with self.together():
                    self.set_meta("cursor", "")
                    self.set_meta("mark", int(self.meta("mark", "0")) + 1)
                    self.set_meta("is_reconciling", 1)
                    self.db.execute("DELETE FROM row_scope")
                continue
            with self.together():
                for change in answer.changes:
                    self._obey(change)
                self.set_meta("cursor", answer.cursor)
            self.is_work_ready = self.is_work_ready or "work" in answer.ready
            if answer.complete and answer.head == answer.until:
                self._sweep()
                return

    def _obey(self, change: Change) -> None:
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

    def _leave(self, keys: list[tuple[str, str]], scopes: list[str]) -> None:
        for kind, id in keys:
            for scope in scopes:
                self.db.execute("DELETE FROM row_scope WHERE kind = ? AND id = ? AND scope = ?", [kind, id, scope])
            if not self.db.execute("SELECT 1 FROM row_scope WHERE kind = ? AND id = ?", [kind, id]).fetchone():
                self._drop(kind, id)

    def _sweep(self) -> None:
        """At the head: what this phone made and was answered for, but did not get back, is not in its reach; and after a
        reconcile what the server did not send again is gone."""
        with self.together():
            mark = int(self.meta("mark", "0")) if self.meta("is_reconciling") else 0
            stale = self.db.execute("SELECT kind, id, v FROM row WHERE mark < ? OR v = 0", [mark]).fetchall()
            for row in stale:
                if row["v"] > 0 or not self._has_unsent(row["id"]):
                    self._drop(row["kind"], row["id"])
            self.set_meta("is_reconciling", "")

    def wipe(self) -> None:
        """A revoked device keeps nothing it was shown."""
        with self.together():
            for table in ("row", "row_scope", "alias"):
                self.db.execute(f"DELETE FROM {table}")
            self.set_meta("cursor", "")

    # ask --------------------------------------------------------------------------------------------------------

    async def ask(self, address: str, request: Any) -> bytes:
        """POST JSON, get JSON; tried again after anything that is not an answer of our server."""
        headers = {"Content-Type": "application/json"}
        answer = await self.request("POST", address, headers=headers, content=msgspec.json.encode(request), json=True)
        return answer.content

    async def request(
        self,
        method: str,
        address: str,
        *,
        headers: dict[str, str],
        content: bytes = b"",
        json: bool = False,
        tries: int = TRIES_MAX,
    ) -> httpx.Response:
        for attempt in range(tries):
            if attempt:
                await self.sleep(random.uniform(0.5, 1.5) * 2**attempt)  # noqa: S311 - spreads two thousand phones
            request_id = secrets.token_hex(8)
            sent = headers | {"X-Request-Id": request_id}
            if self.meta("token"):
                sent["Authorization"] = f"Bearer {self.meta('token')}"
            try:
                answer = await self.client.request(method, address, headers=sent, content=content)
            except httpx.TransportError:
                continue
            if not _is_ours(answer, request_id, json=json):
                continue
            if answer.status_code in (429, 503):
                await self.sleep(float(answer.headers.get("Retry-After", "1")) * random.uniform(1, 1.5))  # noqa: S311
                continue
            if answer.status_code >= 500 or _code(answer) == "busy":
                continue
            if answer.status_code >= 400:
                raise Answered(answer.status_code, _problem(answer))
            return answer
        raise Offline(f"{method} {address}: no answer from the server")


def _is_ours(answer: httpx.Response, request_id: str, *, json: bool) -> bool:
    """A captive portal answers 200 with HTML; a cut line leaves half a body. Neither is an answer."""
    if answer.headers.get("X-Request-Id") != request_id:
        return False
    if json and answer.headers.get("Content-Type", "").split(";")[0] not in (
        "application/json",
        "application/problem+json",
    ):
        return False
    if json:
        try:
            msgspec.json.decode(answer.content, type=msgspec.Raw)
        except msgspec.DecodeError:
            return False
    return True


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return {}
    return {**found, **found.get("details", {})} if isinstance(found, dict) else {}


def _code(answer: httpx.Response) -> str:
    return str(_problem(answer).get("code", "")) if answer.status_code == 409 else ""
