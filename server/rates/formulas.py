"""The rates of the follow-up queue (响应率、按时办结率、解决率、满意率、有效回访率), as pure formulas over rows with dates. `docs/rates.md`
says each in words, with an example that a test replays.

A rate is printed with its n, and never for n < 5; nor may it be worked out from the rates that are printed beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo

from msgspec import Struct

N_MIN = 5
"""Fewer cases than this have no rate: neither alone nor as what is left when the others are taken off the whole."""
MEASURES: dict[str, tuple[str, str]] = {
    "response": ("响应率", "response rate"),
    "on_time": ("按时办结率(含批准的延期)", "closed on time, granted extensions counted"),
    "on_time_unextended": ("按时办结率(不计延期)", "closed on time, extensions left aside"),
    "solved": ("解决率", "solving rate"),
    "satisfied": ("满意率", "satisfaction"),
    "called_back": ("有效回访率", "valid call-backs"),
}
LEFT_OUT: dict[str, tuple[str, str]] = {
    "excluded": ("经批准不计入", "excluded with a reason"),
    "on_site": ("现场办结", "solved on the spot"),
    "refused": ("不予受理", "refused"),
    "withdrawn": ("企业撤回", "withdrawn by the enterprise"),
    "merged": ("并入其他事项", "counted with the issue it was merged into"),
    "transferred": ("转上级或外部", "with somebody outside"),
    "not_yet": ("尚未到期", "not due yet"),
    "unreachable": ("三次未接通", "not reached in three tries"),
    "declined": ("企业拒访", "declined to answer"),
}
"""Why a case counts in no rate. Such cases are counted apart, beside the n."""
GOOD_SOLVED = frozenset({"solved"})
GOOD_SATISFIED = frozenset({"satisfied", "mostly"})
_INSTANT = timedelta(microseconds=1)


class Case(Struct, frozen=True, kw_only=True):
    """One case of one measure. `day` says which period it belongs to, `group` which part of the whole; `left_out` is empty or
    one of `LEFT_OUT`, with the `words` of whoever excluded it."""

    measure: str
    group: str
    day: date
    is_good: bool = False
    left_out: str = ""
    words: str = ""


class Reason(Struct, frozen=True, kw_only=True):
    reason: str
    words: str
    n: int


class Rate(Struct, frozen=True, kw_only=True):
    """`value` is a share from 0 to 1 and `good` its numerator; both are null where they must not be shown."""

    n: int
    good: int | None
    value: float | None
    left_out: tuple[Reason, ...] = ()


class Table(Struct, frozen=True, kw_only=True):
    """By measure: the whole, and by group its parts, each with every measure. The n of the parts add up to the n of the whole."""

    whole: dict[str, Rate]
    parts: dict[str, dict[str, Rate]]


class Tally(Struct):
    n: int = 0
    good: int = 0


def limited(
    measure: str,
    group: str,
    due: datetime,
    met_at: datetime | None,
    moment: datetime,
    zone: tzinfo,
    *,
    left_out: str = "",
    words: str = "",
) -> Case:
    """`response`, `on_time` and `on_time_unextended`: something that had to happen before `due`, the first instant that is too
    late. The case belongs to the last day that was in time, and is not counted before that day is over (at `moment`)."""
    day = (due - _INSTANT).astimezone(zone).date()
    reason = left_out or ("not_yet" if due > moment else "")
    return Case(
        measure=measure, group=group, day=day, is_good=met_at is not None and met_at < due, left_out=reason, words=words
    )


def answered(
    group: str, at: datetime, solved: str, satisfied: str, zone: tzinfo, *, left_out: str = "", words: str = ""
) -> list[Case]:
    """`solved` and `satisfied`: one concluded call-back, of the day it was made. What the enterprise says counts, not the
    letter that the handler gave."""
    day = at.astimezone(zone).date()
    good = {"solved": solved in GOOD_SOLVED, "satisfied": satisfied in GOOD_SATISFIED}
    return [
        Case(measure=name, group=group, day=day, is_good=is_good, left_out=left_out, words=words)
        for name, is_good in good.items()
    ]


def called_back(group: str, due_on: date, is_valid: bool, today: date, *, left_out: str = "", words: str = "") -> Case:
    """`called_back`: a call-back that was to be made by `due_on`; valid when the enterprise answered the questions. One that
    nobody could reach, or that was declined, was due all the same."""
    reason = left_out or ("not_yet" if due_on >= today and not is_valid else "")
    return Case(measure="called_back", group=group, day=due_on, is_good=is_valid, left_out=reason, words=words)


def table_of(cases: Iterable[Case], first: date, last: date) -> Table:
    """Every measure over the cases of these days, `first` and `last` among them."""
    tallies: dict[str, dict[str, Tally]] = {name: {} for name in MEASURES}
    wholes: dict[str, Tally] = {name: Tally() for name in MEASURES}
    left: dict[tuple[str, str | None], Counter[tuple[str, str]]] = {}
    for case in cases:
        if not first <= case.day <= last:
            continue
        tally = tallies[case.measure].setdefault(case.group, Tally())
        if case.left_out:
            for group in (case.group, None):
                left.setdefault((case.measure, group), Counter())[case.left_out, case.words] += 1
            continue
        for counted in (tally, wholes[case.measure]):
            counted.n += 1
            counted.good += case.is_good
    everybody = sorted({group for groups in tallies.values() for group in groups})
    whole: dict[str, Rate] = {}
    parts: dict[str, dict[str, Rate]] = {}
    for name, groups in tallies.items():
        hidden, shows_whole = hidden_groups(groups)
        whole[name] = _rate(wholes[name], shows_whole, left.get((name, None)))
        for group in everybody:
            rate = _rate(groups.get(group, Tally()), group not in hidden, left.get((name, group)))
            parts.setdefault(group, {})[name] = rate
    return Table(whole=whole, parts=parts)


def hidden_groups(groups: Mapping[str, Tally]) -> tuple[frozenset[str], bool]:
    """Which parts must not be shown, and whether the whole may be.

    Parts with n < `N_MIN` are hidden. Whoever takes the parts that are shown off the whole learns what the hidden ones have
    together; so the smallest of the others are hidden too until that is at least two parts and `N_MIN` cases, not all of
    them alike (all good or all bad would tell each part). Where that cannot be had, the whole is hidden and only its n told.
    """
    counted = {group: tally for group, tally in groups.items() if tally.n}
    hidden = {group for group, tally in counted.items() if tally.n < N_MIN}
    if sum(tally.n for tally in counted.values()) < N_MIN:
        return frozenset(counted), False
    if not hidden:
        return frozenset(), True
    others = sorted((tally.n, group) for group, tally in counted.items() if group not in hidden)
    while not _is_blurred([counted[group] for group in hidden]):
        if not others:
            return frozenset(hidden), False
        hidden.add(others.pop(0)[1])
    return frozenset(hidden), True


def _is_blurred(tallies: list[Tally]) -> bool:
    n, good = sum(tally.n for tally in tallies), sum(tally.good for tally in tallies)
    return len(tallies) > 1 and n >= N_MIN and 0 < good < n


def _rate(tally: Tally, is_shown: bool, left: Counter[tuple[str, str]] | None) -> Rate:
    reasons = tuple(Reason(reason=reason, words=words, n=n) for (reason, words), n in sorted((left or {}).items()))
    if not is_shown or tally.n < N_MIN:
        return Rate(n=tally.n, good=None, value=None, left_out=reasons)
    return Rate(n=tally.n, good=tally.good, value=tally.good / tally.n, left_out=reasons)
