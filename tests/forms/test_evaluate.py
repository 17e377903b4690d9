"""One record against its form: a visit to an enterprise, in small."""

import copy
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.definition import Form, Item
from forms.evaluate import Table, compile_form, evaluate, fill, value_of
from forms.expression import ExpressionError
from tests.forms.small_forms import NOW, choices, expression, form, group, question, repeat

TOWNS = choices("towns", "bayi 八一 Bayi", "dayuan 大院 Dayuan", "nanzhan 南站 Nanzhan", district=["dh", "dh", "xh"])
DISTRICTS = choices("districts", "dh 东湖 Donghu", "xh 西湖 Xihu")
YES_NO = choices("yes_no", "yes 是 Yes", "no 否 No")

VISIT = form(
    question(
        "day", "date", required="true()", constraint=". <= today()", message={"zh": "不能晚于今天", "en": "not later"}
    ),
    question(
        "staff", "integer", constraint=". >= 0", verify=". < 1000", message={"zh": "人数 ${staff}?", "en": "${staff}?"}
    ),
    question("district", "select_one", list_name="districts"),
    question("town", "select_one", list_name="towns", choice_filter="district = ${district}"),
    question("needs_money", "select_one", list_name="yes_no", required="true()"),
    group(
        "money",
        question("money.amount", "decimal", required="true()", advise=". <= 5000"),
        question("money.uses", "select_multiple", list_name="yes_no"),
        question("money.per_head", "calculate", calculation="round(${amount} div ${staff}, 2)"),
        relevant="${needs_money} = 'yes'",
    ),
    repeat(
        "problems",
        question("problems.title", required="true()", constraint="string-length(.) <= 40"),
        question("problems.solved", "select_one", list_name="yes_no"),
        question("problems.reply", relevant="${solved} = 'yes'", required="true()"),
        question("problems.number", "calculate", calculation="position(..)"),
        repeat("problems.parts", question("problems.parts.cost", "decimal")),
        question("problems.sum", "calculate", calculation="sum(${cost})"),
    ),
    question("total", "calculate", calculation="count(${problems})"),
    question("photo", "photo"),
    lists=[TOWNS, DISTRICTS, YES_NO],
    outputs={"${staff}": expression("${staff}")},
)
GOOD: dict[str, Any] = {
    "day": "2026-11-20",
    "staff": 40,
    "district": "dh",
    "town": "bayi",
    "needs_money": "yes",
    "money": {"amount": 500, "uses": ["yes"], "per_head": 12.5},
    "problems": [
        {"_id": "018f", "title": "用工难", "solved": "yes", "reply": "已推荐", "number": 1, "parts": [{"cost": 1.5}, {"cost": 2}],
         "sum": 3.5},
        {"title": "融资难", "solved": "no", "number": 2, "parts": [], "sum": 0},
    ],
    "total": 2,
    "photo": "1.jpg",
}  # fmt: skip
COMPILED = compile_form(VISIT)


def flaws(changes: dict[str, Any], base: dict[str, Any] = GOOD) -> list[tuple[str, str]]:
    """Codes and paths after some answers were changed; `None` takes one away, dots lead into groups and rows."""
    answers = copy.deepcopy(base)
    for path, value in changes.items():
        *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = answers
        for part in above:
            place = place[part]
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return [(flaw.path, flaw.code) for flaw in evaluate(COMPILED, answers, now=NOW).flaws]


def test_a_record_as_it_should_be_has_no_flaw():
    evaluation = evaluate(COMPILED, GOOD, now=NOW)
    assert evaluation.flaws == []
    assert evaluation.is_clean
    assert evaluation.answers is GOOD


