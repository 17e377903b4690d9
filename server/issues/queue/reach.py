"""Whose lists hold what, in pieces an index can read in order. Together they are `Issue.reach_of`; asked as one condition with OR,
a database walks the whole queue to find what one unit has in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from piccolo.columns.combination import WhereRaw

from server.issues.states import DRAFT
from server.issues.tables import CONFIRMED, READ, Issue
from server.people.actor import Actor
from server.people.roles import BUREAU_WIDE, HANDLER, REVIEWER, ROLES
from server.people.tables import Unit

UNITS_APART_MAX = 8
"""So many units are asked about one by one, each in the order of its own index."""


async def pieces_of(actor: Actor) -> list[Any]:
    """Conditions that together hold exactly what this person may see; one issue may be in several."""
    everything: Any = (Issue.bureau == actor.bureau) & (Issue.state != DRAFT)
    drafts = WhereRaw("issue.bureau = {} AND issue.state = {} AND issue.person = {}", actor.bureau, DRAFT, actor.person)
    overseen = _reach(actor, [role for role in actor.reach if role in BUREAU_WIDE and READ in ROLES[role]])
    if actor.is_system:
        return [Issue.bureau == actor.bureau]
    if overseen and await _root_of(actor) in overseen:
        return [everything, drafts]
    units = sorted({*overseen, *_reach(actor, [role for role in actor.reach if role in (HANDLER, REVIEWER)])}, key=str)
    pieces = [everything & one for one in _led(units)]
    if units:
        pieces.append(everything & WhereRaw(_HELPED.format(units=_marks(units)), actor.bureau, *units))
    if overseen:
        pieces.append(everything & Issue.lead.is_null())
        pieces.append(everything & Issue.desk.is_in(overseen))
    pieces.append(everything & WhereRaw(_REPORTED, actor.bureau, actor.person, CONFIRMED))
    pieces.append(everything & WhereRaw(_CARED, actor.bureau, actor.person, CONFIRMED))
    return [*pieces, drafts]


def _led(units: Sequence[Any]) -> list[Any]:
    if len(units) > UNITS_APART_MAX:
        return [Issue.lead.is_in(list(units))]
    return [Issue.lead == unit for unit in units]


def _reach(actor: Actor, roles: Sequence[str]) -> list[Any]:
    return sorted({unit for role in roles for unit in actor.reach[role]}, key=str)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("{}" for _ in values)


async def _root_of(actor: Actor) -> Any:
    row = await Unit.select(Unit.id).where(Unit.bureau == actor.bureau, Unit.parent.is_null()).first()
    return row["id"] if row is not None else None


_HELPED = (
    "issue.id IN (SELECT issue_unit.issue FROM issue_unit WHERE issue_unit.bureau = {{}} AND issue_unit.until IS NULL"
    " AND issue_unit.role <> 'lead' AND issue_unit.unit IN ({units}))"
)
_REPORTED = (
    "issue.id IN (SELECT issue_link.issue FROM issue_link WHERE issue_link.bureau = {} AND issue_link.person = {}"
    " AND issue_link.undone_at IS NULL AND issue_link.state = {})"
)
_CARED = (
    "issue.id IN (SELECT issue_link.issue FROM enterprise_assignment JOIN issue_link"
    " ON issue_link.bureau = enterprise_assignment.bureau AND issue_link.enterprise = enterprise_assignment.enterprise"
    " WHERE enterprise_assignment.bureau = {} AND enterprise_assignment.person = {}"
    " AND enterprise_assignment.until IS NULL AND issue_link.undone_at IS NULL AND issue_link.state = {})"
)
