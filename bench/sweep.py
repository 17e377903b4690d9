"""The minute's sweep with 100,000 open issues: a whole day of it, minute by minute, and a midnight at which 1,000 issues more
are late at once.

The day is played: 1,440 sweeps, one after the other, each at its own minute. The issues were opened in the seven working days before and
are where such issues are: just dispatched, being worked on, waiting for the enterprise, answered. The value is the processor
time of this process per day as a part of one core (PostgreSQL's own processes not counted).
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bench.measure import make_schema, place, result

ISSUES = 100_000
BURST = 1_000
DAY = datetime(2026, 9, 21, 16, tzinfo=UTC)
"""Midnight in Donghu, as a Tuesday begins."""
DAYS_OPEN = [18, 17, 16, 15, 14, 20, 21]
"""Of September, worked all; the last two only just before."""
STORIES: dict[str, list[tuple[str, str, str]]] = {
    "dispatched": [("dispatch", "", "DISPATCHED")],
    "working": [("dispatch", "", "DISPATCHED"), ("sign", "", "IN_PROGRESS"), ("contacted", "", "IN_PROGRESS")],
    "waiting": [
        ("dispatch", "", "DISPATCHED"), ("sign", "", "IN_PROGRESS"), ("contacted", "", "IN_PROGRESS"),
        ("wait_for_enterprise", "", "WAITING_FIRM"),
    ],
    "answered": [
        ("dispatch", "", "DISPATCHED"), ("sign", "", "IN_PROGRESS"), ("contacted", "", "IN_PROGRESS"), ("reply", "", "REPLIED"),
        ("review", "signed_off", "PENDING_CALLBACK"),
    ],
}  # fmt: skip
_ISSUE = (
    "id uuid, bureau uuid, number text, state text, state_since timestamptz, title text, policy text, person uuid,"
    " opened_at timestamptz, next_due timestamptz, next_clock text, yellow_at timestamptz, double_at timestamptz,"
    " paused boolean, next_timer_at timestamptz, events integer, updated_at timestamptz"
)
_EVENT = (
    "id uuid, bureau uuid, issue uuid, n integer, at timestamptz, counts_at timestamptz, verb text, outcome text,"
    " source text, target text, person uuid, fields text, time_mark text"
)


def run(kind: str) -> dict[str, Any]:
    with place(kind):
        return asyncio.run(_measure())


async def _measure() -> dict[str, Any]:
    from server.issues.timers.sweep import sweep
    from server.moment import at
    from server.people.actions import found_bureau
    from server.wiring import connect
    from sync.transaction import fetch

    await make_schema()
    connect()
    with at(DAY - timedelta(days=30)):
        bureau = (await found_bureau("donghu", "东湖区中小企业服务局", "360102")).bureau
    chance = random.Random(1)
    for first in range(0, ISSUES, 5_000):
        await _open(bureau, chance, first, 5_000)
    idle, busy, looked_at = [], [], 0
    before = time.process_time()
    for minute in range(1440):
        start, cpu = time.perf_counter(), time.process_time()
        with at(DAY + timedelta(minutes=minute, seconds=5)):
            count = await sweep()
        looked_at += count
        (busy if count else idle).append((time.perf_counter() - start, time.process_time() - cpu, count))
    day = time.process_time() - before
    signals = (await fetch("SELECT count(*) AS n FROM issue_signal"))[0]["n"]
    burst, seconds = await _burst(bureau, chance)
    share = day / 86_400 * 100
    worst = max(busy)
    rows = [
        ["a day", f"{looked_at:,}", f"{signals:,}", f"{day:.1f} s", f"{share:.3f} %"],
        [
            "a minute in which nothing comes",
            "0",
            "0",
            f"{_median(idle) * 1e3:.2f} ms",
            f"{_median(idle) / 60 * 100:.4f} %",
        ],
        ["the busiest minute", f"{worst[2]:,}", "", f"{worst[1]:.1f} s", f"{worst[1] / 60 * 100:.1f} %"],
        [f"{BURST:,} breaches at once", f"{burst:,}", f"{BURST:,}", f"{seconds:.2f} s", f"{seconds / 60 * 100:.1f} %"],
    ]
    tables = [(f"Sweep, {ISSUES:,} open issues", ["", "issues looked at", "signals", "processor", "of a core"], rows)]
    return result("sweep", 0, "% of a core", None, tables) | {"value": round(share, 3)}


def _median(samples: list[tuple[float, float, int]]) -> float:
    return sorted(cpu for _, cpu, _ in samples)[len(samples) // 2]


async def _open(bureau: UUID, chance: random.Random, first: int, count: int) -> None:
    """Issues where their age says they are, as the product would have dated them."""
    issues = []
    for number in range(first, first + count):
        day = chance.choice(DAYS_OPEN)
        opened = datetime(2026, 9, day, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(420))
        story = (
            "dispatched"
            if day == 21
            else "working"
            if day >= 18
            else chance.choice(("waiting", "answered", "answered"))
        )
        issues.append((number, opened, STORIES[story]))
    await _write(bureau, issues)


async def _write(bureau: UUID, issues: list[tuple[int, datetime, list[tuple[str, str, str]]]]) -> None:
    from server.issues.steps.dues import due_columns, dues_of, measure_of
    from server.issues.timers.sweep import Line
    from sync.bulk import insert
    from sync.identity import new_id
    from sync.transaction import transaction

    measure = await measure_of(bureau)
    rows, events = [], []
    for number, opened, story in issues:
        id, lines, source = new_id(), [Line("open", "", "SUBMITTED", opened, "{}")], ""
        for n, (verb, outcome, target) in enumerate(story, 1):
            # Half a working day a step, so that nothing lies in the future.
            lines.append(
                Line(verb, outcome, target, min(opened + timedelta(hours=12 * n), DAY - timedelta(minutes=9)), "{}")
            )
        columns = due_columns(dues_of(lines, measure, DAY), measure.calendar, DAY)
        rows.append((
            id, bureau, f"东湖-2026-{number:06}", lines[-1].target, opened, "流动资金贷款缺口", "ordinary", bureau, opened,
            columns["next_due"], columns["next_clock"], columns["yellow_at"], columns["double_at"], columns["paused"],
            columns["next_timer_at"], len(lines), opened,
        ))  # fmt: skip
        for n, line in enumerate(lines, 1):
            events.append((
                new_id(), bureau, id, n, line.counts_at, line.counts_at, line.verb, line.outcome, source, line.target, bureau,
                "{}", "",
            ))  # fmt: skip
            source = line.target
    async with transaction():
        await insert("issue", _ISSUE, rows)
        await insert("issue_event", _EVENT, events)


async def _burst(bureau: UUID, chance: random.Random) -> tuple[int, float]:
    """Reports of Monday that nobody has triaged by Tuesday's end."""
    from server.issues.timers.sweep import sweep
    from server.moment import at
    from sync.transaction import execute

    opened = [datetime(2026, 9, 21, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(420)) for _ in range(BURST)]
    await execute("DELETE FROM issue_event")
    await execute("DELETE FROM issue")
    await _write(bureau, [(number, moment, []) for number, moment in enumerate(opened, ISSUES)])
    with at(DAY + timedelta(hours=23, minutes=59)):
        await sweep()
    before = time.process_time()
    with at(DAY + timedelta(days=1, seconds=5)):
        looked_at = await sweep()
    return looked_at, time.process_time() - before
