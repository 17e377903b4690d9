"""Editing a clock policy, and what that does to the open queue: looked at first, refused when it would make anybody late in
the past, and told issue by issue in a dry run."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.clocks.clock import BY_NAME
from server.clocks.due import RUNNING, Due
from server.clocks.explanation import DueOut, explain
from server.clocks.policies.actions import add_edition, editions_of, next_edition
from server.clocks.policies.editions import NewEdition
from server.issues.actions import reach_issue
from server.issues.steps.dues import DUE_COLUMNS, Measure, due_columns, dues_of, measure_of, policy_of, timeline
from server.issues.steps.opening import KIND
from server.issues.timers.sweep import Line, timelines
from server.issues.timers.tables import IssueSignal
from server.moment import now, today
from server.people.actor import Actor
from server.refusals import refusal
from server.settings import settings
from server.worktime.actions import calendar_of
from sync.feed import touch
from sync.transaction import executemany, fetch, is_postgres, transaction

CHUNK = 1000
SHOWN_MAX = 200
"""Moved dates told one by one; the rest is counted."""
_SET = ", ".join(f"{name} = ${n}" for n, name in enumerate(("policy_version", *DUE_COLUMNS), 2))


class Move(Struct, frozen=True, kw_only=True):
    """One date of one open issue, before and after."""

    number: str
    clock: str
    clock_zh: str
    before: datetime | None
    after: datetime | None
    is_new_breach: bool
    """It would lie in the past, where the old one does not."""


class Effect(Struct, frozen=True, kw_only=True):
    """What an edition does to open issues; `version` is its number, or would be."""

    policy: str
    version: int
    valid_from: date
    is_dry_run: bool
    issues: int
    """Open issues whose dates move."""
    breaches: int
    moves: list[Move]


class SignalOut(Struct, frozen=True, kw_only=True):
    clock: str
    level: str
    round: int
    at: datetime
    due: datetime | None
    noticed_at: datetime


class ClocksOut(Struct, frozen=True, kw_only=True):
    """The clocks of an issue as they were known at a moment."""

    at: datetime
    policy: str
    calendar: str
    dues: list[DueOut]
    signals: list[SignalOut]


class _Moved(Struct):
    """An issue that counts by another edition or has other dates than before."""

    id: UUID
    number: str
    row: Any
    lines: list[Line]
    moves: list[Move]


async def change_policy(actor: Actor, name: str, written: NewEdition, *, dry_run: bool = False) -> Effect:
    """A new edition of a policy, or a first one of a new policy. It holds for what begins from `valid_from` on, for open issues
    of the policy that began since then, and with `open_too` for all of them. Refused whole with `policy.past_breach` when a date
    would move into the past; a dry run tells those dates instead. Also raises `policy.name`, `policy.unreadable`, `policy.dates`."""
    actor.must("routing.write")
    moment = now()
    async with transaction():
        before = await measure_of(actor.bureau)
        if dry_run:
            edition = next_edition(dict(before.editions), name, written)
        else:
            edition = await add_edition(actor, name, written)  # from here on everybody who dates an issue waits
        editions = {**before.editions, name: [*before.editions.get(name, []), edition]}
        after = Measure(editions, before.calendar)
        at = max(moment, edition.changed_at)
        moved = await _moved_by(actor.bureau, name, before, after, at, hold=not dry_run)
        moves = [move for one in moved for move in one.moves]
        breaches = [move for move in moves if move.is_new_breach]
        if breaches and not dry_run:
            raise refusal(
                "policy.past_breach",
                count=len({move.number for move in breaches}),
                number=breaches[0].number,
                clock=breaches[0].clock,
                due=breaches[0].after.isoformat() if breaches[0].after is not None else "",
                forward=today() + timedelta(days=1),
            )
        if not dry_run:
            await _store(actor, moved, after, at)
    return Effect(
        policy=name, version=edition.version, valid_from=edition.valid_from, is_dry_run=dry_run,
        issues=len({move.number for move in moves}), breaches=len(breaches), moves=moves[:SHOWN_MAX],
    )  # fmt: skip


async def _moved_by(
    bureau: UUID, name: str, before: Measure, after: Measure, moment: datetime, *, hold: bool
) -> list[_Moved]:
    """Open issues of the policy that the edition changes, a thousand read at a time; held until the commit when it is real."""
    found: list[_Moved] = []
    last = UUID(int=0)
    lock = " FOR UPDATE" if hold and is_postgres() else ""
    while True:
        rows = await fetch(
            f"SELECT id, number, policy_version, {', '.join(DUE_COLUMNS)} FROM issue WHERE bureau = $1 AND policy = $2"
            f" AND closed_at IS NULL AND id > $3 ORDER BY id LIMIT {CHUNK}{lock}",
            [bureau, name, last],
        )
        if not rows:
            return found
        lines = await timelines(bureau, [row["id"] for row in rows])
        for row in rows:
            events = lines[row["id"]]
            old = policy_of(events, before.editions, moment)
            if old is not policy_of(events, after.editions, moment):
                pairs = _pairs(dues_of(events, before, moment), dues_of(events, after, moment))
                moves = [_move(row["number"], clock, one, other, moment) for clock, one, other in pairs]
                found.append(
                    _Moved(row["id"], row["number"], row, events, [move for move in moves if move is not None])
                )
        last = rows[-1]["id"]


def _pairs(before: list[Due], after: list[Due]) -> list[tuple[str, Due | None, Due | None]]:
    old, new = {due.clock: due for due in before}, {due.clock: due for due in after}
    return [(clock, old.get(clock), new.get(clock)) for clock in BY_NAME if clock in old or clock in new]


def _move(number: str, clock: str, old: Due | None, new: Due | None, moment: datetime) -> Move | None:
    was, will = (due.date if due is not None and due.ended_at is None else None for due in (old, new))
    if was == will:
        return None
    breached = new is not None and new.state == RUNNING and new.breached_at(moment) is not None
    was_breached = old is not None and old.breached_at(moment) is not None
    return Move(
        number=number, clock=clock, clock_zh=BY_NAME[clock].zh, before=was, after=will,
        is_new_breach=breached and not was_breached,
    )  # fmt: skip


async def _store(actor: Actor, moved: list[_Moved], measure: Measure, moment: datetime) -> None:
    changes = []
    for one in moved:
        pending = min(one.row["next_timer_at"], moment)
        columns = due_columns(dues_of(one.lines, measure, moment), measure.calendar, pending)
        version = int(policy_of(one.lines, measure.editions, moment).version)
        changes.append((one.id, version, *(columns[name] for name in DUE_COLUMNS)))
        touch(actor.bureau, KIND, one.id)
        kept = {move.clock: move.before.isoformat() for move in one.moves if move.before is not None}
        await record_event(actor, "issue.redate", KIND, one.id, {"policy": version, "before": kept})
    if changes:
        await executemany(f"UPDATE issue SET {_SET} WHERE id = $1", changes)


async def show_clocks(actor: Actor, named: str, moment: datetime | None = None) -> ClocksOut:
    """The clocks of one issue, now or as they were known at a moment of the past: by the events, the edition of the policy and
    the calendar of then. Raises `issue.unknown`, `issue.filter`."""
    actor.must("issue.read")
    if moment is not None and (moment.tzinfo is None or not 1990 < moment.year < 2100):
        raise refusal("issue.filter", field="at", value=moment.isoformat())
    at = min(moment or now(), now())
    issue = await reach_issue(actor, named)
    rows = [row for row in await timeline(issue.bureau, issue.id) if row.at <= at]
    measure = Measure(await editions_of(issue.bureau), await calendar_of(issue.bureau, moment and at))
    dues = dues_of(rows, measure, at)
    signals = (
        await IssueSignal.objects()
        .where(IssueSignal.bureau == issue.bureau, IssueSignal.issue == issue.id, IssueSignal.noticed_at <= at)
        .order_by(IssueSignal.at, IssueSignal.id)
    )
    policy = policy_of(rows, measure.editions, at)
    return ClocksOut(
        at=at,
        policy=f"{policy.name}@{policy.version}",
        calendar=measure.calendar.version,
        dues=[explain(due, measure.calendar, settings.timezone, at) for due in dues],
        signals=[SignalOut(**{name: getattr(row, name) for name in SignalOut.__struct_fields__}) for row in signals],
    )
