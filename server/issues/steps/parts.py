"""Units that help the lead (协办) or have a part of their own (分办): asked, signed, answered, each against its own clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from server.clocks.clock import PAUSE, UNPAUSE, Event
from server.clocks.due import Due, due_dates
from server.issues.steps.dues import Measure, clock_events, measure_of, policy_of
from server.issues.steps.step import Step, add_units, parts_of, units_at_work, units_named
from server.issues.tables import Issue, IssueUnit
from server.moment import now
from server.people.tables import Unit
from server.refusals import refusal
from server.settings import settings

CO, OWN = "co", "split"


async def ask_co(step: Step) -> None:
    """Who was asked before is asked again."""
    known = {part.unit: part for part in await parts_of(step.issue)}
    units = await units_named(step.issue.bureau, step.fields.co)
    asked = [unit for unit in units.values() if unit != step.issue.lead]
    if not asked:
        raise refusal("issue.co_is_lead", number=step.issue.number)
    for unit in asked:
        if unit in known:
            known[unit].asked_at, known[unit].answered_at = step.at, None
            await known[unit].save()
    await add_units(step, [(unit, CO) for unit in asked if unit not in known])


async def sign_part(step: Step) -> None:
    """For every part of the person's own units that is not signed yet."""
    units = step.actor.units(step.verb.permission)
    for part in await parts_of(step.issue):
        if (part.unit in units or step.actor.is_system) and part.signed_at is None:
            part.signed_at = step.counts_at
            await part.save()


async def answer_co(step: Step) -> None:
    """The issue goes on when everybody it waits for has answered. The lead may note anybody's answer."""
    parts = await parts_of(step.issue)
    codes = await _codes(parts)
    answered = await _answered(step, parts, codes)
    for part in answered:
        part.answered_at = max(step.counts_at, part.asked_at or step.counts_at)  # it answers what was asked last
        part.signed_at = part.signed_at or part.answered_at
        await part.save()
    step.kept["units"] = [codes[part.unit] for part in answered]
    asked = step.last("ask_co")
    if step.issue.state == "WAITING_CO" and asked is not None:
        waited = [part for part in parts if part.answered_at is None and (part.asked_at or part.since) >= asked.at]
        step.outcome = "part" if waited else ""


async def _answered(step: Step, parts: list[IssueUnit], codes: dict[Any, str]) -> list[IssueUnit]:
    units = step.actor.units(step.verb.permission)
    is_lead = step.actor.is_system or step.issue.lead in units
    if step.fields.unit:
        named = [part for part in parts if codes[part.unit] == step.fields.unit]
        if not named:
            raise refusal("issue.no_part", unit=step.fields.unit, units="、".join(sorted(codes.values())) or "-")
        if not is_lead and named[0].unit not in units:
            raise refusal(
                "issue.not_yours",
                number=step.issue.number,
                verb=step.verb.zh,
                verb_en=step.verb.en,
                units=[step.fields.unit],
            )
        return named
    own = [part for part in parts if part.unit in units]
    return own or ([part for part in parts if part.answered_at is None] if is_lead else [])


async def _codes(parts: list[IssueUnit]) -> dict[Any, str]:
    if not parts:
        return {}
    rows = await Unit.select(Unit.id, Unit.code).where(Unit.id.is_in([part.unit for part in parts]))
    return {row["id"]: row["code"] for row in rows}


async def must_have_parts(step: Step) -> None:
    """The lead collects: raises `issue.parts_waiting` while a unit with a part of its own has not answered."""
    waiting = {part.unit for part in await parts_of(step.issue) if part.role == OWN and part.answered_at is None}
    if waiting and not step.fields.without_parts:
        raise refusal("issue.parts_waiting", units="、".join((await units_at_work(step.issue))[OWN]))


def part_dues(part: Any, timeline: list[Any], measure: Measure) -> list[Due]:
    """A helping unit has the limit of an answer among units, from when it was asked; a unit with a part of its own signs and
    answers by the limits of the lead. Both stand still while the whole issue does."""
    start = part.asked_at
    if start is None:
        return []
    own = [Event("co_asked" if part.role == CO else "dispatched", start)]
    if part.signed_at is not None and part.role == OWN:
        own.append(Event("signed", part.signed_at))
    if part.answered_at is not None:
        own.append(Event("co_answered" if part.role == CO else "replied", part.answered_at))
    elif part.until is not None:
        own.append(Event("ended", part.until))
    shared = PAUSE | (UNPAUSE - {"replied"})
    events = own + [event for event in clock_events(timeline) if event.name in shared and event.at >= start]
    wanted = {"co_reply"} if part.role == CO else {"sign", "reply"}
    events.sort(key=lambda event: event.at)
    dues = due_dates(events, policy_of(timeline, measure.editions, now()), measure.calendar, settings.timezone)
    return [due for due in dues if due.clock in wanted]


async def date_parts(issue: Issue, timeline: list[Any]) -> None:
    """Repeats in the rows of the units what their clocks say."""
    parts = await parts_of(issue)
    if not parts:
        return
    measure = await measure_of(issue.bureau)
    for part in parts:
        due = answer_due(part_dues(part, timeline, measure))
        if part.due != due:
            part.due = due
            await part.save()


def answer_due(dues: list[Due]) -> datetime | None:
    return next((due.due for due in dues if due.clock in ("co_reply", "reply")), None)
