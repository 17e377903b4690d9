"""The queue as lists: filters, one page at a time, a count that gives up at a thousand."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from piccolo.columns.combination import WhereRaw

from server.clocks.lights import DOUBLE_RED, GREEN, GREY, LIGHTS, RED, YELLOW
from server.issues.machine.overlay import Machine
from server.issues.machine.tables import machine_of
from server.issues.states import DRAFT, STATES
from server.issues.steps.dues import light_of_row
from server.issues.tables import NEVER, Issue
from server.moment import now
from server.paging import COUNT_MAX, check_limit, mark, read_mark
from server.people.actor import Actor
from server.people.tables import Unit
from server.refusals import refusal
from sync.transaction import fetch, is_postgres

OPEN, ALL = "open", "all"
TEXT_MAX = 100


class Wanted(Struct, frozen=True, kw_only=True):
    """What a list is asked for. `state`: a state, "open" (everything in the queue) or "all"."""

    state: str = OPEN
    unit: str = ""
    """Code of a unit that leads or helps."""
    category: str = ""
    enterprise: UUID | None = None
    urgency: str = ""
    due_before: datetime | None = None
    overdue: bool = False
    light: str = ""
    """green, yellow, red, double_red or grey."""
    mine: bool = False
    """What the person's own unit leads, or what the person reported."""
    text: str = ""


