"""The open issues of a bureau in memory, by what was said of them: one index per bureau and process.

It is built when first asked and follows the feed: before every question it reads which issues moved since the last one, by the
number of the bureau's counter, so that several processes agree without telling each other. A question after no change costs
one look at the counter.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.issues.steps.opening import KIND
from server.issues.tables import Issue
from server.people.actor import Actor
from server.reports.similar import Found, Index
from sync.bulk import among, ids
from sync.moves import moved_since
from sync.transaction import fetch

BUREAUS_HELD_MAX = 50
"""The bureau not asked for the longest time is forgotten first; its index is built again when somebody asks."""
AT_ONCE = 500
SEARCHED_MAX = 200
"""Issues looked at for those a person may see."""
SHOWN = 5


class Told(Struct, frozen=True):
    """Of a report in the index: who may read its words, and who spoke, unless that is hidden."""

    enterprise: UUID | None
    person: UUID
    is_confidential: bool


class Catalogue:
    """Reports of open issues, each under the issue that answers it now."""

    def __init__(self) -> None:
        self.index: Index[UUID] = Index()
        self.told: dict[UUID, Told] = {}
        self._epoch: UUID | None = None
        self._n = 0
        self._lock = asyncio.Lock()

    async def catch_up(self, bureau: UUID) -> None:
        async with self._lock:
            epoch, n, moved = await moved_since(bureau, KIND, self._epoch, self._n)
            if moved is None:
                self.index, self.told = Index(), {}
                moved = await _open_issues(bureau)
            for start in range(0, len(moved), AT_ONCE):
                await self._refresh(bureau, moved[start : start + AT_ONCE])
                await asyncio.sleep(0)  # whoever else is served by this process comes in between
            self._epoch, self._n = epoch, n

    async def _refresh(self, bureau: UUID, issues: Sequence[UUID]) -> None:
        """Every report these issues have or had, where it is now."""
        held = {report for issue in issues for report in self.index.reports_of(issue)}
        linked = await fetch(
            f"SELECT DISTINCT report FROM issue_link WHERE bureau = $1 AND issue {among(2)}", [bureau, ids(issues)]
        )
        reports = held | {_uuid(row[0]) for row in linked}
        homes = {_uuid(row["report"]): row for row in await _homes(bureau, reports)}
        for report in reports:
            self.index.remove(report)
            self.told.pop(report, None)
            row = homes.get(report)
            if row is not None:
                category = row["issue_category"] or row["category"]
                self.index.add(report, _uuid(row["issue"]), f"{row['title']}\n{row['description']}", category)
                enterprise = _uuid(row["enterprise"]) if row["enterprise"] is not None else None
                self.told[report] = Told(enterprise, _uuid(row["person"]), row["confidentiality"] != "")


_held: OrderedDict[UUID, Catalogue] = OrderedDict()


async def catalogue_of(bureau: UUID) -> Catalogue:
    """As of now."""
    catalogue = _held.get(bureau)
    if catalogue is None:
        catalogue = _held[bureau] = Catalogue()
        while len(_held) > BUREAUS_HELD_MAX:
            _held.popitem(last=False)
    _held.move_to_end(bureau)
    await catalogue.catch_up(bureau)
    return catalogue


async def find_similar(
    actor: Actor, text: str, category: str, without: Iterable[UUID] = ()
) -> tuple[Catalogue, list[Found[UUID]]]:
    """The likest open issues among those this person may see, at most `SHOWN`."""
    catalogue = await catalogue_of(actor.bureau)
    found = catalogue.index.search(text, category, SEARCHED_MAX, without=without)
    if not found:
        return catalogue, []
    rows = await Issue.select(Issue.id).where(Issue.reach_of(actor), Issue.id.is_in([hit.issue for hit in found]))
    visible = {row["id"] for row in rows}
    return catalogue, [hit for hit in found if hit.issue in visible][:SHOWN]


async def _open_issues(bureau: UUID) -> list[UUID]:
    rows = await fetch(
        "SELECT id FROM issue WHERE bureau = $1 AND closed_at IS NULL AND state <> 'DRAFT' ORDER BY id", [bureau]
    )
    return [_uuid(row[0]) for row in rows]


async def _homes(bureau: UUID, reports: Iterable[UUID]) -> list[Any]:
    """The open issue that answers each report, the last confirmed if there are several. Raw SQL: building the index of a bureau
    reads every open issue."""
    return await fetch(
        "SELECT issue_link.report, issue_link.issue, issue.category AS issue_category, report.title, report.description,"
        " report.category, report.confidentiality, report.person,"
        " CASE WHEN report.name_hidden THEN NULL ELSE report.enterprise END AS enterprise FROM issue_link"
        " JOIN issue ON issue.id = issue_link.issue JOIN report ON report.id = issue_link.report"
        f" WHERE issue_link.bureau = $1 AND issue_link.report {among(2)} AND issue_link.undone_at IS NULL"
        " AND issue_link.state = 'confirmed' AND issue.closed_at IS NULL AND issue.state <> 'DRAFT'"
        " ORDER BY issue_link.linked_at, issue_link.id",
        [bureau, ids(reports)],
    )


def enterprises_of(catalogue: Catalogue, issue: UUID) -> set[UUID]:
    told = (catalogue.told.get(report) for report in catalogue.index.reports_of(issue))
    return {one.enterprise for one in told if one is not None and one.enterprise is not None}


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
