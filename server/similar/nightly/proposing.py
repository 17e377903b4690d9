"""Every night: which open issues with a single report probably are one matter. Proposed, never done; nothing confirmed is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import combinations
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.issues.joining.links import Suggestion, suggest_links
from server.people.actor import system_of
from server.people.tables import Bureau
from server.reports.similar import ALGORITHM, ALONE, Index, bonus
from server.similar.nightly.embedding import centred, cosine, load_embedder, vectors_of
from server.similar.nightly.grouping import Pair, group
from sync.bulk import among, ids
from sync.transaction import fetch, transaction

LINKAGE = "average-1"
PROPOSED_FROM = 0.16
"""Mean likeness of a group by shared characters. On the tuning file nine of ten proposed pairs are right from here on, and four
of ten right pairs are found; lower finds more and costs the supervisor's trust."""
EMBEDDED_FROM = 0.25
"""The same for the centred vectors of a model."""
GROUP_MAX = 20
REPORTS_MAX = 3000
"""Issues of one bureau compared in one night, the newest."""
EMBEDDED_MAX = 600
"""With a model every pair is compared: 180,000 of them."""
NEIGHBOURS = 20
NEVER_ONE = -1000.0
"""Likeness of a pair somebody judged to be two matters: no mean outweighs it."""


class Alone(Struct, frozen=True):
    """An open issue with nothing but its own report."""

    issue: UUID
    report: UUID
    text: str
    category: str


async def propose_groups() -> dict[str, int]:
    """Job. Proposals kept, by bureau; one that is known or was rejected is not made again."""
    return {bureau.code: await propose_in(bureau.id) for bureau in await Bureau.objects()}


async def propose_in(bureau: UUID) -> int:
    """The oldest issue of a group is proposed to the others' reports."""
    embedder = load_embedder()
    alone = await _alone(bureau, REPORTS_MAX if embedder is None else EMBEDDED_MAX)
    if embedder is None:
        algorithm, threshold = f"{ALGORITHM} {LINKAGE}", PROPOSED_FROM
        pairs = await asyncio.to_thread(pairs_by_characters, alone)
    else:
        algorithm, threshold = f"{embedder.name} {LINKAGE}", EMBEDDED_FROM
        vectors = await vectors_of(bureau, embedder, [one.text for one in alone])
        pairs = await asyncio.to_thread(_pairs_by_vectors, alone, vectors)
    pairs = [*pairs, *await _judged_apart(bureau, alone)]
    groups = await asyncio.to_thread(group, len(alone), pairs, threshold, GROUP_MAX)
    suggestions = [
        Suggestion(
            report=alone[member].report, issue=alone[found.members[0]].issue, score=found.score, algorithm=algorithm
        )
        for found in groups
        for member in found.members[1:]
    ]
    async with transaction():
        return await suggest_links(system_of(bureau), suggestions)


def pairs_by_characters(alone: Sequence[Alone]) -> list[Pair]:
    index: Index[int] = Index()
    for place, one in enumerate(alone):
        index.add(place, place, one.text, one.category)
    likeness: dict[tuple[int, int], float] = {}
    for place, one in enumerate(alone):
        for hit in index.search(one.text, one.category, NEIGHBOURS, without=[place]):
            likeness[min(place, hit.issue), max(place, hit.issue)] = hit.score / ALONE
    return [(one, other, value) for (one, other), value in sorted(likeness.items())]


def _pairs_by_vectors(alone: Sequence[Alone], vectors: Sequence[Sequence[float]]) -> list[Pair]:
    ready = centred(vectors)
    return [
        (one, other, cosine(ready[one], ready[other]) + bonus(alone[one].category, alone[other].category))
        for one, other in combinations(range(len(alone)), 2)
    ]


async def _alone(bureau: UUID, limit: int) -> list[Alone]:
    """Oldest first. Raw SQL: it counts the links of every open issue."""
    rows = await fetch(
        "SELECT issue.id, report.id AS report, report.title, report.description, issue.category AS own, report.category"
        " FROM issue JOIN issue_link ON issue_link.issue = issue.id AND issue_link.undone_at IS NULL"
        " AND issue_link.state = 'confirmed' JOIN report ON report.id = issue_link.report"
        " WHERE issue.bureau = $1 AND issue.closed_at IS NULL AND issue.state <> 'DRAFT' AND NOT EXISTS ("
        " SELECT 1 FROM issue_link AS more WHERE more.issue = issue.id AND more.undone_at IS NULL"
        " AND more.state = 'confirmed' AND more.id <> issue_link.id)"
        f" ORDER BY issue.opened_at DESC, issue.number DESC LIMIT {limit}",
        [bureau],
    )
    return [
        Alone(_uuid(row["id"]), _uuid(row["report"]), f"{row['title']}\n{row['description']}", row["own"] or row["category"])
        for row in reversed(rows)
    ]  # fmt: skip


async def _judged_apart(bureau: UUID, alone: Sequence[Alone]) -> list[Pair]:
    by_issue = {one.issue: place for place, one in enumerate(alone)}
    by_report = {one.report: place for place, one in enumerate(alone)}
    rows = await fetch(
        f"SELECT report, issue FROM issue_link WHERE bureau = $1 AND state = 'rejected' AND report {among(2)}",
        [bureau, ids(by_report)],
    )
    apart = {(by_report[_uuid(row[0])], by_issue[_uuid(row[1])]) for row in rows if _uuid(row[1]) in by_issue}
    return [(one, other, NEVER_ONE) for one, other in sorted(apart) if one != other]


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
