"""A bureau's own rungs of the ladder, over those that ship."""

from __future__ import annotations

from piccolo.columns import UUID, Integer, Text, Timestamptz
from piccolo.table import Table


class LadderEdition(Table, tablename="ladder_edition"):
    """One edition, never changed; the last is in force. `rungs` are its lines as JSON."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    version = Integer()
    rungs = Text()
    note = Text(default="")
    person = UUID()
    changed_at = Timestamptz()
