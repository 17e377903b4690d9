"""The response rate, with what it was made of beside it. Pure.

Rate = slots filled ÷ enterprises on the frozen list. Who declined or could not be reached stays below the line: leaving
them out would make a round look better the more firms it loses. Late answers count and are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from server.campaigns.tables import FILLED, MERGED, OPEN, REFUSED, UNREACHABLE, WAYS

RATE_LEAST_N = 5
"""A rate of fewer enterprises is not shown: it would tell who they are."""


class Tally(Struct, frozen=True):
    """How many slots share a state, a way and a punctuality."""

    state: str
    via: str
    late: bool
    count: int


class Rates(Struct, frozen=True, kw_only=True):
    targets: int
    """n: enterprises on the frozen list, one that was merged into another of them not counted again."""
    filled: int
    filled_by: dict[str, int]
    """visit, link, desk."""
    late: int
    """Of the filled ones."""
    refused: int
    unreachable: int
    open: int
    response_rate: float | None
    """filled ÷ targets to three places; null below five targets."""


def rates(tallies: Iterable[Tally]) -> Rates:
    found = [one for one in tallies if one.state != MERGED]
    targets = sum(one.count for one in found)
    filled = _count(found, FILLED)
    return Rates(
        targets=targets,
        filled=filled,
        filled_by={way: sum(one.count for one in found if one.state == FILLED and one.via == way) for way in WAYS},
        late=sum(one.count for one in found if one.state == FILLED and one.late),
        refused=_count(found, REFUSED),
        unreachable=_count(found, UNREACHABLE),
        open=_count(found, OPEN),
        response_rate=round(filled / targets, 3) if targets >= RATE_LEAST_N else None,
    )


def _count(tallies: list[Tally], state: str) -> int:
    return sum(one.count for one in tallies if one.state == state)
