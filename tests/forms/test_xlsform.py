"""Publishing a workbook through the front door: what comes out, and everything that is said when it cannot."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from pyxform.xls2xform import convert as by_pyxform

from forms.complaint import Complaint
from forms.definition import Form
from forms.publishing.build import build
from forms.publishing.outcome import Outcome
from forms.workbook.door import USUAL
from forms.xlsform import Limits, WorkbookRefused, convert, convert_async
from tests.forms.conftest import WORKBOOKS
from tests.forms.fixtures.build import TABLES, read_tables, workbook_of

SETTINGS = """
## settings
| form_title | form_id | version |
|---|---|---|
| 试表 | trial | 1 |
"""


def outcome_of(tables: str, settings: str, attachments: dict[str, bytes]) -> Outcome:
    # In this process, which is quick; further down `convert` is shown to give the same.
    files = {name.replace("__", "."): content for name, content in attachments.items()}
    return build(workbook_of(read_tables(tables + settings)), files, USUAL)


def publish(tables: str, settings: str = SETTINGS, **attachments: bytes) -> tuple[Form, list[Complaint]]:
    made = outcome_of(tables, settings, attachments)
    assert made.complaints == []
    assert made.form is not None
    return made.form, made.warnings


def refused(tables: str, settings: str = SETTINGS, **attachments: bytes) -> list[Complaint]:
    made = outcome_of(tables, settings, attachments)
    assert made.form is None
    return made.complaints


def places(complaints: list[Complaint]) -> list[tuple[str, str, int, str]]:
    return [(one.code, one.where.sheet, one.where.row, one.where.column) for one in complaints]


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_committed_workbooks_hold_what_their_tables_say(path: Path) -> None:
    from openpyxl import load_workbook

    book = load_workbook(BytesIO((WORKBOOKS / f"{path.stem}.xlsx").read_bytes()))
    written = {
        sheet.title: [
            [str(cell) if cell is not None else "" for cell in row] for row in sheet.iter_rows(values_only=True)
        ]
        for sheet in book
    }
    assert written == read_tables(path.read_text(encoding="utf-8"))


def test_the_child_process_gives_what_this_process_gives(outcome: Callable[[str], Outcome]) -> None:
    content = (WORKBOOKS / "27_entities_in_repeats.xlsx").read_bytes()
    made = convert(content, file_name="reports.xlsx")
    assert made.form == outcome("27_entities_in_repeats").form
    assert made.xform == outcome("27_entities_in_repeats").xform
    assert asyncio.run(convert_async(content, file_name="reports.xlsx")) == made


@pytest.mark.parametrize(
    "path", [path for path in TABLES if "qf::" not in path.read_text()], ids=lambda path: path.stem
)
def test_the_xform_is_what_pyxform_makes_of_the_workbook_itself(path: Path, outcome: Callable[[str], Outcome]) -> None:
    workbook = (WORKBOOKS / f"{path.stem}.xlsx").read_bytes()
    assert outcome(path.stem).xform == by_pyxform(workbook, file_type=".xlsx").xform


def test_every_complaint_is_given_at_once_with_its_place() -> None:
    complaints = refused("""
## survey
| type | name | label | relevant | constraint | calculation | qf::pii | qf::verifi | default | parameters |
|---|---|---|---|---|---|---|---|---|---|
| txt | a | A | | | | | | | |
| text | b | B ${nobody} | ${nope} = 1 | | | secret | | | |
| text | b | B2 | ${a} = '1' | . > | | | | | |
| text | 1c | C | | | | | | | |
| text | meta | C | | | | | | | |
| select_one none | d | D | | | | | | | |
| select_one | e | E | | | | | | | |
| integer | f | F | | foo(.) | | | | abc | |
| calculate | g | | | | ${h} + 1 | | | | |
| calculate | h | | | | ${g} + 1 | | | | |
| calculate | i | | | | | | | | |
| begin_group | j | J | | | | | | | |
| text | | K | | | | | | | |
| end_repeat | | | | | | | | | |
| end_group | | | | | | | | | |
| begin_repeat | k | K | | | | | | | |
| range | m | M | | | | | | | step=0 |
| text | o | O | | . ＞ 1 | | | | | rows |
| | p | P | | | | | | | |

