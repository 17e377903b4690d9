"""Which calendar a bureau counts by: the one that ships, overlaid with the days the bureau has added."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.moment import now
from server.people.actions import hold_bureau
from server.people.actor import Actor
from server.refusals import refusal
from server.worktime.calendar import REACH_YEARS, YEAR_FIRST, WorkCalendar, days_between
from server.worktime.tables import CalendarDay
from sync.identity import named_id
from sync.transaction import fetch, is_postgres, transaction

SEED = Path(__file__).parent / "seed" / "calendar.csv"
SEED_VERSION = "2026"
"""Names the shipped calendar; to be raised whenever a line of the file changes."""
OFFICIAL = "official"
PROVISIONAL = "provisional"
DAYS_MAX = 400


class Day(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day that is not what its weekday says. `official` days make their whole year known, `provisional` ones do not."""

    day: date
    is_working: bool
    name: str = ""
    source: str = ""
    status: str = PROVISIONAL


class DayOut(Struct, frozen=True, kw_only=True):
    day: date
    is_working: bool
    is_provisional: bool
    name: str


def read_seed() -> list[Day]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return [
            Day(day=day, is_working=row["day"] == "work", name=row["name"], source=row["source"], status=row["status"])
            for row in csv.DictReader(file)
            for day in days_between(date.fromisoformat(row["first"]), date.fromisoformat(row["last"]))
        ]


def build_calendar(days: list[Day], version: str) -> WorkCalendar:
    """Later days of the list overwrite earlier ones."""
    year = max((day.day.year for day in days if day.status == OFFICIAL), default=YEAR_FIRST)
    return WorkCalendar({day.day: day.is_working for day in days}, horizon=date(year, 12, 31), version=version)


@cache
def shipped_calendar() -> WorkCalendar:
    return build_calendar(read_seed(), SEED_VERSION)


@lru_cache(maxsize=256)
def _overlaid(days: tuple[Day, ...], version: str) -> WorkCalendar:
    return build_calendar([*read_seed(), *days], version)


async def calendar_of(bureau: UUID) -> WorkCalendar:
    rows = await CalendarDay.objects().where(CalendarDay.bureau == bureau).order_by(CalendarDay.day)
    if not rows:
        return shipped_calendar()
    version = f"{SEED_VERSION}+{max(row.version for row in rows)}"
    return _overlaid(tuple(Day(day=row.day, is_working=row.is_working, status=row.status) for row in rows), version)


async def keep_calendar(bureau: UUID) -> None:
    """The calendar stays as it is until the commit: no date is counted by one that is being replaced."""
    if is_postgres():
        await fetch("SELECT id FROM bureau WHERE id = $1 FOR KEY SHARE", [bureau])


async def list_days(actor: Actor, first: date, last: date) -> list[DayOut]:
    """Every day of a stretch (`calendar.range` for one that is backwards or too long), worked or not."""
    actor.must("form.read")
    calendar = await calendar_of(actor.bureau)
    if (
        not 0 <= (last - first).days < DAYS_MAX
        or first.year < YEAR_FIRST
        or last.year > calendar.horizon.year + REACH_YEARS
    ):
        raise refusal("calendar.range", limit=DAYS_MAX)
    rows = await CalendarDay.objects().where(CalendarDay.bureau == actor.bureau)
    names = {day.day: day.name for day in read_seed()} | {row.day: row.name for row in rows}
    return [
        DayOut(
            day=day,
            is_working=calendar.is_working(day),
            is_provisional=calendar.is_provisional(day),
            name=names.get(day, ""),
        )
        for day in days_between(first, last)
    ]


async def change_days(actor: Actor, days: list[Day]) -> str:
    """Adds or overwrites days of the bureau's calendar; returns the calendar's new version. Due dates of open issues move
    with `issues.actions.change_calendar`, which calls this. Raises `calendar.days`."""
    actor.must("routing.write")
    if not days or len(days) > DAYS_MAX or any(day.status not in (OFFICIAL, PROVISIONAL) for day in days):
        raise refusal("calendar.days", limit=DAYS_MAX)
    async with transaction():
        await hold_bureau(actor.bureau)
        rows = await CalendarDay.objects().where(CalendarDay.bureau == actor.bureau)
        version = max((row.version for row in rows), default=0) + 1
        ids = {named_id("calendar_day", actor.bureau, day.day): day for day in days}
        await CalendarDay.delete().where(CalendarDay.bureau == actor.bureau, CalendarDay.id.is_in(list(ids)))
        for id, day in ids.items():
            await CalendarDay(
                id=id,
                bureau=actor.bureau,
                day=day.day,
                is_working=day.is_working,
                name=day.name,
                source=day.source,
                status=day.status,
                version=version,
                person=actor.person,
                changed_at=now(),
            ).save()
        await record_event(actor, "calendar.change", "bureau", actor.bureau, {"days": len(days), "version": version})
    return f"{SEED_VERSION}+{version}"
