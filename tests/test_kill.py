"""The server is killed in the middle of pushes, again and again: what it had answered is there afterwards, once."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from sync.identity import new_id
from sync.phone import Offline, Phone
from tests.conftest import ON_POSTGRES, POSTGRES, in_maintenance
from tests.test_walk import ROOT, free_port, wait_until_answers

PHONES = 4
AT_ONCE = 5
"""Records a phone writes before it pushes."""
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


class House:
    """A server in a process of its own that can be killed like a machine that loses its power."""

    def __init__(self, folder: Path, database: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QIFANG_")}
        self.environment = kept | {
            "PYTHONPATH": str(ROOT),
            "QIFANG_DATA": str(folder),
            "QIFANG_DATABASE": database,
            "QIFANG_PORT": str(self.port),
            "QIFANG_PASSWORD_MEMORY_MIB": "1",
            "QIFANG_LOG_LEVEL": "error",
        }
        self.process: subprocess.Popen | None = None

    def run(self, *command: str) -> Any:
        done = subprocess.run(
            [sys.executable, *command], env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert done.stdout, done.stderr
        return msgspec.json.decode(done.stdout)

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "serve"],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until_answers(self.process, self.port, self.log)

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    name = f"qifang_kill_{os.getpid()}"
    if ON_POSTGRES:
        asyncio.run(in_maintenance(f"CREATE DATABASE {name}"))
    built = House(tmp_path, f"{POSTGRES.rsplit('/', 1)[0]}/{name}" if ON_POSTGRES else "")
    try:
        yield built
    finally:
        if built.process is not None and built.process.poll() is None:
            built.kill()
        if ON_POSTGRES:
            asyncio.run(in_maintenance(f"DROP DATABASE {name} WITH (FORCE)"))


class Field:
    """Phones that write and push without end; what they have been answered is kept here, outside of the server."""

    def __init__(self, house: House, folder: Path, codes: list[str]) -> None:
        self.house = house
        self.written: set[str] = set()
        self.answered: dict[str, str] = {}
        """Record → status of its operation."""
        self.refusals = 0
        self.is_over = False
        self.news = asyncio.Condition()
        self.phones = [self.phone(folder / f"phone-{n}.db") for n in range(len(codes))]

    def phone(self, store: Path) -> Phone:
        async def soon(_: float) -> None:
            await asyncio.sleep(0.01)

        return Phone(store, httpx.AsyncClient(base_url=self.house.address), sleep=soon)

    async def work(self, phone: Phone) -> None:
        operations: dict[str, str] = {}
        while not self.is_over:
            for _ in range(AT_ONCE):
                record = new_id()
                self.written.add(str(record))
                operations[str(phone.do("record.submit", record, filled(len(self.written))))] = str(record)
            await self.push(phone, operations)
        while len(phone.db.execute("SELECT 1 FROM operation WHERE result IS NULL").fetchall()):
            await self.push(phone, operations)

    async def push(self, phone: Phone, operations: dict[str, str]) -> None:
        try:
            results = await phone.push()
        except Offline:
            self.refusals += 1
            return
        async with self.news:
            for result in results:
                record = operations[str(result.id)]
                assert self.answered.setdefault(record, result.status) == result.status
            self.news.notify_all()

    async def answers(self, count: int) -> None:
        """Waits until so many more records have been answered."""
        wanted = len(self.answered) + count
        async with self.news:
            await self.news.wait_for(lambda: len(self.answered) >= wanted)


def filled(staff: int) -> dict[str, Any]:
    return {
        "form": "pulse",
        "version": "1",
        "filled_at": "2026-11-20T10:00:00+08:00",
        "answers": {"staff": staff, "remark": "一切正常"},
    }


async def records(house: House, token: str) -> list[str]:
    """The ids of all records there are, page by page."""
    found, after = [], None
    async with httpx.AsyncClient(base_url=house.address, headers={"Authorization": f"Bearer {token}"}) as desk:
        while True:
            answer = await desk.get("/v1/records", params={"limit": 200} | ({"after": after} if after else {}))
            assert answer.status_code == 200, answer.text
            found += [line["id"] for line in answer.json()["items"]]
            after = answer.json()["next"]
            if after is None:
                return found


async def storm(house: House, folder: Path, kills: int) -> None:
    told = await asyncio.to_thread(house.run, "-c", SETTING_UP.replace("COUNT", str(PHONES + 1)))
    await asyncio.to_thread(house.start)
    field = Field(house, folder, told["codes"][:PHONES])
    for phone, code in zip(field.phones, told["codes"], strict=False):
        await phone.enrol(code)
    working = [asyncio.create_task(field.work(phone)) for phone in field.phones]
    chance = random.Random(2026)
    for _ in range(kills):
        await field.answers(chance.randint(1, 60))
        for _ in range(chance.randint(0, 40)):  # somewhere between two answers
            await asyncio.sleep(0)
        house.kill()
        await asyncio.to_thread(house.start)
    field.is_over = True
    await asyncio.gather(*working)

    assert field.refusals > 0, "no push was ever interrupted"
    assert set(field.answered) == field.written
    assert set(field.answered.values()) == {"applied"}
    assert sorted(await records(house, told["token"])) == sorted(field.written)
    fresh = field.phone(folder / "fresh.db")
    await fresh.enrol(told["codes"][-1])
    await fresh.pull()
    assert {str(id) for id in fresh.rows("record")} == field.written
    for phone in [*field.phones, fresh]:
        await phone.client.aclose()
        phone.close()
    findings = await asyncio.to_thread(house.run, "-m", "server.cli", "doctor", "--json")
    states = {finding["name"]: finding["state"] for finding in findings}
    assert (states["audit chain"], states["quarantine"], states["migrations"]) == ("ok", "ok", "ok"), findings


def test_what_was_answered_is_there_once_after_the_server_was_killed_in_the_middle(house, tmp_path):
    asyncio.run(storm(house, tmp_path, kills=3))


@pytest.mark.long
def test_what_was_answered_is_there_once_after_thirty_kills(house, tmp_path):
    asyncio.run(storm(house, tmp_path, kills=30))