## choices
| list_name | name | label |
|---|---|---|
| yn | y | Y |
| yn | y | Y |
| yn | | Y |
| | z | Z |
""")
    assert places(complaints) == [
        ("form.unknown_qf_column", "survey", 1, "qf::verifi"),
        ("form.unknown_type", "survey", 2, "type"),
        ("form.unknown_question", "survey", 3, "label"),
        ("form.bad_value", "survey", 3, "qf::pii"),
        ("form.unknown_question", "survey", 3, "relevant"),
        ("form.bad_expression", "survey", 4, "constraint"),
        ("form.name_twice", "survey", 4, "name"),
        ("form.bad_name", "survey", 5, "name"),
        ("form.reserved_name", "survey", 6, "name"),
        ("form.unknown_list", "survey", 7, "type"),
        ("form.list_missing", "survey", 8, "type"),
        ("form.unknown_function", "survey", 9, "constraint"),
        ("form.bad_default", "survey", 9, "default"),
        ("form.cycle", "survey", 10, "calculation"),
        ("form.calculation_missing", "survey", 12, "calculation"),
        ("form.name_missing", "survey", 14, "name"),
        ("form.end_mismatch", "survey", 15, "type"),
        ("form.end_without_begin", "survey", 16, "type"),
        ("form.begin_without_end", "survey", 17, "type"),
        ("form.bad_parameters", "survey", 18, "parameters"),
        ("form.bad_expression", "survey", 19, "constraint"),
        ("form.bad_parameters", "survey", 19, "parameters"),
        ("form.type_missing", "survey", 20, "type"),
        ("form.choice_twice", "choices", 3, "name"),
        ("form.choice_name_missing", "choices", 4, "name"),
        ("form.list_name_missing", "choices", 5, "list_name"),
    ]
    assert all(one.zh and one.en for one in complaints)
    by_code = {one.code: one for one in complaints}
    assert by_code["form.unknown_type"].instead == "text"
    assert by_code["form.unknown_qf_column"].instead == "qf::verify"
    assert by_code["form.end_mismatch"].instead == "end_group"


def test_a_reference_to_a_name_used_twice_is_refused_by_place() -> None:
    complaints = refused("""
## survey
| type | name | label | relevant |
|---|---|---|---|
| begin_group | g | G | |
| text | a | A | |
| end_group | | | |
| begin_group | h | H | |
| text | a | A | |
| end_group | | | |
| text | b | B | ${a} = 1 |
""")
    assert places(complaints) == [("form.ambiguous_reference", "survey", 8, "relevant")]


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        ("", ["form.settings_missing"]),
        ("\n## settings\n| form_title |\n|---|\n| 走访 |\n", ["form.setting_missing", "form.setting_missing"]),
        (
            "\n## settings\n| form_id | version |\n|---|---|\n| my form | 1/2 |\n",
            ["form.bad_setting", "form.bad_setting"],
        ),
        (
            "\n## settings\n| form_id | version | public_key | submission_url | omit_instanceID |\n|---|---|---|---|---|\n"
            "| a | 1 | MIIB | https://elsewhere.example | yes |\n",
            ["form.refused_setting"] * 3,
        ),
        (
            "\n## settings\n| form_id | version | qf::valid_until | qf::numer |\n|---|---|---|---|\n| a | 1 | 2026/1/1 | x |\n",
            ["form.unknown_qf_column", "form.bad_date"],
        ),
    ],
)
def test_settings_that_cannot_be_published(settings: str, codes: list[str]) -> None:
    complaints = refused("\n## survey\n| type | name | label |\n|---|---|---|\n| text | a | A |\n", settings)
    assert [one.code for one in complaints] == codes
    assert {one.where.sheet for one in complaints} == {"settings"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("| osm | x | X | | |", "form.refused_type"),
        ("| percentage | x | X | | |", "form.refused_type"),
        ("| cascading_select x | x | X | | |", "form.refused_type"),
        ("| begin_loop over yn | x | X | | |\n| text | y | Y | | |\n| end_loop | | | | |", "form.refused_type"),
        ("| select_one ${r} | x | X | | |", "form.refused_list"),
        ("| select_one yn.csv | x | X | | |", "form.list_is_file"),
        ("| select_one_from_file yn | x | X | | |", "form.list_file_type"),
        ("| select_one_external yn | x | X | | |", "form.unknown_list"),
        ("| select_multiple spaced | x | X | | |", "form.choice_with_space"),
        ("| select_one yn or_other | x | X | a = 1 | |", "form.other_with_filter"),
        ("| text | x | X | | search('yn') |", "form.refused_appearance"),
        ("| text | instanceID | X | | |", "form.reserved_name"),
        ("| text | __x | X | | |", "form.reserved_name"),
        ("| text | _id | X | | |", "form.reserved_name"),
        ("| begin_repeat | data | X | | |\n| text | y | Y | | |\n| end_repeat | | | | |", "form.repeat_name"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_what_to_write_instead(row: str, code: str) -> None:
    complaints = refused(f"""
