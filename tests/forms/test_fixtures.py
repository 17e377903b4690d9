"""One test per feature group: a small workbook of ours, published, filled in and evaluated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from forms.definition import Form, Question, Repeat, questions
from forms.evaluate import Evaluation, Flaw, evaluate, fill
from forms.lists import UnreadableList, read_rows
from forms.publishing.outcome import Outcome
from tests.forms.conftest import WORKBOOKS
from tests.forms.fixtures.build import TABLES

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TOWNS = "code,title,tier\nGY,公园街道,一\nTW,滕王阁街道,二\n".encode("gb18030")
PARKS = b"name,label,town\np1,Park one,GY\np2,Park two,TW\n"
SITES = b"""{"type": "FeatureCollection", "features": [{"type": "Feature", "id": "north",
  "properties": {"title": "North hall"}, "geometry": {"type": "Point", "coordinates": [115.9, 28.68]}}]}"""
TRADES = b"<root><item><name>27</name><label>Medicine</label></item></root>"

Outcomes = Callable[[str], Outcome]


@pytest.fixture
def form(outcome: Outcomes) -> Callable[[str], Form]:
    def published(name: str) -> Form:
        found = outcome(name)
        assert found.complaints == []
        assert found.form is not None
        return found.form

    return published


def filled(form: Form, answers: dict[str, Any], **lists: Any) -> dict[str, Any]:
    return fill(form, answers, now=NOW, lists=lists, chance=Random(7))


def flaws(form: Form, answers: dict[str, Any], **lists: Any) -> list[tuple[str, str]]:
    return [(flaw.path, flaw.code) for flaw in found(form, answers, **lists).flaws]


def found(form: Form, answers: dict[str, Any], **lists: Any) -> Evaluation:
    return evaluate(form, answers, now=NOW, lists=lists)


def question(form: Form, name: str) -> Question:
    return next(one for one in questions(form.children) if one.name == name)


@pytest.mark.parametrize("name", [path.stem for path in TABLES])
def test_every_fixture_is_published_and_its_own_columns_stay_out_of_the_xform(outcome: Outcomes, name: str) -> None:
    made = outcome(name)
    assert made.complaints == []
    assert made.form is not None
    assert f'<data id="{made.form.id}" version="{made.form.version}"' in made.xform
    assert "qf" not in made.xform.lower()
    assert {path.stem for path in WORKBOOKS.glob("*.xlsx")} == {path.stem for path in TABLES}


def test_text_and_numbers(form: Callable[[str], Form]) -> None:
    one = form("01_text_and_numbers")
    assert [item.type for item in questions(one.children)][-3:] == ["decimal", "integer", "note"]
    assert question(one, "staff").unit == "人"
    assert question(one, "words").appearance == ("multiline",)
    assert question(one, "words").parameters == {"rows": "5"}
    good = {"title": "东湖机械", "phone": "13800000000", "staff": 12, "revenue": 3.5}
    assert flaws(one, good) == []
    bad = {"title": "字" * 41, "phone": "12345", "staff": -1, "revenue": "many"}
    assert flaws(one, bad) == [
        ("title", "constraint"),
        ("phone", "constraint"),
        ("staff", "constraint"),
        ("revenue", "type"),
    ]


def test_dates_and_times(form: Callable[[str], Form]) -> None:
    one = form("02_dates_and_times")
    answers = filled(
        one, {"visit_date": "2026-11-20", "founded": "2026-11-10", "start_time": "09:00", "end_time": "10:30"}
    )
    assert (answers["next_visit"], answers["weekday"]) == ("2026-12-20", "周五")
    assert (answers["days"], answers["shown"]) == (10, "2026-11-20")
    assert flaws(one, answers) == []
    late = filled(one, {"visit_date": "2026-11-22", "start_time": "10:00", "end_time": "09:00"})
    assert flaws(one, late) == [("visit_date", "constraint"), ("end_time", "constraint")]
    assert flaws(one, {"visit_date": "20 November"})[0] == ("visit_date", "type")


def test_selects(form: Callable[[str], Form]) -> None:
    one = form("03_selects")
    answers = filled(one, {"channel": "phone", "purpose": ["policy", "check"]})
    assert answers["first_purpose"] == "policy"
    assert answers["channel_label"] == "电话"
    assert flaws(one, answers) == []
    too_many = {"channel": "letter", "purpose": ["routine", "policy", "check", "other"], "again": "letter"}
    assert [flaw for flaw in flaws(one, too_many) if flaw[1] != "calculation"] == [
        ("channel", "choice"),
        ("purpose", "constraint"),
        ("again", "choice"),
        ("again", "constraint"),
    ]


def test_select_from_csv(form: Callable[[str], Form]) -> None:
    one = form("04_select_from_csv")
    assert one.attachments == ("parks.csv", "towns.csv")
    assert (one.lists["towns"].value_column, one.lists["towns"].label_column) == ("code", "title")
    lists = {"towns": read_rows("towns.csv", TOWNS), "parks": read_rows("parks.csv", PARKS)}
    answers = filled(one, {"town": "GY", "parks": ["p1"]}, **lists)
    assert (answers["town_title"], answers["tier"]) == ("公园街道", "一")
    assert flaws(one, answers, **lists) == []
    elsewhere = filled(one, {"town": "TW", "parks": ["p2"]}, **lists) | {"parks": ["p1"]}
    assert flaws(one, elsewhere, **lists) == [("parks", "choice")]
    assert ("town", "not_rechecked") in flaws(one, answers)


def test_select_from_geojson_and_xml(form: Callable[[str], Form]) -> None:
    one = form("05_select_from_geojson")
    lists = {"sites": read_rows("sites.geojson", SITES), "trades": read_rows("trades.xml", TRADES)}
    answers = filled(one, {"site": "north", "trade": "27"}, **lists)
    assert answers["place"] == "28.68 115.9 0 0"
    assert flaws(one, answers, **lists) == []
    assert flaws(one, {"trade": "99"}, **lists) == [("trade", "choice")]


def test_cascades(form: Callable[[str], Form]) -> None:
    one = form("06_cascades")
    assert flaws(one, {"city": "nanchang", "district": "donghu", "street": "gongyuan"}) == []
    assert flaws(one, {"city": "jiujiang", "district": "donghu"}) == [("district", "choice")]
    assert flaws(one, {"city": "nanchang", "district": "donghu", "street": "tengwangge"}) == [("street", "choice")]
    cleared = filled(one, {"city": "jiujiang", "district": "donghu", "street": "gongyuan"})
    assert cleared == {"city": "jiujiang"}


def test_or_other(form: Callable[[str], Form]) -> None:
    one = form("07_or_other")
    assert [item.name for item in one.children] == ["heard_from", "heard_from_other", "tools", "tools_other"]
    assert one.lists["source"].choices[-1].label == {"zh": "其他", "en": "Other"}
    assert flaws(one, {"heard_from": "other", "heard_from_other": "报纸"}) == []
    assert flaws(one, {"heard_from": "web", "heard_from_other": "报纸"}) == [("heard_from_other", "irrelevant")]
    assert flaws(one, {"tools": ["web", "other"], "tools_other": "报纸"}) == []


def test_range(form: Callable[[str], Form]) -> None:
    one = form("08_range")
    assert question(one, "rate").parameters == {"start": "0.5", "end": "10.5", "step": "0.5"}
    assert flaws(one, {"confidence": 4, "capacity": 85, "rate": 3.5}) == []
    assert flaws(one, {"confidence": 6}) != []


def test_rank_and_shuffled_choices(form: Callable[[str], Form]) -> None:
    one = form("09_rank_and_random")
    assert question(one, "first").randomize
    answers = filled(one, {"needs": ["land", "money", "staff"], "first": "land"})
    assert answers["top"] == "land"
    assert flaws(one, answers) == []
    assert flaws(one, {"needs": ["gold"]})[0] == ("needs", "choice")


def test_media(form: Callable[[str], Form]) -> None:
    one = form("10_media")
    assert question(one, "guide").media["image"] == {"zh": "guide.png"}
    assert question(one, "guide").media["big-image"] == {"zh": "guide_big.png"}
    assert one.lists["place"].choices[0].media == {"image": {"zh": "hall.png"}}
    assert set(one.attachments) >= {"guide.png", "guide.mp3", "guide.mp4", "plan.svg", "hall.png"}
    kinds = {item.name: item.type for item in questions(one.children)}
    assert (kinds["photo"], kinds["firm_sign"], kinds["ambient"]) == ("photo", "signature", "background-audio")
    assert flaws(one, {"photo": "1.jpg", "firm_sign": "2.png", "minutes": "纪要.pdf", "place": "hall"}) == []


def test_languages(form: Callable[[str], Form]) -> None:
    one = form("11_languages")
    assert (one.languages, one.default_language) == (("zh", "en"), "zh")
    assert one.title == {"zh": "语言", "en": "Languages"}
    assert question(one, "name").hint == {"zh": "与证件一致", "en": "As in the papers"}
    assert one.lists["yn"].choices[1].label == {"zh": "否", "en": "No"}
    (missing,) = found(one, {}).flaws
    assert (missing.zh, missing.en) == ("请填写姓名", "Please give the name")


def test_hints_and_guidance(form: Callable[[str], Form]) -> None:
    one = form("12_hints")
    assert question(one, "rd").guidance == {"zh": "含委托研发", "en": "Commissioned work included"}
    assert question(one, "code").hint == {"zh": "18 位", "en": "18 characters"}


def test_relevance(form: Callable[[str], Form]) -> None:
    one = form("13_relevance")
    yes = filled(one, {"fin_need": "yes", "fin": {"amount": 200, "purpose": "设备"}, "banks": [{"bank": "农商行"}]})
    assert flaws(one, yes) == []
    no = filled(one, {"fin_need": "no", "fin": {"amount": 200}})
    assert no == {"fin_need": "no", "asked": 0}
    assert flaws(one, {"fin_need": "yes"})[0] == ("fin.amount", "missing")
    kept = yes | {"fin_need": "no", "asked": 0}
    assert ("fin", "irrelevant") in [(path.split(".")[0], code) for path, code in flaws(one, kept)]


def test_three_levels_of_checks(form: Callable[[str], Form]) -> None:
    one = form("14_checks")
    assert [check.level for check in question(one, "revenue").checks] == ["error", "verify", "verify", "advise"]
    assert levels(found(one, {"revenue": -1}).flaws) == ["error", "verify", "advise"]
    assert levels(found(one, {"revenue": 200000}).flaws) == ["verify"]
    assert levels(found(one, {"revenue": 10}).flaws) == ["advise"]
    assert levels(found(one, {"revenue": 100, "main_revenue": 101}).flaws) == ["error"]
    (flaw,) = found(one, {"revenue": 100, "debt": 201, "_reasons": {"debt": "新建厂房贷款"}}).flaws
    assert flaw.explained
    assert flaw.zh == "负债偏高，请说明"


def levels(some: list[Flaw]) -> list[str]:
    return [flaw.level for flaw in some]


def test_required(form: Callable[[str], Form]) -> None:
    one = form("15_required")
    assert flaws(one, {}) == [("always", "missing"), ("solved", "missing")]
    assert flaws(one, {"always": "有", "solved": "no"}) == [("why", "missing")]
    assert flaws(one, {"always": "有", "solved": "yes"}) == []


def test_calculations(form: Callable[[str], Form]) -> None:
    one = form("16_calculations")
    answers = filled(one, {"staff": 120, "rd_staff": 17, "y1": 130.0, "y2": 120.0})
    assert {name: answers[name] for name in ("share", "growth", "size", "code", "average")} == {
        "share": 14.2,
        "growth": 8.33,
        "size": "small",
        "code": "E-00120",
        "average": 125,
    }
    assert flaws(one, answers) == []
    assert flaws(one, answers | {"share": 15}) == [("share", "calculation")]


def test_trigger(form: Callable[[str], Form]) -> None:
    one = form("17_trigger")
    assert question(one, "offer").trigger == "price"
    answers = filled(one, {"price": 100})
    assert answers["offer"] == pytest.approx(110)
    assert flaws(one, answers | {"offer": 105}) == []


def test_defaults(form: Callable[[str], Form]) -> None:
    one = form("18_defaults")
    answers = filled(one, {"rows": [{}, {}]})
    assert answers == {
        "place": "企业现场",
        "people": 2,
        "visit_date": "2026-11-21",
        "since": "2020-01-01",
        "channel": "site",
        "channels": ["site", "phone"],
        "rows": [{"id": "R1"}, {"id": "R2"}],
    }
    assert question(one, "since").default == "2020-01-01"
    assert question(one, "visit_date").default_expression is not None
    assert flaws(one, answers) == []


def test_groups(form: Callable[[str], Form]) -> None:
    one = form("19_groups")
    assert one.style == "pages theme-grid"
    assert question(one, "title").path == ("contact", "post", "title")
    assert question(one, "credit_code").read_only
    answers = {"contact": {"name": "王", "post": {"title": "厂长"}}, "veto": {"accident": "no", "fraud": "no"}}
    assert flaws(one, answers) == []
    assert flaws(one, {"contact": {"title": "厂长"}}) == [("contact.title", "unknown_question")]


def test_repeats(form: Callable[[str], Form]) -> None:
    one = form("20_repeats")
    answers = filled(one, {"products": [{"product": "阀门", "output": 30}, {"product": "水泵", "output": 10}]})
    assert [row["number"] for row in answers["products"]] == [1, 2]
    assert [row["share"] for row in answers["products"]] == [75, 25]
    totals = [answers[name] for name in ("rows", "total", "largest", "names", "second")]
    assert totals == [2, 40, 30, "阀门、水泵", "水泵"]
    assert flaws(one, answers) == []


def test_nested_repeats_with_count(form: Callable[[str], Form]) -> None:
    one = form("21_nested_repeats")
    assert isinstance(one.children[1], Repeat)
    sites = [{"lines": 2, "line": [{"workers": 3}, {"workers": 4}]}, {"lines": 1, "line": [{"workers": 5}]}]
    answers = filled(one, {"sites": 2, "site": sites, "quarter": [{}, {}, {}, {}]})
    assert [row["site_workers"] for row in answers["site"]] == [7, 5]
    assert answers["all_workers"] == 12
    assert flaws(one, answers) == []
    assert ("site", "count") in flaws(one, answers | {"sites": 3})
    assert [len(filled(one, {"sites": 3})[name]) for name in ("site", "quarter")] == [3, 4]


def test_outputs_in_texts(form: Callable[[str], Form]) -> None:
    one = form("22_outputs")
    assert set(one.outputs) == {"${firm}", "${staff}"}
    checked = found(one, {"firm": "东湖机械", "staff": 12, "rd": 20})
    assert checked.text_of(question(one, "staff").label, "zh") == "东湖机械有多少人？"
    assert checked.text_of(question(one, "staff").label, "en") == "How many people work at 东湖机械?"
    assert [flaw.zh for flaw in checked.flaws] == ["不能多于 12 人"]
    assert one.instance_name is not None
    assert checked.value_of(one.instance_name) == "东湖机械 12"


def test_metadata(form: Callable[[str], Form]) -> None:
    one = form("23_metadata")
    assert filled(one, {"said": "好", "heard": "OK"})["today"] == "2026-11-21"
    assert [item.type for item in one.children][-4:] == ["audit", "hidden", "text", "acknowledge"]
    assert flaws(one, {"said": "好", "heard": "OK", "audit": "audit.csv", "deviceid": "phone-1"}) == []


def test_places_and_codes(form: Callable[[str], Form]) -> None:
    one = form("24_places")
    square = "28.0 115.0 0 0; 28.0 115.001 0 0; 28.001 115.001 0 0; 28.001 115.0 0 0; 28.0 115.0 0 0"
    answers = filled(one, {"point": "28.68 115.9 40 8", "trace": "28 115 0 0; 28.001 115 0 0", "shape": square})
    assert answers["length"] == pytest.approx(111, abs=1)
    assert answers["size"] == pytest.approx(10_900, rel=0.02)
    assert flaws(one, answers) == []
    assert flaws(one, {"point": "somewhere"})[0] == ("point", "type")


def test_pulldata(form: Callable[[str], Form]) -> None:
    one = form("25_pulldata")
    assert one.attachments == ("firms.csv", "rates.csv")
    lists = {"firms": [{"name": "9136", "title": "东湖机械"}], "rates": [{"year": "2026", "rate": "3.1"}]}
    answers = filled(one, {"credit_code": "9136"}, **lists)
    assert (answers["firm"], answers["rate"]) == ("东湖机械", "3.1")
    assert flaws(one, answers) == [("firm", "not_rechecked"), ("rate", "not_rechecked")]


def test_own_columns(form: Callable[[str], Form]) -> None:
    one = form("28_own_columns")
    contact, id_card, profit, unit = questions(one.children)
    assert (contact.pii, contact.prefill, contact.export_name) == ("personal", "registry:contact", "contact_name")
    assert (id_card.pii, profit.secret, profit.prefill) == ("sensitive", "business", "last:profit")
    assert unit.prefill == "const:东湖区"
    assert one.header is not None
    assert (one.header.number, one.header.valid_until) == ("企监101表", "2027-12-31")
    assert one.header.notice == {"zh": "仅用于服务企业", "en": "Used only to serve enterprises"}


def test_external_choices(form: Callable[[str], Form], outcome: Outcomes) -> None:
    one = form("29_external_choices")
    assert flaws(one, {"city": "nanchang", "street": "gongyuan"}) == []
    assert flaws(one, {"city": "jiujiang", "street": "gongyuan"}) == [("street", "choice")]
    made = outcome("29_external_choices").generated["itemsets.csv"].decode()
    assert made.splitlines()[0] == '"list_name","name","label","city"'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"\xff\xfe\x00\x00"),
        ("a.csv", b""),
        ("a.csv", b'name,label\n"open'),
        ("a.geojson", b"{}"),
        ("a.geojson", b"[" * 100_000),
        ("a.geojson", b'{"features": [{"geometry": {"type": "Point", "coordinates": []}}]}'),
        ("a.xml", b"<root>"),
        ("a.xml", b'<!DOCTYPE r [<!ENTITY x "y">]><root><item><name>&x;</name></item></root>'),
    ],
)
def test_a_list_file_that_is_not_what_it_says_is_named_unreadable(name: str, content: bytes) -> None:
    with pytest.raises(UnreadableList):
        read_rows(name, content)


def test_list_files_are_read_as_people_save_them() -> None:
    assert read_rows("a.csv", "\ufeffname,label\r\nGY,公园\r\n,\r\n".encode()) == [{"name": "GY", "label": "公园"}]
    assert read_rows("a.csv", "name,label\nGY,公园\nTW\n".encode("gb18030")) == [
        {"name": "GY", "label": "公园"},
        {"name": "TW"},
    ]
    square = '{"type": "Polygon", "coordinates": [[[115, 28], [116, 28], [115, 28]]]}'
    feature = f'{{"id": 7, "properties": {{"title": "甲", "open": true, "none": null}}, "geometry": {square}}}'
    assert read_rows("a.geojson", f'{{"features": [{feature}]}}'.encode()) == [
        {"title": "甲", "open": "true", "none": "", "id": "7", "geometry": "28 115 0 0; 28 116 0 0; 28 115 0 0"}
    ]
