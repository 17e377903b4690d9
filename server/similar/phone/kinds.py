"""What every phone of a bureau may know of its open issues, so that it can say “this is known” without a network: category,
place and some of what was said, without names and without what is confidential.

The rows are brought up to date by a job and not with every verb: a phone offline is hours behind anyway, and each change would
wake every phone of the bureau.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.moment import now
from server.people.grants.phones import KNOWN_ISSUES_SCOPE
from server.people.tables import Bureau
from server.routing.kinds import SCOPE as TAXONOMY_SCOPE
from server.similar.tables import KnownIssue
from sync.bulk import among, ids
from sync.feed import touch_many
from sync.operations import Kind, register_kind
from sync.scopes import grant, holders_of
from sync.transaction import fetch, transaction

KIND = "known_issue"
TEXTS_MAX = 3
"""Of one issue, the first ones."""
CHARACTERS_MAX = 120
"""Of one text."""
ISSUES_MAX = 10_000
"""Of one bureau, the newest: about 4 MB on a phone."""
NAME = "某企业"
NUMBER = "…"
_NUMBERS = re.compile(r"\d[\d -]{5,}\d")
"""Telephone numbers and the like: seven digits and more."""
_WRITTEN = 500


class KnownBody(Struct, frozen=True, kw_only=True):
    id: UUID
    category: str
    place: str
    texts: list[str]
    enterprises: int


async def load(bureau: UUID, issues: list[UUID]) -> dict[UUID, bytes]:
    rows = await fetch(
        f"SELECT id, category, place, texts, enterprises FROM known_issue WHERE bureau = $1 AND id {among(2)}",
        [bureau, ids(issues)],
    )
    return {row["id"]: msgspec.json.encode(_body(row)) for row in rows}


async def scopes(bureau: UUID, issues: list[UUID]) -> dict[UUID, set[str]]:
    rows = await fetch(f"SELECT id FROM known_issue WHERE bureau = $1 AND id {among(2)}", [bureau, ids(issues)])
    return {row["id"]: {KNOWN_ISSUES_SCOPE} for row in rows}


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=9))


async def share_known_issues() -> dict[str, int]:
    """Job. How many rows moved, by bureau. Whoever holds the taxonomy on a phone holds these too."""
    return {bureau.code: await share_in(bureau.id) for bureau in await Bureau.objects()}


async def share_in(bureau: UUID) -> int:
    async with transaction():
        for person in await holders_of(bureau, TAXONOMY_SCOPE) - await holders_of(bureau, KNOWN_ISSUES_SCOPE):
            grant(bureau, person, KNOWN_ISSUES_SCOPE)
        wanted = {body.id: body for body in await _known(bureau)}
        rows = await fetch(
            "SELECT id, category, place, texts, enterprises FROM known_issue WHERE bureau = $1", [bureau]
        )
        held = {body.id: body for body in map(_body, rows)}
        changed = [body for id, body in wanted.items() if held.get(id) != body]
        gone = [id for id in held if id not in wanted]
        stale = [*gone, *(body.id for body in changed if body.id in held)]
        for start in range(0, len(stale), _WRITTEN):
            part = stale[start : start + _WRITTEN]
            await KnownIssue.delete().where(KnownIssue.bureau == bureau, KnownIssue.id.is_in(part))
        for start in range(0, len(changed), _WRITTEN):
            await KnownIssue.insert(*(_row(bureau, body) for body in changed[start : start + _WRITTEN]))
        touch_many(bureau, KIND, [body.id for body in changed])
        touch_many(bureau, KIND, gone, gone=True)
        return len(changed) + len(gone)


async def _known(bureau: UUID) -> list[KnownBody]:
    """Raw SQL: it reads every open issue of the bureau."""
    rows = await fetch(
        "SELECT issue.id, issue.category AS own, report.category, report.title, report.description, report.enterprise,"
        " report.enterprise_name, enterprise.name, enterprise.region FROM issue"
        " JOIN issue_link ON issue_link.issue = issue.id AND issue_link.undone_at IS NULL AND issue_link.state = 'confirmed'"
        " JOIN report ON report.id = issue_link.report LEFT JOIN enterprise ON enterprise.id = report.enterprise"
        " WHERE issue.bureau = $1 AND issue.closed_at IS NULL AND issue.state <> 'DRAFT' AND report.confidentiality = ''"
        " AND NOT report.name_hidden"
        " ORDER BY issue.opened_at DESC, issue.number DESC, report.reported_at, report.id",
        [bureau],
    )
    said: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        said[_uuid(row["id"])].append(row)
    return [_known_body(issue, reports) for issue, reports in list(said.items())[:ISSUES_MAX]]


def _known_body(issue: UUID, reports: list[Any]) -> KnownBody:
    texts = [
        nameless(f"{row['title']} {row['description']}", (row["name"], row["enterprise_name"]))[:CHARACTERS_MAX]
        for row in reports
    ]
    return KnownBody(
        id=issue,
        category=reports[0]["own"] or reports[0]["category"],
        place=reports[0]["region"] or "",
        texts=list(dict.fromkeys(texts))[:TEXTS_MAX],
        enterprises=len({str(row["enterprise"]) for row in reports if row["enterprise"] is not None}),
    )


def nameless(text: str, names: Iterable[str | None]) -> str:
    """Without the enterprise's name as the registry or the author wrote it, and without telephone numbers."""
    for name in sorted({name for name in names if name}, key=len, reverse=True):
        text = text.replace(name, NAME)
    return _NUMBERS.sub(NUMBER, text)


def _body(row: Any) -> KnownBody:
    return KnownBody(
        id=_uuid(row["id"]),
        category=row["category"],
        place=row["place"],
        texts=msgspec.json.decode(row["texts"], type=list[str]),
        enterprises=row["enterprises"],
    )


def _row(bureau: UUID, body: KnownBody) -> KnownIssue:
    return KnownIssue(
        id=body.id,
        bureau=bureau,
        category=body.category,
        place=body.place,
        texts=msgspec.json.encode(body.texts).decode(),
        enterprises=body.enterprises,
        shared_at=now(),
    )


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
