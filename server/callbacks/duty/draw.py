"""Who is called back: a rule says how many of a hundred, a draw says which. Pure, so anybody who knows the seed can repeat it."""

from __future__ import annotations

import hashlib
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

NUMBERS = 10_000
Percent = Annotated[int, Meta(ge=0, le=100)]
Word = Annotated[str, Meta(max_length=64)]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many of a hundred issues of this clock policy, urgency and kind; what is left out fits everything."""

    percent: Percent
    policy: Word = ""
    urgency: Word = ""
    on_site: bool | None = None

    def fits(self, policy: str, urgency: str, on_site: bool) -> bool:
        return self.policy in ("", policy) and self.urgency in ("", urgency) and self.on_site in (None, on_site)

    @property
    def words(self) -> str:
        kind = {None: "", True: "on_site", False: "not_on_site"}[self.on_site]
        return " ".join(word for word in (self.policy, self.urgency, kind) if word) or "all"


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first rule that fits counts; what none fits is called back always. After a redo everybody is called."""

    rules: Annotated[list[Rule], Meta(max_length=50)] = []
    close_after_days: Annotated[int, Meta(ge=1, le=60)] = 5
    """Working days after which an issue nobody was drawn for closes."""
    seed: Annotated[str, Meta(max_length=64)] = ""


class Drawn(Struct, frozen=True):
    is_drawn: bool
    percent: int
    number: int
    rule: str


def draw(
    rules: Rules, seed: str, issue: str, report: UUID, turn: int, *, policy: str, urgency: str, on_site: bool
) -> Drawn:
    """`issue`: its number. The number drawn is the SHA-256 of seed, issue, report and turn, joined by "|", its first eight bytes
    as an integer, modulo 10000."""
    told = f"{seed}|{issue}|{report}|{turn}".encode()
    number = int.from_bytes(hashlib.sha256(told).digest()[:8]) % NUMBERS
    rule = next((rule for rule in rules.rules if rule.fits(policy, urgency, on_site)), None)
    percent, words = (rule.percent, rule.words) if rule is not None else (100, "otherwise")
    if turn:
        percent, words = 100, "redo"
    return Drawn(number * 100 < percent * NUMBERS, percent, number, words)


SHIPPED = Rules(rules=[Rule(percent=20, on_site=True)])
"""Until a bureau has rules of its own: everybody is called, of what was settled during the visit one in five."""
