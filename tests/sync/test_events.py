"""Rule 18: who waits for news is told that something changed in their scopes, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest
from test_pull import device, unwatch, watch, write
from toy import LI, WANG, ZHAO, add_note

from sync.devices import DeviceContext, revoke_device
from sync.feed import rotate_epoch
from sync.live.hub import Hub
from sync.live.listener import Ended, Limits, Listener
from sync.live.news import News, decode_news, encode_news, news_of, scope_number
from sync.pull import read_head
from sync.refusal import Refusal
from sync.transaction import fetch, is_postgres, transaction

pytestmark = pytest.mark.anyio
SOON = 20
"""Seconds within which news must have come; they come at once."""


class Room:
    """A hub, and the streams a test opened in it."""

    def __init__(self, hub: Hub, exits: AsyncExitStack) -> None:
        self.hub = hub
        self.exits = exits

    async def listener(self, context: DeviceContext, **options: Any) -> Listener:
        joined = self.hub.joined(context.bureau, context.person, context.device, **options)
        return await self.exits.enter_async_context(joined)


@pytest.fixture
async def room(database) -> AsyncIterator[Room]:
    async with AsyncExitStack() as exits:
        made = Room(Hub(Limits(poll_seconds=0.05)), exits)
        yield made
        await made.hub.close()


@pytest.fixture
async def deaf(database) -> AsyncIterator[Room]:
    """A hub that looks at the head once, at its start, and then only hears."""
    async with AsyncExitStack() as exits:
        made = Room(Hub(Limits(poll_seconds=3_600)), exits)
        yield made
        await made.hub.close()


async def head(bureau: UUID) -> int:
    async with transaction(readonly=True):
        return (await read_head(bureau)).n


async def told(listener: Listener, n: int) -> None:
    """Wait until a listener has been told of this number: news of earlier commits may still be on their way to it."""
    while (upto := await listener.next(SOON)) is None or upto < n:
        assert upto is not None, f"nothing came up to {n}"


async def test_rule_18_a_commit_wakes_those_whose_scopes_it_moved(world, deaf):
    await watch(world, "a")
    await watch(world, "b", person=WANG)
    li = await deaf.listener(await device(world, LI))
    wang = await deaf.listener(await device(world, WANG))
    await write(world, "a", "for Li")
    assert await li.next(SOON) == await head(world)
    await write(world, "b", "for Wang")
    await told(wang, await head(world))
    assert (li.told, li.upto) == (await head(world) - 1, await head(world) - 1)


async def test_rule_18_what_is_rolled_back_or_of_another_bureau_wakes_nobody(world, deaf):
    await watch(world, "a")
    li = await deaf.listener(await device(world, LI))
    other = UUID(int=88)
    await watch(other, "a")
    with pytest.raises(ZeroDivisionError):
        async with transaction():
            await write(world, "a", "never")
            raise ZeroDivisionError
    await write(other, "a", "elsewhere")
    await write(world, "a", "here")
    assert await li.next(SOON) == await head(world)
    assert li.upto == await head(world)


async def test_rule_18_a_change_of_grants_is_news_and_moves_the_stream_to_the_new_scopes(world, deaf):
    li = await deaf.listener(await device(world, LI))
    await watch(world, "a")
    assert await li.next(SOON) == await head(world)
    await write(world, "a", "now seen")
    assert await li.next(SOON) == await head(world)
    await unwatch(world, "a")
    assert await li.next(SOON) == await head(world)
    assert li.scopes <= {"person:" + str(LI), "topic:a"}


@pytest.mark.parametrize("change", ["row", "grant", "none", "ahead"])
async def test_rule_18_who_comes_back_behind_is_told_at_once_and_others_are_not(world, deaf, change):
    await watch(world, "a")
    context = await device(world, LI)
    await write(world, "a", "read already")
    after = await head(world)
    if change == "row":
        await write(world, "a", "meanwhile")
    elif change == "grant":
        await watch(world, "b")
    elif change == "none":
        await write(world, "elsewhere", "out of reach")
    else:
        after += 10
    li = await deaf.listener(context, after=after)
    now = await head(world)
    if change == "none":
        assert (li.told, li.woken.is_set()) == (now, False)
    else:
        assert await li.next(SOON) == now


async def test_rule_18_news_that_were_lost_are_found_by_looking_at_the_head(world, room, monkeypatch):
    await watch(world, "a")
    await watch(world, "b", person=WANG)
    li = await room.listener(await device(world, LI))
    wang = await room.listener(await device(world, WANG))
    monkeypatch.setattr("sync.feed.encode_news", lambda news: "lost")
    monkeypatch.setattr("sync.feed.tell", lambda news: None)
    await write(world, "a", "nobody was told")
    await told(li, await head(world))
    assert wang.upto < await head(world)
    await watch(world, "a", person=WANG)
    await told(wang, await head(world))


async def test_rule_18_a_connection_that_is_cut_is_made_again(world, room):
    if not is_postgres():
        pytest.skip("SQLite has no connection to lose")
    await watch(world, "a")
    li = await room.listener(await device(world, LI))
    await write(world, "a", "before")
    assert await li.next(SOON) is not None
    await fetch("SELECT pg_terminate_backend($1)", [room.hub.connection.get_server_pid()])
    await write(world, "a", "after")
    assert await li.next(SOON) == await head(world)


async def test_rule_18_another_history_is_news_for_everybody(world, room):
    await watch(world, "a")
    li = await room.listener(await device(world, LI))
    await rotate_epoch(world)
    assert await li.next(SOON) == await head(world)


async def test_rule_22_a_revoked_device_hears_no_more_and_the_persons_other_device_does(world, room):
    await watch(world, "a")
    stolen, kept = await device(world, LI), await device(world, LI)
    first, second = await room.listener(stolen), await room.listener(kept)
    await revoke_device(world, stolen.device)
    with pytest.raises(Ended):
        await first.next(SOON)
    await write(world, "a", "still told")
    assert await second.next(SOON) == await head(world)


async def test_rule_18_of_too_many_streams_of_one_device_the_oldest_ends(world, deaf):
    context = await device(world, LI)
    streams = [await deaf.listener(context) for _ in range(4)]
    with pytest.raises(Ended):
        await streams[0].next(SOON)
    assert [one.is_over for one in streams] == [True, False, False, False]


async def test_rule_18_a_process_takes_no_more_streams_than_it_may(world, database):
    hub = Hub(Limits(streams=1))
    context = await device(world, LI)
    hub.must_have_room()
    async with hub.joined(world, LI, context.device):
        with pytest.raises(Refusal) as refused:
            hub.must_have_room()
    assert (refused.value.code, refused.value.status) == ("events.full", 503)
    assert 5 <= refused.value.details["retry_after"] <= 30
    hub.must_have_room()
    await hub.close()


async def test_rule_18_scenario_39_one_commit_for_many_is_spread_and_for_few_told_at_once(world, database, monkeypatch):
    delays: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        delays.append((low, high))
        return 0.01 * len(delays)

    monkeypatch.setattr("sync.live.hub.random.uniform", uniform)
    hub = Hub(Limits(at_once=2, spread_seconds=7, poll_seconds=3_600))
    for person in (LI, WANG, ZHAO):
        await watch(world, "all", person=person)
    await watch(world, "few")
    async with AsyncExitStack() as exits:
        those = [
            await exits.enter_async_context(hub.joined(world, person, (await device(world, person)).device))
            for person in (LI, WANG, ZHAO)
        ]
        await write(world, "few", "one is told")
        assert await those[0].next(SOON) == await head(world)
        assert delays == []
        await write(world, "all", "three are told")
        await write(world, "all", "and again while they wait")
        assert await asyncio.gather(*(one.next(SOON) for one in those)) == [await head(world)] * 3
        assert set(delays) == {(0, 7)}
        await hub.close()


async def test_rule_18_a_hub_that_stops_ends_its_streams_and_takes_no_more(world, database):
    hub = Hub()
    context = await device(world, LI)
    async with hub.joined(world, LI, context.device) as li:
        waiting = asyncio.ensure_future(li.next(SOON))
        hub.stop()
        with pytest.raises(Ended):
            await waiting
        with pytest.raises(Refusal):
            hub.must_have_room()
    await hub.close()
    assert (hub.listeners, hub.index.by_scope, hub.heads, hub.reading) == ({}, {}, {}, None)


async def test_rule_18_a_database_that_is_away_ends_who_comes_and_not_who_waits(world, deaf, monkeypatch, caplog):
    await watch(world, "a")
    li = await deaf.listener(await device(world, LI))
    context = await device(world, WANG)

    async def away(*_: Any) -> Any:
        raise OSError("no database")

    with monkeypatch.context() as broken:
        broken.setattr("sync.live.hub.scopes_of_many", away)
        wang = await deaf.listener(context)
        with pytest.raises(Ended):
            await wang.next(SOON)
    assert "no database" in caplog.text
    await write(world, "a", "it is back")
    assert await li.next(SOON) == await head(world)


async def test_rule_18_a_hub_whose_event_loop_is_gone_stops_no_writer(world, database, monkeypatch):
    if is_postgres():
        pytest.skip("PostgreSQL tells the hubs itself")
    monkeypatch.setattr("sync.live.news._hearing", set())
    await watch(world, "a")
    context = await device(world, LI)

    async def listen_and_vanish() -> None:
        await Hub().joined(world, LI, context.device).__aenter__()

    def run_elsewhere() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(listen_and_vanish())
        loop.close()

    await asyncio.to_thread(run_elsewhere)
    await write(world, "a", "written all the same")


def test_rule_18_news_name_scopes_by_numbers_and_everything_when_they_are_too_many():
    bureau = UUID(int=1)
    few = news_of(bureau, 9, {"topic:a"}, {LI})
    assert decode_news(encode_news(few)) == News(bureau, 9, [scope_number("topic:a")], [LI])
    many = news_of(bureau, 9, {f"topic:{n}" for n in range(1_000)}, set())
    assert (many.scopes, many.persons) == (None, None)
    assert len(encode_news(many)) < 8_000
    assert decode_news("another program's words") is None


async def test_rule_18_a_commit_of_a_thousand_scopes_wakes_only_those_whose_scopes_it_moved(world, deaf):
    await watch(world, "a")
    await watch(world, "t7", person=WANG)
    li = await deaf.listener(await device(world, LI))
    wang = await deaf.listener(await device(world, WANG))
    async with transaction():
        for n in range(1_000):
            await add_note(world, f"t{n}")
    await told(wang, await head(world))
    assert li.upto < await head(world)
