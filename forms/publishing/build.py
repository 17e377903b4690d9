"""All steps on one workbook, in the converting process: cells → our form and pyxform's XForm → one list of complaints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import unescape  # of text that pyxform wrote; nothing is parsed

from msgspec import Struct
from pyxform.aliases import _type_alias_map
from pyxform.errors import PyXFormError
from pyxform.utils import default_is_dynamic
from pyxform.xls2xform import convert as convert_by_pyxform

from forms.analyse import check_form
from forms.complaint import Complaint
from forms.definition import ChoiceList, Form, Item, Source, questions
from forms.publishing import verdicts
from forms.publishing.entities import read_entities
from forms.publishing.outcome import Outcome
from forms.publishing.outputs import read_outputs
from forms.publishing.settings import read_settings
from forms.survey.choosing import ListFinder
from forms.survey.lists import check_files, read_lists
from forms.survey.nesting import SurveyReader
from forms.survey.question import QuestionReader
from forms.workbook.cells import SHEETS, Sheet, Workbook, read_workbook
from forms.workbook.door import Limits, of_file
from forms.workbook.lines import Findings, SheetLines, default_language, straight_quotes

MAX_COMPLAINTS = 500
"""More than anybody mends in one sitting; one more says how many were left out."""


class _Verdict(Struct):
    xform: str = ""
    itemsets: str | None = None
    complaints: list[Complaint] = []
    warnings: list[Complaint] = []


def build(content: bytes, files: Mapping[str, bytes], limits: Limits) -> Outcome:
    workbook, complaints = read_workbook(content, limits)
    if workbook is None:
        return Outcome(complaints=complaints)
    if "survey" not in workbook.sheets:
        return Outcome(complaints=[*complaints, _no_survey(workbook)])
    verdict = _ask_pyxform(workbook)
    findings = Findings()
    form = _read_form(workbook, verdict.xform, files, findings)
    ours = [*complaints, *findings.complaints]
    ours += _new(check_form(form), ours)
    ours += _unsaid(verdict.complaints, ours)
    if ours:
        return Outcome(complaints=_capped(sorted(ours, key=_in_order)), warnings=findings.warnings[:MAX_COMPLAINTS])
    warnings = sorted([*findings.warnings, *_new(verdict.warnings, findings.warnings)], key=_in_order)
    return Outcome(
        warnings=warnings[:MAX_COMPLAINTS],
        form=form,
        xform=verdict.xform,
        generated={"itemsets.csv": verdict.itemsets.encode()} if verdict.itemsets else {},
    )


def _capped(complaints: list[Complaint]) -> list[Complaint]:
    rest = len(complaints) - MAX_COMPLAINTS
    if rest <= 0:
        return complaints
    more = of_file("workbook.more_complaints", f"还有 {rest} 处问题没有列出", f"{rest} more complaints are not shown")
    return [*complaints[:MAX_COMPLAINTS], more]


def _no_survey(workbook: Workbook) -> Complaint:
    names = "、".join(workbook.names)
    return of_file(
        "workbook.no_survey",
        f"没有名为 survey 的工作表；现有：{names}",
        f"there is no sheet named survey; the sheets are: {names}",
        "survey",
    )


def _ask_pyxform(workbook: Workbook) -> _Verdict:
    """pyxform gets the cells we read, without our own columns: so they cannot reach the XForm."""
    book: dict[str, object] = {"sheet_names": list(workbook.names)}
    for key, sheet in workbook.sheets.items():
        ours = {header for header in sheet.headers if header.lower().replace(" ", "").startswith("qf:")}
        if key == "settings":
            ours |= {header for header in sheet.headers if header.lower() == "name"}
        book[key] = _rows_for_pyxform(key, sheet, ours)
        book[f"{key}_header"] = [{header: None for header in sheet.headers if header and header not in ours}]
    said: list[str] = []
    try:
        result = convert_by_pyxform(book, warnings=said)
    except PyXFormError as error:
        return _Verdict(complaints=verdicts.refusal(str(error)))
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError, AssertionError) as error:
        # Workbooks that pyxform did not expect make it stumble in these ways; for the author that is a refusal too.
        return _Verdict(complaints=verdicts.refusal(f"{type(error).__name__}: {error}"))
    return _Verdict(xform=result.xform, itemsets=result.itemsets, warnings=verdicts.warnings(said))


def _rows_for_pyxform(key: str, sheet: Sheet, without: set[str]) -> list[dict[str, str]]:
    """Rows by position, empty ones kept, because pyxform counts them to tell the row. Of the settings, the filled one."""
    cells = {
        row.number: {header: text for header, text in row.cells.items() if header not in without} for row in sheet.rows
    }
    if key == "settings":
        return list(cells.values())[:1]
    return [cells.get(number, {}) for number in range(2, max(cells, default=1) + 1)]


def _read_form(workbook: Workbook, xform: str, files: Mapping[str, bytes], findings: Findings) -> Form:
    sheets = workbook.sheets
    default = default_language(SheetLines("settings", sheets.get("settings"), "", Findings()), sheets["survey"])
    lines = {key: SheetLines(key, sheets.get(key), default, findings) for key in SHEETS}
    settings = read_settings(lines["settings"], findings)
    languages = _languages(lines, default)
    lists = read_lists(lines["choices"], lines["settings"])
    external = read_lists(lines["external_choices"], lines["settings"])
    choosing = ListFinder(lists, external)
    reader = QuestionReader(choosing, _dynamic_defaults(lines["survey"]), languages)
    items = SurveyReader(lines["survey"], reader, findings).read()
    _check_content(items, lines["survey"], findings)
    lists = _with_instances(choosing.lists, xform)
    check_files(lists, files, choosing.sources, findings)
    return Form(
        id=settings.id,
        version=settings.version,
        title=settings.title,
        children=items,
        languages=languages,
        default_language=default,
        lists=lists,
        entities=read_entities(lines["entities"], lines["survey"], items),
        header=settings.header,
        instance_name=settings.instance_name,
        style=settings.style,
        photo_place=settings.photo_place,
        attachments=tuple(sorted({unescape(name) for name in _ATTACHED.findall(xform)})),
        outputs=read_outputs(items, lists.values(), findings),
    )


_ATTACHED = re.compile(r"jr://(?:file|file-csv|images|audio|video)/([^\"<]+)")
_INSTANCE = re.compile(r"<instance id=\"([^\"]+)\" src=\"jr://file(?:-csv)?/([^\"]+)\"")


def _with_instances(lists: dict[str, ChoiceList], xform: str) -> dict[str, ChoiceList]:
    """The XForm also names the files that `pulldata()` and entity updates read: they are lists too."""
    found = [(unescape(name), unescape(file)) for name, file in _INSTANCE.findall(xform)]
    return lists | {name: ChoiceList(name=name, file=file) for name, file in found if name not in lists}


def _languages(lines: dict[str, SheetLines], default: str) -> tuple[str, ...]:
    named = [*lines["survey"].languages(), *lines["choices"].languages()]
    return tuple(dict.fromkeys([default, *named]))


def _dynamic_defaults(survey: SheetLines) -> frozenset[int]:
    """Rows whose default is an expression, by pyxform's own judgement."""
    found = []
    for line in survey:
        kind = line.get("type")
        if default_is_dynamic(straight_quotes(line.get("default")), _type_alias_map.get(kind, kind)):
            found.append(line.row.number)
    return frozenset(found)


