"""Laws that hold for every workbook: junk never breaks the reader, and what we accept is the form that pyxform accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forms.definition import Form, Item, Question
from forms.entities import extract
from forms.evaluate import compile_form, evaluate, fill
from forms.flatten import columns, rows
from forms.instance import parse_instance, write_instance
from forms.publishing.build import build
from forms.publishing.outcome import Outcome
from forms.workbook.door import USUAL
from tests.forms.conftest import WORKBOOKS
from tests.forms.fixtures.build import TABLES, workbook_of

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
CHOICES = [["list_name", "name", "label"], ["yn", "yes", "Yes"], ["yn", "no", "No"]]
SETTINGS = [["form_id", "version", "form_title"], ["trial", "1", "Trial"]]
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BIND = re.compile(r'<bind nodeset="(/data[^"@]*)"')
MADE_BY_PYXFORM = re.compile(r"/meta(?:/|$)|_count$|generated_table_list|reserved_name_for_field_list")


def paths(items: tuple[Item, ...]) -> Iterator[str]:
    for item in items:
        yield "/data/" + "/".join(item.path)
        if not isinstance(item, Question):
            yield from paths(item.children)


def agree(outcome: Outcome) -> None:
    """The same questions in our form and in the XForm: no more, no fewer, at the same places."""
    assert outcome.form is not None
    ours = set(paths(outcome.form.children))
    without_answer = {
        "/data/" + "/".join(item.path)
        for item in outcome.form.children
        if isinstance(item, Question) and item.type == "audit"
    } | {path for path in ours if path.rpartition("/")[2] in ("rates",)}
    theirs = {path for path in BIND.findall(outcome.xform) if not MADE_BY_PYXFORM.search(path)}
    assert theirs <= ours
    questions = {path for path in ours if not any(other.startswith(f"{path}/") for other in ours)}
    assert questions - without_answer <= theirs


@pytest.mark.parametrize("name", [path.stem for path in TABLES])
def test_our_form_and_the_xform_have_the_same_questions(name: str) -> None:
    agree(build((WORKBOOKS / f"{name}.xlsx").read_bytes(), {}, USUAL))


def walk_through(form: Form) -> None:
    """All that the server does with a form, on an empty record: nothing of it may raise."""
    compiled = compile_form(form)
    answers = fill(compiled, {}, now=NOW)
    evaluation = evaluate(compiled, answers, now=NOW)
    extract(evaluation, "record")
    rows(columns(form, split=True), "record", answers)
    read = parse_instance(form, write_instance(form, answers, "uuid:1"))
    assert evaluate(compiled, read.answers, now=NOW).flaws is not None


JUNK = st.sampled_from(
    """
    text|integer|select_one yn|select_one yn or_other|select_one|rank yn|begin_group|end_group|begin repeat|end repeat|
    calculate|note|audit|osm|range|TEXT|begin_loop over yn|select_one ${a}|select_one_from_file t.csv|csv-external|a|b|A|meta|1x|
    data|a b|中文|__v|${a}|${a} + 1|. > 1|${zz}|count(${a})|if(|'|"|position(..)|../a|/data/a|now()|yes|no|1|-|${last-saved#a}|
    ${instanceID}|[|(((((|<|&amp;|“x”|pulldata('t','a','b',${a})|<output value='x'/>|a=1 b|${a},${b}|#REF!|=1+1|e#x|e|name
    """.replace("\n", "")
    .replace("    ", "")
    .split("|")
)
WORDS = """
    type name label label::en label:fr relevant required constraint calculation choice_filter default trigger
    repeat_count parameters appearance save_to qf::verify qf::pii qf::prefill read_only hint constraint_message image
    disabled bind::foo list_name entity_id create_if update_if form_id version instance_name default_language 备注
"""
HEADERS = st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=9)
SHEET = HEADERS.flatmap(
    lambda headers: st.lists(
        st.lists(JUNK | st.just(""), min_size=len(headers), max_size=len(headers)), max_size=6
    ).map(lambda body: [headers, *body])
)
NAMES = st.sampled_from(["survey", "choices", "settings", "entities", "external_choices", "其他"])


@QUIET
@given(st.dictionaries(NAMES, SHEET, min_size=1))
def test_junk_is_refused_with_words_and_never_breaks_the_reader(sheets: dict[str, list[list[str]]]) -> None:
    outcome = build(workbook_of(sheets), {}, USUAL)
    assert (outcome.form is None) == bool(outcome.complaints)
    for complaint in (*outcome.complaints, *outcome.warnings):
        assert complaint.zh
        assert complaint.en
        assert complaint.where.row >= 0


@st.composite
def surveys(draw: st.DrawFn, depth: int = 0, before: tuple[str, ...] = (), place: str = "q") -> list[list[str]]:
    """Rows of a sound survey: names once each, references only to questions above and outside of repeats."""
    made: list[list[str]] = []
    known = before
    for number in range(draw(st.integers(1, 4))):
        name = f"{place}_{number}"
        kind = draw(st.sampled_from([*LEAVES, "group", "repeat"] if depth < 3 else LEAVES))
        condition = f"${{{draw(st.sampled_from(known))}}} = 'yes'" if known and draw(st.booleans()) else ""
        if kind in ("group", "repeat"):
            made.append([f"begin_{kind}", name, "G", condition, "", "", ""])
            made += draw(surveys(depth + 1, known, name))
            made.append([f"end_{kind}"])
            continue
        calculation = "1 + 1" if kind == "calculate" else ""
        check = ". != ''" if kind == "text" else ""
        made.append([kind, name, "Q", condition, calculation, check, draw(st.sampled_from(["", "yes", "no"]))])
        known = (*known, name)
    return made


LEAVES = [
    "text",
    "integer",
    "decimal",
    "select_one yn",
    "select_multiple yn",
    "select_one yn or_other",
    "rank yn",
    "date",
]
LEAVES += ["note", "calculate", "geopoint", "image", "acknowledge", "range", "hidden", "time", "barcode", "file"]


@QUIET
@given(surveys())
def test_a_sound_survey_is_published_and_everything_can_be_done_with_it(body: list[list[str]]) -> None:
    header = ["type", "name", "label", "relevant", "calculation", "constraint", "required"]
    sheets = {"survey": [header, *body], "choices": CHOICES, "settings": SETTINGS}
    outcome = build(workbook_of(sheets), {}, USUAL)
    assert outcome.complaints == []
    assert outcome.form is not None
    agree(outcome)
    walk_through(outcome.form)
