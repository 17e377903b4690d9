"""One use of one verb on one issue, on its way: what the effects read and what they may set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.issues.machine.overlay import Machine
from server.issues.states import VERBS, Verb
from server.issues.tables import Issue, IssueEvent, IssueUnit
from server.people.actor import SYSTEM, Actor
from server.people.roles import ROLES
from server.people.tables import Unit
from server.refusals import refusal
from sync.identity import new_id


class Occurred(Struct, frozen=True):
    """When something on the road happened: the time that counts, the time the phone told, and why they differ. `origin` is
    the number of the issue it was said about, when that one has been merged since."""

    counts_at: datetime
    told_at: datetime
    mark: str = ""
    origin: str = ""


class Step(Struct, kw_only=True):
    actor: Actor
    issue: Issue
    verb: Verb
    machine: Machine
    fields: Any
    timeline: list[IssueEvent]
    at: datetime
    counts_at: datetime
    outcome: str = ""
    target: str = ""
    """Which of several states to go to; empty lets the table decide."""
    since: datetime | None = None
    """Since when it is in the state it goes to, for one that it was in before; else from now."""
    kept: dict[str, Any]
    """What the timeline keeps of this step."""

    def last(self, *verbs: str) -> IssueEvent | None:
        return next((event for event in reversed(self.timeline) if event.verb in verbs), None)

    def persons(self, *verbs: str) -> set[UUID]:
        return {event.person for event in self.timeline if event.verb in verbs} - {SYSTEM}


Effect = Callable[[Step], Awaitable[None]]
Moved = Callable[[Step, IssueEvent], Awaitable[None]]
_moved: list[Moved] = []


def on_moved(follower: Moved) -> None:
    """Have `follower(step, event)` called in the transaction of every verb but the opening by a report, after all is written."""
    if follower not in _moved:
        _moved.append(follower)


async def tell_moved(step: Step, event: IssueEvent) -> None:
    for follower in _moved:
        await follower(step, event)


HANDLING = ("sign", "contacted", "ask_co", "answer_co", "reply", "adopt_answer")
"""Whoever did one of these has handled the issue, and may neither call back nor close it."""


def must_differ(step: Step, *verbs: str) -> None:
    """Raises `issue.same_person` when the actor did one of `verbs` on this issue."""
    if not step.actor.is_system and step.actor.person in step.persons(*verbs):
        done = next(event for event in step.timeline if event.verb in verbs and event.person == step.actor.person)
        raise refusal("issue.same_person", done=VERBS[done.verb].zh, done_en=VERBS[done.verb].en, wanted=step.verb.zh)


async def impossible(issue: Issue, verb: Verb, machine: Machine) -> Exception:
    """Says what may be done instead, and by whom."""
    state, possible = machine.state(issue.state), machine.verbs_from(issue.state)
    units = await units_at_work(issue)
    return refusal(
        "issue.move_impossible",
        number=issue.number,
        state=issue.state,
        state_zh=state.zh,
        state_en=state.en,
        verb=verb.name,
        verb_zh=verb.zh,
        verb_en=verb.en,
        possible=possible,
        allowed=[who_may(machine.verb(name), units) for name in possible if VERBS[name].route],
    )


def who_may(verb: Verb, units: dict[str, list[str]]) -> dict[str, Any]:
    """The roles that hold a verb's permission, and the codes of the units it is theirs to use for; none where any may."""
    where = {"lead": ["lead"], "part": ["split", "co"], "units": ["lead", "split", "co"]}.get(verb.where, [])
    return {
        "verb": verb.name,
        "zh": verb.zh,
        "en": verb.en,
        "roles": sorted(role for role, permissions in ROLES.items() if verb.permission in permissions),
        "units": sorted({code for role in where for code in units.get(role, [])}),
    }


async def units_at_work(issue: Issue) -> dict[str, list[str]]:
    """Codes of the units that have the issue now, by what they do with it."""
    rows = await IssueUnit.select(IssueUnit.unit, IssueUnit.role).where(
        IssueUnit.bureau == issue.bureau, IssueUnit.issue == issue.id, IssueUnit.until.is_null()
    )
    if not rows:
        return {}
    found = await Unit.select(Unit.id, Unit.code).where(Unit.id.is_in([row["unit"] for row in rows]))
    codes = {row["id"]: row["code"] for row in found}
    at_work: dict[str, list[str]] = {}
    for row in rows:
        at_work.setdefault(row["role"], []).append(codes.get(row["unit"], ""))
    return at_work


async def units_named(bureau: UUID, codes: list[str]) -> dict[str, UUID]:
    """Raises `unit.unknown` with the first code that does not exist."""
    found = await Unit.select(Unit.id, Unit.code).where(Unit.bureau == bureau, Unit.code.is_in(codes)) if codes else []
    by_code = {row["code"]: row["id"] for row in found}
    for code in codes:
        if code not in by_code:
            raise refusal("unit.unknown", unit=code)
    return by_code


async def set_units(step: Step, lead: UUID | None, co: Sequence[UUID] = (), split: Sequence[UUID] = ()) -> None:
    """From now on these and no others work on the issue; who did before stays on record. The lead leads, whatever else it is
    named for; a unit with a part of its own does not help besides."""
    issue = step.issue
    await IssueUnit.update({IssueUnit.until: step.at}).where(
        IssueUnit.bureau == issue.bureau, IssueUnit.issue == issue.id, IssueUnit.until.is_null()
    )
    issue.lead = lead
    roles = dict.fromkeys(co, "co") | dict.fromkeys(split, "split") | ({lead: "lead"} if lead is not None else {})
    await add_units(step, sorted(roles.items(), key=lambda one: ("lead", "split", "co").index(one[1])))


async def add_units(step: Step, wanted: list[tuple[UUID, str]]) -> None:
    issue = step.issue
    rows = [
        IssueUnit(
            id=new_id(),
            bureau=issue.bureau,
            issue=issue.id,
            unit=unit,
            role=role,
            since=step.at,
            asked_at=None if role == "lead" else step.at,
        )
        for unit, role in wanted
    ]
    if rows:
        await IssueUnit.insert(*rows)


async def parts_of(issue: Issue) -> list[IssueUnit]:
    """The units that help now, or have a part of their own."""
    return (
        await IssueUnit.objects()
        .where(
            IssueUnit.bureau == issue.bureau,
            IssueUnit.issue == issue.id,
            IssueUnit.role != "lead",
            IssueUnit.until.is_null(),
        )
        .order_by(IssueUnit.since, IssueUnit.id)
    )
