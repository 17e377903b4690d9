"""Files that are no workbook, workbooks that are broken, and workbooks that were made to hurt."""

from __future__ import annotations

import struct
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from forms import conversion
from forms.conversion import run
from forms.publishing.build import build
from forms.workbook.cells import read_workbook
from forms.workbook.door import MIB, USUAL, Limits, examine
from forms.xlsform import WorkbookRefused, convert
from tests.forms.conftest import WORKBOOKS

GOOD = {
    "survey": [["type", "name", "label"], ["text", "a", "A"]],
    "settings": [["form_id", "version"], ["f", "1"]],
}
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def workbook(sheets: dict[str, list[list[object]]]) -> Workbook:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return book


def saved(book: Workbook) -> bytes:
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def zipped(parts: dict[str, bytes]) -> bytes:
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def with_part(content: bytes, name: str, data: bytes) -> bytes:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    return zipped({**parts, name: data})


def codes(content: bytes, limits: Limits = USUAL) -> list[str]:
    """Through the whole door, but in this process, which is quick; `convert` itself is tried below."""
    at_door = examine(content, "form.xlsx", limits)
    return [one.code for one in at_door or read_workbook(content, limits)[1]]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "workbook.empty", "空"),
        (COMPOUND + "EncryptedPackage".encode("utf-16-le"), "workbook.encrypted", "密码"),
        (COMPOUND + "Workbook".encode("utf-16-le"), "workbook.old_format", ".xls"),
        (b"<html><table><tr><td>type</td></tr></table></html>", "workbook.wrong_type", "网页"),
        (b"type,name,label\ntext,a,A\n", "workbook.wrong_type", "CSV"),
        ("类型,名称\n文本,甲\n".encode("gb18030"), "workbook.wrong_type", "CSV"),
        (b"| survey |\n| | type | name |\n", "workbook.wrong_type", "Markdown"),
        (b"%PDF-1.7", "workbook.wrong_type", "PDF"),
        (b"<?xml version='1.0'?><Workbook/>", "workbook.wrong_type", "XML"),
        (bytes(range(256)) * 8, "workbook.wrong_type", "未知"),
        (b"PK\x03\x04 and then nothing", "workbook.damaged", "损坏"),
        (zipped({"content.xml": b"<x/>", "mimetype": b"x"}), "workbook.wrong_type", "OpenDocument"),
        (zipped({"word/document.xml": b"<x/>"}), "workbook.wrong_type", "Word"),
        (zipped({"xl/workbook.bin": b"x"}), "workbook.wrong_type", ".xlsb"),
        (zipped({"readme.txt": b"x"}), "workbook.wrong_type", "压缩包"),
        (zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x"}), "workbook.damaged", "损坏"),
    ],
)
def test_what_is_no_workbook_is_named_for_what_it_is(content: bytes, code: str, says: str) -> None:
    with pytest.raises(WorkbookRefused) as refusal:
        convert(content, file_name="走访.xlsx")
    (complaint,) = refusal.value.complaints
    assert complaint.code == code
    assert says in complaint.zh
    assert complaint.instead


def test_a_truncated_workbook_is_damaged() -> None:
    assert codes(saved(workbook(GOOD))[:-100]) == ["workbook.damaged"]


def test_a_zip_with_a_password_is_refused() -> None:
    content = bytearray(saved(workbook(GOOD)))
    at = content.index(b"PK\x01\x02")
    struct.pack_into("<H", content, at + 8, struct.unpack_from("<H", content, at + 8)[0] | 1)
    assert codes(bytes(content)) == ["workbook.encrypted"]


def test_a_zip_bomb_is_refused_from_its_directory() -> None:
    bomb = with_part(saved(workbook(GOOD)), "xl/media/image1.png", bytes(50 * MIB))
    assert len(bomb) < MIB
    assert codes(bomb) == ["workbook.too_large"]


def test_a_zip_that_lies_about_its_sizes_is_damaged() -> None:
    content = bytearray(with_part(saved(workbook(GOOD)), "xl/extra.xml", bytes(5 * MIB)))
    at = content.rindex(b"xl/extra.xml") - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    struct.pack_into("<I", content, at + 24, 100)
    assert codes(bytes(content)) == ["workbook.damaged"]


def test_too_many_parts_and_too_many_bytes_are_refused() -> None:
    many = zipped({f"xl/{number}.xml": b"<x/>" for number in range(USUAL.parts + 1)})
    assert codes(many) == ["workbook.too_large"]
    assert codes(saved(workbook(GOOD)), Limits(file_bytes=1000)) == ["workbook.too_large"]


def test_a_declared_document_type_is_refused_before_it_is_parsed() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    assert codes(with_part(saved(workbook(GOOD)), "xl/sharedStrings.xml", bomb)) == ["workbook.hostile"]
    wide = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a []><a/>'.encode("utf-16")
    assert codes(with_part(saved(workbook(GOOD)), "xl/styles.xml", wide)) == ["workbook.hostile"]


def test_rows_columns_and_cells_have_limits() -> None:
    few = Limits(rows=10, columns=5, cells=30)
    rows = {**GOOD, "survey": [["type", "name"], *(["text", f"q{n}"] for n in range(20))]}
    columns = {**GOOD, "survey": [["type", "name", "label", "a", "b", "c"], ["text", "q"]]}
    cells = {**GOOD, "survey": [["type", "name", "label", "hint"], *(["text", f"q{n}", "Q", "h"] for n in range(9))]}
    far = {**GOOD, "survey": [["type", "name", "label", "", "", "", "", "far"], ["text", "q"]]}
    for sheets, row in ((rows, 11), (columns, 1), (far, 1), (cells, 9)):
        book, complaints = read_workbook(saved(workbook(sheets)), few)
        assert book is None
        assert [(one.code, one.where.row) for one in complaints] == [("workbook.too_large", row)]


