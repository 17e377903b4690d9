"""What the clocks have told: one row per issue, clock, round and level, so that nothing is said twice."""

from __future__ import annotations

from piccolo.columns import UUID, Integer, Text, Timestamptz
from piccolo.table import Table


class IssueSignal(Table, tablename="issue_signal"):
    """Something that happened to a clock by itself. Its id is made of issue, clock, round and level. A row stays when the
    date is moved later: it says what was true then."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    clock = Text()
    level = Text()
    round = Integer()
    at = Timestamptz()
    """When it was due to be noticed; of level `due`, the moment of the breach."""
    due = Timestamptz(null=True, default=None)
    noticed_at = Timestamptz()
