"""What the feed forgets: rows that went, so long ago that a phone which has not heard of it reads everything again."""

from __future__ import annotations

from datetime import timedelta

from server.moment import now
from server.people.tables import Bureau
from server.settings import settings
from sync import feed

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
