"""What a list may be asked for: the one vocabulary of filters, for addresses, saved lists, bulk verbs and the console."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Struct

from server.refusals import refusal

OPEN, CLOSED, ALL = "open", "closed", "all"
VALUES_MAX = 200
"""Values of one filter."""
VALUE_MAX = 100
"""Characters of one value."""
Texts = tuple[str, ...]


class Wanted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Filters hold together, the values of one filter stand for each other. A flag that is not given asks for nothing; `false`
    asks for the rest."""

    state: Texts = (OPEN,)
    """States, "open" (everything in the queue), "closed" (everything out of it) or "all"."""
    unit: Texts = ()
    """Codes of units that lead or help."""
    lead: Texts = ()
    """Codes of units that lead."""
    team: Texts = ()
    """Codes of units; whoever stands below them counts too, leading or helping."""
    handler: Texts = ()
    """Logins of those who have it in hand."""
    person: Texts = ()
    """Logins of those who wrote down the first report."""
    owner: Texts = ()
    """Logins of those it was raised to."""
    category: Texts = ()
    """Codes of the taxonomy; what begins with one counts too."""
    region: Texts = ()
    """Where the enterprise is; what begins with a code counts too."""
    industry: Texts = ()
    """Codes of GB/T 4754; what begins with one counts too."""
    tier: Texts = ()
    size: Texts = ()
    urgency: Texts = ()
    source: Texts = ()
    """How a report came in: visit, symposium, hotline, desk …"""
    policy: Texts = ()
    clock: Texts = ()
    """Which clock ends next."""
    light: Texts = ()
    """green, yellow, red, double_red or grey."""
    letter: Texts = ()
    satisfaction: Texts = ()
    """What its enterprises said when they were asked last, of several answers the worst: satisfied, mostly, dissatisfied."""
    enterprise: tuple[UUID, ...] = ()
    """Of any of the reports."""
    text: str = ""
    """Words; each stands in the title, the number, the name of the enterprise or what it said."""
    opened: str = ""
    closed: str = ""
    due: str = ""
    since: str = ""
    """When it came into its state."""
    due_before: datetime | None = None
    overdue: bool | None = None
    unsigned: bool | None = None
    reopened: bool | None = None
    waiting: bool | None = None
    """For the enterprise, on account, or outside."""
    waiting_past: bool | None = None
    """Waiting, and past the date somebody was to look at it."""
    escalated: bool | None = None
    extension_asked: bool | None = None
    on_account: bool | None = None
    excluded: bool | None = None
    unclassified: bool | None = None
    unled: bool | None = None
    mine: bool | None = None
    """What the person's own unit leads, or what the person reported."""
    my_team: bool | None = None
    """What units in the person's reach lead or help with."""
    snoozed: bool | None = None
    """What this person has put aside until a later date."""


NAMES = Wanted.__struct_fields__
KINDS: dict[str, Any] = get_type_hints(Wanted)
FLAGS = tuple(name for name, kind in KINDS.items() if kind == bool | None)
PERIODS = ("opened", "closed", "due", "since")


def check_names(given: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raises `issue.filter_unknown` with what is known."""
    for name in given:
        if name not in KINDS and name not in also:
            raise refusal("issue.filter_unknown", filter=name[:VALUE_MAX], known=", ".join(sorted({*NAMES, *also})))


def wanted_from(given: Mapping[str, Any]) -> Wanted:
    """From the fields of a saved list or the parameters of an address: texts may hold several values with commas between them.
    Raises `issue.filter_unknown`, `issue.filter`."""
    check_names(given)
    parts = {name: _values(name, value) for name, value in given.items() if value is not None}
    for name, value in parts.items():
        try:
            msgspec.convert(value, KINDS[name], strict=False)
        except msgspec.ValidationError:
            raise refusal("issue.filter", field=name, value=str(value)[:VALUE_MAX]) from None
    if parts.get("closed") and "state" not in parts:
        parts["state"] = (CLOSED,)
    wanted = msgspec.convert(parts, Wanted, strict=False)
    _check_sizes(wanted)
    return wanted


def _values(name: str, value: Any) -> Any:
    if name in PERIODS and isinstance(value, str):
        return value.replace(" ", "+")  # what a plus sign becomes in an address
    if KINDS[name] not in (Texts, tuple[UUID, ...]):
        return value
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list | tuple):
        return value
    parts = [part.strip() for one in several for part in (one.split(",") if isinstance(one, str) else [str(one)])]
    return tuple(dict.fromkeys(part for part in parts if part))


def _check_sizes(wanted: Wanted) -> None:
    for name in NAMES:
        value = getattr(wanted, name)
        values = value if isinstance(value, tuple) else (value,)
        if len(values) > VALUES_MAX:
            raise refusal("issue.filter", field=name, value=f"{len(values)} > {VALUES_MAX}")
        for one in values:
            if isinstance(one, str) and (len(one) > VALUE_MAX or "\0" in one):
                raise refusal("issue.filter", field=name, value=one[:VALUE_MAX].replace("\0", ""))
