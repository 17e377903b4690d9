"""The reference client: the protocol's other half, to be read in one sitting, used as a library, and by the tests.

    async with httpx.AsyncClient(base_url="https://qifang.example") as client:
        phone = Phone("zhou.phone", client)
        await phone.enrol("WCRRFLPXWYZR", "周的手机")           # once, on line
        await phone.sync()
        visit = new_id()
        with phone.together():                                  # off line from here on
            phone.attach(visit, "门头.jpg", photo)
            phone.do("record.submit", visit, args)
        await phone.sync()                                      # as often as one likes; `Offline` costs nothing
        phone.result(operation), phone.rows("quarantine"), phone.rows("conflict")

`store.py` is its memory, `queue.py` the numbers and the journal, `files.py` the uploads, `line.py`
one request; here is what they are for: push, pull, and what to do when the server says no. It is longer than most because
that is one story.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from sync.phone.files import CHUNK_BYTES, Courier
from sync.phone.line import TRIES_MAX, Answered, Caller, Offline
from sync.phone.queue import Queue
from sync.wire import REPAIRS_MAX, DigestResponse, EnrolResponse, HelloResponse, PullResponse, PushResponse, Result

__all__ = ["CHUNK_BYTES", "Answered", "Offline", "OtherPerson", "Phone", "enrol_in"]


class OtherPerson(Exception):
    """The code is for somebody else: their work must not mix with what this store holds. Nothing was changed."""


class Phone(Queue):
    """One installation for one person, with its store in one SQLite file.

    `client` carries the requests (its base address is the server's). `clock` is the device's own, right or wrong. With
    `packs` large pushes are sent compressed, with `msgpack` the phone speaks MessagePack instead of JSON.
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
        packs: bool = False,
        msgpack: bool = False,
    ) -> None:
        super().__init__(store, clock)
        self.client = client
        self.limit = limit
        self.kinds = kinds
        self.is_work_ready = False
        self.caller = Caller(client, lambda: self.meta("token"), sleep, packs, msgpack)

    @property
    def device(self) -> str:
        return self.meta("device")

    # who ----------------------------------------------------------------------------------------------------------

    async def enrol(self, code: str, name: str = "") -> EnrolResponse:
        """Become a device, or become one again when the server has lost this one. The incarnation is made first and kept,
        so that a lost answer can be asked for again. Raises `OtherPerson`: see `enrol_in`."""
        if not self.meta("incarnation"):
            self.set_meta("incarnation", secrets.token_urlsafe(16))
        request = {"code": code, "incarnation": self.meta("incarnation"), "name": name}
        enrolled = msgspec.json.decode(await self.caller.ask("/sync/v1/enrol", request), type=EnrolResponse)
        if self.meta("person") not in ("", str(enrolled.person)):
            raise OtherPerson(f"this store belongs to {self.meta('person')}")
        self.become(enrolled)
        return enrolled

    async def hello(self) -> HelloResponse:
        """Limits, epoch, head and how many of this device's operations the server has."""
        return msgspec.json.decode(await self.caller.look("/sync/v1/hello"), type=HelloResponse)

    async def sync(self) -> None:
        """Send everything, then receive everything: work is worth more than news. When receiving shows that the server has
        lost work it had answered, that is sent again."""
        await self._exchange()
        if self.meta("is_offering"):
            await self._exchange()
        self.forget_journal()

    async def _exchange(self) -> None:
        await self.push()
        await self.upload_files()
        if self.meta("wipe_after"):
            self.forget_answered()
            await self._ask_whether_resumed()
            return
        await self.pull()

    async def _ask_whether_resumed(self) -> None:
        """A stopped phone that has handed in everything may have been let go on since."""
        try:
            await self.pull()
        except Answered as no:
            if no.code != "device_revoked":
                raise
        else:
            self.set_meta("wipe_after", "")

    # send ---------------------------------------------------------------------------------------------------------

    async def push(self) -> list[Result]:
        """Send the queue, piece by piece; each answer is stored before the next piece goes."""
        results: list[Result] = []
        mended = 0
        while batch := self._next_batch():
            try:
                answer = await self._send(batch)
            except Answered as no:
                mended += 1
                if mended > TRIES_MAX or not (self._mend(no) or self._send_less(no, batch)):
                    raise
                continue
            with self.together():
                self.note_results(answer.results, answer.server_time)
                self.set_meta("lost_until", "")
                if answer.wipe_after:
                    self.set_meta("wipe_after", 1)
            results.extend(answer.results)
            if all(result.status == "retry" for result in answer.results):
                break
        self.set_meta("is_offering", "")
        return results

    async def _send(self, batch: list[tuple[int, bytes]]) -> PushResponse:
        first_unanswered = self.db.execute("SELECT min(n) FROM operation WHERE result IS NULL").fetchone()[0]
        request = {
            "device": self.device,
            "incarnation": self.meta("incarnation"),
            "acked": first_unanswered - 1,
            "operations": [msgspec.Raw(b'{"n":%d,' % n + body[1:]) for n, body in batch],
        }
        if lost_until := self.meta("lost_until"):
            request["lost_until"] = lost_until
        answer = await self.caller.ask("/sync/v1/push", lambda: request | {"clock": self.clock()})
        return msgspec.json.decode(answer, type=PushResponse)

    def _mend(self, no: Answered) -> bool:
        """Some answers are orders: take a new identity, go back to a number the server has lost, drop what was shown, or go
        back to the identity it knew before. True if the same may be tried again."""
        if no.code == "device_forked":
            self.fork(no.problem["device"], no.problem["token"])
        elif no.code == "n_gap":
            self.offer_again(no.problem["expected"] - 1)
        elif no.code == "device_revoked":
            self.wipe()
            return False
        else:
            return no.code == "device.unknown" and self.fall_back()
        return True

    def _send_less(self, no: Answered, batch: list[tuple[int, bytes]]) -> bool:
        """The server takes less at once than the protocol allows."""
        if no.status != 413 or len(batch) == 1:
            return False
        self.push_bytes = sum(len(body) for _, body in batch) // 2
        return True

    async def upload_files(self) -> None:
        """Send each file by tus, going on from wherever the server has it. A file that is refused is in `unsent_files`."""
        try:
            await Courier(self, self.caller).upload(is_fatal=_is_about_the_device)
        except Answered as no:
            if no.code == "device_revoked":
                self.wipe()
            raise

    # receive ------------------------------------------------------------------------------------------------------

    async def pull(self) -> None:
        """Read pages until nothing is left. When the server asks for a reconcile, read everything again, and only then
        drop what is no longer there."""
        self._heed_kinds()
        while True:
            try:
                answer = await self._next_page()
            except Answered as no:
                self._heed(no)
                continue
            self._store_page(answer)
            self.is_work_ready = self.is_work_ready or "work" in answer.ready
            if _is_at_head(answer):
                self.sweep()
                return

    def _heed_kinds(self) -> None:
        """A cursor of other kinds begins anew, and what was lost before it is told by nobody: all that comes is compared with
        all that is here, as in a reconcile."""
        chosen = "" if self.kinds is None else ",".join(sorted(set(self.kinds)))
        if self.meta("kinds") != chosen:
            with self.together():
                self.begin_reconcile()
                self.set_meta("as_of", "")
                self.set_meta("kinds", chosen)

    def _store_page(self, answer: PullResponse) -> None:
        """The rows of a page and the cursor behind them: both or neither."""
        with self.together():
            for change in answer.changes:
                self.obey(change)
            self._note_place(answer)
            if self.has_lost(answer.have_n) or self.meta("epoch") not in ("", str(answer.epoch)):
                self._offer_again(answer.have_n)
            self.set_meta("epoch", answer.epoch)

    def _note_place(self, answer: PullResponse) -> None:
        self.set_meta("cursor", answer.cursor)
        self.set_meta("repair", "")
        self.set_meta("as_of", answer.until if _is_at_head(answer) else "")
        self.set_meta("server_time", answer.server_time.isoformat())

    async def wait_for_news(self) -> bool:
        """Wait, on line, until the server says that something changed in this phone's scopes: then `sync`. False when the
        stream ended without news; wait a little before listening again. The caller decides how long, with
        `asyncio.timeout`; whoever cannot keep a line open synchronises now and then instead."""
        return await self.caller.wait_for_event("/sync/v1/events", self.meta("as_of"))

    async def check(self) -> list[str]:
        """Compare what this phone holds with what the server says it should hold, scope by scope, and fetch again what
        differs; once a day is enough. Returns the scopes that differed: there should be none."""
        self._heed_kinds()
        if not self.meta("as_of"):
            await self.pull()
        address = f"/sync/v1/digest?as_of={self.meta('as_of')}"
        if self.kinds:
            address += f"&kinds={','.join(self.kinds)}"
        try:
            answer = await self.caller.look(address)
        except Answered as no:
            self._heed(no)
            await self.pull()
            return []
        told = msgspec.json.decode(answer, type=DigestResponse)
        theirs = {scope: (one.count, int(one.xor, 16)) for scope, one in told.scopes.items()}
        ours = self.digest()
        differing = sorted(s for s in {*ours, *theirs} - set(told.moved) if ours.get(s) != theirs.get(s))
        if differing:
            await self.repair(differing)
        return differing

    async def repair(self, scopes: list[str]) -> None:
        """Fetch these scopes again, beside what is new anyway; many of them are a reconcile."""
        if len(scopes) > REPAIRS_MAX:
            self.begin_reconcile()
        else:
            with self.together():
                self.forget_scopes(scopes)
                self.set_meta("repair", msgspec.json.encode(scopes).decode())
        await self.pull()

    async def _next_page(self) -> PullResponse:
        request: dict[str, Any] = {"cursor": self.meta("cursor") or None, "limit": self.limit}
        if self.kinds is not None:
            request["kinds"] = self.kinds
        if repair := self.meta("repair"):
            request["repair"] = msgspec.json.decode(repair)
        return msgspec.json.decode(await self.caller.ask("/sync/v1/pull", request), type=PullResponse)

    def _heed(self, no: Answered) -> None:
        """What a refused pull orders: to wipe, to read everything again, or to ask as who this phone was before. A cursor
        the server cannot open (it has lost its secret) is as good as none."""
        is_unreadable = no.status == 400 and no.problem.get("path") == "$.cursor"
        if no.code == "device_revoked" and not (self.unsent() or self.unsent_files()):
            self.forget_answered()
        elif no.code == "device_revoked":
            self.wipe()
        elif (no.code == "resync_required" or is_unreadable) and self.meta("cursor"):
            with self.together():
                if no.problem.get("reason") in ("epoch_changed", "history_changed"):
                    self._offer_again(no.problem["have_n"])
                self.begin_reconcile()
            return
        elif no.code == "device.unknown" and self.fall_back():
            self.set_meta("is_offering", 1)
            return
        raise no

    def _offer_again(self, have_n: int) -> None:
        with self.together():
            self.offer_again(have_n)
            self.set_meta("is_offering", 1)


def _is_at_head(answer: PullResponse) -> bool:
    return answer.complete and answer.head == answer.until


def _is_about_the_device(no: Answered) -> bool:
    return no.status == 401 or no.code == "device_revoked"


async def enrol_in(folder: Path, code: str, client: httpx.AsyncClient, *, name: str = "", **options: Any) -> Phone:
    """Enrol on a phone that several people share: each has a store of their own in `folder`, named by their id, and
    their queue is only ever sent with their own token. A person who comes back finds their store with all they left."""
    waiting = folder / f"enrolling-{hashlib.sha256(code.encode()).hexdigest()[:16]}.phone"
    fresh = Phone(waiting, client, **options)
    enrolled = await fresh.enrol(code, name)
    incarnation = fresh.meta("incarnation")
    fresh.close()
    own = folder / f"{enrolled.person}.phone"
    if not own.exists():
        waiting.rename(own)
        return Phone(own, client, **options)
    waiting.unlink()
    phone = Phone(own, client, **options)
    with phone.together():
        phone.set_meta("incarnation", incarnation)
        phone.become(enrolled)
    return phone
