"""A client in another language, written from docs/sync.md alone, beside the reference phone of the same person: after a day on a
bad line, restored from an old copy of itself, it holds the same rows, and nothing its person recorded is lost."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec

from sync.phone import Phone
from tests.clients.node import Conversation, node
from tests.clients.test_rxdb import ANOTHER_HISTORY
from tests.conftest import ON_POSTGRES
from tests.crash.conftest import own_database
from tests.crash.house import PHOTO, House, filled, records
from tests.proxy import Proxy
from tests.test_walk import ROOT

FIRMS = 12
STREAMS = {"QIFANG_EVENTS_POLL_SECONDS": "1", "QIFANG_EVENTS_HEARTBEAT_SECONDS": "1"}
BAD = {"cut_after": 12_000, "refuse": 0.1}
IN_HASTE = {"patience": 3000, "silence": 3000}
"""Milliseconds: node's fetch may wait for ever when it is hung up on at once."""
SETTING_UP = """
import asyncio, json
from server import wiring
from server.devices.actions import offer_enrolment
from server.enterprises.actions import NewEnterprise, add_enterprise
from server.enterprises.assignments.actions import assign_enterprise
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
    zhou = await add_person(system, NewPerson(login="zhou", name="周访", unit="donghu", roles=("commissioner",)))
    sun = await add_person(system, NewPerson(login="sun", name="孙督", unit="donghu", roles=("supervisor",)))
    await publish_form(system, workbook(PULSE), "pulse.xlsx")
    firms = []
    for n in range(FIRMS):
        firm = await add_enterprise(system, NewEnterprise(name=f"东湖精工{n:02}厂", region="360102", facts={"staff": "40"}))
        firms.append(str(firm.id))
        await assign_enterprise(system, firm.id, zhou.id)
    codes = [(await offer_enrolment(system, "zhou")).code for _ in range(2)]
    token = await open_session_of(system.bureau, sun.id, by_console=True)
    print(json.dumps({"firms": firms, "codes": codes, "token": token, "zhou": str(zhou.id), "bureau": str(system.bureau)}))
    await engine().close()

asyncio.run(main())
""".replace("FIRMS", str(FIRMS))


@contextmanager
def standing(folder: Path) -> Iterator[House]:
    """One server on SQLite, two on PostgreSQL: there the desk speaks to another than the app."""
    folder.mkdir()
    with own_database() as database:
        house = House(folder, database, 2 if ON_POSTGRES else 1, STREAMS)
        try:
            yield house
        finally:
            house.kill_all()


class App:
    """The app in its process; `restart` begins another on the same store, or on an old copy of it."""

    def __init__(self, store: Path, address: str) -> None:
        self.store = store
        self.told = {"path": str(store), "server": address, "limit": 7, "part_bytes": 900, "haste": 20} | IN_HASTE
        self.hand = Conversation("hand.mjs", self.told)

    async def ask(self, do: str, **words: Any) -> Any:
        return await self.hand.ask({"do": do, **words})

    async def submit(self, firm: str, staff: int) -> str:
        args = filled(staff) | {"enterprise": firm}
        return (await self.ask("do", op="record.submit", target=str(uuid4()), args=args, kind="record"))["target"]

    async def restart(self, old: Path | None = None) -> None:
        await self.hand.__aexit__(None, None, None)
        if old:
            shutil.copy(old, self.store)
        self.hand = await Conversation("hand.mjs", self.told).__aenter__()

    async def __aenter__(self) -> "App":
        await self.hand.__aenter__()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.hand.__aexit__(None, None, None)


class Bureau:
    """What a day needs besides the app: the supervisor's desk, and the reference phone of the same person."""

    def __init__(self, house: House, told: dict[str, Any], store: Path) -> None:
        headers = {"Authorization": f"Bearer {told['token']}"}
        self.told = told
        self.store = store
        self.firms: list[str] = told["firms"]
        self.desk = httpx.AsyncClient(base_url=house.addresses[-1], headers=headers, timeout=30)
        self.phone = Phone(store, httpx.AsyncClient(base_url=house.addresses[0], timeout=30))

    async def set(self, firm: str, **values: str) -> None:
        answer = await self.desk.patch(f"/v1/enterprises/{firm}", json={"set": values})
        assert answer.is_success, answer.text

    async def take_away(self, firm: str) -> None:
        (found,) = (await self.desk.get(f"/v1/enterprises/{firm}/assignments")).json()
        assert (await self.desk.delete(f"/v1/assignments/{found['id']}")).is_success

    async def facts(self, firm: str) -> dict[str, Any]:
        return (await self.desk.get(f"/v1/enterprises/{firm}")).json()["facts"]

    async def content(self, file: str) -> bytes:
        answer = await self.desk.get(f"/v1/files/{file}")
        assert answer.status_code == 200, answer.text
        return answer.content

    async def agrees(self, app: App) -> dict[str, Any]:
        """The app holds what the reference phone holds, number by number. What the app holds, and knows of itself."""
        await app.ask("sync")
        assert await app.ask("check") == []
        await self.phone.pull()
        state = await app.ask("state")
        held = {(row["kind"], row["id"]): row["v"] for row in state["rows"].values()}
        with sqlite3.connect(self.store) as memory:
            assert held == {(kind, id): v for kind, id, v in memory.execute("SELECT kind, id, v FROM row")}
        assert held
        return state

    async def aclose(self) -> None:
        await self.desk.aclose()
        await self.phone.client.aclose()
        self.phone.close()


