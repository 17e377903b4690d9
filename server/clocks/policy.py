"""Clock policies: how long each step of an issue may take. Data, read from a table a person can read."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

from msgspec import Struct

SEED = Path(__file__).parent / "seed" / "policies.csv"
ORDINARY = "ordinary"
LONGEST = {"wd": 500, "wh": 3500, "d": 750, "h": 18_000, "mo": 24}
"""About two years of each: further than that no calendar is known."""
_LIMIT = re.compile(r"(0|[1-9][0-9]{0,4})(wd|wh|d|h|mo)\Z")
_SAME_DAY = {"wd", "d"}

UNITS = {
    "wd": ("个工作日", "working days"),
    "wh": ("个工作小时", "working hours"),
    "d": ("个自然日", "natural days"),
    "h": ("小时", "hours"),
    "mo": ("个月", "months"),
}
"""How the length of a limit may be counted; plain hours run through nights and rest days."""


class Limit(Struct, frozen=True):
    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a policy allows beside its limits. How long one pause may last is the limit of the clock `wait`."""

    waits_max: int = 2
    """How often an issue may wait for the enterprise."""
    extensions_max: int = 2
    extension_notice: int = 1
    """Working days before the date by which an extension must be asked for."""
    extension_percent: int = 100
    """How long one extension may be, in percent of the limit."""


class Policy(Struct, frozen=True):
    """One profile of limits. `limits` names the clock each belongs to; a clock without a limit does not run."""

    name: str
    version: str
    zh: str
    en: str
    limits: dict[str, Limit]
    rules: Rules = Rules()


def read_limit(text: str) -> Limit:
    """`7wd`, `3d`, `24h`, `1mo`; `0wd` or `0d` is the same day."""
    match = _LIMIT.match(text)
    if match is None or (match[1] == "0" and match[2] not in _SAME_DAY) or int(match[1]) > LONGEST[match[2]]:
        raise ValueError(f"not a limit: {text!r} (write 7wd, 4wh, 3d, 24h, 1mo, or 0wd for the same day)")
    return Limit(int(match[1]), match[2])


@cache
def shipped_policies() -> dict[str, Policy]:
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    fixed = {"policy", "version", "zh", "en", *Rules.__struct_fields__}
    return {
        row["policy"]: Policy(
            row["policy"],
            row["version"],
            row["zh"],
            row["en"],
            {clock: read_limit(text) for clock, text in row.items() if clock not in fixed and text},
            Rules(**{name: int(row[name]) for name in Rules.__struct_fields__}),
        )
        for row in rows
    }


def policy_named(name: str) -> Policy:
    """The first edition, as it ships. Which edition a bureau's issue counts by: `server.clocks.policies.actions`."""
    return shipped_policies()[name]
