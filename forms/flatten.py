"""Answers as flat tables: one for the records and one for each repeat, named and linked as ODK Central's CSV files are.

Columns are `group-question`, a geopoint gives four of them, a repeat's table carries `PARENT_KEY` and `KEY`. Values stay
numbers or text, so that a writer of CSV or XLSX decides about spelling (and about escaping formulas).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from forms.definition import Form, Item, Question, Repeat, Texts

KEY, PARENT_KEY = "KEY", "PARENT_KEY"
Cell = str | int | float | None
_WITHOUT_ANSWER = frozenset({"note", "csv-external", "xml-external"})
_GEOPOINT_PARTS = ("Latitude", "Longitude", "Altitude", "Accuracy")


class Column(Struct, frozen=True, kw_only=True, omit_defaults=True):
    header: str
    path: tuple[str, ...]
    """From the row of its table to the answer."""
    type: str
    part: int | None = None
    """Which of a geopoint's four numbers."""
    choice: str | None = None
    """In a split `select_multiple`: the choice that this column is 1 or 0 for."""
    label: Texts = {}
    unit: str | None = None
    pii: str = "none"
    secret: str = "none"  # noqa: S105 (a mark, no password)


class Table(Struct, frozen=True, kw_only=True):
    name: str
    """The form's id, or that and the repeat's path joined by `-`."""
    repeat: tuple[str, ...]
    """Path of the repeat from the root; () for the records themselves."""
    columns: tuple[Column, ...]

    @property
    def headers(self) -> tuple[str, ...]:
        return (*(column.header for column in self.columns), *((PARENT_KEY,) if self.repeat else ()), KEY)


def columns(form: Form, *, split: bool = False) -> tuple[Table, ...]:
    """The tables of a form, the records' own first. `split` adds a 1/0 column per choice of every `select_multiple`."""
    found: list[Table] = []
    _add_table(form, form.id, (), form.children, split, found)
    return tuple(found)


def _add_table(
    form: Form, name: str, repeat: tuple[str, ...], items: tuple[Item, ...], split: bool, found: list[Table]
) -> None:
    at = len(found)
    found.append(Table(name=name, repeat=repeat, columns=()))
    made: list[Column] = []
    for item in _of_one_row(items):
        if isinstance(item, Repeat):
            inner = "-".join((form.id, *item.path))
            _add_table(form, inner, item.path, item.children, split, found)
        elif item.type not in _WITHOUT_ANSWER:
            made += _columns_of(form, item, item.path[len(repeat) :], split)
    found[at] = Table(name=name, repeat=repeat, columns=tuple(made))


def _of_one_row(items: tuple[Item, ...]) -> Iterator[Question | Repeat]:
    for item in items:
        if isinstance(item, Question | Repeat):
            yield item
        else:
            yield from _of_one_row(item.children)


def _columns_of(form: Form, question: Question, path: tuple[str, ...], split: bool) -> Iterator[Column]:
    header = question.export_name or "-".join(path)
    about: dict[str, Any] = {
        "path": path,
        "type": question.type,
        "label": question.label,
        "unit": question.unit,
        "pii": question.pii,
        "secret": question.secret,
    }
    if question.type in ("geopoint", "start-geopoint", "background-geopoint"):
        for part, name in enumerate(_GEOPOINT_PARTS):
            yield Column(header=f"{header}-{name}", part=part, **about)
        return
    yield Column(header=header, **about)
    choices = form.lists.get(question.list_name or "")
    if split and question.type == "select_multiple" and choices:
        for choice in choices.choices:
            yield Column(header=f"{header}/{choice.name}", choice=choice.name, **about)


def rows(tables: tuple[Table, ...], record_id: str, answers: Mapping[str, Any]) -> dict[str, list[list[Cell]]]:
    """Table → its rows for one record, in the order of `Table.headers`. The records' table always has one."""
    found: dict[str, list[list[Cell]]] = {table.name: [] for table in tables}
    by_repeat = {table.repeat: table for table in tables}
    _add_rows(by_repeat, (), record_id, None, answers, found)
    return found


def _add_rows(
    tables: dict[tuple[str, ...], Table],
    repeat: tuple[str, ...],
    key: str,
    parent: str | None,
    answers: Mapping[str, Any],
    found: dict[str, list[list[Cell]]],
) -> None:
    table = tables[repeat]
    cells = [_cell(column, answers) for column in table.columns]
    found[table.name].append([*cells, parent, key] if parent is not None else [*cells, key])
    for inner in tables:
        if len(inner) <= len(repeat) or inner[: len(repeat)] != repeat or _nearest(tables, inner) != repeat:
            continue
        inside = _at(answers, inner[len(repeat) :])
        for number, row in enumerate(inside if isinstance(inside, list) else (), start=1):
            if isinstance(row, Mapping):
                row_key = f"{key}/{'/'.join(inner[len(repeat) :])}[{number}]"
                _add_rows(tables, inner, row_key, key, row, found)


def _nearest(tables: dict[tuple[str, ...], Table], inner: tuple[str, ...]) -> tuple[str, ...]:
    return max((other for other in tables if other != inner and inner[: len(other)] == other), key=len)


def _at(answers: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = answers
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _cell(column: Column, answers: Mapping[str, Any]) -> Cell:
    value = _at(answers, column.path)
    if column.choice is not None:
        return (1 if column.choice in value else 0) if isinstance(value, list) else None
    if column.part is not None:
        return _part_of_place(value, column.part)
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _part_of_place(value: Any, part: int) -> Cell:
    """`28.68 115.9 40 8` → one of the four; a place that cannot be read stays whole in its first column."""
    numbers = str(value).split() if value else []
    try:
        return float(numbers[part]) if part < len(numbers) else None
    except ValueError:
        return str(value) if part == 0 else None
