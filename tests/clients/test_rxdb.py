"""The real RxDB against a real server, through a line that is cut at random bytes: in the end it holds exactly what the
server shows that person, and nothing anybody wrote is lost."""

import asyncio
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

import sync.push  # noqa: F401 - registers the library's own kinds
from sync.operations import kind_of
from sync.phone import Phone
from sync.rx.pull import document
from tests.clients.node import FOLDER, Conversation, node
from tests.conftest import ON_POSTGRES
from tests.crash.conftest import own_database
from tests.crash.house import House
from tests.proxy import Proxy
from tests.test_walk import ROOT

KINDS = ["enterprise", "enterprise_name", "assignment", "conflict", "quarantine"]
PATIENCE_SECONDS = 60
SETTING_UP = """
import asyncio, json
from server import wiring
from server.devices.actions import offer_enrolment
from server.enterprises.actions import NewEnterprise, add_enterprise
from server.enterprises.assignments.actions import assign_enterprise
from server.migrate import migrate
from server.people.actions import NewPerson, add_person, found_bureau
from server.sessions.actions import open_session_of
from sync.transaction import engine

async def main():
    await engine().start()
    await migrate()
    wiring.connect()
    system = await found_bureau("donghu", "东湖区中小企业服务局")
    zhou = await add_person(system, NewPerson(login="zhou", name="周访", unit="donghu", roles=("commissioner",)))
    sun = await add_person(system, NewPerson(login="sun", name="孙督", unit="donghu", roles=("supervisor",)))
    firms = []
    for n in range(40):
        firm = await add_enterprise(system, NewEnterprise(name=f"东湖精工{n:02}厂", region="360102", facts={"staff": "40"}))
        firms.append(str(firm.id))
        if n < 30:
            await assign_enterprise(system, firm.id, zhou.id)
    codes = [(await offer_enrolment(system, "zhou")).code for _ in range(2)]
    token = await open_session_of(system.bureau, sun.id, by_console=True)
    print(json.dumps({"firms": firms, "codes": codes, "token": token, "zhou": str(zhou.id), "bureau": str(system.bureau)}))
    await engine().close()

asyncio.run(main())
"""
ANOTHER_HISTORY = """
import asyncio
from uuid import UUID
from sync.feed import rotate_epoch
from sync.transaction import engine

async def main():
    await engine().start()
    print('"' + str(await rotate_epoch(UUID("BUREAU"))) + '"')
    await engine().close()

asyncio.run(main())
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """One server on SQLite, two on PostgreSQL: there the desk speaks to another than the app."""
    (tmp_path / "data").mkdir()
    with own_database() as database:
        built = House(tmp_path / "data", database, 2 if ON_POSTGRES else 1, {"QIFANG_EVENTS_POLL_SECONDS": "1"})
        try:
            yield built
        finally:
            built.kill_all()


def install_page() -> None:
    """The code on the page, where `rx.mjs` finds it."""
    (code,) = re.findall(r"^```js\n(.*?)^```", (ROOT / "docs" / "sync.md").read_text(), re.DOTALL | re.MULTILINE)
    folder = FOLDER / "node_modules" / "qifang-page"
    folder.mkdir(exist_ok=True)
    fresh = folder / f"{os.getpid()}.mjs"
    fresh.write_text(code)
    fresh.replace(folder / "replicate.mjs")


class Desk:
    """The supervisor's client, and a phone of the same person as the app's, which knows what the server shows."""

    def __init__(self, house: House, told: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {told['token']}"}
        self.client = httpx.AsyncClient(base_url=house.addresses[-1], headers=headers, timeout=30)
        self.phone = Phone(":memory:", httpx.AsyncClient(base_url=house.addresses[0], timeout=30))
        self.zhou = told["zhou"]

    async def set(self, firm: str, **values: str) -> None:
        answer = await self.client.patch(f"/v1/enterprises/{firm}", json={"set": values})
        assert answer.is_success, answer.text

    async def firm(self, firm: str) -> dict[str, Any]:
        return (await self.client.get(f"/v1/enterprises/{firm}")).json()

    async def take_away(self, firm: str) -> None:
        found = (await self.client.get(f"/v1/enterprises/{firm}/assignments")).json()
        for one in found:
            if one["person"] == self.zhou and one["until"] is None:
                assert (await self.client.delete(f"/v1/assignments/{one['id']}")).is_success

    async def give(self, firm: str) -> None:
        answer = await self.client.post(f"/v1/enterprises/{firm}/assignments", json={"person": self.zhou})
        assert answer.is_success, answer.text

    async def shown(self) -> dict[str, list[dict[str, Any]]]:
        """What the server shows zhou, by kind, as documents; their numbers aside."""
        await self.phone.pull()
        found = {}
        for kind in KINDS:
            rows = self.phone.rows(kind).items()
            documents = [document(kind_of(kind), id, 0, msgspec.json.encode(body)).values for id, body in rows]
            found[kind] = [
                {name: value for name, value in one.items() if name not in ("v", "_deleted")} for one in documents
            ]
        return found

    async def aclose(self) -> None:
        await self.client.aclose()
        await self.phone.client.aclose()
        self.phone.close()


async def agree(app: Conversation, desk: Desk) -> dict[str, list[dict[str, Any]]]:
    """Waits until the app holds what the server shows."""
    shown = await desk.shown()
    for kind in KINDS:
        asked = {"do": "holds", "kind": kind, "documents": shown[kind], "seconds": PATIENCE_SECONDS}
        assert await app.ask(asked, timeout=PATIENCE_SECONDS + 10) == {}, kind
    return shown


async def play(house: House, seed: int, story: Callable[..., Any]) -> None:
    from server import wiring

    wiring.connect()
    told = await asyncio.to_thread(house.run, "-c", SETTING_UP)
    for which in range(len(house.ports)):
        await asyncio.to_thread(house.start, which)
    desk = Desk(house, told)
    enrolled = Phone(":memory:", httpx.AsyncClient(base_url=house.addresses[0], timeout=30))
    await desk.phone.enrol(told["codes"][0])
    await enrolled.enrol(told["codes"][1])
    async with Proxy(house.ports[0], seed=seed, cut_after=12_000, refuse=0.1) as line:
        start = {"server": line.address, "token": enrolled.meta("token"), "kinds": KINDS, "limit": 7}
        async with Conversation("rx.mjs", start) as app:
            await story(house, told, desk, line, app)
            counts = await app.ask({"do": "counts"})
            assert line.cuts > 0
            assert counts["errors"] > 0
    await desk.aclose()
    await enrolled.client.aclose()
    enrolled.close()


async def a_day(house: House, told: dict[str, Any], desk: Desk, line: Proxy, app: Conversation) -> None:
    firms = told["firms"]
    shown = await agree(app, desk)
    assert len(shown["enterprise"]) == 30

    # live changes reach the app, and its edits the desk
    await desk.set(firms[0], staff="41")
    await desk.give(firms[35])
    await agree(app, desk)
    await app.ask({"do": "edit", "kind": "enterprise", "id": firms[1], "set": {"staff": "51", "remark": "搬到新址"}})
    await app.ask({"do": "settled"})
    assert (await desk.firm(firms[1]))["facts"] == {"staff": "51", "remark": "搬到新址"}
    await agree(app, desk)

    # offline: one field in two hands, two fields of one firm, and an edit of a firm that is taken away meanwhile
    line.refuse = 1.0
    await line.cut_all()
    for firm, value in ((firms[2], "52"), (firms[3], "53"), (firms[4], "54")):
        assert await app.ask({"do": "edit", "kind": "enterprise", "id": firm, "set": {"staff": value}}) == {
            "edited": True
        }
    await desk.set(firms[2], staff="62")
    await desk.set(firms[3], remark="孙督写的")
    for firm in firms[4:12]:
        await desk.take_away(firm)
    line.refuse = 0.1
    await app.ask({"do": "online"})
    await app.ask({"do": "settled"})
    shown = await agree(app, desk)
    assert len(shown["enterprise"]) == 23
    assert (await desk.firm(firms[2]))["facts"]["staff"] == "62"
    assert (await desk.firm(firms[3]))["facts"] == {"staff": "53", "remark": "孙督写的"}
    assert (await desk.firm(firms[4]))["facts"]["staff"] == "40"
    assert [one["conflict"]["fields"]["staff"]["phone"] for one in shown["conflict"]] == ["52"]
    assert [one["code"] for one in shown["quarantine"]] == ["patch.out_of_reach"]

    # the server comes back with another history: the app compares all it has
    await asyncio.to_thread(house.run, "-c", ANOTHER_HISTORY.replace("BUREAU", told["bureau"]))
    await desk.take_away(firms[20])
    await desk.give(firms[4])
    shown = await agree(app, desk)
    assert len(shown["enterprise"]) == 23
    assert (await app.ask({"do": "counts"}))["conflicts"] >= 3


def test_rule_24_the_real_rxdb_agrees_with_the_server_through_a_line_that_is_cut(house):
    node()
    install_page()
    asyncio.run(play(house, 2026, a_day))


async def a_storm(house: House, told: dict[str, Any], desk: Desk, line: Proxy, app: Conversation) -> None:
    """Two hands edit, firms come and go, and nobody waits for anybody."""
    chance = random.Random(line.seed)
    firms = told["firms"]
    mine = set(firms[:30])
    for step in range(150):
        firm = chance.choice(firms)
        what = chance.choice(
            ["edit", "edit", "edit", "desk", "desk", "move", "cut", "agree" if step % 10 == 0 else "edit"]
        )
        if what == "edit":
            field = chance.choice(["staff", "revenue", "remark"])
            await app.ask({"do": "edit", "kind": "enterprise", "id": firm, "set": {field: str(chance.randint(1, 99))}})
        elif what == "desk":
            await desk.set(firm, **{chance.choice(["staff", "revenue", "address"]): str(chance.randint(1, 99))})
        elif what == "move":
            await (desk.take_away if firm in mine else desk.give)(firm)
            mine ^= {firm}
        elif what == "cut":
            await line.cut_all()
        else:
            await app.ask({"do": "settled"})
            await agree(app, desk)
    line.heal()
    await app.ask({"do": "settled"})
    shown = await agree(app, desk)
    assert {one["id"] for one in shown["enterprise"]} == mine


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_rule_24_the_real_rxdb_agrees_with_the_server_after_a_storm(house, seed):
    node()
    install_page()
    asyncio.run(play(house, seed, a_storm))
