"""What became of imported orders, for the system they came from: whatever it has not confirmed yet, as often as it asks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.issues.tables import Issue, IssueEvent
from server.orders.tables import ImportedOrder
from server.people.actor import Actor
from sync.transaction import fetch, transaction

NEWS_MAX = 1000
ANSWERED = ("PENDING_CALLBACK", "CLOSED")
"""States in which the answer has been signed off."""


class News(Struct, frozen=True, kw_only=True):
    """`n` goes back as the receipt. `merged_into` is the number of the issue that goes on in its place."""

    source: str
    number: str
    issue: str
    state: str
    is_open: bool
    merged_into: str
    letter: str
    reply: str
    updated_at: datetime
    n: int


class Receipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Annotated[str, Meta(max_length=64)]
    number: Annotated[str, Meta(max_length=100)]
    n: Annotated[int, Meta(ge=0, le=2**53)]


async def list_news(actor: Actor, source: str, limit: int) -> list[News]:
    """Oldest first. An account is told of what came by it, who oversees the queue of all. Raw because it compares the
    counters of three tables."""
    actor.must("issue.read")
    args: list[Any] = [actor.bureau, source, max(1, min(limit, NEWS_MAX))]
    mine = ""
    if not actor.is_bureau_wide("issue.read"):
        args.append(actor.person)
        mine = " AND imported_order.account = $4"
    rows = await fetch(
        "SELECT imported_order.number, own.id AS own, own.number AS issue, COALESCE(next.id, own.id) AS current,"
        " COALESCE(next.number, '') AS merged_into, own.events + COALESCE(next.events, 0) AS n"
        " FROM imported_order JOIN issue_link ON issue_link.report = imported_order.id AND issue_link.method = 'intake'"
        " JOIN issue AS own ON own.id = issue_link.issue LEFT JOIN issue AS next ON next.id = own.merged_into"
        " WHERE imported_order.bureau = $1 AND issue_link.bureau = $1 AND imported_order.source = $2"
        f" AND own.events + COALESCE(next.events, 0) > imported_order.told_n{mine}"
        " ORDER BY own.updated_at, own.id LIMIT $3",
        args,
    )
    current = (
        {row.id: row for row in await Issue.objects().where(Issue.id.is_in([_id(row["current"]) for row in rows]))}
        if rows
        else {}
    )
    return [await _news(row, source, current[_id(row["current"])]) for row in rows]


async def receive_news(actor: Actor, receipts: list[Receipt]) -> int:
    """A receipt for an older `n` than one given before changes nothing."""
    actor.must("issue.read")
    known = 0
    async with transaction():
        for one in receipts[:NEWS_MAX]:
            rows = ImportedOrder.objects().where(
                ImportedOrder.bureau == actor.bureau,
                ImportedOrder.source == one.source,
                ImportedOrder.number == one.number,
            )
            if not actor.is_bureau_wide("issue.read"):
                rows = rows.where(ImportedOrder.account == actor.person)
            row = await rows.first()
            if row is not None:
                known += 1
                if one.n > row.told_n:
                    await ImportedOrder.update({ImportedOrder.told_n: one.n}).where(ImportedOrder.id == row.id)
    return known


async def _news(row: Any, source: str, issue: Issue) -> News:
    return News(
        source=source, number=row["number"], issue=row["issue"], state=issue.state, is_open=issue.closed_at is None,
        merged_into=row["merged_into"], letter=issue.letter if issue.state in ANSWERED else "", reply=await _answer(issue),
        updated_at=issue.updated_at, n=int(row["n"]),
    )  # fmt: skip


async def _answer(issue: Issue) -> str:
    if issue.state not in ANSWERED:
        return ""
    event = await (
        IssueEvent.objects()
        .where(IssueEvent.issue == issue.id, IssueEvent.verb.is_in(["reply", "record_reply"]))
        .order_by(IssueEvent.n, ascending=False)
        .first()
    )
    return str(msgspec.json.decode(event.fields).get("words", "")) if event is not None else ""


def _id(value: Any) -> UUID:
    return UUID(str(value))
