"""Printing a board, today's or that of any past moment, and opening any of its cells. Nothing is stored: asking again gives the same."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, time, timedelta
from urllib.parse import quote
from uuid import UUID

from msgspec import Struct

from server.boards.figures import cells
from server.boards.figures.cells import Cell, Scene
from server.boards.figures.firms import firm_cells
from server.boards.figures.fold import Standing
from server.boards.figures.past import READ, standings
from server.boards.figures.units import unit_cells
from server.boards.reading import asked_of, contacts_of, firms_of, late_of, names_of, visits_of
from server.issues.states import STATES
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.reports.actions import SOURCES
from server.settings import settings
from server.worktime.actions import calendar_of

PERIOD_DAYS = {"flow": 83, "heat": 89, "source": 89, "late": 29, "units": 29}
"""How far back from its day a board looks when nobody says."""
PERIOD_DAYS_MAX = 400
BY = ("region", "industry", "tier")
CASES_MAX = 200
"""Cases of a cell shown at once."""
BOARDS: dict[str, tuple[str, str]] = {
    "today": ("今日", "today"),
    "flow": ("每周进出", "received and closed per week"),
    "age": ("在办时长", "open by age"),
    "units": ("各单位", "by unit"),
    "heat": ("类别热力", "categories by place"),
    "source": ("来源", "by source"),
    "enterprises": ("企业", "enterprises"),
    "late": ("迟同步", "late syncs"),
}


class Asked(Struct, frozen=True, kw_only=True):
    """`as_of` is a moment; none is now. `first` and `last` bound the period, both included; `last` is the day of `as_of` when
    left out."""

    as_of: datetime | None = None
    first: date | None = None
    last: date | None = None
    by: str = "region"


class CellOut(Struct, frozen=True, kw_only=True):
    key: str
    row: str
    column: str
    zh: str
    en: str
    n: int
    value: float | None
    """The rate, from 0 to 1; null where the cell is none, or where n < 5 or the neighbours would tell too much."""
    is_rate: bool
    kind: str
    """issue or enterprise: what the list behind it is of."""
    opens: str
    """The address of the list of its cases, as they stood then."""


class Board(Struct, frozen=True, kw_only=True):
    name: str
    zh: str
    en: str
    as_of: datetime
    first: date
    last: date
    by: str
    cells: list[CellOut]


class CaseOut(Struct, frozen=True, kw_only=True):
    """As it stood then. `issue` opens it as it is now."""

    id: UUID
    kind: str
    number: str
    title: str
    state: str
    state_zh: str
    lead: str
    category: str
    light: str
    opened_at: datetime | None
    closed_at: datetime | None


class Cases(Struct, frozen=True, kw_only=True):
    cell: CellOut
    items: list[CaseOut]
    next: int | None
    """Give it back as `offset` for the rest; null at the end."""


async def show_board(actor: Actor, name: str, asked: Asked) -> Board:
    """Raises `board.unknown`, `board.period`, `board.by`."""
    scene, found = await _print(actor, name, asked)
    return Board(
        name=name, zh=BOARDS[name][0], en=BOARDS[name][1], as_of=scene.moment, first=scene.first, last=scene.last, by=scene.by,
        cells=[_out(name, scene, cell) for cell in found],
    )  # fmt: skip


async def list_cases(actor: Actor, name: str, key: str, asked: Asked, *, offset: int = 0, limit: int = 50) -> Cases:
    """The cases one cell counts; one that counts twice is there twice. Raises `board.cell` besides what `show_board` does."""
    scene, found = await _print(actor, name, asked)
    cell = next((one for one in found if one.key == key), None)
    if cell is None:
        raise refusal("board.cell", board=name, cell=key[:100])
    offset, limit = max(0, offset), max(1, min(limit, CASES_MAX))
    ids = cell.cases[offset : offset + limit]
    known = {one.id: one for one in scene.standings}
    shown = [_firm(scene, id) if cell.kind == "enterprise" else _issue(scene, known[id]) for id in ids]
    more = offset + limit
    return Cases(cell=_out(name, scene, cell), items=shown, next=more if more < cell.n else None)


async def write_board(actor: Actor, name: str, asked: Asked) -> str:
    """The board as CSV. No cell begins with what a spreadsheet would take for a formula."""
    board = await show_board(actor, name, asked)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["行", "列", "数", "比率", "说明", "截至", "清单"])
    for cell in board.cells:
        value = "" if cell.value is None else f"{cell.value:.3f}"
        texts = [cell.row, cell.column, cell.n, value, cell.zh, board.as_of.isoformat(), cell.opens]
        writer.writerow([harmless(text) if isinstance(text, str) else text for text in texts])
    return file.getvalue()


def harmless(text: str) -> str:
    """Text that a spreadsheet leaves alone."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


