"""Live events between real processes: a commit at one is told by another, and a server that is stopped lets its streams go."""

import asyncio
import signal
from collections.abc import AsyncIterator

import httpx

from sync.identity import new_id
from sync.phone import Phone
from tests.crash.house import SETTING_UP, House, filled

TIME_MAX = 30


async def events(stream: httpx.Response) -> AsyncIterator[int]:
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield int(line.removeprefix('data: {"n":').rstrip("}"))


async def follow(house: House) -> None:
    told = await asyncio.to_thread(house.run, "-c", SETTING_UP.replace("COUNT", "2"))
    for which in {0, len(house.ports) - 1}:
        await asyncio.to_thread(house.start, which)
    here, there = house.addresses[0], house.addresses[-1]
    waiting, working = (Phone(":memory:", httpx.AsyncClient(base_url=one)) for one in (here, there))
    await waiting.enrol(told["codes"][0])
    await working.enrol(told["codes"][1])
    await waiting.pull()
    headers = {"Authorization": f"Bearer {waiting.meta('token')}"}
    async with asyncio.timeout(TIME_MAX), waiting.client.stream("GET", "/sync/v1/events", headers=headers) as stream:
        coming = events(stream)
        record = new_id()
        working.do("record.submit", record, filled(7))
        assert [result.status for result in await working.push()] == ["applied"]
        await anext(coming)
        await waiting.pull()
        assert record in waiting.rows("record")

        command = ("person", "add", "gao", "高访", "--unit", "donghu", "--role", "commissioner", "--json")
        added = asyncio.create_task(asyncio.to_thread(house.run, "-m", "server.cli", *command))
        await anext(coming)
        await added
        await waiting.pull()
        assert any(one["name"] == "高访" for one in waiting.rows("person_name").values())

        process = house.processes[0]
        process.send_signal(signal.SIGTERM)
        assert [n async for n in coming] == []
        assert await asyncio.to_thread(process.wait, TIME_MAX) in (0, -signal.SIGTERM)
    for phone in (waiting, working):
        await phone.client.aclose()
        phone.close()


def test_rule_18_a_commit_in_one_process_is_told_by_another_and_a_stopping_server_ends_its_streams(build):
    asyncio.run(follow(build(environment={"QIFANG_EVENTS_POLL_SECONDS": "1"})))