def _check_content(items: tuple[Item, ...], survey: SheetLines, findings: Findings) -> None:
    """A form asks something; a prefill names a question that is there; export names are unique."""
    everything = list(questions(items))
    if not everything and not findings.complaints:
        where = Source(sheet=survey.name, row=2)
        findings.complain(
            "form.empty", where, "survey 表里没有题目", "the survey holds no question", "text, name, label"
        )
    names = {question.name for question in everything}
    exported: dict[str, int] = {}
    for question in everything:
        row = question.source.row
        wanted = (question.prefill or "").removeprefix("last:")
        if wanted != (question.prefill or "") and wanted not in names:
            where = Source(sheet=survey.name, row=row, column="qf::prefill")
            findings.complain(
                "form.unknown_question", where, f"没有题目“{wanted}”", f"there is no question “{wanted}”", "last:<题名>"
            )
        if question.export_name and exported.setdefault(question.export_name, row) != row:
            where = Source(sheet=survey.name, row=row, column="qf::export")
            findings.complain(
                "form.export_twice",
                where,
                f"导出名“{question.export_name}”在第 {exported[question.export_name]} 行已经用过",
                f"the export name “{question.export_name}” is already used in row {exported[question.export_name]}",
            )


def _new(more: list[Complaint], known: list[Complaint]) -> list[Complaint]:
    """What is not said yet at the same place, in the same words or under the same code."""
    said = {(one.code, one.where.sheet, one.where.row, one.where.column) for one in known}
    return [one for one in more if (one.code, one.where.sheet, one.where.row, one.where.column) not in said]


def _unsaid(refusal: list[Complaint], ours: list[Complaint]) -> list[Complaint]:
    """pyxform's refusal, unless we said something of that row, or anything at all when it names no row."""
    rows = {(one.where.sheet.lower(), one.where.row) for one in ours}
    if not ours:
        return refusal
    return [one for one in refusal if one.where.row and (one.where.sheet.lower(), one.where.row) not in rows]


def _in_order(complaint: Complaint) -> tuple[int, int, str]:
    sheet = complaint.where.sheet.lower()
    order = ("", "settings", "survey", "choices", "external_choices", "entities")
    return order.index(sheet) if sheet in order else len(order), complaint.where.row, complaint.where.column
