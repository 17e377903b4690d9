"""Editions of clock policies a bureau has made of its own, after those that ship."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class ClockPolicy(Table, tablename="clock_policy"):
    """One edition, never changed: what comes later is another. `words` are its limits and rules as JSON."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    name = Text()
    version = Integer()
    zh = Text()
    en = Text()
    words = Text()
    valid_from = Date()
    open_too = Boolean(default=False)
    note = Text(default="")
    person = UUID()
    changed_at = Timestamptz()
