"""A firm that should never have been written down leaves the registry; nothing of it is erased, and it can be put back.

A firm that exists and is no longer in business is not removed: its status says so.
"""

from __future__ import annotations

from uuid import UUID

from piccolo.table import Table

from server.audit.actions import record_event
from server.enterprises.actions import (
    KIND,
    NAME_KIND,
    find_holder,
    hold_enterprise,
    take_temporary_ids,
    touch_enterprise,
)
from server.enterprises.tables import Enterprise
from server.moment import now
from server.people.actions import actor_of
from server.people.actor import Actor
from server.refusals import refusal
from sync.bulk import locked
from sync.feed import touch
from sync.operations import OperationContext
from sync.transaction import transaction

_work: dict[str, type[Table]] = {}


def kept_by(*tables: type[Table]) -> None:
    """A firm that one of these tables speaks of (columns `bureau` and `enterprise`) is not removed: work was done for it."""
    _work.update({str(table._meta.tablename): table for table in tables})


async def remove_enterprise(actor: Actor, enterprise: UUID, reason: str) -> Enterprise:
    """Its code is free for another firm from now on. Raises `enterprise.in_use` where anything was done for it."""
    actor.must("enterprise.write")
    async with transaction():
        row = await hold_enterprise(actor, enterprise)
        for name, table in _work.items():
            if await table.exists().where(table.bureau == actor.bureau, table.enterprise == row.id):  # type: ignore[attr-defined]
                raise refusal("enterprise.in_use", name=row.name, used_by=name)
        row.removed_at, row.removed_code, row.credit_code = now(), row.credit_code, None
        await row.save()
        touch(actor.bureau, KIND, row.id, gone=True)
        touch(actor.bureau, NAME_KIND, row.id, gone=True)
        await record_event(actor, "enterprise.remove", KIND, row.id, {"reason": reason})
    return row


async def restore_enterprise(actor: Actor, enterprise: UUID) -> Enterprise:
    """As it was, for whoever had it. Of a code that was given to another firm meanwhile nothing is left: a temporary id
    stands for it. Raises `enterprise.unknown` for one that was not removed."""
    actor.must("enterprise.write")
    async with transaction():
        found = (Enterprise.bureau == actor.bureau) & (Enterprise.id == enterprise)
        row = await locked(Enterprise.objects()).get(found)
        if row is None or row.removed_at is None:
            raise refusal("enterprise.unknown")
        code = row.removed_code or ""
        row.removed_at = row.removed_code = None
        if code and await find_holder(actor.bureau, code) is None:
            row.credit_code = code
        elif row.temporary_id is None:
            row.temporary_id = (await take_temporary_ids(actor.bureau, 1))[0]
        await row.save()
        touch_enterprise(actor.bureau, row.id)
        await record_event(actor, "enterprise.restore", KIND, row.id, {})
    return row


async def revive(context: OperationContext, enterprise: UUID) -> None:
    """Whoever decides a conflict about a removed firm may put it back, if they keep the registry."""
    await restore_enterprise(await actor_of(context), enterprise)
