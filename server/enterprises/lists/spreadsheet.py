"""A list of enterprises as people keep it, CSV or XLSX, as header and numbered rows of text. Pure; knows no registry."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from forms.workbook.door import Limits, examine
from server.refusals import refusal

ENCODINGS = ("utf-8-sig", "gb18030")
"""Tried in this order: text that is not UTF-8 is hardly ever UTF-8 by chance. UTF-16 is told by its mark."""
DELIMITERS = (",", "\t", ";", ",", "|")
COLUMNS_MAX = 200
SEEN_COLUMNS_MAX = 1000
"""As far to the right as a workbook's row is looked at: what stands beyond `COLUMNS_MAX` is complained of, not passed over."""
WORKBOOK_ROWS_MAX = 1_048_576
"""Rows a spreadsheet program keeps; a row that says it stands further down is made to hurt."""
CELL_CHARACTERS_MAX = 20_000
NUMBER_DIGITS_MAX = 15
"""Spreadsheets keep 15 digits of a number; of a longer one the rest is lost."""
FORMULA_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!", "#CALC!"})
_WORKBOOK_LIMITS = Limits(uncompressed_bytes=256 * 1024 * 1024)
_QUOTED_FORMULA = re.compile(r'="(.*)"\Z')


class Sheet(Struct, frozen=True):
    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    """Line number as the file's own program shows it, and the cells; blank rows are left out."""
    encoding: str


def open_list(content: bytes, file_name: str, bytes_max: int) -> Sheet:
    """Raises `import.too_large`, `import.file`, `import.encoding`, `import.no_header`. Reading a row may raise `import.file`."""
    if len(content) > bytes_max:
        raise refusal("import.too_large", limit_bytes=bytes_max)
    if not content.strip():
        raise _unreadable("文件是空的", "the file is empty")
    is_text = not content.startswith((b"PK", b"\xd0\xcf\x11\xe0", b"%PDF"))
    if is_text and not _is_markup(content):
        return _open_text(content)
    limits = Limits(uncompressed_bytes=_WORKBOOK_LIMITS.uncompressed_bytes, file_bytes=bytes_max)
    if complaints := examine(content, file_name, limits):
        raise _unreadable(complaints[0].zh, complaints[0].en)
    return _open_workbook(content)


def _unreadable(zh: str, en: str, line: int = 0) -> Exception:
    return refusal("import.file", reason_zh=zh, reason=en, line=line or None)


def _is_markup(content: bytes) -> bool:
    """A web page saved as .xls: some systems export nothing better, and it would read as a CSV of one odd column."""
    return content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _decode(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates: tuple[str, ...] = ("utf-16",)
    else:
        candidates = ENCODINGS
    for encoding in candidates:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding.removesuffix("-sig")
    raise refusal("import.encoding")


def _open_text(content: bytes) -> Sheet:
    text, encoding = _decode(content)
    skipped = 0
    if text[:4].lower() == "sep=":
        first, _, text = text.partition("\n")
        delimiter, skipped = first[4:5] or ",", 1
    else:
        delimiter = _delimiter_of(text)
    rows = _text_rows(text, delimiter, skipped)
    _, header = next(rows, (0, []))
    return Sheet([cell.strip() for cell in header], rows, encoding)


def _delimiter_of(text: str) -> str:
    """What separates the names of the columns: the sign the first line has most of, outside quotes."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(DELIMITERS, key=lambda sign: (bare.count(sign), -DELIMITERS.index(sign)))


def _text_rows(text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(
                f"第 {line} 行的引号不成对或内容过长",
                f"quotes do not pair or a cell is too long from line {line} on: {error}",
                line,
            ) from None
        if any(cell.strip() for cell in cells):
            yield line, [_unquoted(cell) for cell in _within(cells, line)]


def _unquoted(cell: str) -> str:
    """`="0123"` is how people keep a spreadsheet from eating leading zeros."""
    found = _QUOTED_FORMULA.match(cell.strip()) if "=" in cell else None
    return found[1] if found else cell


def _within(cells: list[str], line: int) -> list[str]:
    if len(cells) > COLUMNS_MAX:
        raise _unreadable(
            f"第 {line} 行有 {len(cells)} 列,最多 {COLUMNS_MAX} 列",
            f"line {line} has {len(cells)} columns; the most is {COLUMNS_MAX}",
            line,
        )
    return cells


def _open_workbook(content: bytes) -> Sheet:
    """The first visible sheet. Values only: what a formula gave when the file was saved.

    SyntaxError is what both XML parsers openpyxl may use call their errors."""
    from openpyxl import load_workbook  # takes 0.1 s to load; most commands read no workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        _refuse_entities(content)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = next((one for one in book.worksheets if one.sheet_state == "visible"), None)
        if sheet is None:
            raise _unreadable("工作簿里没有可见的工作表", "the workbook has no visible sheet")
        sheet.reset_dimensions()
        rows = _workbook_rows(sheet)
        _, header = next(rows, (0, []))
    except (KeyError, ValueError, TypeError, OSError, SyntaxError, zipfile.BadZipFile, InvalidFileException) as error:
        raise _damaged(error) from None
    return Sheet([cell.strip() for cell in header], rows, "xlsx")


def _damaged(error: BaseException) -> Exception:
    return _unreadable(
        "工作簿已损坏,请在 Excel 或 WPS 中重新保存", f"the workbook is damaged, save it again in Excel or WPS ({error})"
    )


def _refuse_entities(content: bytes) -> None:
    """No part of a workbook has a document type; one that has is an attack on whoever parses it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part in archive.infolist():
            if part.filename.endswith((".xml", ".rels")):
                with archive.open(part) as opened:
                    head = opened.read(4096).replace(b"\0", b"").upper()
                if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                    raise _unreadable(
                        "工作簿含有不允许的 XML 声明", "the workbook contains XML declarations that are not allowed"
                    )


def _workbook_rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    try:
        for line, cells in enumerate(sheet.iter_rows(values_only=True, max_col=SEEN_COLUMNS_MAX), 1):
            if line > WORKBOOK_ROWS_MAX:
                zh = f"工作表超过 {WORKBOOK_ROWS_MAX} 行,请删去末尾的空行后重新保存"
                en = f"the sheet has more than {WORKBOOK_ROWS_MAX} rows; delete the empty ones at its end and save it again"
                raise _unreadable(zh, en)
            if cells.count(None) == len(cells):
                continue
            texts = [_text_of(cell) for cell in cells]
            while texts and not texts[-1].strip():
                texts.pop()
            if texts:
                yield line, _within(texts, line)
    except (KeyError, ValueError, TypeError, OSError, SyntaxError, zipfile.BadZipFile) as error:
        raise _damaged(error) from None


def _text_of(cell: Any) -> str:
    """A number of more digits than a spreadsheet keeps is written as it would show it, 9.13601E+17, so that it is named and not trusted."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell[:CELL_CHARACTERS_MAX]
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        if abs(cell) >= 10**NUMBER_DIGITS_MAX:
            return f"{cell:.5E}"
        return str(int(cell)) if cell == int(cell) else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if (cell.hour, cell.minute, cell.second) == (0, 0, 0) else cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
