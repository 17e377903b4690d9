"""Every night: the alarms of the day that has ended, kept and told to those who supervise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

import msgspec

from server.alarms.counting.alarm import Place, Raised, Rules, alarms_of
from server.alarms.counting.reading import said_in
from server.alarms.rules import rules_of
from server.alarms.tables import Alarm
from server.audit.actions import record_event
from server.moment import now, today
from server.notices.senders.message import Words
from server.notices.telling import Telling, tell
from server.people.actor import system_of
from server.people.roles import SUPERVISOR
from server.people.tables import Bureau
from server.reminders.people import staff_of
from server.routing.tables import Category
from sync.identity import named_id
from sync.transaction import transaction

KIND, TOPIC = "alarm", "alarm.raise"


async def raise_alarms() -> dict[str, int]:
    """Job. Alarms raised, by bureau; run again it raises none again."""
    return {bureau.code: await raise_in(bureau.id) for bureau in await Bureau.objects()}


async def raise_in(bureau: UUID) -> int:
    rules = (await rules_of(bureau))[1]
    if not rules.is_on:
        return 0
    day = today() - timedelta(days=1)
    async with transaction():
        found = await asyncio.to_thread(
            alarms_of, await said_in(bureau, day, day), day, day, rules, await _last_raised(bureau, day, rules)
        )
        await _keep(bureau, found)
    return len(found)


async def _last_raised(bureau: UUID, day: date, rules: Rules) -> dict[Place, date]:
    rows = await Alarm.select(Alarm.category, Alarm.region, Alarm.day).where(
        Alarm.bureau == bureau, Alarm.day > day - timedelta(days=rules.cool_down_days), Alarm.day <= day
    )
    return {(row["category"], row["region"]): row["day"] for row in sorted(rows, key=lambda row: row["day"])}


async def _keep(bureau: UUID, found: Iterable[Raised]) -> None:
    system, tellings = system_of(bureau), []
    names = {
        row["code"]: row["zh"]
        for row in await Category.select(Category.code, Category.zh).where(Category.bureau == bureau)
    }
    supervisors = frozenset((await staff_of(bureau)).near(SUPERVISOR, None))
    for one in found:
        id = named_id(KIND, bureau, one.category, one.region, one.day)
        alarm = Alarm(
            id=id, bureau=bureau, category=one.category, region=one.region, day=one.day, enterprises=one.enterprises,
            baseline=one.baseline, ratio=one.ratio, reports=msgspec.json.encode(one.reports).decode(), raised_at=now(),
        )  # fmt: skip
        await alarm.save()
        facts = {"category": one.category, "region": one.region, "day": one.day.isoformat(), "enterprises": one.enterprises,
                 "baseline": one.baseline, "ratio": one.ratio}  # fmt: skip
        await record_event(system, TOPIC, KIND, id, facts)
        words = _words(one, names.get(one.category, one.category), facts)
        tellings.append(
            Telling(topic=TOPIC, key=f"alarm {id}", subject_kind=KIND, subject=id, words=words, persons=supervisors)
        )
    await tell(bureau, tellings)


def _words(one: Raised, category: str, facts: dict[str, object]) -> Words:
    place = one.region or "-"
    return Words(
        title_zh=f"苗头预警：{category}（{place}）七天内 {one.enterprises} 家企业反映",
        title_en=f"Emerging problem: {one.category} in {place}, {one.enterprises} enterprises in seven days",
        text_zh=f"前八周平均每周 {one.baseline:.1f} 家，为 {one.ratio:.1f} 倍",
        text_en=f"{one.baseline:.1f} a week in the eight weeks before: {one.ratio:.1f} times that",
        facts=facts,
    )
