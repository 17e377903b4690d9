"""Letters that were written about issues, and the templates a bureau has of its own."""

from __future__ import annotations

from piccolo.columns import UUID, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table


class Paper(Table, tablename="paper"):
    """A letter as it went out: its number in the bureau's year, the very bytes and their SHA-256. Never changed."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    kind = Text()
    number = Text()
    person = UUID()
    made_at = Timestamptz()
    template = Text(default="")
    """SHA-256 of the bureau's own template; empty for the shipped one."""
    sha256 = Text()
    content = Bytea()


class PaperTemplate(Table, tablename="paper_template"):
    """A bureau's own template of one kind; the last one counts."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    kind = Text()
    person = UUID()
    since = Timestamptz()
    sha256 = Text()
    content = Bytea()


class PaperCounter(Table, tablename="paper_counter"):
    """The last number given in a bureau, year and kind; the row's id is made of the three."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    n = Integer(default=0)
