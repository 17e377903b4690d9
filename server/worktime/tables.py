"""A bureau's own calendar: later notices, floods, half-holidays, office hours. Nothing is overwritten: every edit is a version,
and the calendar of any version can be made again."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class CalendarVersion(Table, tablename="calendar_version"):
    """One edit: who, when, what. `edition` names the shipped calendar it lies upon."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    version = Integer()
    edition = Text()
    kind = Text()
    note = Text(default="")
    days = Integer(default=0)
    person = UUID()
    at = Timestamptz()


class CalendarDay(Table, tablename="calendar_day"):
    """What one version says of one day, whatever its weekday. `withdrawn` takes back what was said before."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    day = Date()
    is_working = Boolean()
    name = Text()
    source = Text()
    status = Text()
    version = Integer()
    person = UUID()
    changed_at = Timestamptz()
    spans = Text(default="")
    """The office hours of this day alone, `08:30-12:00 14:00-16:00`."""
    withdrawn = Boolean(default=False)


class CalendarHours(Table, tablename="calendar_hours"):
    """What one version says of the office hours from a day on."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    version = Integer()
    valid_from = Date()
    spans = Text()
    closing = Text()
