"""The engine: any verb on any issue, judged by the table, told to the timeline, the feed and the audit chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.issues.machine.overlay import Machine
from server.issues.machine.tables import machine_of
from server.issues.states import STATES, Verb, find_move
from server.issues.steps.dues import set_dues, timeline
from server.issues.steps.effects import EFFECTS
from server.issues.steps.joining import find_issue
from server.issues.steps.letters import Letter, letters_of, store_letters
from server.issues.steps.opening import KIND
from server.issues.steps.parts import date_parts
from server.issues.steps.step import Occurred, Step, impossible, parts_of, tell_moved, units_at_work, who_may
from server.issues.tables import CONFIRMED, Issue, IssueEvent, IssueLink
from server.moment import now
from server.people.actions import hold_bureau
from server.people.actor import Actor
from server.people.tables import Person
from server.refusals import refusal
from server.reports.tables import Report
from server.worktime.actions import keep_calendar
from sync.feed import touch
from sync.identity import new_id
from sync.transaction import fetch, is_postgres, transaction

LETTERS_MAX = 20


async def reach_issue(actor: Actor, named: str | UUID) -> Issue:
    """By id or number. Raises `issue.unknown` for what this person may not see, as for what is not there."""
    actor.must("issue.read")
    issue = await find_issue(actor.bureau, named, actor.person)
    if issue is None or not await Issue.exists().where(Issue.reach_of(actor), Issue.id == issue.id):
        raise refusal("issue.unknown")
    return issue


async def move_issue(
    actor: Actor,
    named: str | UUID,
    verb: str,
    fields: Struct,
    occurred: Occurred | None = None,
    base: int | None = None,
) -> Issue:
    """Uses one verb of the table on one issue; `occurred` says when, for what a phone tells later; `base` is the last line of the
    timeline a desk had seen.

    Raises `issue.unknown`, `permission.missing`, `issue.stale` (somebody was there since), `issue.not_yours` (another unit's),
    `issue.move_impossible` (not from this state), and what the verb itself refuses.
    """
    machine = await machine_of(actor.bureau)
    rule = machine.verb(verb)
    actor.must(rule.permission, roles=who_may(rule, {})["roles"])
    async with transaction():
        await keep_calendar(actor.bureau)
        issue = await hold_issue(actor, named)
        if base is not None and base != issue.events:
            raise await _stale(issue, base, machine)
        await _must_be_theirs(actor, issue, rule)
        moment = now()
        step = Step(
            actor=actor,
            issue=issue,
            verb=rule,
            machine=machine,
            fields=fields,
            timeline=await timeline(issue.bureau, issue.id),
            at=moment,
            counts_at=occurred.counts_at if occurred is not None else moment,
            outcome=getattr(fields, "outcome", ""),
            kept=msgspec.to_builtins(fields) | ({"origin": occurred.origin} if occurred and occurred.origin else {}),
        )
        if machine.find_move(verb, issue.state, step.outcome) is None:
            raise await impossible(issue, rule, machine)
        _must_be_filled(step)
        effect = EFFECTS.get(verb)
        if effect is not None:
            await effect(step)
        await _finish(step, occurred)
    return issue


async def hold_issue(actor: Actor, named: str | UUID) -> Issue:
    """`reach_issue` and hold the row until the commit: two verbs at once are judged one after the other."""
    issue = await reach_issue(actor, named)
    if is_postgres():
        await fetch("SELECT id FROM issue WHERE id = $1 FOR UPDATE", [issue.id])
        return await reach_issue(actor, issue.id)
    return issue


async def _must_be_theirs(actor: Actor, issue: Issue, verb: Verb) -> None:
    if actor.is_system or verb.where == "any":
        return
    units = actor.units(verb.permission)
    working = [] if verb.where == "part" else [issue.lead]
    if verb.where != "lead":
        working += [part.unit for part in await parts_of(issue)]
    if not any(unit in units for unit in working):
        who = who_may(verb, await units_at_work(issue))
        raise refusal(
            "issue.not_yours",
            number=issue.number,
            verb=verb.zh,
            verb_en=verb.en,
            roles=who["roles"],
            units=who["units"],
        )


async def _stale(issue: Issue, base: int, machine: Machine) -> Exception:
    """With the newer state, so that a desk can show what happened and decide again."""
    (last,) = await IssueEvent.objects().where(
        IssueEvent.bureau == issue.bureau, IssueEvent.issue == issue.id, IssueEvent.n == issue.events
    )
    who = await Person.objects().get((Person.bureau == issue.bureau) & (Person.id == last.person))
    state, verb = machine.state(issue.state), machine.verb(last.verb)
    return refusal(
        "issue.stale", number=issue.number, base=base, n=issue.events, state=issue.state, state_zh=state.zh,
        state_en=state.en, verb=verb.name, verb_zh=verb.zh, verb_en=verb.en, at=last.at, person=who.name if who else "",
        possible=machine.verbs_from(issue.state),
    )  # fmt: skip


def _must_be_filled(step: Step) -> None:
    """What this bureau asks for beyond the product. The product itself, which closes by rule, has nothing to fill in."""
    asked = [] if step.actor.is_system else step.machine.rule(step.verb.name).required
    empty = [name for name in asked if not getattr(step.fields, name)]
    if empty:
        raise refusal("issue.field_required", verb_zh=step.verb.zh, verb_en=step.verb.en, fields=", ".join(empty))


async def _finish(step: Step, occurred: Occurred | None) -> None:
    """The move itself: one event, the row, and all who must hear of it."""
    issue, verb = step.issue, step.verb
    move = step.machine.find_move(verb.name, issue.state, step.outcome, step.target)
    if move is None:
        raise await impossible(issue, verb, step.machine)
    issue.events += 1
    event = IssueEvent(
        id=new_id(),
        bureau=issue.bureau,
        issue=issue.id,
        n=issue.events,
        at=step.at,
        counts_at=step.counts_at,
        verb=verb.name,
        outcome=step.outcome,
        source=issue.state,
        target=move.target,
        person=step.actor.person,
        unit=step.actor.unit,
        fields=msgspec.json.encode(step.kept).decode(),
        told_at=occurred.told_at if occurred is not None else None,
        time_mark=occurred.mark if occurred is not None else "",
        machine=step.machine.version,
    )
    await event.save()
    if move.target != issue.state:
        issue.state = move.target
        issue.state_since = step.since or step.at
        issue.closed_at = None if STATES[move.target].is_open else (issue.closed_at or step.at)
        if move.target != "MERGED" and find_move("decide_extension", move.target, "granted") is None:
            issue.ext_requested = False  # nobody can decide it any more; a merge can be undone
    issue.updated_at = step.at
    await set_dues(issue, [*step.timeline, event])
    await date_parts(issue, [*step.timeline, event])
    await issue.save()
    touch(issue.bureau, KIND, issue.id, redirect_to=issue.merged_into if issue.state == "MERGED" else None)
    details: dict[str, Any] = {"verb": verb.name, "n": issue.events, "from": event.source, "to": event.target}
    await record_event(step.actor, f"issue.{verb.name}", KIND, issue.id, details)
    await tell_moved(step, event)


async def letters_at(actor: Actor, moment: datetime | None) -> list[Letter]:
    """Raises `issue.filter` for a moment without a zone, or one no database knows."""
    if moment is not None and (moment.tzinfo is None or not 1900 < moment.year < 9000):
        raise refusal("issue.filter", field="at", value=moment.isoformat())
    return await letters_of(actor.bureau, moment)


async def replace_letters(actor: Actor, letters: list[Letter]) -> list[Letter]:
    """The bureau's own result letters from now on. What was given keeps the meaning it was given with. Raises `issue.letters`."""
    actor.must("routing.write")
    given = [letter.letter for letter in letters]
    if not 0 < len(letters) <= LETTERS_MAX or len(set(given)) < len(given) or not all(given):
        raise refusal("issue.letters", limit=LETTERS_MAX)
    async with transaction():
        await hold_bureau(actor.bureau)
        await store_letters(actor.bureau, letters)
        await record_event(actor, "letters.replace", "bureau", actor.bureau, {"letters": given})
    return letters


async def may_see_issue_of(actor: Actor, record: UUID) -> bool:
    """Whether this person works on an issue that came of the record: its photos show what the words cannot."""
    if not actor.may("issue.read"):
        return False
    # a photo names whoever asked not to be named
    reports = Report.select(Report.id).where(Report.named_to(actor), Report.record == record)
    links = IssueLink.select(IssueLink.issue).where(
        IssueLink.report.is_in(reports), IssueLink.undone_at.is_null(), IssueLink.state == CONFIRMED
    )
    return await Issue.visible_to(actor).where(Issue.id.is_in(links)).first() is not None
