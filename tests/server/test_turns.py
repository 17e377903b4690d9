"""Scenario 39: more phones than a process can serve at once. Work goes first, nobody is lost, and not all come back together."""

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest

from sync.identity import new_id
from sync.phone import Offline, Phone
from tests.server.conftest import knock
from tests.server.fieldwork import phone
from tests.server.test_protocol import asked

pytestmark = pytest.mark.anyio


@pytest.fixture
def small(monkeypatch):
    """One place, and one push may wait for it."""
    from server import phones
    from server.turns import Turns

    turns = Turns(places=1, waiting_max=2, retry_seconds=30)
    monkeypatch.setattr(phones, "turns", turns)
    return turns


async def settled(turns, pushes: int, pulls: int) -> None:
    async with asyncio.timeout(20):
        while (len(turns.pushes), len(turns.pulls)) != (pushes, pulls):
            await asyncio.sleep(0)


async def test_rule_5_scenario_39_a_push_goes_before_the_pulls_that_came_earlier(donghu, small):
    device = await phone(donghu, donghu.zhou)
    order: list[str] = []

    async def ask(what: str, content) -> None:
        assert (await asked(device, "POST", f"/sync/v1/{what}", json=content)).status_code == 200
        order.append(what)

    empty = {"device": device.device, "incarnation": device.meta("incarnation"), "operations": []}
    async with asyncio.TaskGroup() as group, small.push():
        group.create_task(ask("pull", {"cursor": None}))
        await settled(small, 0, 1)
        group.create_task(ask("push", empty))
        await settled(small, 1, 1)
    assert order == ["push", "pull"]
    assert small.under_way == 0


async def test_rule_5_scenario_39_whoever_finds_no_place_is_told_when_to_come_again(donghu, small):
    device = await phone(donghu, donghu.zhou)
    empty = {"device": device.device, "incarnation": device.meta("incarnation"), "operations": []}
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        await stack.enter_async_context(small.push())
        for _ in range(2):
            group.create_task(asked(device, "POST", "/sync/v1/push", json=empty))
        group.create_task(asked(device, "POST", "/sync/v1/pull", json={"cursor": None}))
        await settled(small, 2, 1)
        told = {"push": set(), "pull": set()}
        for _ in range(12):
            for what, content in (("push", empty), ("pull", {"cursor": None})):
                refused = await asked(device, "POST", f"/sync/v1/{what}", json=content)
                assert (refused.status_code, refused.json()["code"]) == (503, "server.busy")
                told[what].add(int(refused.headers["Retry-After"]))
        assert (await asked(device, "GET", "/sync/v1/hello")).status_code == 200
        assert len(told["push"]) > 2
        assert max(told["push"]) <= 30
        assert 15 <= min(told["pull"]) <= max(told["pull"]) <= 60
        await stack.aclose()
    assert small.under_way == 0


async def test_rule_5_scenario_39_pulls_leave_a_quarter_of_the_places_to_pushes(product):
    from server.turns import Turns

    turns = Turns(places=4, waiting_max=10, retry_seconds=1)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(turns.pull())
        fourth = asyncio.create_task(stack.enter_async_context(turns.pull()))
        await settled(turns, 0, 1)
        async with turns.push():
            assert turns.under_way == 4
        fourth.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fourth
        assert len(turns.pulls) == 0
    assert turns.under_way == 0


async def test_rule_5_scenario_39_a_request_given_up_at_the_moment_of_its_turn_passes_it_on(product):
    from server.turns import Turns

    turns = Turns(places=1, waiting_max=10, retry_seconds=1)
    async with AsyncExitStack() as first:
        await first.enter_async_context(turns.push())
        async with AsyncExitStack() as others:
            given_up = asyncio.create_task(others.enter_async_context(turns.push()))
            await settled(turns, 1, 0)
            await first.aclose()
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
    async with turns.push():
        assert turns.under_way == 1


async def test_rule_5_scenario_39_twenty_phones_at_once_all_get_their_work_in(donghu, small):
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async def work(number: int, code: str) -> None:
        device = Phone(":memory:", knock(), sleep=pause)
        await device.enrol(code)
        device.do("feedback.send", new_id(), {"words": f"第 {number} 条"})
        while device.unsent():
            with suppress(Offline):
                await device.push()
        with suppress(Offline):
            await device.pull()

    codes = []
    for _ in range(20):
        offered = await donghu.chen.client.post("/v1/enrolments", json={"login": "zhou"})
        codes.append(offered.json()["code"])
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number, code in enumerate(codes):
            group.create_task(work(number, code))
    kept = (await donghu.chen.client.get("/v1/feedback", params={"limit": 100})).json()["items"]
    assert sorted(one["words"] for one in kept) == sorted(f"第 {number} 条" for number in range(20))
    assert max(pauses) > 5, "somebody was asked to come again"
    assert small.under_way == 0