def test_a_form_travels_as_json_and_means_the_same_there():
    arrived = msgspec.json.decode(msgspec.json.encode(VISIT), type=Form)
    assert arrived == VISIT
    assert evaluate(arrived, GOOD, now=NOW).flaws == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"day": None}, [("day", "missing")]),
        ({"day": ""}, [("day", "missing")]),
        ({"day": "2026-11-22"}, [("day", "constraint")]),
        ({"day": "2026-11-31"}, [("day", "type")]),
        ({"day": 20261120}, [("day", "type")]),
        ({"staff": -1, "money.per_head": -500}, [("staff", "constraint")]),
        ({"staff": 2000, "money.per_head": 0.25}, [("staff", "verify")]),
        ({"staff": "40"}, [("staff", "type")]),
        ({"staff": 40.0}, []),
        ({"staff": True}, [("staff", "type"), ("money.per_head", "calculation")]),
        ({"district": "xx"}, [("district", "choice"), ("town", "choice")]),
        ({"district": "xh"}, [("town", "choice")]),
        ({"town": "moon"}, [("town", "choice")]),
        ({"money.amount": None, "money.per_head": None}, [("money.amount", "missing")]),
        ({"money.amount": 6000, "money.per_head": 150}, [("money.amount", "advise")]),
        ({"money.per_head": 12.4}, [("money.per_head", "calculation")]),
        ({"money.per_head": "12.50"}, []),
        ({"money.amount": 1e9, "money.per_head": "2.5E7"}, [("money.amount", "advise")]),
        ({"money.amount": None, "money.per_head": "NaN"}, [("money.amount", "missing")]),
        ({"money.per_head": None}, [("money.per_head", "calculation")]),
        ({"money.uses": "yes"}, [("money.uses", "type")]),
        ({"money.uses": ["yes", "yes"]}, [("money.uses", "type")]),
        ({"money.uses": ["maybe"]}, [("money.uses", "choice")]),
        ({"needs_money": "no"}, [("money", "irrelevant")]),
        ({"needs_money": "no", "money": {}}, []),
        ({"problems.0.title": "长" * 41}, [("problems[1].title", "constraint")]),
        ({"problems.1.reply": "不该有"}, [("problems[2].reply", "irrelevant")]),
        ({"problems.0.reply": None}, [("problems[1].reply", "missing")]),
        ({"problems.0.number": 2}, [("problems[1].number", "calculation")]),
        ({"problems.0.parts.1.cost": 7}, [("problems[1].sum", "calculation")]),
        ({"problems.0.parts.1.cost": "7"}, [("problems[1].parts[2].cost", "type"), ("problems[1].sum", "calculation")]),
        ({"total": 3}, [("total", "calculation")]),
        ({"weather": "sunny"}, [("weather", "unknown_question")]),
        ({"money.colour": "red"}, [("money.colour", "unknown_question")]),
        ({"problems.1.colour": "red"}, [("problems[2].colour", "unknown_question")]),
        ({"problems": {}, "total": 0}, [("problems", "type")]),
        ({"money": [1]}, [("money", "type"), ("money.amount", "missing")]),
    ],
)
def test_each_kind_of_flaw_is_named_where_it_is(changes, expected):
    assert flaws(changes) == expected


def test_flaws_come_in_the_order_of_the_form():
    assert flaws({"total": 9, "day": None, "problems.1.title": None, "money.amount": 6000, "money.per_head": 150}) == [
        ("day", "missing"),
        ("money.amount", "advise"),
        ("problems[2].title", "missing"),
        ("total", "calculation"),
    ]


def test_messages_are_the_forms_own_in_both_languages_with_answers_filled_in():
    answers = {**GOOD, "staff": 2000, "money": {**GOOD["money"], "per_head": 0.25}}
    (flaw,) = evaluate(COMPILED, answers, now=NOW).flaws
    assert (flaw.zh, flaw.en, flaw.value, flaw.level) == ("人数 2000?", "2000?", 2000, "verify")


def test_an_unlikely_answer_is_accepted_with_a_written_reason_and_a_wrong_one_is_not():
    unlikely = {**GOOD, "staff": 2000, "money": {**GOOD["money"], "per_head": 0.25}}
    assert not evaluate(COMPILED, unlikely, now=NOW).is_clean
    explained = evaluate(COMPILED, {**unlikely, "_reasons": {"staff": "含劳务派遣"}}, now=NOW)
    assert [flaw.explained for flaw in explained.flaws] == [True]
    assert explained.is_clean
    assert not evaluate(COMPILED, {**unlikely, "_reasons": {"staff": "  "}}, now=NOW).is_clean
    wrong = {**GOOD, "day": "2026-11-22", "_reasons": {"day": "我说的"}}
    assert not evaluate(COMPILED, wrong, now=NOW).is_clean


def test_what_does_not_apply_counts_as_unanswered_for_every_expression():
    a_form = form(
        question("a", "integer"),
        question("b", "integer", relevant="${a} > 1"),
        question("c", relevant="${b} = 5"),
        question("sum", "calculate", calculation="coalesce(${b}, 0) + 1"),
    )
    evaluation = evaluate(a_form, {"a": 1, "b": 5, "c": "x", "sum": 1}, now=NOW)
    assert [(flaw.path, flaw.code) for flaw in evaluation.flaws] == [("b", "irrelevant"), ("c", "irrelevant")]
    assert evaluation.relevant == {"a", "sum"}


