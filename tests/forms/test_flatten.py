"""Answers as tables, the way ODK Central's CSV files lay them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forms.definition import Form
from forms.flatten import Table, columns, rows
from forms.publishing.outcome import Outcome

Outcomes = Callable[[str], Outcome]


def form_of(outcome: Outcomes, name: str) -> Form:
    form = outcome(name).form
    assert form is not None
    return form


def records(tables: tuple[Table, ...], answers: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    made = rows(tables, "uuid:1", answers)
    return {table.name: [dict(zip(table.headers, row, strict=True)) for row in made[table.name]] for table in tables}


def test_groups_are_part_of_the_header(outcome: Outcomes) -> None:
    tables = columns(form_of(outcome, "19_groups"))
    assert [table.name for table in tables] == ["groups"]
    assert tables[0].headers == (
        "contact-name",
        "contact-post-title",
        "veto-accident",
        "veto-fraud",
        "known-credit_code",
        "KEY",
    )
    made = records(tables, {"contact": {"name": "王", "post": {"title": "厂长"}}})
    assert made["groups"][0]["contact-post-title"] == "厂长"
    assert made["groups"][0]["veto-fraud"] is None
    assert made["groups"][0]["KEY"] == "uuid:1"


def test_repeats_are_tables_of_their_own_linked_by_keys(outcome: Outcomes) -> None:
    tables = columns(form_of(outcome, "21_nested_repeats"))
    assert [table.name for table in tables] == [
        "nested_repeats",
        "nested_repeats-site",
        "nested_repeats-site-line",
        "nested_repeats-quarter",
    ]
    site = {"site_name": "东厂", "lines": 2, "line": [{"workers": 3}, {"workers": 4}], "site_workers": 7}
    made = records(tables, {"sites": 2, "site": [site, {"site_name": "西厂"}], "all_workers": 7})
    assert [row["KEY"] for row in made["nested_repeats-site"]] == ["uuid:1/site[1]", "uuid:1/site[2]"]
    assert made["nested_repeats-site-line"] == [
        {"workers": 3, "PARENT_KEY": "uuid:1/site[1]", "KEY": "uuid:1/site[1]/line[1]"},
        {"workers": 4, "PARENT_KEY": "uuid:1/site[1]", "KEY": "uuid:1/site[1]/line[2]"},
    ]
    assert made["nested_repeats-quarter"] == []
    assert made["nested_repeats"] == [{"sites": 2, "all_workers": 7, "KEY": "uuid:1"}]


def test_several_choices_are_joined_and_split_on_request(outcome: Outcomes) -> None:
    form = form_of(outcome, "03_selects")
    answers = {"channel": "site", "purpose": ["policy", "check"]}
    (row,) = records(columns(form), answers)["selects"]
    assert row["purpose"] == "policy check"
    (row,) = records(columns(form, split=True), answers)["selects"]
    assert [row[f"purpose/{name}"] for name in ("routine", "policy", "check", "other")] == [0, 1, 1, 0]
    (row,) = records(columns(form, split=True), {})["selects"]
    assert row["purpose/policy"] is None


def test_a_place_has_four_columns_and_one_that_cannot_be_read_stays_whole(outcome: Outcomes) -> None:
    tables = columns(form_of(outcome, "24_places"))
    (row,) = records(tables, {"point": "28.68 115.9 40 8"})["places"]
    assert [row[f"point-{part}"] for part in ("Latitude", "Longitude", "Altitude", "Accuracy")] == [28.68, 115.9, 40, 8]
    (row,) = records(tables, {"point": "东湖边"})["places"]
    assert [row["point-Latitude"], row["point-Longitude"]] == ["东湖边", None]


def test_export_names_units_and_marks_travel_with_the_column(outcome: Outcomes) -> None:
    (table,) = columns(form_of(outcome, "28_own_columns"))
    contact, id_card, profit, _ = table.columns
    assert (contact.header, contact.pii, id_card.pii) == ("contact_name", "personal", "sensitive")
    assert (profit.unit, profit.secret, profit.label["zh"]) == ("万元", "business", "净利润")


def test_notes_have_no_column_and_values_keep_their_types(outcome: Outcomes) -> None:
    (table,) = columns(form_of(outcome, "01_text_and_numbers"))
    assert "thanks" not in table.headers
    (row,) = records((table,), {"staff": 12, "revenue": 3.5, "title": "=1+1", "phone": None})["text_and_numbers"]
    assert (row["staff"], row["revenue"], row["title"], row["phone"]) == (12, 3.5, "=1+1", None)


def test_answers_of_the_wrong_shape_do_not_stop_the_export(outcome: Outcomes) -> None:
    tables = columns(form_of(outcome, "21_nested_repeats"))
    made = rows(tables, "uuid:1", {"site": ["not a row", {"line": "none"}], "sites": {"a": 1}})
    assert len(made["nested_repeats-site"]) == 1
    assert made["nested_repeats"][0][0] == "{'a': 1}"
