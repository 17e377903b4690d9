"""What somebody has been told, and how they want to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.moment import now
from server.notices.channels.actions import Topics
from server.notices.channels.connections import PERSONAL, MailAddress
from server.notices.senders.message import Words
from server.notices.tables import Channel, Notice, Wish
from server.notices.telling import KIND
from server.paging import COUNT_MAX, page_of
from server.people.actor import Actor
from server.people.tables import Person
from server.refusals import refusal
from sync.feed import touch, touch_many
from sync.transaction import fetch, transaction

READ_AT_ONCE = 1000
CHOSEN_MAX = 50


class NoticeOut(Struct, frozen=True, kw_only=True):
    id: UUID
    topic: str
    subject_kind: str
    subject: UUID
    is_urgent: bool
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    facts: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


class Inbox(Struct, frozen=True, kw_only=True):
    items: list[NoticeOut]
    next: str | None
    unread: int
    """Stops at 1000."""


class WishOut(Struct, frozen=True, kw_only=True):
    """`channels`: null for what the bureau has made the default. `available`: what can be chosen."""

    mail: str
    channels: list[UUID] | None
    hours: str
    digest: str
    digest_hour: int
    muted: list[str]
    available: list[Choice]


class Choice(Struct, frozen=True):
    id: UUID
    name: str
    kind: str
    by_default: bool


class NewWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes the place of everything said before. `digest`: collected and told `daily` or `weekly` (on Mondays) at
    `digest_hour`; empty for one by one. `muted` topics stay in the inbox alone; what is urgent is always told at once."""

    mail: MailAddress | Literal[""] = ""
    channels: Annotated[list[UUID], Meta(max_length=CHOSEN_MAX)] | None = None
    hours: Literal["working", "always"] = "working"
    digest: Literal["", "daily", "weekly"] = ""
    digest_hour: Annotated[int, Meta(ge=0, le=23)] = 9
    muted: Topics = []


async def list_notices(actor: Actor, *, unread: bool, after: str, limit: int) -> Inbox:
    """One's own, the newest first."""
    actor.must("notice.read")
    query = Notice.visible_to(actor)
    if unread:
        query = query.where(Notice.read_at.is_null())
    page = await page_of(query, (Notice.created_at, Notice.id), after=after, limit=limit, is_descending=True)
    count = await fetch(
        "SELECT count(*) AS n FROM (SELECT 1 FROM notice WHERE bureau = $1 AND person = $2 AND read_at IS NULL LIMIT $3) AS found",
        [actor.bureau, actor.person, COUNT_MAX],
    )
    return Inbox(items=[_out(row) for row in page.items], next=page.next, unread=count[0]["n"])


async def read_notice(actor: Actor, id: UUID) -> NoticeOut:
    """It has been seen: the first time counts. Raises `notice.unknown`, also for another's."""
    actor.must("notice.read")
    async with transaction():
        row = await Notice.visible_to(actor).where(Notice.id == id).first()
        if row is None:
            raise refusal("notice.unknown")
        if row.read_at is None:
            row.read_at = now()
            await Notice.update({Notice.read_at: row.read_at}).where(Notice.id == id)
            touch(actor.bureau, KIND, id)
    return _out(row)


async def read_all(actor: Actor) -> int:
    """Everything there is so far has been seen; answers how many that were, 1,000 at a time."""
    actor.must("notice.read")
    async with transaction():
        rows = await Notice.visible_to(actor).where(Notice.read_at.is_null()).order_by(Notice.id).limit(READ_AT_ONCE)
        many = [row.id for row in rows]
        if many:
            await Notice.update({Notice.read_at: now()}).where(Notice.id.is_in(many))
            touch_many(actor.bureau, KIND, many)
    return len(many)


async def show_wish(actor: Actor, person: UUID | None = None) -> WishOut:
    actor.must("notice.read")
    row = await Wish.objects().get((Wish.bureau == actor.bureau) & (Wish.id == (person or actor.person)))
    row = row or Wish(id=actor.person, bureau=actor.bureau)
    channels = await _choices(actor.bureau)
    return WishOut(
        mail=row.mail,
        channels=msgspec.json.decode(row.channels, type=list[UUID] | None),
        hours=row.hours,
        digest=row.digest,
        digest_hour=row.digest_hour,
        muted=msgspec.json.decode(row.muted),
        available=channels,
    )


async def set_wish(actor: Actor, new: NewWish) -> WishOut:
    """For oneself. Raises `channel.unknown` for one that does not reach persons."""
    actor.must("notice.read")
    await _store_wish(actor, actor.person, new)
    return await show_wish(actor)


async def set_wish_of(actor: Actor, login: str, new: NewWish) -> WishOut:
    """By an administrator, for somebody who cannot. Raises `person.unknown`, `channel.unknown`."""
    actor.must("person.write")
    person = await Person.objects().get((Person.bureau == actor.bureau) & (Person.login == login))
    if person is None:
        raise refusal("person.unknown")
    await _store_wish(actor, person.id, new)
    return await show_wish(actor, person.id)


async def _store_wish(actor: Actor, person: UUID, new: NewWish) -> None:
    async with transaction():
        known = {choice.id for choice in await _choices(actor.bureau)}
        if new.channels is not None and not set(new.channels) <= known:
            raise refusal("channel.unknown")
        await Wish.delete().where(Wish.bureau == actor.bureau, Wish.id == person)
        await Wish(
            id=person,
            bureau=actor.bureau,
            mail=new.mail,
            channels=msgspec.json.encode(new.channels).decode(),
            hours=new.hours,
            digest=new.digest,
            digest_hour=new.digest_hour,
            muted=msgspec.json.encode(new.muted).decode(),
            changed_at=now(),
        ).save()
        await record_event(actor, "notice.wish", "person", person, {})


async def _choices(bureau: UUID) -> list[Choice]:
    rows = (
        await Channel.of_bureau(bureau)
        .where(Channel.disabled_at.is_null(), Channel.kind.is_in(sorted(PERSONAL)))
        .order_by(Channel.created_at, Channel.id)
    )
    return [Choice(row.id, row.name, row.kind, row.by_default) for row in rows]


def _out(row: Notice) -> NoticeOut:
    words = msgspec.json.decode(row.words, type=Words)
    return NoticeOut(
        id=row.id,
        topic=row.topic,
        subject_kind=row.subject_kind,
        subject=row.subject,
        is_urgent=row.is_urgent,
        title_zh=words.title_zh,
        title_en=words.title_en,
        text_zh=words.text_zh,
        text_en=words.text_en,
        facts=words.facts,
        created_at=row.created_at,
        read_at=row.read_at,
    )