def test_values_of_the_moment_stay_as_the_phone_made_them():
    a_form = form(
        question("stamp", "calculate", calculation="now()"),
        question("id", "calculate", calculation="once(uuid())"),
        question("dice", "calculate", calculation="random()"),
        question("weekday", "calculate", calculation="format-date(${day}, '%a')"),
        question("day", "date"),
        question("on_change", "calculate", calculation="${day}", trigger="day"),
    )
    answers = {"stamp": "2020-01-01T00:00:00.000+08:00", "id": "x", "dice": 7, "weekday": "Sat", "day": "2026-11-21"}
    assert evaluate(a_form, answers, now=NOW).flaws == []


def test_a_computed_moment_is_compared_by_what_it_means():
    a_form = form(question("at", "dateTime"), question("copy", "calculate", calculation="date-time(${at})"))
    at = "2026-11-21T12:00:00.000+08:00"
    for copied, alike in ((at, True), ("2026-11-21T04:00:00Z", True), ("2026-11-21T12:00:01.000+08:00", False)):
        assert (evaluate(a_form, {"at": at, "copy": copied}, now=NOW).flaws == []) is alike


def test_a_list_that_is_not_at_hand_leaves_answers_unchecked_not_wrong():
    firms = [{"name": "91", "label": "天工", "tier": "小巨人"}]
    a_form = form(
        question("firm", "select_one", list_name="firms"),
        question("tier", "calculate", calculation="pulldata('firms', 'tier', 'name', ${firm})"),
        lists=[msgspec.structs.replace(choices("firms"), file="firms.csv")],
    )
    answers = {"firm": "91", "tier": "小巨人"}
    unchecked = evaluate(a_form, answers, now=NOW)
    assert [(flaw.path, flaw.code, flaw.level) for flaw in unchecked.flaws] == [
        ("firm", "not_rechecked", "advise"),
        ("tier", "not_rechecked", "advise"),
    ]
    table = Table(firms)
    assert evaluate(a_form, answers, now=NOW, lists={"firms": table}).flaws == []
    gone = evaluate(a_form, {"firm": "92", "tier": "小巨人"}, now=NOW, lists={"firms": table})
    assert [(flaw.path, flaw.code) for flaw in gone.flaws] == [("firm", "choice"), ("tier", "calculation")]


def test_what_may_not_even_apply_is_not_missing():
    a_form = form(question("q", relevant="pulldata('firms', 'tier', 'name', '91') = 'A'", required="true()"))
    assert [flaw.code for flaw in evaluate(a_form, {}, now=NOW).flaws] == ["not_rechecked"]
    firms = [{"name": "91", "tier": "A"}]
    assert [flaw.code for flaw in evaluate(a_form, {}, now=NOW, lists={"firms": firms}).flaws] == ["missing"]


def test_a_label_recorded_in_another_language_of_the_form_is_right():
    a_form = form(
        question("d", "select_one", list_name="districts"),
        question("name", "calculate", calculation="jr:choice-name(${d}, '${d}')"),
        lists=[DISTRICTS],
    )
    for recorded, codes in (("东湖", []), ("Donghu", []), ("西湖", ["calculation"])):
        assert [flaw.code for flaw in evaluate(a_form, {"d": "dh", "name": recorded}, now=NOW).flaws] == codes


def test_rows_must_be_as_many_as_the_form_asks_for():
    a_form = form(question("n", "integer"), repeat("row", question("row.x"), count="${n} * 2"))
    filled = fill(a_form, {"n": 2, "row": [{"x": "kept"}]}, now=NOW)
    assert filled == {"n": 2, "row": [{"x": "kept"}, {}, {}, {}]}
    assert evaluate(a_form, filled, now=NOW).flaws == []
    (flaw,) = evaluate(a_form, {"n": 2, "row": [{}]}, now=NOW).flaws
    assert (flaw.path, flaw.code, flaw.value) == ("row", "count", 1)
    assert len(fill(a_form, {"n": 10**9}, now=NOW)["row"]) == 5_000