## survey
| type | name | label | choice_filter | appearance |
|---|---|---|---|---|
| begin_repeat | r | R | | |
| text | t | T | | |
| end_repeat | | | | |
{row}

## choices
| list_name | name | label |
|---|---|---|
| yn | yes | Y |
| spaced | a b | AB |
""")
    assert (code, 5) in [(one.code, one.where.row) for one in complaints]
    assert all(one.instead for one in complaints)


def test_entities_that_cannot_work_are_named_by_row() -> None:
    complaints = refused("""
## survey
| type | name | label | save_to |
|---|---|---|---|
| text | a | A | e#x |
| text | b | B | e#x |
| begin_group | g | G | e#y |
| text | c | C | e#label |
| text | d | D | nobody#z |
| end_group | | | |

## entities
| list_name | label | entity_id | create_if | update_if |
|---|---|---|---|---|
| e | ${a} | | | ${b} = 1 |
| e | ${a} | | | |
| __f | ${a} | | | |
| g | | ${a} | ${b} = 1 | |
| h | | | | |
""")
    assert places(complaints) == [
        ("form.bad_save_to", "survey", 3, "save_to"),
        ("form.bad_save_to", "survey", 4, "save_to"),
        ("form.bad_entity_name", "survey", 5, "save_to"),
        ("form.save_to_unknown", "survey", 6, "save_to"),
        ("form.bad_entity", "entities", 2, "entity_id"),
        ("form.entity_twice", "entities", 3, "list_name"),
        ("form.bad_entity_name", "entities", 4, "list_name"),
        ("form.bad_entity", "entities", 5, "update_if"),
        ("form.bad_entity", "entities", 6, "label"),
    ]


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        (
            "| begin_group | g | G | table-list | |\n| select_one yn | x | X | | |\n| select_one ab | y | Y | | |\n"
            "| end_group | | | | |",
            ("form.bad_table_list", "survey", 4, ""),
        ),
        ("| geopoint | x | X | | reference-geometry=nothing |", ("form.bad_parameters", "survey", 2, "parameters")),
        ("| range | x | X | | start=1 end=9 step=2 tick_interval=3 |", ("form.bad_range", "survey", 2, "parameters")),
    ],
)
def test_what_only_pyxform_knows_is_told_at_its_place_too(rows: str, place: tuple[str, str, int, str]) -> None:
    complaints = refused(f"""
## survey
| type | name | label | appearance | parameters |
|---|---|---|---|---|
{rows}

## choices
| list_name | name | label |
|---|---|---|
| yn | yes | Yes |
| ab | a | A |
""")
    assert places(complaints) == [place]
    assert "（" in complaints[0].zh


def test_first_values_that_the_question_would_refuse_are_named() -> None:
    complaints = refused("""
## survey
| type | name | label | default |
|---|---|---|---|
| integer | a | A | ten |
| date | b | B | tomorrow |
| select_one yn | c | C | maybe |
| select_multiple yn | d | D | yes perhaps |
| select_one yn or_other | e | E | other |
| select_one yn | f | F | if(${c} = 'yes', 'yes', 'no') |

## choices
| list_name | name | label |
|---|---|---|
| yn | yes | Yes |
| yn | no | No |
""")
    assert [(one.code, one.where.row) for one in complaints] == [("form.bad_default", row) for row in (2, 3, 4, 5)]


def test_file_names_with_signs_that_xml_spells_out_are_attachments() -> None:
    form, _ = publish("""
