"""Changing a bureau's calendar: every edit is checked whole, becomes a version, and stays listed with who, when and what."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct, structs

from server.audit.actions import record_event
from server.moment import now, today
from server.people.actions import hold_bureau
from server.people.actor import SYSTEM, Actor
from server.people.tables import Person
from server.refusals import refusal
from server.worktime.actions import DAYS_MAX, SEED_VERSION, day_of, hours_of, kept_calendar, must_see
from server.worktime.calendar import ORDINARY_HOURS, REACH_YEARS, YEAR_FIRST
from server.worktime.days import LOCAL, OFFICIAL, STATUSES, Day, Edit, Hours, office_hours, read_spans, write_spans
from server.worktime.tables import CalendarDay, CalendarHours, CalendarVersion
from sync.identity import new_id
from sync.transaction import transaction

TEXT_MAX = 300


class VersionOut(Struct, frozen=True, kw_only=True):
    version: str
    at: datetime
    person: UUID
    person_name: str
    kind: str
    note: str
    days: list[Day]
    hours: list[Hours]


async def list_versions(actor: Actor) -> list[VersionOut]:
    """Every edit of the bureau's calendar, the last first."""
    must_see(actor)
    rows = (
        await CalendarVersion.objects()
        .where(CalendarVersion.bureau == actor.bureau)
        .order_by(CalendarVersion.version, ascending=False)
    )
    days = await CalendarDay.objects().where(CalendarDay.bureau == actor.bureau).order_by(CalendarDay.day)
    hours = await CalendarHours.objects().where(CalendarHours.bureau == actor.bureau).order_by(CalendarHours.valid_from)
    people = list({row.person for row in rows} - {SYSTEM})
    named = await Person.select(Person.id, Person.name).where(Person.id.is_in(people)) if people else []
    names = {row["id"]: row["name"] for row in named} | {SYSTEM: "系统"}
    return [
        VersionOut(
            version=f"{row.edition}+{row.version}",
            at=row.at,
            person=row.person,
            person_name=names.get(row.person, ""),
            kind=row.kind,
            note=row.note,
            days=[day_of(day) for day in days if day.version == row.version],
            hours=[hours_of(one) for one in hours if one.version == row.version],
        )
        for row in rows
    ]


async def list_hours(actor: Actor, version: str = "") -> list[Hours]:
    """The office hours by their first day, the shipped ones first. Raises `calendar.version`."""
    must_see(actor)
    said = (await kept_calendar(actor.bureau, version)).hours
    shipped = Hours(valid_from=date(YEAR_FIRST, 1, 1), spans=write_spans(ORDINARY_HOURS.spans))
    return [shipped, *(one for _, one in sorted({one.valid_from: one for one in said}.items()))]


def check_edit(edit: Edit, horizon: date) -> None:
    """Raises `calendar.days` or `calendar.hours` with the first reason."""
    last = date(horizon.year + REACH_YEARS, 12, 31)
    try:
        if not 0 < len(edit.days) + len(edit.hours) <= DAYS_MAX:
            raise ValueError(f"0 < {len(edit.days) + len(edit.hours)} ≤ {DAYS_MAX}")
        for day in edit.days:
            _check_day(day, horizon, last)
        if len({day.day for day in edit.days}) < len(edit.days):
            raise ValueError("a day stands there more than once")
    except ValueError as error:
        raise refusal("calendar.days", limit=DAYS_MAX, reason=str(error)) from None
    try:
        for hours in edit.hours:
            office_hours(hours)
            if not YEAR_FIRST <= hours.valid_from.year <= last.year:
                raise ValueError(f"{hours.valid_from} is out of reach")
    except ValueError as error:
        raise refusal("calendar.hours", reason=str(error)) from None


def _check_day(day: Day, horizon: date, last: date) -> None:
    if day.status not in STATUSES:
        raise ValueError(f"{day.day}: {day.status!r} is none of {', '.join(STATUSES)}")
    if not date(YEAR_FIRST, 1, 1) <= day.day <= last:
        raise ValueError(f"{day.day} is out of reach")
    if day.status == OFFICIAL and day.day.year > horizon.year + 1:
        raise ValueError(f"{day.day}: {horizon.year + 1} is to be announced first")
    if max(len(day.name), len(day.source)) > TEXT_MAX:
        raise ValueError(f"{day.day}: a text of more than {TEXT_MAX} characters")
    if day.spans:
        if not day.is_working or day.status != LOCAL:
            raise ValueError(f"{day.day}: hours are for a worked day of the bureau's own ({LOCAL})")
        read_spans(day.spans)


def dated_forward(edit: Edit) -> tuple[Edit, list[date]]:
    """The edit without what would count after the fact, and the days left out: of days gone by, today included, it keeps those
    that are no longer worked, which can only postpone; office hours start tomorrow at the earliest."""
    present = today()
    kept = [day for day in edit.days if day.day > present or (day.is_working is False and not day.spans)]
    left_out = [day.day for day in edit.days if day not in kept]
    tomorrow = date.fromordinal(present.toordinal() + 1)
    hours = tuple(structs.replace(one, valid_from=max(one.valid_from, tomorrow)) for one in edit.hours)
    left_out += [one.valid_from for one in edit.hours if one.valid_from <= present]
    return structs.replace(edit, days=tuple(kept), hours=hours), left_out


async def change_days(actor: Actor, days: list[Day]) -> str:
    """`keep_edit` of days alone; the dates of open issues stay as they are."""
    return await keep_edit(actor, Edit(kind="days", days=tuple(days)))


async def keep_edit(actor: Actor, edit: Edit) -> str:
    """Writes the bureau's next version and returns its name. Due dates of open issues move with
    `issues.redating.actions.change_calendar`, which calls this. Raises `calendar.days`, `calendar.hours`."""
    actor.must("routing.write")
    async with transaction():
        await hold_bureau(actor.bureau)
        kept = await kept_calendar(actor.bureau)
        check_edit(edit, kept.calendar().horizon)
        version, moment = kept.version + 1, now()
        await CalendarVersion(
            id=new_id(),
            bureau=actor.bureau,
            version=version,
            edition=SEED_VERSION,
            kind=edit.kind,
            note=edit.note[:TEXT_MAX],
            days=len(edit.days),
            person=actor.person,
            at=moment,
        ).save()
        if edit.days:
            await CalendarDay.insert(*(_day_row(actor, day, version, moment) for day in edit.days))
        if edit.hours:
            await CalendarHours.insert(*(_hours_row(actor, one, version) for one in edit.hours))
        told = {"days": len(edit.days), "hours": len(edit.hours), "kind": edit.kind, "version": version}
        await record_event(actor, "calendar.change", "bureau", actor.bureau, told)
    return f"{SEED_VERSION}+{version}"


def _day_row(actor: Actor, day: Day, version: int, moment: datetime) -> CalendarDay:
    return CalendarDay(
        id=new_id(),
        bureau=actor.bureau,
        day=day.day,
        is_working=bool(day.is_working),
        name=day.name,
        source=day.source,
        status=day.status,
        version=version,
        person=actor.person,
        changed_at=moment,
        spans=" ".join(day.spans),
        withdrawn=day.is_working is None,
    )


def _hours_row(actor: Actor, hours: Hours, version: int) -> CalendarHours:
    return CalendarHours(
        id=new_id(),
        bureau=actor.bureau,
        version=version,
        valid_from=hours.valid_from,
        spans=" ".join(hours.spans),
        closing=hours.closing,
    )
