"""Changing the calendar moves the dates of open issues: looked at first without holding anybody up, then written a thousand at
a time. The version of the calendar is committed before the dates, so that whatever is dated meanwhile counts by the new one;
a row says how far the walk has come, and any process goes on with it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.issues.redating.tables import Recount
from server.issues.redating.walk import FIRST, Breach, Page, Shift, read_page
from server.issues.steps.dues import Measure, measure_of
from server.issues.steps.opening import KIND
from server.moment import now
from server.people.actions import hold_bureau
from server.people.actor import Actor
from server.refusals import refusal
from server.worktime.actions import keep_calendar, kept_calendar
from server.worktime.days import Day, Edit, Hours
from server.worktime.editing import check_edit, dated_forward, keep_edit
from server.worktime.notice import days_of_notice, read_notice
from sync.bulk import among, ids, insert
from sync.feed import touch
from sync.identity import new_id
from sync.transaction import executemany, fetch, is_postgres, on_commit, retrying, transaction

SHOWN_MAX = 50
PROMPT_PAGES = 20
"""How far a walk goes before the edit is answered; the timetable goes on with it."""
EDITION = "@"
"""In the cause of a walk: `ordinary@2` is an edition of a policy, all else a version of the calendar."""
MARGIN = timedelta(minutes=1)
"""Clocks of two processes may differ by less."""
_REDATE = "id uuid, bureau uuid, issue uuid, at timestamptz, cause text, dates text"


class Move(Struct, frozen=True, kw_only=True):
    number: str
    column: str
    before: datetime | None
    after: datetime | None


class Redated(Struct, frozen=True, kw_only=True):
    """What an edit of the calendar does (or, as a preview, would do) to the open queue."""

    issues: int
    """Open issues whose dates move."""
    version: str
    is_preview: bool = False
    left_out: list[date] = []
    """Days of the edit that would have counted after the fact, when it was to be dated forward."""
    moves: list[Move] = []
    """Of the first fifty issues."""


class Plan(Struct, frozen=True, kw_only=True):
    """An edit that was looked at: nothing is written yet."""

    edit: Edit
    left_out: list[date]
    version: int
    """Of the calendar it was compared with."""
    looked_at: datetime
    issues: int
    moves: list[Move]
    breaches: list[Breach]


async def change_calendar(
    actor: Actor, days: list[Day], *, note: str = "", preview: bool = False, forward: bool = False
) -> Redated:
    """Days of the bureau's calendar, and with them the dates of open issues. A date may move back and undo a breach (a flood is
    always declared afterwards); an edit that would make anybody late after the fact is refused whole with the issues
    (`calendar.past_breach`), or with `forward` leaves out what would. Closed issues keep their dates. Raises `calendar.days`."""
    actor.must("routing.write")
    return await _change(actor, Edit(kind="days", days=tuple(days), note=note), preview=preview, forward=forward)


async def change_hours(
    actor: Actor, hours: list[Hours], *, note: str = "", preview: bool = False, forward: bool = False
) -> Redated:
    """Office hours from a day on, like `change_calendar`. Raises `calendar.hours`."""
    actor.must("routing.write")
    return await _change(actor, Edit(kind="hours", hours=tuple(hours), note=note), preview=preview, forward=forward)


async def import_notice(actor: Actor, content: bytes, *, preview: bool = False, forward: bool = False) -> Redated:
    """A year's holidays in holiday-cn's shape, like `change_calendar`; what was expected of that year and is not in it is taken
    back. Raises `calendar.notice` with every complaint."""
    actor.must("routing.write")
    kept = await kept_calendar(actor.bureau)
    notice = read_notice(content, kept.calendar().horizon)
    edit = Edit(kind="notice", days=days_of_notice(notice, kept.known_days()), note=notice.source)
    return await _change(actor, edit, preview=preview, forward=forward)


async def _change(actor: Actor, edit: Edit, *, preview: bool, forward: bool) -> Redated:
    plan = await _plan(actor.bureau, edit, forward=forward)
    if plan.breaches:
        raise _past(plan.breaches)
    if preview:
        version = (await kept_calendar(actor.bureau)).followed_by(plan.edit).name
    else:
        version = await _carry_out(actor, plan)
    return Redated(
        issues=plan.issues, version=version, is_preview=preview, left_out=plan.left_out, moves=plan.moves[:SHOWN_MAX]
    )


def _past(breaches: list[Breach]) -> Exception:
    first = breaches[0]
    return refusal(
        "calendar.past_breach",
        number=first.number,
        due=first.after.isoformat(),
        count=len({breach.number for breach in breaches}),
        issues=[msgspec.to_builtins(breach) for breach in breaches[:SHOWN_MAX]],
    )


async def _plan(bureau: UUID, edit: Edit, *, forward: bool) -> Plan:
    """Goes through the whole open queue and holds nothing meanwhile."""
    kept = await kept_calendar(bureau)
    present = kept.calendar()
    check_edit(edit, present.horizon)
    left_out: list[date] = []
    if forward:
        edit, left_out = dated_forward(edit)
        check_edit(edit, present.horizon)
    looked_at = now()
    plan = Plan(
        edit=edit, left_out=left_out, version=kept.version, looked_at=looked_at, issues=0, moves=[], breaches=[]
    )
    wanted = kept.followed_by(edit).calendar()
    count = 0
    measure = await measure_of(bureau)
    asked = {"present": Measure(measure.editions, present), "moment": looked_at}
    async for page in _pages(bureau, Measure(measure.editions, wanted), **asked):
        count += len(page.shifts)
        if len(plan.moves) < SHOWN_MAX:
            plan.moves.extend(_moves(page.shifts))
        plan.breaches.extend(page.breaches)
    return msgspec.structs.replace(plan, issues=count)


async def _pages(bureau: UUID, measure: Measure, **asked: Any) -> Any:
    last: UUID | None = FIRST
    while last is not None:
        page = await read_page(bureau, last, measure, **asked)
        yield page
        last = page.last
        await asyncio.sleep(0)  # whoever waits for this process has a turn


def _moves(shifts: Iterable[Shift]) -> list[Move]:
    return [
        Move(number=shift.number, column=name, before=shift.before[name], after=after)
        for shift in shifts
        for name, after in shift.after.items()
        if name.endswith("_due")
    ]


async def _carry_out(actor: Actor, plan: Plan) -> str:
    """Commits the version; the dates follow. What happened since the queue was looked at is looked at again, and if the calendar
    itself is another by now, so is everything."""
    async with transaction():
        await hold_bureau(actor.bureau)
        kept = await kept_calendar(actor.bureau)
        since = plan.looked_at - MARGIN if kept.version == plan.version else None
        editions = (await measure_of(actor.bureau)).editions
        present, wanted = (Measure(editions, one.calendar()) for one in (kept, kept.followed_by(plan.edit)))
        async for page in _pages(actor.bureau, wanted, present=present, moment=now(), since=since):
            if page.breaches:
                raise _past(page.breaches)
        version = await keep_edit(actor, plan.edit)
        walk = await begin_recount(actor, version)
        on_commit(lambda: finish_recount(walk, pages_max=PROMPT_PAGES))
    return version


async def begin_recount(actor: Actor, cause: str) -> UUID:
    """A walk through the open queue, to be finished after the commit by whoever comes."""
    actor.must("routing.write")
    walk = Recount(id=new_id(), bureau=actor.bureau, person=actor.person, cause=cause, last=FIRST, started_at=now())
    async with transaction():
        await walk.save()
    return UUID(str(walk.id))


async def finish_recounts() -> int:
    """Goes on with every walk that stands still. Returns how many there were."""
    rows = await Recount.objects().where(Recount.finished_at.is_null()).order_by(Recount.started_at)
    for row in rows:
        await finish_recount(row.id)
    return len(rows)


async def finish_recount(walk: UUID, pages_max: int = sys.maxsize) -> bool:
    """Whether it has come to the end."""
    for _ in range(pages_max):
        if await retrying(lambda: _step(walk)):
            return True
        await asyncio.sleep(0)
    return False


async def _step(walk: UUID) -> bool:
    """One page: read and counted without holding anybody, then written if it still holds. True after the last."""
    row = await Recount.objects().get(Recount.id == walk)
    if row is None or row.finished_at is not None:
        return True
    measure = await measure_of(row.bureau)
    page = await read_page(row.bureau, row.last, measure, moment=now())
    async with transaction():
        if is_postgres():
            await fetch("SELECT id FROM issue_recount WHERE id = $1 FOR UPDATE", [walk])
        await keep_calendar(row.bureau)
        present = await Recount.objects().get(Recount.id == walk)
        if present is None or present.last != row.last or present.finished_at is not None:
            return False  # another process was here
        if await measure_of(row.bureau) != measure:
            return False  # counted by a calendar or a policy that has been replaced since
        present.moved += await _write(row, page, row.cause if EDITION in row.cause else measure.calendar.version)
        if page.last is None:
            present.finished_at = now()
        else:
            present.last = page.last
        await present.save()
    return page.last is None


async def _write(walk: Recount, page: Page, cause: str) -> int:
    """Changed rows only. What a verb has touched since it was read is dated by the new calendar already."""
    if not page.shifts:
        return 0
    lock = "FOR UPDATE" if is_postgres() else ""
    found = await fetch(
        f"SELECT id, events FROM issue WHERE id {among(1)} AND closed_at IS NULL ORDER BY id {lock}",
        [ids(shift.issue for shift in page.shifts)],
    )
    untouched = {UUID(str(row["id"])): row["events"] for row in found}
    shifts = [shift for shift in page.shifts if untouched.get(shift.issue) == shift.events]
    parts = [(id, due) for shift in shifts for id, due in shift.parts.items()]
    if parts:
        await executemany("UPDATE issue_unit SET due = $2 WHERE id = $1", parts)
    by_columns: dict[tuple[str, ...], list[Shift]] = {}
    for shift in shifts:
        by_columns.setdefault(tuple(shift.after), []).append(shift)
    for columns, some in by_columns.items():
        if not columns:
            continue  # only the date of a unit that helps has moved
        setting = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
        values = [[shift.issue, *(shift.after[name] for name in columns)] for shift in some]
        await executemany(f"UPDATE issue SET {setting} WHERE id = $1", values)
    moment, actor = now(), Actor(bureau=walk.bureau, person=walk.person, name="")
    dates = [_dates(shift) for shift in shifts]
    rows = [
        (new_id(), walk.bureau, shift.issue, moment, cause, msgspec.json.encode(told).decode())
        for shift, told in zip(shifts, dates, strict=True)
    ]
    await insert("issue_redate", _REDATE, rows)
    for shift, told in zip(shifts, dates, strict=True):
        touch(walk.bureau, KIND, shift.issue)
        before = {name: pair[0] for name, pair in told.items()}
        await record_event(
            actor,
            "issue.redate",
            KIND,
            shift.issue,
            {"policy" if EDITION in cause else "calendar": cause, "before": before},
        )
    return len(shifts)


def _dates(shift: Shift) -> dict[str, list[str | None]]:
    return {
        name: [one.isoformat() if isinstance(one, datetime) else None for one in (shift.before[name], after)]
        for name, after in shift.after.items()
        if name.endswith("_due")
    }
