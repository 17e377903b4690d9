"""Records as instance XML: what clients send is read, what we write they can read, and nothing is lost between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forms.definition import Form, Question, Repeat
from forms.instance import (
    BINARY,
    MAX_BYTES,
    MAX_DEPTH,
    SEVERAL,
    EntityBlock,
    InstanceRefused,
    parse_instance,
    read_number,
    write_instance,
)
from forms.publishing.outcome import Outcome

Outcomes = Callable[[str], Outcome]
UUID = "uuid:7b9f2ad8-3b06-4a2f-9f0d-1d3c2f6f2a11"


@pytest.fixture
def repeats(outcome: Outcomes) -> Form:
    form = outcome("27_entities_in_repeats").form
    assert form is not None
    return form


FROM_COLLECT = f"""<?xml version='1.0' ?><data id="entities_in_repeats" version="1"
 xmlns:h="http://www.w3.org/1999/xhtml" xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms">
 <enterprise>e-17</enterprise><staff>12</staff><problems_count/>
 <problems jr:template=""><what/></problems>
 <problems><what>用电</what><words>经常停电 &amp; 跳闸</words>
  <meta><entity dataset="reports" id="UUID:AB" create="1"><label>用电</label></entity></meta></problems>
 <problems><what/><words/></problems><surprise><inner>x</inner></surprise>
 <orx:meta><orx:instanceID>{UUID}</orx:instanceID><orx:deprecatedID>uuid:old</orx:deprecatedID>
  <entity dataset="enterprises" id="e-17" update="1" baseVersion="3" trunkVersion="2" branchId="b"/></orx:meta></data>"""


def test_a_record_from_collect_is_read_whole(repeats: Form) -> None:
    record = parse_instance(repeats, FROM_COLLECT.encode())
    assert (record.instance_id, record.form_id, record.version) == (UUID, "entities_in_repeats", "1")
    assert record.answers == {
        "enterprise": "e-17",
        "staff": 12,
        "problems": [{"what": "用电", "words": "经常停电 & 跳闸"}, {}],
    }
    assert record.meta == {"deprecatedID": "uuid:old"}
    assert record.unknown == ("surprise/inner",)
    assert record.entities == (
        EntityBlock(dataset="reports", rows=(0,), id="uuid:ab", create=True, label="用电"),
        EntityBlock(dataset="enterprises", id="e-17", update=True, base_version="3", trunk_version="2", branch_id="b"),
    )


def test_answers_have_the_types_of_their_questions(outcome: Outcomes) -> None:
    form = outcome("10_media").form
    assert form is not None
    xml = write_instance(form, {"photo": "a.jpg", "minutes": "纪要.pdf", "place": "hall", "firm_sign": "a.jpg"}, UUID)
    record = parse_instance(form, xml)
    assert record.attachments == ("a.jpg", "纪要.pdf")
    numbers = outcome("01_text_and_numbers").form
    assert numbers is not None
    sent = {"title": " 两端空格 ", "staff": "twelve", "revenue": 3.5, "visitors": 2}
    assert parse_instance(numbers, write_instance(numbers, sent, UUID)).answers == sent


def test_the_audit_file_is_an_attachment(outcome: Outcomes) -> None:
    form = outcome("23_metadata").form
    assert form is not None
    record = parse_instance(form, write_instance(form, {"audit": "audit.csv", "said": "好"}, UUID))
    assert record.answers == {"said": "好", "audit": "audit.csv"}
    assert record.attachments == ("audit.csv",)


@pytest.mark.parametrize(
    ("text", "whole", "value"),
    [
        ("12", True, 12),
        ("-3", True, -3),
        ("3.0", True, "3.0"),
        ("3.0", False, 3.0),
        ("1e3", False, 1000.0),
        ("１２", True, "１２"),
        ("nan", False, "nan"),
        ("1" * 301, True, "1" * 301),
        ("9e999", False, "9e999"),
    ],
)
def test_a_number_that_cannot_be_read_stays_text(text: str, whole: bool, value: Any) -> None:
    read = read_number(text, whole)
    assert read == value
    assert type(read) is type(value)


DEEP = "<a>" * (MAX_DEPTH + 2) + "</a>" * (MAX_DEPTH + 2)


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (b"", "instance.not_xml"),
        (b"not xml", "instance.not_xml"),
        (b"<data id='entities_in_repeats'>", "instance.not_xml"),
        (b"<!DOCTYPE data [<!ENTITY x 'y'>]><data id='entities_in_repeats'>&x;</data>", "instance.not_xml"),
        (b"<?xml version='1.0' encoding='no-such'?><data/>", "instance.not_xml"),
        (b"<data id='another' version='1'/>", "instance.other_form"),
        (b"<data/>", "instance.other_form"),
        (b"<data id='entities_in_repeats' encrypted='yes'/>", "instance.encrypted"),
        (f"<data id='entities_in_repeats'>{DEEP}</data>".encode(), "instance.too_deep"),
        (b" " * (MAX_BYTES + 1), "instance.too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_xml_that_is_no_record_of_the_form_is_refused(repeats: Form, xml: bytes, code: str) -> None:
    with pytest.raises(InstanceRefused) as refusal:
        parse_instance(repeats, xml)
    assert refusal.value.code == code
    assert refusal.value.zh
    assert refusal.value.en


def test_what_xml_cannot_hold_is_written_as_a_replacement(repeats: Form) -> None:
    record = parse_instance(repeats, write_instance(repeats, {"enterprise": "a\x00b\ud800c"}, UUID))
    assert record.answers == {"enterprise": "a\ufffdb\ufffdc"}


WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=8
)
FILLED = WORDS.filter(lambda text: text.strip() != "")


def answers_to(items: tuple[Any, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Answers as `parse_instance` gives them: no key for what is empty."""
    parts: dict[str, st.SearchStrategy[Any]] = {}
    for item in items:
        if isinstance(item, Repeat):
            parts[item.name] = st.lists(answers_to(item.children), min_size=1, max_size=2)
        elif not isinstance(item, Question):
            parts[item.name] = answers_to(item.children).filter(bool)
        elif item.type in SEVERAL:
            parts[item.name] = st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1, max_size=3)
        elif item.type == "integer":
            parts[item.name] = st.integers()
        elif item.type in ("decimal", "range"):
            parts[item.name] = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        elif item.type in BINARY or item.type.startswith(("select", "geo", "date", "time", "start", "end", "bar")):
            parts[item.name] = FILLED.map(str.strip)
        elif item.type in ("text", "calculate", "hidden"):
            parts[item.name] = FILLED | st.just("两行\r\n文字 <b>&amp;\t")
    return st.fixed_dictionaries({}, optional=parts)


FORMS = ("01_text_and_numbers", "03_selects", "10_media", "13_relevance", "19_groups", "21_nested_repeats", "24_places")


@pytest.mark.parametrize("name", FORMS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_what_is_written_is_read_back_the_same(outcome: Outcomes, name: str, data: st.DataObject) -> None:
    form = outcome(name).form
    assert form is not None
    answers = data.draw(answers_to(form.children))
    record = parse_instance(form, write_instance(form, answers, UUID, {"instanceName": "名"}))
    assert record.answers == answers
    assert (record.instance_id, record.meta, record.unknown) == (UUID, {"instanceName": "名"}, ())
