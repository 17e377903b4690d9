"""Every name of a type and every appearance: taken by us and by pyxform alike, or refused with a way out."""

from __future__ import annotations

import pytest
from pyxform.question_type_dictionary import QUESTION_TYPE_DICT

from forms.complaint import Complaint
from forms.definition import Group, Question
from forms.publishing.build import build
from forms.publishing.outcome import Outcome
from forms.survey.vocabulary import APPEARANCES, REFUSED, SELECTS, TYPES, select_of, type_of
from forms.workbook.door import USUAL
from tests.forms.fixtures.build import workbook_of

HEADER = ["type", "name", "label", "calculation", "trigger", "appearance", "choice_filter"]
SHEETS = {
    "choices": [["list_name", "name", "label"], ["yn", "yes", "Yes"], ["yn", "no", "No"]],
    "external_choices": [["list_name", "name", "label", "city"], ["street", "s1", "S1", "c1"]],
    "settings": [["form_id", "version", "form_title"], ["trial", "1", "Trial"]],
}


def survey(*rows: list[str]) -> Outcome:
    return build(workbook_of({"survey": [HEADER, ["text", "first", "First"], *rows], **SHEETS}), {}, USUAL)


def spellings(names: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (ours, name.strip()) for ours, others in names.items() for name in (ours, *others.split(";")) if name.strip()
    ]


def test_every_name_of_a_type_means_that_type_to_us_and_to_pyxform() -> None:
    rows, meant = [], []
    for ours, written in spellings(TYPES):
        name = "" if ours == "audit" else f"q{len(rows)}"
        calculation = "1 + 1" if ours == "calculate" else ""
        rows.append([written, name, "Q", calculation, "${first}" if ours == "background-geopoint" else ""])
        meant.append(ours)
    made = survey(*rows)
    assert made.complaints == []
    assert made.form is not None
    assert [item.type for item in made.form.children[1:] if isinstance(item, Question)] == meant


@pytest.mark.parametrize(("ours", "written"), spellings(SELECTS))
def test_every_name_of_a_select_means_that_select_to_us_and_to_pyxform(ours: str, written: str) -> None:
    source = "towns.csv" if "file" in ours else "street" if "external" in ours else "yn"
    made = survey([f"{written} {source}", "q", "Q", "", "", "", "city = ${first}" if source == "street" else ""])
    assert made.complaints == []
    assert made.form is not None
    kind = made.form.children[1].type  # type: ignore[union-attr]
    assert kind == {"rank": "rank"}.get(ours, "select_multiple" if "multiple" in ours else "select_one")


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_type_is_a_complaint_with_a_way_out(name: str) -> None:
    written = "begin_loop over yn" if name == "loop" else f"{name} yn" if name[:2] in ("se", "q ", "os") else name
    rows = [[written, "q", "Q"], *([["text", "inside", "I"], ["end_loop"]] if name == "loop" else [])]
    said: list[Complaint] = survey(*rows).complaints
    complaint = next(one for one in said if one.code == "form.refused_type")
    zh, en, instead = REFUSED[name]
    assert zh in complaint.zh
    assert en in complaint.en
    assert complaint.instead == instead


def test_every_type_that_pyxform_knows_is_taken_or_refused() -> None:
    for name in QUESTION_TYPE_DICT:
        assert type_of(name) or select_of(f"{name} yn") or name in REFUSED, name


@pytest.mark.parametrize(("row", "kind"), [("begin_group", Group), ("begin group", Group)])
def test_groups_begin_and_end_in_both_spellings(row: str, kind: type) -> None:
    made = survey([row, "g", "G"], ["text", "inside", "I"], [row.replace("begin", "end")])
    assert made.form is not None
    assert isinstance(made.form.children[1], kind)


@pytest.mark.parametrize("row", ["begin_repeat", "begin repeat", "begin lgroup", "begin looped group"])
def test_repeats_begin_and_end_in_all_spellings(row: str) -> None:
    made = survey([row, "g", "G"], ["text", "inside", "I"], [row.replace("begin", "end")])
    assert made.complaints == []
    assert made.form is not None
    assert type(made.form.children[1]).__name__ == "Repeat"


