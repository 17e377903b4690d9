"""Which labels an issue carries and has carried."""

from __future__ import annotations

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.table import Table


class IssueLabel(Table, tablename="issue_label"):
    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    label = Text()
    """Code."""
    since = Timestamptz()
    person = UUID()
    until = Timestamptz(null=True, default=None)
    removed_by = UUID(null=True, default=None)
