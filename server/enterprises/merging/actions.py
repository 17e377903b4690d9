"""Two rows that are one firm: the one without a code goes into the one that has it, and its ids go on leading there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from server.audit.actions import record_event
from server.enterprises.actions import (
    ASSIGNMENT_KIND,
    KIND,
    NAME_KIND,
    enterprise_scope,
    flat,
    hold_enterprise,
    store_values,
)
from server.enterprises.tables import (
    Enterprise,
    EnterpriseAssignment,
    EnterpriseContact,
    EnterpriseHonour,
    EnterprisePool,
    EnterpriseTier,
)
from server.moment import today
from server.people.actor import Actor
from server.refusals import refusal
from sync.feed import touch
from sync.scopes import grant, revoke
from sync.transaction import transaction

FollowMerge = Callable[[Actor, UUID, UUID], Awaitable[None]]
_followers: list[FollowMerge] = []


def follow_merge(act: FollowMerge) -> None:
    """Have `act(actor, old, into)` run inside the transaction that merges `old` into `into`; it moves what points there."""
    if act not in _followers:
        _followers.append(act)


async def merge_enterprises(actor: Actor, temporary: UUID, into: UUID) -> Enterprise:
    """What the kept row does not know it takes over; nothing it knows is overwritten. Raises `enterprise.merge_coded`, `.merge_self`."""
    actor.must("enterprise.write")
    async with transaction():
        old = await hold_enterprise(actor, temporary)
        kept = await hold_enterprise(actor, into)
        if old.merged_into is not None or kept.merged_into is not None:
            raise refusal("enterprise.unknown")  # merged by somebody else while this one waited
        if old.id == kept.id:
            raise refusal("enterprise.merge_self")
        if old.credit_code:
            raise refusal("enterprise.merge_coded", credit_code=old.credit_code)
        have, had = await flat(kept), await flat(old)
        await _move_rows(actor, old.id, kept.id)
        await store_values(kept, {name: value for name, value in had.items() if value and not have.get(name)})
        await _move_assignments(actor, old.id, kept.id)
        await Enterprise.update({Enterprise.merged_into: kept.id}).where(
            Enterprise.bureau == actor.bureau, Enterprise.merged_into == old.id
        )
        old.merged_into = kept.id
        await old.save()
        touch(actor.bureau, KIND, old.id, redirect_to=kept.id)
        touch(actor.bureau, NAME_KIND, old.id, redirect_to=kept.id)
        for follow in _followers:
            await follow(actor, old.id, kept.id)
        await record_event(actor, "enterprise.merge", "enterprise", old.id, {"into": str(kept.id)})
    return kept


async def _move_rows(actor: Actor, old: UUID, kept: UUID) -> None:
    """Contacts, rungs, honours and pools. Where both stand on a rung or in a pool, the old one leaves it today."""
    contact, tier, honour, pool = EnterpriseContact, EnterpriseTier, EnterpriseHonour, EnterprisePool
    await contact.update({contact.enterprise: kept, contact.is_first: False}).where(
        contact.bureau == actor.bureau, contact.enterprise == old
    )
    rungs = await tier.objects().where(tier.bureau == actor.bureau, tier.enterprise.is_in([old, kept]))
    stands = any(row.enterprise == kept and row.until is None for row in rungs)
    for rung in (row for row in rungs if row.enterprise == old):
        rung.enterprise = kept
        if rung.until is None and stands:
            rung.until = today()
        await rung.save()
    await honour.update({honour.enterprise: kept}).where(honour.bureau == actor.bureau, honour.enterprise == old)
    rows = await pool.objects().where(pool.bureau == actor.bureau, pool.enterprise.is_in([old, kept]))
    held = {row.pool for row in rows if row.enterprise == kept and row.until is None}
    for row in (row for row in rows if row.enterprise == old):
        row.enterprise = kept
        if row.until is None and row.pool in held:
            row.until = today()
        await row.save()


async def _move_assignments(actor: Actor, old: UUID, kept: UUID) -> None:
    """Whoever looks after the old row looks after the kept one; who has both keeps the longer-standing line of the kept one."""
    table = EnterpriseAssignment
    rows = await table.objects().where(table.bureau == actor.bureau, table.enterprise.is_in([old, kept]))
    in_charge = {row.person for row in rows if row.enterprise == kept and row.until is None}
    for row in (row for row in rows if row.enterprise == old):
        row.enterprise = kept
        if row.until is None:
            revoke(actor.bureau, row.person, enterprise_scope(old))
            if row.person in in_charge:
                row.until = today()
            else:
                grant(actor.bureau, row.person, enterprise_scope(kept))
        await row.save()
        touch(actor.bureau, ASSIGNMENT_KIND, row.id)
