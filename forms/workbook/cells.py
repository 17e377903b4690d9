"""Sheets as text: every filled cell of the sheets that make a form, under its header, with the row a spreadsheet shows.

Runs in the converting process. We read the cells once, ourselves, and hand pyxform the same text, so that its verdict
and our definition speak of one workbook.
"""

from __future__ import annotations

import datetime
import re
import zipfile
import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from msgspec import Struct, field
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from forms.complaint import Complaint
from forms.definition import Source
from forms.workbook.door import Limits, of_file

SHEETS = ("survey", "choices", "settings", "external_choices", "entities")
EMPTY_ROWS = 1_000
"""So many rows without content after the limit, and the rest of the sheet is taken for formatting."""
_SPACES = re.compile(r"\s+")
_ERRORS = {"#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#N/A", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}


class Row(Struct):
    number: int
    cells: dict[str, str]
    """Header as written → text of the cell, filled ones only."""


class Sheet(Struct):
    name: str
    """As the author spelled it."""
    headers: tuple[str, ...]
    """By column; an empty text where the first row is empty."""
    rows: list[Row]


class Workbook(Struct):
    names: tuple[str, ...]
    sheets: dict[str, Sheet] = field(default_factory=dict)


_DAMAGE = (
    *(InvalidFileException, zipfile.BadZipFile, zlib.error),
    SyntaxError,  # what both XML parsers openpyxl may use call their errors
    *(
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        OverflowError,
        EOFError,
        OSError,
        NotImplementedError,
    ),
)
"""How openpyxl fails on parts that are not what they should be; it reads sheets lazily, so anywhere."""


def read_workbook(content: bytes, limits: Limits) -> tuple[Workbook | None, list[Complaint]]:
    """The sheets and what is wrong with their cells; no workbook when it is too large or cannot be opened."""
    if hostile := _entities_declared(content):
        return None, [hostile]
    try:
        return _read_sheets(content, limits)
    except _DAMAGE as error:
        reason = type(error).__name__
        return None, [
            of_file(
                "workbook.damaged",
                f"工作簿内部有损坏，打不开（{reason}）",
                f"the workbook is damaged inside and cannot be opened ({reason})",
                "在 Excel 或 WPS 中重新保存后再传 / save it again in Excel or WPS and send it again",
            )
        ]


def _read_sheets(content: bytes, limits: Limits) -> tuple[Workbook | None, list[Complaint]]:
    book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    workbook = Workbook(names=tuple(book.sheetnames))
    complaints: list[Complaint] = []
    budget = limits.cells
    for name in book.sheetnames:
        key = name.strip().lower()
        if key not in SHEETS or not hasattr(book[name], "iter_rows"):
            continue
        reader = _SheetReader(book[name], limits, budget)
        workbook.sheets[key] = reader.read()
        budget -= reader.filled
        complaints += reader.complaints
        if reader.stopped:
            return None, complaints
    complaints += _merged_cells(book, content)
    broken = {(one.where.sheet, one.where.row, one.where.column) for one in complaints}
    for one in _formulas_without_values(content, workbook):
        if (one.where.sheet, one.where.row, one.where.column) not in broken:
            complaints.append(one)
    return workbook, complaints


