"""Rates: what counts, what does not, and that a small number is never told, not even between the lines."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import product as combinations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.moment import at
from server.rates.formulas import MEASURES, N_MIN, Case, answered, called_back, limited, table_of
from tests.server.test_callbacks import BADLY, WELL
from tests.server.test_issues import FRIDAY, do, filed, report

PAGE = Path(__file__).parent.parent.parent / "docs" / "rates.md"
ZONE = ZoneInfo("Asia/Shanghai")
FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)


def rows_of(heading: str) -> list[dict[str, str]]:
    """The table of the page whose first column names begin with `heading`."""
    lines = PAGE.read_text().splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    names = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True)))
    return rows


def test_the_example_of_the_page_is_what_the_formulas_say():
    cases = [
        case
        for row in rows_of("group | day")
        for _ in range(int(row["n"]))
        for case in answered(
            row["group"],
            datetime.fromisoformat(f"{row['day']}T10:00:00+08:00"),
            row["solved"],
            row["satisfied"],
            ZONE,
            left_out=row["left_out"],
        )
    ]
    table = table_of(cases, FIRST, LAST)
    told = rows_of("group | measure")
    assert len(told) == 8
    for row in told:
        rate = (table.whole if row["group"] == "(all)" else table.parts[row["group"]])[row["measure"]]
        left = ", ".join(f"{one.reason} {one.n}" for one in rate.left_out)
        value = "–" if rate.value is None else f"{rate.value:.3f}"
        good = "–" if rate.good is None else str(rate.good)
        assert (str(rate.n), good, value, left) == (row["n"], row["good"], row["value"], row["left out"]), row
    assert set(table.parts) == {"finance", "hr", "sme"}


def test_every_measure_of_the_page_is_one_of_the_formulas():
    assert [row["measure"].strip("`") for row in rows_of("measure | 中文")] == list(MEASURES)


def test_a_date_belongs_to_its_last_day_and_counts_when_that_is_over():
    due = datetime(2026, 9, 30, 16, tzinfo=UTC)  # midnight in Donghu
    after, before = due + timedelta(hours=1), due - timedelta(hours=1)
    early = limited("response", "a", due, due - timedelta(days=1), after, ZONE)
    late = limited("response", "a", due, due, after, ZONE)
    assert (early.day, early.is_good, late.is_good) == (LAST, True, False)
    assert limited("response", "a", due, None, after, ZONE) == Case(measure="response", group="a", day=LAST)
    assert limited("response", "a", due, before, before, ZONE).left_out == "not_yet"
    assert table_of([early], date(2026, 10, 1), date(2026, 10, 31)).whole["response"].n == 0


def test_a_call_back_that_is_not_due_yet_counts_only_once_it_was_made():
    today = date(2026, 9, 10)
    assert called_back("a", today, False, today).left_out == "not_yet"
    assert called_back("a", today, True, today).left_out == ""
    assert called_back("a", today - timedelta(days=1), False, today).left_out == ""


CASES = st.lists(
    st.builds(
        Case,
        measure=st.sampled_from(["solved", "satisfied"]),
        group=st.sampled_from("abcdef"),
        day=st.sampled_from([FIRST, LAST, date(2026, 8, 31), date(2026, 10, 1)]),
        is_good=st.booleans(),
        left_out=st.sampled_from(["", "", "", "excluded", "unreachable"]),
        words=st.just(""),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(cases=CASES)
def test_the_parts_add_up_to_the_whole_and_what_is_left_out_is_counted(cases):
    table = table_of(cases, FIRST, LAST)
    inside = [case for case in cases if FIRST <= case.day <= LAST]
    for measure, whole in table.whole.items():
        of_measure = [case for case in inside if case.measure == measure]
        assert whole.n == sum(rates[measure].n for rates in table.parts.values())
        assert whole.n == sum(not case.left_out for case in of_measure)
        assert Counter(case.left_out for case in of_measure if case.left_out) == {
            one.reason: one.n for one in whole.left_out
        }
        for rate in (whole, *(rates[measure] for rates in table.parts.values())):
            assert (rate.value is None) == (rate.good is None)
            if rate.n < N_MIN:
                assert rate.value is None


TALLIES = st.dictionaries(
    st.sampled_from("abcde"), st.integers(0, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=4
)


@settings(max_examples=300, deadline=None)
@given(tallies=TALLIES)
def test_no_small_number_can_be_worked_out_from_what_is_shown(tallies):
    cases = [
        Case(measure="solved", group=group, day=FIRST, is_good=place < good)
        for group, (n, good) in tallies.items()
        for place in range(n)
    ]
    table = table_of(cases, FIRST, LAST)
    parts = {group: rates["solved"] for group, rates in table.parts.items()}
    hidden = [group for group, rate in parts.items() if rate.good is None and rate.n]
    shown = sum(rate.good for rate in parts.values() if rate.good is not None)
    whole = table.whole["solved"].good
    possible = [
        guess
        for guess in combinations(*(range(parts[group].n + 1) for group in hidden))
        if whole is None or sum(guess) + shown == whole
    ]
    for place, group in enumerate(hidden):
        if parts[group].n < N_MIN:
            assert len({guess[place] for guess in possible}) > 1, f"{group} can be worked out"


MONTH = {"from": "2026-09-01", "to": "2026-09-30"}


async def rates(member, by: str = "unit", status: int = 200, **more):
    answer = await member.client.get("/v1/rates", params=MONTH | {"by": by} | more)
    assert answer.status_code == status, answer.text
    return answer.json()


def of(lines, measure: str):
    return next(line for line in lines if line["measure"] == measure)


@pytest.mark.anyio
async def test_the_rates_of_a_month_follow_from_what_happened(donghu):
    numbers = await filed(donghu, *(report(donghu, n) for n in range(1, 9)))
    with at(FRIDAY):
        for number in numbers[:7]:
            await do(donghu.lin, number, "dispatch", lead="finance")
        for number in numbers[:6]:
            await do(donghu.he, number, "signature")
            await do(donghu.he, number, "contacts", channel="phone")
            await answered_well(donghu, number)
    with at(FRIDAY + timedelta(days=3)):
        for number in numbers[:4]:
            await do(donghu.qian, number, "callbacks", **WELL)
        await do(donghu.qian, numbers[4], "callbacks", **(BADLY | {"solved": "partly"}))
        await do(donghu.sun, numbers[3], "exclusion", reason="重复投诉")
    with at(FRIDAY + timedelta(days=30)):
        told = await rates(donghu.sun)
    response, on_time = of(told["whole"], "response"), of(told["whole"], "on_time")
    assert (response["n"], response["good"]) == (6, 5), "seven were dispatched, one excluded, one never contacted"
    assert (on_time["n"], on_time["good"]) == (7, 5), "of eight one is excluded and two were never answered"
    assert [(one["reason"], one["words"], one["n"]) for one in on_time["left_out"]] == [("excluded", "重复投诉", 1)]
    solved = of(told["whole"], "solved")
    assert (solved["n"], solved["value"], solved["good"]) == (4, None, None), "four valid call-backs are too few"
    called = of(told["whole"], "called_back")
    assert (called["n"], called["good"]) == (5, 4), "six were due, one excluded, one not made"
    assert {part["key"]: part["name"] for part in told["parts"]} == {"": "", "finance": "区金融服务中心"}
    assert of(told["parts"][1]["rates"], "response")["value"] == 5 / 6
    for by in ("unit", "category", "region"):
        with at(FRIDAY + timedelta(days=30)):
            told = await rates(donghu.sun, by)
        for line in told["whole"]:
            assert line["n"] == sum(of(part["rates"], line["measure"])["n"] for part in told["parts"])


@pytest.mark.anyio
async def test_an_extension_is_on_time_with_it_and_late_without(donghu):
    numbers = await filed(donghu, *(report(donghu, n) for n in range(1, 6)))
    with at(FRIDAY):
        for number in numbers:
            await do(donghu.lin, number, "dispatch", lead="finance")
            await do(donghu.he, number, "signature")
    with at(FRIDAY + timedelta(days=3)):
        for number in numbers:
            await do(donghu.he, number, "extension-request", until="2026-10-12", reason="需银行总行批")
            await do(donghu.sun, number, "extension-decision", outcome="granted", reason="同意")
    with at(FRIDAY + timedelta(days=20)):
        for number in numbers:
            await answered_well(donghu, number)
    with at(FRIDAY + timedelta(days=60)):
        september, october = (
            await rates(donghu.sun),
            await rates(donghu.sun, **{"from": "2026-10-01", "to": "2026-10-31"}),
        )
    assert (of(september["whole"], "on_time")["n"], of(september["whole"], "on_time_unextended")["value"]) == (0, 0.0)
    assert (of(october["whole"], "on_time")["value"], of(october["whole"], "on_time_unextended")["n"]) == (1.0, 0)


@pytest.mark.anyio
async def test_rates_are_for_those_who_oversee_and_within_their_reach(donghu):
    for member in (donghu.he, donghu.zhou, donghu.qian, donghu.chen):
        assert (await rates(member, status=403))["code"] == "permission.missing"
    assert (await rates(donghu.wu))["parts"] == []
    assert (await rates(donghu.sun, "person", 422))["code"] == "rate.by"
    assert (await rates(donghu.sun, status=422, **{"from": "2026-10-01"}))["code"] == "rate.period"
    assert (await rates(donghu.sun, status=422, **{"from": "1000-01-01"}))["code"] == "rate.period"
    assert (await rates(donghu.sun, status=400, **{"from": "x"}))["code"] == "request.malformed"


@pytest.mark.anyio
async def test_the_console_shows_n_beside_each_rate(donghu):
    from tests.server.test_issue_console import console

    numbers = await filed(donghu, *(report(donghu, n) for n in range(1, 6)))
    with at(FRIDAY):
        for number in numbers:
            await do(donghu.lin, number, "dispatch", lead="finance")
    code, out, err = await console("rates", "2026-09-01", "2026-09-30", "--json")
    assert (code, err) == (0, "")
    response = of(json.loads(out)["whole"], "response")
    assert (response["n"], response["value"]) == (5, 0.0), "nobody was contacted in time"
    table = (await console("rates", "2026-09-01", "2026-09-30"))[1]
    assert "(n=5)" in table
    wrong = await console("rates", "2026-10-01", "2026-09-30")
    assert (wrong[0], wrong[2].split(":")[0]) == (1, "rate.period")


async def answered_well(donghu, number: str) -> None:
    await do(donghu.he, number, "reply", letter="A", words="已授信")
    await do(donghu.wu, number, "review", outcome="signed_off")
