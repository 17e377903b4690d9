"""When many enterprises begin to say the same: distinct enterprises of seven days against the eight weeks before. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

WINDOW_DAYS = 7
BASELINE_WEEKS = 8
LOOK_BACK = timedelta(days=WINDOW_DAYS * (BASELINE_WEEKS + 1) - 1)
"""How far before its day an alarm looks."""
_DAY = timedelta(days=1)
Place = tuple[str, str]
"""Category and region."""


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`enterprises_min` of one category and region in seven days, and `ratio_min` times the baseline, raise an alarm; then there
    is none there for `cool_down_days`. `baseline_min` is the least a baseline counts for, so that the first ones to speak of
    something new are compared with that, not with nothing."""

    is_on: bool = True
    enterprises_min: Annotated[int, Meta(ge=2, le=10_000)] = 5
    ratio_min: Annotated[float, Meta(ge=1, le=1000)] = 2.0
    baseline_min: Annotated[float, Meta(ge=0.1, le=1000)] = 1.0
    cool_down_days: Annotated[int, Meta(ge=1, le=365)] = 14


class Said(Struct, frozen=True):
    """A report, by the day it was received."""

    day: date
    category: str
    region: str
    enterprise: UUID
    report: UUID


class Raised(Struct, frozen=True, kw_only=True):
    """`baseline` is the mean of the distinct enterprises per week, as it was; `ratio` is against at least `baseline_min`."""

    category: str
    region: str
    day: date
    enterprises: int
    baseline: float
    ratio: float
    reports: tuple[UUID, ...]
    """Of the seven days, oldest first."""


def alarms_of(
    said: Iterable[Said], first: date, last: date, rules: Rules, before: Mapping[Place, date] | None = None
) -> list[Raised]:
    """The alarms of each day from `first` through `last`, by day, category and region. `before` is the last alarm of each place
    that was raised earlier. `said` must reach back to `first - LOOK_BACK`; what is outside is not looked at."""
    by_place: dict[Place, list[Said]] = defaultdict(list)
    for one in said:
        if first - LOOK_BACK <= one.day <= last:
            by_place[one.category, one.region].append(one)
    raised: list[Raised] = []
    for place, told in by_place.items():
        told.sort(key=lambda one: (one.day, str(one.report)))
        raised += _raised_at(place, told, (first, last), rules, (before or {}).get(place))
    return sorted(raised, key=lambda one: (one.day, one.category, one.region))


def _raised_at(
    place: Place, told: Sequence[Said], period: tuple[date, date], rules: Rules, before: date | None
) -> Iterable[Raised]:
    per_day = _distinct(told, period[1])
    for day in sorted(per_day):
        enterprises = per_day[day]
        if day < period[0] or enterprises < rules.enterprises_min:
            continue
        if before is not None and (day - before).days < rules.cool_down_days:
            continue
        weeks = [per_day.get(day - timedelta(days=WINDOW_DAYS * n), 0) for n in range(1, BASELINE_WEEKS + 1)]
        baseline = sum(weeks) / BASELINE_WEEKS
        ratio = enterprises / max(baseline, rules.baseline_min)
        if ratio < rules.ratio_min:
            continue
        before = day
        since = day - timedelta(days=WINDOW_DAYS)
        reports = dict.fromkeys(one.report for one in told if since < one.day <= day)
        yield Raised(
            category=place[0], region=place[1], day=day, enterprises=enterprises, baseline=baseline, ratio=ratio,
            reports=tuple(reports),
        )  # fmt: skip


def _distinct(told: Sequence[Said], last: date) -> dict[date, int]:
    """Day → enterprises that spoke in the seven days up to it; days without any are left out. Each enterprise is there from a
    day it speaks on until seven days later, so the sum needs only where these stretches begin and end."""
    changes: Counter[date] = Counter()
    until: dict[UUID, date] = {}
    for one in told:
        end = one.day + timedelta(days=WINDOW_DAYS)
        begins = max(one.day, until.get(one.enterprise, one.day))
        if begins < end:
            changes[begins] += 1
            changes[end] -= 1
        until[one.enterprise] = end
    per_day: dict[date, int] = {}
    if not changes:
        return per_day
    day, there = min(changes), 0
    end = min(last, max(changes))
    while day <= end:
        there += changes.get(day, 0)
        if there:
            per_day[day] = there
        day += _DAY
    return per_day
