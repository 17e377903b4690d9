"""GB 32100 by its published vectors, against another implementation, and by its law: one wrong symbol is always caught."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import uscc

from server.enterprises.credit_code import (
    SYMBOLS,
    compose,
    explain,
    explain_inner,
    inner_check_symbol,
    is_temporary,
    is_valid,
    normalise,
    temporary_id,
)

KNOWN_GOOD = [
    "91110000600037341L",  # company
    "91110108551385082Q",  # company
    "1133070000259288XD",  # bureau
    "9136010200000TE17L",  # 企业
    "9236010200000TE17H",  # 个体
    "9336010200000TE17E",  # 合作社
    "1236010200000TE17R",  # 事业单位
    "5236010200000TE17M",  # 民非
    "N236010200000TE174",  # 农业, a letter first
    "913601020000000430",  # check symbol 0
    "9136010200000006XJ",  # inner check X
    "91360102000000000J",  # inner check 0
]
codes = st.builds(
    lambda head, region, body: compose(head + region, body),
    st.sampled_from(["91", "92", "93", "11", "12", "52", "N2"]),
    st.integers(110000, 659999).map(str),
    st.text(SYMBOLS, min_size=8, max_size=8),
)


@pytest.mark.parametrize("code", KNOWN_GOOD)
def test_known_codes_are_right(code):
    assert explain(code) is None
    assert explain_inner(code) is None
    assert is_valid(code)


@pytest.mark.parametrize("code", [code for code in KNOWN_GOOD if code[0].isdigit()])
def test_another_implementation_agrees_on_codes_that_begin_with_digits(code):
    assert uscc.is_valid(code)
    wrong = code[:17] + SYMBOLS[(SYMBOLS.index(code[17]) + 1) % 31]
    assert not uscc.is_valid(wrong)
    assert not is_valid(wrong)


@given(codes)
@settings(max_examples=100, deadline=None)
def test_what_is_composed_is_right_here_and_elsewhere(code):
    assert is_valid(code)
    assert code[0] == "N" or uscc.is_valid(code)


@given(codes, st.integers(0, 17), st.sampled_from(SYMBOLS))
@settings(max_examples=400, deadline=None)
def test_any_one_wrong_symbol_is_caught(code, place, symbol):
    changed = code[:place] + symbol + code[place + 1 :]
    assert is_valid(changed) == (changed == code)


@given(codes, st.integers(0, 16))
@settings(max_examples=200, deadline=None)
def test_any_two_neighbours_swapped_are_caught(code, place):
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert is_valid(swapped) == (swapped == code)


@given(codes)
@settings(max_examples=50, deadline=None)
def test_a_code_survives_how_people_write_it(code):
    wide = "".join(chr(ord(symbol) + 0xFEE0) for symbol in code.lower())
    for written in (
        code.lower(),
        wide,
        f" {code[:8]} {code[8:17]}-{code[17]}\u3000",
        f"'{code}",
        f'="{code}"',
        f"\ufeff{code}",
    ):
        assert normalise(written) == code


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_check(text):
    code = normalise(text)
    assert is_valid(code) == (len(code) == 18 and explain(code) is None)


@pytest.mark.parametrize(
    ("code", "reason", "position"),
    [
        ("", "length", 0),
        ("9136010200000TE17", "length", 0),
        ("9136O10200000TE17L", "symbol", 5),
        ("9136010200000TE1IL", "symbol", 17),
        ("9136A10200000TE17L", "region", 5),
        ("9136010200000TE17M", "check", 18),
        ("9.1360102E+17", "scientific", 0),
        ("9.136E17", "scientific", 0),
        ("360102210012345", "registration_number", 0),
        ("9136010200000TE17L", None, None),
    ],
)
def test_a_fault_names_its_place_and_reason_in_two_languages(code, reason, position):
    fault = explain(normalise(code))
    assert (fault and fault.reason, fault and fault.position) == (reason, position)
    assert fault is None or (fault.zh and fault.en and (position == 0 or str(position) in fault.zh))


def test_a_misread_letter_is_told_what_was_probably_meant():
    assert "可能是 0" in explain("9136O10200000TE17L").zh
    assert "perhaps 1 is meant" in explain("9I36010200000TE17L").en


def test_the_inner_check_narrows_down_where_the_mistake_is():
    assert "第 9–17 位" in explain("9136010200000TX17L").zh
    assert "9–17" not in explain("9136010300000TE17L").en
    assert explain_inner("9136010200000TE16L").position == 17
    assert inner_check_symbol("00000000") == "0"
    assert inner_check_symbol("00000006") == "X"


def test_temporary_ids_are_no_codes_and_survive_normalising():
    temporary = temporary_id("donghu", 42)
    assert temporary == "T-DONGHU-000042"
    assert is_temporary(normalise(" t-donghu-000042 "))
    assert not is_valid(temporary)
    assert temporary_id("东湖-1", 7) == "T-1-000007"
    assert temporary_id("东湖", 7) == "T-X-000007"
