"""Editing a clock policy, and what that does to the open queue: looked at first, refused when it would make anybody late in
the past, and told issue by issue in a dry run."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from server.clocks.clock import BY_NAME
from server.clocks.due import RUNNING, Due
from server.clocks.explanation import DueOut, explain
from server.clocks.policies.actions import add_edition, editions_of, next_edition
from server.clocks.policies.editions import Edition, NewEdition
from server.issues.actions import reach_issue
from server.issues.redating.actions import EDITION, MARGIN, PROMPT_PAGES, begin_recount, finish_recount
from server.issues.steps.dues import Measure, dues_of, measure_of, policy_of, timeline, timelines
from server.issues.timers.tables import IssueSignal
from server.moment import now, today
from server.people.actions import hold_bureau
from server.people.actor import Actor
from server.refusals import refusal
from server.settings import settings
from server.worktime.actions import calendar_of
from sync.transaction import fetch, on_commit, transaction

CHUNK = 1000
SHOWN_MAX = 200
"""Moved dates told one by one; the rest is counted."""


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
    is_forwarded: bool = False
    """It would have made somebody late in the past, so it holds from tomorrow for what begins then."""
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


class _Plan(Struct, frozen=True, kw_only=True):
    """An edit that was looked at: nothing is written yet."""

    edition: Edition
    before: Measure
    """What it was compared with."""
    looked_at: datetime
    moves: list[Move]

    @property
    def breaches(self) -> list[Move]:
        return [move for move in self.moves if move.is_new_breach]


async def change_policy(
    actor: Actor, name: str, written: NewEdition, *, dry_run: bool = False, forward: bool = False
) -> Effect:
    """A new edition of a policy, or a first one of a new policy. It holds for what begins from `valid_from` on, for open issues
    of the policy that began since then, and with `open_too` for all of them. The queue is looked at without holding anybody up
    and its dates are written a thousand at a time after the edition (`server.issues.redating`). Refused whole with
    `policy.past_breach` when a date would move into the past, or with `forward` made to hold from tomorrow for what begins then; a
    dry run tells those dates instead. Also raises `policy.name`, `policy.unreadable`, `policy.dates`, `policy.full`."""
    actor.must("routing.write")
    plan = await _plan(actor.bureau, name, written)
    is_forwarded = forward and bool(plan.breaches)
    if is_forwarded:
        written = replace(written, open_too=False, valid_from=today() + timedelta(days=1))
        plan = await _plan(actor.bureau, name, written)
    edition = plan.edition
    if not dry_run:
        _must_not_breach(plan.breaches)
        edition = await _carry_out(actor, name, written, plan)
    return Effect(
        policy=name, version=edition.version, valid_from=edition.valid_from, is_dry_run=dry_run, is_forwarded=is_forwarded,
        issues=len({move.number for move in plan.moves}), breaches=len(plan.breaches), moves=plan.moves[:SHOWN_MAX],
    )  # fmt: skip


def _must_not_breach(breaches: list[Move]) -> None:
    if breaches:
        raise refusal(
            "policy.past_breach",
            count=len({move.number for move in breaches}),
            number=breaches[0].number,
            clock=breaches[0].clock,
            due=breaches[0].after.isoformat() if breaches[0].after is not None else "",
            forward=today() + timedelta(days=1),
        )


async def _plan(bureau: UUID, name: str, written: NewEdition) -> _Plan:
    """Goes through the open issues of the policy and holds nothing meanwhile."""
    before, looked_at = await measure_of(bureau), now()
    edition = next_edition(dict(before.editions), name, written)
    moves = await _moves_by(bureau, name, before, _with(before, edition), max(looked_at, edition.changed_at))
    return _Plan(edition=edition, before=before, looked_at=looked_at, moves=moves)


def _with(before: Measure, edition: Edition) -> Measure:
    name = edition.policy.name
    return Measure({**before.editions, name: [*before.editions.get(name, []), edition]}, before.calendar)


async def _carry_out(actor: Actor, name: str, written: NewEdition, plan: _Plan) -> Edition:
    """Commits the edition; the dates follow. What happened since the queue was looked at is looked at again, and if the
    calendar or a policy is another by now, so is everything."""
    async with transaction():
        await hold_bureau(actor.bureau)  # from here on everybody who dates an issue waits
        before = await measure_of(actor.bureau)
        edition = await add_edition(actor, name, written)
        since = plan.looked_at - MARGIN if before == plan.before else None
        at = max(now(), edition.changed_at)
        moves = await _moves_by(actor.bureau, name, before, _with(before, edition), at, since)
        _must_not_breach([move for move in moves if move.is_new_breach])
        walk = await begin_recount(actor, f"{name}{EDITION}{edition.version}")
        on_commit(lambda: finish_recount(walk, pages_max=PROMPT_PAGES))
    return edition


async def _moves_by(
    bureau: UUID, name: str, before: Measure, after: Measure, moment: datetime, since: datetime | None = None
) -> list[Move]:
    """Dates of open issues of the policy that the edition changes, a thousand issues read at a time; with `since`, only of those
    touched from then on."""
    found: list[Move] = []
    last = UUID(int=0)
    touched = "AND updated_at >= $4" if since is not None else ""
    while True:
        rows = await fetch(
            "SELECT id, number FROM issue WHERE bureau = $1 AND policy = $2"
            f" AND closed_at IS NULL AND id > $3 {touched} ORDER BY id LIMIT {CHUNK}",
            [bureau, name, last, *([since] if since is not None else [])],
        )
        if not rows:
            return found
        lines = await timelines(bureau, [row["id"] for row in rows])
        for row in rows:
            events = lines[row["id"]]
            if policy_of(events, before.editions, moment) is not policy_of(events, after.editions, moment):
                pairs = _pairs(dues_of(events, before, moment), dues_of(events, after, moment))
                moves = [_move(row["number"], clock, one, other, moment) for clock, one, other in pairs]
                found += [move for move in moves if move is not None]
        last = rows[-1]["id"]
        await asyncio.sleep(0)  # whoever waits for this process has a turn


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
