"""The log of deliveries, and sending again what did not go out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.moment import now
from server.notices.tables import Channel, Delivery
from server.notices.telling import DEAD, GATHERED, MUTED, PENDING, SENT
from server.paging import Page, page_of
from server.people.actor import Actor
from server.refusals import refusal
from sync.transaction import transaction

State = Literal["all", "pending", "gathered", "muted", "sent", "dead"]
STATES = (PENDING, GATHERED, MUTED, SENT, DEAD)
REPLAYS_MAX = 1000


class DeliveryOut(Struct, frozen=True, kw_only=True):
    """One notice on one channel. What the notice says is its recipient's to read and does not stand here."""

    id: UUID
    notice: UUID
    channel: UUID
    channel_name: str
    person: UUID | None
    kind: str
    topic: str
    state: str
    tries: int
    next_try_at: datetime | None
    tried_at: datetime | None
    status: int
    answer: str
    created_at: datetime
    settled_at: datetime | None


class Query(Struct, frozen=True, kw_only=True):
    state: State = "all"
    channel: UUID | None = None
    topic: str = ""
    since: datetime | None = None


class Replay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that was given up since then, on this channel if one is named."""

    since: datetime
    channel: UUID | None = None


class Replayed(Struct, frozen=True):
    count: int


async def list_deliveries(actor: Actor, query: Query, *, after: str, limit: int) -> Page[DeliveryOut]:
    """The newest first."""
    actor.must("delivery.read")
    found = Delivery.objects().where(Delivery.bureau == actor.bureau)
    if query.state != "all":
        found = found.where(Delivery.state == query.state)
    if query.channel is not None:
        found = found.where(Delivery.channel == query.channel)
    if query.topic:
        found = found.where(Delivery.topic == query.topic)
    if query.since is not None:
        found = found.where(Delivery.created_at >= _zoned(query.since))
    order = (Delivery.created_at, Delivery.id)
    page = await page_of(found, order, after=after, limit=limit, is_descending=True)
    names = await _names(actor.bureau)
    return page.shown(lambda row: _out(row, names))


async def read_delivery(actor: Actor, id: UUID) -> DeliveryOut:
    """Raises `delivery.unknown`."""
    actor.must("delivery.read")
    return _out(await _reach(actor, id), await _names(actor.bureau))


async def replay(actor: Actor, id: UUID) -> DeliveryOut:
    """Sends again what was sent or given up, with all its tries before it; its receiver knows it by the same id. What waits
    anyway is sent with the next run. Raises `delivery.unknown`, `delivery.held_back`."""
    actor.must("delivery.replay")
    async with transaction():
        delivery = await _reach(actor, id)
        if delivery.state in (GATHERED, MUTED):
            raise refusal("delivery.held_back")
        await _again(Delivery.id == delivery.id)
        await record_event(actor, "delivery.replay", "delivery", id, {})
    return await read_delivery(actor, id)


async def replay_failed(actor: Actor, wanted: Replay) -> Replayed:
    """At most 1,000 at a time, the oldest first."""
    actor.must("delivery.replay")
    async with transaction():
        query = Delivery.select(Delivery.id).where(
            Delivery.bureau == actor.bureau, Delivery.state == DEAD, Delivery.settled_at >= _zoned(wanted.since)
        )
        if wanted.channel is not None:
            query = query.where(Delivery.channel == wanted.channel)
        rows = await query.order_by(Delivery.created_at, Delivery.id).limit(REPLAYS_MAX)
        many = [row["id"] for row in rows]
        if many:
            await _again(Delivery.id.is_in(many))
        await record_event(actor, "delivery.replay", "bureau", actor.bureau, {"count": len(many)})
    return Replayed(len(many))


def _zoned(moment: datetime) -> datetime:
    """Raises `request.malformed` for a time that could mean several moments."""
    if moment.tzinfo is None or not 1 < moment.year < 9999:
        raise refusal("request.malformed", reason="times need a zone, e.g. 2026-11-22T09:00:00+08:00")
    return moment.astimezone(UTC)


async def _again(which: Any) -> None:
    await Delivery.update(
        {
            Delivery.state: PENDING,
            Delivery.tries: 0,
            Delivery.next_try_at: now(),
            Delivery.settled_at: None,
            Delivery.holder: None,
        }
    ).where(which)


async def _reach(actor: Actor, id: UUID) -> Delivery:
    found = await Delivery.objects().get((Delivery.bureau == actor.bureau) & (Delivery.id == id))
    if found is None:
        raise refusal("delivery.unknown")
    return found


async def _names(bureau: UUID) -> dict[Any, str]:
    rows = await Channel.select(Channel.id, Channel.name).where(Channel.bureau == bureau)
    return {row["id"]: row["name"] for row in rows}


def _out(row: Delivery, names: dict[Any, str]) -> DeliveryOut:
    plain = [name for name in DeliveryOut.__struct_fields__ if name not in ("channel_name", "next_try_at")]
    return DeliveryOut(
        **{name: getattr(row, name) for name in plain},
        channel_name=names.get(row.channel, ""),
        next_try_at=row.next_try_at if row.state in (PENDING, GATHERED) else None,
    )
