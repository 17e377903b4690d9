"""What may enter: a file is looked at from outside, by its first bytes and its zip directory, before anything opens it."""

from __future__ import annotations

import zipfile
from io import BytesIO

from msgspec import Struct

from forms.complaint import Complaint
from forms.definition import Source

KIB, MIB = 1024, 1024 * 1024


class Limits(Struct, frozen=True, kw_only=True):
    """How much one workbook may cost us. The largest real form we know has 2,600 rows and 120 columns in 0.6 MB."""

    seconds: float = 30.0
    """Wall clock and processor time of the converting process, each."""
    memory_mib: int = 512
    """Address space of the converting process. Python with pyxform and openpyxl takes some 50 MiB before any work."""
    file_bytes: int = 10 * MIB
    uncompressed_bytes: int = 100 * MIB
    """All parts of the zip together; also the most that one part may say of itself."""
    ratio: int = 200
    """Uncompressed : compressed of a part over 1 MiB. Real sheets reach 30."""
    parts: int = 2_000
    rows: int = 10_000
    """Rows of one sheet, the header row too."""
    columns: int = 500
    cells: int = 500_000
    """Filled cells of the whole workbook."""


USUAL = Limits()
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_AS = "另存为 .xlsx / save as .xlsx"


def of_file(code: str, zh: str, en: str, instead: str = "") -> Complaint:
    """A complaint about the file as a whole: no sheet, row 0."""
    return Complaint(code=code, where=Source(sheet="", row=0), zh=zh, en=en, instead=instead)


def examine(content: bytes, file_name: str, limits: Limits) -> list[Complaint]:
    """Why this file is not a workbook we can open; empty when it may go on to the converter."""
    if not content:
        return [of_file("workbook.empty", "文件是空的", "the file is empty", _SAVE_AS)]
    if len(content) > limits.file_bytes:
        most = limits.file_bytes // MIB
        return [
            of_file(
                "workbook.too_large",
                f"文件有 {len(content) / MIB:.1f} MiB，最多 {most} MiB",
                f"the file has {len(content) / MIB:.1f} MiB; the most is {most} MiB",
                "把大的选项清单放进单独的 CSV，用 select_one_from_file / put long lists into a CSV: select_one_from_file",
            )
        ]
    if not content.startswith(b"PK\x03\x04"):
        return [_not_a_zip(content, file_name)]
    return _examine_zip(content, limits)


def _not_a_zip(content: bytes, file_name: str) -> Complaint:
    """Name what the file really is, since its ending may say otherwise."""
    if content.startswith(_COMPOUND_FILE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            return of_file(
                "workbook.encrypted",
                "工作簿有打开密码，无法读取",
                "the workbook is encrypted with a password",
                "去掉打开密码后另存为 .xlsx / remove the password and save as .xlsx",
            )
        return of_file(
            "workbook.old_format",
            "这是旧版 Excel 文件（.xls），只接受 .xlsx",
            "this is an old Excel file (.xls); only .xlsx is accepted",
            _SAVE_AS,
        )
    kind_zh, kind_en = _named_kind(content)
    return of_file(
        "workbook.wrong_type",
        f"“{file_name}”不是 .xlsx 工作簿，而是{kind_zh}",
        f"“{file_name}” is not an .xlsx workbook but {kind_en}",
        _SAVE_AS,
    )


def _named_kind(content: bytes) -> tuple[str, str]:
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = head.lower()
    if lower.startswith(b"%pdf"):
        return "PDF 文件", "a PDF file"
    if lower.startswith((b"<!doctype html", b"<html")) or b"<table" in lower:
        return "网页（有的系统把网页存成 .xls）", "a web page (some systems save web pages as .xls)"
    if lower.startswith(b"<?xml") or lower.startswith(b"<"):
        return "XML 文件", "an XML file"
    for encoding in ("utf-8", "gb18030"):
        try:
            text = head[:4000].decode(encoding, errors="strict" if len(content) <= 4000 else "ignore")
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        if text.startswith("|") or "\n|" in text:
            return "Markdown 文本", "Markdown text"
        if "," in text or "\t" in text:
            return "CSV 文本", "CSV text"
    return "未知格式的文件", "a file of an unknown kind"


def _examine_zip(content: bytes, limits: Limits) -> list[Complaint]:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return [
            of_file(
                "workbook.damaged",
                "文件不完整或已损坏，打不开",
                "the file is damaged or incomplete",
                "在 Excel 或 WPS 中重新保存后再传 / save it again in Excel or WPS and send it again",
            )
        ]
    names = {part.filename for part in parts}
    if any(part.flag_bits & 1 for part in parts):
        return [of_file("workbook.encrypted", "压缩包有密码", "the archive has a password", _SAVE_AS)]
    if bomb := _bomb(parts, limits):
        return [bomb]
    if "xl/workbook.xml" not in names or "[Content_Types].xml" not in names:
        zh, en = _zip_kind(names)
        return [of_file("workbook.wrong_type", f"这不是 .xlsx 工作簿，而是{zh}", f"not an .xlsx but {en}", _SAVE_AS)]
    return []


def _zip_kind(names: set[str]) -> tuple[str, str]:
    if "xl/workbook.bin" in names:
        return "二进制工作簿（.xlsb）", "a binary workbook (.xlsb)"
    if "word/document.xml" in names:
        return "Word 文档", "a Word document"
    if "content.xml" in names:
        return "OpenDocument 文件（.ods）", "an OpenDocument file (.ods)"
    return "普通压缩包", "an ordinary zip archive"


def _bomb(parts: list[zipfile.ZipInfo], limits: Limits) -> Complaint | None:
    """A zip that would grow too much. Sizes are the directory's own word; a reader stops there, so a lie only harms itself."""
    total = sum(part.file_size for part in parts)
    worst = max((part.file_size / max(part.compress_size, 1) for part in parts if part.file_size > MIB), default=0.0)
    if len(parts) <= limits.parts and total <= limits.uncompressed_bytes and worst <= limits.ratio:
        return None
    return of_file(
        "workbook.too_large",
        f"解压后有 {total / MIB:.0f} MiB、{len(parts)} 个部分，最高压缩比 {worst:.0f}，"
        f"超过 {limits.uncompressed_bytes // MIB} MiB、{limits.parts} 个或 {limits.ratio} 倍",
        f"unpacked it has {total / MIB:.0f} MiB in {len(parts)} parts, compressed up to {worst:.0f} times; the most is "
        f"{limits.uncompressed_bytes // MIB} MiB, {limits.parts} parts and {limits.ratio} times",
        "删除空白行列、图片和无关工作表 / delete blank rows, pictures and sheets that do not belong to the form",
    )
