"""Many reference phones at once against one server, on bad lines; afterwards nothing may be lost, doubled or different.

The phones fill in visit records and think between them, but only on paper: `minutes` is their time, which runs as fast as
the server answers. What the line does to them is real: answers lost after the commit, requests lost, requests sent twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct

from forms.definition import Form
from forms.evaluate import Table, compile_form
from server.settings import settings
from server.simulation.answers import Respondent
from server.simulation.line import Line
from sync.bulk import among, ids
from sync.identity import new_id
from sync.phone import Answered, Offline, Phone
from sync.transaction import fetch

FORM = "visit_record"
THINKS_SECONDS = (5, 40)
"""Between two records, on the phone's own time."""
TIMEOUT_SECONDS = 60
TURNS_OFFLINE, SYNCS, HAS_PHOTO = 0.3, 0.6, 0.2
PHOTO_BYTES = (2_000, 30_000)
VIOLATIONS_MAX = 50


class Offer(Struct, frozen=True):
    """Two enrolment codes of one person: for the phone that works, and for the fresh one it is compared with."""

    login: str
    code: str
    fresh_code: str


class Outcome(Struct, kw_only=True):
    """What happened. `violations` must be empty."""

    seed: int
    phones: int
    minutes: float
    records: int = 0
    photos: int = 0
    pushes: int = 0
    applied: int = 0
    duplicates: int = 0
    """Operations the server had already, told again with their first result."""
    cuts: int = 0
    lost: int = 0
    seconds: float = 0
    push_p50_ms: float = 0
    push_p99_ms: float = 0
    violations: list[str] = []


class Left(Struct, frozen=True):
    """What a simulation leaves on the server: its records stay, its devices should not."""

    records: list[UUID]
    devices: list[UUID]


class Unable(Exception):
    """The bureau has nothing to simulate with."""


class Worker:
    """One person with one phone, and what that phone is sure to have said."""

    def __init__(self, offer: Offer, inner: httpx.AsyncBaseTransport, address: str, chance: Random) -> None:
        self.offer = offer
        self.chance = chance
        self.line = Line(inner, chance)
        self.address = address
        self.phone = self._phone(self.line)
        self.records: dict[UUID, Any] = {}
        self.devices: list[UUID] = []
        self.photos = 0

    def _phone(self, line: httpx.AsyncBaseTransport) -> Phone:
        client = httpx.AsyncClient(transport=line, base_url=self.address, timeout=TIMEOUT_SECONDS)
        return Phone(":memory:", client, sleep=_no_wait)

    async def begin(self) -> None:
        """Enrols, and reads what a phone needs before it can work. A bad line may need several tries."""
        self.line.is_mended = True
        self.devices.append((await self.phone.enrol(self.offer.code, "simulated")).device)
        await self.phone.pull()
        self.line.is_mended = False
        form = next((row for row in self.phone.rows("form").values() if row["form_id"] == FORM), None)
        self.firms = sorted(self.phone.rows("enterprise"), key=str)
        if form is None or not self.firms:
            raise Unable(f"{self.offer.login} has no form {FORM} or no enterprise to visit")
        names = self.phone.rows("enterprise_name").items()
        lists = {"enterprises": Table({"name": str(id), "label": row["name"]} for id, row in names)}
        self.version = form["version"]
        self.respondent = Respondent(compile_form(msgspec.convert(form["definition"], Form)), self.chance, lists)

    async def work(self, seconds: float, on_progress: Callable[[float], None]) -> None:
        """Fills in and now and then synchronises, until so many seconds of its own time have passed."""
        left = seconds
        while left > 0:
            thought = min(left, self.chance.uniform(*THINKS_SECONDS))
            left -= thought
            self._visit()
            self.line.is_online = self.chance.random() >= TURNS_OFFLINE
            if self.line.is_online and self.chance.random() < SYNCS:
                await self._sync()
            on_progress(thought)

    async def _sync(self) -> None:
        with suppress(Offline):  # what the queue still holds goes next time
            await self.phone.sync()

    def _visit(self) -> None:
        now = self.phone.clock().astimezone(settings.timezone)
        record, firm = new_id(), self.chance.choice(self.firms)
        given = {"in_registry": "yes", "enterprise": str(firm), "visit_date": now.date().isoformat()}
        answers = self.respondent.answer(now, given)
        attachments = []
        if self.chance.random() < HAS_PHOTO:
            content = b"\xff\xd8\xff\xe0" + self.chance.randbytes(self.chance.randrange(*PHOTO_BYTES))
            attachments.append({"id": self.phone.attach(record, "visit.jpg", content), "name": "visit.jpg"})
            answers.setdefault("closing", {})["photos"] = [{"photo": "visit.jpg"}]
            self.photos += 1
        args = {
            "form": FORM,
            "version": self.version,
            "answers": answers,
            "filled_at": now,
            "enterprise": firm,
            "attachments": attachments,
        }
        self.phone.do("record.submit", record, args)
        self.records[record] = answers

    async def come_home(self) -> None:
        """Everything is sent and received on a good line."""
        self.line.is_online = self.line.is_mended = True
        await self.phone.sync()

    async def look_back(self) -> list[str]:
        """What is not as it should be on this phone, beside a fresh one of the same person."""
        await self.phone.pull()
        fresh = self._phone(self.line)
        self.devices.append((await fresh.enrol(self.offer.fresh_code, "simulated, fresh")).device)
        await fresh.pull()
        wrong = [*self.line.differing, *self._unanswered(), *self._different(fresh)]
        held = fresh.rows("record")
        for record, answers in self.records.items():
            if record not in held:
                wrong.append(f"record {record} is not on the server")
            elif held[record]["answers"] != answers:
                wrong.append(f"record {record} has other answers on the server")
        await fresh.client.aclose()
        fresh.close()
        return [f"{self.offer.login}: {one}" for one in wrong]

    def _unanswered(self) -> list[str]:
        wrong = [f"operation {id} was never answered" for id in self.phone.unsent()]
        if self.phone.db.execute("SELECT 1 FROM file WHERE is_stored = 0").fetchone():
            wrong.append("a photo was never stored")
        for row in self.phone.db.execute("SELECT id, result FROM operation WHERE result IS NOT NULL"):
            result = msgspec.json.decode(row["result"])
            if result["status"] != "applied":
                wrong.append(f"operation {row['id']} was {result['status']}: {result.get('code')}")
        return wrong

    def _different(self, fresh: Phone) -> list[str]:
        sql = "SELECT kind, id, body FROM row ORDER BY kind, id"
        ours, theirs = (
            {(row["kind"], row["id"]): row["body"] for row in one.db.execute(sql)} for one in (self.phone, fresh)
        )
        return [
            f"{kind} {id} differs from what a fresh phone gets"
            for kind, id in sorted(ours.keys() | theirs.keys())
            if ours.get((kind, id)) != theirs.get((kind, id))
        ]

    async def close(self) -> None:
        await self.phone.client.aclose()
        self.phone.close()


