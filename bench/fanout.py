"""Two thousand phones that ask whether there is anything new, when there is nothing, and what that costs one core.

The baseline answers the same requests from the same database with one indexed read and knows neither rights nor epochs.
"""

from __future__ import annotations

import asyncio
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bench.measure import cpu_seconds, http_request, load, place, result, server
from bench.push import workbook
from bench.world import Phone, World, build

PHONES = 2_000
LINES = 40
"""Connections at once; each carries its share of the phones one after the other."""
ROUNDS = 3
"""The first only warms up."""
_CURSOR = re.compile(rb'"cursor":"([^"]*)"')


def run(database: str) -> dict[str, Any]:
    with place(database) as here:
        world = asyncio.run(build(workbook(), {}, phones=PHONES))
        few = World(world.bureau, world.form_version, world.phones[:LINES])  # the baseline need not know them all
        os.environ["BENCH_KNOWN"] = msgspec.json.encode(few.known).decode()
        with server("server.app:app", here) as (port, pid), server("bench.bare:app", here) as (bare_port, bare_pid):
            cursors = first_pulls(port, world)
            ours, bare, spread = [], [], []
            for number in range(ROUNDS):
                asyncio.run(age_pulls())
                asked = [request(phone, cursor) for phone, cursor in zip(world.phones, cursors, strict=True)]
                cpu, seconds = one_round(port, pid, asked)
                empty = [request(few.phones[number % LINES], "0") for number in range(PHONES)]
                bare_cpu, _ = one_round(bare_port, bare_pid, empty)
                if number:
                    ours.append(cpu)
                    bare.append(bare_cpu)
                    spread.append(seconds)
        table = [
            ["ours", f"{min(ours):.2f} to {max(ours):.2f}", f"{min(ours) / PHONES * 1e3:.2f}", f"{min(spread):.1f}"],
            ["bare", f"{min(bare):.2f} to {max(bare):.2f}", f"{min(bare) / PHONES * 1e3:.2f}", ""],
        ]
        columns = ["", "processor s", "ms a phone", "until all were answered, s"]
        tables = [(f"{PHONES:,} phones pull nothing new over {LINES} connections", columns, table)]
        return result(f"fanout/{database}", min(ours), "s of one core", min(bare) / min(ours), tables)


def request(phone: Phone, cursor: str | None) -> bytes:
    return http_request("/sync/v1/pull", msgspec.json.encode({"cursor": cursor, "limit": 1000}), phone.token)


def first_pulls(port: int, world: World) -> list[str]:
    """Each phone reads everything once; the cursors it is left with."""
    import httpx

    cursors: list[str] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as line:
        for phone in world.phones:
            cursor, complete = None, False
            while not complete:
                answer = line.post(
                    "/sync/v1/pull",
                    json={"cursor": cursor, "limit": 1000},
                    headers={"Authorization": f"Bearer {phone.token}"},
                )
                page = answer.raise_for_status().json()
                cursor, complete = page["cursor"], page["complete"]
            cursors.append(str(cursor))
    return cursors


async def age_pulls() -> None:
    """As if each had pulled a while ago, so that every pull notes the device anew, as it would."""
    from sync.transaction import engine, execute

    await engine().start()
    await execute("UPDATE sync_device SET last_pull_at = $1", [datetime.now(UTC) - timedelta(minutes=30)])
    await engine().close()


def one_round(port: int, pid: int, requests: list[bytes]) -> tuple[float, float]:
    before = cpu_seconds(pid)
    run = load(port, [requests[number::LINES] for number in range(LINES)])
    return cpu_seconds(pid) - before, run.seconds
