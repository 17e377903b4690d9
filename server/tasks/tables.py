"""What somebody promised to do by a date."""

from __future__ import annotations

from datetime import date
from typing import Any

from piccolo.columns import UUID, Date, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor

OPEN, DONE, CANCELLED = "open", "done", "cancelled"
STATES = (OPEN, DONE, CANCELLED)
PROMISE, NEXT_CONTACT = "promise", "next_contact"
"""Where a task comes from: a promise made on a visit, or the day the visitor wanted to be in touch again."""

NO_DAY = date.max


class Task(Table, tablename="task"):
    """One thing to do for one enterprise. Its id derives from the record and the row it was written in."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    person = UUID()
    """Who made the promise and keeps it."""
    enterprise = UUID(null=True, default=None)
    record = UUID(null=True, default=None)
    source = Text()
    title = Text()
    due_on = Date()
    """`NO_DAY` when a promise was made without one: such tasks stand at the end of every list."""
    state = Text(default=OPEN)
    note = Text(default="")
    done_at = Timestamptz(null=True, default=None)
    done_by = UUID(null=True, default=None)
    created_at = Timestamptz()

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """One's own; all of the bureau for those who oversee it."""
        tasks = cls.objects().where(cls.bureau == actor.bureau)
        return tasks if actor.is_bureau_wide("task.read") else tasks.where(cls.person == actor.person)