def test_a_reference_inside_a_repeat_means_the_same_row_and_outside_all_rows():
    a_form = form(
        repeat(
            "firm",
            question("firm.staff", "integer"),
            repeat("firm.site", question("firm.site.people", "integer"),
                   question("firm.site.share", "calculate", calculation="${people} div ${staff}")),
            question("firm.sites", "calculate", calculation="sum(${people})"),
            question("firm.before", "calculate", calculation="indexed-repeat(${staff}, ${firm}, position(..) - 1)"),
            question("firm.bigger", "calculate", calculation="count(${firm}[staff > current()/../staff])"),
        ),
        question("everyone", "calculate", calculation="sum(${people})"),
        question("second", "calculate", calculation="indexed-repeat(${people}, ${firm}, 1, ${site}, 2)"),
    )  # fmt: skip
    filled = fill(a_form, {"firm": [
        {"staff": 10, "site": [{"people": 4}, {"people": 5}]}, {"staff": 20, "site": [{"people": 20}]},
    ]}, now=NOW)  # fmt: skip
    assert filled["firm"][0]["site"][1]["share"] == 0.5
    assert [row["sites"] for row in filled["firm"]] == [9, 20]
    assert [row["before"] for row in filled["firm"]] == [10, 10]
    assert [row["bigger"] for row in filled["firm"]] == [1, 0]
    assert (filled["everyone"], filled["second"]) == (29, 5)


def test_filling_clears_what_a_changed_filter_no_longer_offers():
    filled = fill(COMPILED, {**GOOD, "district": "xh"}, now=NOW)
    assert "town" not in filled
    assert fill(COMPILED, {**GOOD, "needs_money": "no"}, now=NOW).get("money") is None


def test_defaults_fill_what_was_never_touched_and_respect_what_was_emptied():
    a_form = form(
        question("n", "integer", default="3"),
        question("many", "select_multiple", default="yes no", list_name="yes_no"),
        question("day", "date", default_expression="today()"),
        question("late", "text", default="x", relevant="${n} = 3"),
        repeat("row", question("row.kind", default="a")),
        question("start", "start"),
        lists=[YES_NO],
    )
    assert fill(a_form, {"row": [{}, {"kind": None}, {"kind": "b"}]}, now=NOW) == {
        "n": 3,
        "many": ["yes", "no"],
        "day": "2026-11-21",
        "late": "x",
        "row": [{"kind": "a"}, {}, {"kind": "b"}],
        "start": "2026-11-21T09:30:00.000+08:00",
    }


def test_calculations_run_in_the_order_of_need_not_of_the_sheet():
    rows = [question(f"c{n}", "calculate", calculation=f"${{c{n + 1}}} + 1") for n in range(300)]
    a_form = form(*rows, question("c300", "integer"))
    filled = fill(a_form, {"c300": 1}, now=NOW)
    assert filled["c0"] == 301
    assert evaluate(a_form, filled, now=NOW).flaws == []


def test_a_chain_of_a_thousand_conditions_does_not_exhaust_the_stack():
    rows = [question(f"q{n}", relevant=f"${{q{n + 1}}} = 'y'") for n in range(1_000)]
    a_form = form(*rows, question("q1000"))
    answers = {f"q{n}": "y" for n in range(1_001)}
    assert evaluate(a_form, answers, now=NOW).flaws == []
    assert len(evaluate(a_form, {**answers, "q1000": "n"}, now=NOW).flaws) == 1_000


def test_an_expression_is_answered_where_it_stands():
    evaluation = evaluate(COMPILED, GOOD, now=NOW)
    assert evaluation.value_of(expression("concat(${title}, '-', ${staff})"), "problems[2]") == "融资难-40"
    assert evaluation.value_of(expression("${reply}"), "problems[1].title") == "已推荐"
    assert evaluation.text_of({"zh": "共 ${staff} 人"}, "zh") == "共 40 人"
    assert value_of(VISIT, expression("sum(${cost})"), GOOD, now=NOW) == 3.5
    assert evaluation.value_of(expression("count(${problems})"), "problems") == 2
    for nowhere in ("problems[3]", "problems.title", "day[1]", "nothing"):
        with pytest.raises(KeyError):
            evaluation.value_of(expression("1"), nowhere)
    with pytest.raises(ExpressionError):
        evaluation.value_of(expression("${nowhere}"))


def test_a_range_takes_only_its_own_marks():
    a_form = form(question("score", "range", parameters={"start": "1", "end": "5", "step": "0.5"}))
    codes = [[flaw.code for flaw in evaluate(a_form, {"score": n}, now=NOW).flaws] for n in (1, 2.5, 5, 0, 5.5, 2.2)]
    assert codes == [[], [], [], ["type"], ["type"], ["type"]]


