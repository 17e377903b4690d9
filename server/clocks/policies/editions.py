"""Editions of a policy, pure: which one an issue counts by, now and at any moment of the past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Annotated

from msgspec import Meta, Struct

from server.clocks.clock import BY_NAME
from server.clocks.policy import Policy, Rules, read_limit, shipped_policies

FIRST_DAY = date(2000, 1, 1)
SHIPPED_AT = datetime(2000, 1, 1, tzinfo=UTC)
COUNTS_MAX = {"waits_max": 10, "extensions_max": 10, "extension_notice": 30, "extension_percent": 300}


class Edition(Struct, frozen=True, kw_only=True):
    """A policy as it was written down at `changed_at`: for issues that begin on `valid_from` or later, and with `open_too`
    for all that were open then."""

    policy: Policy
    valid_from: date = FIRST_DAY
    open_too: bool = False
    note: str = ""
    changed_at: datetime = SHIPPED_AT

    @property
    def version(self) -> int:
        return int(self.policy.version)


class NewEdition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`limits` name clocks and lengths (`{"solve": "7wd"}`); a clock that is left out does not run. `valid_from` is today
    when left out."""

    zh: Annotated[str, Meta(min_length=1, max_length=100)]
    en: Annotated[str, Meta(max_length=200)] = ""
    limits: Annotated[dict[str, Annotated[str, Meta(max_length=8)]], Meta(min_length=1, max_length=40)]
    rules: Rules = Rules()
    valid_from: date | None = None
    open_too: bool = False
    """Also for the issues of this policy that are open now."""
    note: Annotated[str, Meta(max_length=1000)] = ""


def shipped_editions() -> dict[str, list[Edition]]:
    return {name: [Edition(policy=policy)] for name, policy in shipped_policies().items()}


def read_policy(name: str, version: int, written: NewEdition) -> Policy:
    """Raises ValueError with a sentence for an unknown clock, a limit that cannot be read and a count out of range."""
    limits = {}
    for clock, text in written.limits.items():
        if clock not in BY_NAME:
            raise ValueError(f"there is no clock {clock!r}; there are {', '.join(BY_NAME)}")
        limits[clock] = read_limit(text)
        if not limits[clock].count and BY_NAME[clock].renews:
            raise ValueError(f"{clock} comes round again and again, so it cannot be due the same day")
    for field, most in COUNTS_MAX.items():
        if not 0 <= getattr(written.rules, field) <= most:
            raise ValueError(f"{field} must be 0 to {most}")
    if written.rules.waits_max and "wait" not in limits:
        raise ValueError("an issue that may wait for the enterprise needs a limit for the clock wait")
    return Policy(name, str(version), written.zh, written.en or written.zh, limits, written.rules)


def in_force(editions: Sequence[Edition], day: date, moment: datetime) -> Edition:
    """The edition for what begins on `day`, as far as was written down by `moment`."""
    known = [one for one in editions if one.valid_from <= day and one.changed_at <= moment]
    return max(known, key=lambda one: (one.valid_from, one.version), default=editions[0])


def edition_at(editions: Sequence[Edition], chosen_at: datetime, moment: datetime, zone: tzinfo) -> Edition:
    """The edition that, at `moment`, an issue counted by that has had this policy since `chosen_at`."""
    day = chosen_at.astimezone(zone).date()
    found = in_force(editions, day, chosen_at)
    for one in editions:
        if chosen_at < one.changed_at <= moment:
            is_next = one.valid_from <= day and (one.valid_from, one.version) > (found.valid_from, found.version)
            if is_next or one.open_too:
                found = one
    return found
