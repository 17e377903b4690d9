"""An issue as it stood at a moment, from its timeline: pure. Nothing that has happened since has a say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.clocks.due import Due
from server.clocks.lights import NEVER
from server.issues.states import DRAFT, STATES
from server.issues.steps.effects import REDOS_BEFORE_ESCALATION


class Told(Struct):
    """A line of the timeline."""

    verb: str
    outcome: str
    source: str
    target: str
    at: datetime
    counts_at: datetime
    unit: UUID | None
    fields: str


class Mark(Struct, frozen=True):
    """Something that is counted for the unit that led then."""

    what: str
    at: datetime
    lead: UUID | None


class Standing(Struct, kw_only=True):
    """`light` and the next date are those of the moment; `marks` and `dues` are there only where the timeline was read."""

    id: UUID
    number: str
    title: str
    state: str
    state_since: datetime
    opened_at: datetime
    closed_at: datetime | None
    lead: UUID | None
    desk: UUID | None
    category: str
    origin: str
    enterprise: UUID | None
    excluded: bool
    exclusion: str
    redos: int
    escalated: bool
    next_due: datetime = NEVER
    light: str = ""
    marks: list[Mark] = []
    dues: list[Due] = []


ASKED, GRANTED, EXTENDED, REDONE = "returns_asked", "returns_granted", "extensions", "redos"
_MARKS = {
    ("request_return", ""): ASKED,
    ("decide_return", "granted"): GRANTED,
    ("decide_extension", "granted"): EXTENDED,
    ("reopen", ""): REDONE,
    ("call_back", "redo"): REDONE,
}


def fold(standing: Standing, timeline: Iterable[Told], units: Mapping[str, UUID]) -> Standing | None:
    """`standing` gives what never changes, and the category it was received with; the timeline the rest. None for what nobody
    but its author knew. `units` maps codes to ids."""
    standing.state, standing.lead, standing.desk, standing.closed_at = "", None, None, None
    standing.excluded, standing.exclusion, standing.redos, standing.escalated = False, "", 0, False
    standing.marks = []
    before_merge = standing.state_since
    for told in timeline:
        if told.target != standing.state:
            since = before_merge if told.verb == "unmerge" else told.at
            before_merge = standing.state_since
            standing.state, standing.state_since = told.target, since
            standing.closed_at = None if STATES[told.target].is_open else (standing.closed_at or told.at)
        if what := _MARKS.get((told.verb, told.outcome)):
            standing.marks.append(Mark(what, told.at, standing.lead))
        _tell(standing, told, units)
    return None if standing.state in ("", DRAFT) else standing


def _tell(standing: Standing, told: Told, units: Mapping[str, UUID]) -> None:
    if told.verb in ("dispatch", "assign"):
        fields = _fields(told)
        standing.lead, standing.desk = units.get(fields.get("lead", "")), told.unit
        standing.category = fields.get("category") or standing.category
    elif told.verb == "decide_return" and told.outcome == "granted":
        standing.lead = None
    elif _MARKS.get((told.verb, told.outcome)) == REDONE:
        standing.redos += 1
        standing.escalated = standing.escalated or standing.redos >= REDOS_BEFORE_ESCALATION
        standing.lead = standing.lead or units.get(_fields(told).get("lead", ""))
    elif told.verb == "exclude":
        standing.excluded, standing.exclusion = True, _fields(told).get("reason", "")
    elif told.verb == "include":
        standing.excluded, standing.exclusion = False, ""
    elif told.verb == "escalate":
        standing.escalated = True
    elif told.verb == "settle_escalation":
        standing.escalated = False


def _fields(told: Told) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(told.fields)
    return fields
