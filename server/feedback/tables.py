"""What the people who use this software say about it (投诉建议). Government apps must take it, and somebody must read it."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor


class Feedback(Table, tablename="feedback"):
    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    person = UUID()
    device = UUID(null=True, default=None)
    words = Text()
    about = Text()
    sent_at = Timestamptz()

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """Everything for those who run the house, one's own for everybody else."""
        rows = cls.objects().where(cls.bureau == actor.bureau)
        if not actor.may("feedback.read"):
            rows = rows.where(cls.person == actor.person)
        return rows
