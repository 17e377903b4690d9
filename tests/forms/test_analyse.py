"""What is wrong with a form before anybody fills it in: told with row, column and what to write instead."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.analyse import check_form, lists_read
from forms.definition import EntityDeclaration, Form, Source
from forms.evaluate import compile_form, evaluate, fill
from forms.functions import FUNCTIONS
from tests.forms.small_forms import NOW, choices, expression, form, group, question, repeat

TOWNS = choices("towns", "bayi 八一 Bayi", "nanzhan 南站 Nanzhan", district=["dh", "xh"])
COMMON = (
    question("age", "integer", row=2),
    question("town", "select_one", list_name="towns", row=3),
    question("day", "date", row=4),
    question("since", "calculate", calculation="today() - 1", row=5),
    question("opened", "calculate", calculation="date(${day})", row=5),
    question("start_at", "time", row=6),
    question("end_at", "time", row=7),
    question("from_at", "dateTime", row=8),
    question("to_at", "dateTime", row=9),
    group("site", question("site.name", row=11), relevant="${age} > 1"),
    repeat("visitor", question("visitor.name_of", row=13), question("visitor.cost", "decimal", row=14)),
)


def with_calculation(text: str) -> Form:
    return form(*COMMON, question("x", "calculate", calculation=text, row=20), lists=[TOWNS])


def test_a_form_without_faults_has_no_complaints_and_compiles():
    sound = with_calculation("if(selected(${town}, 'bayi'), sum(${cost}), count(${visitor}))")
    assert check_form(sound) == []
    compile_form(sound)


@pytest.mark.parametrize(
    ("text", "code", "instead"),
    [
        ("${agee} + 1", "form.unknown_question", "${age}"),
        ("../nowhere", "form.bad_path", "${name}"),
        ("/data/site/none", "form.bad_path", "${name}"),
        ("summ(${cost})", "form.unknown_function", "sum(…)"),
        ("round()", "form.argument_count", "round(…)"),
        ("if(true(), 1)", "form.argument_count", "if(…, …, …)"),
        ("lower-case('A')", "form.unsupported_function", None),
        ("${cost} + 1", "form.repeated_reference", "sum(${cost}) / indexed-repeat(${cost}, ${visitor}, 1)"),
        ("${site} = ''", "form.group_as_value", "count(${site})"),
        ("regex(${age}, '(a+)+')", "form.bad_pattern", "a+"),
        ("regex(${age}, ${age})", "form.argument", "regex(., '[0-9]{6}')"),
        ("selected(${town}, 'bay')", "form.unknown_choice", "bayi / nanzhan"),
        ("${town} = 'bay'", "form.unknown_choice", "bayi / nanzhan"),
        ("selected(${town}, 1)", "form.argument", "selected(${q}, '1')"),
        ("jr:choice-name(${town}, '${age}')", "form.argument", "'${select_question}'"),
        ("jr:choice-name(${town}, '${nothing}')", "form.unknown_question", "'${question}'"),
        ("instance('cities')/root/item[name = 'a']/name", "form.unknown_list", "towns"),
        ("instance('towns')/root/item[area = 'a']/name", "form.unknown_column", "district"),
        ("instance('towns')/root/item[name = 'a']/label", "form.translated_label", "jr:choice-name(${q}, '${q}')"),
        ("instance('towns')/item", "form.bad_path", "instance('list')/root/item[name = ${q}]/label"),
        ("${day} > '2026-01-01'", "form.date_text", "date('2026-01-01')"),
        ("${day} + 'x'", "form.text_as_number", "= '…'"),
        ("${opened} < today()", "form.date_in_calculate", "date(${opened})"),
        ("${end_at} > ${start_at}", "form.time_compared", "decimal-time(${end_at})"),
        ("${to_at} > ${from_at}", "form.time_compared", "decimal-date-time(${to_at})"),
        ("position()", "form.argument", "position(..)"),
        ("position(..)", "form.argument", ""),
        ("indexed-repeat(${age}, ${visitor}, 1)", "form.argument", "indexed-repeat(${q}, ${repeat}, 1)"),
        ("indexed-repeat(${cost}, ${visitor}, 1, 2)", "form.argument_count", "indexed-repeat(${q}, ${repeat}, 1)"),
        ("pulldata(${town}, 'a', 'b', 'c')", "form.argument", "pulldata('file', 'column', 'key', ${q})"),
        ("${x} + 1", "form.cycle", None),
    ],
)
def test_each_fault_is_told_with_its_cell_and_what_to_write(text, code, instead):
    complaints = check_form(with_calculation(text))
    assert code in [complaint.code for complaint in complaints]
    complaint = next(one for one in complaints if one.code == code)
    assert (complaint.where.sheet, complaint.where.row, complaint.where.column) == ("survey", 20, "calculation")
    assert complaint.zh
    assert complaint.en
    assert instead is None or complaint.instead == instead


@pytest.mark.parametrize(
    "text",
    [
        "decimal-time(${end_at}) > decimal-time(${start_at})",
        "${day} >= today() - 30",
        "${day} > date('2026-01-01')",
        "${since} > 3",
        "${town} != ''",
        "${visitor}[position() = 1]/name_of",
        "indexed-repeat(${name_of}, ${visitor}, count(${visitor}))",
        "join('、', ${name_of})",
        "instance('towns')/root/item[district = 'dh' and name != ${town}][1]/name",
        "count(${visitor}[cost > current()/../age])",
        "/data/site/name",
    ],
)
def test_what_is_right_is_left_alone(text):
    assert check_form(with_calculation(text)) == []


def test_every_column_that_holds_an_expression_is_looked_at():
    bad = "${nowhere} = 1"
    a_form = form(
        question("a", relevant=bad, required=bad, constraint=bad, verify=bad, advise=bad, calculation=bad, row=5),
        question(
            "b", "select_one", list_name="towns", choice_filter=bad, default_expression=bad, trigger="gone", row=6
        ),
        question("c", label={"zh": "你好 ${lost}"}, row=7),
        repeat("r", question("r.d"), count=bad),
        lists=[TOWNS],
        outputs={"${lost}": expression("${lost}")},
        entities=(EntityDeclaration(dataset="reports", source=Source("entities", 2), label=expression(bad)),),
        instance_name=expression(bad),
    )
    places = {(one.where.sheet, one.where.row, one.where.column) for one in check_form(a_form)}
    assert places == {
        *[
            ("survey", 5, column)
            for column in ("relevant", "required", "constraint", "qf::verify", "qf::advise", "calculation")
        ],
        *[("survey", 6, column) for column in ("choice_filter", "default", "trigger")],
        ("survey", 7, "label"),
        ("survey", 2, "repeat_count"),
        ("entities", 2, "label"),
        ("settings", 2, "instance_name"),
    }


def test_a_ring_is_named_from_its_first_row_and_told_once():
    a_form = form(
        question("c", "calculate", calculation="${a} + 1", row=4),
        question("a", "calculate", calculation="${b} + 1", row=2),
        question("b", "calculate", calculation="if(${c} > 1, 1, 2)", row=3),
    )
    (ring,) = check_form(a_form)
    assert (ring.code, ring.where.row) == ("form.cycle", 2)
    assert "a → b → c → a" in ring.en


@pytest.mark.parametrize(
    "children",
    [
        (question("a", relevant="${a} = 1"),),
        (question("a", "calculate", calculation=". + 1"),),
        (question("a", relevant="${b} = 1"), question("b", relevant="${a} = 1")),
        (group("g", question("g.a"), relevant="${a} = 1"),),
        (repeat("r", question("r.a", "integer"), count="sum(${a})"),),
        (question("n", "calculate", calculation="count(${r})"), repeat("r", question("r.a"), count="${n}")),
    ],
)
def test_rings_through_conditions_groups_and_counts_are_found(children):
    assert "form.cycle" in {complaint.code for complaint in check_form(form(*children))}


@pytest.mark.parametrize(
    "children",
    [
        (question("a", "integer", constraint="${a} > 1 and . < 5"),),
        (question("a", "calculate", calculation="once(random())"),),
        (repeat("r", question("r.a"), question("r.n", "calculate", calculation="count(${r})")),),
        (repeat("r", question("r.a"), question("r.b", relevant="position(..) > 1")),),
    ],
)
def test_what_only_looks_like_a_ring_is_fine(children):
    assert check_form(form(*children)) == []


def test_files_that_expressions_read_are_known():
    assert lists_read(with_calculation("pulldata('prices', 'p', 'k', ${town})")) == ("prices",)
    assert lists_read(with_calculation("count(instance('towns')/root/item)")) == ()


SUPPORTED = sorted(name for name, spec in FUNCTIONS.items() if spec.refused is None)
operands = st.sampled_from(
    ["${age}", "${town}", "${day}", "${from_at}", "${end_at}", ".", "1", "-2.5", "''", "'bayi'", "'%Y'", "${visitor}",
     "${cost}", "current()/../age", "instance('towns')/root/item[district = ${town}]/name", "${visitor}[cost > 1]/cost"]
)  # fmt: skip
written = st.recursive(
    operands,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "*", "div", "mod", "=", "!=", "<", ">=", "and", "or"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(st.sampled_from(SUPPORTED), st.lists(inner, max_size=3)).map(
            lambda parts: f"{parts[0]}({', '.join(parts[1])})"
        ),
    ),
    max_leaves=5,
)
odd = st.sampled_from(
    [None, "", "bayi", "2026-11-21", "12:00", 0, -1, 1e308, 10**30, math.nan, True, ["bayi"], {}, [{}]]
)
records = st.fixed_dictionaries({name: odd for name in ("age", "town", "day", "end_at", "from_at", "visitor", "x")})


@settings(max_examples=400, deadline=None)
@given(written, records)
def test_whatever_passes_can_be_evaluated_on_any_answers(text, answers):
    a_form = with_calculation(text)
    if check_form(a_form):
        return
    compiled = compile_form(a_form)
    filled = fill(compiled, answers, now=NOW)
    evaluate(compiled, answers, now=NOW)
    assert "calculation" not in {flaw.code for flaw in evaluate(compiled, filled, now=NOW).flaws}
