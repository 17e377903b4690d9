"""The issues of a bureau as they stood at a moment, read in chunks. Reads only.

Raw SQL: a board looks at every issue that was open then or had a date in its period.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from server.boards.figures.fold import Standing, Told, fold
from server.clocks.due import next_due
from server.clocks.lights import NEVER, lamp_of, light
from server.issues.states import DRAFT
from server.issues.steps.dues import Measure, dues_of, light_of_row, measure_of
from server.people.actor import Actor
from server.people.tables import Unit
from server.settings import settings
from server.worktime.tables import CalendarVersion
from sync.bulk import among, ids
from sync.transaction import fetch

CHUNK = 2000
_FIRST = UUID(int=0)
READ = "board.read"
_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)
_CAME_BY = (
    "CASE WHEN origin = 'desk' THEN COALESCE((SELECT report.source FROM issue_link JOIN report ON report.id = issue_link.report"
    " WHERE issue_link.issue = issue.id AND report.source <> '' ORDER BY issue_link.linked_at, issue_link.id LIMIT 1), origin)"
    " ELSE origin END AS origin"
)
"""What was typed at a desk came by telephone, letter or another system; the first report of the issue says which."""
_COLUMNS = (
    f"id, number, title, state, state_since, opened_at, closed_at, lead, desk, category, {_CAME_BY}, enterprise, excluded,"
    " exclusion, redos, escalated, next_due, yellow_at, double_at, paused"
)


async def standings(actor: Actor, moment: datetime, first: datetime, *, is_now: bool) -> list[Standing]:
    """Every issue in this person's reach that was open at `moment`, or was closed or had a date from `first` on.

    `is_now` takes what the rows repeat instead of reading the timelines: the same, only faster (a test compares)."""
    found: list[Standing] = []
    past = None if is_now else await _past(actor.bureau, moment)
    reach = None if actor.is_system else actor.units(READ)
    last = _FIRST
    while True:
        rows = await _page(actor.bureau, last, moment, first)
        if is_now:
            here = [_as_it_is(row, moment) for row in rows if row["state"] != DRAFT]
        else:
            assert past is not None
            here = await past.fold(rows)
        found += [one for one in here if (reach is None or one.lead is None or one.lead in reach or one.desk in reach)]
        if len(rows) < CHUNK:
            return found
        last = _id(rows[-1]["id"])


async def _page(bureau: UUID, after: UUID, moment: datetime, first: datetime) -> Sequence[Any]:
    """What was closed before the period, and is, was so at the moment too, unless one of its dates is in the period."""
    return await fetch(
        f"SELECT {_COLUMNS} FROM issue WHERE bureau = $1 AND id > $2 AND opened_at <= $3"
        " AND (closed_at IS NULL OR closed_at >= $4 OR solve_due >= $4 OR first_contact_due >= $4)"
        f" ORDER BY id LIMIT {CHUNK}",
        [bureau, after, moment, first],
    )


def _standing(row: Any) -> Standing:
    return Standing(
        id=_id(row["id"]), number=row["number"], title=row["title"], state=row["state"], state_since=row["state_since"],
        opened_at=row["opened_at"], closed_at=row["closed_at"], lead=_unit(row["lead"]), desk=_unit(row["desk"]),
        category=row["category"], origin=row["origin"], enterprise=_unit(row["enterprise"]), excluded=bool(row["excluded"]),
        exclusion=row["exclusion"], redos=row["redos"], escalated=bool(row["escalated"]), next_due=row["next_due"],
    )  # fmt: skip


class _Row:
    """The columns a light is made of."""

    __slots__ = ("closed_at", "double_at", "next_due", "paused", "state", "yellow_at")

    def __init__(self, row: Any) -> None:
        for name in self.__slots__:
            setattr(self, name, row[name])


def _as_it_is(row: Any, moment: datetime) -> Standing:
    standing = _standing(row)
    standing.light = light_of_row(_Row(row), moment)
    return standing


class _Past:
    """What a bureau's dates were counted with, by the moment."""

    def __init__(
        self, bureau: UUID, moment: datetime, units: dict[str, UUID], measures: list[tuple[datetime, Measure]]
    ):
        self.bureau, self.moment, self.units = bureau, moment, units
        self.since = [since for since, _ in measures]
        self.measures = [measure for _, measure in measures]

    def measure(self, at: datetime) -> Measure:
        """The one that was in force: what is closed keeps the dates it was closed with."""
        return self.measures[max(0, bisect_right(self.since, at) - 1)]

    async def fold(self, rows: Sequence[Any]) -> list[Standing]:
        issues = [_id(row["id"]) for row in rows]
        timelines, categories = await self._timelines(issues), await self._categories(issues)
        found = []
        for row in rows:
            timeline = timelines.get(_id(row["id"]), [])
            standing = _standing(row)
            standing.category = categories.get(standing.id, standing.category)
            if fold(standing, timeline, self.units) is not None:
                self._date(standing, timeline)
                found.append(standing)
        return found

    def _date(self, standing: Standing, timeline: list[Told]) -> None:
        measure = self.measure(min(standing.closed_at or self.moment, self.moment))
        dues = standing.dues = dues_of(timeline, measure, self.moment)
        following = next_due(dues)
        standing.next_due = following.due or NEVER if following is not None else NEVER
        standing.light = ""
        if standing.closed_at is None:
            standing.light = light(lamp_of(dues, measure.calendar, settings.timezone), self.moment)

    async def _categories(self, issues: list[UUID]) -> dict[UUID, str]:
        """What the first report chose: what a dispatcher thought of it stands in the timeline."""
        rows = await fetch(
            "SELECT issue_link.issue, report.category FROM issue_link JOIN report ON report.id = issue_link.report"
            f" WHERE issue_link.issue {among(1)} AND issue_link.bureau = $2 AND issue_link.method IN ('intake', 'split')"
            " ORDER BY issue_link.linked_at DESC, issue_link.id DESC",
            [ids(issues), self.bureau],
        )
        return {_id(issue): category for issue, category in rows}

    async def _timelines(self, issues: list[UUID]) -> dict[UUID, list[Told]]:
        rows = await fetch(
            "SELECT issue, verb, outcome, source, target, at, counts_at, unit, fields FROM issue_event"
            f" WHERE issue {among(1)} AND bureau = $2 AND at <= $3 ORDER BY issue, n",
            [ids(issues), self.bureau, self.moment],
        )
        told: dict[UUID, list[Told]] = {}
        for issue, verb, outcome, source, target, at, counts_at, unit, fields in rows:
            told.setdefault(_id(issue), []).append(
                Told(verb, outcome, source, target, at, counts_at, _unit(unit), fields)
            )
        return told


async def _past(bureau: UUID, moment: datetime) -> _Past:
    units = {row["code"]: row["id"] for row in await Unit.select(Unit.code, Unit.id).where(Unit.bureau == bureau)}
    edits = (
        await CalendarVersion.select(CalendarVersion.at)
        .where(CalendarVersion.bureau == bureau, CalendarVersion.at <= moment)
        .order_by(CalendarVersion.at)
    )
    since = [_BEFORE_ALL, *(row["at"] for row in edits)]
    return _Past(bureau, moment, units, [(at, await measure_of(bureau, at)) for at in since])


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


def _unit(value: Any) -> UUID | None:
    return None if value is None else _id(value)
