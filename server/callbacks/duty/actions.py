"""Call-backs as somebody's duty: drawn when an issue is answered, given to an officer who did not handle it, settled when made."""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.callbacks.actions import ON_SITE, PENDING
from server.callbacks.duty.draw import SHIPPED, Drawn, Rules, draw
from server.callbacks.tables import Callback, CallbackPolicy, CallbackTask
from server.enterprises.tables import EnterpriseAssignment
from server.issues.actions import reach_issue
from server.issues.states import VERBS
from server.issues.steps.dues import current_dues, timeline
from server.issues.steps.joining import links_of
from server.issues.steps.step import HANDLING, Step
from server.issues.tables import CONFIRMED, Issue, IssueEvent
from server.moment import now, today
from server.paging import Page, page_of
from server.people.actions import hold_bureau, load_actor
from server.people.actor import Actor
from server.people.roles import CALLBACK_OFFICER, COMMISSIONER
from server.people.tables import Person, RoleGrant, Unit
from server.refusals import refusal
from server.worktime.actions import calendar_of
from sync.identity import named_id, new_id
from sync.transaction import transaction

OPEN, NOT_DRAWN, DONE, ENDED = "open", "not_drawn", "done", "ended"
STATES = (OPEN, NOT_DRAWN, DONE, ENDED)
ON_SITE_WORKING_DAYS = 3
"""For calling back what was settled during a visit, which has no clock for it."""


class RulesOut(Struct, frozen=True, kw_only=True):
    version: int
    """0 for the shipped rules."""
    rules: Rules


class Wanted(Struct, frozen=True, kw_only=True):
    state: str = OPEN
    mine: bool = False
    due_before: date | None = None


async def rules_of(bureau: UUID) -> RulesOut:
    rows = CallbackPolicy.objects().where(CallbackPolicy.bureau == bureau)
    row = await rows.order_by(CallbackPolicy.version, ascending=False).first()
    if row is None:
        return RulesOut(version=0, rules=msgspec.structs.replace(SHIPPED, seed=str(bureau)))
    return RulesOut(version=row.version, rules=msgspec.json.decode(row.rules, type=Rules))


async def show_rules(actor: Actor) -> RulesOut:
    """With the seed: whoever may know beforehand who will be called."""
    actor.must("issue.supervise")
    return await rules_of(actor.bureau)


async def replace_rules(actor: Actor, rules: Rules) -> RulesOut:
    """From now on; what was drawn stays drawn. Without a seed a new one is made."""
    actor.must("issue.supervise")
    async with transaction():
        await hold_bureau(actor.bureau)
        version = (await rules_of(actor.bureau)).version + 1
        kept = msgspec.structs.replace(rules, seed=rules.seed or secrets.token_hex(16))
        await CallbackPolicy(
            id=named_id("callback policy", actor.bureau, version), bureau=actor.bureau, version=version,
            rules=msgspec.json.encode(kept).decode(), person=actor.person, at=now(),
        ).save()  # fmt: skip
        await record_event(actor, "callback.rules", "bureau", actor.bureau, {"version": version})
    return RulesOut(version=version, rules=kept)


async def list_tasks(actor: Actor, wanted: Wanted, *, after: str, limit: int) -> Page[CallbackTask]:
    """Of issues the person may see, the most urgent first."""
    actor.must("issue.read")
    if wanted.state not in STATES:
        raise refusal("task.state_unknown", state=wanted.state, states=", ".join(STATES))
    query = CallbackTask.objects().where(
        CallbackTask.bureau == actor.bureau,
        CallbackTask.state == wanted.state,
        CallbackTask.issue.is_in(Issue.select(Issue.id).where(Issue.reach_of(actor))),
    )
    if wanted.mine:
        query = query.where(CallbackTask.officer == actor.person)
    if wanted.due_before is not None:
        query = query.where(CallbackTask.due_on < wanted.due_before)
    return await page_of(query, (CallbackTask.due_on, CallbackTask.id), after=after, limit=limit)