async def a_day(house: House, folder: Path) -> None:
    told = await asyncio.to_thread(house.run, "-c", SETTING_UP)
    await asyncio.to_thread(house.start_all)
    bureau = Bureau(house, told, folder / "reference.phone")
    await bureau.phone.enrol(told["codes"][0])
    async with (
        Proxy(house.ports[0], seed=2026, **BAD) as line,
        App(folder / "zhou.json", line.address) as app,
    ):
        await app.ask("enrol", code=told["codes"][1])
        await play(house, bureau, line, app)
        assert line.cuts > 0
    await bureau.aclose()


async def play(house: House, bureau: Bureau, line: Proxy, app: App) -> None:
    firms = bureau.firms
    state = await bureau.agrees(app)
    assert sum(row["kind"] == "enterprise" for row in state["rows"].values()) == FIRMS

    # records, a photo in parts, edits on top of each other, and what the server does not know, with what depends on it
    written = [await app.submit(firms[n % 4], n) for n in range(30)]
    photo = app.store.with_name("gate.jpg")
    photo.write_bytes(PHOTO + b"the first")
    first = (await app.ask("attach", record=written[0], name="门头.jpg", file=str(photo)))["id"]
    for staff in ("51", "52"):
        await app.ask("edit", kind="enterprise", id=firms[1], set={"staff": staff})
    strange = await app.ask("do", op="enterprise.dance", target=firms[1], args={})
    note = {"text": "见照片"}
    waits = await app.ask("do", op="issue.note", target=str(uuid4()), args=note, more={"prev": strange["id"]})
    state = await bureau.agrees(app)
    assert {state["results"][operation["id"]]["status"] for operation in (strange, waits)} == {"rejected", "held"}
    assert (await bureau.facts(firms[1]))["staff"] == "52"
    assert await bureau.content(first) == photo.read_bytes()
    old = app.store.with_name("old.json")
    shutil.copy(app.store, old)

    # offline: one field in two hands, and an edit of a firm that is taken away meanwhile: it stays, read-only
    line.refuse = 1.0
    await line.cut_all()
    await app.ask("edit", kind="enterprise", id=firms[2], set={"staff": "62"})
    await app.ask("edit", kind="enterprise", id=firms[3], set={"staff": "63"})
    await bureau.set(firms[2], staff="72")
    await bureau.take_away(firms[3])
    assert "offline" in await app.ask("try")
    line.refuse = 0.1
    await app.ask("pull")
    assert (await app.ask("state"))["rows"][f"enterprise/{firms[3]}"]["isLeaving"] is True
    state = await bureau.agrees(app)
    assert f"enterprise/{firms[3]}" not in state["rows"]
    kept = {row["kind"]: row["d"] for row in state["rows"].values() if row["kind"] in ("conflict", "quarantine")}
    assert kept["conflict"]["conflict"]["fields"]["staff"]["phone"] == "62"
    assert (await bureau.facts(firms[2]))["staff"] == "72"

    # news come by themselves
    waiting = asyncio.create_task(app.ask("news"))
    await bureau.set(firms[5], staff="75")
    await waiting
    assert (await app.ask("state"))["rows"][f"enterprise/{firms[5]}"]["d"]["facts"]["staff"] == "75"

    # the store is put back as it was in the morning, and the person goes on: both histories are there
    written += [await app.submit(firms[0], n) for n in range(5)]
    await app.ask("sync")
    await app.restart(old)
    written += [await app.submit(firms[0], n) for n in range(5)]
    photo.write_bytes(PHOTO + b"the second")
    second = (await app.ask("attach", record=written[-1], name="门头.jpg", file=str(photo)))["id"]
    state = await bureau.agrees(app)
    assert len(state["former"]) == 1
    assert await bureau.content(second) == photo.read_bytes()
    assert sorted(await records(bureau.desk)) == sorted(written)

    # a row goes missing on the phone, and the digest tells; a cursor is damaged
    await app.ask("lose", key=f"enterprise/{firms[6]}")
    assert len(await app.ask("check")) > 0
    await app.ask("spoil", cursor="abc")
    await bureau.agrees(app)

    # the server has another history: what is gone goes only when all was read, work that waits stays
    await asyncio.to_thread(house.run, "-c", ANOTHER_HISTORY.replace("BUREAU", bureau.told["bureau"]))
    await bureau.take_away(firms[7])
    written.append(await app.submit(firms[0], 99))
    await bureau.agrees(app)
    assert sorted(await records(bureau.desk)) == sorted(written)

    # the phone is revoked with work on it: the work is handed in, and nothing is left on the phone
    photo.write_bytes(PHOTO + b"the last")
    last = await app.submit(firms[0], 100)
    await app.ask("attach", record=last, name="门头.jpg", file=str(photo))
    await asyncio.to_thread(console, house, "device", "revoke", (await app.ask("state"))["device"])
    await app.ask("sync")
    state = await app.ask("state")
    assert [state[name] for name in ("queue", "journal", "files", "rows", "results")] == [[], [], [], {}, {}]
    waiting = (await bureau.desk.get("/v1/quarantine", params={"code": "device.revoked"})).json()["items"]
    assert [item["target"] for item in waiting] == [last]
    assert sorted(await records(bureau.desk)) == sorted(written)


