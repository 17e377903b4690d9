"""Letters as .docx: the shipped templates, an office's own, and filling either. Pure: bytes in, bytes out.

A template names its fields as `{{ number }}` and knows nothing else: what could compute is refused when it comes in, and the
values are text, whatever stands in them.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt
from docxtpl import DocxTemplate, Listing
from jinja2.sandbox import SandboxedEnvironment
from msgspec import Struct

SEED = Path(__file__).parent / "seed" / "letters.csv"
BODY_FONT, TITLE_FONT = "仿宋", "宋体"
TEMPLATE_BYTES_MAX = 1 << 20
UNPACKED_BYTES_MAX = 16 << 20
PARTS_MAX = 200
_FIELD = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"\s*([a-z_]+)\s*\Z")
_UNPRINTABLE = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Kind(Struct, frozen=True):
    zh: str
    title: str
    rows: tuple[tuple[str, str], ...]
    """Label and field."""


@cache
def kinds() -> dict[str, Kind]:
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["kind"]: Kind(
            row["zh"], row["title"], tuple((one["label"], one["field"]) for one in rows if one["kind"] == row["kind"])
        )
        for row in rows
    }


@cache
def fields() -> frozenset[str]:
    """Every field a template may name."""
    return frozenset(
        {field for kind in kinds().values() for _, field in kind.rows} | {"letter_number", "bureau", "today"}
    )


class Unusable(Exception):
    """Why a template cannot be used, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@cache
def shipped(kind: str) -> bytes:
    """The template that ships: a title, the number, a table of labels and fields, who wrote it and when."""
    told = kinds()[kind]
    document: Any = Document()
    _font(document.styles["Normal"], BODY_FONT, 14)
    _line(document, told.title, TITLE_FONT, 22, WD_ALIGN_PARAGRAPH.CENTER)
    _line(document, "{{ letter_number }}", BODY_FONT, 14, WD_ALIGN_PARAGRAPH.CENTER)
    table = document.add_table(rows=0, cols=2, style="Table Grid")
    for label, field in told.rows:
        cells = table.add_row().cells
        cells[0].text, cells[1].text = label, f"{{{{ {field} }}}}"
    for text in ("{{ bureau }}", "{{ today }}"):
        _line(document, text, BODY_FONT, 14, WD_ALIGN_PARAGRAPH.RIGHT)
    return _bytes(document)


def _line(document: Any, text: str, font: str, points: int, alignment: Any) -> None:
    paragraph = document.add_paragraph()
    paragraph.alignment = alignment
    _font(paragraph.add_run(text), font, points)


def _font(styled: Any, name: str, points: int) -> None:
    styled.font.name, styled.font.size = name, Pt(points)
    styled.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), name)


def check_template(content: bytes) -> None:
    """Raises `Unusable` for what is no Word document, reaches outside, carries macros or computes."""
    if len(content) > TEMPLATE_BYTES_MAX:
        raise Unusable(f"超过 {TEMPLATE_BYTES_MAX} 字节", f"more than {TEMPLATE_BYTES_MAX} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
                raise Unusable("解压后过大", "too large once unpacked")
            for part in parts:
                text = archive.read(part)
                if "vba" in part.filename.lower() or (part.filename.endswith(".rels") and b'"External"' in text):
                    raise Unusable("含有宏或外部链接", "it has macros or links to the outside")
                if part.filename.endswith((".xml", ".rels")) and b"<!DOCTYPE" in text:
                    raise Unusable("XML 含有 DTD", "its XML has a DTD")
        template = DocxTemplate(io.BytesIO(content))
        template.init_docx()
        texts = [template.patch_xml(template.get_xml())]
        texts += [
            template.patch_xml(part.blob.decode("utf-8", "replace"))
            for relation in template.docx.part.rels.values()
            if relation.reltype.endswith(("/header", "/footer", "/footnotes"))
            for part in (relation.target_part,)
        ]
    except Unusable:
        raise
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        AttributeError,
        NotImplementedError,
        RuntimeError,
        OSError,
    ) as error:
        raise Unusable("不是 Word 文档(.docx)", f"it is no Word document (.docx): {type(error).__name__}") from None
    _check_fields("".join(texts))


def _check_fields(text: str) -> None:
    if "{%" in text or "{#" in text:
        raise Unusable("只能写 {{ 字段 }},不能写 {% %}", "it may name fields, not compute: {% %}")
    for found in _FIELD.findall(text):
        name = _NAME.match(re.sub(r"<[^>]*>", "", found))
        if name is None or name[1] not in fields():
            known = ", ".join(sorted(fields()))
            raise Unusable(
                f"没有字段 {found.strip()[:50]};可用:{known}", f"no field {found.strip()[:50]}; known: {known}"
            )


def fill(content: bytes, values: Mapping[str, str]) -> bytes:
    """The template with its fields filled. What is not known stays empty; no value is ever read as markup or as a field."""
    template = DocxTemplate(io.BytesIO(content))
    clean = {name: Listing(_UNPRINTABLE.sub("", values.get(name, ""))) for name in fields()}
    template.render(clean, jinja_env=SandboxedEnvironment(autoescape=True), autoescape=True)
    return _bytes(template)


def _bytes(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()
