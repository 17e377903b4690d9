"""Work orders that came from another system or from a ledger: under which number, and with which content."""

from __future__ import annotations

from piccolo.columns import UUID, BigInt, Integer, Text, Timestamptz
from piccolo.table import Table


class ImportedOrder(Table, tablename="imported_order"):
    """`id` is that of the report it became. A number comes once from a source."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    source = Text()
    """Name of the mapping it was read by: `12345`, `ledger`."""
    number = Text()
    digest = Text()
    """Of the line as it was read; other content under a known number is told, not taken."""
    batch = UUID()
    line = Integer()
    account = UUID()
    """Who imported it."""
    imported_at = Timestamptz()
    due_told = Text(default="")
    """The limit the other system set, as a day; ours are counted by our own policy."""
    told_n = BigInt(default=0)
    """The last line of the issue's timeline the other system was told of."""