def test_a_client_written_from_the_page_holds_what_the_reference_holds(tmp_path):
    node()
    with standing(tmp_path / "data") as house:
        asyncio.run(a_day(house, tmp_path))


def console(house: House, *words: str) -> None:
    command = [sys.executable, "-m", "server.cli", *words]
    done = subprocess.run(command, env=house.environment, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


async def before(house: House, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Work on a server that is backed up in between, and a phone that forks afterwards. What there is, and what was written."""
    told = await asyncio.to_thread(house.run, "-c", SETTING_UP)
    await asyncio.to_thread(house.start_all)
    old, photo = folder / "old.json", folder / "gate.jpg"
    photo.write_bytes(PHOTO)
    async with Proxy(house.ports[0], seed=7, **BAD) as line, App(folder / "zhou.json", line.address) as app:
        await app.ask("enrol", code=told["codes"][0])
        await app.ask("sync")
        shutil.copy(app.store, old)
        written = [await app.submit(told["firms"][0], n) for n in range(6)]
        await app.ask("sync")
        await asyncio.to_thread(console, house, "backup", str(folder / "backup.tar.gz"))
        await app.restart(old)
        written += [await app.submit(told["firms"][0], n) for n in range(9)]
        await app.ask("attach", record=written[-1], name="门头.jpg", file=str(photo))
        await app.ask("sync")
        state = await app.ask("state")
        assert (len(state["former"]), state["answered"]) == (1, 9)
    return told, written


async def after(house: House, folder: Path, told: dict[str, Any], written: list[str]) -> None:
    """The server has forgotten the fork and all it did: it gets everything again, and the photo."""
    await asyncio.to_thread(house.start_all)
    bureau = Bureau(house, told, folder / "reference.phone")
    await bureau.phone.enrol(told["codes"][1])
    async with Proxy(house.ports[0], seed=8, **BAD) as line, App(folder / "zhou.json", line.address) as app:
        written.append(await app.submit(told["firms"][0], 99))
        state = await bureau.agrees(app)
        assert (state["former"], [file["trouble"] for file in state["files"]]) == ([], [None])
        assert sorted(await records(bureau.desk)) == sorted(written)
        assert await bureau.content(state["files"][0]["id"]) == PHOTO
    await bureau.aclose()


def test_a_server_that_was_restored_gets_everything_again(tmp_path):
    node()
    with standing(tmp_path / "data") as house:
        told, written = asyncio.run(before(house, tmp_path))
    with standing(tmp_path / "restored") as house:
        console(house, "restore", str(tmp_path / "backup.tar.gz"))
        asyncio.run(after(house, tmp_path, told, written))


class Portal:
    """Answers in turn what it was told, as (status, headers, body, whether it says our request id); keeps what it was asked."""

    def __init__(self, *answers: tuple[str, str, str, bool]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    async def __aenter__(self) -> "Portal":
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        self.asked.append(msgspec.json.decode(await reader.readexactly(int(headers["content-length"]))))
        status, more, body, is_ours = self.answers.pop(0)
        more += f"X-Request-Id: {headers['x-request-id']}\r\n" if is_ours else ""
        length = len(body.encode())
        writer.write(f"HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()


JSON, HTML = "Content-Type: application/json\r\n", "Content-Type: text/html\r\n"
LOGIN = "<html>请登录无线网络</html>"
ENROLLED = '{"device": "d", "token": "t", "person": "p", "bureau": "b"}'
BUSY = '{"status": 503, "code": "server.busy", "detail": "Busy"}'
WIPE = '{"status": 403, "code": "device_revoked", "details": {"wipe": true}}'


async def at_the_portal(store: Path) -> None:
    answers = [
        ("200 OK", HTML, LOGIN, False),
        ("200 OK", JSON, ENROLLED, True),
        ("200 OK", HTML, LOGIN, True),
        ("200 OK", JSON, '{"results": [], "have_n": 1}', False),
        ("403 Forbidden", JSON, WIPE, False),
        ("503 Service Unavailable", JSON + "Retry-After: 2\r\n", BUSY, True),
        ("429 Too Many Requests", JSON + "Retry-After: 2\r\n", BUSY, True),
    ]
    async with Portal(*answers) as portal, App(store, portal.address) as app:
        await app.ask("enrol", code="WCRRFLPXWYZR")
        assert portal.asked[0] == portal.asked[1]
        operation = await app.ask("do", op="record.submit", target=str(uuid4()), args=filled(1), kind="record")
        for _ in range(3):
            assert "offline" in await app.ask("try_push")
        result = {"id": operation["id"], "status": "applied"}
        done = {"results": [result], "server_time": "2026-11-20T02:00:00Z", "have_n": 1}
        portal.answers.append(("200 OK", JSON, msgspec.json.encode(done).decode(), True))
        assert await app.ask("try_push") == {}
        assert portal.answers == []
        assert [push["operations"] for push in portal.asked[2:]] == [[{"n": 1} | operation]] * 6
        state = await app.ask("state")
        assert (state["queue"], state["results"]) == ([], {operation["id"]: result})
        assert state["isRevoked"] is False


def test_what_is_no_answer_of_the_server_changes_nothing(tmp_path):
    node()
    asyncio.run(at_the_portal(tmp_path / "zhou.json"))


async def at_a_narrow_door(house: House, folder: Path) -> None:
    """A server that takes less at once, a firm that becomes another while it is edited, and a protocol that retires."""
    told = await asyncio.to_thread(house.run, "-c", SETTING_UP)
    await asyncio.to_thread(house.start_all)
    bureau = Bureau(house, told, folder / "reference.phone")
    await bureau.phone.enrol(told["codes"][0])
    firms = told["firms"]
    async with App(folder / "zhou.json", house.addresses[0]) as app:
        await app.ask("enrol", code=told["codes"][1])
        await bureau.agrees(app)
        kept = {"text": "走访" * 50_000}
        made = [await app.ask("do", op="enterprise.dance", target=str(uuid4()), args=kept) for _ in range(12)]
        await app.ask("edit", kind="enterprise", id=firms[8], set={"remark": "门在北面"})
        merged = await bureau.desk.post(f"/v1/enterprises/{firms[8]}/merge", json={"into": firms[9]})
        assert merged.is_success, merged.text
        state = await bureau.agrees(app)
        assert state["carries"] < 8 * 1024 * 1024
        assert {state["results"][operation["id"]]["status"] for operation in made} == {"rejected"}
        assert state["redirects"][f"enterprise_name/{firms[8]}"] == firms[9]
        assert not {f"enterprise_name/{firms[8]}", f"enterprise/{firms[8]}"} & set(state["rows"])
        assert (await bureau.facts(firms[9]))["remark"] == "门在北面"

        await asyncio.to_thread(house.kill_all)
        house.around["QIFANG_PROTOCOL_1_RETIRES_ON"] = str(date.today() - timedelta(days=2))
        await asyncio.to_thread(house.start_all)
        last = await app.submit(firms[0], 99)
        await bureau.set(firms[1], staff="99")
        assert await app.ask("try") == {"done": True}
        state = await app.ask("state")
        assert state["mustUpdate"]["client_version_min"] == "-"
        assert (state["queue"], state["results"][state["journal"][-1]["operation"]["id"]]["status"]) == ([], "applied")
        assert state["rows"][f"enterprise/{firms[1]}"]["d"]["facts"]["staff"] != "99"
        assert last in await records(bureau.desk)
    await bureau.aclose()


def test_a_client_from_the_page_sends_less_follows_a_merge_and_hands_in_its_work_when_its_protocol_retires(tmp_path):
    node()
    with standing(tmp_path / "data") as house:
        house.around["QIFANG_BODY_BYTES_MAX"] = str(2 * 1024 * 1024)
        asyncio.run(at_a_narrow_door(house, tmp_path))
