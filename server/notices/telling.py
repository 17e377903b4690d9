"""Telling people: notices and their deliveries are written in the transaction of what they tell of, and sent after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.moment import now
from server.notices.channels.connections import PERSONAL
from server.notices.senders.message import Words
from server.notices.tables import Channel, Wish
from server.people.tables import Unit
from server.settings import settings
from sync.bulk import among, ids, insert
from sync.feed import touch_new
from sync.identity import kin_id, named_id
from sync.scopes import person_scope
from sync.transaction import fetch, on_commit, transaction

KIND = "notice"
PENDING, GATHERED, MUTED, SENT, DEAD = "pending", "gathered", "muted", "sent", "dead"
ALWAYS, WORKING = "always", "working"
DAILY, WEEKLY = "daily", "weekly"
_NOTICE = (
    "id uuid, bureau uuid, person uuid, channel uuid, topic text, subject_kind text, subject uuid, is_urgent boolean,"
    " words text, created_at timestamptz"
)
_DELIVERY = (
    "id uuid, bureau uuid, notice uuid, channel uuid, person uuid, kind text, topic text, state text, tries integer,"
    " next_try_at timestamptz, status integer, answer text, created_at timestamptz, settled_at timestamptz"
)
WorkingMoment = Callable[[UUID, datetime], Awaitable[datetime]]
_working_moment: list[WorkingMoment] = []
_nudges: list[Callable[[], None]] = []


class Telling(Struct, frozen=True, kw_only=True):
    """Something to be told once to each of these persons, and to the channels that hear of its topic and units. `key` names
    the occasion: the same key to the same recipient is the same notice, whenever and however often it is told."""

    topic: str
    key: str
    subject_kind: str
    subject: UUID
    words: Words
    persons: frozenset[UUID] = frozenset()
    units: frozenset[UUID] = frozenset()
    is_urgent: bool = False


class Plan(Struct, frozen=True):
    channel: Channel
    state: str
    at: datetime


def wait_for_working_time(answer: WorkingMoment) -> None:
    """Have `answer(bureau, moment)` say when people may be disturbed next: the moment itself inside working time."""
    _working_moment[:] = [answer]


def nudge_with(nudge: Callable[[], None] | None) -> None:
    """Have `nudge` called after every commit that left something to send, in a process that works the outbox itself."""
    _nudges[:] = [nudge] if nudge is not None else []


async def next_working_moment(bureau: UUID, moment: datetime) -> datetime:
    return await _working_moment[0](bureau, moment) if _working_moment else moment


async def tell(bureau: UUID, tellings: Iterable[Telling]) -> int:
    """Writes what has not been told yet; answers how many notices that were. A constant number of statements."""
    tellings = list(tellings)
    if not tellings:
        return 0
    async with transaction():
        moment = now()
        channels = await Channel.of_bureau(bureau).where(Channel.disabled_at.is_null()).order_by(Channel.id)
        places = await _places_of(bureau, [channel for channel in channels if channel.kind not in PERSONAL], tellings)
        wanted: dict[UUID, tuple[Telling, UUID | None, Channel | None]] = {
            (_notice_id(bureau, person, told.key)): (told, person, None) for told in tellings for person in told.persons
        }
        wanted |= {_notice_id(bureau, channel.id, told.key): (told, None, channel) for told, channel in places}
        known = await fetch(f"SELECT id FROM notice WHERE id {among(1)}", [ids(wanted)])
        for row in known:
            del wanted[UUID(str(row[0]))]
        reachable = await _reachable(bureau, {person for _, person, _ in wanted.values() if person is not None})
        wanted = {id: one for id, one in wanted.items() if one[1] is None or one[1] in reachable}
        await _write(bureau, moment, wanted, reachable, [channel for channel in channels if channel.kind in PERSONAL])
    return len(wanted)


def _notice_id(bureau: UUID, recipient: UUID, key: str) -> UUID:
    return named_id("notice", bureau, recipient, key)


def delivery_id(notice: UUID, channel: UUID) -> UUID:
    return kin_id(notice, "delivery", channel)


async def _places_of(bureau: UUID, channels: list[Channel], tellings: list[Telling]) -> list[tuple[Telling, Channel]]:
    """Which of the channels that are places of their own hear of what."""
    if not channels:
        return []
    paths: dict[UUID, str] = {}
    if any(channel.unit is not None for channel in channels):
        rows = await Unit.select(Unit.id, Unit.path).where(Unit.bureau == bureau)
        paths = {row["id"]: row["path"] for row in rows}
    return [(told, channel) for told in tellings for channel in channels if _hears(channel, told, paths)]


def _hears(channel: Channel, told: Telling, paths: dict[UUID, str]) -> bool:
    topics = msgspec.json.decode(channel.topics)
    if topics and told.topic not in topics:
        return False
    if channel.unit is None:
        return True
    above = paths.get(channel.unit)
    return above is not None and any(paths.get(unit, "").startswith(above) for unit in told.units)


async def _reachable(bureau: UUID, persons: set[UUID]) -> dict[UUID, tuple[Any, Wish | None]]:
    """Everybody who still works here, with how they want to be told."""
    if not persons:
        return {}
    rows = await fetch(
        f"SELECT id, phone FROM person WHERE bureau = $1 AND disabled_at IS NULL AND id {among(2)}",
        [bureau, ids(persons)],
    )
    wishes = await Wish.objects().where(Wish.bureau == bureau, Wish.id.is_in(sorted(persons, key=str)))
    by_person = {wish.id: wish for wish in wishes}
    return {row["id"]: (row, by_person.get(row["id"])) for row in rows}


async def _write(
    bureau: UUID, moment: datetime, wanted: dict[UUID, Any], reachable: dict[UUID, Any], personal: list[Channel]
) -> None:
    if not wanted:
        return
    working = await next_working_moment(bureau, moment)
    notices: list[tuple[Any, ...]] = []
    deliveries: list[tuple[Any, ...]] = []
    for id, (told, person, place) in wanted.items():
        words = msgspec.json.encode(told.words).decode()
        channel = place.id if place is not None else None
        notices.append((
            id, bureau, person, channel, told.topic, told.subject_kind, told.subject, told.is_urgent, words, moment,
        ))  # fmt: skip
        if place is not None:
            waits = place.hours == WORKING and not told.is_urgent
            plans = [Plan(place, PENDING, working if waits else moment)]
        else:
            row, wish = reachable[person]
            plans = plans_for(told, wish, bool(row["phone"]), personal, moment, working)
        deliveries += [
            (delivery_id(id, plan.channel.id), bureau, id, plan.channel.id, person, plan.channel.kind, told.topic, plan.state,
             0, plan.at, 0, "", moment, moment if plan.state == MUTED else None)
            for plan in plans
        ]  # fmt: skip
    await insert("notice", _NOTICE, notices, "ON CONFLICT (id) DO NOTHING")
    await insert("notice_delivery", _DELIVERY, deliveries, "ON CONFLICT (id) DO NOTHING")
    touch_new(bureau, KIND, {row[0]: [person_scope(row[2])] for row in notices if row[2] is not None})
    if _nudges and any(row[7] == PENDING and row[9] <= moment for row in deliveries):
        on_commit(_nudges[0])


def plans_for(
    told: Telling, wish: Wish | None, has_phone: bool, channels: list[Channel], moment: datetime, working: datetime
) -> list[Plan]:
    """Pure: over which channels one person is told, and when. What is urgent waits for nothing and is never muted."""
    chosen = msgspec.json.decode(wish.channels) if wish is not None else None
    addressed = {"mail": wish is not None and bool(wish.mail), "sms": has_phone}
    used = [
        channel
        for channel in channels
        if addressed[channel.kind] and (str(channel.id) in chosen if chosen is not None else channel.by_default)
    ]
    if told.is_urgent:
        return [Plan(channel, PENDING, moment) for channel in used]
    if wish is not None and told.topic in msgspec.json.decode(wish.muted):
        return [Plan(channel, MUTED, moment) for channel in used]
    if wish is not None and wish.digest:
        at = digest_moment(moment, wish.digest, wish.digest_hour)
        return [Plan(channel, GATHERED, at) for channel in used]
    hours = wish.hours if wish is not None else WORKING
    return [Plan(channel, PENDING, moment if ALWAYS in (hours, channel.hours) else working) for channel in used]


def digest_moment(moment: datetime, digest: str, hour: int) -> datetime:
    """When the next collection goes out: every day at this hour in the bureau's time zone, or on Mondays."""
    local = moment.astimezone(settings.timezone)
    at = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    if at <= local:
        at += timedelta(days=1)
    if digest == WEEKLY:
        at += timedelta(days=-at.weekday() % 7)
    return at.astimezone(moment.tzinfo)
