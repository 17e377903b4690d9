"""Sending a complaint or suggestion about the software, from a phone or a desk, and reading them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.feedback.tables import Feedback
from server.moment import now
from server.paging import Page, page_of
from server.people.actions import actor_of
from server.people.actor import Actor
from server.refusals import refusal
from sync.identity import new_id
from sync.operations import Operation, OperationContext, Outcome, applied, operation
from sync.transaction import transaction


class NewFeedback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A complaint or suggestion about the software itself; `about` says where it came up (a screen, a form)."""

    words: Annotated[str, Meta(min_length=1, max_length=4000)]
    about: Annotated[str, Meta(max_length=200)] = ""


class FeedbackOut(Struct, frozen=True, kw_only=True):
    id: UUID
    person: UUID
    words: str
    about: str
    sent_at: datetime


async def send_feedback(actor: Actor, new: NewFeedback, id: UUID | None = None) -> FeedbackOut:
    """Anybody who works here may. Sending the same id again is once; an id of another bureau is `id_taken`."""
    actor.must("feedback.send")
    async with transaction():
        row = await Feedback.objects().get(Feedback.id == id) if id else None
        if row is not None and row.bureau != actor.bureau:
            raise refusal("feedback.id_taken")
        if row is None:
            row = Feedback(
                id=id or new_id(),
                bureau=actor.bureau,
                person=actor.person,
                device=actor.device,
                words=new.words,
                about=new.about,
                sent_at=now(),
            )
            await row.save()
            await record_event(actor, "feedback.send", "feedback", row.id, {})
    return _out(row)


async def list_feedback(actor: Actor, *, after: str, limit: int) -> Page[FeedbackOut]:
    """The newest first."""
    order = (Feedback.sent_at, Feedback.id)
    return (await page_of(Feedback.visible_to(actor), order, after=after, limit=limit, is_descending=True)).shown(_out)


def _out(row: Feedback) -> FeedbackOut:
    return FeedbackOut(id=row.id, person=row.person, words=row.words, about=row.about, sent_at=row.sent_at)


async def apply_send(context: OperationContext, one: Operation[NewFeedback]) -> Outcome:
    actor = await actor_of(context)
    await send_feedback(actor, one.args, one.target)
    return applied()


def connect() -> None:
    operation("feedback.send", args=NewFeedback)(apply_send)
