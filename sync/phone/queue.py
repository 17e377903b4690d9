"""The phone's queue and journal: numbers, what may be left out before it was ever sent, and what is offered again when
the server has come back from a backup."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from sync.phone.store import JOURNAL_KEPT_FOR, Store
from sync.wire import OPERATIONS_MAX, EnrolResponse

PUSH_BYTES = 4 * 1024 * 1024


class Queue(Store):
    """A store whose operations are numbered at the first attempt to send, and kept for thirty days after their result."""

    push_bytes = PUSH_BYTES
    """What one push carries: less after a server that takes less said so."""

    def _next_batch(self) -> list[tuple[int, bytes]]:
        """Number what has never been tried, and take as much as one push carries."""
        with self.together():
            unnumbered = self.db.execute("SELECT id FROM operation WHERE n IS NULL ORDER BY place").fetchall()
            last_n = int(self.meta("last_n", "0"))
            for row in unnumbered:
                last_n += 1
                self.db.execute("UPDATE operation SET n = ?, tried = 1 WHERE id = ?", [last_n, row["id"]])
            self.set_meta("last_n", last_n)
        batch: list[tuple[int, bytes]] = []
        size = 0
        waiting = self.db.execute(
            "SELECT n, body FROM operation WHERE result IS NULL ORDER BY n LIMIT ?", [OPERATIONS_MAX]
        )
        for row in waiting:
            size += len(row["body"].encode())
            if batch and size > self.push_bytes:
                break
            batch.append((row["n"], row["body"].encode()))
        return batch

    # before anything was sent -----------------------------------------------------------------------------------

    def discard(self, target: UUID) -> bool:
        """Take back everything done about a row that no attempt was ever made to send: the operations, the files and the
        row the phone made. False, and nothing happens, if the server may have heard of any of it."""
        with self.together():
            sent = "SELECT 1 FROM operation WHERE target = ? AND tried = 1"
            row = self.db.execute("SELECT max(v) AS v FROM row WHERE id = ?", [str(target)]).fetchone()
            if row["v"] or self.db.execute(sent, [str(target)]).fetchone():
                return False
            self.db.execute("DELETE FROM operation WHERE target = ?", [str(target)])
            self.db.execute("DELETE FROM file WHERE record = ?", [str(target)])
            self.db.execute("DELETE FROM row WHERE id = ?", [str(target)])
            return True

    def compact(self) -> int:
        """Make one operation of field edits (`*.patch`) of one row that stand behind each other and were never tried: the
        first keeps its id, its base and the old values, the last has the last word. Returns how many went."""
        with self.together():
            found = self.db.execute("SELECT id, target, body FROM operation WHERE tried = 0 ORDER BY place").fetchall()
            last: dict[str, dict[str, Any]] = {}
            joined: dict[str, str] = {}
            for row in found:
                operation = msgspec.json.decode(row["body"])
                earlier = last.get(row["target"])
                if "prev" in operation:
                    operation["prev"] = joined.get(operation["prev"], operation["prev"])
                if earlier is None or not _is_same_edit(earlier, operation):
                    last[row["target"]] = operation
                    continue
                earlier["args"]["set"] |= operation["args"]["set"]
                if was := operation.get("was", {}) | earlier.get("was", {}):
                    earlier["was"] = was
                joined[operation["id"]] = earlier["id"]
                self._write_body(earlier)
            for id, into in joined.items():
                self.db.execute("DELETE FROM operation WHERE id = ?", [id])
                self.db.execute("UPDATE joined SET into_id = ? WHERE into_id = ?", [into, id])
                self.db.execute("INSERT INTO joined (id, into_id) VALUES (?, ?)", [id, into])
            if joined:
                self._follow_joined(joined)
            return len(joined)

    def _follow_joined(self, joined: dict[str, str]) -> None:
        """What named a joined edit as its predecessor names the one it went into."""
        for row in self.db.execute("SELECT body FROM operation WHERE tried = 0").fetchall():
            operation = msgspec.json.decode(row["body"])
            if operation.get("prev") in joined:
                operation["prev"] = joined[operation["prev"]]
                self._write_body(operation)

    def _write_body(self, operation: dict[str, Any]) -> None:
        self.db.execute(
            "UPDATE operation SET body = ? WHERE id = ? AND tried = 0",
            [_text(operation), operation["id"]],
        )

    # when the server has lost something -------------------------------------------------------------------------

    def has_lost(self, have_n: int) -> bool:
        """Was this phone answered for operations the server does not have any more? Then it came back from a backup."""
        answered = self.db.execute("SELECT max(n) FROM operation WHERE result IS NOT NULL").fetchone()[0] or 0
        return max(answered, int(self.meta("forgotten_n", "0"))) > have_n

    def offer_again(self, have_n: int) -> None:
        """The server came back from a backup and has operations up to `have_n`. The whole journal is unanswered again and
        gets numbers after that one, and every file is looked after again. Numbers alone do not tell what is missing: a
        copy of this phone may have taken those the backup did not know.

        What the journal no longer holds is gone for good: `lost_until` says until when, and the next push tells it."""
        with self.together():
            if int(self.meta("forgotten_n", "0")) > have_n:
                self.set_meta("lost_until", self.meta("forgotten_at"))
            self._number_again_after(have_n)

    def _number_again_after(self, n: int) -> None:
        self.db.execute("UPDATE operation SET n = NULL, result = NULL, done_at = NULL")
        self.db.execute("UPDATE file SET is_stored = 0, refused = NULL")
        self.set_meta("last_n", n)
        self.set_meta("forgotten_n", n)

    def forget_journal(self) -> None:
        """Drop operations 30 days after their result, and files 30 days after they were stored, by the server's time: a
        wrong clock on the phone must not shorten the journal."""
        told = self.meta("server_time")
        if not told:
            return
        limit = (datetime.fromisoformat(told) - JOURNAL_KEPT_FOR).isoformat()
        with self.together():
            last = self.db.execute(
                "SELECT n, body FROM operation WHERE done_at < ? ORDER BY n DESC LIMIT 1", [limit]
            ).fetchone()
            if last is not None and last["n"] > int(self.meta("forgotten_n", "0")):
                self.set_meta("forgotten_n", last["n"])
                self.set_meta("forgotten_at", msgspec.json.decode(last["body"])["at"])
            self.db.execute("DELETE FROM operation WHERE done_at < ?", [limit])
            self.db.execute("DELETE FROM joined WHERE into_id NOT IN (SELECT id FROM operation)")
            self.db.execute("DELETE FROM file WHERE is_stored = 1 AND stored_at < ?", [limit])

    # who this phone is ------------------------------------------------------------------------------------------

    def become(self, enrolled: EnrolResponse) -> None:
        """Take the identity a code gave. Another than before means that the server knows nothing of the numbers so far:
        everything in the journal is offered again, and what it knows it answers as known."""
        with self.together():
            if self.meta("device") not in ("", str(enrolled.device)):
                self._number_again_after(0)
            for field in EnrolResponse.__struct_fields__:
                self.set_meta(field, getattr(enrolled, field))
            self.set_meta("former", "[]")

    def fork(self, device: str, token: str) -> None:
        """Go on as another device, with numbers from 1. The whole journal is offered again: after a restore the other copy
        may have taken numbers that were this one's. The former identity is remembered, for a server that comes back from a
        backup older than the fork."""
        with self.together():
            former = msgspec.json.decode(self.meta("former", "[]"))
            self.set_meta("former", _text([*former, [self.meta("device"), self.meta("token")]]))
            self.set_meta("device", device)
            self.set_meta("token", token)
            self._number_again_after(0)

    def fall_back(self) -> bool:
        """The server does not know this device. One that forked off another goes back to that one, which the backup may
        have; False if there is none."""
        former = msgspec.json.decode(self.meta("former", "[]"))
        if not former:
            return False
        with self.together():
            device, token = former.pop()
            self.set_meta("former", _text(former))
            self.set_meta("device", device)
            self.set_meta("token", token)
            self._number_again_after(0)
        return True

    def forget_answered(self) -> None:
        """A revoked phone that has handed in its work keeps nothing of it."""
        with self.together():
            self.wipe()
            self.db.execute("DELETE FROM operation WHERE result IS NOT NULL")
            self.db.execute("DELETE FROM file WHERE is_stored = 1")


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _is_same_edit(earlier: dict[str, Any], later: dict[str, Any]) -> bool:
    """Two field edits with nothing between them but each other."""
    return (
        str(earlier["op"]).endswith(".patch")
        and earlier["op"] == later["op"]
        and later.get("prev") in (None, earlier["id"])
        and later.get("base") == earlier.get("base")
        and set(earlier["args"]) == set(later["args"]) == {"set"}
    )
