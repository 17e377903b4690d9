"""The taxonomy of what enterprises say and the matrix of units' duties: both a bureau's own, dated and versioned."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Id

from piccolo.columns import UUID, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class Category(Table, tablename="category"):
    """A code of the taxonomy: two digits, or four below them. Codes are never deleted, only retired with a successor."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    code = Text()
    parent = Text(default="")
    zh = Text()
    en = Text(default="")
    icon = Text(default="")
    successor = Text(default="")
    retired_at = Timestamptz(null=True, default=None)

    @classmethod
    def of_bureau(cls, bureau: Id) -> Any:
        return cls.objects().where(cls.bureau == bureau).order_by(cls.code)


class RoutingVersion(Table, tablename="routing_version"):
    """One edition of the matrix, in force from `starts_on` until a later one starts."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    version = Integer()
    starts_on = Date()
    note = Text(default="")
    person = UUID()
    created_at = Timestamptz()


class RoutingRule(Table, tablename="routing_rule"):
    """A line of one edition. `co` is a JSON list of unit codes."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    version = Integer()
    line = Integer()
    category = Text(default="")
    place = Text(default="")
    industry = Text(default="")
    tier = Text(default="")
    lead = Text(default="")
    post = Text(default="")
    co = Text(default="[]")
    priority = Integer(default=0)
    note = Text(default="")
