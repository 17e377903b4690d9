"""Verbs from the road. A phone says what was done where nobody could be asked; the table judges it when it arrives, and what
somebody wrote is kept as a note even when the move is no longer possible."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec

from server.issues.actions import move_issue, reach_issue
from server.issues.fields import NoteText
from server.issues.states import VERBS, Verb
from server.issues.steps.joining import follow_merges
from server.issues.steps.opening import KIND
from server.issues.steps.step import Occurred
from server.people.actions import actor_of
from server.people.actor import Actor
from sync.operations import Operation, OperationContext, Outcome, applied, operation, quarantine
from sync.refusal import Refusal
from sync.transaction import transaction

COUNTS_AS_TOLD = {
    "sign", "contacted", "reply", "wait_for_enterprise", "call_back", "sign_part", "answer_co", "record_reply", "remind",
}  # fmt: skip
"""What stops a clock counts when it was done, as far as the phone's clock can be believed; all else when it arrives."""
ELSEWHERE = {"call_back"}
SAID = ("words", "answer", "reason", "needed")
"""Fields that hold what somebody wrote."""


def occurred(context: OperationContext, one: Operation[Any], verb: str, origin: str = "") -> Occurred:
    if verb not in COUNTS_AS_TOLD:
        return Occurred(context.received_at, one.at, origin=origin)
    told = context.event_time(one.at)
    return Occurred(told.at, one.at, told.marked or "", origin)


async def target_of(context: OperationContext, one: Operation[Any]) -> tuple[Actor, UUID, str]:
    """Who acts, and on what: an issue that was merged meanwhile stands for the one that goes on; then its number is told."""
    actor = await actor_of(context)
    named = await reach_issue(actor, one.target)
    issue = await follow_merges(context.bureau, named)
    return actor, issue.id, "" if issue.id == named.id else named.number


def handler_for(verb: Verb) -> Callable[[OperationContext, Operation[Any]], Awaitable[Outcome]]:
    async def apply(context: OperationContext, one: Operation[Any]) -> Outcome:
        actor, issue, origin = await target_of(context, one)
        when = occurred(context, one, verb.name, origin)
        try:
            async with transaction():
                moved = await move_issue(actor, issue, verb.name, one.args, when)
        except Refusal as refused:
            return await keep_words(actor, issue, verb, one, when, refused)
        merged_from = {"origin": str(one.target)} if origin else {}
        return applied(state=moved.state, n=moved.events, **merged_from)

    return apply


async def keep_words(
    actor: Actor, issue: UUID, verb: Verb, one: Operation[Any], when: Occurred, refused: Refusal
) -> Outcome:
    """The words and photos go into the timeline as a note; the operation itself waits for somebody to decide."""
    said = " ".join(str(getattr(one.args, name)) for name in SAID if getattr(one.args, name, ""))
    files = list(getattr(one.args, "files", []))
    kept: dict[str, Any] = {}
    if (said or files) and actor.may("issue.note"):
        words = msgspec.convert(f"[{verb.zh}] {said}"[:4000], str)
        moved = await move_issue(actor, issue, "note", NoteText(words=words, files=files), when)
        kept = {"kept_as_note": moved.events}
    waiting = quarantine(refused.code, refused.zh, refused.en, **(_plain(refused.details) | kept))
    return msgspec.structs.replace(waiting, keeps=bool(kept))


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    return msgspec.to_builtins(details)  # type: ignore[no-any-return]


def connect() -> None:
    for verb in VERBS.values():
        if verb.offline and verb.name not in ELSEWHERE:
            operation(f"issue.{verb.name}", args=verb.fields, kind=KIND)(handler_for(verb))
