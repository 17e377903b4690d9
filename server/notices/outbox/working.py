"""The job that empties the outbox: gathers digests, claims, sends, settles, until nothing is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from server.moment import now
from server.notices.channels.connections import Connection, Mail
from server.notices.channels.sealing import unseal
from server.notices.outbox.claiming import claim, settle
from server.notices.outbox.digests import TOPIC, gather_digests
from server.notices.senders.composing import FULL, compose
from server.notices.senders.mail import send_mail
from server.notices.senders.message import REFUSED, RETRY, Message, Verdict, Words
from server.notices.senders.reaching import post
from server.notices.tables import Channel, Delivery, Notice, Wish
from server.notices.telling import KIND, nudge_with
from server.people.tables import Bureau, Person
from server.settings import settings
from sync.feed import touch_many
from sync.refusal import Refusal
from sync.transaction import transaction

log = structlog.get_logger()
ROUNDS_MAX = 200
"""Claims of one run; the next minute goes on."""
FORGOTTEN_AT_ONCE = 1000


class Worked(Struct, frozen=True):
    sent: int
    waiting: int
    dead: int


async def work_outbox() -> Worked:
    """Job: safe to run twice and in several processes at once. What it sends may be sent again if the process dies before the
    answer is written down; receivers know it by its id."""
    await gather_digests()
    became = {"sent": 0, "pending": 0, "dead": 0}
    for _ in range(ROUNDS_MAX):
        claimed = await claim()
        if not claimed:
            break
        for state in await asyncio.gather(*(_try(delivery) for delivery in claimed)):
            became[state] += 1
    return Worked(became["sent"], became["pending"], became["dead"])


@asynccontextmanager
async def sending_at_once() -> AsyncIterator[None]:
    """While this process runs, what its commits leave to send goes out right after them and not with the next minute."""
    wanted = asyncio.Event()

    async def work() -> None:
        while True:
            await wanted.wait()
            wanted.clear()
            try:
                await work_outbox()
            except Exception as error:  # a database that is away for a moment; the next minute's job tries again
                log.warning("outbox.interrupted", error=type(error).__name__)

    nudge_with(wanted.set)
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        nudge_with(None)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _try(delivery: Delivery) -> str:
    try:
        verdict = await _send(delivery)
    except Exception as error:  # one that cannot be sent must not keep those of all bureaus waiting
        log.exception("notice.failed", delivery=str(delivery.id))
        verdict = Verdict(RETRY, 0, f"not sent: {type(error).__name__}")
    state = await settle(delivery, verdict)
    log.info("notice.try", kind=delivery.kind, delivery=str(delivery.id), tries=delivery.tries, state=state,
             status=verdict.status)  # fmt: skip
    return state


async def _send(delivery: Delivery) -> Verdict:
    channel = await Channel.objects().get(Channel.id == delivery.channel)
    notice = await Notice.objects().get(Notice.id == delivery.notice)
    if channel is None or notice is None or channel.disabled_at is not None:
        return Verdict(REFUSED, 0, "the channel is disabled")
    bureau = await Bureau.objects().get(Bureau.id == delivery.bureau)
    assert bureau is not None
    words = msgspec.json.decode(notice.words, type=Words)
    to = await _address(delivery)
    if delivery.person is not None and not to:
        return Verdict(REFUSED, 0, "the person has no address for this channel, or no longer works here")
    message = Message(
        id=notice.id,
        bureau=bureau.code,
        topic=notice.topic,
        subject_kind=notice.subject_kind,
        subject=notice.subject,
        words=words,
        created_at=notice.created_at,
        link=f"{settings.address}{words.link}" if words.link else "",
        to=to,
    )
    try:
        connection = msgspec.json.decode(unseal(channel.sealed), type=Connection)
        detail = FULL if notice.topic == TOPIC else channel.detail  # a digest is a list of titles
        return await send_through(connection, message, detail)
    except Refusal as refused:
        return Verdict(REFUSED, 0, refused.en)


async def send_through(connection: Connection, message: Message, detail: str) -> Verdict:
    if isinstance(connection, Mail):
        return await send_mail(connection, message, detail)
    return await post(connection, compose(connection, message, detail, now()))


async def _address(delivery: Delivery) -> str:
    if delivery.person is None:
        return ""
    if delivery.kind == "mail":
        wish = await Wish.objects().get(Wish.id == delivery.person)
        enabled = await Person.exists().where(Person.id == delivery.person, Person.disabled_at.is_null())
        return wish.mail if wish is not None and enabled else ""
    person = await Person.objects().get((Person.id == delivery.person) & (Person.disabled_at.is_null()))
    return person.phone if person is not None else ""


async def forget_notices() -> int:
    """Job: what is older than `QIFANG_NOTICE_DAYS` goes, with its deliveries, on phones too."""
    count = 0
    while True:
        before = now() - timedelta(days=settings.notice_days)
        async with transaction():
            rows = await Notice.objects().where(Notice.created_at < before).order_by(Notice.id).limit(FORGOTTEN_AT_ONCE)
            gone = [row.id for row in rows]
            if gone:
                await Delivery.delete().where(Delivery.notice.is_in(gone))
                await Notice.delete().where(Notice.id.is_in(gone))
            by_bureau: dict[UUID, list[UUID]] = {}
            for row in rows:
                if row.person is not None:
                    by_bureau.setdefault(row.bureau, []).append(row.id)
            for bureau, many in by_bureau.items():
                touch_many(bureau, KIND, many, gone=True)
        count += len(gone)
        if len(gone) < FORGOTTEN_AT_ONCE:
            return count
