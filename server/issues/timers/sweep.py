"""The sweep: once a minute it looks at the issues whose next timer has come, and at no others. What it finds it records once,
tells the followers, and does what the rules say happens by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from msgspec import Struct

from server.clocks.due import Due
from server.clocks.lights import Timer, timers_from
from server.issues.actions import move_issue
from server.issues.fields import Escalate, Note
from server.issues.steps.dues import DUE_COLUMNS, INSTANT, Measure, due_columns, dues_of, measure_of, timelines
from server.issues.steps.opening import KIND
from server.issues.steps.step import Occurred
from server.issues.timers.signals import Signal, record_signals, signal_of
from server.moment import now
from server.people.actor import system_of
from server.refusals import Refusal
from server.settings import settings
from server.worktime.actions import keep_calendar
from sync.feed import touch
from sync.transaction import executemany, fetch, is_postgres, retrying, transaction

log = structlog.get_logger()
CHUNK = 200
"""Issues looked at in one transaction."""
RESUMED = "等待期限已到,系统自动恢复办理。"
ESCALATED = "超时五个工作日以上,系统自动提级至领导小组办公室。"
BUREAUS_DUE = (
    "SELECT id FROM bureau WHERE EXISTS"
    " (SELECT 1 FROM issue WHERE issue.bureau = bureau.id AND issue.next_timer_at <= $1)"
)
_SET = ", ".join(f"{name} = ${n}" for n, name in enumerate(DUE_COLUMNS, 2))


async def sweep() -> int:
    """Job: every timer that has come. Returns how many issues it looked at. Any number of processes may run it at once."""
    moment = now()
    looked_at = 0
    for row in await fetch(BUREAUS_DUE, [moment]):
        while True:
            count = await retrying(partial(sweep_chunk, row["id"], moment))
            looked_at += count
            if count < CHUNK:
                break
    return looked_at


async def sweep_chunk(bureau: UUID, moment: datetime) -> int:
    """The issues of one bureau that have waited longest. Those another process holds are left to it."""
    async with transaction():
        await keep_calendar(bureau)
        issues = await fetch(chunk_due(), [bureau, moment])
        if not issues:
            return 0
        measure = await measure_of(bureau)
        lines = await timelines(bureau, [issue["id"] for issue in issues])
        signals: list[Signal] = []
        changes: list[tuple[Any, ...]] = []
        for issue in issues:
            dues = dues_of(lines[issue["id"]], measure, moment)
            timers, _ = timers_from(dues, measure.calendar, settings.timezone, issue["next_timer_at"], moment)
            signals += [signal_of(issue["id"], issue["number"], issue["lead"], timer) for timer in timers]
            changes.append(_change(bureau, issue, dues, timers, measure, moment))
        await executemany(f"UPDATE issue SET {_SET} WHERE id = $1", changes)
        fresh = await record_signals(bureau, signals, moment)
        await _act(bureau, fresh, {issue["id"] for issue in issues if issue["escalated"] or issue["closed_at"]})
    return len(issues)


def chunk_due() -> str:
    """Raw, because it skips what is held."""
    skip = " FOR UPDATE SKIP LOCKED" if is_postgres() else ""
    columns = ", ".join(("id", "number", "lead", "escalated", "closed_at", *DUE_COLUMNS))
    return f"SELECT {columns} FROM issue WHERE bureau = $1 AND next_timer_at <= $2 ORDER BY next_timer_at LIMIT {CHUNK}{skip}"


def _change(
    bureau: UUID, issue: Any, dues: list[Due], timers: list[Timer], measure: Measure, moment: datetime
) -> tuple[Any, ...]:
    """The row anew. Dates differ only where something was counted without this sweep; phones hear of those alone."""
    columns = due_columns(dues, measure.calendar, moment + INSTANT)
    if any(columns[name] != issue[name] for name in DUE_COLUMNS if name != "next_timer_at"):
        touch(bureau, KIND, issue["id"])
    resumes = [timer.at for timer in timers if timer.level == "resume"]
    if resumes:  # what happens to its clocks from then on is looked at once they run again
        columns["next_timer_at"] = min(resumes)
    return (issue["id"], *(columns[name] for name in DUE_COLUMNS))


async def _act(bureau: UUID, signals: Sequence[Signal], settled: set[UUID]) -> None:
    """A wait that has lasted its time ends, as of its last day; what is overdue by more than five working days goes up."""
    for signal in signals:
        at = signal.at - INSTANT
        if signal.level == "resume":
            await _use(bureau, signal, "resume", Note(words=RESUMED), Occurred(counts_at=at, told_at=at))
        elif signal.level == "double_red" and signal.issue not in settled:
            settled.add(signal.issue)
            await _use(bureau, signal, "escalate", Escalate(reason=ESCALATED))


async def _use(bureau: UUID, signal: Signal, verb: str, fields: Struct, occurred: Occurred | None = None) -> None:
    """One that cannot be moved must not keep the others waiting."""
    try:
        await move_issue(system_of(bureau), signal.issue, verb, fields, occurred)
    except Refusal as refused:
        log.warning("timer.refused", issue=signal.number, verb=verb, code=refused.code)
