"""Small workbooks for tests, written as the rows a person would type."""

import io
from typing import Any

from openpyxl import Workbook

HEADER = ("type", "name", "label", "required", "constraint")
PULSE: list[tuple[Any, ...]] = [
    ("text", "remark", "备注", "", ""),
    ("integer", "staff", "在岗人数", "", ". >= 0"),
    ("select_one trends", "trend", "经营趋势", "", ""),
]
TRENDS = [("list_name", "name", "label"), ("trends", "up", "向好"), ("trends", "down", "转差")]


def workbook(
    survey: list[tuple[Any, ...]],
    *,
    form_id: str = "pulse",
    title: str = "企业冷暖",
    version: str = "1",
    header: tuple[str, ...] = HEADER,
    choices: list[tuple[Any, ...]] = TRENDS,
    **sheets: list[tuple[Any, ...]],
) -> bytes:
    """The bytes of an XLSForm workbook; further sheets by name."""
    settings = [("form_id", "form_title", "version"), (form_id, title, version)]
    book = Workbook()
    book.remove(book.active)
    for name, rows in {"survey": [header, *survey], "choices": choices, "settings": settings, **sheets}.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