async def _print(actor: Actor, name: str, asked: Asked) -> tuple[Scene, list[Cell]]:
    actor.must(READ)
    if name not in BOARDS:
        raise refusal("board.unknown", board=name[:100], boards=", ".join(BOARDS))
    if asked.by not in BY:
        raise refusal("board.by", by=asked.by[:100], known=", ".join(BY))
    scene = await _scene(actor, name, asked)
    if name == "units":
        return scene, unit_cells(scene, await asked_of(actor.bureau, scene))
    if name == "enterprises":
        contacted, visits = await contacts_of(actor.bureau, scene), await visits_of(actor.bureau, scene)
        return scene, firm_cells(scene, contacted, visits)
    plain = {
        "today": cells.today_cells, "flow": cells.flow_cells, "age": cells.age_cells, "heat": cells.heat_cells,
        "source": cells.source_cells, "late": cells.late_cells,
    }  # fmt: skip
    return scene, plain[name](scene)


async def _scene(actor: Actor, name: str, asked: Asked) -> Scene:
    moment = _moment(asked)
    day = moment.astimezone(settings.timezone).date()
    last = asked.last or day
    first = asked.first or last - timedelta(days=PERIOD_DAYS.get(name, 0))
    if not timedelta(0) <= last - first <= timedelta(days=PERIOD_DAYS_MAX) or first.year < 2000:
        raise refusal("board.period", first=first, last=last, limit=PERIOD_DAYS_MAX)
    units, categories = await names_of(actor.bureau)
    is_now = asked.as_of is None and name != "units"
    found = await standings(actor, moment, _since(name, first, day), is_now=is_now)
    scene = Scene(
        moment=moment, zone=settings.timezone, calendar=await calendar_of(actor.bureau, moment), first=first, last=last,
        standings=found, units=units, categories=categories, sources={code: zh for code, (zh, _) in SOURCES.items()}, by=asked.by,
    )  # fmt: skip
    if name in ("heat", "enterprises"):
        scene.firms = await firms_of(actor, scene)
    if name == "late":
        scene.late = await late_of(actor.bureau, scene)
    return scene


def _moment(asked: Asked) -> datetime:
    present = now()
    if asked.as_of is None:
        return present
    if asked.as_of.tzinfo is None or asked.as_of.year < 2000 or asked.as_of > present:
        raise refusal("board.moment", as_of=asked.as_of.isoformat())
    return asked.as_of.astimezone(present.tzinfo)


def _since(name: str, first: date, day: date) -> datetime:
    """From when on issues out of the queue matter: of the weeks that the period begins in, and of the two times four weeks
    that `rising_cells` compares."""
    if name in ("flow", "heat"):
        first = min(first, day - timedelta(days=56)) - timedelta(days=7)
    return datetime.combine(first, time(), settings.timezone)


def _out(name: str, scene: Scene, cell: Cell) -> CellOut:
    query = (
        f"as_of={scene.moment.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}&first={scene.first}&last={scene.last}&by={scene.by}"
    )
    return CellOut(
        key=cell.key, row=cell.row, column=cell.column, zh=cell.zh, en=cell.en, n=cell.n, value=cell.value,
        is_rate=cell.is_rate, kind=cell.kind, opens=f"/v1/boards/{name}/cases?cell={quote(cell.key)}&{query}",
    )  # fmt: skip


def _issue(scene: Scene, one: Standing) -> CaseOut:
    return CaseOut(
        id=one.id, kind="issue", number=one.number, title=one.title, state=one.state, state_zh=STATES[one.state].zh,
        lead=scene.units[one.lead][0] if one.lead in scene.units else "", category=one.category, light=one.light,
        opened_at=one.opened_at, closed_at=one.closed_at,
    )  # fmt: skip


def _firm(scene: Scene, id: UUID) -> CaseOut:
    return CaseOut(
        id=id, kind="enterprise", number="", title=scene.firms[id].name, state="", state_zh="", lead="", category="", light="",
        opened_at=None, closed_at=None,
    )  # fmt: skip
