"""The queue at size: first pages, deep pages and counts of lists over a million issues, beside the bare SQL for the same page.

BENCH_ISSUES says how many (1,000,000). Nine tenths are closed; 140 units, the larger ones with more; written with COPY.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bench.measure import make_schema, place

ISSUES = int(os.environ.get("BENCH_ISSUES", "1000000"))
UNITS, FIRMS, PERSONS = 140, 20_000, 400
CHUNK = 20_000
ROUNDS = 15
ALLOWED_MS = 50
SAID = (
    "企业反映流动资金偏紧希望协调银行续贷|变压器容量不足申请增容|技能人才难招请组织专场招聘|园区公交班次太少|"
    "专精特新申报材料如何准备|污水管网接入时间不明"
)
CATEGORIES = ["0101", "0102", "0201", "0202", "0301", "0302", "0401", "0501", "0601", "0701", "0801", "0999"]
ISSUE = (
    "id", "bureau", "number", "state", "state_since", "title", "category", "urgency", "policy", "policy_version", "enterprise",
    "person", "origin", "lead", "desk", "opened_at", "next_due", "next_clock", "yellow_at", "double_at", "paused",
    "next_timer_at", "closed_at", "events", "updated_at",
)  # fmt: skip
UNIT = ("id", "bureau", "issue", "unit", "role", "since")
LINK = ("id", "bureau", "issue", "report", "enterprise", "person", "method", "state", "linked_at")
REPORT = (
    "id", "bureau", "enterprise", "person", "title", "description", "category", "origin", "reported_at", "collected_at",
)  # fmt: skip


class Rows:
    """What a chunk of issues writes into each table."""

    def __init__(self) -> None:
        self.tables: dict[str, tuple[tuple[str, ...], list[Any]]] = {
            "issue": (ISSUE, []), "issue_unit": (UNIT, []), "issue_link": (LINK, []), "report": (REPORT, []),
        }  # fmt: skip

    def add(self, table: str, *row: Any) -> None:
        self.tables[table][1].append(row)


def rows_of(bureau: UUID, units: list[UUID], firms: list[UUID], persons: list[UUID]) -> Iterator[Rows]:
    """Large units have more, as in life: the n-th has about 1/n of the first."""
    dice = random.Random(7)
    never = datetime(9999, 12, 31, tzinfo=UTC)
    begin = datetime.now(UTC) - timedelta(days=1500)
    shares = [1 / (n + 3) for n in range(len(units))]
    rows, sentences = Rows(), SAID.split("|")
    for n in range(ISSUES):
        opened = begin + timedelta(minutes=n * 1500 * 24 * 60 / ISSUES)
        is_open = n > ISSUES * 0.98 or dice.random() < 0.082
        state = (
            dice.choice(["SUBMITTED", "DISPATCHED", "IN_PROGRESS", "IN_PROGRESS", "LONG_TERM"]) if is_open else "CLOSED"
        )
        lead = None if state == "SUBMITTED" else dice.choices(units, shares)[0]
        due = datetime.now(UTC) + timedelta(minutes=dice.randint(-30_000, 120_000)) if is_open else never
        issue, report, firm, person = (UUID(int=dice.getrandbits(128)) for _ in range(4))
        firm, person = dice.choice(firms), dice.choice(persons)
        title = f"{dice.choice(sentences)} {n % 9973}"
        rows.add(
            "issue", issue, bureau, f"测速-{opened.year}-{n + 1:07d}", state, opened + timedelta(hours=5), title,
            dice.choices(CATEGORIES, [30, 20, 10, 8, 8, 6, 5, 4, 4, 3, 1.9, 0.1])[0], "", "ordinary", 1, firm, person, "visit", lead,
            units[0] if lead else None, opened, due, "solve" if is_open else "", due - timedelta(days=3) if is_open else never,
            due + timedelta(days=7) if is_open else never, False, never, None if is_open else opened + timedelta(days=9), 3, opened,
        )  # fmt: skip
        if lead is not None:
            rows.add("issue_unit", UUID(int=dice.getrandbits(128)), bureau, issue, lead, "lead", opened)
            if dice.random() < 0.2:
                rows.add("issue_unit", UUID(int=dice.getrandbits(128)), bureau, issue, dice.choice(units), "co", opened)
        rows.add(
            "issue_link",
            UUID(int=dice.getrandbits(128)),
            bureau,
            issue,
            report,
            firm,
            person,
            "intake",
            "confirmed",
            opened,
        )
        rows.add(
            "report", report, bureau, firm, person, title, dice.choice(sentences) * 2, "0101", "visit", opened, opened
        )
        if (n + 1) % CHUNK == 0 or n + 1 == ISSUES:
            yield rows
            rows = Rows()


async def fill(rows: Iterator[Rows]) -> None:
    from sync.transaction import execute, executemany, is_postgres, transaction

    for chunk in rows:
        async with transaction() as opened:
            for table, (columns, values) in chunk.tables.items():
                if is_postgres():
                    await opened.connection.copy_records_to_table(table, records=values, columns=columns)
                else:
                    marks = ", ".join(f"${n + 1}" for n in range(len(columns)))
                    await executemany(
                        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", map(_plain, values)
                    )
    await execute("ANALYZE")


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [
        str(cell) if isinstance(cell, UUID) else cell.isoformat(" ") if isinstance(cell, datetime) else cell
        for cell in row
    ]


async def build() -> tuple[Any, Any]:
    """A dispatcher over the whole bureau, and a handler of a unit of middling size."""
    from server.people.actions import NewPerson, NewUnit, add_person, add_unit, found_bureau, load_actor
    from server.people.tables import Unit
    from sync.identity import new_id

    actor = await found_bureau("bench", "测速局", "360102")
    for n in range(UNITS):
        await add_unit(actor, NewUnit(code=f"u{n}", name=f"第{n}科", kind="department"))
    units = [
        unit.id
        for unit in await Unit.objects().where(Unit.bureau == actor.bureau, Unit.code != "bench").order_by(Unit.code)
    ]
    people = [
        await add_person(actor, NewPerson(login="lin", name="林派", unit="bench", roles=("dispatcher",))),
        await add_person(actor, NewPerson(login="he", name="何办", unit="u40", roles=("handler",))),
    ]
    persons = [new_id() for _ in range(PERSONS)]
    await fill(rows_of(actor.bureau, units, [new_id() for _ in range(FIRMS)], persons))
    lin, he = [await load_actor(actor.bureau, person.id) for person in people]
    return lin, he


LISTS: dict[str, tuple[str, dict[str, str], str]] = {
    "bureau, open": ("lin", {}, "due"),
    "unit, open": ("he", {}, "due"),
    "unit, all, newest first": ("he", {"state": "all"}, "-opened"),
    "overdue": ("lin", {"overdue": "true"}, "due"),
    "category, common": ("lin", {"category": "01"}, "due"),
    "category, one in a thousand": ("lin", {"category": "0999"}, "due"),
    "one unit of 140": ("lin", {"unit": "u90"}, "due"),
    "words, common": ("lin", {"text": "变压器"}, "due"),
    "words, one number": ("lin", {"text": "0000777"}, "due"),
    "red": ("lin", {"light": "red"}, "due"),
    "waiting past": ("lin", {"waiting_past": "true"}, "due"),
    "closed, last first": ("lin", {"state": "closed"}, "-closed"),
    "all, by number": ("lin", {"state": "all"}, "number"),
}


async def timed(work: Callable[[], Awaitable[Any]], rounds: int = ROUNDS) -> tuple[float, Any]:
    """Milliseconds at the median, and what came last."""
    took, result = [], None
    for _ in range(rounds):
        began = time.perf_counter()
        result = await work()
        took.append((time.perf_counter() - began) * 1000)
        if sum(took) > 20_000:
            break
    return statistics.median(took), result


async def measure() -> tuple[list[list[Any]], float, float]:
    from server.issues.queue.listing import count_queue, list_queue, order_of, statements_of
    from server.issues.queue.wanted import wanted_from
    from sync.transaction import fetch

    lin, he = await build()
    actors = {"lin": lin, "he": he}
    table, worst, ratios = [], 0.0, []
    for name, (who, filters, sort) in LISTS.items():
        actor, wanted = actors[who], wanted_from(filters)
        first, page = await timed(lambda: list_queue(actor, wanted, sort=sort))  # noqa: B023
        statements = await statements_of(actor, wanted, sort)

        async def bare() -> None:
            for statement, values in statements:  # noqa: B023
                await fetch(statement, values)

        plain, _ = await timed(bare)
        counted, count = await timed(lambda: count_queue(actor, wanted), 5)  # noqa: B023
        depths = []
        for depth in (100, 1000):
            mark = await mark_at(actor, wanted, sort, depth * 50)
            if mark is None:
                depths.append("-")
                continue
            took, _ = await timed(lambda: list_queue(actor, wanted, sort=sort, after=mark))  # noqa: B023
            depths.append(f"{took:.1f}")
        worst = max(worst, first)
        ratios.append(first / plain)
        table.append([name, len(page.items), f"{first:.1f}", *depths, f"{counted:.1f}", count, f"{plain:.1f}"])
        assert order_of(sort)
    return table, worst, statistics.median(ratios)


async def mark_at(actor: Any, wanted: Any, sort: str, depth: int) -> str | None:
    """Where the page begins that so many issues come before; none when there are fewer."""
    from server.issues.queue.listing import order_of, statements_of
    from server.paging import mark
    from sync.transaction import fetch

    order, is_backwards = order_of(sort)
    found: dict[Any, Any] = {}
    for statement, values in await statements_of(actor, wanted, sort, depth):
        found |= {row["id"]: row[order.name] for row in await fetch(statement, values)}
    if len(found) < depth:
        return None
    rows = sorted(((key, str(id)) for id, key in found.items()), reverse=is_backwards)
    key, id = rows[depth - 1]
    return mark(key, id)


def run(database: str) -> dict[str, Any]:
    async def work() -> tuple[list[list[Any]], float, float]:
        from server import wiring
        from sync.transaction import engine

        wiring.connect()
        await engine().start()
        await make_schema()
        try:
            return await measure()
        finally:
            await engine().close()

    with place(database):
        table, worst, ratio = asyncio.run(work())
    heads = [
        "list",
        "rows",
        "first page, ms",
        "page 100",
        "page 1,000",
        "count, ms",
        "count",
        "bare SQL of the page, ms",
    ]
    return {
        "name": "queue",
        "value": round(worst, 1),
        "unit": f"ms, the slowest first page over {ISSUES:,} issues (allowed {ALLOWED_MS})",
        "ratio": round(ratio, 2),
        "tables": [(f"the queue over {ISSUES:,} issues, medians", heads, table)],
    }