async def tasks_of(actor: Actor, named: str) -> list[CallbackTask]:
    """Who was drawn for an issue, in every turn, and how."""
    issue = await reach_issue(actor, named)
    return await CallbackTask.of_issue(issue.bureau, issue.id)


async def give_task(actor: Actor, task: UUID, login: str) -> CallbackTask:
    """To somebody else: who may call back, still works here and did not handle the issue. Raises `task.unknown`, `person.unknown`,
    `permission.missing`, `issue.same_person`."""
    actor.must("issue.supervise")
    async with transaction():
        found = await CallbackTask.objects().get(
            (CallbackTask.bureau == actor.bureau) & (CallbackTask.id == task) & (CallbackTask.state == OPEN)
        )
        if found is None or not await Issue.exists().where(Issue.reach_of(actor), Issue.id == found.issue):
            raise refusal("task.unknown")
        person = await Person.objects().get((Person.bureau == actor.bureau) & (Person.login == login))
        if person is None or person.disabled_at is not None:
            raise refusal("person.unknown", login=login)
        (await load_actor(actor.bureau, person.id)).must("issue.call_back")
        for event in await timeline(actor.bureau, found.issue):
            if event.verb in HANDLING and event.person == person.id:
                done = VERBS[event.verb]
                raise refusal("issue.same_person", done=done.zh, done_en=done.en, wanted="回访")
        found.officer = person.id
        await found.save()
        await record_event(actor, "callback.give", "issue", found.issue, {"task": str(found.id), "to": str(person.id)})
    return found


async def follow_moves(step: Step, event: IssueEvent) -> None:
    """Follower of every verb: what is answered is drawn, what leaves for elsewhere needs no call any more."""
    issue = step.issue
    if issue.state in (PENDING, ON_SITE):
        await draw_tasks(issue, [*step.timeline, event])
        await settle_tasks(issue)
    elif event.source in (PENDING, ON_SITE):
        await settle_tasks(issue)
        await CallbackTask.update({CallbackTask.state: ENDED, CallbackTask.settled_at: step.at}).where(
            CallbackTask.bureau == issue.bureau,
            CallbackTask.issue == issue.id,
            CallbackTask.state.is_in([OPEN, NOT_DRAWN]),
        )


async def guard_closing(issue: Issue) -> None:
    """Registered with the engine: nothing that waits for call-backs is closed before all that were drawn are made."""
    if issue.state != PENDING:
        return
    await draw_tasks(issue)
    await settle_tasks(issue)
    tasks = [task for task in await CallbackTask.of_issue(issue.bureau, issue.id) if task.turn == issue.redos]
    waiting = sum(task.state == OPEN for task in tasks)
    if waiting:
        raise refusal("callback.waiting", number=issue.number, count=waiting)


async def settle_tasks(issue: Issue) -> None:
    """Those whose reporter has been asked, or tried often enough."""
    concluded = [(row.report, row.turn) for row in await Callback.of_issue(issue.bureau, issue.id) if row.concludes]
    for task in await CallbackTask.of_issue(issue.bureau, issue.id):
        if task.state in (OPEN, NOT_DRAWN) and (task.report, task.turn) in concluded:
            settled: dict[Any, Any] = {CallbackTask.state: DONE, CallbackTask.settled_at: now()}
            await CallbackTask.update(settled).where(CallbackTask.id == task.id)


