"""Common problems (共性问题): one issue above several that keep their own number, lead and dates. Linked, not merged; its answer
can be given to every enterprise, each in words of its own."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.clocks.choosing.actions import choices_in_force
from server.clocks.choosing.rules import choose
from server.issues.actions import move_issue, reach_issue
from server.issues.fields import AdoptAnswer, Files, Join, Longer, Words
from server.issues.joining.bulk import Merged
from server.issues.steps.choices import kept_choice
from server.issues.steps.dues import set_dues
from server.issues.steps.numbers import take_numbers
from server.issues.steps.opening import KIND
from server.issues.steps.step import units_at_work
from server.issues.tables import NEVER, Issue, IssueEvent
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from sync.feed import touch
from sync.identity import new_id
from sync.refusal import Refusal
from sync.transaction import transaction

CHILDREN_MAX = 200
SIGNED_OFF = ("PENDING_CALLBACK", "CLOSED")

Named = Annotated[str, Meta(min_length=1, max_length=64)]


class NewCommon(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    category: Annotated[str, Meta(max_length=64)] = ""
    urgency: Annotated[str, Meta(max_length=200)] = ""
    issues: Annotated[list[Named], Meta(max_length=CHILDREN_MAX)] = []
    """Numbers or ids of those that show it."""
    words: Words
    """What they have in common."""


class Common(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    issues: list[Merged]
    """What became of each of them."""


class OwnWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issue: Named
    words: Words


class AnswerAll(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`words` go to every enterprise but those that get words of their own; left out, they are those of the common problem's
    answer."""

    words: Longer = ""
    each: Annotated[list[OwnWords], Meta(max_length=CHILDREN_MAX)] = []
    files: Files = []


class Child(Struct, frozen=True, kw_only=True):
    number: str
    state: str
    title: str
    lead: str


async def open_common(actor: Actor, new: NewCommon) -> Common:
    """An issue without reports of its own, in 待受理, worked like any other. Those named join it, each for itself."""
    actor.must("issue.merge")
    async with transaction():
        moment = now()
        choice = choose(await choices_in_force(actor.bureau), new.category, new.urgency, {"common"})
        (number,) = await take_numbers(actor.bureau, 1)
        issue = Issue(
            id=new_id(), bureau=actor.bureau, number=number, state="SUBMITTED", state_since=moment, title=new.title,
            category=new.category, urgency=new.urgency, policy=choice.policy, person=actor.person, origin="common", is_common=True,
            opened_at=moment, next_due=NEVER, events=1, updated_at=moment,
        )  # fmt: skip
        opened = IssueEvent(
            id=new_id(), bureau=actor.bureau, issue=issue.id, n=1, at=moment, counts_at=moment, verb="open",
            target="SUBMITTED", person=actor.person, unit=actor.unit,
            fields=msgspec.json.encode({"words": new.words} | kept_choice(choice)).decode(),
        )  # fmt: skip
        await set_dues(issue, [opened])
        await issue.save()
        await opened.save()
        touch(actor.bureau, KIND, issue.id)
        await record_event(actor, "issue.open", KIND, issue.id, {"common": True})
        joined = [
            await _try(actor, named, "join", Join(parent=number, words="")) for named in dict.fromkeys(new.issues)
        ]
    return Common(id=issue.id, number=number, issues=joined)


async def answer_all(actor: Actor, named: str, answer: AnswerAll) -> list[Merged]:
    """Gives the signed-off answer of a common problem to the issues below it that are in hand: each goes to 待审核 of its own lead
    unit, with its own words. Raises `common.not_one`, `common.unanswered`, `common.not_below`."""
    actor.must("issue.merge")
    async with transaction():
        parent = await reach_issue(actor, named)
        if not parent.is_common:
            raise refusal("common.not_one", number=parent.number)
        if parent.state not in SIGNED_OFF or not parent.letter:
            raise refusal("common.unanswered", number=parent.number)
        below = await children_of(actor, parent)
        numbers = {child.number: child for child in below} | {str(child.id): child for child in below}
        strangers = [own.issue for own in answer.each if own.issue not in numbers]
        if strangers:
            raise refusal("common.not_below", number=parent.number, issues=", ".join(strangers))
        own = {numbers[one.issue].number: one.words for one in answer.each}
        words = answer.words or await _answer_of(parent)
        results = []
        for child in below:
            said = AdoptAnswer(
                parent=parent.number, letter=parent.letter, words=own.get(child.number, words), files=answer.files
            )
            results.append(await _try(actor, child.number, "adopt_answer", said))
    return results


async def _try(actor: Actor, named: str, verb: str, fields: Struct) -> Merged:
    try:
        async with transaction():
            await move_issue(actor, named, verb, fields)
    except Refusal as refused:
        return Merged(issue=named, is_merged=False, code=refused.code, zh=refused.zh, en=refused.en)
    return Merged(issue=named, is_merged=True)


async def _answer_of(parent: Issue) -> str:
    replies = IssueEvent.objects().where(
        IssueEvent.bureau == parent.bureau,
        IssueEvent.issue == parent.id,
        IssueEvent.verb.is_in(["reply", "record_reply"]),
    )
    last = await replies.order_by(IssueEvent.n, ascending=False).first()
    return msgspec.json.decode(last.fields)["words"] if last is not None else ""


async def children_of(actor: Actor, parent: Issue) -> list[Issue]:
    """Those the person may see, in the order of their numbers."""
    return await Issue.visible_to(actor).where(Issue.parent == parent.id).order_by(Issue.number).limit(CHILDREN_MAX)


async def show_children(actor: Actor, parent: Issue) -> list[Child]:
    if not parent.is_common:
        return []
    return [
        Child(
            number=one.number,
            state=one.state,
            title=one.title,
            lead=next(iter((await units_at_work(one)).get("lead", [])), ""),
        )
        for one in await children_of(actor, parent)
    ]
