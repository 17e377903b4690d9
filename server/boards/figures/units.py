"""The board by unit, pure: what each has in hand, what it asked for, and its rates by the formulas of `server.rates`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from server.boards.figures.cells import Cell, Scene
from server.boards.figures.fold import ASKED, EXTENDED, GRANTED, REDONE, Standing
from server.rates.formulas import MEASURES, Case, Rate, answered, called_back, limited, table_of

COUNTS = {
    ASKED: ("申请退回", "returns asked for"),
    GRANTED: ("同意退回", "returns granted"),
    EXTENDED: ("批准延期", "extensions granted"),
    REDONE: ("退回重办", "redone"),
}
NO_UNIT = "-"
LEFT_OUT = {
    "REFUSED": "refused", "WITHDRAWN": "withdrawn", "MERGED": "merged", "TRANSFERRED_UP": "transferred",
}  # fmt: skip
_SILENT = {"reached": "", "refused": "declined"}
LIMITED = (("response", "first_contact"), ("on_time", "solve"), ("on_time_unextended", "solve"))


class Asked(Struct, frozen=True, kw_only=True):
    """A concluded call-back of one reporter, or one that is waited for (`reached` is empty). `due_on` is the last day it was to
    be made on."""

    issue: UUID
    at: datetime
    due_on: date
    reached: str
    solved: str
    satisfied: str


class Counted(Struct, frozen=True):
    """A case of a rate, and the issue it is about."""

    case: Case
    id: UUID


def unit_cells(scene: Scene, asked: list[Asked]) -> list[Cell]:
    cases = [*_dated(scene), *_answers(scene, asked)]
    table = table_of([one.case for one in cases], scene.first, scene.last)
    hand = _by_unit(scene, scene.open)
    marks = _marks(scene)
    listed = _listed(scene, cases)
    cells = []
    for code, name in _named(scene, {*hand, *(code for code, _ in marks), *table.parts}):
        cells.append(_count(f"{code}.in_hand", name, "在办", "in hand", hand.get(code, [])))
        for what, (zh, en) in COUNTS.items():
            cells.append(_count(f"{code}.{what}", name, zh, en, marks.get((code, what), [])))
        for measure, (zh, en) in MEASURES.items():
            rate = table.parts[code][measure] if code in table.parts else None
            cells.append(_rate(f"{code}.{measure}", name, zh, en, rate, listed.get((code, measure), [])))
    for measure, (zh, en) in MEASURES.items():
        all_cases = [one for (_, named), several in sorted(listed.items()) if named == measure for one in several]
        cells.append(_rate(f"all.{measure}", "合计", zh, en, table.whole[measure], all_cases))
    return cells


def _count(key: str, row: str, zh: str, en: str, cases: list[UUID]) -> Cell:
    return Cell(key=key, row=row, column=zh, zh=f"{row} {zh}", en=en, cases=cases)


def _rate(key: str, row: str, zh: str, en: str, rate: Rate | None, found: list[Counted]) -> Cell:
    return Cell(
        key=key, row=row, column=zh, zh=f"{row} {zh}", en=en, cases=[one.id for one in found],
        value=rate.value if rate is not None else None, is_rate=True,
    )  # fmt: skip


def _by_unit(scene: Scene, standings: list[Standing]) -> dict[str, list[UUID]]:
    found: dict[str, list[UUID]] = defaultdict(list)
    for one in standings:
        found[_code(scene, one.lead)].append(one.id)
    return found


def _marks(scene: Scene) -> dict[tuple[str, str], list[UUID]]:
    """By the unit that led then. What happened twice to an issue is there twice."""
    found: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for one in scene.standings:
        for mark in one.marks:
            if scene.first <= scene.day(mark.at) <= scene.last:
                found[_code(scene, mark.lead), mark.what].append(one.id)
    return found


def _dated(scene: Scene) -> Iterator[Counted]:
    for one in scene.standings:
        left_out = "excluded" if one.excluded else _left_out(one)
        by_clock = {due.clock: due for due in one.dues}
        for measure, clock in LIMITED:
            due = by_clock.get(clock)
            date = None if due is None else due.original_due if measure == "on_time_unextended" else due.due
            if due is not None and date is not None and due.due is not None:
                yield Counted(
                    limited(
                        measure, _code(scene, one.lead), date, due.ended_at, scene.moment, scene.zone,
                        left_out=left_out, words=one.exclusion,
                    ),
                    one.id,
                )  # fmt: skip


def _left_out(one: Standing) -> str:
    if one.state == "ON_SITE_CLOSED":
        return "on_site"
    return LEFT_OUT.get(one.state, "")


def _answers(scene: Scene, asked: list[Asked]) -> Iterator[Counted]:
    known = {one.id: one for one in scene.standings}
    for one in asked:
        standing = known.get(one.issue)
        if standing is None:
            continue
        group = _code(scene, standing.lead)
        excluded = "excluded" if standing.excluded else ""
        silent = _SILENT.get(one.reached, "unreachable")
        for case in (
            ()
            if not one.reached
            else answered(
                group,
                one.at,
                one.solved,
                one.satisfied,
                scene.zone,
                left_out=excluded or silent,
                words=standing.exclusion,
            )
        ):
            yield Counted(case, one.issue)
        case = called_back(
            group,
            one.due_on,
            one.reached == "reached",
            scene.day(scene.moment),
            left_out=excluded,
            words=standing.exclusion,
        )
        yield Counted(case, one.issue)


def _listed(scene: Scene, cases: list[Counted]) -> dict[tuple[str, str], list[Counted]]:
    """The cases that count, as `table_of` counts them."""
    found: dict[tuple[str, str], list[Counted]] = defaultdict(list)
    for one in cases:
        if scene.first <= one.case.day <= scene.last and not one.case.left_out:
            found[one.case.group, one.case.measure].append(one)
    return found


def _code(scene: Scene, unit: UUID | None) -> str:
    return scene.units[unit][0] if unit in scene.units else NO_UNIT


def _named(scene: Scene, codes: set[str]) -> list[tuple[str, str]]:
    names = dict(scene.units.values())
    return sorted((code, names.get(code, "未派单")) for code in codes)
