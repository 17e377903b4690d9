"""A product in processes of its own that can be hurt, and phones that work on it meanwhile.

What the phones were answered is kept here, outside of the servers; `survives` compares it with what is there in the end.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec

from sync.identity import new_id
from sync.phone import Offline, Phone
from tests.test_walk import ROOT, free_port, wait_until_answers

AT_ONCE = 5
"""Records a phone writes before it pushes."""
PATIENCE_SECONDS = 120
"""How long phones may take to agree with the servers once the trouble is over."""
WAIT_SECONDS_MAX = 0.1
PHOTO = (ROOT / "docs/walk/gate.jpg").read_bytes()
SETTING_UP = """
import asyncio, json
from server import wiring
from server.devices.actions import offer_enrolment
from server.migrate import migrate
from server.people.actions import NewPerson, add_person, found_bureau
from server.questionnaires.actions import publish_form
from server.sessions.actions import open_session_of
from sync.transaction import engine
from tests.server.workbooks import PULSE, workbook

async def main():
    await engine().start()
    await migrate()
    wiring.connect()
    system = await found_bureau("donghu", "东湖区中小企业服务局")
    await add_person(system, NewPerson(login="zhou", name="周访", unit="donghu", roles=("commissioner",)))
    sun = await add_person(system, NewPerson(login="sun", name="孙督", unit="donghu", roles=("supervisor",)))
    await publish_form(system, workbook(PULSE), "pulse.xlsx")
    codes = [(await offer_enrolment(system, "zhou")).code for _ in range(COUNT)]
    print(json.dumps({"codes": codes, "token": await open_session_of(system.bureau, sun.id, by_console=True)}))
    await engine().close()

