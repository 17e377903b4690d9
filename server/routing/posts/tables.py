"""Posts inside units, who holds them, and when somebody is away."""

from __future__ import annotations

from piccolo.columns import UUID, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class Post(Table, tablename="post"):
    """A named duty inside a unit (岗位), not a person. Retired, never deleted."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    unit = UUID()
    code = Text()
    name = Text()
    retired_at = Timestamptz(null=True, default=None)


class PostHolder(Table, tablename="post_holder"):
    """Somebody who holds a post until relieved. `capacity` is how many open issues they may have at once; 0 for no limit.
    `substitute` stands in for them whenever an absence names nobody."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    post = UUID()
    person = UUID()
    place = Integer(default=0)
    capacity = Integer(default=0)
    substitute = UUID(null=True, default=None)
    since = Timestamptz()
    until = Timestamptz(null=True, default=None)


class Absence(Table, tablename="absence"):
    """Away from the first day to the last, both included. Ending it early moves `ends_on`; before its first day it is cancelled."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    person = UUID()
    starts_on = Date()
    ends_on = Date()
    substitute = UUID(null=True, default=None)
    reason = Text(default="")
    noted_by = UUID()
    created_at = Timestamptz()
    cancelled_at = Timestamptz(null=True, default=None)
