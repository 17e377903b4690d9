"""From issues, their timelines and their call-backs to the cases that rates are counted from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.callbacks.tables import Callback, CallbackTask
from server.clocks.due import Due, due_dates
from server.clocks.span import start_of_day
from server.enterprises.tables import Enterprise
from server.issues.states import DRAFT
from server.issues.steps.dues import Line, Measure, clock_events, dues_of, measure_of, policy_of, timelines
from server.issues.tables import NEVER, Issue
from server.people.actor import Actor
from server.people.tables import Unit
from server.rates.formulas import Case, answered, called_back, limited
from server.settings import settings
from sync.transaction import fetch, is_postgres

CHUNK = 1000
PARTS = ("unit", "category", "region")
CATEGORY_DIGITS = 2
"""Digits of the upper level of the taxonomy."""
ENDED_OTHERWISE = {
    "REFUSED": "refused",
    "WITHDRAWN": "withdrawn",
    "MERGED": "merged",
    "TRANSFERRED_UP": "transferred",
}


class Subject(Struct, frozen=True, kw_only=True):
    """An issue as far as it is counted."""

    id: UUID
    state: str
    lead: UUID | None
    category: str
    enterprise: UUID | None
    excluded: bool
    exclusion: str
    on_site: bool
    extensions: int
    opened_at: datetime

    def left_out(self) -> tuple[str, str]:
        """Why, and in whose words; for what has a date to keep."""
        if self.excluded:
            return "excluded", self.exclusion
        return ("on_site" if self.on_site else ENDED_OTHERWISE.get(self.state, "")), ""


_SUBJECT = (
    Issue.id, Issue.state, Issue.lead, Issue.category, Issue.enterprise, Issue.excluded, Issue.exclusion, Issue.extensions,
    Issue.opened_at,
)  # fmt: skip


class Period(Struct, frozen=True, kw_only=True):
    first: date
    last: date

    @property
    def since(self) -> datetime:
        return start_of_day(self.first, settings.timezone)

    @property
    def till(self) -> datetime:
        return start_of_day(self.last + timedelta(days=1), settings.timezone)


class Split(Struct, frozen=True, kw_only=True):
    """Into which parts issues are split. The unit that leads an issue now answers for it."""

    part: str
    bureau: UUID
    codes: dict[UUID, str]
    names: dict[str, str]

    @classmethod
    async def by(cls, bureau: UUID, part: str) -> Split:
        units = await Unit.of_bureau(bureau) if part == "unit" else []
        codes, names = {unit.id: unit.code for unit in units}, {unit.code: unit.name for unit in units}
        return cls(part=part, bureau=bureau, codes=codes, names=names)

    async def groups(self, rows: list[dict[str, Any]]) -> dict[UUID, str]:
        if self.part == "unit":
            return {row["id"]: self.codes.get(row["lead"], "") for row in rows}
        if self.part == "category":
            return {row["id"]: row["category"][:CATEGORY_DIGITS] for row in rows}
        firms = sorted({row["enterprise"] for row in rows if row["enterprise"] is not None}, key=str)
        found = await Enterprise.select(Enterprise.id, Enterprise.region).where(
            Enterprise.bureau == self.bureau, Enterprise.id.is_in(firms or [self.bureau])
        )
        regions = {row["id"]: row["region"] for row in found}
        return {row["id"]: regions.get(row["enterprise"], "") for row in rows}


async def limited_cases(actor: Actor, period: Period, split: Split, moment: datetime) -> list[Case]:
    """Of issues whose dates of first contact or of solving fell in the period, with extensions or without."""
    since, till = period.since, period.till
    in_period = ((Issue.first_contact_due > since) & (Issue.first_contact_due <= till)) | (
        (Issue.solve_due > since) & (Issue.solve_due <= till)
    )
    put_off = (Issue.extensions > 0) & (Issue.opened_at < till) & (Issue.solve_due > since)
    where = Issue.reach_of(actor) & (Issue.state != DRAFT) & (in_period | put_off)
    measure = await measure_of(actor.bureau)
    found: list[Case] = []
    last = UUID(int=0)
    while True:
        rows = await Issue.select(*_SUBJECT).where(where & (Issue.id > last)).order_by(Issue.id).limit(CHUNK)
        if not rows:
            return found
        last = rows[-1]["id"]
        lines = await timelines(actor.bureau, [row["id"] for row in rows])
        groups = await split.groups(rows)
        for row in rows:
            subject = _subject(row, lines[row["id"]])
            found += _dates(subject, groups[subject.id], lines[subject.id], measure, moment)


def _subject(row: dict[str, Any], lines: list[Line]) -> Subject:
    on_site = bool(lines) and lines[0].verb == "open" and lines[0].target == "ON_SITE_CLOSED"
    return msgspec.convert(row | {"on_site": on_site}, Subject)


def _dates(subject: Subject, group: str, lines: list[Any], measure: Measure, moment: datetime) -> Iterable[Case]:
    reason, words = subject.left_out()
    dues = {due.clock: due for due in dues_of(lines, measure)}
    without = {due.clock: due for due in _without_extensions(lines, measure)} if subject.extensions else dues
    for name, due in (
        ("response", dues.get("first_contact")),
        ("on_time", dues.get("solve")),
        ("on_time_unextended", without.get("solve")),
    ):
        if due is not None and due.due is not None:
            yield limited(name, group, due.due, due.ended_at, moment, settings.timezone, left_out=reason, words=words)


def _without_extensions(lines: list[Any], measure: Measure) -> list[Due]:
    events = [event for event in clock_events(lines) if event.name != "extended"]
    return due_dates(events, policy_of(lines, measure.editions, NEVER), measure.calendar, settings.timezone)


async def answered_cases(actor: Actor, period: Period, split: Split) -> list[Case]:
    """Of call-backs that concluded in the period: what was answered, or why nothing was."""
    rows = await Callback.select(
        Callback.issue, Callback.at, Callback.reached, Callback.solved, Callback.satisfied
    ).where(
        Callback.bureau == actor.bureau,
        Callback.at >= period.since,
        Callback.at < period.till,
        Callback.concludes.eq(True),
        Callback.counts.eq(True),
    )
    groups, excluded = await _issues(actor, split, {row["issue"] for row in rows})
    found: list[Case] = []
    for row in rows:
        if row["issue"] not in groups:
            continue
        reason, words = excluded.get(row["issue"], ("", ""))
        if not reason and row["reached"] != "reached":
            reason = "declined" if row["reached"] == "refused" else "unreachable"
        found += answered(
            groups[row["issue"]], row["at"], row["solved"], row["satisfied"], settings.timezone, left_out=reason,
            words=words,
        )  # fmt: skip
    return found


async def called_cases(actor: Actor, period: Period, split: Split, today: date) -> list[Case]:
    """Of tasks that were due in the period; one that ended with its issue (merged, withdrawn) was due no more."""
    rows = await CallbackTask.select(
        CallbackTask.issue, CallbackTask.report, CallbackTask.turn, CallbackTask.due_on
    ).where(
        CallbackTask.bureau == actor.bureau,
        CallbackTask.due_on >= period.first,
        CallbackTask.due_on <= period.last,
        CallbackTask.drawn.eq(True),
        CallbackTask.state.is_in(["open", "done"]),
    )
    issues = {row["issue"] for row in rows}
    groups, excluded = await _issues(actor, split, issues)
    valid = await _valid(actor.bureau, period)
    return [
        called_back(
            groups[row["issue"]],
            row["due_on"],
            (row["issue"], row["report"], row["turn"]) in valid,
            today,
            left_out=excluded.get(row["issue"], ("", ""))[0],
            words=excluded.get(row["issue"], ("", ""))[1],
        )
        for row in rows
        if row["issue"] in groups
    ]


async def _valid(bureau: UUID, period: Period) -> set[tuple[UUID, UUID, int]]:
    """Of tasks that were due in the period, those whose reporter answered, whenever that was."""
    rows = await fetch(
        "SELECT callback.issue, callback.report, callback.turn FROM callback JOIN callback_task"
        " ON callback_task.issue = callback.issue AND callback_task.report = callback.report"
        " AND callback_task.turn = callback.turn WHERE callback_task.bureau = $1 AND callback_task.due_on BETWEEN $2 AND $3"
        " AND callback.reached = 'reached' AND callback.counts AND callback.concludes",
        [bureau, *((period.first, period.last) if is_postgres() else map(str, (period.first, period.last)))],
    )
    return {(UUID(str(row[0])), UUID(str(row[1])), row[2]) for row in rows}


async def _issues(actor: Actor, split: Split, issues: set[UUID]) -> tuple[dict[UUID, str], dict[UUID, tuple[str, str]]]:
    """The part each of these belongs to, of those within reach, and which were excluded in whose words."""
    groups: dict[UUID, str] = {}
    excluded: dict[UUID, tuple[str, str]] = {}
    wanted = sorted(issues, key=str)
    for start in range(0, len(wanted), CHUNK):
        rows = await Issue.select(
            Issue.id, Issue.lead, Issue.category, Issue.enterprise, Issue.excluded, Issue.exclusion
        ).where(Issue.reach_of(actor) & Issue.id.is_in(wanted[start : start + CHUNK]))
        groups |= await split.groups(rows)
        excluded |= {row["id"]: ("excluded", row["exclusion"]) for row in rows if row["excluded"]}
    return groups, excluded
