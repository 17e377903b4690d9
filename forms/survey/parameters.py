"""The `parameters` column: which names a type takes, and what their values may be."""

from __future__ import annotations

import re

from forms.workbook.lines import Line

_CHOICES = {"randomize": "yes/no", "seed": "any"}
_FILE = {**_CHOICES, "value": "any", "label": "any"}
_PLACE = {"allow-mock-accuracy": "yes/no", "reference-geometry": "any"}
PARAMETERS: dict[str, dict[str, str]] = {
    "range": {
        "start": "number",
        "end": "number",
        "step": "number",
        "tick_interval": "number",
        "placeholder": "number",
        "tick_labelset": "any",
    },
    "text": {"rows": "integer"},
    "photo": {"max-pixels": "integer", "app": "any"},
    "signature": {"max-pixels": "integer", "app": "any"},
    "audio": {"quality": "voice-only low normal external"},
    "background-audio": {"quality": "voice-only low normal"},
    "geopoint": {**_PLACE, "capture-accuracy": "number", "warning-accuracy": "number"},
    "geotrace": {**_PLACE, "incremental": "true"},
    "geoshape": {**_PLACE, "incremental": "true"},
    "audit": {
        "track-changes": "true false",
        "track-changes-reasons": "on-form-edit",
        "identify-user": "true false",
        "location-priority": "any",
        "location-min-interval": "any",
        "location-max-age": "any",
    },
    "select_one": _CHOICES,
    "select_multiple": _CHOICES,
    "rank": _CHOICES,
    "select_one_from_file": _FILE,
    "select_multiple_from_file": _FILE,
}
"""Type → parameter → what its value may be: a kind, or the words it may be."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)


def read_parameters(line: Line) -> dict[str, str]:
    """`start=1; end=5` → a dict; keys in lower case, values too except where they name columns of a file."""
    found: dict[str, str] = {}
    text = re.sub(r"\s*=\s*", "=", line.get("parameters"))
    for pair in re.split(r"[\s,;]+", text.strip()):
        name, equals, value = pair.partition("=")
        if pair and not (name and equals and value):
            _complain(line, f"“{pair}”不是“名称=值”", f"“{pair}” is not of the form name=value", "start=1 end=5 step=1")
        elif pair:
            name = name.lower()
            found[name] = value if name in ("value", "label") else value.lower()
    return found


def check_parameters(line: Line, kind: str, parameters: dict[str, str]) -> None:
    """Complain of every parameter that this type does not take or cannot understand."""
    allowed = PARAMETERS.get(kind, {})
    for name, value in parameters.items():
        if name not in allowed:
            known = " ".join(allowed) or "—"
            _complain(line, f"{kind} 题没有参数“{name}”", f"a {kind} question takes no parameter “{name}”", known)
        elif not _is(allowed[name], value):
            meant = allowed[name]
            _complain(
                line, f"参数 {name} 不能是“{value}”", f"the parameter {name} cannot be “{value}”", f"{name}=<{meant}>"
            )
    if kind == "range":
        _check_range(line, parameters)


def _is(kind: str, value: str) -> bool:
    if kind == "any":
        return True
    if kind in ("number", "integer"):
        return _NUMBER.fullmatch(value) is not None and (kind == "number" or "." not in value)
    if kind == "yes/no":
        return value in ("true", "false", "yes", "no")
    return value in kind.split()


def _check_range(line: Line, parameters: dict[str, str]) -> None:
    given = {name: parameters.get(name, usual) for name, usual in (("start", "1"), ("end", "10"), ("step", "1"))}
    if not all(_NUMBER.fullmatch(value) for value in given.values()):
        return
    start, end, step = (float(value) for value in given.values())
    if step == 0 or abs(step) > abs(end - start):
        zh, en = "step 不能为 0，也不能大于起止之差", "step must not be 0, nor larger than from start to end"
        _complain(line, zh, en, "start=1 end=10 step=1")


def _complain(line: Line, zh: str, en: str, instead: str) -> None:
    line.complain("form.bad_parameters", "parameters", zh, en, instead)
