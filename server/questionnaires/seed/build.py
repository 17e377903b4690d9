"""Write the five questionnaires as workbooks: `python -m server.questionnaires.seed.build [folder]`.

The workbooks are what bureaus copy and change; this script is how they are kept complete in both languages and equal
in what they share. The same tables give the same bytes of every cell, so a change shows in review.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import zipfile
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from server.questionnaires.seed.tables.cultivation_census import CULTIVATION_CENSUS
from server.questionnaires.seed.tables.issue_callback import ISSUE_CALLBACK
from server.questionnaires.seed.tables.ops_monitor_q import OPS_MONITOR_Q
from server.questionnaires.seed.tables.symposium import SYMPOSIUM
from server.questionnaires.seed.tables.visit_record import VISIT_RECORD
from server.questionnaires.seed.words import EN, ZH, Choices, Questionnaire, Row, Rows

HERE = Path(__file__).parent
TAXONOMY = HERE.parent.parent / "routing" / "seed" / "taxonomy.csv"
QUESTIONNAIRES: dict[str, Questionnaire] = {
    "visit_record": VISIT_RECORD,
    "cultivation_census": CULTIVATION_CENSUS,
    "symposium": SYMPOSIUM,
    "ops_monitor_q": OPS_MONITOR_Q,
    "issue_callback": ISSUE_CALLBACK,
}
SURVEY_FIRST = (
    "type",
    "name",
    f"label::{ZH}",
    f"label::{EN}",
    f"hint::{ZH}",
    f"hint::{EN}",
    "required",
    f"required_message::{ZH}",
    f"required_message::{EN}",
    "relevant",
    "appearance",
    "parameters",
    "calculation",
    "default",
    "read_only",
    "choice_filter",
    "constraint",
    f"constraint_message::{ZH}",
    f"constraint_message::{EN}",
)
_WIDTHS = {"type": 34, "name": 24, "calculation": 40, "constraint": 40}
_SECTION = PatternFill("solid", start_color="FFE2EFDA")
_FIXED_TIME = (2026, 11, 21, 0, 0, 0)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shared_choices() -> dict[str, Rows]:
    """Lists that come from files a person can read: the taxonomy in two levels, and the policies."""

    def option(row: dict[str, str], **extra: str) -> Row:
        return {"name": row["code"], f"label::{ZH}": row["zh"], f"label::{EN}": row["en"], **extra}

    taxonomy = read_rows(TAXONOMY)
    policies = [option(row) for row in read_rows(HERE / "policies.csv")]
    other = {"name": "other", f"label::{ZH}": "其他", f"label::{EN}": "Other"}
    return {
        "category_groups": [option(row) for row in taxonomy if not row["parent"]],
        "categories": [option(row, parent=row["parent"]) for row in taxonomy if row["parent"]],
        "policies": [*policies, other],
    }


def _options(choices: Choices) -> Rows:
    return [{"name": name, f"label::{ZH}": zh, f"label::{EN}": en} for name, zh, en in choices.options]


def choice_rows(questionnaire: Questionnaire) -> Rows:
    """Only the lists that the survey uses, in the order it uses them."""
    known = {choices.name: _options(choices) for choices in questionnaire.choices} | shared_choices()
    used = dict.fromkeys(
        row["type"].split()[1]
        for row in questionnaire.survey
        if row["type"].split()[0] in ("select_one", "select_multiple")
    )
    return [{"list_name": name, **row} for name in used for row in known[name]]


def _columns(rows: Rows, first: tuple[str, ...]) -> list[str]:
    found = dict.fromkeys(key for row in rows for key in row)
    return [column for column in first if column in found] + [column for column in found if column not in first]


def _fill(sheet: Worksheet, rows: Rows, first: tuple[str, ...] = ()) -> None:
    columns = _columns(rows, first)
    sheet.append(columns)
    for row in rows:
        sheet.append([row.get(column) for column in columns])
        if row.get("type", "").startswith("begin "):
            for cell in sheet[sheet.max_row]:
                cell.fill = _SECTION
    for number, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(column, 26 if "::" in column else 16)
        sheet.cell(1, number).font = Font(bold=True)
        sheet.cell(1, number).alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "C2" if sheet.title == "survey" else "A2"


def build(questionnaire: Questionnaire) -> Workbook:
    """The workbook of one questionnaire. Every cell is text, so that codes such as 0101 keep their zero."""
    workbook = Workbook()
    survey = workbook.active
    assert isinstance(survey, Worksheet)
    survey.title = "survey"
    _fill(survey, questionnaire.survey, SURVEY_FIRST)
    _fill(workbook.create_sheet("choices"), choice_rows(questionnaire), ("list_name", "name"))
    if questionnaire.entities:
        _fill(workbook.create_sheet("entities"), questionnaire.entities)
    _fill(workbook.create_sheet("settings"), [questionnaire.settings])
    workbook.properties.creator = "Qifang"
    return workbook


def write(workbook: Workbook) -> bytes:
    """The workbook as a file whose dates do not move from one run to the next."""
    made = io.BytesIO()
    workbook.save(made)
    fixed = io.BytesIO()
    stamp = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(<)")
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = stamp.sub(rb"\g<1>2026-11-21T00:00:00Z\g<3>", content)
            target.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content, zipfile.ZIP_DEFLATED)
    return fixed.getvalue()


def main(folder: Path) -> None:
    for name, questionnaire in QUESTIONNAIRES.items():
        (folder / f"{name}.xlsx").write_bytes(write(build(questionnaire)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
