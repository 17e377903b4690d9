"""Clock policies: how long each step of an issue may take. Data, read from a table a person can read."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

from msgspec import Struct

SEED = Path(__file__).parent / "seed" / "policies.csv"
ORDINARY = "ordinary"
_LIMIT = re.compile(r"([1-9][0-9]{0,3})(wd|d|h|mo)\Z")

UNITS = {
    "wd": ("个工作日", "working days"),
    "d": ("个自然日", "natural days"),
    "h": ("小时", "hours"),
    "mo": ("个月", "months"),
}
"""How the length of a limit may be counted; hours run through nights and rest days."""


class Limit(Struct, frozen=True):
    count: int
    unit: str


class Policy(Struct, frozen=True):
    """One profile of limits. `limits` names the clock each belongs to; a clock without a limit does not run."""

    name: str
    version: str
    zh: str
    en: str
    limits: dict[str, Limit]


def read_limit(text: str) -> Limit:
    """`7wd`, `3d`, `24h`, `1mo`."""
    match = _LIMIT.match(text)
    if match is None:
        raise ValueError(f"not a limit: {text!r} (write 7wd, 3d, 24h or 1mo)")
    return Limit(int(match[1]), match[2])


@cache
def shipped_policies() -> dict[str, Policy]:
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    fixed = ("policy", "version", "zh", "en")
    return {
        row["policy"]: Policy(
            row["policy"],
            row["version"],
            row["zh"],
            row["en"],
            {clock: read_limit(text) for clock, text in row.items() if clock not in fixed and text},
        )
        for row in rows
    }


def policy_named(name: str) -> Policy:
    return shipped_policies()[name]
