"""What forms may choose from that the product itself knows: `select_one_from_file enterprises.csv`, people, issues, campaigns.

A served list is asked for the rows that were chosen, never as a whole: the server only checks what a phone picked. Phones hold
the same rows as kinds of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from server.answers import as_id
from server.questionnaires.library import Row, serve_list
from sync.bulk import among, ids
from sync.transaction import fetch

_ENTERPRISES = """
    SELECT id AS name, name AS label, COALESCE(credit_code, temporary_id) AS credit_code, pinyin, region, industry, address
    FROM enterprise WHERE bureau = $1 AND id {chosen}"""
_PEOPLE = """
    SELECT person.id AS name, person.name AS label, unit.name AS unit FROM person JOIN unit ON unit.id = person.unit
    WHERE person.bureau = $1 AND person.id {chosen}"""
_ISSUES = """
    SELECT issue.id AS name, issue.number || ' ' || issue.title AS label, issue.enterprise, unit.name AS unit, issue.state
    FROM issue LEFT JOIN unit ON unit.id = issue.lead WHERE issue.bureau = $1 AND issue.state <> 'DRAFT' AND issue.id {chosen}"""
_CAMPAIGNS = "SELECT id AS name, name AS label FROM campaign WHERE bureau = $1 AND id {chosen}"

SERVED = {"enterprises.csv": _ENTERPRISES, "people.csv": _PEOPLE, "issues.csv": _ISSUES, "campaigns.csv": _CAMPAIGNS}


def _rows_of(sql: str) -> Callable[[UUID, list[str]], Awaitable[Sequence[Row]]]:
    async def rows(bureau: UUID, names: list[str]) -> Sequence[Row]:
        chosen = [id for id in map(as_id, names) if id is not None]
        found = await fetch(sql.format(chosen=among(2)), [bureau, ids(chosen)]) if chosen else []
        return [{column: "" if row[column] is None else str(row[column]) for column in row.keys()} for row in found]  # noqa: SIM118

    return rows


def connect() -> None:
    for file_name, sql in SERVED.items():
        serve_list(file_name, _rows_of(sql))
