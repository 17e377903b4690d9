"""What a board needs beside the issues: names, firms, call-backs, visits, as they were known at its moment. Reads only.

Raw SQL: each is one aggregate over a whole bureau.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from server.boards.figures.cells import Firm, Scene
from server.boards.figures.firms import VISITS_DAYS
from server.boards.figures.units import Asked
from server.enterprises.tables import Enterprise
from server.people.actor import Actor
from server.people.tables import Unit
from server.routing.tables import Category
from sync.transaction import fetch


async def names_of(bureau: UUID) -> tuple[dict[UUID, tuple[str, str]], dict[str, str]]:
    """Units by id (code and name), categories by code."""
    units = await Unit.select(Unit.id, Unit.code, Unit.name).where(Unit.bureau == bureau)
    categories = await Category.select(Category.code, Category.zh).where(Category.bureau == bureau)
    return {row["id"]: (row["code"], row["name"]) for row in units}, {row["code"]: row["zh"] for row in categories}


async def firms_of(actor: Actor, scene: Scene) -> dict[UUID, Firm]:
    """Those in the registry at the moment that the person may see, with what the dossier says of them now."""
    rows = await Enterprise.visible_to(actor).where(Enterprise.created_at <= scene.moment)
    return {row.id: Firm(row.name, row.region, row.industry, row.tier) for row in rows}


async def late_of(bureau: UUID, scene: Scene) -> dict[UUID, int]:
    """Issue → days its record took to arrive, by the bureau's days; of several reports the slowest that had come by then."""
    rows = await fetch(
        "SELECT issue_link.issue, report.reported_at, report.collected_at FROM issue_link"
        " JOIN report ON report.id = issue_link.report"
        " WHERE issue_link.bureau = $1 AND issue_link.linked_at <= $2 AND issue_link.method = 'intake'"
        " AND report.reported_at > report.collected_at",
        [bureau, scene.moment],
    )
    late: dict[UUID, int] = {}
    for issue, reported_at, collected_at in rows:
        days = (scene.day(reported_at) - scene.day(collected_at)).days
        late[_id(issue)] = max(days, late.get(_id(issue), 0))
    return late


async def asked_of(bureau: UUID, scene: Scene) -> list[Asked]:
    """The call-backs that had been concluded, and one for each issue that waits for its own."""
    due_on: dict[UUID, date] = {}
    asked = []
    for one in scene.standings:
        due = next((due for due in one.dues if due.clock == "callback"), None)
        if due is None or due.day is None:
            continue
        due_on[one.id] = due.day
        if one.state == "PENDING_CALLBACK":
            asked.append(Asked(issue=one.id, at=scene.moment, due_on=due.day, reached="", solved="", satisfied=""))
    rows = await fetch(
        "SELECT callback.issue, callback.at, callback.reached, callback.solved, callback.satisfied FROM callback"
        " JOIN issue_event ON issue_event.issue = callback.issue AND issue_event.bureau = callback.bureau"
        " AND issue_event.verb = 'call_back'"
        " AND issue_event.fields LIKE '%' || CAST(callback.id AS TEXT) || '%'"
        " WHERE callback.bureau = $1 AND callback.concludes = $2 AND issue_event.at <= $3 ORDER BY callback.at, callback.id",
        [bureau, True, scene.moment],
    )
    for row in rows:
        issue, day = _id(row["issue"]), scene.day(row["at"])
        asked.append(
            Asked(issue=issue, at=row["at"], due_on=due_on.get(issue, day), reached=row["reached"], solved=row["solved"],
                  satisfied=row["satisfied"])
        )  # fmt: skip
    return asked


async def contacts_of(bureau: UUID, scene: Scene) -> dict[UUID, date]:
    """Enterprise → the last day somebody visited it, called it back, or noted a contact in one of its issues."""
    visits = await fetch(
        "SELECT enterprise, MAX(day) AS day FROM visit WHERE bureau = $1 AND state = 'done' AND updated_at <= $2"
        " AND day <= $3 GROUP BY enterprise",
        [bureau, scene.moment, scene.day(scene.moment)],
    )
    talks = await fetch(
        "SELECT issue.enterprise, MAX(issue_event.counts_at) AS at FROM issue_event JOIN issue ON issue.id = issue_event.issue"
        " WHERE issue_event.bureau = $1 AND issue_event.at <= $2 AND issue_event.verb IN ('contacted', 'call_back')"
        " AND issue.enterprise IS NOT NULL GROUP BY issue.enterprise",
        [bureau, scene.moment],
    )
    found: dict[UUID, date] = {}
    for row in visits:
        found[_id(row["enterprise"])] = _day(row["day"])
    for row in talks:
        day = scene.day(_moment(row["at"]))
        found[_id(row["enterprise"])] = max(day, found.get(_id(row["enterprise"]), day))
    return found


async def visits_of(bureau: UUID, scene: Scene) -> dict[UUID, int]:
    day = scene.day(scene.moment)
    rows = await fetch(
        "SELECT enterprise, COUNT(*) AS n FROM visit WHERE bureau = $1 AND state = 'done' AND updated_at <= $2"
        " AND day <= $3 AND day > $4 GROUP BY enterprise",
        [bureau, scene.moment, day, day - timedelta(days=VISITS_DAYS)],
    )
    return {_id(row["enterprise"]): row["n"] for row in rows}


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


def _day(value: Any) -> date:
    """SQLite does not type what it has added up."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
