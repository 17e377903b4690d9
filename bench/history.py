"""Does a feed cost more when it is long? Pushes of 50 records and pulls of those 50, behind 10⁴, 10⁵ and 10⁶ feed rows
of the same bureau, half of them in the reach of the phone that asks."""

from __future__ import annotations

import asyncio
import random
import statistics
from typing import Any

import httpx

from bench.measure import cpu_seconds, place, result, server
from bench.push import records, workbook
from bench.world import World, build, push_request

SIZES = (10_000, 100_000, 1_000_000)
TRIES = 60
PART = 50_000


def run(database: str) -> dict[str, Any]:
    with place(database) as here:
        world = asyncio.run(build(workbook(), {}))
        kinds = records(random.Random(5))
        table, costs = [], []
        have = 0
        for size in SIZES:
            asyncio.run(lengthen(world, have, size))
            have = size
            with server("server.app:app", here) as (port, pid):
                push_ms, pull_ms, push_cpu, pull_cpu = measure(world, kinds, port, pid)
            costs.append(push_cpu + pull_cpu)
            table.append([f"{size:,}", *(f"{value:.1f}" for value in (push_ms, pull_ms, push_cpu, pull_cpu))])
        columns = ["feed rows", "push p50 ms", "pull p50 ms", "push, processor ms", "pull, processor ms"]
        tables = [("a push of 50 records and a pull of those 50", columns, table)]
        return result(f"history/{database}", costs[-1], "ms of the server", costs[0] / costs[-1], tables)


async def lengthen(world: World, have: int, wanted: int) -> None:
    """Feed rows of a kind nobody asks for, numbered by the bureau's own counter, by bare inserts: a million pushes would
    take the afternoon. Half lie in a scope of the phone's own person."""
    from sync.bulk import insert
    from sync.feed import raise_head
    from sync.identity import new_id
    from sync.transaction import engine, execute, transaction

    await engine().start()
    scopes = [f"person:{world.phones[0].person}", f"person:{new_id()}"]
    for first in range(have, wanted, PART):
        count = min(PART, wanted - first)
        async with transaction():
            head = await raise_head(world.bureau, count)
            rows = [
                [world.bureau, "bench", new_id(), scopes[number % 2], head - count + 1 + number, "put", None]
                for number in range(count)
            ]
            columns = "bureau uuid, kind text, id uuid, scope text, seq bigint, op text, redirect_to uuid"
            await insert("sync_feed", columns, rows)
            await execute(
                "INSERT INTO sync_commit (bureau, n, id, at) VALUES ($1, $2, $3, $4)",
                [world.bureau, head, "0" * 16, _now()],
            )
    await engine().close()


def _now() -> Any:
    from server.moment import now

    return now()


def measure(world: World, kinds: Any, port: int, pid: int) -> tuple[float, float, float, float]:
    """Medians of the latencies and processor time a request of the server, in ms."""
    phone = world.phones[0]
    pushes, pulls, spent = [], [], [0.0, 0.0]
    headers = {"Authorization": f"Bearer {phone.token}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as line:
        cursor = pull_all(line, None)
        for _ in range(TRIES):
            body = push_request(phone, kinds).partition(b"\r\n\r\n")[2]
            before = cpu_seconds(pid)
            answer = line.post("/sync/v1/push", content=body, headers={"Content-Type": "application/json"})
            pushes.append(answer.raise_for_status().elapsed.total_seconds() * 1e3)
            between = cpu_seconds(pid)
            answer = line.post("/sync/v1/pull", json={"cursor": cursor, "limit": 1000, "kinds": ["record"]})
            page = answer.raise_for_status().json()
            pulls.append(answer.elapsed.total_seconds() * 1e3)
            if len(page["changes"]) != 50:
                raise SystemExit(f"{len(page['changes'])} rows came back for 50 pushed")
            cursor = page["cursor"]
            spent[0] += between - before
            spent[1] += cpu_seconds(pid) - between
    push_cpu, pull_cpu = (seconds / TRIES * 1e3 for seconds in spent)
    return statistics.median(pushes), statistics.median(pulls), push_cpu, pull_cpu


def pull_all(line: httpx.Client, cursor: str | None) -> str:
    """Up to the head, of records alone."""
    complete = False
    while not complete:
        answer = line.post("/sync/v1/pull", json={"cursor": cursor, "limit": 5000, "kinds": ["record"]})
        page = answer.raise_for_status().json()
        cursor, complete = page["cursor"], page["complete"]
    return str(cursor)
