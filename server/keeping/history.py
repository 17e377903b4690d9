"""What the feed forgets, and how it begins anew: rows that went long ago, and a history that was put back by hand."""

from __future__ import annotations

from datetime import timedelta

from server.audit.actions import record_event
from server.moment import now
from server.people.actor import system_of
from server.people.tables import Bureau
from server.settings import settings
from sync import feed
from sync.transaction import transaction

DAYS_MIN = 45
"""Longer than a phone keeps its journal, so that the commits a restore is told by are there as long as the work is."""


async def collect_tombstones() -> dict[str, int]:
    """Job: in every bureau everything that went before `QIFANG_TOMBSTONE_DAYS`. Answers up to which number, by bureau."""
    before = now() - timedelta(days=max(settings.tombstone_days, DAYS_MIN))
    reached: dict[str, int] = {}
    for bureau in await Bureau.objects():
        reached[bureau.code] = await feed.head_at(bureau.id, before)
        if reached[bureau.code]:
            await feed.collect_tombstones(bureau.id, reached[bureau.code])
    return reached


async def begin_new_history() -> list[str]:
    """Gives every bureau's feed a new epoch: phones read everything again and offer what they did in the last thirty days.
    For a database put back by hand; `qifang restore` does it by itself. Answers the codes of the bureaus."""
    codes = []
    for bureau in await Bureau.objects():
        async with transaction():
            await feed.rotate_epoch(bureau.id)
            await record_event(system_of(bureau.id), "feed.new_history", "bureau", bureau.id, {})
        codes.append(bureau.code)
    return codes
