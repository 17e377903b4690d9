"""Due dates as a pure function of what happened: nothing is accumulated, so nothing can drift, and every date explains itself.

Counting: the day of the event is not counted; the limit ends at 24:00 of its last day; a limit in natural days or months
that would end on a rest day ends on the next working day. Hours run through. While an issue waits for the enterprise,
stands on account or is with somebody outside, its clocks stand still.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from server.clocks.policy import Limit, Policy
from server.worktime.calendar import WorkCalendar


class Event(Struct, frozen=True):
    """Something that starts, stops or moves a clock (`EVENTS`). `until` is the new last day of an extension of `clock`."""

    name: str
    at: datetime
    until: date | None = None
    clock: str = ""


EVENTS: dict[str, tuple[str, str]] = {
    "opened": ("收到", "received"),
    "accepted": ("重新受理", "accepted after all"),
    "dispatched": ("派单", "dispatched"),
    "return_requested": ("申请退回", "return requested"),
    "returned": ("同意退回", "return granted"),
    "kept": ("不同意退回", "return denied"),
    "signed": ("签收", "signed for"),
    "contacted": ("联系企业", "enterprise contacted"),
    "co_asked": ("请协办", "co-unit asked"),
    "co_answered": ("协办反馈", "co-unit answered"),
    "waiting": ("待企业补充", "waiting for the enterprise"),
    "resumed": ("恢复办理", "resumed"),
    "on_account": ("挂账", "put on account"),
    "off_account": ("结束挂账", "taken off account"),
    "transferred": ("转上级", "sent outside"),
    "replied": ("答复", "answered"),
    "sent_back": ("审核退回", "sent back by the reviewer"),
    "signed_off": ("审核通过", "signed off"),
    "called_back": ("回访", "called back"),
    "reopened": ("退回重办", "to be redone"),
    "extended": ("延期", "extended"),
    "ended": ("办结", "ended"),
}


class Clock(Struct, frozen=True):
    """One clock. It starts at each of `starts` (only the first, when `once`), is met at `ends`, runs on at `resumes`, and
    is void after `voids`."""

    name: str
    zh: str
    en: str
    starts: frozenset[str]
    ends: frozenset[str]
    resumes: frozenset[str] = frozenset()
    voids: frozenset[str] = frozenset()
    once: bool = False
    stands_still: bool = True


def _clock(
    name: str, zh: str, en: str, starts: str, ends: str, resumes: str = "", voids: str = "", **flags: bool
) -> Clock:
    def words(text: str) -> frozenset[str]:
        return frozenset(text.split())

    return Clock(name, zh, en, words(starts), words(ends), words(resumes), words(voids), **flags)


CLOCKS: tuple[Clock, ...] = (
    # The enterprise's clocks run from the day we received its words, whoever handles them.
    _clock("triage", "受理", "triage", "opened accepted returned", "dispatched transferred ended"),
    _clock("solve", "办结", "solve", "opened", "signed_off ended", "accepted", "", once=True),
    _clock("hard_stop", "最长时限", "hard stop", "opened", "ended", "accepted reopened", once=True),
    # A unit's clocks run from dispatch and begin anew when the issue goes to another unit.
    _clock("sign", "签收", "sign", "dispatched", "signed contacted replied ended", "", "returned"),
    _clock("first_contact", "首次联系企业", "first contact", "dispatched", "contacted replied ended", "", "returned"),
    _clock("reply", "答复", "reply", "dispatched", "replied ended", "sent_back", "returned reopened"),
    _clock("redo", "重办", "redo", "reopened", "replied ended", "sent_back"),
    # Steps that others are waited for.
    _clock("return_decision", "退回审定", "decide return", "return_requested", "returned kept ended"),
    _clock("co_reply", "协办反馈", "co-unit's answer", "co_asked", "co_answered replied ended"),
    _clock("review", "审核", "review", "replied", "sent_back signed_off ended"),
    _clock("callback", "回访", "call-back", "signed_off", "called_back reopened ended"),
    _clock("wait", "等待企业", "wait for the enterprise", "waiting", "resumed ended", stands_still=False),
    _clock("account_review", "挂账检查", "account review", "on_account", "off_account replied ended", stands_still=False),
    _clock("reminder", "外部催办", "outside reminder", "transferred", "replied ended", stands_still=False),
)  # fmt: skip
BY_NAME = {clock.name: clock for clock in CLOCKS}
PAUSE = {"waiting", "on_account", "transferred"}
UNPAUSE = {"resumed", "off_account", "replied", "ended"}

RUNNING, MET, STOPPED = "running", "met", "stopped"


class Due(Struct, frozen=True, kw_only=True):
    """One date that explains itself. `due` is the first instant that is too late; it is None while the clock stands still."""

    clock: str
    state: str
    event: str
    """The event the clock started with, at `started_at`."""
    started_at: datetime
    limit: Limit
    due: datetime | None
    day: date | None
    """The last day that is in time, in the bureau's zone."""
    ended_at: datetime | None
    pause_days: int
    """Days (of the limit's own kind) the clock stood still."""
    extended: bool
    provisional: bool
    """The date lies beyond the announced calendar and may move."""
    policy: str
    calendar: str

    @property
    def is_late(self) -> bool:
        """Ended after its date. Whether a running clock is late depends on when one asks."""
        return self.due is not None and self.ended_at is not None and self.ended_at >= self.due


