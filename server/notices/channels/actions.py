"""Connecting channels, trying them, resting them. Administrators only: a channel carries secrets and what enterprises said."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.moment import now
from server.notices.channels.connections import (
    PERSONAL,
    ROBOTS,
    Connection,
    Mail,
    MailAddress,
    Webhook,
    check_connection,
    kind_of,
    place_of,
)
from server.notices.channels.sealing import seal, unseal
from server.notices.outbox.working import send_through
from server.notices.senders.composing import compose
from server.notices.senders.mail import letter_of
from server.notices.senders.message import Message, Verdict, Words
from server.notices.tables import Channel
from server.people.actions import find_unit
from server.people.actor import Actor
from server.people.tables import Bureau, Unit
from server.refusals import refusal
from sync.bulk import locked
from sync.identity import new_id
from sync.transaction import transaction

CHANNELS_MAX = 200
TOPICS_MAX = 100
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\0]*\Z")]
Topic = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{0,63}\Z")]
Topics = Annotated[list[Topic], Meta(max_length=TOPICS_MAX)]
Hours = Literal["", "working", "always"]
Detail = Literal["", "brief", "full"]


class NewChannel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unit` (a code), `topics` are for channels that are a place of their own; empty means everything. `hours`: what is not
    urgent waits for working time (`working`; the default but for webhooks) or not (`always`). `detail`: titles alone (`brief`; the
    default of robots and short messages) or the text as well (`full`). `by_default`: for mail and short messages, whether
    persons who have not chosen are told this way."""

    name: Name
    connection: Connection
    topics: Topics = []
    unit: Annotated[str, Meta(max_length=64)] = ""
    hours: Hours = ""
    detail: Detail = ""
    by_default: bool = False


class ChannelChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given takes the place of what was; `is_disabled` rests a channel or wakes it."""

    name: Name | None = None
    connection: Connection | None = None
    topics: Topics | None = None
    hours: Hours = ""
    detail: Detail = ""
    by_default: bool | None = None
    is_disabled: bool | None = None


class ChannelOut(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    kind: str
    place: str
    topics: list[str]
    unit: str | None
    hours: str
    detail: str
    by_default: bool
    is_disabled: bool
    secret: str | None = None
    """Only in the answer that made it."""


class Try(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`to`: a mail address or number, for the kinds that reach persons."""

    to: Annotated[str, Meta(max_length=254)] = ""


class Tried(Struct, frozen=True, kw_only=True):
    outcome: str
    status: int
    answer: str


class Preview(Struct, frozen=True, kw_only=True):
    """What would be sent for an invented notice. The address is cut, headers are named only."""

    place: str
    headers: list[str]
    body: str


async def list_channels(actor: Actor) -> list[ChannelOut]:
    actor.must("channel.write")
    codes = await _codes(actor.bureau)
    channels = await Channel.of_bureau(actor.bureau).order_by(Channel.created_at, Channel.id)
    return [_out(channel, codes) for channel in channels]


async def add_channel(actor: Actor, new: NewChannel) -> ChannelOut:
    """Raises `channel.address`, `channel.template`, `channel.headers`, `channel.too_many`, `unit.unknown`."""
    actor.must("channel.write")
    check_connection(new.connection)
    connection, made = _with_secret(new.connection)
    kind = kind_of(connection)
    async with transaction():
        if await Channel.count().where(Channel.bureau == actor.bureau) >= CHANNELS_MAX:
            raise refusal("channel.too_many", limit=CHANNELS_MAX)
        unit = await find_unit(actor.bureau, new.unit) if new.unit else None
        channel = Channel(
            id=new_id(),
            bureau=actor.bureau,
            name=new.name,
            kind=kind,
            place=place_of(connection),
            sealed=seal(msgspec.json.encode(connection)),
            topics=msgspec.json.encode(new.topics).decode(),
            unit=unit.id if unit is not None else None,
            hours=new.hours or ("always" if kind == "webhook" else "working"),
            detail=new.detail or ("brief" if kind in ROBOTS or kind == "sms" else "full"),
            by_default=new.by_default and kind in PERSONAL,
            created_at=now(),
        )
        await channel.save()
        await record_event(actor, "channel.add", "channel", channel.id, {"kind": kind})
    return _out(channel, {unit.id: unit.code} if unit is not None else {}, made)


