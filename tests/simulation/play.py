"""One history of a bureau, step by step. Every step takes plain numbers, so that a history is data: it can be drawn by
Hypothesis, shrunk, printed, kept and played again."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from sync.conflicts import Resolution, resolve_conflict
from sync.cursor import decode_cursor
from sync.decisions import accept, release_overdue, return_to_author
from sync.devices import issue_code
from sync.feed import collect_tombstones, rotate_epoch
from sync.operations import OperationContext
from sync.phone import Answered, Offline
from sync.refusal import Refusal
from sync.results import forget_results
from sync.scopes import grant, revoke
from sync.transaction import fetch, retrying, transaction
from tests.simulation import checks, world
from tests.simulation.bodies import DAMAGED_CODES, Answer
from tests.simulation.desk import edit_note
from tests.simulation.door import CLOCK, House, copy_of, restore_copy
from tests.simulation.handset import Frail, Handset
from tests.simulation.line import NAMES, Crash
from tests.simulation.model import FORMS, PERSONS, Model
from tests.simulation.processes import Work
from tests.simulation.rx import Reader
from tests.simulation.stops import Stops
from tests.simulation.waiting import Waiting

LI, WANG, ZHAO = PERSONS
TOPICS = ["a", "b", "c", "d"]
PLACES = ["a", "b", "c", "d", "a+b", "b+c", "c+d", "a+d"]
FIELDS = ["title", "body"]
LIMITS = [1, 2, 3, 50]
HANDSETS_MAX = 5
NOTES_MAX = 25
OFFSETS = [timedelta(0), timedelta(days=-2600), timedelta(days=365), timedelta(minutes=-7), timedelta(hours=3)]
EXPECTED = {"device.unknown", "device_revoked", "device.forks_exceeded"}
"""Answers to a request as a whole that a history may bring about; any other is a bug."""


class Tally:
    """What has been done so far, over all histories."""

    def __init__(self) -> None:
        self.histories = 0
        self.steps: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.requests = 0
        self.codings: Counter[str] = Counter()
        self.operations = 0
        self.results: Counter[str] = Counter()
        self.agreements = 0


class Play(Stops, Waiting):
    """The bureau, its desk, its phones, and the oracle beside them."""

    def __init__(self, house: House, tally: Tally) -> None:
        self.house = house
        self.tally = tally
        self.bureau = house.new_bureau()
        self.model = Model()
        self.handsets: list[Handset] = []
        self.readers: dict[UUID, Reader] = {}
        self.forms: list[UUID] = []
        self.made: dict[UUID, UUID] = {}
        """Operation → its target."""
        self.names: dict[UUID, str] = {}
        self.reused: set[UUID] = set()
        self.backups: list[tuple[Any, Any]] = []
        self.ids = 0
        self.trace: list[tuple[str, dict[str, Any]]] = []
        tally.histories += 1

    # for the steps ------------------------------------------------------------------------------------------------

    async def step(self, name: str, **args: Any) -> None:
        """Do one thing; then nothing may have disappeared from any phone that its person has seen all the time."""
        self.trace.append((name, args))
        self.tally.steps[name] += 1
        await getattr(self, name)(**args)
        await self._look()

    async def begin(self) -> None:
        self.house.settle_in()
        for _ in range(2):
            form = self._new_id()
            self.forms.append(form)
            await self._set_form(form, is_retired=False)
        for person in PERSONS:
            await self._give(person, FORMS)
        await self._give(LI, "a")
        await self._give(WANG, "a")
        await self._give(ZHAO, "b")
        for place in range(3):
            await self.write(place, 1)
        await self.enrol(0, 3, 0)
        await self.enrol(1, 1, 1)
        for handset in self.handsets:
            await self._attempt(handset, "pull")

    async def end(self) -> None:
        """Everything heals, every phone catches up, and all that was promised is looked at."""
        try:
            await self._heal()
            await checks.check_all(self)
        finally:
            await self.close()

    async def close(self) -> None:
        await self._hang_up()
        for handset in self.handsets:
            if handset.task is not None:
                await handset.kill()
            handset.close()

    def _new_id(self) -> UUID:
        self.ids += 1
        return UUID(int=self.bureau.int + self.ids)

    def _handset(self, number: int) -> Handset | None:
        """One that has nothing under way."""
        idle = [one for one in self.handsets if not one.is_busy]
        return idle[number % len(idle)] if idle else None

    def _note(self, number: int) -> UUID | None:
        notes = sorted(self.model.server.notes)
        return notes[number % len(notes)] if notes else None

    def _shown(self, handset: Handset, number: int) -> UUID | None:
        shown = sorted(handset.phone.rows("note"))
        return shown[number % len(shown)] if shown else None

    async def _look(self) -> None:
        """Let the oracle know what phones' operations did, and look at what every phone must still hold."""
        lines = await fetch("SELECT operation, name, target, args FROM sim_effect WHERE bureau = $1", [self.bureau])
        self.model.take_in(lines)
        self._loosen()
        for handset in self.handsets:
            checks.check_nothing_disappeared(handset)

    def _loosen(self) -> None:
        for handset in self.handsets:
            is_stopped = self.stopped_until(handset) is not None  # it may have been told to wipe, and killed then
            handset.firm &= set() if is_stopped else self.model.held_by_topic(handset.person)

    async def _desk(self, work: Callable[[], Awaitable[None]]) -> None:
        async def together() -> None:
            async with transaction():
                await work()

        await retrying(together)

    async def _watch(self, handset: Handset, path: str, body: bytes, answer: Answer) -> None:
        """The server has answered, whether or not a phone will hear of it."""
        status, _, content = answer
        if path == "/sync/v1/push":
            self.watch_push(handset, body, status, content)
        if status == 200 and path == "/sync/v1/push":
            results = msgspec.json.decode(content)["results"]
            for result in results:
                checks.check_result(self, result)
        if status == 200 and path == "/sync/v1/pull":
            before = msgspec.json.decode(body).get("cursor")
            after = msgspec.json.decode(content)["cursor"]
            checks.check_cursors(decode_cursor(before) if before else None, decode_cursor(after))

    # the desk -----------------------------------------------------------------------------------------------------

    async def write(self, place: int, count: int) -> None:
        if len(self.model.server.notes) >= NOTES_MAX:
            return
        ids = [self._new_id() for _ in range(count)]

        async def work() -> None:
            for id in ids:
                await world.add_note(self.bureau, id, PLACES[place], f"desk {id.int & 0xFFFF}")

        await self._desk(work)
        for id in ids:
            self.model.add(id, PLACES[place])

    async def pin(self, note: int, count: int) -> None:
        target = self._note(note)
        if target is None:
            return
        ids = [self._new_id() for _ in range(count)]

        async def work() -> None:
            for id in ids:
                await world.add_pin(self.bureau, id, target, f"pin {id.int & 0xFFFF}")

        await self._desk(work)
        self.model.server.notes[target].pins |= set(ids)

    async def move(self, note: int, place: int) -> None:
        if (target := self._note(note)) is not None:
            await self._desk(lambda: world.move_note(self.bureau, target, PLACES[place]))
            self.model.move(target, PLACES[place])

    async def edit(self, note: int, field: int, value: int) -> None:
        if (target := self._note(note)) is not None:
            await self._desk(lambda: edit_note(self.bureau, target, FIELDS[field], f"desk {value}"))
            self.model.stir(target)

    async def delete(self, note: int) -> None:
        if (target := self._note(note)) is not None:
            await self._desk(lambda: world.delete_note(self.bureau, target))
            self.model.delete(target)

    async def merge(self, lost: int, kept: int) -> None:
        one, other = self._note(lost), self._note(kept)
        if one is not None and other is not None and one != other:
            await self._desk(lambda: world.merge_notes(self.bureau, one, other))
            self.model.merge(one, other)

    async def give(self, person: int, topic: int) -> None:
        await self._give(PERSONS[person], TOPICS[topic])

    async def _give(self, person: UUID, topic: str) -> None:
        async def work() -> None:
            grant(self.bureau, person, topic if topic == FORMS else f"topic:{topic}")

        await self._desk(work)
        self.model.grant(person, topic)

    async def take(self, person: int, topic: int) -> None:
        await self._take(PERSONS[person], TOPICS[topic])

    async def _take(self, person: UUID, topic: str) -> None:
        async def work() -> None:
            revoke(self.bureau, person, f"topic:{topic}")

        await self._desk(work)
        self.model.revoke(person, topic)
        self._loosen()

    async def take_and_give(self, person: int, topic: int, at_once: bool) -> None:
        """A scope lost and won again, before anybody could have noticed."""
        if not at_once:
            await self.take(person, topic)
            await self.give(person, topic)
            return

        async def work() -> None:
            revoke(self.bureau, PERSONS[person], f"topic:{TOPICS[topic]}")
            grant(self.bureau, PERSONS[person], f"topic:{TOPICS[topic]}")

        await self._desk(work)
        self.model.revoke(PERSONS[person], TOPICS[topic])
        self._loosen()
        self.model.grant(PERSONS[person], TOPICS[topic])

    async def retire(self, form: int, back: bool) -> None:
        await self._set_form(self.forms[form], is_retired=not back)

    async def _set_form(self, form: UUID, *, is_retired: bool) -> None:
        await self._desk(lambda: world.set_form(self.bureau, form, f"form {form.int & 0xF}", is_retired=is_retired))
        self.model.server.forms.add(form)

    async def decide(self, which: int, accepts: bool) -> None:
        """A supervisor accepts or returns what waits; what still cannot be applied stays as it is."""
        found = await fetch(
            "SELECT id FROM sync_quarantine WHERE bureau = $1 AND state IN ('waiting', 'held') ORDER BY received_at, n, id",
            [self.bureau],
        )
        if not found:
            return
        chosen = found[which % len(found)]["id"]
        try:
            if accepts:
                await accept(self.bureau, chosen, by=ZHAO)
            else:
                await return_to_author(self.bureau, chosen, by=ZHAO, note="not so")
        except Refusal as refused:
            self.tally.results[f"not accepted: {refused.code}"] += 1

    async def settle(self, which: int, takes: bool) -> None:
        """Decide a conflict at the desk: for the phone's values, or for the server's."""
        found = await fetch(
            "SELECT id, body FROM sync_conflict WHERE bureau = $1 AND resolved_at IS NULL ORDER BY id", [self.bureau]
        )
        if not found:
            return
        chosen = found[which % len(found)]
        fields = msgspec.json.decode(chosen["body"])["fields"]
        values = {name: field["phone"] for name, field in fields.items()} if takes else {}
        context = OperationContext(bureau=self.bureau, person=ZHAO, device=None, received_at=CLOCK.now)
        try:
            await self._desk(lambda: resolve_conflict(context, chosen["id"], Resolution(set=values)))
        except Refusal as refused:
            self.tally.results[f"not settled: {refused.code}"] += 1

    async def wait(self, hours: int) -> None:
        """Time passes, and what is done once a day is done."""
        CLOCK.now += timedelta(hours=hours)
        await release_overdue(self.bureau)
        await forget_results(self.bureau)

    async def collect(self, percent: int) -> None:
        await collect_tombstones(self.bureau, await self._head() * percent // 100)

    async def _head(self) -> int:
        found = await fetch("SELECT n FROM sync_head WHERE bureau = $1", [self.bureau])
        return int(found[0]["n"])

    async def rotate(self) -> None:
        await rotate_epoch(self.bureau)

    async def back_up(self) -> None:
        self.backups.append((await copy_of(self.bureau), self.model.copy()))

    async def restore(self, which: int, rotates: bool) -> None:
        """The server is set back to a copy (or, the first time, copied); whoever did it may have forgotten to say so."""
        if not self.backups:
            await self.back_up()
            return
        rows, server = self.backups[which % len(self.backups)]
        await self._hang_up()
        await self.house.start_again()
        stored = await checks.stored_files(self)
        await restore_copy(self.bureau, rows)
        if rotates:
            await rotate_epoch(self.bureau)
        lost = stored - await checks.stored_files(self)
        self.model.restore(server, silently=not rotates, files=lost)

    # phones -------------------------------------------------------------------------------------------------------

    async def enrol(self, person: int, limit: int, coding: int) -> None:
        if len(self.handsets) >= HANDSETS_MAX or PERSONS[person] in self.model.server.suspended:
            return
        handset = Handset(self.house, PERSONS[person], self._watch, self.tally, limit=LIMITS[limit], coding=coding)
        handset.phone.set_meta("incarnation", f"installation {len(self.handsets)}")
        self.handsets.append(handset)
        await handset.phone.enrol(await issue_code(self.bureau, handset.person))

    async def check(self, phone: int) -> None:
        """A phone that has read to the head compares itself with the server: nothing may differ."""
        if (handset := self._handset(phone)) is not None and await self._attempt(handset, "pull"):
            differing = await handset.phone.check()
            checks.must(not differing, "I1", f"the digests differ of {differing}")

    async def enrol_again(self, phone: int) -> None:
        handset = self._handset(phone)
        if handset is not None and handset.is_unknown and handset.person not in self.model.server.suspended:
            await self._enrol_again(handset)

    async def _enrol_again(self, handset: Handset) -> None:
        """With a new code, and with everything that is still on it."""
        handset.line.faults = []
        await handset.phone.enrol(await issue_code(self.bureau, handset.person))
        handset.is_unknown = False

    async def add(self, phone: int, place: int, form: int, files: int) -> None:
        if (handset := self._handset(phone)) is None or len(self.model.server.notes) >= NOTES_MAX:
            return
        target, names = self._new_id(), [self._new_id() for _ in range(files)]
        title = f"phone {target.int & 0xFFFF}"
        for name in names:
            handset.phone.attach(target, "photo.jpg", str(name).encode() * 30, id=name)
        args = {"form": self.forms[form], "topics": PLACES[place], "title": title, "files": names}
        shown = {"topics": PLACES[place], "title": title, "body": "", "said": []}
        self._do(handset, "note.add", target, args, local=("note", shown))

    def _do(self, handset: Handset, op: str, target: UUID, args: Any, **more: Any) -> UUID:
        id = more.pop("id", None) or self._new_id()
        handset.phone.do(op, target, args, id=id, **more)
        self.made.setdefault(id, target)
        self.names.setdefault(id, op)
        self.tally.operations += 1
        return id

    async def comment(self, phone: int, note: int, files: int) -> None:
        """On a note the phone shows, or on one it has never heard of."""
        if (handset := self._handset(phone)) is None:
            return
        target = self._shown(handset, note) or self._new_id()
        names = [self._new_id() for _ in range(files)]
        for name in names:
            handset.phone.attach(target, "photo.jpg", str(name).encode() * 30, id=name)
        self._do(handset, "note.comment", target, {"text": "said", "files": names})

    async def patch(self, phone: int, note: int, field: int, value: int) -> None:
        """As a person would: from what the phone shows, and shown at once."""
        if (handset := self._handset(phone)) is None or (target := self._shown(handset, note)) is None:
            return
        shown = handset.phone.rows("note")[target]
        name, wanted = FIELDS[field], f"phone {value}"
        unsent = [id for id in handset.phone.unsent() if self.made.get(id) == target]
        self._do(
            handset,
            "note.patch",
            target,
            {"set": {name: wanted}},
            base=handset.phone.version("note", target),
            was={name: shown[name]},
            prev=unsent[-1] if unsent else None,
            local=("note", {**shown, name: wanted}),
        )

    async def erase(self, phone: int, note: int) -> None:
        if (handset := self._handset(phone)) is not None and (target := self._shown(handset, note)) is not None:
            self._do(handset, "note.delete", target, {})

    async def settle_here(self, phone: int, which: int, takes: bool) -> None:
        """Decide a conflict on a phone that shows it."""
        if (handset := self._handset(phone)) is None:
            return
        shown = sorted((id, row) for id, row in handset.phone.rows("conflict").items() if row["resolved_at"] is None)
        if shown:
            id, row = shown[which % len(shown)]
            fields = row["conflict"]["fields"]
            values = {name: field["phone"] for name, field in fields.items()} if takes else {}
            self._do(handset, "conflict.resolve", id, {"set": values})

    async def odd(self, phone: int, note: int, which: int) -> None:
        """What no phone should send, and what waits: each must be answered and kept, and hold up nobody else."""
        if (handset := self._handset(phone)) is None:
            return
        target = self._shown(handset, note) or self._new_id()
        if which == 0:
            self._do(handset, "note.sing", target, {"song": 1})
        elif which == 1:
            self._do(handset, "note.add", self._new_id(), {"title": 5})
        elif which == 2:
            self._do(handset, "note.fail", target, {"text": "a bug"})
        elif which == 3:
            self._do(handset, "note.later", target, {"form": self.forms[0]})
        elif which == 4:
            self._do(handset, "note.comment", target, {"text": "behind"}, prev=self._new_id())
        else:
            self._reuse(handset, target, which)

    def _reuse(self, handset: Handset, target: UUID, which: int) -> None:
        """An id that another phone has given to something else."""
        own = {UUID(row["id"]) for row in handset.phone.db.execute("SELECT id FROM operation")}
        others = [id for id in self.made if id not in own]
        if others:
            id = others[which % len(others)]
            self.reused.add(id)
            self._do(handset, "note.comment", target, {"text": "reused"}, id=id)

    # syncing ------------------------------------------------------------------------------------------------------

    async def sync(self, phone: int, faults: list[int]) -> None:
        await self._go("sync", phone, faults)

    async def push(self, phone: int, faults: list[int]) -> None:
        await self._go("push", phone, faults)

    async def pull(self, phone: int, faults: list[int]) -> None:
        await self._go("pull", phone, faults)

    async def _go(self, what: str, phone: int, faults: list[int]) -> None:
        if (handset := self._handset(phone)) is not None:
            handset.line.faults = [NAMES[fault] for fault in faults]
            await self._attempt(handset, what)
            handset.line.faults = []

    async def page(self, phone: int, pages: int) -> None:
        """A few requests and no more: the phone is cut in the middle of a round."""
        if (handset := self._handset(phone)) is not None:
            handset.line.faults = [""] * pages
            handset.line.then = "lost"
            await self._attempt(handset, "pull")
            handset.line.faults, handset.line.then = [], ""

    async def amid(self, phone: int, pages: int, writes: int, rotates: bool, moves: bool) -> None:
        """A round in which rows change between any two pages, beyond where the round ends; it is cut after some pages."""
        if (handset := self._handset(phone)) is None:
            return
        if rotates:
            await self.rotate()
        turns = itertools.count()

        async def others() -> None:
            checks.check_nothing_disappeared(handset)
            for turn in itertools.islice(turns, writes):
                await (self.move(turn, turn % len(PLACES)) if moves else self.edit(turn, 0, turn))
            self._loosen()

        handset.line.between = others
        handset.line.faults, handset.line.then = [""] * pages, "lost"
        await self._attempt(handset, "pull", aside=True)
        handset.line.faults, handset.line.then, handset.line.between = [], "", None

    async def _attempt(self, handset: Handset, what: str, *, aside: bool = False) -> bool:
        """Let a phone sync, push or pull; whether it came through. Whoever has read to the head agrees with the oracle;
        not so if others went on beside it, because an answer may be old when it arrives."""
        handset.line.was_damaged = False
        try:
            await getattr(handset.phone, what)()
        except Offline:
            self.tally.results["offline"] += 1
            return False
        except Answered as no:
            self.tally.results[f"{no.status} {no.code}"] += 1
            if no.code not in EXPECTED and not (handset.line.was_damaged and no.code in DAMAGED_CODES):
                raise
            if no.code == "device.unknown":
                handset.is_unknown = not await self._is_known(handset)
            if no.code == "device_revoked":
                handset.firm = set()
                checks.check_wiped(handset)
            return False
        finally:
            self._note_acks(handset)
        if what == "sync" and handset.phone.meta("wipe_after"):
            handset.firm = set()
            checks.check_wiped(handset)
            return False
        if what != "push" and not aside:
            await self._look_around(handset)
        return True

    async def _look_around(self, handset: Handset) -> None:
        self.model.take_in(
            await fetch("SELECT operation, name, target, args FROM sim_effect WHERE bureau = $1", [self.bureau])
        )
        await checks.check_agreement(self, handset)
        handset.firm = self.model.held_by_topic(handset.person) if handset.takes("note") else set()

    async def _is_known(self, handset: Handset) -> bool:
        found = await fetch(
            "SELECT 1 AS one FROM sync_device WHERE bureau = $1 AND id = $2", [self.bureau, UUID(handset.phone.device)]
        )
        return bool(found)

    def _note_acks(self, handset: Handset) -> None:
        found = handset.phone.db.execute("SELECT id FROM operation WHERE result IS NOT NULL")
        self.model.acked |= {UUID(row["id"]) for row in found}

    async def start(self, phone: int, what: int, where: int) -> None:
        """A request leaves the phone and stays on its way, or its answer does."""
        if (handset := self._handset(phone)) is not None:
            handset.line.stop = ("sent", "answered")[where]
            handset.task = asyncio.create_task(self._attempt(handset, ("push", "pull")[what], aside=True))
            await self._until_quiet(handset)

    async def _until_quiet(self, handset: Handset) -> None:
        """Until the phone is done, or its line holds again."""
        assert handset.task is not None
        stopped = asyncio.create_task(handset.line.stopped.wait())
        await asyncio.wait([handset.task, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if handset.task.done():
            task, handset.task = handset.task, None
            handset.line.stop = ""
            task.result()

    async def go_on(self, phone: int, where: int) -> None:
        """What was under way arrives; perhaps it is held once more at the next request."""
        busy = [one for one in self.handsets if one.is_busy]
        if busy:
            handset = busy[phone % len(busy)]
            handset.line.stop = ("", "", "sent", "answered")[where]
            handset.line.go_on()
            await self._until_quiet(handset)

    async def ghost(self, phone: int, which: int) -> None:
        """A request of long ago arrives once more; nobody waits for its answer any longer."""
        handset = self.handsets[phone % len(self.handsets)]
        if handset.line.ghosts:
            self.tally.faults["late copy"] += 1
            await handset.line.deliver(*handset.line.ghosts[which % len(handset.line.ghosts)])

    async def crash(self, phone: int, statements: int, what: int) -> None:
        """The phone is killed before its n-th statement in the local store, or while it waits for an answer."""
        handset = self.handsets[phone % len(self.handsets)]
        self.tally.faults["phone killed"] += 1
        if not handset.is_busy:
            frail = Frail(handset.phone.db, statements)
            handset.phone.db = frail  # type: ignore[assignment]
            with contextlib.suppress(Crash):
                await self._attempt(handset, ("sync", "pull")[what])
            handset.phone.db = frail.db
        await handset.kill()
        self._note_acks(handset)

    async def copy(self, phone: int) -> None:
        """What a cloud keeps of it."""
        if (handset := self._handset(phone)) is not None:
            handset.copy = handset.content()

    async def set_back(self, phone: int, keeps: bool) -> None:
        """A phone restored from an old copy of itself, with the copy's incarnation or with a new one."""
        if (handset := self._handset(phone)) is None:
            return
        if handset.copy is None:
            await self.copy(phone)
        else:
            self.tally.faults["phone set back"] += 1
            self.model.copied.add(handset.phone.device)
            await handset.kill(handset.copy)
            self.model.copied.add(handset.phone.device)
            self._renew(handset, keeps)

    async def clone(self, phone: int, keeps: bool) -> None:
        """A second installation with the first one's identity, queue and cursor."""
        if (handset := self._handset(phone)) is None or len(self.handsets) >= HANDSETS_MAX or not handset.phone.device:
            return
        self.tally.faults["phone cloned"] += 1
        twin = Handset(
            self.house, handset.person, self._watch, self.tally, limit=handset.limit, coding=len(self.handsets)
        )
        self.model.copied.add(handset.phone.device)
        twin.kinds = handset.kinds
        await twin.kill(handset.content())
        twin.is_unknown = handset.is_unknown
        self.handsets.append(twin)
        self._renew(twin, keeps)

    def _renew(self, handset: Handset, keeps: bool) -> None:
        if not keeps:
            handset.phone.set_meta("incarnation", f"installation {self._new_id()}")

    async def forget(self, phone: int) -> None:
        if (handset := self._handset(phone)) is not None:
            handset.phone.forget_journal()

    async def set_clock(self, phone: int, offset: int) -> None:
        if (handset := self._handset(phone)) is not None:
            handset.clock_offset = OFFSETS[offset]
            self.tally.faults["wrong clock"] += 1

    # at the same time ---------------------------------------------------------------------------------------------

    async def race(self, first: int, second: int, note: int, place: int, reader: int) -> None:
        """One writer is held where it has all but its commit behind it; another writes and a phone reads beside it. Where the
        server is three processes, each of them is asked of another one."""
        target = self._note(note)
        handset = self._handset(reader)
        if target is None or handset is None:
            return
        self.tally.faults["writers at once"] += 1
        doors = itertools.count(handset.line.number)
        holding, note_first = self._first(first, target, place)
        other, note_second = self._second(second, target, place, reader)
        held = await self.house.hold(next(doors), holding)
        two = await self._beside(self.house.ask(next(doors), other))
        reading = await self._beside(self._attempt(handset, "pull", aside=True))
        await held.end()
        await asyncio.gather(two, reading)
        note_first()
        note_second()
        await self._look()
        await self._attempt(handset, "pull")

    def _work(self, name: str, id: UUID, *texts: str) -> Work:
        return Work(CLOCK.now, name, self.bureau, id, list(texts))

    def _first(self, which: int, target: UUID, place: int) -> tuple[Work, Callable[[], None]]:
        if which == 0:
            id = self._new_id()
            return self._work("add_note", id, PLACES[place], "held"), lambda: self.model.add(id, PLACES[place])
        if which == 1:
            return self._work("touch_note", target), lambda: None
        return self._work("edit_note", target, "title", "held"), lambda: self.model.stir(target)

    def _second(self, which: int, target: UUID, place: int, reader: int) -> tuple[Work, Callable[[], None]]:
        id, person, topic = self._new_id(), PERSONS[reader % len(PERSONS)], PLACES[place][0]
        if which == 0:
            return self._work("move_note", target, PLACES[place]), lambda: self.model.move(target, PLACES[place])
        if which == 1:
            return self._work("add_note", id, PLACES[place], "beside"), lambda: self.model.add(id, PLACES[place])

        def noted() -> None:
            (self.model.grant if which == 2 else self.model.revoke)(person, topic)
            self._loosen()

        return self._work("give" if which == 2 else "take", person, f"topic:{topic}"), noted

    async def _beside(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Begin this, and go on when it is done or waits for another writer."""
        before = await self.house.waiting()
        task = asyncio.create_task(work)
        while not task.done() and await self.house.waiting() <= before:
            await asyncio.sleep(0.001)
        return task

    # at the end ---------------------------------------------------------------------------------------------------

    async def _heal(self) -> None:
        """The lines are mended, forms are published, those whom the server forgot enrol again; then all sync until
        nothing moves. Held operations whose predecessor never came are released after their five days."""
        for handset in self.handsets:
            handset.line.faults, handset.line.then, handset.line.stop = [], "", ""
            while handset.task is not None:
                handset.line.go_on()
                await self._until_quiet(handset)
            handset.clock_offset = timedelta(0)
        for form in self.forms:
            await self._set_form(form, is_retired=False)
        await self._hand_in()
        for person in list(self.model.server.suspended):
            await self._resume(person)
        await self._sync_all()
        CLOCK.now += timedelta(days=6)
        await release_overdue(self.bureau)
        await self._sync_all()
        await self._hear_at_last()
        await self._sync_all()
        await self._read_all_rx()

    async def _sync_all(self) -> None:
        for _ in range(6):
            head = await self._head()
            for handset in self.handsets:
                if handset not in self.alive():
                    continue
                while not await self._attempt(handset, "sync") and handset.is_unknown:
                    await self._enrol_again(handset)
                await self._look()
            if head == await self._head():
                return
        raise AssertionError("the phones do not come to rest")
