"""How long one due date takes beside a walk from day to day, and how long all dates of a big queue take to follow an edit of the
calendar: 100,000 running clocks, every one of which moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from statistics import median
from time import perf_counter, process_time
from typing import Any
from zoneinfo import ZoneInfo

from bench.measure import make_schema, place, result

ROUNDS = 30
STARTS = 365
ISSUES = 20_000
"""Opened and dispatched, each has five running clocks: solve, hard stop, sign, first contact, answer."""
BATCH = 500
ZONE = ZoneInfo("Asia/Shanghai")
OPENED = datetime(2026, 9, 17, 2, tzinfo=UTC)
"""The Thursday before a worked Sunday."""


def run(database: str) -> dict[str, Any]:
    with place(database):
        rows, value, ratio = due_dates_alone()
        follows = asyncio.run(follow())
    columns = ["a due date", "µs", "of a walk from day to day"]
    tables = [("one date", columns, rows), ("100,000 clocks follow an edit", ["", ""], follows)]
    return result(f"clock/{database}", value, "µs/due date", ratio, tables)


def due_dates_alone() -> tuple[list[list[str]], float, float]:
    from server.clocks.policy import read_limit
    from server.clocks.span import add_limit
    from server.worktime.actions import shipped_calendar

    calendar, limit = shipped_calendar(), read_limit("15wd")
    starts = [datetime(2025, 1, 1, 2, tzinfo=UTC) + timedelta(days=n) for n in range(STARTS)]
    walk = _each(lambda start: _naive(calendar, start, 15), starts)
    measured = {
        "15 working days": _each(lambda start: add_limit(start, limit, calendar, ZONE), starts),
        "15 working days, the calendar alone": _each(lambda start: calendar.add_working_days(start.date(), 15), starts),
        "35 office hours": _each(lambda start: calendar.add_working_time(start, timedelta(hours=35), ZONE), starts),
        "a walk from day to day": walk,
    }
    rows = [[name, f"{value:.2f}", f"{value / walk:.2f}"] for name, value in measured.items()]
    return rows, measured["15 working days"], measured["15 working days"] / walk


def _naive(calendar: Any, start: datetime, count: int) -> datetime:
    day: date = start.astimezone(ZONE).date()
    while count:
        day += timedelta(days=1)
        count -= calendar.is_working(day)
    return datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(days=1)


def _each(work: Callable[[datetime], object], starts: list[datetime]) -> float:
    """Microseconds; the median of several rounds."""
    taken = []
    for _ in range(ROUNDS):
        began = perf_counter()
        for start in starts:
            work(start)
        taken.append((perf_counter() - began) / len(starts) * 1e6)
    return median(taken)


async def follow() -> list[list[str]]:
    """One storm day moves every date of the queue."""
    from server import wiring
    from server.issues.redating import actions, walk
    from server.moment import at
    from server.people.actions import found_bureau
    from server.worktime.days import Day
    from sync.transaction import engine

    wiring.connect()
    await engine().start()
    await make_schema()
    system = await found_bureau("bench", "测速局", "360102")
    counting, holding = Times(), Times()
    with at(OPENED):
        await _fill(system.bureau)
    with at(OPENED + timedelta(hours=1)):
        walk.dues_of, walk.due_columns = counting.around(walk.dues_of), counting.around(walk.due_columns)
        actions.transaction, inner = holding.within(actions.transaction), actions.transaction
        actions.PROMPT_PAGES = ISSUES
        began, worked = perf_counter(), process_time()
        moved = await actions.change_calendar(system, [Day(day=OPENED.date() + timedelta(days=1), is_working=False)])
        seconds, worked = perf_counter() - began, process_time() - worked
        actions.transaction = inner
    await engine().close()
    return [
        ["issues that moved", f"{moved.issues:,}"],
        [
            "counting the dates, processor seconds a pass (of two: the look and the walk)",
            f"{sum(counting.seconds) / 2:.2f}",
        ],
        ["all of the edit, processor seconds of this process", f"{worked:.2f}"],
        ["all of the edit, seconds", f"{seconds:.2f}"],
        ["longest transaction, ms", f"{max(holding.seconds) * 1e3:.0f}"],
        ["transactions", f"{len(holding.seconds)}"],
    ]


class Times:
    """How long each took: calls in processor seconds, transactions from their first statement to their commit."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any) -> Any:
            began = process_time()
            try:
                return work(*given)
            finally:
                self.seconds.append(process_time() - began)

        return timed

    def within(self, opening: Callable[..., Any]) -> Callable[..., Any]:
        from sync.transaction import on_commit

        @asynccontextmanager
        async def timed() -> AsyncIterator[Any]:
            async with opening() as opened:
                began = perf_counter()
                on_commit(lambda: self.seconds.append(perf_counter() - began))
                yield opened

        return timed


async def _fill(bureau: Any) -> None:
    from server.issues.steps.dues import due_columns, dues_of, measure_of
    from server.issues.tables import Issue, IssueEvent
    from sync.identity import new_id

    measure, person = await measure_of(bureau), new_id()
    for first in range(0, ISSUES, BATCH):
        issues, events = [], []
        for n in range(first, first + BATCH):
            id = new_id()
            moved = [("open", "", "SUBMITTED"), ("dispatch", "SUBMITTED", "DISPATCHED")]
            own = [
                IssueEvent(
                    id=new_id(), bureau=bureau, issue=id, n=place, at=OPENED, counts_at=OPENED, verb=verb, source=source,
                    target=target, person=person,
                )
                for place, (verb, source, target) in enumerate(moved, 1)
            ]  # fmt: skip
            columns = due_columns(dues_of(own, measure, OPENED), measure.calendar, OPENED)
            issues.append(
                Issue(
                    id=id, bureau=bureau, number=f"测-{n}", state="DISPATCHED", state_since=OPENED, title="用电",
                    policy="ordinary", person=person, opened_at=OPENED, updated_at=OPENED, events=2, **columns,
                )
            )  # fmt: skip
            events += own
        await Issue.insert(*issues)
        await IssueEvent.insert(*events)
