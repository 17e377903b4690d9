"""The index of similar reports, without a server: laws, shared words, and how often it is right on texts held out."""

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.similar import FILES, GOALS, REPORTS_MIN, TEXTS, count_hits, read_texts, wilson
from server.reports.similar import Index, is_repeat, plain, shared_spans

HELD_OUT = "ec559d737bcd62a4ba71cd2968c46d2191b8766d641b5f0150fabd160589145f"
"""Of the file as it was committed before anything was tuned. Whoever changes a text measures on texts they have seen."""
WORDS = st.text(alphabet="用电增容污水管网停贷款的了,。12aB", max_size=12)
KEPT = st.tuples(st.integers(0, 9), st.integers(0, 3), WORDS, st.sampled_from(["", "0501", "0503", "0101"]))


def test_the_texts_held_out_are_those_set_apart_before_tuning():
    assert sha256((TEXTS / FILES["held out"]).read_bytes()).hexdigest() == HELD_OUT


def test_the_texts_held_out_share_nothing_with_those_tuned_on():
    tuned, held = read_texts("tuning"), read_texts("held out")
    assert {said.text for said in tuned} & {said.text for said in held} == set()
    by_matter = [sum(said.matter == matter for said in held) for matter in {said.matter for said in held}]
    assert sum(n >= REPORTS_MIN for n in by_matter) >= 40
    assert by_matter.count(1) >= 40


@pytest.mark.parametrize("situation", GOALS)
def test_the_right_issue_is_among_the_first_on_texts_held_out(situation):
    hits = count_hits(read_texts("held out"), situation)
    first, among_five = GOALS[situation]
    assert hits.n >= 160
    assert hits.first / hits.n >= first, wilson(hits.first, hits.n)
    assert hits.among_five / hits.n >= among_five, wilson(hits.among_five, hits.n)


def test_an_interval_is_wilsons():
    low, high = wilson(9, 10)
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)


@given(st.lists(KEPT, max_size=25), st.lists(st.integers(0, 9), max_size=8), WORDS)
@settings(max_examples=150, deadline=None)
def test_what_is_answered_depends_on_what_is_held_not_on_how_it_came(kept, removed, asked):
    lived: Index[str] = Index()
    final = {}
    for report, issue, text, category in kept:
        lived.add(f"r{report}", f"i{issue}", text, category)
        final[report] = (issue, text, category)
    for report in removed:
        lived.remove(f"r{report}")
        final.pop(report, None)
    fresh: Index[str] = Index()
    for report in sorted(final, reverse=True):
        issue, text, category = final[report]
        fresh.add(f"r{report}", f"i{issue}", text, category)
    assert len(lived) == len(fresh) == len(final)
    answers = [
        sorted((hit.issue, hit.score) for hit in index.search(asked, "0501", limit=10)) for index in (lived, fresh)
    ]
    assert answers[0] == answers[1]
    assert all(0 <= score <= 1 for _, score in answers[0])


@given(WORDS, WORDS)
def test_marked_words_stand_in_both_texts_and_do_not_overlap(one, other):
    spans = shared_spans(one, other)
    assert all(plain(one[start:end]) in plain(other) and end - start >= 2 for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_report_that_moves_to_another_issue_is_found_there():
    index: Index[str] = Index()
    index.add("a", "power", "变压器容量不够", "0501")
    index.add("a", "grid", "变压器容量不够", "0501")
    assert [hit.issue for hit in index.search("变压器不够用", "0501")] == ["grid"]
    assert (index.reports_of("power"), index.reports_of("grid")) == ([], ["a"])


def test_what_was_judged_another_matter_is_passed_over():
    index: Index[str] = Index()
    index.add("a", "power", "变压器容量不够", "0501")
    assert index.search("变压器容量不够", "0501", without=["power"]) == []


def test_full_width_and_capital_letters_are_the_same_and_positions_stay():
    spans = shared_spans("想上ＭＥＳ系统", "上mes 很难")
    assert [("想上ＭＥＳ系统")[start:end] for start, end in spans] == ["上ＭＥＳ"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("园区变压器容量不够,想申请增容", "园区变压器容量不够,想申请增容。", True),
        ("园区变压器容量不够,想申请增容", "园区北门道路坑洼,想申请修补", False),
        ("报装了800千伏安的增容一直没批", "报装了500千伏安的增容一直没批", False),
        ("停电了", "停电了", False),
        ("", "", False),
    ],
)
def test_a_repeat_says_the_same_with_the_same_numbers(one, other, expected):
    assert is_repeat(one, other) is expected
