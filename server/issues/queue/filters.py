"""Each filter as a condition of the database. Longer than most files because whoever adds a filter should see the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from piccolo.columns.combination import WhereRaw

from server.clocks.clock import BY_NAME as CLOCKS
from server.clocks.lights import DOUBLE_RED, GREEN, GREY, LIGHTS, RED, YELLOW
from server.issues.queue.periods import Period, period_of
from server.issues.queue.wanted import ALL, CLOSED, FLAGS, OPEN, PERIODS, Wanted
from server.issues.states import DRAFT, STATES
from server.issues.tables import NEVER, Issue
from server.moment import now
from server.people.actor import Actor
from server.people.tables import Person, Unit
from server.refusals import refusal
from server.settings import settings
from server.worktime.actions import calendar_of

WORDS_MAX = 8
"""Of a text; the rest is not looked for."""
WAITING = ("WAITING_FIRM", "LONG_TERM", "TRANSFERRED_UP")
SAID = ("satisfied", "mostly", "dissatisfied")


class Asking(Struct, frozen=True):
    """Who asks, and when."""

    actor: Actor
    moment: datetime


async def conditions(actor: Actor, wanted: Wanted) -> list[Any]:
    """All that is wanted. Raises `issue.filter`, `unit.unknown`."""
    asking = Asking(actor, now())
    found = [_states(wanted.state)]
    for name in FLAGS:
        asked = getattr(wanted, name)
        if asked is not None:
            condition = _FLAGS[name](asking)
            found.append(condition if asked else WhereRaw("NOT ({})", _bare(condition)))
    found += await _of_units(actor, wanted)
    found += await _of_persons(actor, wanted)
    found += _of_columns(wanted)
    found += _of_enterprises(actor, wanted)
    found += await _of_dates(asking, wanted)
    if wanted.light:
        found.append(_any([_lit(light, asking.moment) for light in wanted.light]))
    found += [_said(actor, word) for word in wanted.text.split()[:WORDS_MAX]]
    return found


def _bare(condition: Any) -> Any:
    return condition.querystring


def _any(several: Sequence[Any]) -> Any:
    first, *others = several
    for one in others:
        first = first | one
    return first


def _states(wanted: Sequence[str]) -> Any:
    several: list[Any] = []
    named = [state for state in wanted if state not in (OPEN, CLOSED, ALL)]
    for state in named:
        if state not in STATES:
            raise refusal("issue.filter", field="state", value=state)
    if ALL in wanted or not wanted:
        return WhereRaw("1 = 1")
    if OPEN in wanted:
        several.append(Issue.closed_at.is_null())
    if CLOSED in wanted:
        several.append(Issue.closed_at.is_not_null() & (Issue.state != DRAFT))
    if named:
        several.append(Issue.state.is_in(named) if len(named) > 1 else Issue.state == named[0])
    return _any(several)


def _in_state(*states: str) -> Callable[[Asking], Any]:
    marks = ", ".join("{}" for _ in states)
    return lambda asking: WhereRaw(f"issue.state IN ({marks})", *states)


_FLAGS: dict[str, Callable[[Asking], Any]] = {
    "overdue": lambda asking: WhereRaw("issue.next_due < {}", asking.moment),
    "unsigned": _in_state("DISPATCHED"),
    "reopened": lambda asking: WhereRaw("issue.redos > 0"),
    "waiting": _in_state(*WAITING),
    "waiting_past": lambda asking: WhereRaw(
        "issue.state IN ({}, {}, {}) AND issue.next_due < {}", *WAITING, asking.moment
    ),
    "escalated": lambda asking: WhereRaw("issue.escalated = {}", True),
    "extension_asked": lambda asking: WhereRaw("issue.ext_requested = {}", True),
    "on_account": _in_state("LONG_TERM"),
    "excluded": lambda asking: WhereRaw("issue.excluded = {}", True),
    "unclassified": lambda asking: WhereRaw("issue.category = ''"),
    "unled": lambda asking: WhereRaw("issue.lead IS NULL"),
    "mine": lambda asking: WhereRaw(
        "(issue.person = {} OR (issue.lead IS NOT NULL AND issue.lead = {}))", asking.actor.person, asking.actor.unit
    ),
    "my_team": lambda asking: _with_units(
        asking.actor.bureau, sorted(set().union(*asking.actor.reach.values(), {asking.actor.unit}) - {None}, key=str)
    ),
    "snoozed": lambda asking: WhereRaw(
        "issue.id IN (SELECT issue_snooze.issue FROM issue_snooze"
        " WHERE issue_snooze.bureau = {} AND issue_snooze.person = {} AND issue_snooze.until > {})",
        asking.actor.bureau,
        asking.actor.person,
        asking.moment,
    ),
}


def _with_units(bureau: UUID, units: Sequence[Any]) -> Any:
    """Led or helped by one of them."""
    if not units:
        return WhereRaw("1 = 0")
    marks = ", ".join("{}" for _ in units)
    return WhereRaw(
        f"((issue.lead IS NOT NULL AND issue.lead IN ({marks}))"
        " OR issue.id IN (SELECT issue_unit.issue FROM issue_unit"
        f" WHERE issue_unit.bureau = {{}} AND issue_unit.until IS NULL AND issue_unit.unit IN ({marks})))",
        *units,
        bureau,
        *units,
    )


async def _of_units(actor: Actor, wanted: Wanted) -> list[Any]:
    named = {*wanted.unit, *wanted.lead, *wanted.team}
    if not named:
        return []
    rows = await Unit.select(Unit.id, Unit.code, Unit.path).where(Unit.bureau == actor.bureau)
    by_code = {row["code"]: row for row in rows}
    for code in named:
        if code not in by_code:
            raise refusal("unit.unknown", unit=code)
    found: list[Any] = []
    if wanted.unit:
        found.append(_with_units(actor.bureau, [by_code[code]["id"] for code in wanted.unit]))
    if wanted.lead:
        found.append(Issue.lead.is_in([by_code[code]["id"] for code in wanted.lead]))
    if wanted.team:
        tops = tuple(by_code[code]["path"] for code in wanted.team)
        found.append(_with_units(actor.bureau, [row["id"] for row in rows if row["path"].startswith(tops)]))
    return found


async def _of_persons(actor: Actor, wanted: Wanted) -> list[Any]:
    found: list[Any] = []
    for name, column in (("handler", Issue.handler), ("person", Issue.person), ("owner", Issue.escalation_owner)):
        logins = getattr(wanted, name)
        if not logins:
            continue
        rows = await Person.select(Person.id, Person.login).where(
            Person.bureau == actor.bureau, Person.login.is_in(list(logins))
        )
        known = {row["login"]: row["id"] for row in rows}
        for login in logins:
            if login not in known:
                raise refusal("issue.filter", field=name, value=login)
        found.append(column.is_in(list(known.values())))
    return found


def _of_columns(wanted: Wanted) -> list[Any]:
    for clock in wanted.clock:
        if clock not in CLOCKS:
            raise refusal("issue.filter", field="clock", value=clock)
    columns = {
        "urgency": Issue.urgency, "policy": Issue.policy, "clock": Issue.next_clock, "letter": Issue.letter,
    }  # fmt: skip
    found: list[Any] = []
    for name, column in columns.items():
        values = getattr(wanted, name)
        if values:
            found.append(column.is_in(list(values)) if len(values) > 1 else column == values[0])
    if wanted.category:
        found.append(_begins("issue.category", wanted.category))
    return found


def _begins(column: str, values: Sequence[str]) -> Any:
    starts = [f"{_literal(value)}%" for value in values]
    return WhereRaw("(" + " OR ".join(f"{column} LIKE {{}}" for _ in starts) + ")", *starts)


def _of_enterprises(actor: Actor, wanted: Wanted) -> list[Any]:
    found: list[Any] = []
    if wanted.enterprise:
        marks = ", ".join("{}" for _ in wanted.enterprise)
        found.append(
            WhereRaw(
                f"(issue.enterprise IN ({marks}) OR issue.id IN (SELECT issue_link.issue FROM issue_link"
                f" WHERE issue_link.bureau = {{}} AND issue_link.enterprise IN ({marks}) AND issue_link.undone_at IS NULL))",
                *wanted.enterprise,
                actor.bureau,
                *wanted.enterprise,
            )
        )
    of_firm = [_begins(f"enterprise.{name}", getattr(wanted, name)) for name in _BEGINS if getattr(wanted, name)]
    of_firm += [_among(f"enterprise.{name}", getattr(wanted, name)) for name in _EQUALS if getattr(wanted, name)]
    if of_firm:
        marks = " AND ".join("{}" for _ in of_firm)
        found.append(
            WhereRaw(
                f"issue.enterprise IN (SELECT enterprise.id FROM enterprise WHERE enterprise.bureau = {{}} AND {marks})",
                actor.bureau,
                *map(_bare, of_firm),
            )
        )
    if wanted.source:
        origins = _among("issue.origin", wanted.source)
        reports = _among("report.source", wanted.source)
        found.append(
            WhereRaw(
                "({} OR EXISTS (SELECT 1 FROM issue_link JOIN report ON report.id = issue_link.report"
                " WHERE issue_link.issue = issue.id AND issue_link.undone_at IS NULL AND {}))",
                _bare(origins),
                _bare(reports),
            )
        )
    if wanted.satisfaction:
        found.append(_satisfied(wanted.satisfaction))
    return found


_BEGINS, _EQUALS = ("region", "industry"), ("tier", "size")


def _among(column: str, values: Sequence[str]) -> Any:
    return WhereRaw(f"{column} IN (" + ", ".join("{}" for _ in values) + ")", *values)


def _satisfied(values: Sequence[str]) -> Any:
    for value in values:
        if value not in SAID:
            raise refusal("issue.filter", field="satisfaction", value=value)
    return _among("issue.satisfied", values)


async def _of_dates(asking: Asking, wanted: Wanted) -> list[Any]:
    found: list[Any] = []
    columns = {"opened": "opened_at", "closed": "closed_at", "due": "next_due", "since": "state_since"}
    asked = {name: getattr(wanted, name) for name in PERIODS if getattr(wanted, name)}
    calendar = await calendar_of(asking.actor.bureau) if asked else None
    for name, text in asked.items():
        try:
            period: Period = period_of(text, asking.moment, settings.timezone, calendar)  # type: ignore[arg-type]
        except ValueError:
            raise refusal("issue.filter", field=name, value=text) from None
        column = f"issue.{columns[name]}"
        if period.first is not None:
            found.append(WhereRaw(f"{column} >= {{}}", period.first))
        found.append(WhereRaw(f"{column} < {{}}", period.until or NEVER))
    if wanted.due_before is not None:
        if wanted.due_before.tzinfo is None or wanted.due_before.year < 1900:
            raise refusal("issue.filter", field="due_before", value=wanted.due_before.isoformat())
        found.append(WhereRaw("issue.next_due < {}", min(wanted.due_before, NEVER)))
    return found


def _lit(light: str, moment: datetime) -> Any:
    """`server.clocks.lights.light` as a condition. Raises `issue.filter`."""
    if light not in LIGHTS:
        raise refusal("issue.filter", field="light", value=light)
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


def _said(actor: Actor, word: str) -> Any:
    text = f"%{_literal(word)}%"
    named = "" if actor.is_bureau_wide("report.read") else "NOT report.name_hidden AND "
    return WhereRaw(
        "(issue.title LIKE {} OR issue.number LIKE {}"
        " OR issue.enterprise IN (SELECT enterprise.id FROM enterprise WHERE enterprise.bureau = {} AND enterprise.name LIKE {})"
        " OR EXISTS (SELECT 1 FROM issue_link JOIN report ON report.id = issue_link.report WHERE issue_link.issue = issue.id"
        " AND issue_link.undone_at IS NULL AND (report.description LIKE {} OR ("
        + named
        + "report.enterprise_name LIKE {}))))",
        text,
        text,
        actor.bureau,
        text,
        text,
        text,
    )


def _literal(text: str) -> str:
    """Wild cards in what was typed are left out."""
    return text.replace("%", "").replace("_", "")
