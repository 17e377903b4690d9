"""Records a phone pushes: 50 in a request, 2 to 4 KB each, of a plain form of twenty questions, from eight phones at once."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from bench import stages
from bench.bare import INSERTS
from bench.measure import COLUMNS, alternate, place, result, server, twin
from bench.world import CLIENTS, OPERATIONS, World, build, push_request, said

REQUESTS = 12
"""Of each client in each round."""
ROUNDS = 4
"""The first only warms up."""
TEXTS = 10


def run(database: str) -> dict[str, Any]:
    with place(database) as ours:
        world = asyncio.run(build(workbook(), {}))
        dice = random.Random(1)
        kinds = records(dice)
        sizes = [len(msgspec.json.encode(next(kinds)["answers"])) for _ in range(200)]
        bare = twin(ours)
        os.environ["BENCH_KNOWN"] = msgspec.json.encode(world.known).decode()
        profile = asyncio.run(stages.profile(world, [push_request(world.phones[0], kinds) for _ in range(20)]))
        with server("server.app:app", ours) as (port, pid), server("bench.bare:app", bare) as (bare_port, bare_pid):
            loads = [two_loads(world, kinds) for _ in range(ROUNDS)]
            units = CLIENTS * REQUESTS * OPERATIONS
            measured = alternate([("ours", port, pid), ("bare", bare_port, bare_pid)], loads, units)
        us, baseline = measured
        about = f"push: {OPERATIONS} records of {min(sizes)} to {max(sizes)} bytes a request, {CLIENTS} clients"
        tables = [
            (about, COLUMNS, [one.row(baseline.rate) for one in measured]),
            ("rows both write, a transaction each request", ["table", "rows a request"], rows_written()),
            ("where our time goes, one client, no network", stages.COLUMNS, profile),
        ]
        return result(f"push/{database}", us.rate, "records/s", us.rate / baseline.rate, tables)


def two_loads(world: World, kinds: Iterator[dict[str, Any]]) -> list[list[list[bytes]]]:
    """The same requests for both servers."""
    same = [[push_request(phone, kinds) for _ in range(REQUESTS)] for phone in world.phones]
    return [same, same]


def rows_written() -> list[list[str]]:
    once = {"sync_commit"}
    rows = [[table, "1" if table in once else str(OPERATIONS)] for table in INSERTS]
    return rows + [[f"{table} (updated)", "1"] for table in ("sync_head", "audit_head", "sync_device")]


def workbook() -> bytes:
    """Ten texts, four numbers, four choices, a date and a list of choices: no rules."""
    import io

    from openpyxl import Workbook

    survey = [("type", "name", "label", "required")]
    survey += [("text", f"said_{n}", f"情况{n}", "yes" if n < 3 else "") for n in range(TEXTS)]
    survey += [(kind, f"{kind}_{n}", f"数{n}", "") for kind in ("integer", "decimal") for n in range(2)]
    survey += [("select_one trends", f"trend_{n}", f"趋势{n}", "") for n in range(4)]
    survey += [("date", "visited_on", "日期", ""), ("select_multiple trends", "several", "多选", "")]
    choices = [("list_name", "name", "label"), *(("trends", name, name) for name in ("up", "flat", "down"))]
    settings = [("form_id", "form_title", "version"), ("bench", "测速", "1")]
    book = Workbook()
    book.remove(book.active)
    for name, rows in (("survey", survey), ("choices", choices), ("settings", settings)):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def records(dice: random.Random) -> Iterator[dict[str, Any]]:
    """Arguments of `record.submit`, without end."""
    while True:
        answers: dict[str, Any] = {f"said_{n}": said(dice, 60, 120) for n in range(TEXTS)}
        answers |= {"integer_0": dice.randint(0, 900), "integer_1": 5, "decimal_0": 12.5, "decimal_1": 1000.25}
        answers |= {f"trend_{n}": dice.choice(["up", "flat", "down"]) for n in range(4)}
        answers |= {"visited_on": "2026-11-20", "several": ["up", "flat"]}
        yield {"form": "bench", "version": "1", "filled_at": "2026-11-20T10:00:00+08:00", "answers": answers}
