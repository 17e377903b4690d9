"""Taking deliveries off the queue and putting them back: two workers never hold the same one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from server.moment import now
from server.notices.outbox.pace import PER_MINUTE_MAX, is_last, seconds_after
from server.notices.senders.message import REFUSED, Verdict
from server.notices.senders.message import SENT as WAS_SENT
from server.notices.tables import Delivery
from server.notices.telling import DEAD, PENDING, SENT
from server.settings import settings
from sync.bulk import among, ids
from sync.identity import new_id
from sync.transaction import fetch, is_postgres, retrying, transaction

CLAIMED_AT_ONCE = 10
"""All of them are tried at the same time, so a lease is longer than the longest try."""


def lease() -> timedelta:
    return timedelta(seconds=60 + 4 * settings.notice_seconds_max)


async def claim() -> list[Delivery]:
    """The longest due, for this caller alone until the lease ends. A try counts from here, so that what kills its process is
    not tried for ever. Raw SQL: the ORM knows neither SKIP LOCKED nor RETURNING."""
    holder = new_id()
    skip = "FOR UPDATE SKIP LOCKED" if is_postgres() else ""

    async def work() -> list[UUID]:
        async with transaction():
            moment = now()
            resting = await _resting(moment)
            rows = await fetch(
                "UPDATE notice_delivery SET holder = $1, tries = tries + 1, tried_at = $2, next_try_at = $3 WHERE id IN ("
                " SELECT id FROM notice_delivery WHERE state = 'pending' AND next_try_at <= $2"
                f" AND NOT (channel {among(5)}) ORDER BY next_try_at, id LIMIT $4 {skip}) RETURNING id",
                [holder, moment, moment + lease(), CLAIMED_AT_ONCE, ids(resting)],
            )
            return [UUID(str(row[0])) for row in rows]

    found = await retrying(work)
    return await Delivery.objects().where(Delivery.id.is_in(found), Delivery.holder == holder) if found else []


async def _resting(moment: datetime) -> list[UUID]:
    """Robots that have been used as often in the last minute as their platform takes."""
    rows = await fetch(
        "SELECT channel, kind, count(*) AS n FROM notice_delivery WHERE tried_at > $1 AND kind IN"
        f" ({', '.join(repr(kind) for kind in PER_MINUTE_MAX)}) GROUP BY channel, kind",
        [moment - timedelta(minutes=1)],
    )
    return [UUID(str(row["channel"])) for row in rows if row["n"] + CLAIMED_AT_ONCE > PER_MINUTE_MAX[row["kind"]]]


async def settle(delivery: Delivery, verdict: Verdict) -> str:
    """Writes down what became of a try, unless its lease ended and somebody else has it; answers the new state."""
    moment = now()
    state = PENDING
    if verdict.outcome == WAS_SENT:
        state = SENT
    elif verdict.outcome == REFUSED or is_last(delivery.kind, delivery.tries):
        state = DEAD
    wait = max(seconds_after(delivery.kind, delivery.tries), verdict.wait_seconds)
    values: dict[Any, Any] = {
        Delivery.state: state,
        Delivery.status: verdict.status,
        Delivery.answer: verdict.answer,
        Delivery.next_try_at: moment if state != PENDING else moment + timedelta(seconds=wait),
        Delivery.settled_at: None if state == PENDING else moment,
        Delivery.holder: None,
    }
    await Delivery.update(values).where(Delivery.id == delivery.id, Delivery.holder == delivery.holder)
    return state