class IssueLine(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    state: str
    state_zh: str
    state_en: str
    title: str
    category: str
    urgency: str
    enterprise: UUID | None
    lead: UUID | None
    opened_at: datetime
    next_due: datetime | None
    next_clock: str
    light: str
    is_overdue: bool
    ext_requested: bool
    escalated: bool
    letter: str
    satisfied: str
    """What its enterprises said when they were asked last."""
    closed_at: datetime | None


class Queue(Struct, frozen=True, kw_only=True):
    items: list[IssueLine]
    next: str | None
    count: int
    count_is_exact: bool


_COLUMNS = (
    Issue.id, Issue.number, Issue.state, Issue.title, Issue.category, Issue.urgency, Issue.enterprise, Issue.lead, Issue.opened_at,
    Issue.next_due, Issue.next_clock, Issue.ext_requested, Issue.escalated, Issue.letter, Issue.satisfied, Issue.closed_at,
    Issue.yellow_at, Issue.double_at, Issue.paused,
)  # fmt: skip


async def list_queue(actor: Actor, wanted: Wanted, *, after: str = "", limit: int = 50) -> Queue:
    """Sorted by the next date; the mark is that date and the id, so depth costs nothing."""
    actor.must("issue.read")
    limit = check_limit(limit)
    where = await condition(actor, wanted)
    page = where
    if after:
        due, id = read_mark(after, tuple[datetime, UUID])
        page = where & WhereRaw("(issue.next_due, issue.id) > ({}, {})", due, id)
    rows = await Issue.select(*_COLUMNS).where(page).order_by(Issue.next_due, Issue.id).limit(limit + 1)
    count = len(rows) if not after and len(rows) <= limit else await _count(where)
    moment, machine = now(), await machine_of(actor.bureau)
    return Queue(
        items=[_line(row, moment, machine) for row in rows[:limit]],
        next=mark(rows[limit - 1]["next_due"], rows[limit - 1]["id"]) if len(rows) > limit else None,
        count=min(count, COUNT_MAX),
        count_is_exact=count < COUNT_MAX,
    )


async def _count(where: Any) -> int:
    """Never reads more than a thousand rows."""
    return len(await Issue.select(Issue.id).where(where).limit(COUNT_MAX))


async def condition(actor: Actor, wanted: Wanted) -> Any:
    """Reach and filters as one condition. Raises `issue.filter`, `unit.unknown`."""
    where = Issue.reach_of(actor)
    if wanted.state == OPEN:
        where &= Issue.closed_at.is_null()
    elif wanted.state in STATES:
        where &= Issue.state == wanted.state
    elif wanted.state != ALL:
        raise refusal("issue.filter", field="state", value=wanted.state)
    if wanted.unit:
        unit = await Unit.objects().get((Unit.bureau == actor.bureau) & (Unit.code == wanted.unit))
        if unit is None:
            raise refusal("unit.unknown", unit=wanted.unit)
        where &= _with_unit(actor.bureau, unit.id)
    if wanted.category:
        where &= Issue.category.like(f"{_literal(wanted.category)}%")
    if wanted.enterprise is not None:
        where &= WhereRaw(
            "(issue.enterprise = {} OR issue.id IN (SELECT issue_link.issue FROM issue_link"
            " WHERE issue_link.bureau = {} AND issue_link.enterprise = {} AND issue_link.undone_at IS NULL))",
            wanted.enterprise,
            actor.bureau,
            wanted.enterprise,
        )
    if wanted.urgency:
        where &= Issue.urgency == wanted.urgency
    if wanted.due_before is not None and (wanted.due_before.tzinfo is None or wanted.due_before.year < 1900):
        raise refusal("issue.filter", field="due_before", value=wanted.due_before.isoformat())
    if wanted.due_before is not None or wanted.overdue:
        where &= Issue.next_due < min(wanted.due_before or NEVER, now() if wanted.overdue else NEVER)
    if wanted.light:
        where &= _lit(wanted.light, now())
    if wanted.mine:
        where &= (Issue.person == actor.person) | (Issue.lead == actor.unit)
    if wanted.text:
        text = f"%{_literal(wanted.text[:TEXT_MAX])}%"
        where &= WhereRaw("(issue.title LIKE {} OR issue.number LIKE {})", text, text)
    return where


class Lit(Struct, frozen=True):
    state: str
    closed_at: datetime | None
    next_due: datetime
    yellow_at: datetime
    double_at: datetime
    paused: bool


def _lit(light: str, moment: datetime) -> Any:
    """`server.clocks.lights.light` as a condition. Raises `issue.filter`."""
    if light not in LIGHTS:
        raise refusal("issue.filter", field="light", value=light[:TEXT_MAX])
    is_open: Any = Issue.closed_at.is_null() & (Issue.state != DRAFT)
    if light == GREY:
        return is_open & Issue.paused.eq(True)
    double, red, yellow = Issue.double_at <= moment, Issue.next_due <= moment, Issue.yellow_at <= moment
    not_double, not_red, not_yellow = Issue.double_at > moment, Issue.next_due > moment, Issue.yellow_at > moment
    shown: Any = {
        DOUBLE_RED: double,
        RED: red & not_double,
        YELLOW: yellow & not_red & not_double,
        GREEN: not_yellow & not_red & not_double,
    }[light]
    return is_open & Issue.paused.eq(False) & shown


def _with_unit(bureau: UUID, unit: UUID) -> Any:
    return WhereRaw(
        "(issue.lead = {} OR issue.id IN (SELECT issue_unit.issue FROM issue_unit"
        " WHERE issue_unit.bureau = {} AND issue_unit.until IS NULL AND issue_unit.unit = {}))",
        unit,
        bureau,
        unit,
    )


def _literal(text: str) -> str:
    """Wild cards in what was typed find nothing rather than everything."""
    return text.replace("%", "").replace("_", "")


def _line(row: dict[str, Any], moment: datetime, machine: Machine) -> IssueLine:
    state = machine.state(row["state"])
    due = row["next_due"]
    lit = light_of_row(Lit(**{name: row[name] for name in Lit.__struct_fields__}), moment)
    row["next_due"] = None if due >= NEVER else due
    for name in ("yellow_at", "double_at", "paused"):
        del row[name]
    return IssueLine(**row, light=lit, state_zh=state.zh, state_en=state.en, is_overdue=due <= moment)


async def explain_plan(actor: Actor, wanted: Wanted) -> str:
    """How the database would read the first page: for the operator who wonders, and for the test that cares."""
    actor.must("issue.read")
    query = Issue.select(*_COLUMNS).where(await condition(actor, wanted)).order_by(Issue.next_due, Issue.id).limit(51)
    statement, values = query.querystrings[0].compile_string(engine_type="postgres" if is_postgres() else "sqlite")
    prefix = "EXPLAIN " if is_postgres() else "EXPLAIN QUERY PLAN "
    return "\n".join(str(row[0] if is_postgres() else row[3]) for row in await fetch(prefix + statement, values))
