"""Digests: what a person wants to hear of once a day or once a week becomes one notice with the list."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec

from server.moment import now
from server.notices.senders.message import Words
from server.notices.tables import Delivery, Notice
from server.notices.telling import GATHERED, PENDING, SENT, delivery_id, next_working_moment
from sync.bulk import locked
from sync.identity import named_id
from sync.transaction import retrying, transaction

TOPIC = "digest"
GATHERED_AT_ONCE = 1000
LINES_MAX = 100
"""Titles one digest shows; of the rest it tells the number."""


async def gather_digests() -> int:
    """Answers how many digests were made. What one process gathers, no other does: the rows are locked, and a digest's id is
    made of whom it is for and when."""
    made = await retrying(_gather)
    return made


async def _gather() -> int:
    async with transaction():
        moment = now()
        rows = (
            await locked(Delivery.objects())
            .where(Delivery.state == GATHERED, Delivery.next_try_at <= moment)
            .order_by(Delivery.person, Delivery.channel, Delivery.created_at, Delivery.id)
            .limit(GATHERED_AT_ONCE)
        )
        grouped = [list(group) for _, group in groupby(rows, key=lambda row: (row.person, row.channel))]
        for group in grouped:
            await _send_together(group, moment)
    return len(grouped)


async def _send_together(rows: list[Delivery], moment: Any) -> None:
    first = rows[0]
    notices = await Notice.objects().where(Notice.id.is_in([row.notice for row in rows])).order_by(Notice.created_at)
    id = named_id("digest", first.bureau, first.person, first.channel, first.id)
    words = digest_words([msgspec.json.decode(notice.words, type=Words) for notice in notices])
    assert first.person is not None
    await Notice(
        id=id,
        bureau=first.bureau,
        person=None,  # a letter about what already lies in the inbox
        topic=TOPIC,
        subject_kind="person",
        subject=first.person,
        words=msgspec.json.encode(words).decode(),
        created_at=moment,
    ).save()
    await Delivery(
        id=delivery_id(id, first.channel),
        bureau=first.bureau,
        notice=id,
        channel=first.channel,
        person=first.person,
        kind=first.kind,
        topic=TOPIC,
        state=PENDING,
        next_try_at=await next_working_moment(first.bureau, moment),
        created_at=moment,
    ).save()
    gathered: list[UUID] = [row.id for row in rows]
    await Delivery.update({Delivery.state: SENT, Delivery.digest: id, Delivery.settled_at: moment}).where(
        Delivery.id.is_in(gathered)
    )


def digest_words(many: list[Words]) -> Words:
    """The titles one below the other, the oldest first."""
    shown, more = many[:LINES_MAX], len(many) - LINES_MAX
    zh = [f"{n}. {words.title_zh}" for n, words in enumerate(shown, 1)]
    en = [f"{n}. {words.title_en}" for n, words in enumerate(shown, 1)]
    if more > 0:
        zh.append(f"……另有 {more} 条")
        en.append(f"… and {more} more")
    return Words(
        title_zh=f"通知汇总:{len(many)} 条",
        title_en=f"Digest: {len(many)} notices",
        text_zh="\n".join(zh),
        text_en="\n".join(en),
        facts={"count": len(many)},
    )
