"""Reading the expression language: what it means, what it refuses, and that nothing else ever comes out."""

import math
import string

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.evaluate import value_of
from forms.expression import (
    MAX_DEPTH,
    MAX_LENGTH,
    Call,
    ExpressionError,
    Here,
    Negate,
    Node,
    Number,
    Operation,
    Path,
    Ref,
    Root,
    Step,
    Text,
    parse,
    print_expression,
)
from forms.language.values import equal, to_number
from tests.forms.small_forms import NOW, expression, form, question

names = st.sampled_from(["a", "town", "姓名", "x-1", "div", "a.b"])
refs = st.sampled_from(["a", "town", "姓名", "x-1", "a.b"]).map(Ref)
texts = st.text(st.sampled_from(string.printable + "企访"), max_size=8).filter(lambda text: "'" not in text).map(Text)
numbers = st.floats(0, 1e12, allow_nan=False).map(lambda number: Number(round(number, 6)))
leaves = st.one_of(refs, texts, numbers, st.just(Here()))


def _deeper(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    args = st.lists(inner, min_size=0, max_size=3).map(tuple)
    pairs = st.lists(inner, min_size=2, max_size=3).map(tuple)
    predicates = st.lists(inner, max_size=1).map(tuple)
    steps = st.lists(st.builds(Step, names, predicates), min_size=1, max_size=3).map(tuple)
    starts = st.one_of(refs, st.just(Here()), st.just(Root()), st.just(Call("instance", (Text("l"),))))
    operators = st.sampled_from(["or", "and", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "div", "mod"])
    return st.one_of(
        st.builds(Call, st.sampled_from(["if", "sum", "jr:choice-name", "today"]), args),
        st.builds(_operation, operators, pairs),
        st.builds(Negate, inner.filter(lambda node: not isinstance(node, Negate))),
        st.builds(Path, starts, steps),
    )


def _operation(name: str, args: tuple[Node, ...]) -> Node:
    """As the parser builds it: a left side with the same operator is part of the chain."""
    first = args[0]
    if isinstance(first, Operation) and first.name == name:
        return Operation(name, (*first.args, *args[1:]))
    return Operation(name, args)


trees = st.recursive(leaves, _deeper, max_leaves=12)


@settings(max_examples=200, deadline=None)
@given(trees)
def test_what_is_printed_is_read_back_as_the_same_tree(tree):
    assert parse(print_expression(tree)) == tree


@settings(max_examples=100, deadline=None)
@given(trees)
def test_a_tree_travels_as_json(tree):
    assert msgspec.json.decode(msgspec.json.encode(tree), type=Node) == tree


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("${}ab.'\"()[]/|+-*=<>!,01 中（”&@:div and or not"), max_size=40))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text):
    refused = None
    try:
        parse(text)
    except ExpressionError as error:
        refused = error
    assert refused is None or (0 <= refused.position <= len(text) and refused.message_zh and refused.message_en)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("8 div 4 div 2", "(8 div 4) div 2"),
        ("1 or 0 and 0", "1 or (0 and 0)"),
        ("1 < 2 = true()", "(1 < 2) = true()"),
        ("-1 + 2", "(-1) + 2"),
        ("${a}-1", "${a} - 1"),
        ("today()-30 >= ${a}", "(today() - 30) >= ${a}"),
        ("a -b", "a - b"),
        ("* * 2", "(*) * 2"),
        ("div div mod", "(div) div (mod)"),
    ],
)
def test_operators_bind_as_xpath_says(text, meaning):
    assert parse(text) == parse(meaning)


def test_names_may_hold_hyphens_dots_and_chinese():
    assert parse("x-1") == Path(Here(), (Step("x-1"),))
    assert parse("${ 企业.名称-2 }") == Ref("企业.名称-2")


def test_a_path_into_a_list_keeps_its_conditions():
    tree = parse("instance('towns')/root/item[district = ${d} and open = 'yes'][1]/label")
    assert isinstance(tree, Path)
    assert tree.start == Call("instance", (Text("towns"),))
    assert [step.name for step in tree.steps] == ["root", "item", "label"]
    assert len(tree.steps[1].predicates) == 2


@pytest.mark.parametrize(
    ("text", "position", "instead"),
    [
        ("", 0, ""),
        ("1 +", 3, ""),
        ("${a} && ${b}", 5, "and"),
        ("${a} == 1", 5, "="),
        ("${a} <> 1", 5, "!="),
        ("${a} ≥ 1", 5, ">="),
        ("if（1, 2, 3）", 2, "("),
        ("${a} = “是”", 7, "'…'"),
        ("${a} = '是", 7, "'…'"),
        ("${a", 0, "${name}"),
        ("${}", 0, "${name}"),
        ("sum(${a}", 8, ")"),
        ("//a", 0, "${name}"),
        ("../@id", 3, "${name}"),
        ("a b", 2, ""),
        ("${last-saved#visits}", 0, "qf::prefill = last:visits"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(text, position, instead):
    with pytest.raises(ExpressionError) as refused:
        parse(text)
    assert (refused.value.position, refused.value.instead) == (position, instead)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "1" + ")" * 5_000,
        "not(" * 5_000 + "1" + ")" * 5_000,
        "${a}[" * 5_000,
        " + ".join(["1 - 1"] * 3_000),
        "if(1, 1, " * 3_000 + "1",
        "1" * (MAX_LENGTH + 1),
    ],
)
def test_what_is_too_deep_or_too_long_is_refused_and_never_exhausts_the_stack(text):
    with pytest.raises(ExpressionError):
        parse(text)


def test_long_chains_and_sixty_nested_conditions_are_fine():
    chain = " or ".join(f"${{a}} = '{number}'" for number in range(1_000))
    nested = "if(${a} = 'x', 1, " * 60 + "0" + ")" * 60
    assert len(parse(chain).args) == 1_000  # type: ignore[union-attr]
    a_form = form(question("a"))
    assert value_of(a_form, expression(chain), {"a": "999"}, now=NOW) is True
    assert value_of(a_form, expression(nested), {"a": "y"}, now=NOW) == 0
    assert MAX_DEPTH >= 60


def _both_ways(parts: tuple[tuple[str, float], str, tuple[str, float]]) -> tuple[str, float]:
    (left, x), name, (right, y) = parts
    if name == "div":
        result = x / y if y else (math.nan if x == 0 or x != x else math.copysign(math.inf, x))
        if y == 0 and math.copysign(1, y) < 0:
            result = -result
    else:
        result = x + y if name == "+" else x - y if name == "-" else x * y
    return f"({left} {name} {right})", result


arithmetic = st.recursive(
    st.integers(0, 50).map(lambda number: (str(number), float(number))),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "div"]), inner).map(_both_ways),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(arithmetic)
def test_arithmetic_agrees_with_python(pair):
    text, expected = pair
    found = to_number(value_of(form(), expression(text), {}, now=NOW))
    if math.isfinite(expected):
        assert found == pytest.approx(expected, rel=1e-12)
    else:
        assert not math.isfinite(found)


comparable = st.one_of(st.integers(-5, 5), st.booleans(), st.sampled_from(["", "1", "a", "-2", "1.0"]))


@settings(max_examples=150, deadline=None)
@given(comparable, comparable)
def test_equality_looks_the_same_from_both_sides(left, right):
    assert equal(left, right) == equal(right, left)