def test_a_million_rows_are_refused_at_the_limit() -> None:
    content = with_part(saved(workbook(GOOD)), "xl/worksheets/sheet1.xml", sheet_with_rows(1_000_000))
    generous = Limits(ratio=10_000)
    assert [one.code for one in run(content, {}, generous).complaints] == ["workbook.too_large"]
    assert codes(content) == ["workbook.too_large"]


def sheet_with_rows(count: int) -> bytes:
    row = '<row><c t="inlineStr"><is><t>text</t></is></c></row>'
    header = row.replace("text", "type")
    head = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1"/><sheetData>'
    )
    return f"{head}{header}{row * count}</sheetData></worksheet>".encode()


def test_empty_rows_far_below_are_formatting() -> None:
    book = workbook(GOOD)
    book["survey"].row_dimensions[1_048_576].height = 30
    assert codes(saved(book)) == []


def test_formula_errors_and_formulas_without_a_value_are_named() -> None:
    book = workbook(GOOD)
    book["survey"]["C3"] = "#REF!"
    book["survey"]["B4"] = "=CONCATENATE(B2,1)"
    _, complaints = read_workbook(saved(book), USUAL)
    assert [(one.code, one.where.sheet, one.where.row, one.where.column) for one in complaints] == [
        ("workbook.formula_error", "survey", 3, "label"),
        ("workbook.formula_without_value", "survey", 4, "name"),
    ]


def test_merged_cells_and_doubled_headers_are_named() -> None:
    book = workbook({**GOOD, "survey": [["type", "name", "label", "name"], ["text", "a", "A", "b"]]})
    book["survey"].merge_cells("A2:A3")
    assert codes(saved(book)) == ["workbook.column_twice", "workbook.merged_cells"]


def test_two_headers_of_one_meaning_are_named() -> None:
    survey = [
        ["type", "name", "relevant", "relevance", "label::中文 (zh)", "label::Chinese"],
        ["text", "a", None, None, "A"],
    ]
    with pytest.raises(WorkbookRefused) as refusal:
        convert(saved(workbook({**GOOD, "survey": survey})), file_name="x.xlsx")
    assert [one.code for one in refusal.value.complaints] == ["workbook.column_twice", "workbook.column_twice"]


def test_numbers_dates_and_truth_values_are_read_as_their_author_sees_them() -> None:
    import datetime

    book = workbook(GOOD)
    for cell, value in {
        "A3": 2.0,
        "B3": 0.1,
        "C3": True,
        "A4": datetime.datetime(2026, 1, 31),
        "B4": datetime.time(9, 30),
    }.items():
        book["survey"][cell] = value
    book["survey"]["C4"] = " a\u00a0b "
    read, _ = read_workbook(saved(book), USUAL)
    assert read is not None
    assert [list(row.cells.values()) for row in read.sheets["survey"].rows[1:]] == [
        ["2", "0.1", "TRUE"],
        ["2026-01-31", "09:30:00", "a b"],
    ]


def test_a_workbook_without_a_survey_sheet_says_which_sheets_it_has() -> None:
    with pytest.raises(WorkbookRefused) as refusal:
        convert(saved(workbook({"Sheet1": [["type"]], "选项": [["a"]]})), file_name="x.xlsx")
    (complaint,) = refusal.value.complaints
    assert complaint.code == "workbook.no_survey"
    assert "Sheet1、选项" in complaint.zh


def test_groups_nested_without_end_are_refused() -> None:
    survey = [["type", "name", "label"], *(["begin_group", f"g{n}", "G"] for n in range(60)), ["text", "a", "A"]]
    with pytest.raises(WorkbookRefused) as refusal:
        convert(saved(workbook({**GOOD, "survey": survey})), file_name="x.xlsx")
    assert {one.code for one in refusal.value.complaints} == {"form.too_deep", "form.begin_without_end"}


def test_the_converter_sees_nothing_of_our_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own interpreter, its own command line, but a program that only tells what it can see."""
    monkeypatch.setenv("QIFANG_SECRET", "tell nobody")
    tell = "import os, sys; sys.stderr.write(' '.join(sorted(os.environ))); sys.exit(3)"
    monkeypatch.setattr(conversion, "_COMMAND", (sys.executable, "-E", "-s", "-c", tell))
    outcome = conversion.run(saved(workbook(GOOD)), {}, USUAL)
    assert [one.code for one in outcome.complaints] == ["workbook.unconvertible"]
    assert caplog.messages == ["the converter ended with 3: LANG PATH TMPDIR"]


SPOIL = st.tuples(
    st.floats(0, 1),
    st.sampled_from([b"", b"<", b">", b'"', b"99999999999", b"-1", b"\xff", b"<v/>"]),
    st.integers(0, 60),
)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(WORKBOOKS.glob("*.xlsx"))), st.floats(0, 1), st.lists(SPOIL, min_size=1, max_size=4))
def test_a_workbook_spoiled_anywhere_inside_is_refused_or_read_but_never_breaks_the_reader(
    path: Path, part: float, spoils: list[tuple[float, bytes, int]]
) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = list(parts)[int(part * (len(parts) - 1))]
    data = parts[name]
    for place, new, removed in spoils:
        at = int(place * len(data))
        data = data[:at] + new + data[at + removed :]
    content = zipped({**parts, name: data})
    complaints = examine(content, "form.xlsx", USUAL)
    if not complaints:
        outcome = build(content, {}, USUAL)
        assert (outcome.form is None) == bool(outcome.complaints)
