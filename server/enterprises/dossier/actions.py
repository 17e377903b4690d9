"""What a firm was recognised as: honours and pools, each with its dates, so that any past day can be asked about."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.enterprises.actions import reach_enterprise, touch_enterprise
from server.enterprises.tables import EnterpriseHonour, EnterprisePool
from server.moment import today
from server.people.actor import Actor
from server.refusals import refusal
from sync.identity import new_id
from sync.transaction import fetch, transaction


class NewHonour(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    since: date
    until: date | None = None
    """The last day it is good for."""
    awarded_by: Annotated[str, Meta(max_length=200)] = ""


async def give_honour(actor: Actor, enterprise: UUID, new: NewHonour) -> EnterpriseHonour:
    """Raises `dossier.dates`."""
    actor.must("enterprise.write")
    if new.until is not None and new.until < new.since:
        raise refusal("dossier.dates")
    async with transaction():
        row = await reach_enterprise(actor, enterprise)
        honour = EnterpriseHonour(
            id=new_id(),
            bureau=actor.bureau,
            enterprise=row.id,
            title=new.title,
            awarded_by=new.awarded_by,
            since=new.since,
            until=new.until,
        )
        await honour.save()
        touch_enterprise(actor.bureau, row.id)
        await record_event(actor, "enterprise.honour", "enterprise", row.id, {"title": new.title})
    return honour


async def enter_pool(
    actor: Actor, enterprise: UUID, pool: str, *, since: date | None = None, reason: str = ""
) -> EnterprisePool:
    """Raises `dossier.in_pool`."""
    actor.must("enterprise.write")
    async with transaction():
        row = await reach_enterprise(actor, enterprise)
        if await _membership(actor.bureau, row.id, pool) is not None:
            raise refusal("dossier.in_pool", pool=pool)
        member = EnterprisePool(
            id=new_id(),
            bureau=actor.bureau,
            enterprise=row.id,
            pool=pool,
            since=since or today(),
            reason=reason,
            decided_by=actor.person,
        )
        await member.save()
        touch_enterprise(actor.bureau, row.id)
        await record_event(actor, "enterprise.enter_pool", "enterprise", row.id, {"pool": pool})
    return member


async def leave_pool(
    actor: Actor, enterprise: UUID, pool: str, *, on: date | None = None, reason: str = ""
) -> EnterprisePool:
    """`on` is the first day no longer in it. Raises `dossier.not_in_pool`, `dossier.dates`."""
    actor.must("enterprise.write")
    async with transaction():
        row = await reach_enterprise(actor, enterprise)
        member = await _membership(actor.bureau, row.id, pool)
        if member is None:
            raise refusal("dossier.not_in_pool", pool=pool)
        if (on or today()) < member.since:
            raise refusal("dossier.dates")
        member.until = on or today()
        member.reason = reason or member.reason
        await member.save()
        touch_enterprise(actor.bureau, row.id)
        await record_event(actor, "enterprise.leave_pool", "enterprise", row.id, {"pool": pool})
    return member


async def members_on(bureau: UUID, pool: str, day: date) -> list[UUID]:
    """Which firms were in the pool on that day, by what is known now."""
    rows = await fetch(
        "SELECT enterprise FROM enterprise_pool WHERE bureau = $1 AND pool = $2 AND since <= $3"
        " AND (until IS NULL OR until > $3) ORDER BY enterprise",
        [bureau, pool, day],
    )
    return [row["enterprise"] for row in rows]


async def _membership(bureau: UUID, enterprise: UUID, pool: str) -> EnterprisePool | None:
    table = EnterprisePool
    return await table.objects().get(
        (table.bureau == bureau) & (table.enterprise == enterprise) & (table.pool == pool) & table.until.is_null()
    )