async def change_channel(actor: Actor, id: UUID, change: ChannelChange) -> ChannelOut:
    """Raises `channel.unknown`, `channel.kind_fixed`, and what `add_channel` does of a connection."""
    actor.must("channel.write")
    made = None
    async with transaction():
        channel = await _hold(actor, id)
        if change.connection is not None:
            check_connection(change.connection)
            connection, made = _with_secret(change.connection)
            if kind_of(connection) != channel.kind:
                raise refusal("channel.kind_fixed", kind=channel.kind)
            channel.sealed, channel.place = seal(msgspec.json.encode(connection)), place_of(connection)
        if change.is_disabled is not None:
            channel.disabled_at = (channel.disabled_at or now()) if change.is_disabled else None
        if change.topics is not None:
            channel.topics = msgspec.json.encode(change.topics).decode()
        if change.by_default is not None:
            channel.by_default = change.by_default and channel.kind in PERSONAL
        channel.name = change.name or channel.name
        channel.hours, channel.detail = change.hours or channel.hours, change.detail or channel.detail
        await channel.save()
        await record_event(actor, "channel.change", "channel", id, {"fields": sorted(_given(change))})
    return _out(channel, await _codes(actor.bureau), made)


async def try_channel(actor: Actor, id: UUID, given: Try) -> Tried:
    """Sends one message now and answers what came back. Raises `channel.unknown`, `channel.no_recipient`."""
    actor.must("channel.write")
    channel = await _reach(actor, id)
    connection = _opened(channel)
    if channel.kind in PERSONAL and not given.to:
        raise refusal("channel.no_recipient")
    if channel.kind == "mail":
        _check_mail(given.to)
    async with transaction():
        await record_event(actor, "channel.try", "channel", id, {})
    verdict: Verdict = await send_through(connection, await _example(actor, given.to), channel.detail)
    return Tried(outcome=verdict.outcome, status=verdict.status, answer=verdict.answer)


async def preview_channel(actor: Actor, id: UUID) -> Preview:
    """Raises `channel.unknown`."""
    actor.must("channel.write")
    channel = await _reach(actor, id)
    connection = _opened(channel)
    if isinstance(connection, Mail):
        letter = letter_of(connection, await _example(actor, "someone@example.org"), channel.detail)
        return Preview(place=channel.place, headers=list(letter.keys()), body=letter.get_content())
    request = compose(connection, await _example(actor, "13800000000"), channel.detail, now())
    return Preview(place=channel.place, headers=sorted(request.headers), body=request.body.decode())


def _check_mail(address: str) -> None:
    try:
        msgspec.convert(address, MailAddress)
    except msgspec.ValidationError:
        raise refusal("channel.no_recipient") from None


async def _example(actor: Actor, to: str) -> Message:
    bureau = await Bureau.objects().get(Bureau.id == actor.bureau)
    assert bureau is not None
    words = Words(
        title_zh="企访测试通知",
        title_en="A test notice of Qifang",
        text_zh="收到这条消息,说明通道已接通。",
        text_en="If you can read this, the channel works.",
    )
    return Message(
        id=new_id(),
        bureau=bureau.code,
        topic="channel.try",
        subject_kind="bureau",
        subject=actor.bureau,
        words=words,
        created_at=now(),
        to=to,
    )


def _with_secret(connection: Connection) -> tuple[Connection, str | None]:
    if isinstance(connection, Webhook) and not connection.secret:
        made = secrets.token_urlsafe(32)
        return msgspec.structs.replace(connection, secret=made), made
    return connection, None


def _opened(channel: Channel) -> Connection:
    connection: Connection = msgspec.json.decode(unseal(channel.sealed), type=Connection)
    return connection


async def _reach(actor: Actor, id: UUID) -> Channel:
    channel = await Channel.of_bureau(actor.bureau).where(Channel.id == id).first()
    if channel is None:
        raise refusal("channel.unknown")
    return channel


async def _hold(actor: Actor, id: UUID) -> Channel:
    channel = await locked(Channel.of_bureau(actor.bureau)).where(Channel.id == id).first()
    if channel is None:
        raise refusal("channel.unknown")
    return channel


def _given(change: ChannelChange) -> list[str]:
    empty = ChannelChange()
    return [name for name in change.__struct_fields__ if getattr(change, name) != getattr(empty, name)]


async def _codes(bureau: UUID) -> dict[Any, str]:
    rows = await Unit.select(Unit.id, Unit.code).where(Unit.bureau == bureau)
    return {row["id"]: row["code"] for row in rows}


def _out(channel: Channel, codes: dict[Any, str], secret: str | None = None) -> ChannelOut:
    return ChannelOut(
        id=channel.id,
        name=channel.name,
        kind=channel.kind,
        place=channel.place,
        topics=msgspec.json.decode(channel.topics),
        unit=codes.get(channel.unit),
        hours=channel.hours,
        detail=channel.detail,
        by_default=channel.by_default,
        is_disabled=channel.disabled_at is not None,
        secret=secret,
    )