class _Run(Struct):
    event: str
    started_at: datetime
    ended_at: datetime | None = None
    until: date | None = None
    extended_at: datetime | None = None


def due_dates(events: Sequence[Event], policy: Policy, calendar: WorkCalendar, zone: tzinfo) -> list[Due]:
    """Every clock of `policy` that has started, in the order of `CLOCKS`. `events` come in the order they were recorded."""
    runs: dict[str, _Run] = {}
    pauses: list[tuple[datetime, datetime | None]] = []
    for event in events:
        name = event.name
        if name in PAUSE and not (pauses and pauses[-1][1] is None):
            pauses.append((event.at, None))
        elif name in UNPAUSE and pauses and pauses[-1][1] is None:
            pauses[-1] = (pauses[-1][0], max(event.at, pauses[-1][0]))
        if name == "extended" and event.until is not None and event.clock in runs:
            runs[event.clock].until, runs[event.clock].extended_at = event.until, event.at
            continue
        for clock, role in _AFFECTED.get(name, ()):
            _turn(runs, clock, role, event)
    return [
        _due(clock, run, policy, calendar, zone, pauses)
        for clock in CLOCKS
        if (run := runs.get(clock.name)) is not None and clock.name in policy.limits
    ]


def _turn(runs: dict[str, _Run], clock: Clock, role: str, event: Event) -> None:
    run = runs.get(clock.name)
    if role == "starts":
        if run is None or not clock.once:
            runs[clock.name] = _Run(event.name, event.at)
    elif run is None:
        return
    elif role == "voids":
        del runs[clock.name]
    elif role == "resumes":
        run.ended_at = None
    elif run.ended_at is None:
        run.ended_at = max(event.at, run.started_at)


def _affected() -> dict[str, list[tuple[Clock, str]]]:
    table: dict[str, list[tuple[Clock, str]]] = {}
    for clock in CLOCKS:
        for role in ("starts", "ends", "resumes", "voids"):
            for name in getattr(clock, role):
                table.setdefault(name, []).append((clock, role))
    return table


_AFFECTED = _affected()


def _due(
    clock: Clock,
    run: _Run,
    policy: Policy,
    calendar: WorkCalendar,
    zone: tzinfo,
    pauses: list[tuple[datetime, datetime | None]],
) -> Due:
    limit = policy.limits[clock.name]
    paused = timedelta(0)
    pause_days = 0
    is_stopped = False
    if clock.stands_still:
        # A new date was given knowing of the pauses before; those that follow move it like any other.
        counted_from = max(run.started_at, run.extended_at or run.started_at)
        for since, till in pauses:
            if (run.ended_at is not None and since >= run.ended_at) or (till is not None and till <= counted_from):
                continue
            if till is None and run.ended_at is None:
                is_stopped = True
                break
            first = max(since, counted_from)
            last = max(first, min(moment for moment in (till, run.ended_at) if moment is not None))
            paused += last - first
            pause_days += _days(first, last, limit, calendar, zone)
    due, day = None, None
    if not is_stopped:
        due, day = _deadline(run, limit, paused, pause_days, calendar, zone)
    state = MET if run.ended_at is not None else STOPPED if is_stopped else RUNNING
    return Due(
        clock=clock.name,
        state=state,
        event=run.event,
        started_at=run.started_at,
        limit=limit,
        due=due,
        day=day,
        ended_at=run.ended_at,
        pause_days=pause_days,
        extended=run.until is not None,
        provisional=day is not None and calendar.is_provisional(day),
        policy=f"{policy.name}@{policy.version}",
        calendar=calendar.version,
    )


def _days(first: datetime, last: datetime, limit: Limit, calendar: WorkCalendar, zone: tzinfo) -> int:
    """The days of a pause, counted like the limit: not the day it began on, but the day it ended on."""
    start, end = first.astimezone(zone).date(), last.astimezone(zone).date()
    return calendar.working_days_between(start, end) if limit.unit == "wd" else (end - start).days


def _deadline(
    run: _Run, limit: Limit, paused: timedelta, pause_days: int, calendar: WorkCalendar, zone: tzinfo
) -> tuple[datetime, date]:
    if limit.unit == "h" and run.until is None:
        due = run.started_at + timedelta(hours=limit.count) + paused
        return due, due.astimezone(zone).date()
    start = run.started_at.astimezone(zone).date()
    if run.until is not None and limit.unit == "wd":
        day = calendar.add_working_days(run.until, pause_days) if pause_days else run.until
    elif run.until is not None:
        day = calendar.on_or_after(run.until + timedelta(days=pause_days))
    elif limit.unit == "wd":
        day = calendar.add_working_days(start, limit.count + pause_days)
    elif limit.unit == "d":
        day = calendar.on_or_after(start + timedelta(days=limit.count + pause_days))
    else:
        day = calendar.on_or_after(add_months(start, limit.count) + timedelta(days=pause_days))
    return end_of_day(day, zone), day


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def end_of_day(day: date, zone: tzinfo) -> datetime:
    """24:00 of `day` in `zone`, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC)


def next_due(dues: Sequence[Due]) -> Due | None:
    """The running clock that ends first: what the queue is sorted by."""
    running = [due for due in dues if due.state == RUNNING and due.due is not None]
    return min(running, key=lambda due: due.due or due.started_at, default=None)
