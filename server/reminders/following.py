"""What issues and their clocks do becomes notices, in the same transaction; registered in `server.wiring`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from server.clocks.clock import BY_NAME
from server.issues.steps.joining import confidential_issues
from server.issues.steps.opening import KIND
from server.issues.steps.step import Step, parts_of
from server.issues.tables import Issue, IssueEvent
from server.issues.timers.signals import Signal
from server.notices.senders.message import Words
from server.notices.telling import Telling, tell
from server.people.actor import SYSTEM
from server.reminders.ladder.actions import ladder_of
from server.reminders.ladder.rungs import CO_HANDLER, Rung
from server.reminders.people import Staff, staff_of
from server.settings import settings
from server.worktime.actions import calendar_of

URGENT = "urgent"
"""The policy of what waits for nothing, not even for working time."""


async def follow_moves(step: Step, event: IssueEvent) -> None:
    """Whoever has to go on is told, but never whoever did it. What is not on the ladder is told to nobody."""
    issue, topic = step.issue, f"issue.{event.verb}"
    ladder = await ladder_of(issue.bureau)
    outcome = f"{topic}.{event.outcome}"
    rung = ladder.rung_for(outcome) if ladder.knows(outcome) else ladder.rung_for(topic)
    if rung is None:
        return
    text = (await _texts(issue.bureau, [issue]))[issue.id]
    telling = await _telling(issue, rung, await staff_of(issue.bureau), f"event {event.id}", text)
    persons = telling.persons - {step.actor.person}
    await tell(issue.bureau, [replace(telling, persons=persons)])


async def follow_signals(bureau: UUID, signals: Sequence[Signal]) -> None:
    """Each signal comes once; its id is the key all the same."""
    ladder = await ladder_of(bureau)
    wanted = [(signal, rung) for signal in signals if (rung := ladder.rung_for(signal.event, signal.clock)) is not None]
    if not wanted:
        return
    staff = await staff_of(bureau)
    rows = await Issue.objects().where(Issue.bureau == bureau, Issue.id.is_in([signal.issue for signal, _ in wanted]))
    issues, texts = {row.id: row for row in rows}, await _texts(bureau, rows)
    tellings = [
        await _telling(
            issues[signal.issue], rung, staff, f"signal {signal.id}", texts[signal.issue], signal.clock, signal.due
        )
        for signal, rung in wanted
    ]
    await tell(bureau, tellings)


async def _texts(bureau: UUID, issues: Sequence[Issue]) -> dict[UUID, str]:
    """What a notice says of each: its title, but nothing of what was said in confidence, because notices leave the house."""
    silent = await confidential_issues(bureau, [issue.id for issue in issues])
    return {issue.id: "" if issue.id in silent else issue.title for issue in issues}


async def _telling(
    issue: Issue, rung: Rung, staff: Staff, key: str, text: str, clock: str = "", due: datetime | None = None
) -> Telling:
    co = [part.unit for part in await parts_of(issue)] if CO_HANDLER in rung.to else []
    persons = staff.meant(rung.to, issue.lead, co, issue.person) - {SYSTEM}
    units = {issue.lead, *co} - {None}
    return Telling(
        topic=rung.topic,
        key=key,
        subject_kind=KIND,
        subject=issue.id,
        words=_words(issue, rung, staff, text, clock, due),
        persons=frozenset(persons),
        units=frozenset(unit for unit in units if unit is not None),
        is_urgent=issue.policy == URGENT,
    )


def _words(issue: Issue, rung: Rung, staff: Staff, text: str, clock: str, due: datetime | None) -> Words:
    named = BY_NAME.get(clock)
    day = due.astimezone(settings.timezone).strftime("%Y-%m-%d %H:%M") if due is not None else "-"
    places: dict[str, Any] = {"number": issue.number, "unit": staff.names.get(issue.lead, "-"), "due": day}
    facts = {
        "number": issue.number,
        "state": issue.state,
        "clock": clock,
        "due": due.isoformat() if due is not None else None,
    }
    return Words(
        title_zh=rung.zh.format_map(places | {"clock": named.zh if named is not None else clock}),
        title_en=rung.en.format_map(places | {"clock": named.en if named is not None else clock}),
        text_zh=text,
        text_en=text,
        facts=facts,
    )


async def next_opening(bureau: UUID, moment: datetime) -> datetime:
    """The moment itself while the office is open, else when it opens next."""
    calendar = await calendar_of(bureau)
    return calendar.add_working_time(moment, timedelta(0), settings.timezone)
