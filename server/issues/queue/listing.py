"""The queue as lists: filters, one page at a time in any of its orders, a count that gives up at a thousand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from piccolo.columns.combination import WhereRaw
from piccolo.querystring import QueryString

from server.issues.machine.overlay import Machine
from server.issues.machine.tables import machine_of
from server.issues.queue.filters import conditions
from server.issues.queue.reach import pieces_of
from server.issues.queue.wanted import Wanted
from server.issues.steps.dues import light_of_row
from server.issues.tables import NEVER, Issue
from server.moment import now
from server.paging import COUNT_MAX, check_limit, mark, read_mark
from server.people.actor import Actor
from server.refusals import refusal
from sync.transaction import fetch, is_postgres, transaction

__all__ = ["ORDERS", "IssueLine", "Queue", "Wanted", "count_queue", "explain_plan", "list_queue"]


class IssueLine(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    n: int
    """Its last line in the timeline, to be sent back with a verb."""
    state: str
    state_zh: str
    state_en: str
    state_since: datetime
    title: str
    category: str
    urgency: str
    enterprise: UUID | None
    person: UUID
    origin: str
    lead: UUID | None
    policy: str
    opened_at: datetime
    next_due: datetime | None
    next_clock: str
    light: str
    is_overdue: bool
    ext_requested: bool
    escalated: bool
    excluded: bool
    redos: int
    letter: str
    satisfied: str
    """What its enterprises said when they were asked last."""
    closed_at: datetime | None


class Queue(Struct, frozen=True, kw_only=True):
    items: list[IssueLine]
    next: str | None
    count: int
    count_is_exact: bool


class Order(Struct, frozen=True):
    """What a page is sorted by, then by id; `name` is a column of the issue."""

    name: str
    kind: type
    zh: str
    en: str


ORDERS = {
    "due": Order("next_due", datetime, "最近时限", "what is due next"),
    "opened": Order("opened_at", datetime, "登记时间", "when it was opened"),
    "since": Order("state_since", datetime, "进入现状态的时间", "since when it is in its state"),
    "number": Order("number", str, "事项编号", "its number"),
    "closed": Order("closed_at", datetime, "办结时间", "when it was closed; only what is out of the queue"),
}
"""A minus sign before the name turns it round."""

_COLUMNS = (
    Issue.id, Issue.number, Issue.events, Issue.state, Issue.state_since, Issue.title, Issue.category, Issue.urgency,
    Issue.enterprise, Issue.person, Issue.origin, Issue.lead, Issue.policy, Issue.opened_at, Issue.next_due, Issue.next_clock,
    Issue.ext_requested, Issue.escalated, Issue.excluded, Issue.redos, Issue.letter, Issue.satisfied, Issue.closed_at,
    Issue.yellow_at, Issue.double_at, Issue.paused,
)  # fmt: skip


async def list_queue(actor: Actor, wanted: Wanted, *, sort: str = "due", after: str = "", limit: int = 50) -> Queue:
    """The mark is what the page is sorted by and the id, so depth costs nothing. An issue that does not move meanwhile is on
    exactly one page. Raises `issue.filter`, `unit.unknown`, `request.cursor`."""
    actor.must("issue.read")
    limit = check_limit(limit)
    order, is_backwards = order_of(sort)
    key = read_mark(after, tuple[order.kind, UUID]) if after else None  # type: ignore[name-defined]
    async with transaction(readonly=True, isolation="repeatable read", joins=True):
        pieces = await _pieces(actor, wanted, order)
        rows = await _merged(pieces, order, is_backwards, key, limit + 1)
        is_whole = key is None and len(rows) <= limit
        count = len(rows) if is_whole else await _count(pieces)
    moment, machine = now(), await machine_of(actor.bureau)
    last = rows[limit - 1] if len(rows) > limit else None
    return Queue(
        items=[_line(row, moment, machine) for row in rows[:limit]],
        next=mark(last[order.name], last["id"]) if last is not None else None,
        count=min(count, COUNT_MAX),
        count_is_exact=count < COUNT_MAX,
    )


async def count_queue(actor: Actor, wanted: Wanted) -> int:
    """How many there are, `COUNT_MAX` for that many and more."""
    actor.must("issue.read")
    return await _count(await _pieces(actor, wanted, ORDERS["due"]))


def order_of(sort: str) -> tuple[Order, bool]:
    order = ORDERS.get(sort.removeprefix("-"))
    if order is None:
        raise refusal("issue.filter", field="sort", value=f"{sort[:40]}; {', '.join(ORDERS)}")
    return order, sort.startswith("-")


async def _pieces(actor: Actor, wanted: Wanted, order: Order) -> list[Any]:
    filters = await conditions(actor, wanted)
    if order.name == "closed_at":
        filters.append(Issue.closed_at.is_not_null())
    pieces = []
    for piece in await pieces_of(actor):
        for condition in filters:
            piece = piece & condition
        pieces.append(piece)
    return pieces


def _page(piece: Any, order: Order, is_backwards: bool, key: Any, limit: int) -> Any:
    column = f"issue.{order.name}"
    if order.kind is str and is_postgres():
        column += ' COLLATE "C"'  # the one order both databases and the merging of pieces agree on
    if key is not None:
        side = "<" if is_backwards else ">"
        piece = piece & WhereRaw(f"({column}, issue.id) {side} ({{}}, {{}})", *key)
    by = (QueryString(column), QueryString("issue.id"))
    return Issue.select(*_COLUMNS).where(piece).order_by(*by, ascending=not is_backwards).limit(limit)


async def _merged(pieces: Sequence[Any], order: Order, is_backwards: bool, key: Any, limit: int) -> list[Any]:
    """The first rows of all pieces: none can be further behind in its own piece than among all."""
    rows = {}
    for piece in pieces:
        for row in await _page(piece, order, is_backwards, key, limit):
            rows[row["id"]] = row
    return sorted(rows.values(), key=lambda row: (row[order.name], str(row["id"])), reverse=is_backwards)[:limit]


async def _count(pieces: Sequence[Any]) -> int:
    """Reads no more than a thousand of each piece."""
    found: set[UUID] = set()
    for piece in pieces:
        found.update(row["id"] for row in await Issue.select(Issue.id).where(piece).limit(COUNT_MAX))
        if len(found) >= COUNT_MAX:
            break
    return min(len(found), COUNT_MAX)


def _line(row: dict[str, Any], moment: datetime, machine: Machine) -> IssueLine:
    state = machine.state(row["state"])
    lit = light_of_row(Lit(**{name: row[name] for name in Lit.__struct_fields__}), moment)
    same = {name: row[name] for name in IssueLine.__struct_fields__ if name in row}
    due = row["next_due"]
    same["next_due"] = None if due >= NEVER else due
    return IssueLine(**same, n=row["events"], light=lit, state_zh=state.zh, state_en=state.en, is_overdue=due <= moment)


class Lit(Struct, frozen=True):
    state: str
    closed_at: datetime | None
    next_due: datetime
    yellow_at: datetime
    double_at: datetime
    paused: bool


async def statements_of(
    actor: Actor, wanted: Wanted, sort: str = "due", limit: int = 51
) -> list[tuple[str, list[Any]]]:
    """What the first page asks of the database, piece by piece, with the values."""
    actor.must("issue.read")
    order, is_backwards = order_of(sort)
    kind = "postgres" if is_postgres() else "sqlite"
    pages = [_page(piece, order, is_backwards, None, limit) for piece in await _pieces(actor, wanted, order)]
    compiled = [page.querystrings[0].compile_string(engine_type=kind) for page in pages]
    return [(statement, list(values)) for statement, values in compiled]


async def explain_plan(actor: Actor, wanted: Wanted, sort: str = "due") -> str:
    """How the database would read the first page: for the operator who wonders, and for the test that cares."""
    actor.must("issue.read")
    prefix = "EXPLAIN " if is_postgres() else "EXPLAIN QUERY PLAN "
    told = []
    for statement, values in await statements_of(actor, wanted, sort):
        told += [str(row[0] if is_postgres() else row[3]) for row in await fetch(prefix + statement, values)]
    return "\n".join(told)
