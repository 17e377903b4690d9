"""The over-visit guard: whether an enterprise is being visited again too soon, and whom to go with instead. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct

DISTURBING = frozenset({"on_site", "video"})
"""A call, or the firm coming to us, is contact like any other and takes nobody's morning."""


class Neighbour(Struct, frozen=True, kw_only=True):
    """Another visit to the same enterprise, near in time."""

    visit: UUID
    day: date
    channel: str
    state: str
    person: UUID
    person_name: str
    unit_name: str


class VisitWarning(Struct, frozen=True, kw_only=True):
    """Said beside an answer; it never stops anybody."""

    code: str
    zh: str
    en: str
    details: dict[str, Any]


def near(day: date, channel: str, others: Iterable[Neighbour], interval_days: int) -> list[Neighbour]:
    """The disturbing visits less than `interval_days` away on either side, the nearest first."""
    if channel not in DISTURBING:
        return []
    found = [
        other
        for other in others
        if other.channel in DISTURBING and other.state != "cancelled" and abs((other.day - day).days) < interval_days
    ]
    return sorted(found, key=lambda other: (abs((other.day - day).days), other.visit))


def warn(day: date, person: UUID, neighbours: list[Neighbour], interval_days: int) -> VisitWarning | None:
    """What to tell the one who plans: who was or will be there, and which planned visit to join."""
    if not neighbours:
        return None
    nearest = neighbours[0]
    join = next((other for other in neighbours if other.state == "planned" and other.person != person), None)
    when, who = nearest.day.isoformat(), f"{nearest.unit_name} {nearest.person_name}".strip()
    zh = f"{interval_days}天内已有走访:{when} {who}。无事不扰,请考虑电话联系"
    en = f"Visited or planned within {interval_days} days: {when}, {who}. Consider a phone call"
    if join is not None:
        zh += f",或与{join.person_name}({join.day.isoformat()})联合走访"
        en += f", or go together with {join.person_name} on {join.day.isoformat()}"
    details = {"visits": neighbours, "join": join.visit if join is not None else None, "interval_days": interval_days}
    return VisitWarning(code="visit.too_soon", zh=zh, en=en, details=details)
