"""What a calendar is made of, as people write it: days that are not what their weekday says, office hours, and an edit of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from server.worktime.calendar import OfficeHours, Spans

OFFICIAL = "official"
PROVISIONAL = "provisional"
LOCAL = "local"
STATUSES = (OFFICIAL, PROVISIONAL, LOCAL)
MIDNIGHT = "24:00"
OFFICE = "office"
SPANS_MAX = 6
_SPAN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)\Z")


class Day(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day that is not what its weekday says, or not its usual hours. `official` days come from the State Council's notice and
    make their whole year known; `provisional` ones are expected of a notice; `local` ones are the bureau's own (a flood, a
    half-holiday) and stand above both. `is_working` of None takes back what was said of the day."""

    day: date
    is_working: bool | None
    name: str = ""
    source: str = ""
    status: str = LOCAL
    spans: tuple[str, ...] = ()
    """Office hours of this day alone, as `08:30-12:00`."""

    @property
    def layer(self) -> str:
        return LOCAL if self.status == LOCAL else OFFICIAL


class Hours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Office hours of every working day from `valid_from` on. `closing` says when the last day of a limit ends: at `24:00`, or
    when the `office` closes."""

    valid_from: date
    spans: tuple[str, ...]
    closing: str = MIDNIGHT


class Edit(Struct, frozen=True, kw_only=True):
    """One change of a bureau's calendar: it becomes one version."""

    kind: str
    """days, notice or hours."""
    days: tuple[Day, ...] = ()
    hours: tuple[Hours, ...] = ()
    note: str = ""


def read_spans(texts: Sequence[str]) -> Spans:
    """`["08:30-12:00", "14:00-17:30"]` in minutes. ValueError for what is no time of day, out of order or too much."""
    spans: list[tuple[int, int]] = []
    for text in texts:
        match = _SPAN.match(text)
        start, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
        if match is None or max(int(match[2]), int(match[4])) > 59 or end > 24 * 60 or start >= end:
            raise ValueError(f"{text!r} is no span of a day; write 08:30-12:00")
        if spans and start < spans[-1][1]:
            raise ValueError(f"{text!r} begins before the span in front of it ends")
        spans.append((start, end))
    if not 0 < len(spans) <= SPANS_MAX:
        raise ValueError(f"give 1 to {SPANS_MAX} spans")
    return tuple(spans)


def write_spans(spans: Spans) -> tuple[str, ...]:
    return tuple(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in spans)


def office_hours(hours: Hours) -> OfficeHours:
    """ValueError like `read_spans`, and for a closing that is neither `24:00` nor `office`."""
    if hours.closing not in (MIDNIGHT, OFFICE):
        raise ValueError(f"closing is {MIDNIGHT} or {OFFICE}, not {hours.closing!r}")
    return OfficeHours(hours.valid_from, read_spans(hours.spans), hours.closing == OFFICE)


def overlay(days: Sequence[Day]) -> list[Day]:
    """What remains of days given one after the other: in each layer the last word on a day, the bureau's own above the rest."""
    layers: dict[str, dict[date, Day]] = {OFFICIAL: {}, LOCAL: {}}
    for day in days:
        layers[day.layer][day.day] = day
    standing = {
        day: given
        for layer in (OFFICIAL, LOCAL)
        for day, given in layers[layer].items()
        if given.is_working is not None
    }
    return [standing[day] for day in sorted(standing)]
