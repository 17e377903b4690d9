"""A bureau's own rules of which policy an issue gets, after those that ship."""

from __future__ import annotations

from piccolo.columns import UUID, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class ClockChoice(Table, tablename="clock_choice"):
    """One edition, never changed. `rules` are its lines as JSON."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    version = Integer()
    rules = Text()
    valid_from = Date()
    note = Text(default="")
    person = UUID()
    changed_at = Timestamptz()