async def draw_tasks(issue: Issue, events: list[IssueEvent] | None = None) -> list[CallbackTask]:
    """Makes the tasks of this turn that are not there yet; answers all of the turn."""
    known = [task for task in await CallbackTask.of_issue(issue.bureau, issue.id) if task.turn == issue.redos]
    for task in known:  # it comes back: a merge was undone
        if task.state == ENDED:
            task.state, task.settled_at = OPEN if task.drawn else NOT_DRAWN, None
            await task.save()
    drawn_for = {task.report for task in known}
    links = [
        link
        for link in await links_of(issue.bureau, issue.id)
        if link.state == CONFIRMED and link.report not in drawn_for
    ]
    if not links:
        return known
    events = events or await timeline(issue.bureau, issue.id)
    now_ruled, calendar = await rules_of(issue.bureau), await calendar_of(issue.bureau)
    due_on = await _due_on(issue, events)
    closes_on = calendar.add_working_days(today(), now_ruled.rules.close_after_days)
    for link in links:
        drawn = draw(
            now_ruled.rules, now_ruled.rules.seed, issue.number, link.report, issue.redos, policy=issue.policy,
            urgency=issue.urgency, on_site=issue.state == ON_SITE,
        )  # fmt: skip
        officer = await choose_officer(issue, events, link.enterprise) if drawn.is_drawn else None
        task = _task(issue, link.report, drawn, now_ruled.version)
        task.officer, task.due_on, task.closes_on = officer, due_on, closes_on
        await task.save()
        known.append(task)
    return known


def _task(issue: Issue, report: UUID, drawn: Drawn, version: int) -> CallbackTask:
    return CallbackTask(
        id=new_id(), bureau=issue.bureau, issue=issue.id, report=report, turn=issue.redos, drawn=drawn.is_drawn,
        percent=drawn.percent, number=drawn.number, rule=drawn.rule, policy_version=version,
        state=OPEN if drawn.is_drawn else NOT_DRAWN, made_at=now(),
    )  # fmt: skip


async def _due_on(issue: Issue, events: list[IssueEvent]) -> date:
    for due in await current_dues(issue.bureau, events):
        if due.clock == "callback" and due.day is not None:
            return due.day
    calendar = await calendar_of(issue.bureau)
    return calendar.add_working_days(today(), ON_SITE_WORKING_DAYS)


async def choose_officer(issue: Issue, events: list[IssueEvent], enterprise: UUID | None) -> UUID | None:
    """A call-back officer over the lead unit, the one with the fewest open tasks; else the commissioner who looks after the
    enterprise. Never anybody who handled the issue."""
    handled = {event.person for event in events if event.verb in HANDLING}
    people = await Person.select(Person.id, Person.login).where(
        Person.bureau == issue.bureau, Person.disabled_at.is_null()
    )
    logins = {row["id"]: row["login"] for row in people if row["id"] not in handled}
    officers = [person for person in await _officers(issue) if person in logins]
    if not officers and enterprise is not None:
        caring = await EnterpriseAssignment.in_force(issue.bureau).where(EnterpriseAssignment.enterprise == enterprise)
        granted = {one.person for one in await _grants(issue.bureau, COMMISSIONER)}
        officers = [one.person for one in caring if one.person in logins and one.person in granted]
    if not officers:
        return None
    open_tasks = await CallbackTask.select(CallbackTask.officer).where(
        CallbackTask.bureau == issue.bureau, CallbackTask.state == OPEN, CallbackTask.officer.is_in(officers)
    )
    load = Counter(row["officer"] for row in open_tasks)
    return min(officers, key=lambda person: (load[person], logins[person]))


async def _officers(issue: Issue) -> list[UUID]:
    """Whose grant reaches the lead unit; before any unit leads, all of the bureau."""
    paths = {unit.id: unit.path for unit in await Unit.of_bureau(issue.bureau)}
    lead = paths.get(issue.lead, "") if issue.lead is not None else ""
    grants = await _grants(issue.bureau, CALLBACK_OFFICER)
    return sorted({one.person for one in grants if not lead or lead.startswith(paths.get(one.unit, "-"))}, key=str)


async def _grants(bureau: UUID, role: str) -> list[RoleGrant]:
    return await RoleGrant.objects().where(
        RoleGrant.bureau == bureau, RoleGrant.role == role, RoleGrant.revoked_at.is_null()
    )


def is_closable(tasks: list[CallbackTask], day: date) -> bool:
    """Nobody is to be called any more, and who was not drawn has had the time to speak."""
    waiting = [task for task in tasks if task.state in (OPEN, NOT_DRAWN)]
    return all(task.state == NOT_DRAWN and task.closes_on < day for task in waiting)
