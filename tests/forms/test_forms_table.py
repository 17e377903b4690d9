"""docs/forms.md has a row for every type, appearance, function and column, and each row is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyxform import aliases
from pyxform.question_type_dictionary import QUESTION_TYPE_DICT

from forms.analyse import MAX_ITEMS
from forms.functions import FUNCTIONS
from forms.survey.nesting import MAX_DEPTH
from forms.survey.vocabulary import KNOWN_APPEARANCES, REFUSED, SELECTS, TYPES
from forms.workbook.columns import KNOWN
from forms.workbook.door import MIB, USUAL

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "forms.md").read_text(encoding="utf-8")

REFERENCE_TYPES = """
    integer decimal range text select_one select_multiple select_one_from_file select_multiple_from_file rank
    note geopoint geotrace geoshape date time dateTime image audio background-audio video file barcode
    calculate acknowledge hidden xml-external csv-external start end today deviceid phonenumber username email
    audit start-geopoint background-geopoint begin_group end_group begin_repeat end_repeat or_other
    select_one_external osm
"""
"""Question types, metadata and controls of the XLSForm reference and of the ODK documentation, November 2026."""
REFERENCE_APPEARANCES = """
    multiline minimal quick no-calendar month-year year horizontal-compact horizontal likert compact
    quickcompact field-list label list-nolabel list table-list signature draw annotate new new-front selfie
    numbers url masked ex: thousands-sep bearing counter printer: autocomplete columns columns-pack columns-n
    no-buttons image-map map placement-map maps hide-input streets vertical no-ticks picker rating ethiopian
    coptic islamic bikram-sambat myanmar persian buddhist w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 hidden-answer
    search()
"""
REFERENCE_FUNCTIONS = """
    if position once selected selected-at count-selected jr:choice-name indexed-repeat count count-non-empty
    sum max min pulldata instance current regex contains starts-with ends-with substr substring-before
    substring-after translate string-length normalize-space concat join boolean-from-string string digest
    base64-decode extract-signed round int number pow log log10 abs sin cos tan asin acos atan atan2 sqrt exp
    exp10 pi random randomize uuid today now date date-time decimal-date-time decimal-time format-date
    format-date-time area enclosed-area distance geofence intersects true false boolean not coalesce checklist
    weighted-checklist property version
"""
"""Functions of the ODK "Form operators and functions" page and of the ODK XForms specification."""


class Row:
    def __init__(self, cells: list[str]) -> None:
        self.names = re.findall(r"`([^`]+)`", " ".join(cells[:-2]))
        self.name = self.names[0]
        self.supported = "supported" in cells[-2]
        self.refused = "refused" in cells[-2]
        self.said = cells[-1]

    def __repr__(self) -> str:
        return self.name


def rows_below(heading: str) -> list[Row]:
    part = PAGE.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [Row([cell.strip() for cell in line.strip("|").split(" | ")]) for line in lines]


TYPE_ROWS = rows_below("Question types")
APPEARANCE_ROWS = rows_below("Appearances")
FUNCTION_ROWS = rows_below("Functions")
COLUMN_ROWS = rows_below("Columns")
ALL_ROWS = [*TYPE_ROWS, *APPEARANCE_ROWS, *FUNCTION_ROWS, *COLUMN_ROWS]


def names(rows: list[Row]) -> set[str]:
    return {name for row in rows for name in row.names}


def test_every_question_type_has_a_row() -> None:
    listed = names(TYPE_ROWS)
    ours = {
        name.strip() for others in (*TYPES.items(), *SELECTS.items()) for part in others for name in part.split(";")
    }
    controls = {f"{side}_{kind}" for side in ("begin", "end") for kind in aliases.control}
    pyxforms = {*QUESTION_TYPE_DICT, *aliases.select, *aliases.cascading, *aliases._type_alias_map, *aliases.osm}
    assert sorted({*ours, *REFUSED, *controls, *pyxforms, *REFERENCE_TYPES.split()} - listed - {""}) == []


def test_every_appearance_has_a_row() -> None:
    assert sorted({*KNOWN_APPEARANCES, *REFERENCE_APPEARANCES.split()} - names(APPEARANCE_ROWS)) == []


def test_every_function_has_a_row() -> None:
    assert sorted({f"{name}()" for name in (*FUNCTIONS, *REFERENCE_FUNCTIONS.split())} - names(FUNCTION_ROWS)) == []
    for row in FUNCTION_ROWS:
        assert row.refused is (FUNCTIONS[row.name.removesuffix("()")].refused is not None), row.name


def test_every_column_has_a_row() -> None:
    listed = {name.lower() for name in names(COLUMN_ROWS)}
    wanted = {header for sheet in KNOWN.values() for header in sheet if not header.startswith("qf::")}
    assert sorted(wanted - listed) == []
    own = {header for sheet in KNOWN.values() for header in sheet if header.startswith("qf::")}
    numbered = {header for header in own if re.search(r"\d", header)}
    assert [header for header in sorted(own - numbered) if f"`{header}`" not in PAGE] == []


def test_no_row_is_there_twice() -> None:
    for rows in (TYPE_ROWS, APPEARANCE_ROWS, FUNCTION_ROWS):
        assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("row", [row for row in ALL_ROWS if row.supported], ids=str)
def test_what_is_supported_names_a_test_that_is_there(row: Row) -> None:
    match = re.fullmatch(r"`(test_\w+\.py)::(test_\w+)`", row.said)
    assert match is not None
    source = (Path(__file__).parent / match[1]).read_text(encoding="utf-8")
    assert f"def {match[2]}(" in source


@pytest.mark.parametrize("row", [row for row in ALL_ROWS if not row.supported], ids=str)
def test_what_is_refused_says_what_the_author_will_read(row: Row) -> None:
    assert row.refused
    assert " / " in row.said
    if row.name in REFUSED:
        assert all(part in row.said for part in REFUSED[row.name])
    function = FUNCTIONS.get(row.name.removesuffix("()"))
    if row in FUNCTION_ROWS:
        assert function is not None
        assert function.refused is not None
        assert all(part in row.said for part in (function.refused.zh, function.refused.en, function.refused.instead))


def test_the_page_names_the_limits_that_hold() -> None:
    told = [
        f"{USUAL.file_bytes // MIB} MiB",
        f"{USUAL.rows:,} rows",
        f"{USUAL.columns} columns",
        f"{USUAL.cells:,} filled cells",
        f"{MAX_DEPTH} levels of groups",
        f"{MAX_ITEMS:,} questions",
        f"{USUAL.seconds:g} seconds",
        f"{USUAL.memory_mib} MiB",
    ]
    assert [limit for limit in told if limit not in PAGE] == []