BEARER = {
    "text": "text",
    "select": "select_one yn",
    "date": "date",
    "range": "range",
    "media": "image",
    "place": "geopoint",
    "group": "group",
    "grid": "text",
}
WHOLE = {
    "ex:": "ex:org.example.scan(kind='qr')",
    "printer:": "printer:org.example.zebra('a')",
    "columns-n": "columns-3",
}


@pytest.mark.parametrize("kind", APPEARANCES)
def test_an_appearance_is_kept_for_the_phone_and_changes_no_meaning(kind: str) -> None:
    words = [WHOLE.get(word, word) for word in APPEARANCES[kind].split()]
    rows: list[list[str]] = []
    for number, word in enumerate(words):
        if kind == "group":
            rows += [
                ["begin_group", f"g{number}", "G", "", "", word],
                ["select_one yn", f"q{number}", "Q"],
                ["end_group"],
            ]
        else:
            rows.append([BEARER[kind], f"q{number}", "Q", "", "", word])
    made = survey(*rows)
    assert made.complaints == []
    assert [one for one in made.warnings if one.code == "form.unknown_appearance"] == []
    assert made.form is not None
    assert [item.appearance for item in made.form.children[1:]] == [tuple(word.split()) for word in words]
    assert all(word.split("(")[0] in made.xform for word in words if word != "table-list")


def test_an_appearance_that_nobody_knows_is_doubted_and_kept() -> None:
    made = survey(["text", "q", "Q", "", "", "sparkling"])
    assert [one.code for one in made.warnings] == ["form.unknown_appearance"]
    assert made.form is not None
    assert made.form.children[1].appearance == ("sparkling",)


def test_columns_that_only_shape_the_xform_are_passed_on() -> None:
    header = [
        "type",
        "name",
        "label",
        "autoplay",
        "body::intent",
        "noAppErrorString",
        "control::rows",
        "bind::odk:x",
        "instance::y",
    ]
    row = ["text", "q", "Q", "audio", "org.example.scan(a='b')", "装一个扫码应用", "4", "1", "2"]
    made = build(workbook_of({"survey": [header, row], **SHEETS}), {}, USUAL)
    assert made.complaints == []
    assert [one.code for one in made.warnings] == []
    for part in ('intent="org.example.scan', "装一个扫码应用", 'rows="4"', 'odk:x="1"', 'y="2"'):
        assert part in made.xform


def test_settings_that_only_shape_the_xform_are_passed_on() -> None:
    settings = {
        "form_id": "trial",
        "version": "1",
        "form_title": "Trial",
        "name": "data",
        "allow_choice_duplicates": "yes",
        "clean_text_values": "yes",
        "instance_id": "uid",
        "auto_send": "true",
        "auto_delete": "false",
        "client_editable": "no",
        "namespaces": 'acme="https://acme.example/ns"',
        "instance_xmlns": "https://acme.example/instance",
        "prefix": "V",
        "delimiter": "+",
        "sms_keyword": "visit",
        "sms_separator": "+",
        "sms_allow_media": "TRUE",
        "sms_date_format": "%Y",
        "sms_datetime_format": "%Y",
        "sms_response": "ok",
        "flat": "no",
    }
    sheets = SHEETS | {"settings": [list(settings), list(settings.values())]}
    sheets["choices"] = [*SHEETS["choices"], ["yn", "no", "Rather not"]]
    survey_sheet = [["type", "name", "label"], ["text", "q", "Q"], ["select_one yn", "twice", "T"]]
    made = build(workbook_of({"survey": survey_sheet, **sheets}), {}, USUAL)
    assert made.complaints == []
    assert [one.code for one in made.warnings] == []
    assert made.form is not None
    assert [choice.name for choice in made.form.lists["yn"].choices] == ["yes", "no", "no"]
    for part in (
        'orx:auto-send="true"',
        'xmlns:acme="https://acme.example/ns"',
        'xmlns="https://acme.example/instance"',
    ):
        assert part in made.xform
