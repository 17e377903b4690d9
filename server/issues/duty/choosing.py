"""The person who handles an issue (经办人): chosen inside the post of its lead unit when it comes, changed with a reason."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from server.issues.duty.route import route_of
from server.issues.duty.tables import IssueDuty
from server.issues.steps.opening import KIND
from server.issues.steps.step import Step
from server.issues.tables import Issue, IssueEvent
from server.moment import now, today
from server.people.actions import load_actor
from server.people.actor import SYSTEM
from server.people.tables import Person, Unit
from server.refusals import refusal
from server.routing.posts.actions import WORKS
from server.routing.posts.choice import Choice
from server.routing.posts.duty import Load, absences_on, choose_in_post, find_post
from server.routing.posts.tables import Post
from sync.bulk import among, ids
from sync.feed import touch
from sync.identity import new_id
from sync.transaction import fetch, is_postgres

CHOOSES = {"dispatch", "assign"}
"""Verbs that give an issue to a unit."""


async def loads_of(bureau: UUID, persons: list[UUID]) -> dict[UUID, Load]:
    """How many open issues each has and since when the newest. Raw SQL: every choice and every list of posts counts with it."""
    rows = await fetch(
        "SELECT handler, sum(CASE WHEN closed_at IS NULL THEN 1 ELSE 0 END) AS open, max(handler_since) AS given_at"
        f" FROM issue WHERE bureau = $1 AND handler {among(2)} GROUP BY handler",
        [bureau, ids(persons)],
    )
    return {UUID(str(row["handler"])): Load(int(row["open"]), _moment(row["given_at"])) for row in rows}


def _moment(value: datetime | str | None) -> datetime | None:
    """SQLite forgets the type of what it takes the maximum of."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


async def follow_moves(step: Step, event: IssueEvent) -> None:
    """A unit that gets an issue gets it for a person; one that comes back to its unit never goes to somebody absent."""
    issue = step.issue
    if issue.lead is None:
        if issue.handler is not None or issue.post is not None:
            issue.handler = issue.post = issue.handler_since = None
            await issue.save([Issue.handler, Issue.post, Issue.handler_since])
    elif issue.closed_at is not None:
        return
    elif step.verb.name in CHOOSES or (event.target == "REOPENED" and not await _is_here(issue)):
        route = await route_of(issue)
        unit = await Unit.objects().get((Unit.bureau == issue.bureau) & (Unit.id == issue.lead))
        named = route.post if unit is not None and route.lead == unit.code else ""
        post = await find_post(issue.bureau, issue.lead, named)
        await decide(issue, post, event.n)


async def _is_here(issue: Issue) -> bool:
    """Whether its handler is at work today."""
    if issue.handler is None:
        return False
    person = await Person.objects().get((Person.bureau == issue.bureau) & (Person.id == issue.handler))
    away = await absences_on(issue.bureau, [issue.handler], today())
    return person is not None and person.disabled_at is None and not away


async def decide(issue: Issue, post: Post | None, n: int) -> Choice | None:
    """Gives the issue to whoever the post chooses, or to nobody with the reasons; without a post the unit decides."""
    choice = await choose(issue.bureau, post) if post is not None else None
    person = choice.person if choice is not None else None
    if choice is not None and post is not None:
        await keep(issue, n, post.id, person, choice)
    await give(issue, post.id if post is not None else None, person)
    await issue.save([Issue.handler, Issue.post, Issue.handler_since])
    return choice


async def choose(bureau: UUID, post: Post, unwanted: frozenset[UUID] = frozenset()) -> Choice:
    """One after the other, so that nobody gets more than they have room for."""
    if is_postgres():
        await fetch("SELECT id FROM post WHERE id = $1 FOR UPDATE", [post.id])
    return await choose_in_post(bureau, post, unwanted)


async def give(issue: Issue, post: UUID | None, person: UUID | None) -> None:
    issue.post, issue.handler = post, person
    issue.handler_since = now() if person is not None else None
    touch(issue.bureau, KIND, issue.id)


async def keep(issue: Issue, n: int, post: UUID | None, person: UUID | None, choice: Choice, by: UUID = SYSTEM) -> None:
    await IssueDuty(
        id=new_id(), bureau=issue.bureau, issue=issue.id, n=n, at=now(), unit=issue.lead, post=post, person=person,
        before=issue.handler, decided_by=by, why_zh=choice.why_zh, why_en=choice.why_en,
        considered=msgspec.json.encode(choice.considered).decode(),
    ).save()  # fmt: skip


async def reassign(step: Step) -> None:
    """To somebody of the lead unit who is there; without a name the post chooses anybody but who has it now. Raises
    `person.unknown`, `post.holder_cannot`, `duty.same`, `duty.away`, `duty.nobody`."""
    issue, fields = step.issue, step.fields
    post = await Post.objects().get((Post.bureau == issue.bureau) & (Post.id == issue.post)) if issue.post else None
    if fields.to:
        person = await _named(issue, fields.to)
        zh, en = (
            f"由 {step.actor.name} 改派给 {person.name}:{fields.reason}",
            f"reassigned to {person.name} by {step.actor.name}: {fields.reason}",
        )
        choice = Choice(person=person.id, name=person.name, considered=[], why_zh=zh, why_en=en)
    else:
        post = post or await find_post(issue.bureau, step.issue.lead)
        if post is None:
            raise refusal(
                "duty.nobody", number=issue.number, why="没有岗位", why_en="the unit has no post to choose from"
            )
        choice = await choose(issue.bureau, post, frozenset({issue.handler} - {None}))
        if choice.person is None:
            raise refusal("duty.nobody", number=issue.number, why=choice.why_zh, why_en=choice.why_en)
    await keep(issue, issue.events + 1, post.id if post is not None else None, choice.person, choice, step.actor.person)
    await give(issue, post.id if post is not None else None, choice.person)
    step.kept |= {"handler": choice.name, "why": choice.why_zh, "why_en": choice.why_en}


async def _named(issue: Issue, login: str) -> Person:
    person = await Person.objects().get((Person.bureau == issue.bureau) & (Person.login == login))
    if person is None or person.disabled_at is not None:
        raise refusal("person.unknown", login=login)
    if person.id == issue.handler:
        raise refusal("duty.same", number=issue.number, login=login)
    if issue.lead not in (await load_actor(issue.bureau, person.id)).units(WORKS):
        raise refusal("post.holder_cannot", login=login, unit="-")
    away = await absences_on(issue.bureau, [person.id], today())
    if away:
        raise refusal("duty.away", login=login, until=away[person.id].ends_on)
    return person
