"""XPath values and how one kind becomes another, by JavaRosa's rules (its `XPathFuncExpr`, read in November 2026).

A value is text, a number, a truth value, a `Moment` (date or date-time) or a list of choice names. Empty text stands for
"no answer"; as a number it is NaN, and no comparison with NaN is true.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone

NAN = math.nan
EPOCH = 719_163
"""`date.toordinal()` of 1970-01-01: dates count in days from there."""
_DECIMAL = re.compile(r"-?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d(?:T.*)?", re.ASCII)


class Moment:
    """A date, or a date with a time, by the clock of the place where it was written.

    `when` holds no zone; `offset` is what the text named, None where it named none. As a number it is whole days since
    1970 even with a time: so does ODK Collect, and what a phone let pass must pass here. `exact` keeps the time.
    """

    __slots__ = ("offset", "timed", "when")

    def __init__(self, when: datetime, timed: bool, offset: timedelta | None = None) -> None:
        self.when = when
        self.timed = timed
        self.offset = offset

    @property
    def days(self) -> int:
        return self.when.toordinal() - EPOCH

    @property
    def exact(self) -> float:
        """Days since 1970 by the same clock, with the time of day as a fraction."""
        when = self.when
        return self.days + (when.hour * 3600 + when.minute * 60 + when.second + when.microsecond / 1e6) / 86400

    def __str__(self) -> str:
        if not self.timed:
            return self.when.date().isoformat()
        text = self.when.isoformat(timespec="milliseconds")
        if self.offset is None:
            return text
        return text + datetime(2000, 1, 1, tzinfo=timezone(self.offset)).isoformat()[19:]


Value = str | float | int | bool | Moment | list[str]


def read_moment(text: str) -> Moment | None:
    """A date or date-time from ISO 8601 text, None when it is neither."""
    if not _DAY.fullmatch(text):
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == 10:
        return Moment(when, False)
    return Moment(when.replace(tzinfo=None), True, when.utcoffset())


def to_number(value: object) -> float:
    kind = type(value)
    if kind is float or kind is int:
        return value  # type: ignore[return-value]
    if kind is bool:
        return 1.0 if value else 0.0
    if kind is Moment:
        return value.days  # type: ignore[attr-defined]
    return text_to_number(to_text(value))


def text_to_number(text: str) -> float:
    """XPath knows no exponents and no `inf`. A comma is read as the point some keyboards give, a date as its days."""
    text = text.strip()
    if not text:
        return NAN
    if _DECIMAL.fullmatch(text):
        return float(text)
    if "," in text and _DECIMAL.fullmatch(text.replace(",", ".")):
        return float(text.replace(",", "."))
    moment = read_moment(text)
    return NAN if moment is None else moment.days


def number_to_text(number: float) -> str:
    if number != number:
        return "NaN"
    if number in (math.inf, -math.inf):
        return "Infinity" if number > 0 else "-Infinity"
    if abs(number) < 1e-12:
        return "0"
    whole = round(number)
    if abs(number - whole) < 1e-12:
        return str(whole)
    text = repr(number)
    return text if "e" not in text else f"{number:.17f}".rstrip("0")


def to_text(value: object) -> str:
    """Rows and list entries have no text of their own."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[return-value]
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return number_to_text(value)  # type: ignore[arg-type]
    if kind is list:
        return " ".join(value)  # type: ignore[arg-type]
    return str(value) if kind is Moment or isinstance(value, str) else ""


def to_truth(value: object) -> bool:
    """Text is true when it is not empty (`'0'` and `'false'` are), a number when it is neither 0 nor NaN."""
    kind = type(value)
    if kind is bool:
        return value  # type: ignore[return-value]
    if kind is float or kind is int:
        return value == value and abs(value) > 1e-12  # type: ignore[arg-type]
    if kind is Moment:
        return True
    return bool(value)


def to_names(value: object) -> list[str]:
    """The chosen names of a select, from a list or from space-separated text."""
    return value if type(value) is list else to_text(value).split()


def to_whole(value: object) -> int | None:
    """Cut to an integer as `int()` does; None for NaN and infinity."""
    number = to_number(value)
    return None if number != number or number in (math.inf, -math.inf) else int(number)


def is_empty(value: object) -> bool:
    return value == "" or value != value or value == []


def equal(left: object, right: object) -> bool:
    """`=`: as truth values if one is, else as numbers if one is, else as text. Dates compare by their text or days."""
    a, b = type(left), type(right)
    if a is str and b is str:
        return left == right
    if a is bool or b is bool:
        return to_truth(left) == to_truth(right)
    if a is float or a is int or b is float or b is int:
        x, y = to_number(left), to_number(right)
        return x == y or abs(x - y) < 1e-12
    if a is Moment and b is Moment:
        return left.days == right.days  # type: ignore[attr-defined]
    return to_text(left) == to_text(right)