asyncio.run(main())
"""
Trouble = Callable[["Field"], Awaitable[None]]


class House:
    """As many server processes as wanted on one database and one data folder."""

    def __init__(self, folder: Path, database: str, servers: int, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.ports = [free_port() for _ in range(servers)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QIFANG_")}
        self.environment = kept | {
            "PYTHONPATH": str(ROOT),
            "QIFANG_DATA": str(folder),
            "QIFANG_DATABASE": database,
            "QIFANG_PASSWORD_MEMORY_MIB": "1",
            "QIFANG_LOG_LEVEL": "error",
        }
        self.around = environment or {}
        """Set for the servers alone."""
        self.processes: list[subprocess.Popen | None] = [None] * servers

    @property
    def addresses(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def run(self, *command: str) -> Any:
        done = subprocess.run(
            [sys.executable, *command], env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert done.stdout, done.stderr
        return msgspec.json.decode(done.stdout)

    def start(self, which: int) -> None:
        path = self.folder.parent / f"{self.folder.name}-server-{which}.log"
        with path.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "serve"],
                env=self.environment | self.around | {"QIFANG_PORT": str(self.ports[which])},
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[which] = process
        wait_until_answers(process, self.ports[which], path)

    def start_all(self) -> None:
        for which in range(len(self.ports)):
            self.start(which)

    def kill(self, which: int) -> None:
        """As a machine that loses its power: nothing of the process is left to tidy up."""
        process = self.processes[which]
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill_all(self) -> None:
        for which in range(len(self.processes)):
            self.kill(which)


class AnyServer(httpx.AsyncBaseTransport):
    """What a load balancer does: each request goes to one of the servers, dead or alive."""

    def __init__(self, ports: list[int], chance: random.Random) -> None:
        self.ports = ports
        self.chance = chance
        self.line = httpx.AsyncHTTPTransport()
        self.failures = 0
        """Requests that had no answer, or one that says the server cannot."""
        self.bugs: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=self.chance.choice(self.ports))
        try:
            answer = await self.line.handle_async_request(request)
        except httpx.TransportError:
            self.failures += 1
            raise
        self.failures += answer.status_code >= 500
        if answer.status_code == 500:
            self.bugs.append((await answer.aread()).decode())
        return answer

    async def aclose(self) -> None:
        await self.line.aclose()


class Field:
    """Phones that write and push without end."""

    def __init__(self, house: House, folder: Path, phones: int) -> None:
        self.house = house
        self.folder = folder
        self.chance = random.Random(2026)
        self.written: set[str] = set()
        self.photos: dict[UUID, bytes] = {}
        self.answered: dict[str, str] = {}
        """Record → status of its operation."""
        self.is_over = False
        self.news = asyncio.Condition()
        self.lines: list[AnyServer] = []
        self.phones = [self.phone(f"phone-{n}") for n in range(phones)]

    @property
    def interruptions(self) -> int:
        return sum(line.failures for line in self.lines)

    def phone(self, name: str) -> Phone:
        async def soon(seconds: float) -> None:
            await asyncio.sleep(min(seconds, WAIT_SECONDS_MAX))

        line = AnyServer(self.house.ports, self.chance)
        self.lines.append(line)
        client = httpx.AsyncClient(transport=line, base_url=self.house.addresses[0], timeout=20)
        return Phone(self.folder / f"{name}.db", client, sleep=soon)

    async def work(self, phone: Phone) -> None:
        operations: dict[str, str] = {}
        while not self.is_over:
            for _ in range(AT_ONCE):
                record = new_id()
                self.written.add(str(record))
                operations[str(phone.do("record.submit", record, filled(len(self.written))))] = str(record)
            content = PHOTO + record.bytes  # a picture of its own
            self.photos[phone.attach(record, "gate.jpg", content)] = content
            await self.deliver(phone, operations)
        while not await self.deliver(phone, operations):
            pass

    async def deliver(self, phone: Phone, operations: dict[str, str]) -> bool:
        """Everything this phone has, as far as it comes. True when nothing is left."""
        try:
            for result in await phone.push():
                record = operations[str(result.id)]
                assert self.answered.setdefault(record, result.status) == result.status
            await phone.upload_files()
        except Offline:
            return False
        finally:
            async with self.news:
                self.news.notify_all()
        return True

    async def answers(self, count: int) -> None:
        """Waits until so many more records have been answered."""
        wanted = len(self.answered) + count
        await self._until(lambda: len(self.answered) >= wanted)

    async def failures(self, count: int) -> None:
        """Waits until so many more requests have found no server, or none that could."""
        wanted = self.interruptions + count
        await self._until(lambda: self.interruptions >= wanted)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(is_so), PATIENCE_SECONDS)


def filled(staff: int) -> dict[str, Any]:
    return {
        "form": "pulse",
        "version": "1",
        "filled_at": "2026-11-20T10:00:00+08:00",
        "answers": {"staff": staff, "remark": "一切正常"},
    }


async def records(desk: httpx.AsyncClient) -> list[str]:
    """The ids of all records there are, page by page."""
    found, after = [], None
    while True:
        answer = await desk.get("/v1/records", params={"limit": 200} | ({"after": after} if after else {}))
        assert answer.status_code == 200, answer.text
        found += [line["id"] for line in answer.json()["items"]]
        after = answer.json()["next"]
        if after is None:
            return found


async def survives(house: House, folder: Path, phones: int, trouble: Trouble) -> None:
    """Phones work while `trouble` happens. Afterwards, without anybody's help: everything that was written is there, once;
    every answer ever given still holds; every photo is whole; a fresh phone and the old ones see the same."""
    told = await asyncio.to_thread(house.run, "-c", SETTING_UP.replace("COUNT", str(phones + 1)))
    await asyncio.to_thread(house.start_all)
    field = Field(house, folder, phones)
    for phone, code in zip(field.phones, told["codes"], strict=False):
        await phone.enrol(code)
    working = [asyncio.create_task(field.work(phone)) for phone in field.phones]
    try:
        await trouble(field)
        field.is_over = True
        await asyncio.wait_for(asyncio.gather(*working), PATIENCE_SECONDS)
    finally:
        for task in working:
            task.cancel()

    assert field.interruptions > 0, "no phone was ever interrupted"
    assert [bug for line in field.lines for bug in line.bugs] == []
    assert set(field.answered) == field.written
    assert set(field.answered.values()) == {"applied"}
    fresh = field.phone("fresh")
    await fresh.enrol(told["codes"][-1])
    for phone in (fresh, field.phones[0]):
        await phone.pull()
        assert {str(id) for id in phone.rows("record")} == field.written
    headers = {"Authorization": f"Bearer {told['token']}"}
    async with httpx.AsyncClient(base_url=house.addresses[0], headers=headers) as desk:
        assert sorted(await records(desk)) == sorted(field.written)
        for photo, content in field.photos.items():
            answer = await desk.get(f"/v1/files/{photo}")
            assert (answer.status_code, answer.content) == (200, content)
    for phone in [*field.phones, fresh]:
        await phone.client.aclose()
        phone.close()
    findings = await asyncio.to_thread(house.run, "-m", "server.cli", "doctor", "--json")
    states = {finding["name"]: finding["state"] for finding in findings}
    assert (states["audit chain"], states["quarantine"], states["migrations"]) == ("ok", "ok", "ok"), findings
