"""The walk through the open queue that a change of its rules sets off, and what it changed."""

from __future__ import annotations

from piccolo.columns import UUID, Integer, Text, Timestamptz
from piccolo.table import Table


class Recount(Table, tablename="issue_recount"):
    """One walk, in the order of the issues' ids. `last` is how far it has come: any process may go on from there."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    person = UUID()
    cause = Text()
    """What set it off: a version of the calendar, or `ordinary@2`, an edition of a policy."""
    last = UUID()
    moved = Integer(default=0)
    started_at = Timestamptz()
    finished_at = Timestamptz(null=True, default=None)


class IssueRedate(Table, tablename="issue_redate"):
    """What a walk changed of one issue: the dates that moved, before and after."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    at = Timestamptz()
    cause = Text()
    dates = Text()
    """`{"solve_due": [before, after], …}` as JSON, in UTC."""
