"""Which calendar a bureau counts by: the one that ships, overlaid with the versions the bureau has made."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from server.people.actor import Actor
from server.refusals import refusal
from server.worktime.calendar import REACH_YEARS, YEAR_FIRST, WorkCalendar, days_between
from server.worktime.days import OFFICIAL, Day, Edit, Hours, office_hours, overlay, read_spans, write_spans
from server.worktime.tables import CalendarDay, CalendarHours, CalendarVersion
from sync.transaction import fetch, is_postgres

SEED = Path(__file__).parent / "seed" / "calendar.csv"
SEED_VERSION = "2026"
"""Names the shipped calendar. A changed line is a new line of a new edition, so that editions before can be made again."""
DAYS_MAX = 400
BUILT_MAX = 256


class DayOut(Struct, frozen=True, kw_only=True):
    day: date
    is_working: bool
    is_provisional: bool
    name: str
    status: str
    """official, provisional, local, or empty for a day that is what its weekday says."""
    spans: tuple[str, ...]
    """Office hours; none on a day of rest."""


@cache
def read_seed(edition: str = SEED_VERSION) -> tuple[Day, ...]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return tuple(
            Day(day=day, is_working=row["day"] == "work", name=row["name"], source=row["source"], status=row["status"])
            for row in csv.DictReader(file)
            if row["edition"] <= edition
            for day in days_between(date.fromisoformat(row["first"]), date.fromisoformat(row["last"]))
        )


def build_calendar(days: Sequence[Day], version: str, hours: Sequence[Hours] = ()) -> WorkCalendar:
    """Later days of the list overwrite earlier ones, and later hours those of the same first day."""
    standing = overlay(days)
    announced = (day.day.year for day in days if day.status == OFFICIAL and day.is_working is not None)
    year = max(announced, default=YEAR_FIRST)
    return WorkCalendar(
        {day.day: bool(day.is_working) for day in standing},
        horizon=date(year, 12, 31),
        version=version,
        hours=[office_hours(one) for _, one in sorted({one.valid_from: one for one in hours}.items())],
        spans={day.day: read_spans(day.spans) for day in standing if day.spans},
    )


@cache
def shipped_calendar() -> WorkCalendar:
    return build_calendar(read_seed(), SEED_VERSION)


class Kept(Struct, frozen=True, kw_only=True):
    """All that was ever said up to a version, in order."""

    version: int = 0
    edition: str = SEED_VERSION
    days: tuple[Day, ...] = ()
    hours: tuple[Hours, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.edition}+{self.version}" if self.version else self.edition

    def known_days(self) -> list[Day]:
        return overlay([*read_seed(self.edition), *self.days])

    def calendar(self) -> WorkCalendar:
        return build_calendar([*read_seed(self.edition), *self.days], self.name, self.hours)

    def followed_by(self, edit: Edit) -> Kept:
        return structs.replace(
            self,
            version=self.version + 1,
            edition=SEED_VERSION,
            days=(*self.days, *edit.days),
            hours=(*self.hours, *edit.hours),
        )


_built: dict[UUID, WorkCalendar] = {}
"""By the id of their version: what is kept under an id never changes, and an edit that failed leaves none behind."""


async def calendar_of(bureau: UUID, at: datetime | None = None) -> WorkCalendar:
    """The bureau's calendar now, or as it was at a moment. Raw SQL: every push of records comes through here."""
    if at is None:
        sql = "SELECT id, version, edition FROM calendar_version WHERE bureau = $1 ORDER BY version DESC LIMIT 1"
        found = await fetch(sql, [bureau])
        row = found[0] if found else None
    else:
        row = (
            await CalendarVersion.select(CalendarVersion.id, CalendarVersion.version, CalendarVersion.edition)
            .where(CalendarVersion.bureau == bureau, CalendarVersion.at <= at)
            .order_by(CalendarVersion.version, ascending=False)
            .first()
        )
    return await _built_calendar(bureau, row) if row is not None else shipped_calendar()


async def _built_calendar(bureau: UUID, row: Any) -> WorkCalendar:
    id = UUID(str(row["id"]))
    if id not in _built:
        while len(_built) >= BUILT_MAX:
            del _built[next(iter(_built))]
        _built[id] = (await _read_kept(bureau, row["version"], row["edition"])).calendar()
    return _built[id]


async def kept_calendar(bureau: UUID, named: str = "") -> Kept:
    """All the bureau has said, up to the version named (`2026+3`) or the last. Raises `calendar.version`."""
    found = CalendarVersion.objects().where(CalendarVersion.bureau == bureau)
    rows = await found.order_by(CalendarVersion.version, ascending=False)
    if named and named != SEED_VERSION:
        rows = [row for row in rows if f"{row.edition}+{row.version}" == named]
        if not rows:
            raise refusal("calendar.version", version=named)
    if not rows or named == SEED_VERSION:
        return Kept()
    return await _read_kept(bureau, rows[0].version, rows[0].edition)


async def _read_kept(bureau: UUID, version: int, edition: str) -> Kept:
    days = (
        await CalendarDay.objects()
        .where(CalendarDay.bureau == bureau, CalendarDay.version <= version)
        .order_by(CalendarDay.version)
        .order_by(CalendarDay.day)
    )
    hours = (
        await CalendarHours.objects()
        .where(CalendarHours.bureau == bureau, CalendarHours.version <= version)
        .order_by(CalendarHours.version)
    )
    return Kept(version=version, edition=edition, days=tuple(map(day_of, days)), hours=tuple(map(hours_of, hours)))


def day_of(row: CalendarDay) -> Day:
    return Day(
        day=row.day,
        is_working=None if row.withdrawn else row.is_working,
        name=row.name,
        source=row.source,
        status=row.status,
        spans=tuple(row.spans.split()),
    )


def hours_of(row: CalendarHours) -> Hours:
    return Hours(valid_from=row.valid_from, spans=tuple(row.spans.split()), closing=row.closing)


async def keep_calendar(bureau: UUID) -> None:
    """The calendar stays as it is until the commit: no date is counted by one that is being replaced."""
    if is_postgres():
        await fetch("SELECT id FROM bureau WHERE id = $1 FOR KEY SHARE", [bureau])


def must_see(actor: Actor) -> None:
    """The calendar is for everybody who has dates to keep or to set."""
    actor.must("form.read" if actor.may("form.read") else "issue.read")


async def list_days(actor: Actor, first: date, last: date, version: str = "") -> list[DayOut]:
    """Every day of a stretch, worked or not, by the calendar as it is or by any version. Raises `calendar.range` for one that
    is backwards or too long, `calendar.version`."""
    must_see(actor)
    kept = await kept_calendar(actor.bureau, version)
    calendar = kept.calendar()
    if (
        not 0 <= (last - first).days < DAYS_MAX
        or first.year < YEAR_FIRST
        or last.year > calendar.horizon.year + REACH_YEARS
    ):
        raise refusal("calendar.range", limit=DAYS_MAX)
    known = {day.day: day for day in kept.known_days()}
    return [
        DayOut(
            day=day,
            is_working=calendar.is_working(day),
            is_provisional=calendar.is_provisional(day),
            name=known[day].name if day in known else "",
            status=known[day].status if day in known else "",
            spans=write_spans(calendar.spans_on(day)) if calendar.is_working(day) else (),
        )
        for day in days_between(first, last)
    ]
