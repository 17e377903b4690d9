"""Visits planned and made, and who goes along."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, Date, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor

PLANNED, DONE, CANCELLED = "planned", "done", "cancelled"
CHANNELS = ("on_site", "phone", "video", "firm_came")
"""How one meets, in the words of the visit record."""


class Visit(Table, tablename="visit"):
    """One meeting with one enterprise, as planned and as it happened. The phone that plans it makes the id."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    enterprise = UUID()
    person = UUID()
    day = Date()
    """The day it is planned for, or, once done, the day it took place."""
    channel = Text()
    purpose = Text(default="[]")
    """JSON list: the choices of the visit record's `purpose`."""
    state = Text(default=PLANNED)
    record = UUID(null=True, default=None)
    campaign = UUID(null=True, default=None)
    note = Text(default="")
    reason = Text(default="")
    """Why it was cancelled."""
    created_at = Timestamptz()
    updated_at = Timestamptz()

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """All of the bureau: the calendar is shared so that nobody knocks where a colleague was yesterday."""
        return cls.objects().where(cls.bureau == actor.bureau)


class VisitCompanion(Table, tablename="visit_companion"):
    """Somebody who goes along: several visitors, one visit, one record."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    visit = UUID()
    person = UUID()
