"""Who is told of what, and in which words: a table a person can read (`seed/ladder.csv`)."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from msgspec import Struct

SEED = Path(__file__).parent / "seed" / "ladder.csv"
AUTHOR, CO_HANDLER = "author", "co_handler"
"""Whoever wrote the first report down; the handlers of the units that help."""


class Rung(Struct, frozen=True):
    """`topic` is an event of the issue (`issue.<verb>`, or `issue.<verb>.<outcome>`) or a signal of a clock
    (`clock.<level>`); a rung that names its clock goes before one that does not. `to` are roles and the two words above."""

    topic: str
    clock: str
    to: tuple[str, ...]
    zh: str
    en: str


@cache
def shipped_ladder() -> tuple[Rung, ...]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return tuple(
            Rung(row["topic"], row["clock"], tuple(row["to"].split()), row["zh"], row["en"])
            for row in csv.DictReader(file)
        )


@cache
def rung_for(topic: str, clock: str = "") -> Rung | None:
    """The one rung of this topic, the one made for this clock first."""
    found = {rung.clock: rung for rung in shipped_ladder() if rung.topic == topic}
    return found.get(clock) or found.get("")
