"""What phones get of an issue: enough to tell the enterprise where its matter stands, and when what is due."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.issues.machine.overlay import Machine
from server.issues.machine.tables import machine_of
from server.issues.steps.opening import KIND
from server.issues.tables import NEVER
from sync.bulk import among, ids
from sync.operations import Kind, register_kind
from sync.transaction import fetch, is_postgres

EVENTS_MAX = 10
"""The newest lines of the timeline that travel; the whole is a question to the server."""
_FIELDS = (
    "id", "number", "state", "state_since", "title", "category", "urgency", "enterprise", "person", "lead", "letter",
    "letter_definition", "ext_requested", "escalated", "forced", "opened_at", "closed_at", "triage_due", "sign_due",
    "first_contact_due", "reply_due", "solve_due", "next_due", "next_clock", "yellow_at", "double_at", "paused",
)  # fmt: skip
_UNIT_FIELDS = ("code", "name", "role", "asked_at", "signed_at", "answered_at", "due")
_COLUMNS = ", ".join(f"issue.{name}" for name in _FIELDS)


class RoadVerb(Struct, frozen=True):
    """Something a phone may do offline; `permission` and `where` as in the table of verbs."""

    verb: str
    zh: str
    permission: str
    where: str


async def load(bureau: UUID, issues: list[UUID]) -> dict[UUID, bytes]:
    """Five statements for any number of issues; raw because every pull comes through here."""
    args = [bureau, ids(issues)]
    events: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in await fetch(
        "SELECT issue_event.issue, issue_event.n, issue_event.counts_at, issue_event.verb, issue_event.outcome,"
        " issue_event.target, issue_event.fields, person.name FROM issue_event"
        " JOIN issue ON issue.id = issue_event.issue LEFT JOIN person ON person.id = issue_event.person"
        f" WHERE issue.bureau = $1 AND issue.id {among(2)} AND issue_event.n > issue.events - {EVENTS_MAX}"
        " ORDER BY issue_event.issue, issue_event.n",
        args,
    ):
        events[row["issue"]].append(
            {
                "n": row["n"],
                "at": row["counts_at"],
                "verb": row["verb"],
                "outcome": row["outcome"],
                "state": row["target"],
                "person": row["name"] or "",
                "fields": msgspec.Raw(row["fields"].encode()),
            }
        )
    reports: dict[UUID, list[UUID]] = defaultdict(list)
    for row in await fetch(
        "SELECT issue, report, min(linked_at) AS since FROM issue_link WHERE bureau = $1 AND undone_at IS NULL"
        f" AND state = 'confirmed' AND issue {among(2)} GROUP BY issue, report ORDER BY issue, since, report",
        args,
    ):
        reports[row["issue"]].append(row["report"])
    units = await _units(args)
    machine = await machine_of(bureau)
    found = await fetch(
        f"SELECT {_COLUMNS}, unit.name AS lead_name FROM issue LEFT JOIN unit ON unit.id = issue.lead"
        f" WHERE issue.bureau = $1 AND issue.id {among(2)}",
        args,
    )
    verbs = {state: verbs_on_the_road(machine, state) for state in {row["state"] for row in found}}
    more = {
        row["id"]: {"reports": reports[row["id"]], "units": units[row["id"]], "verbs": verbs[row["state"]]}
        for row in found
    }
    return {row["id"]: _body(row, more[row["id"]] | {"events": events[row["id"]]}) for row in found}


def verbs_on_the_road(machine: Machine, state: str) -> list[RoadVerb]:
    """What may be done from this state without asking anybody, and by whom: the phone shows those its person may use."""
    verbs = [machine.verb(name) for name in machine.verbs_from(state)]
    return [RoadVerb(verb.name, verb.zh, verb.permission, verb.where) for verb in verbs if verb.offline]


async def _units(args: list[Any]) -> dict[UUID, list[dict[str, Any]]]:
    """Who works on it now, each with what it was asked, when it signed and answered, and until when it should."""
    units: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in await fetch(
        "SELECT issue_unit.issue, issue_unit.role, issue_unit.asked_at, issue_unit.signed_at, issue_unit.answered_at,"
        " issue_unit.due, unit.code, unit.name FROM issue_unit JOIN unit ON unit.id = issue_unit.unit"
        f" WHERE issue_unit.bureau = $1 AND issue_unit.until IS NULL AND issue_unit.issue {among(2)}"
        " ORDER BY issue_unit.since, issue_unit.id",
        args,
    ):
        units[row["issue"]].append({name: row[name] for name in _UNIT_FIELDS})
    return units


def _body(row: Any, more: dict[str, Any]) -> bytes:
    body = {name: _value(name, row[name]) for name in _FIELDS}
    body["lead_name"] = row["lead_name"] or ""
    return msgspec.json.encode(body | more)


def _value(name: str, value: Any) -> Any:
    if name in ("ext_requested", "escalated", "forced", "paused"):
        return bool(value)
    return None if name in ("next_due", "yellow_at", "double_at") and value >= NEVER else value


async def scopes(bureau: UUID, issues: list[UUID]) -> dict[UUID, set[str]]:
    """The units at work on it, the enterprises that spoke of it, and those who wrote that down."""
    args = [bureau, ids(issues)]
    found: dict[UUID, set[str]] = {}
    for row in await fetch(f"SELECT id, person, lead FROM issue WHERE bureau = $1 AND id {among(2)}", args):
        found[row["id"]] = {f"person:{row['person']}"}
        if row["lead"] is not None:
            found[row["id"]].add(f"unit:{row['lead']}")
    for row in await fetch(
        f"SELECT issue, unit FROM issue_unit WHERE bureau = $1 AND until IS NULL AND issue {among(2)}", args
    ):
        found[row["issue"]].add(f"unit:{row['unit']}")
    for row in await fetch(
        "SELECT issue, enterprise, person FROM issue_link WHERE bureau = $1 AND undone_at IS NULL"
        f" AND state = 'confirmed' AND issue {among(2)}",
        args,
    ):
        found[row["issue"]].add(f"person:{row['person']}")
        if row["enterprise"] is not None:
            found[row["issue"]].add(f"enterprise:{row['enterprise']}")
    return found


async def lock(bureau: UUID, issues: list[UUID]) -> None:
    """Before a push applies anything to them."""
    if is_postgres():
        await fetch(
            f"SELECT id FROM issue WHERE bureau = $1 AND id {among(2)} ORDER BY id FOR UPDATE",
            [bureau, ids(issues)],
        )


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=2, lock=lock))
