"""From a change at a desk to the row at a phone that waits for news: the event, then the pull it sets off.

The clock starts when the desk sends its request, so the write itself is in the figure. On PostgreSQL the desk works at
another server process than the phone. The baseline is the same phone pulling every 50 ms without being told.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import httpx
import msgspec

from bench.measure import place, result, server
from bench.push import workbook
from bench.world import Phone, World, build

CHANGES = 120
WARMING = 20
PAUSE_SECONDS = 0.05
POLL_SECONDS = 0.05


def run(database: str) -> dict[str, Any]:
    desk: dict[str, str] = {}

    async def sign_in(actor: Any) -> None:
        from server.people.actions import NewPerson, add_person
        from server.sessions.actions import open_session_of

        person = await add_person(actor, NewPerson(login="desk", name="孙督", unit="bench", roles=("supervisor",)))
        desk["token"] = await open_session_of(actor.bureau, person.id, by_console=True)

    with place(database) as here, ExitStack() as stack:
        world = asyncio.run(build(workbook(), {}, 1, then=sign_in))
        ports = [stack.enter_context(server("server.app:app", here))[0] for _ in range(1 + (database == "postgres"))]
        told = asyncio.run(measure(world, desk["token"], ports, is_told=True))
        polled = asyncio.run(measure(world, desk["token"], ports, is_told=False))
    rows = [
        [name, f"{statistics.median(some):.1f}", f"{sorted(some)[int(len(some) * 0.99)]:.1f}"]
        for name, some in (("poke and pull", told), (f"a pull every {POLL_SECONDS * 1e3:.0f} ms", polled))
    ]
    tables = [(f"desk to phone, {len(ports)} server(s)", ["", "p50 ms", "p99 ms"], rows)]
    value = statistics.median(told)
    return result(f"poke/{database}", value, "ms", statistics.median(polled) / value, tables)


async def measure(world: World, token: str, ports: list[int], *, is_told: bool) -> list[float]:
    """Milliseconds from each change at the desk until the phone has the changed row."""
    phone, firm = world.phones[0], world.enterprises[0]
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[0]}", headers=headers, timeout=20) as desk,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[-1]}", headers=_of(phone), timeout=20) as line,
    ):
        waiting = Waiting(line, firm)
        await waiting.pull()
        listening = asyncio.create_task(waiting.listen() if is_told else waiting.poll())
        taken = []
        try:
            await waiting.ready.wait()
            for number in range(WARMING + CHANGES):
                address = f"测速路{number}号" + ("东" if is_told else "西")
                waiting.expect(address)
                began = time.perf_counter()
                answer = await desk.patch(f"/v1/enterprises/{firm}", json={"set": {"address": address}})
                answer.raise_for_status()
                await asyncio.wait_for(waiting.came.wait(), 10)
                taken.append((waiting.at - began) * 1e3)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            listening.cancel()
        return taken[WARMING:]


def _of(phone: Phone) -> dict[str, str]:
    return {"Authorization": f"Bearer {phone.token}"}


class Waiting:
    """A phone at the head that wants to see one row change."""

    def __init__(self, line: httpx.AsyncClient, firm: UUID) -> None:
        self.line = line
        self.firm = str(firm)
        self.cursor: str | None = None
        self.wanted = ""
        self.at = 0.0
        self.came = asyncio.Event()
        self.ready = asyncio.Event()

    def expect(self, address: str) -> None:
        self.wanted = address
        self.came.clear()

    async def pull(self) -> None:
        complete = False
        while not complete:
            answer = await self.line.post("/sync/v1/pull", json={"cursor": self.cursor, "limit": 1000})
            page = msgspec.json.decode(answer.raise_for_status().content)
            self.cursor, complete = page["cursor"], page["complete"]
            for change in page["changes"]:
                if change.get("id") == self.firm and change.get("d", {}).get("address") == self.wanted:
                    self.at = time.perf_counter()
                    self.came.set()

    async def listen(self) -> None:
        async with self.line.stream("GET", "/sync/v1/events", timeout=None) as events:
            events.raise_for_status()
            self.ready.set()
            async for line in events.aiter_lines():
                if line.startswith("data:"):
                    await self.pull()

    async def poll(self) -> None:
        self.ready.set()
        while True:
            await self.pull()
            await asyncio.sleep(POLL_SECONDS)