async def simulate(
    offers: Sequence[Offer],
    *,
    inner: httpx.AsyncBaseTransport,
    address: str,
    minutes: float,
    seed: int,
    on_progress: Callable[[float], None] = lambda seconds: None,
) -> tuple[Outcome, Left]:
    """The outcome, and what to look for on the server (`stored_otherwise`) and to clear away."""
    begun = time.perf_counter()
    workers = [
        Worker(offer, inner, address, Random(f"{seed}/{number}"))  # noqa: S311 - a play, no secrets
        for number, offer in enumerate(offers)
    ]
    outcome = Outcome(seed=seed, phones=len(workers), minutes=minutes)
    try:
        await asyncio.gather(*(worker.begin() for worker in workers))
        await asyncio.gather(*(worker.work(minutes * 60, on_progress) for worker in workers))
        await asyncio.gather(*(worker.come_home() for worker in workers))
        for worker in workers:
            outcome.violations.extend(await worker.look_back())
    except Answered as no:
        outcome.violations.append(f"the server refused a request: {no} {no.problem.get('detail', '')}")
    finally:
        for worker in workers:
            await worker.close()
    outcome.seconds = round(time.perf_counter() - begun, 2)
    _count(outcome, workers)
    records = [record for worker in workers for record in worker.records]
    return outcome, Left(records, [device for worker in workers for device in worker.devices])


def _count(outcome: Outcome, workers: Sequence[Worker]) -> None:
    pushes = sorted(seconds for worker in workers for seconds in worker.line.push_seconds)
    outcome.records = sum(len(worker.records) for worker in workers)
    outcome.photos = sum(worker.photos for worker in workers)
    outcome.pushes = len(pushes)
    outcome.duplicates = sum(worker.line.duplicates for worker in workers)
    outcome.cuts = sum(worker.line.cuts for worker in workers)
    outcome.lost = sum(worker.line.lost for worker in workers)
    if pushes:
        outcome.push_p50_ms = round(pushes[len(pushes) // 2] * 1000, 1)
        outcome.push_p99_ms = round(pushes[min(len(pushes) - 1, len(pushes) * 99 // 100)] * 1000, 1)


async def stored_otherwise(outcome: Outcome, records: Sequence[UUID]) -> None:
    """Looks into the database: every record is there once, in one version, from one operation. Adds what is not so."""
    found = await fetch(
        "SELECT record, count(*) FROM record_version JOIN sync_operation ON sync_operation.id = record_version.id"
        f" WHERE record {among(1)} GROUP BY record",
        [ids(records)],
    )
    times = {UUID(str(row[0])): int(row[1]) for row in found}
    outcome.applied = sum(times.values())
    outcome.violations.extend(
        f"record {record} is stored {times.get(record, 0)} times" for record in records if times.get(record, 0) != 1
    )
    del outcome.violations[VIOLATIONS_MAX:]


async def _no_wait(_: float) -> None:
    """Phones of a simulation do not wait before they try again."""
    await asyncio.sleep(0)
