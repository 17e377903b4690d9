"""The boards of the queue, pure: from what stood at a moment to cells, each with the cases it counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.boards.figures.fold import Standing
from server.clocks.lights import DOUBLE_RED, NEVER, RED, YELLOW
from server.worktime.calendar import WorkCalendar

BANDS = ((0, 3), (4, 7), (8, 15), (16, 30), (31, None))
"""Working days since an issue was received."""
LATE_BANDS = ((1, 1), (2, 3), (4, 7), (8, None))
"""Days between the talk and the arrival of its record."""
WEEK = timedelta(days=7)
RISING_MAX = 10
_INSTANT = timedelta(microseconds=1)


class Firm(Struct, frozen=True):
    name: str
    region: str
    industry: str
    tier: str


class Scene(Struct, kw_only=True):
    """All a board is made of. `first` and `last` are the days of its period; `late` maps an issue to the days its record took."""

    moment: datetime
    zone: tzinfo
    calendar: WorkCalendar
    first: date
    last: date
    standings: list[Standing]
    units: dict[UUID, tuple[str, str]]
    categories: dict[str, str]
    sources: dict[str, str]
    firms: dict[UUID, Firm] = {}
    late: dict[UUID, int] = {}
    by: str = "region"

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def last_day(self, due: datetime) -> date:
        return (due - _INSTANT).astimezone(self.zone).date()

    @property
    def open(self) -> list[Standing]:
        return [one for one in self.standings if one.closed_at is None]

    def opened_in_period(self) -> list[Standing]:
        return [one for one in self.standings if self.first <= self.day(one.opened_at) <= self.last]


class Cell(Struct, kw_only=True):
    """`row` and `column` place it in the board's table. `value` is a share from 0 to 1 where the cell is a rate; then `n` is how
    many cases count, and both value and `good` are null where they must not be shown."""

    key: str
    row: str
    column: str
    zh: str
    en: str
    cases: list[UUID]
    kind: str = "issue"
    value: float | None = None
    is_rate: bool = False

    @property
    def n(self) -> int:
        return len(self.cases)


def counted(key: str, zh: str, en: str, found: Iterable[Standing], *, row: str = "", column: str = "") -> Cell:
    return Cell(key=key, row=row or zh, column=column or "件数", zh=zh, en=en, cases=[one.id for one in found])


def today_cells(scene: Scene) -> list[Cell]:
    today = scene.day(scene.moment)
    worked: dict[date, int] = {}

    def waits(one: Standing) -> bool:
        since = scene.day(one.state_since)
        if since not in worked:
            worked[since] = scene.calendar.working_days_between(since, today)
        return worked[since] > 1

    def due_by_today(one: Standing) -> bool:
        return one.next_due < NEVER and scene.last_day(one.next_due) <= today

    tests: tuple[tuple[str, str, str, Callable[[Standing], bool]], ...] = (
        ("new", "今日新收", "received today", lambda one: scene.day(one.opened_at) == today),
        ("untriaged", "超过 1 个工作日未受理", "not triaged for more than 1 working day",
         lambda one: one.state == "SUBMITTED" and waits(one)),
        ("unsigned", "超过 1 个工作日未签收", "not signed for more than 1 working day",
         lambda one: one.state == "DISPATCHED" and waits(one)),
        ("due", "今日到期", "due today",
         lambda one: bool(one.light) and one.next_due < NEVER and scene.last_day(one.next_due) == today),
        ("yellow", "黄灯", "yellow", lambda one: one.light == YELLOW),
        ("red", "红灯", "red", lambda one: one.light == RED),
        ("double_red", "双红灯", "double red", lambda one: one.light == DOUBLE_RED),
        ("account_due", "挂账待检查", "on account, to be reviewed",
         lambda one: one.state == "LONG_TERM" and due_by_today(one)),
        ("callback", "待回访", "waiting for call-back", lambda one: one.state == "PENDING_CALLBACK"),
    )  # fmt: skip
    return [counted(key, zh, en, filter(test, scene.standings)) for key, zh, en, test in tests]


def flow_cells(scene: Scene) -> list[Cell]:
    """By weeks from Monday; the first and the last are those that hold the ends of the period."""
    received: dict[date, list[Standing]] = defaultdict(list)
    closed: dict[date, list[Standing]] = defaultdict(list)
    for one in scene.standings:
        received[_monday(scene.day(one.opened_at))].append(one)
        if one.closed_at is not None:
            closed[_monday(scene.day(one.closed_at))].append(one)
    cells = []
    week = _monday(scene.first)
    while week <= scene.last:
        for name, zh, en, found in (("received", "新收", "received", received), ("closed", "办结", "closed", closed)):
            cells.append(
                counted(
                    f"{name}.{week}",
                    f"{week} 起一周{zh}",
                    f"{en} in the week of {week}",
                    found[week],
                    row=str(week),
                    column=zh,
                )
            )
        week += WEEK
    return cells


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def age_cells(scene: Scene) -> list[Cell]:
    """Open issues by the working days since they were received, whoever has them now."""
    today = scene.day(scene.moment)
    ages: dict[date, int] = {}
    found: dict[int, list[Standing]] = defaultdict(list)
    for one in scene.open:
        day = scene.day(one.opened_at)
        if day not in ages:
            ages[day] = scene.calendar.working_days_between(day, today)
        found[_band(BANDS, ages[day])].append(one)
    return [
        counted(f"age.{first}", f"{_named(first, last)} 个工作日", f"{_named(first, last)} working days", found[first])
        for first, last in BANDS
    ]


def _band(bands: Any, n: int) -> int:
    return max(first for first, _ in bands if first <= max(n, bands[0][0]))


def _named(first: int, last: int | None) -> str:
    if last == first:
        return str(first)
    return f"{first}–{last}" if last is not None else f"≥ {first}"


def heat_cells(scene: Scene) -> list[Cell]:
    """What was received in the period, by first-level category and `by`; then the categories that rose most."""
    grid: dict[tuple[str, str], list[Standing]] = defaultdict(list)
    for one in scene.opened_in_period():
        firm = scene.firms.get(one.enterprise) if one.enterprise is not None else None
        place = getattr(firm, scene.by) if firm is not None else ""
        grid[one.category[:2], place[:1] if scene.by == "industry" else place].append(one)
    cells = []
    for (category, place), found in sorted(grid.items()):
        zh = scene.categories.get(category, category) or "未分类"
        shown = place or "未填"
        cells.append(
            counted(
                f"heat.{category}.{place}",
                f"{zh} × {shown}",
                f"{category or '-'} × {place or '-'}",
                found,
                row=zh,
                column=shown,
            )
        )
    return cells + rising_cells(scene)


def rising_cells(scene: Scene) -> list[Cell]:
    """Categories received more often in the last four weeks than in the four before, the steepest first."""
    last: dict[str, list[Standing]] = defaultdict(list)
    before: dict[str, int] = defaultdict(int)
    today = scene.day(scene.moment)
    for one in scene.standings:
        age = (today - scene.day(one.opened_at)).days
        if age < 28:
            last[one.category].append(one)
        elif age < 56:
            before[one.category] += 1
    rising = [(len(found) - before[code], code) for code, found in last.items() if len(found) > before[code]]
    cells = []
    for more, code in sorted(rising, key=lambda pair: (-pair[0], pair[1]))[:RISING_MAX]:
        zh = scene.categories.get(code, code) or "未分类"
        cells.append(
            counted(f"rising.{code}", f"{zh}:近四周多 {more} 件", f"{code or '-'}: {more} more than in the four weeks before",
                    last[code], row=zh, column="近四周")
        )  # fmt: skip
    return cells


def source_cells(scene: Scene) -> list[Cell]:
    found: dict[str, list[Standing]] = defaultdict(list)
    for one in scene.opened_in_period():
        found[one.origin].append(one)
    return [
        counted(f"source.{origin}", scene.sources.get(origin, origin) or "未填", origin or "-", issues)
        for origin, issues in sorted(found.items())
    ]


def late_cells(scene: Scene) -> list[Cell]:
    """Received in the period, from records that came a day or more after the talk. The clocks run from the arrival."""
    found: dict[int, list[Standing]] = defaultdict(list)
    for one in scene.opened_in_period():
        days = scene.late.get(one.id, 0)
        if days > 0:
            found[_band(LATE_BANDS, days)].append(one)
    return [
        counted(f"late.{first}", f"迟同步 {_named(first, last)} 天", f"{_named(first, last)} days late", found[first])
        for first, last in LATE_BANDS
    ]