@pytest.mark.parametrize(
    "kind", ["geopoint", "geotrace", "geoshape", "time", "dateTime", "date", "rank", "select_multiple"]
)
def test_typed_answers_that_make_no_sense_are_flaws_of_type(kind):
    a_form = form(question("q", kind))
    for nonsense in ("soon", 5, ["a b"], {"x": 1}, [1], "91 181", "25:00"):
        assert [flaw.code for flaw in evaluate(a_form, {"q": nonsense}, now=NOW).flaws] == ["type"], nonsense


def test_huge_and_strange_numbers_are_only_numbers():
    a_form = form(
        question("n", "decimal"), question("m", "integer"), question("s", "calculate", calculation="${n} * ${m} + 1")
    )
    for n in (math.nan, math.inf, -math.inf, 10**400, -(10**400), 1e308, 0, -0.0):
        for m in (0, 10**400, 3):
            evaluate(a_form, {"n": n, "m": m, "s": 1}, now=NOW)
    assert evaluate(a_form, {"n": 1e308, "m": 100}, now=NOW).flaws == []


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
        st.sampled_from(["yes", "no", "dh", "bayi", "2026-11-21", "1", ""]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from([*COMPILED.index.by_name, "_reasons", "_id", "meta"]), st.text(max_size=3)
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_no_json_whatever_makes_evaluation_fail_and_evaluation_changes_nothing(answers):
    before = repr(answers)
    first = evaluate(COMPILED, answers, now=NOW)
    again = evaluate(COMPILED, answers, now=NOW)
    assert repr(answers) == before
    assert repr(first.flaws) == repr(again.flaws)
    assert all(flaw.zh and flaw.en for flaw in first.flaws)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(list(COMPILED.index.by_name)), json_values, max_size=8))
def test_what_a_well_behaved_phone_submits_computes_alike_and_applies(answers):
    filled = fill(COMPILED, answers, now=NOW)
    codes = {flaw.code for flaw in evaluate(COMPILED, filled, now=NOW).flaws}
    assert not codes & {"calculation", "irrelevant", "unknown_question", "count"}
    assert repr(fill(COMPILED, filled, now=NOW)) == repr(filled)


def test_answers_nested_a_thousand_deep_are_only_wrong():
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    found = evaluate(COMPILED, {**GOOD, "staff": deep, "problems": deep, "money": deep}, now=NOW).flaws
    assert {("staff", "type"), ("problems", "type"), ("money", "type")} <= {(flaw.path, flaw.code) for flaw in found}
    while isinstance(deep, list):
        deep = deep[0]


numbers = st.integers(-3, 3)


@st.composite
def forms_with_logic(draw: st.DrawFn) -> tuple[Form, dict[str, Any]]:
    """Integers whose later ones are calculated from, or shown by, earlier ones, some of them in groups and repeats."""
    items: list[Item] = []
    answers: dict[str, Any] = {}
    earlier: list[str] = []
    for at in range(draw(st.integers(2, 8))):
        name = f"q{at}"
        kind = draw(st.sampled_from(["plain", "calculate", "shown", "group", "repeat"]))
        other = draw(st.sampled_from(earlier)) if earlier else None
        if other is None or kind == "plain":
            items.append(question(name, "integer"))
            answers[name] = draw(numbers)
        elif kind == "calculate":
            items.append(question(name, "calculate", calculation=f"${{{other}}} * 2 - 1"))
        elif kind == "shown":
            items.append(question(name, "integer", relevant=f"${{{other}}} > {draw(numbers)}"))
            answers[name] = draw(numbers)
        elif kind == "group":
            inner = question(f"g{at}.{name}", "calculate", calculation=f"${{{other}}} + 1")
            items.append(group(f"g{at}", inner, relevant=f"${{{other}}} != {draw(numbers)}"))
        else:
            row = question(f"r{at}.v{at}", "calculate", calculation=f"position(..) + ${{{other}}}")
            items.append(repeat(f"r{at}", row, count=f"${{{other}}}"))
            items.append(question(name, "calculate", calculation=f"sum(${{v{at}}})"))
        earlier.append(name)
    draw(st.randoms()).shuffle(items)
    return form(*items), answers


@settings(max_examples=120, deadline=None)
@given(forms_with_logic())
def test_filling_agrees_with_evaluating_on_any_form(pair):
    a_form, answers = pair
    compiled = compile_form(a_form)
    filled = fill(compiled, answers, now=NOW)
    assert evaluate(compiled, filled, now=NOW).flaws == []
    assert fill(compiled, filled, now=NOW) == filled