## survey
| type | name | label | image |
|---|---|---|---|
| note | a | A | R&D plan.png |
| select_one_from_file r&d.csv | b | B | |
""")
    assert form.attachments == ("R&D plan.png", "r&d.csv")
    assert [(one.name, one.file) for one in form.lists.values()] == [("r&d", "r&d.csv")]


def test_full_width_colons_in_a_header_are_named() -> None:
    (complaint,) = refused("\n## survey\n| type | name | label：：中文 (zh) |\n|---|---|---|\n| text | a | 甲 |\n")
    assert (complaint.code, complaint.instead) == ("form.wide_colon", "label::中文 (zh)")


def test_questions_of_the_same_name_are_fine_in_different_groups_and_near_misses_are_doubted() -> None:
    form, warnings = publish("""
## survey
| type | name | label | notes | appearance | disabled |
|---|---|---|---|---|---|
| text | a | A | mine | wobbly | |
| text | A | A | | | |
| begin_group | g | G | | | |
| text | a | A | | | |
| end_group | | | | | |
| text | gone | Gone | | | yes |
| | | | a remark | | |
""")
    assert [(one.code, one.where.row) for one in warnings if one.code != "form.doubted_by_pyxform"] == [
        ("form.unknown_column", 1),
        ("form.unknown_appearance", 2),
        ("form.name_case", 3),
        ("form.row_disabled", 7),
        ("form.row_skipped", 8),
    ]
    assert [item.name for item in form.children] == ["a", "A", "g"]


def test_list_files_that_came_along_are_checked() -> None:
    survey = """
## survey
| type | name | label | parameters |
|---|---|---|---|
| select_one_from_file towns.csv | town | T | value=code |
| select_one_from_file sites.geojson | site | S | |
"""
    form, _ = publish(survey, towns__csv="code,label\nGY,公园\n".encode("gb18030"))
    assert form.attachments == ("sites.geojson", "towns.csv")
    complaints = refused(survey, towns__csv=b"name,label\nGY,x\n", sites__geojson=b"[1,2]")
    assert places(complaints) == [
        ("form.list_file_column", "survey", 2, "type"),
        ("form.list_file_unreadable", "survey", 3, "type"),
    ]


def test_curled_quotation_marks_count_as_straight_ones() -> None:
    form, _ = publish("""
## survey
| type | name | label | relevant |
|---|---|---|---|
| text | a | 甲“乙”丙 | |
| text | b | B | ${a} = ‘是’ |
""")
    second = form.children[1]
    assert second.relevant is not None
    assert second.relevant.text == "${a} = '是'"
    assert form.children[0].label == {"default": "甲“乙”丙"}


def test_a_conversion_over_its_time_is_stopped_and_refused() -> None:
    content = (WORKBOOKS / "14_checks.xlsx").read_bytes()
    with pytest.raises(WorkbookRefused) as refusal:
        convert(content, file_name="checks.xlsx", limits=Limits(seconds=0.05))
    assert [one.code for one in refusal.value.complaints] == ["workbook.too_slow"]
    with pytest.raises(WorkbookRefused) as refusal:
        asyncio.run(convert_async(content, file_name="checks.xlsx", limits=Limits(seconds=0.05)))
    assert [one.code for one in refusal.value.complaints] == ["workbook.too_slow"]


def test_a_conversion_over_its_memory_is_stopped_and_refused() -> None:
    strings = BytesIO((WORKBOOKS / "14_checks.xlsx").read_bytes())
    with zipfile.ZipFile(strings, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", b"x" * 90_000_000)
    with pytest.raises(WorkbookRefused) as refusal:
        convert(strings.getvalue(), file_name="checks.xlsx", limits=Limits(memory_mib=100, ratio=10_000))
    assert [one.code for one in refusal.value.complaints] == ["workbook.too_much_memory"]
    assert "100 MiB" in refusal.value.complaints[0].zh


def test_a_thousand_complaints_are_counted_and_the_first_five_hundred_told() -> None:
    rows = "\n".join(f"| txet | q{number} | Q |" for number in range(1000))
    complaints = refused(f"\n## survey\n| type | name | label |\n|---|---|---|\n{rows}\n")
    assert len(complaints) == 501
    assert {one.instead for one in complaints[:-1]} == {"text"}
    assert complaints[-1].code == "workbook.more_complaints"
    assert "500" in complaints[-1].en
