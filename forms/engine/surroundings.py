"""What an expression may know besides the answers: the moment, the lists, the language. No clock and no files of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from random import Random

from forms.language.values import Moment

Row = Mapping[str, str]


class NotGiven(Exception):
    """A value that cannot be worked out here: a list that was not handed in, a text too long for its pattern."""


class Table(list[Row]):
    """The rows of a list, with an index a column made on first use. Keep one for many records that read the same list."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        super().__init__(rows)
        self._indexes: dict[str, dict[str, list[Row]]] = {}

    def by(self, column: str) -> dict[str, list[Row]]:
        found = self._indexes.get(column)
        if found is None:
            found = {}
            for row in self:
                found.setdefault(row.get(column, ""), []).append(row)
            self._indexes[column] = found
        return found


class Env:
    """What expressions may know besides the answers: the moment, the lists, the language."""

    __slots__ = ("_chance", "inside", "language", "now", "position", "tables", "zone")

    def __init__(
        self,
        now: datetime,
        inside: Mapping[str, Table],
        lists: Mapping[str, Sequence[Row]],
        language: str,
        chance: Random | None = None,
    ) -> None:
        self.now = now
        self.zone = now.tzinfo
        self.inside = inside
        self.tables: dict[str, Table] = {}
        for name, rows in lists.items():
            self.tables[name] = rows if isinstance(rows, Table) else Table(rows)
        self.language = language
        self.position = 0
        self._chance = chance

    @property
    def now_moment(self) -> Moment:
        return Moment(self.now.replace(tzinfo=None), True, self.now.utcoffset())

    @property
    def today(self) -> Moment:
        return Moment(self.now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None), False)

    @property
    def chance(self) -> Random:
        """Made when first asked for: seeding one takes longer than evaluating ten questions."""
        if self._chance is None:
            self._chance = Random()  # noqa: S311
        return self._chance

    def has(self, name: str) -> bool:
        return name in self.tables or name in self.inside

    def table(self, name: str) -> Table:
        found = self.tables.get(name)
        if found is None:
            found = self.inside.get(name)
        if found is None:
            raise NotGiven(name)
        return found
