"""Who handles an issue inside its lead unit: every decision, with its reasons."""

from __future__ import annotations

from piccolo.columns import UUID, Integer, Text, Timestamptz
from piccolo.table import Table


class IssueDuty(Table, tablename="issue_duty"):
    """One decision; the newest is in force. `person` is empty where nobody could be found and the unit decides."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    n = Integer()
    """The line of the timeline it came with."""
    at = Timestamptz()
    unit = UUID()
    post = UUID(null=True, default=None)
    person = UUID(null=True, default=None)
    before = UUID(null=True, default=None)
    """Who handled it until then."""
    decided_by = UUID()
    """A person who reassigned it; the system where the rules chose."""
    why_zh = Text()
    why_en = Text()
    considered = Text(default="[]")
    """Everybody looked at, as JSON (`server.routing.posts.choice.Considered`)."""
