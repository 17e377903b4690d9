"""How a phone's files travel: tus 1.0.0, going on at whatever byte the server has."""

import base64
import hashlib
import sqlite3
from collections.abc import Callable
from datetime import datetime

from sync.phone.line import TRIES_MAX, Answered, Caller, Offline
from sync.phone.queue import Queue

CHUNK_BYTES = 256 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
UNHEARD_OF = (404, 410)
"""Never announced, or forgotten after lying unfinished for too long: to be announced (again)."""


class Courier:
    """Takes the files of one store to one server."""

    def __init__(self, store: Queue, caller: Caller) -> None:
        self.store = store
        self.caller = caller

    async def upload(self, is_fatal: Callable[[Answered], bool]) -> None:
        """Send every file that is not stored. One that is refused, or whose bytes are no longer what they were, keeps the
        reason and holds up no other."""
        for row in self.store.db.execute("SELECT id FROM file WHERE is_stored = 0 ORDER BY id").fetchall():
            file = self.store.db.execute("SELECT * FROM file WHERE id = ?", [row["id"]]).fetchone()
            if hashlib.sha256(file["content"]).hexdigest() != file["sha256"]:
                self._note(file["id"], refused="file.damaged_on_phone")
                continue
            try:
                await self._send(file)
            except Answered as no:
                if is_fatal(no):
                    raise
                self._note(file["id"], refused=no.code or str(no.status))
            else:
                self._note(file["id"])

    def _note(self, id: str, *, refused: str | None = None) -> None:
        moment = self.store.meta("server_time") or self.store.clock().isoformat()
        stored_at = None if refused else datetime.fromisoformat(moment).isoformat()
        self.store.db.execute(
            "UPDATE file SET is_stored = ?, stored_at = ?, refused = ? WHERE id = ?",
            [int(refused is None), stored_at, refused, id],
        )

    async def _send(self, file: sqlite3.Row) -> None:
        address, length = f"/files/{file['id']}", len(file["content"])
        offset = await self._begin(file, address)
        is_whole, setbacks = (
            False,
            0,
        )  # whole is what a PATCH was answered for: that the last byte is there is not enough
        while offset < length or not is_whole:
            chunk = file["content"][offset : offset + CHUNK_BYTES]
            headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            try:
                answer = await self.caller.request("PATCH", address, headers=TUS | headers, content=chunk, tries=1)
                offset, is_whole = int(answer.headers["Upload-Offset"]), True
            except (Offline, Answered):
                setbacks += 1
                if setbacks == TRIES_MAX:
                    raise
                offset = await self._begin(file, address)

    async def _begin(self, file: sqlite3.Row, address: str) -> int:
        """Where to go on. A file that came in damaged begins at 0 again; one the server has never heard of, or has given
        up, is announced first."""
        have = await self._offset(address)
        if have is not None:
            return have
        fields = {name: file[name] for name in ("id", "record", "name", "sha256")}
        metadata = ",".join(f"{name} {base64.b64encode(v.encode()).decode()}" for name, v in fields.items())
        headers = {"Upload-Metadata": metadata, "Upload-Length": str(len(file["content"]))}
        await self.caller.request("POST", "/files", headers=TUS | headers)
        return 0

    async def _offset(self, address: str) -> int | None:
        """How much of the file the server has; None if there is nothing to go on with."""
        try:
            answer = await self.caller.request("HEAD", address, headers=TUS)
        except Answered as no:
            if no.status in UNHEARD_OF:
                return None
            raise
        return int(answer.headers["Upload-Offset"])
