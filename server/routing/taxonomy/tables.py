"""What has become of the taxonomy, and the labels beside it."""

from __future__ import annotations

from piccolo.columns import UUID, Integer, Text, Timestamptz
from piccolo.table import Table


class TaxonomyChange(Table, tablename="taxonomy_change"):
    """One version of a bureau's taxonomy: what was done to which code, and what it was before and after, as JSON."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    version = Integer()
    at = Timestamptz()
    person = UUID()
    what = Text()
    """category or label."""
    code = Text()
    change = Text()
    """add, rename, retire or revive."""
    reason = Text(default="")
    before = Text(default="{}")
    after = Text(default="{}")


class Label(Table, tablename="label"):
    """A word of the bureau's own on issues, beside their one category. Retired, never deleted."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    code = Text()
    zh = Text()
    en = Text(default="")
    successor = Text(default="")
    retired_at = Timestamptz(null=True, default=None)
