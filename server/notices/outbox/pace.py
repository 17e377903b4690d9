"""How often and how long each kind of channel is tried. Pure but for the dice."""

from __future__ import annotations

import random

from msgspec import Struct

JITTER = 0.2
"""A fifth more or less, so that what failed together does not come again together."""


class Pace(Struct, frozen=True):
    first_seconds: int
    """Before the second try; doubled for each one after it."""
    ceiling_seconds: int
    tries_max: int


_ROBOT = Pace(60, 3600, 12)
PACES = {
    "webhook": Pace(30, 6 * 3600, 24),
    "mail": Pace(60, 2 * 3600, 18),
    "sms": Pace(30, 600, 6),
    "wecom": _ROBOT,
    "dingtalk": _ROBOT,
    "feishu": _ROBOT,
}
"""Webhooks for three and a half days, mail for a day, robots for six hours; a short message that is a quarter of an hour late
is no use to anybody."""
PER_MINUTE_MAX = {"wecom": 18, "dingtalk": 18, "feishu": 90}
"""Below what the platforms take from one robot in a minute (20, 20 and 100)."""


def is_last(kind: str, tries: int) -> bool:
    return tries >= PACES[kind].tries_max


def seconds_after(kind: str, tries: int, roll: float | None = None) -> float:
    """How long to wait after this many tries. `roll` in 0…1 stands in for the dice."""
    pace = PACES[kind]
    wait = min(pace.first_seconds * 2 ** (tries - 1), pace.ceiling_seconds)
    roll = random.random() if roll is None else roll  # noqa: S311 - only spreads the tries
    return wait * (1 - JITTER + 2 * JITTER * roll)