def _entities_declared(content: bytes) -> Complaint | None:
    """XML that declares a document type: no spreadsheet program writes it, and entities are how XML becomes a bomb."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for part in archive.infolist():
            if not part.filename.endswith((".xml", ".rels", ".vml")):
                continue
            try:
                data = archive.read(part)
            except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError):
                return of_file(
                    "workbook.damaged",
                    f"工作簿的 {part.filename} 部分已损坏",
                    f"the part {part.filename} of the workbook is damaged",
                    "在 Excel 或 WPS 中重新保存后再传 / save it again in Excel or WPS and send it again",
                )
            if any("<!DOCTYPE".encode(encoding) in data for encoding in ("ascii", "utf-16-le", "utf-16-be")):
                return of_file(
                    "workbook.hostile",
                    f"工作簿的 {part.filename} 声明了 XML 文档类型，拒绝读取",
                    f"the part {part.filename} declares an XML document type; it is not read",
                    "在 Excel 或 WPS 中重新保存 / save it again in Excel or WPS",
                )
    return None


class _SheetReader:
    """One sheet. `stopped` when a limit was reached: then nothing of the workbook is used."""

    def __init__(self, worksheet: Any, limits: Limits, budget: int) -> None:
        self.worksheet = worksheet
        self.limits = limits
        self.budget = budget
        self.filled = 0
        self.stopped = False
        self.complaints: list[Complaint] = []

    def read(self) -> Sheet:
        self.worksheet.reset_dimensions()  # a wrong <dimension> would silently cut the sheet
        rows = enumerate(self.worksheet.iter_rows(), start=1)
        headers = self._headers(next(rows, (1, ()))[1])
        sheet = Sheet(name=self.worksheet.title, headers=tuple(headers), rows=[])
        for number, cells in rows:
            if self.stopped or number > self.limits.rows + EMPTY_ROWS:
                break
            if row := self._row(number, cells, headers):
                sheet.rows.append(row)
        return sheet

    def _headers(self, cells: Iterable[Any]) -> list[str]:
        headers: list[str] = []
        for index, cell in enumerate(cells):
            text = _SPACES.sub(" ", cell_text(cell.value))
            if index >= self.limits.columns:
                if text:
                    self._stop(1, f"列数超过 {self.limits.columns}", f"more than {self.limits.columns} columns")
                    break
                continue
            if text and text in headers:
                self._complain(
                    "workbook.column_twice", 1, text, f"“{text}”列出现两次", f"the column “{text}” is there twice"
                )
                text = ""
            headers.append(text)
        return headers

    def _row(self, number: int, cells: Iterable[Any], headers: list[str]) -> Row | None:
        found: dict[str, str] = {}
        for index, cell in enumerate(cells):
            value = cell.value
            if value is None or not (text := cell_text(value)):
                continue
            self.filled += 1
            if number > self.limits.rows:
                self._stop(number, f"行数超过 {self.limits.rows}", f"more than {self.limits.rows} rows")
                return None
            if self.filled > self.budget:
                self._stop(
                    number, f"填写的单元格超过 {self.limits.cells} 个", f"more than {self.limits.cells} filled cells"
                )
                return None
            header = headers[index] if index < len(headers) else ""
            if cell.data_type == "e" or text in _ERRORS:
                self._complain(
                    "workbook.formula_error",
                    number,
                    header or get_column_letter(index + 1),
                    f"单元格是公式错误 {text}",
                    f"the cell holds the formula error {text}",
                    "改正公式，或直接写文本 / mend the formula or write the text itself",
                )
            elif header:
                found[header] = text
        return Row(number=number, cells=found) if found else None

    def _complain(self, code: str, row: int, column: str, zh: str, en: str, instead: str = "") -> None:
        where = Source(sheet=self.worksheet.title, row=row, column=column)
        self.complaints.append(Complaint(code=code, where=where, zh=zh, en=en, instead=instead))

    def _stop(self, row: int, zh: str, en: str) -> None:
        self.stopped = True
        instead = "删除多余行列；大的选项清单放进 CSV / delete what is not needed; put long lists into a CSV"
        self._complain("workbook.too_large", row, "", zh, en, instead)


def cell_text(value: object) -> str:
    """What the author sees: whole numbers without a point, dates in ISO 8601, no-break spaces as spaces."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time.min else value.isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value).replace("\u00a0", " ").strip()


_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+\d+:[A-Z]+\d+)"')


def _merged_cells(book: Any, content: bytes) -> list[Complaint]:
    """Merged cells keep their text in the first cell only: the author sees it in every row, we would not."""
    found: list[Complaint] = []
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for worksheet in book.worksheets:
            if worksheet.title.strip().lower() not in SHEETS:
                continue
            # openpyxl does not read merged ranges in its streaming mode, but knows where the sheet lies.
            for reference in _MERGED.findall(archive.read(worksheet._worksheet_path)):
                area = reference.decode()
                column, row, _, _ = range_boundaries(area)
                found.append(
                    Complaint(
                        code="workbook.merged_cells",
                        where=Source(sheet=worksheet.title, row=int(row or 1), column=get_column_letter(column or 1)),
                        zh=f"{area} 是合并单元格，只有第一格有内容",
                        en=f"{area} is merged: only its first cell holds the text",
                        instead="取消合并，每格写全 / unmerge the cells and fill in each",
                    )
                )
    return found


def _formulas_without_values(content: bytes, workbook: Workbook) -> list[Complaint]:
    """Formulas that no program has computed yet (a script wrote the file): their cells would look empty."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        if not any(re.search(rb"<(?:\w+:)?f[\s>/]", archive.read(name)) for name in sheets):
            return []
    found: list[Complaint] = []
    book = load_workbook(BytesIO(content), read_only=True, data_only=False, keep_links=False)
    for sheet in workbook.sheets.values():
        filled = {row.number: row.cells for row in sheet.rows}
        worksheet = book[sheet.name]
        worksheet.reset_dimensions()
        for number, cells in enumerate(worksheet.iter_rows(), start=1):
            for index, cell in enumerate(cells):
                if cell.data_type != "f":
                    continue
                header = sheet.headers[index] if index < len(sheet.headers) else ""
                if header and header not in filled.get(number, {}) and number > 1:
                    found.append(_without_value(sheet.name, number, header))
    return found


def _without_value(sheet: str, row: int, column: str) -> Complaint:
    return Complaint(
        code="workbook.formula_without_value",
        where=Source(sheet=sheet, row=row, column=column),
        zh="公式还没有计算结果",
        en="the formula has no computed value yet",
        instead="在 Excel 或 WPS 中打开并保存，或直接写文本 / open and save it in Excel or WPS, or write the text itself",
    )
