"""Rates of a period, by unit, category or region, of the issues a person oversees."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from server.moment import now, today
from server.people.actor import Actor
from server.rates.counting import PARTS, Period, Split, answered_cases, called_cases, limited_cases
from server.rates.formulas import LEFT_OUT, MEASURES, N_MIN, Rate, Table, table_of
from server.refusals import refusal

DAYS_MAX = 732
"""Longest period that is counted at once."""


class RateOut(Struct, frozen=True, kw_only=True):
    measure: str
    zh: str
    en: str
    n: int
    good: int | None
    value: float | None
    """From 0 to 1; null for n < 5 and where a smaller n could be worked out."""
    left_out: list[ReasonOut]


class ReasonOut(Struct, frozen=True, kw_only=True):
    reason: str
    zh: str
    en: str
    words: str
    n: int


class Part(Struct, frozen=True, kw_only=True):
    key: str
    """Code of the unit, category or region; empty for what has none."""
    name: str
    rates: list[RateOut]


class RatesOut(Struct, frozen=True, kw_only=True):
    first: date
    last: date
    by: str
    n_min: int
    whole: list[RateOut]
    parts: list[Part]


async def count_rates(actor: Actor, first: date, last: date, by: str) -> RatesOut:
    """`first` and `last` are both among the days. Raises `rate.period`, `rate.by`."""
    actor.must("rate.read")
    if by not in PARTS:
        raise refusal("rate.by", by=by, parts=", ".join(PARTS))
    if not 0 <= (last - first).days < DAYS_MAX or first.year < 2000 or last.year > 9000:
        raise refusal("rate.period", limit=DAYS_MAX)
    period = Period(first=first, last=last)
    split = await Split.by(actor.bureau, by)
    cases = [
        *await limited_cases(actor, period, split, now()),
        *await answered_cases(actor, period, split),
        *await called_cases(actor, period, split, today()),
    ]
    table = table_of(cases, first, last)
    return RatesOut(
        first=first,
        last=last,
        by=by,
        n_min=N_MIN,
        whole=_shown(table.whole),
        parts=[Part(key=key, name=split.names.get(key, ""), rates=_shown(table.parts[key])) for key in _order(table)],
    )


def _order(table: Table) -> list[str]:
    """By their code: an order by merit would be a ranking."""
    return sorted(table.parts)


def _shown(rates: dict[str, Rate]) -> list[RateOut]:
    return [
        RateOut(
            measure=name,
            zh=MEASURES[name][0],
            en=MEASURES[name][1],
            n=rate.n,
            good=rate.good,
            value=rate.value,
            left_out=[
                ReasonOut(
                    reason=one.reason, zh=LEFT_OUT[one.reason][0], en=LEFT_OUT[one.reason][1], words=one.words, n=one.n
                )
                for one in rate.left_out
            ],
        )
        for name, rate in rates.items()
    ]
