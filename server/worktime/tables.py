"""Days a bureau's calendar has beyond the calendar that ships: later notices, floods, local half-holidays."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class CalendarDay(Table, tablename="calendar_day"):
    """One day that is worked or not, whatever its weekday. `version` counts the edits of the bureau's calendar."""

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
