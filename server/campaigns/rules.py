"""What a round is made of, as data: whom it asks, what makes an answer count, when it is over. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct

from server.campaigns.tables import AFTER_CLOSE, DUPLICATE, FIRST, INVALID


class Filter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Enterprises for which every list that is given holds one fitting value."""

    statuses: tuple[str, ...] = ("active",)
    tiers: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    """Beginnings of GB/T 2260 codes: `3601` is all of the city."""
    industries: tuple[str, ...] = ()
    """Beginnings of GB/T 4754 codes."""


class Population(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom a round asks: exactly one of the four."""

    enterprises: list[UUID] = []
    codes: list[str] = []
    """Credit codes or temporary ids."""
    pool: str = ""
    where: Filter | None = None

    @property
    def ways(self) -> int:
        return sum(map(bool, (self.enterprises, self.codes, self.pool, self.where is not None)))


class ValidityRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an answer must have to fill its slot; without limits every record does."""

    missing_max: int | None = None
    """Required questions that may stay open: “未填报问题少于或等于3个的为有效问卷” is 3."""
    errors_max: int | None = None
    """Other errors it may have."""


class Found(Protocol):
    """A flaw, as far as validity asks."""

    @property
    def code(self) -> str: ...
    @property
    def level(self) -> Any: ...


class Window(Protocol):
    """A round, as far as its dates go; stored rows have it."""

    opens_on: Any
    closes_on: Any
    grace_days: Any
    closed_at: Any


def is_valid(rule: ValidityRule, flaws: Sequence[Found]) -> bool:
    missing = sum(flaw.code == "missing" for flaw in flaws)
    errors = sum(flaw.level == "error" and flaw.code != "missing" for flaw in flaws)
    return (rule.missing_max is None or missing <= rule.missing_max) and (
        rule.errors_max is None or errors <= rule.errors_max
    )


def last_day(window: Window) -> date:
    """The last day on which an answer still counts, late or not."""
    end: date = window.closes_on + timedelta(days=window.grace_days)
    return end


def is_over(window: Window, today: date) -> bool:
    return window.closed_at is not None or today > last_day(window)


def standing_of(window: Window, *, received_on: date, is_answer_valid: bool, is_filled: bool) -> str:
    """How a record stands that comes for a slot of this round on this day."""
    if is_over(window, received_on):
        return AFTER_CLOSE
    if not is_answer_valid:
        return INVALID
    return DUPLICATE if is_filled else FIRST
