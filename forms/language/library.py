"""The functions of the expression language that need nothing but their arguments. Names are ODK's own.

The ones that look at the form (`position`, `indexed-repeat`, `jr:choice-name` …) or at the moment (`today`) are made in
`forms/engine/compile.py`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Callable
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Context, Decimal

from forms.language import geometry
from forms.language.values import NAN, Value, is_empty, to_names, to_number, to_text, to_truth, to_whole


def _mathematical(compute: Callable[..., float]) -> Callable[..., float]:
    """Out of range is NaN or infinity, as IEEE arithmetic has it, never an exception."""

    def function(*values: object) -> float:
        try:
            return compute(*map(to_number, values))
        except (ValueError, ZeroDivisionError):
            return NAN
        except OverflowError:
            return math.inf

    return function


def _power(base: float, exponent: float) -> float:
    if base == 0 and exponent < 0:
        return math.inf
    return math.pow(base, exponent)


def _logarithm(compute: Callable[[float], float]) -> Callable[[float], float]:
    return lambda number: -math.inf if number == 0 else compute(number)


def truncate(value: object) -> float:
    number = to_number(value)
    return math.trunc(number) if abs(number) < 2**53 else number


_WIDE = Context(prec=60)
"""Room for 15 digits before the point and 30 behind it."""
_PLACES = [Decimal(1).scaleb(-count) for count in range(31)]


def round_number(value: object, places: object = 0) -> float:
    """Halves go up (towards +∞), as XPath has it; negative places round before the point."""
    number, count = to_number(value), to_whole(places)
    if number != number or math.isinf(number):
        return number
    if count is None or abs(count) > 30:
        return NAN
    if count < 0:
        scale = 10.0**-count
        return int(number / scale + 0.5) * scale
    half = ROUND_HALF_UP if number >= 0 else ROUND_HALF_DOWN
    if abs(number) >= 1e15:
        return number
    return float(Decimal(repr(number)).quantize(_PLACES[count], half, _WIDE))


def _numbers(values: list[object]) -> list[float]:
    return [number for number in map(to_number, values) if number == number]


def substr(text: object, start: object, end: object = None) -> str:
    """From `start` (0 is the first character) up to, not including, `end`; negative counts from the end."""
    string = to_text(text)
    first = to_whole(start) or 0
    last = len(string) if end is None else (to_whole(end) or 0)
    length = len(string)
    first = min(max(first + length if first < 0 else first, 0), length)
    last = min(max(last + length if last < 0 else last, 0), length)
    return string[first:last]


def substring_before(text: object, part: object) -> str:
    before, found, _ = to_text(text).partition(to_text(part) or "\0")
    return before if found else ""


def substring_after(text: object, part: object) -> str:
    string, mark = to_text(text), to_text(part)
    return string[string.index(mark) + len(mark) :] if mark in string else ""


def translate(text: object, old: object, new: object) -> str:
    olds, news = to_text(old), to_text(new)
    table: dict[int, str | None] = {}
    for at, sign in enumerate(olds):
        table.setdefault(ord(sign), news[at] if at < len(news) else None)
    return to_text(text).translate(table)


def selected_at(names: object, index: object) -> str:
    chosen, at = to_names(names), to_whole(index)
    return chosen[at] if at is not None and 0 <= at < len(chosen) else ""


_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def digest(data: object, algorithm: object, encoding: object = "base64") -> str:
    name = _ALGORITHMS.get(to_text(algorithm).upper())
    if name is None:
        return ""
    hashed = hashlib.new(name, to_text(data).encode(), usedforsecurity=False).digest()
    return hashed.hex() if to_text(encoding).lower() == "hex" else base64.b64encode(hashed).decode()


def base64_decode(text: object) -> str:
    try:
        return base64.b64decode(to_text(text), validate=False).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""


def checklist(least: object, most: object, *factors: object) -> bool:
    """Whether the number of true factors lies between the two; a negative bound is no bound."""
    low, high = to_number(least), to_number(most)
    count = sum(1 for factor in factors if to_truth(factor))
    return (low < 0 or count >= low) and (high < 0 or count <= high)


def weighted_checklist(least: object, most: object, *pairs: object) -> bool:
    total = sum(to_number(weight) for flag, weight in zip(pairs[::2], pairs[1::2], strict=False) if to_truth(flag))
    return to_number(least) <= total <= to_number(most)


PLAIN: dict[str, Callable[..., Value]] = {
    "string": to_text,
    "number": to_number,
    "boolean": to_truth,
    "boolean-from-string": lambda text: to_text(text).lower() in ("true", "1"),
    "not": lambda value: not to_truth(value),
    "true": lambda: True,
    "false": lambda: False,
    "selected": lambda names, name: to_text(name).strip() in to_names(names),
    "is-selected": lambda names, name: to_text(name).strip() in to_names(names),
    "selected-at": selected_at,
    "count-selected": lambda names: len(to_names(names)),
    "coalesce": lambda first, second: second if is_empty(first) else first,
    "substr": substr,
    "substring-before": substring_before,
    "substring-after": substring_after,
    "translate": translate,
    "string-length": lambda text: len(to_text(text)),
    "normalize-space": lambda text: " ".join(to_text(text).split()),
    "starts-with": lambda text, part: to_text(text).startswith(to_text(part)),
    "ends-with": lambda text, part: to_text(text).endswith(to_text(part)),
    "contains": lambda text, part: to_text(part) in to_text(text),
    "digest": digest,
    "base64-decode": base64_decode,
    "int": truncate,
    "round": round_number,
    "abs": _mathematical(abs),
    "pow": _mathematical(_power),
    "sqrt": _mathematical(math.sqrt),
    "exp": _mathematical(math.exp),
    "exp10": _mathematical(lambda number: math.pow(10.0, number)),
    "log": _mathematical(_logarithm(math.log)),
    "log10": _mathematical(_logarithm(math.log10)),
    "pi": lambda: math.pi,
    "sin": _mathematical(math.sin),
    "cos": _mathematical(math.cos),
    "tan": _mathematical(math.tan),
    "asin": _mathematical(math.asin),
    "acos": _mathematical(math.acos),
    "atan": _mathematical(math.atan),
    "atan2": _mathematical(math.atan2),
    "geofence": geometry.is_inside,
}
"""Called with one value an argument."""


def _joined(values: list[object]) -> str:
    return to_text(values[0]).join(map(to_text, values[1:])) if values else ""


OVER_NODES: dict[str, Callable[[list[object]], Value]] = {
    "count": len,
    "count-non-empty": lambda values: sum(1 for value in values if to_text(value) != ""),
    "sum": lambda values: sum(_numbers(values)),
    "max": lambda values: max(_numbers(values), default=NAN),
    "min": lambda values: min(_numbers(values), default=NAN),
    "concat": lambda values: "".join(map(to_text, values)),
    "join": _joined,
    "checklist": lambda values: checklist(*values) if len(values) >= 2 else False,
    "weighted-checklist": lambda values: weighted_checklist(*values) if len(values) >= 2 else False,
    "area": geometry.area,
    "enclosed-area": geometry.area,
    "distance": geometry.distance,
}
"""Called with one list: the values of every argument, node-sets laid out in order."""


def remainder(left: float, right: float) -> float:
    """`mod` keeps the sign of the left side."""
    try:
        return math.fmod(left, right)
    except ValueError:
        return NAN


def quotient(left: float, right: float) -> float:
    try:
        return left / right
    except ZeroDivisionError:
        return NAN if left == 0 or left != left else math.copysign(math.inf, left) * math.copysign(1, right)
    except OverflowError:
        return math.inf
