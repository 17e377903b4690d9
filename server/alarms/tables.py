"""Alarms that were raised, and the rules a bureau raises them by."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, Boolean, Date, DoublePrecision, Integer, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor


class Alarm(Table, tablename="alarm"):
    """The id is made of the bureau, the place and the day: one alarm a day at most."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    category = Text()
    region = Text(default="")
    day = Date()
    """The last of its seven days."""
    enterprises = Integer()
    baseline = DoublePrecision()
    ratio = DoublePrecision()
    reports = Text()
    """JSON list of ids."""
    raised_at = Timestamptz()
    seen_at = Timestamptz(null=True, default=None)
    seen_by = UUID(null=True, default=None)

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """Whoever may read boards: what has no unit yet concerns all who oversee the queue."""
        return cls.objects().where(cls.bureau == actor.bureau)


class AlarmRules(Table, tablename="alarm_rules"):
    """One edition, never changed; the last is in force."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    version = Integer()
    is_on = Boolean(default=True)
    enterprises_min = Integer()
    ratio_min = DoublePrecision()
    baseline_min = DoublePrecision()
    cool_down_days = Integer()
    person = UUID()
    changed_at = Timestamptz()
