"""Reading alarms with what the enterprises said, noting that one was seen, and trying rules on the past without storing anything."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Struct, field

from server.alarms.counting.alarm import WINDOW_DAYS, Rules, alarms_of
from server.alarms.counting.reading import WordsOut, said_in, words_of
from server.alarms.nightly import KIND
from server.alarms.rules import READ, WRITE, rules_of
from server.alarms.tables import Alarm
from server.audit.actions import record_event
from server.moment import now, today
from server.paging import Page, page_of
from server.people.actor import Actor
from server.refusals import refusal
from server.routing.tables import Category
from sync.transaction import transaction

REPLAY_DAYS_MAX = 400


class AlarmOut(Struct, frozen=True, kw_only=True):
    id: UUID
    category: str
    category_zh: str
    region: str
    day: date
    """The last of its seven days."""
    enterprises: int
    baseline: float
    ratio: float
    reports: int
    words: list[WordsOut]
    """Of the newest reports, as far as the reader's reach goes."""
    opens: str
    """The address of the list of its issues."""
    raised_at: datetime
    seen_at: datetime | None
    seen_by: UUID | None


class Replay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days, both included; without `rules` those in force."""

    first: date = field(name="from")
    last: date = field(name="to")
    rules: Rules | None = None


class ReplayedOut(Struct, frozen=True, kw_only=True):
    category: str
    category_zh: str
    region: str
    day: date
    enterprises: int
    baseline: float
    ratio: float
    reports: int
    opens: str


class WeekOut(Struct, frozen=True, kw_only=True):
    monday: date
    n: int
    alarms: list[ReplayedOut]


class ReplayOut(Struct, frozen=True, kw_only=True):
    rules: Rules
    n: int
    weeks: list[WeekOut]
    """Every week of the period, those without an alarm too."""


async def list_alarms(actor: Actor, *, is_unseen: bool, limit: int, after: str | None) -> Page[AlarmOut]:
    """The newest first."""
    actor.must(READ)
    query = Alarm.visible_to(actor)
    if is_unseen:
        query = query.where(Alarm.seen_at.is_null())
    page = await page_of(query, (Alarm.day, Alarm.id), after=after, limit=limit, is_descending=True)
    return Page(await _shown(actor, page.items), page.next)


async def see_alarm(actor: Actor, id: UUID) -> AlarmOut:
    """Whoever saw it first stays written down. Raises `alarm.unknown`."""
    actor.must(WRITE)
    async with transaction():
        if not await Alarm.visible_to(actor).where(Alarm.id == id).first():
            raise refusal("alarm.unknown")
        seen = (
            await Alarm.update({Alarm.seen_at: now(), Alarm.seen_by: actor.person})
            .where(Alarm.bureau == actor.bureau, Alarm.id == id, Alarm.seen_at.is_null())
            .returning(Alarm.id)
        )
        if seen:
            await record_event(actor, "alarm.see", KIND, id, {})
        return (await _shown(actor, await Alarm.visible_to(actor).where(Alarm.id == id)))[0]


async def replay_alarms(actor: Actor, asked: Replay) -> ReplayOut:
    """The alarms there would have been, from past reports as they are categorised now. Before the first day none is assumed.
    Raises `alarm.period`."""
    actor.must(READ)
    if not 0 <= (asked.last - asked.first).days < REPLAY_DAYS_MAX or asked.first.year < 2000 or asked.last > today():
        raise refusal("alarm.period", limit=REPLAY_DAYS_MAX)
    rules = asked.rules or (await rules_of(actor.bureau))[1]
    said = await said_in(actor.bureau, asked.first, asked.last)
    found = await asyncio.to_thread(alarms_of, said, asked.first, asked.last, rules)
    names = await _names(actor.bureau)
    weeks: dict[date, list[ReplayedOut]] = {}
    monday = _monday(asked.first)
    while monday <= asked.last:
        weeks[monday] = []
        monday += timedelta(days=7)
    for one in found:
        weeks[_monday(one.day)].append(ReplayedOut(
            category=one.category, category_zh=names.get(one.category, ""), region=one.region, day=one.day,
            enterprises=one.enterprises, baseline=one.baseline, ratio=one.ratio, reports=len(one.reports),
            opens=_opens(one.category, one.region, one.day),
        ))  # fmt: skip
    told = [WeekOut(monday=monday, n=len(alarms), alarms=alarms) for monday, alarms in weeks.items()]
    return ReplayOut(rules=rules, n=len(found), weeks=told)


async def _shown(actor: Actor, alarms: list[Alarm]) -> list[AlarmOut]:
    lists = [msgspec.json.decode(alarm.reports, type=list[UUID]) for alarm in alarms]
    names, words = await _names(actor.bureau), await words_of(actor, lists)
    return [
        AlarmOut(
            id=alarm.id, category=alarm.category, category_zh=names.get(alarm.category, ""), region=alarm.region, day=alarm.day,
            enterprises=alarm.enterprises, baseline=alarm.baseline, ratio=alarm.ratio, reports=len(reports), words=said,
            opens=_opens(alarm.category, alarm.region, alarm.day), raised_at=alarm.raised_at, seen_at=alarm.seen_at,
            seen_by=alarm.seen_by,
        )
        for alarm, reports, said in zip(alarms, lists, words, strict=True)
    ]  # fmt: skip


async def _names(bureau: UUID) -> dict[str, str]:
    rows = await Category.select(Category.code, Category.zh).where(Category.bureau == bureau)
    return {row["code"]: row["zh"] for row in rows}


def _opens(category: str, region: str, day: date) -> str:
    query = {"state": "all", "category": category, "opened": f"{day - timedelta(days=WINDOW_DAYS - 1)}..{day}"}
    return "/v1/issues?" + urlencode(query | ({"region": region} if region else {}))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
