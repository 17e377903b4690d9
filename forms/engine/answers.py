"""From recorded JSON to the value an expression sees, by question type, and back from a computed value to JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from forms.definition import Question
from forms.language.dates import as_moment, read_clock
from forms.language.geometry import read_place, read_places
from forms.language.values import Moment, is_empty, read_moment, text_to_number, to_number, to_text

Loader = Callable[[Any], Any]
"""Recorded JSON → value; None says that it is not an answer of this type."""

MAX_EXACT = 2**53
"""Whole numbers beyond are read as floats, as every phone does."""


def _text(raw: Any) -> Any:
    return raw if type(raw) is str else None


def _computed(raw: Any) -> Any:
    """Calculations have no type of their own: text, a number or a truth value."""
    kind = type(raw)
    if kind is str:
        return raw
    if kind is bool:
        return "true" if raw else "false"
    return _decimal(raw)


def _decimal(raw: Any) -> Any:
    if type(raw) is float:
        return raw
    if type(raw) is int:
        return raw if -MAX_EXACT <= raw <= MAX_EXACT else _as_float(raw)
    return None


def _as_float(raw: int) -> float:
    try:
        return float(raw)
    except OverflowError:
        return math.inf if raw > 0 else -math.inf


def _integer(raw: Any) -> Any:
    if type(raw) is int:
        return raw if -MAX_EXACT <= raw <= MAX_EXACT else _as_float(raw)
    if type(raw) is float and raw.is_integer():
        return raw
    return None


def _date(raw: Any) -> Any:
    if type(raw) is not str:
        return None
    if raw == "":
        return ""
    moment = read_moment(raw)
    return None if moment is None or moment.timed else moment


def _date_time(raw: Any) -> Any:
    if type(raw) is not str:
        return None
    return "" if raw == "" else read_moment(raw)


def _time(raw: Any) -> Any:
    return raw if type(raw) is str and (raw == "" or read_clock(raw) is not None) else None


def _names(raw: Any) -> Any:
    if type(raw) is list and all(type(name) is str and name and " " not in name for name in raw):
        return raw if len(set(raw)) == len(raw) else None
    return None


def _place(raw: Any) -> Any:
    return raw if type(raw) is str and (raw == "" or read_place(raw) is not None) else None


def _trace(raw: Any) -> Any:
    return raw if type(raw) is str and (raw == "" or read_places(raw) is not None) else None


LOADERS: dict[str, Loader] = {
    "integer": _integer,
    "decimal": _decimal,
    "range": _decimal,
    "date": _date,
    "today": _date,
    "dateTime": _date_time,
    "start": _date_time,
    "end": _date_time,
    "time": _time,
    "select_multiple": _names,
    "rank": _names,
    "geopoint": _place,
    "geotrace": _trace,
    "geoshape": _trace,
    "calculate": _computed,
    "hidden": _computed,
}
"""Question type → how its answers are read; every other type holds text."""


def loader(question: Question) -> Loader:
    load = LOADERS.get(question.type, _text)
    return _ranged(question, load) if question.type == "range" else load


def _ranged(question: Question, load: Loader) -> Loader:
    low, high, step = (
        text_to_number(question.parameters.get(name, usual))
        for name, usual in (("start", "0"), ("end", "10"), ("step", "1"))
    )
    low, high = min(low, high), max(low, high)

    def within(raw: Any) -> Any:
        value = load(raw)
        if value is None or not low <= value <= high:
            return None
        rounds = (value - low) / step if step else 0.0
        return value if abs(rounds - round(rounds)) < 1e-6 else None

    return within


def to_json(question: Question, value: Any) -> Any:
    """A computed value as the phone records it under this question; None when it is no answer."""
    if (type(value) is float and not math.isfinite(value)) or is_empty(value):
        return None
    match question.type:
        case "integer":
            number = to_number(value)
            return int(number) if math.isfinite(number) else None
        case "decimal" | "range":
            number = to_number(value)
            return _tidy(number) if math.isfinite(number) else None
        case "select_multiple" | "rank":
            return to_text(value).split() or None
        case "date" | "today":
            return _moment_text(value, timed=False)
        case "dateTime" | "start" | "end":
            return _moment_text(value, timed=True)
        case "calculate" | "hidden" if type(value) in (int, float):
            return _tidy(value)
        case _:
            return to_text(value)


def _tidy(number: float) -> float:
    """Whole numbers without a point: 3, not 3.0."""
    return int(number) if abs(number) < MAX_EXACT and number == int(number) else number


def _moment_text(value: Any, *, timed: bool) -> str | None:
    moment = as_moment(value, timed=timed)
    return str(moment) if isinstance(moment, Moment) else None


def default_value(question: Question, text: str) -> Any:
    """A fixed default as the answer it stands for."""
    return to_json(question, text)


def same_answer(recorded: Any, computed: Any) -> bool:
    """Whether two answers mean the same: numbers up to rounding, dates by their day and moment, text by its letters."""
    if recorded == computed:
        return True
    if recorded is None or computed is None:
        return (is_nothing(recorded) or recorded in _NOT_NUMBERS) and is_nothing(computed)
    if type(recorded) is bool:
        recorded = "true" if recorded else "false"
    if type(recorded) is list or type(computed) is list:
        return to_text(recorded) == to_text(computed)
    early, late = read_moment(to_text(recorded)), read_moment(to_text(computed))
    if early is not None and late is not None:
        return _same_moment(early, late)
    a, b = _as_written(recorded), _as_written(computed)
    if a == a and b == b:
        return abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))
    return to_text(recorded) == to_text(computed)


_NOT_NUMBERS = ("NaN", "Infinity", "-Infinity")
"""What some phones write where a calculation has no result."""
_WITH_EXPONENT = re.compile(r"-?\d+(\.\d+)?[eE]-?\d{1,3}", re.ASCII)


def _as_written(value: Any) -> float:
    """A number as phones write it; Java gives large ones an exponent, which expressions themselves do not know."""
    if type(value) is str and _WITH_EXPONENT.fullmatch(value):
        return float(value)
    return to_number(value)


def _same_moment(a: Moment, b: Moment) -> bool:
    """To the millisecond; zones count only where both name one."""
    if a.timed != b.timed:
        return False
    apart = a.when - b.when
    if a.offset is not None and b.offset is not None:
        apart -= a.offset - b.offset
    return abs(apart) < timedelta(milliseconds=1)


def is_nothing(raw: Any) -> bool:
    return raw is None or raw == "" or raw == []


def moment_text(now: datetime, *, timed: bool) -> str:
    """A moment as a phone stamps it: ISO 8601 with milliseconds and zone, or the day alone."""
    return now.isoformat(timespec="milliseconds") if timed else now.date().isoformat()
