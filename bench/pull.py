"""Phones that read: first syncs in pages of a thousand rows, then of five hundred, eight phones at once."""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

import msgspec

from bench.measure import COLUMNS, Measured, cpu_seconds, http_request, load, place, result, server
from bench.push import records, workbook
from bench.world import CLIENTS, World, build, push_request

RECORDS_EACH = 2_000
"""Of every phone, so that a first sync takes two pages of a thousand, or four of five hundred."""
ROUNDS = 4
"""The first only warms up."""


def run(database: str) -> dict[str, Any]:
    with place(database) as here:
        world = asyncio.run(build(workbook(), {}))
        os.environ["BENCH_KNOWN"] = msgspec.json.encode(world.known).decode()
        kinds = records(random.Random(3))
        tables, us, baseline = [], None, None
        with server("server.app:app", here) as (port, pid), server("bench.bare:app", here) as (bare_port, bare_pid):
            fill(world, port, kinds)
            for limit in (1_000, 500):
                ours, bare = Measured("ours"), Measured("bare")
                for number in range(ROUNDS):
                    for measured, address, process in ((ours, port, pid), (bare, bare_port, bare_pid)):
                        one_round(world, measured, address, process, limit, warming=number == 0)
                about = f"pull: pages of {limit} records, {CLIENTS} phones"
                tables.append((about, COLUMNS, [ours.row(bare.rate), bare.row(bare.rate)]))
                if us is None:
                    us, baseline = ours, bare
        assert us is not None
        assert baseline is not None
        return result(f"pull/{database}", us.rate, "rows/s", us.rate / baseline.rate, tables)


def fill(world: World, port: int, kinds: Any) -> None:
    """The records to read, by the front door."""
    load(port, [[push_request(phone, kinds, 500) for _ in range(RECORDS_EACH // 500)] for phone in world.phones])


def one_round(world: World, measured: Measured, port: int, pid: int, limit: int, *, warming: bool) -> None:
    """Every phone reads all it may see from the start. Both servers answer the same requests."""
    before = cpu_seconds(pid)
    first = msgspec.json.encode({"cursor": None, "limit": limit, "kinds": ["record"]})
    run = load(port, [[http_request("/sync/v1/pull", first, phone.token)] for phone in world.phones], follow=True)
    if warming:
        return
    measured.rates.append(run.rows / run.seconds)
    measured.latencies_ms += run.latencies_ms
    measured.cpu_us.append((cpu_seconds(pid) - before) / run.rows * 1e6)
