"""Why a date is what it is, step by step, in sentences a person at a desk can check by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo

from msgspec import Struct

from server.clocks.clock import BY_NAME, EVENTS, Extension
from server.clocks.due import MET, RUNNING, STOPPED, Due, Pause, lost_to
from server.clocks.lights import light_of
from server.clocks.policy import UNITS
from server.clocks.span import DAY, HOURLY, add_months, length, time_between
from server.worktime.calendar import WorkCalendar, days_between

STRETCHES_MAX = 8
"""Rest days are told one stretch after the other, up to so many."""
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日"), ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Sentence(Struct, frozen=True):
    """One step of the way to a date."""

    zh: str
    en: str


class Spent(Struct, frozen=True, kw_only=True):
    """Part of a limit, in its own unit and in seconds. A day of its own kind counts 24 hours; months are counted in days."""

    count: float
    unit: str
    seconds: int


class DueOut(Struct, frozen=True, kw_only=True):
    """A clock as people and programs outside get it."""

    clock: str
    zh: str
    en: str
    state: str
    """running, met or stopped."""
    light: str
    round: int
    limit: str
    due: datetime | None
    day: date | None
    original_due: datetime
    original_day: date
    yellow_at: datetime
    started_at: datetime
    ended_at: datetime | None
    stopped_at: datetime | None
    paused: bool
    used: Spent
    remaining: Spent
    """Below zero once the date has passed."""
    pauses: tuple[Pause, ...]
    extensions: tuple[Extension, ...]
    missed: int
    """Dates of a clock that rolls that passed before it was renewed."""
    breached_at: datetime | None
    is_late: bool
    provisional: bool
    policy: str
    calendar: str
    explain: list[Sentence]


def explain(due: Due, calendar: WorkCalendar, zone: tzinfo, moment: datetime, late_days: int = 0) -> DueOut:
    """`moment` decides what is used, left and late. `late_days` were between the talk and the arrival of its record."""
    clock = BY_NAME[due.clock]
    used, remaining = _spent(due, calendar, zone, moment)
    breached_at = due.breached_at(moment)
    told = [Sentence(*pair) for pair in _story(due, calendar, zone, moment, used, remaining, late_days)]
    return DueOut(
        clock=due.clock, zh=clock.zh, en=clock.en, state=due.state, light=light_of(due, moment, calendar, zone),
        round=due.round, limit=str(due.limit), due=due.due, day=due.day, original_due=due.original_due,
        original_day=due.original_day, yellow_at=due.yellow_at, started_at=due.started_at, ended_at=due.ended_at,
        stopped_at=due.stopped_at, paused=due.state == STOPPED, used=used, remaining=remaining, pauses=due.pauses,
        extensions=due.extensions, missed=due.missed, breached_at=breached_at, is_late=breached_at is not None,
        provisional=due.provisional, policy=due.policy, calendar=due.calendar, explain=told,
    )  # fmt: skip


def _spent(due: Due, calendar: WorkCalendar, zone: tzinfo, moment: datetime) -> tuple[Spent, Spent]:
    date = due.date or due.original_due
    at = due.ended_at or due.stopped_at or moment
    last = (date - timedelta(microseconds=1)).astimezone(zone).date()
    whole = length(
        due.started_at, due.limit, date, last, lost_to(due.pauses, due.limit, calendar, zone), calendar, zone
    )
    left = min(time_between(max(at, due.started_at), date, due.limit, calendar, zone), whole)
    return _of(whole - left, due), _of(left, due)


def _of(span: timedelta, due: Due) -> Spent:
    hourly = due.limit.unit in HOURLY
    unit = "d" if due.limit.unit == "mo" else due.limit.unit
    return Spent(
        count=round(span / (timedelta(hours=1) if hourly else DAY), 2), unit=unit, seconds=int(span.total_seconds())
    )


Pair = tuple[str, str]


def _story(
    due: Due, calendar: WorkCalendar, zone: tzinfo, moment: datetime, used: Spent, left: Spent, late_days: int
) -> Iterator[Pair]:
    yield _beginning(due, zone)
    if late_days and due.event == "opened":
        yield (
            f"记录在采集 {late_days} 天后才同步到平台,时限自平台收到时起算,不自采集时起算。",
            f"The record reached us {late_days} days after the talk; the limit runs from its arrival, not from the talk.",
        )
    yield _limit(due)
    if due.limit.unit not in HOURLY:
        yield from _rest_days(due, calendar, zone)
    for pause in due.pauses:
        yield _pause(pause, due, calendar, zone)
    for extension in due.extensions:
        yield _extension(extension, zone)
    if due.missed:
        yield f"此前有 {due.missed} 次到期未记录。", f"Before that, {due.missed} dates passed without a note."
    yield _ending(due, calendar, zone)
    yield _standing(due, zone, moment, used, left)
    if due.provisional:
        yield (
            "日期暂定:当年放假安排尚未公布,公布后重算。",
            "The date is provisional: that year's holidays are not announced; it will be recomputed.",
        )
    yield f"依据时限政策 {due.policy}、工作日历 {due.calendar}。", f"Policy {due.policy}, calendar {due.calendar}."


def _beginning(due: Due, zone: tzinfo) -> Pair:
    zh, en = EVENTS[due.event]
    at_zh, at_en = _at(due.started_at, zone)
    if due.limit.unit in HOURLY:
        return f"{at_zh} {zh},立即起算。", f"{_capital(en)} {at_en}; the limit runs at once."
    if not due.limit.count:
        return f"{at_zh} {zh},限当日。", f"{_capital(en)} {at_en}; it is due the same day."
    return f"{at_zh} {zh},当日不计,次日起算。", f"{_capital(en)} {at_en}; that day is not counted."


def _limit(due: Due) -> Pair:
    zh, en = UNITS[due.limit.unit]
    if not due.limit.count:
        return "逢休息日顺延至下一个工作日。", "If that is a rest day, the next working day."
    return f"时限 {due.limit.count} {zh}。", f"The limit is {_some(due.limit.count, en)}."


def _rest_days(due: Due, calendar: WorkCalendar, zone: tzinfo) -> Iterator[Pair]:
    """Days that are not worked, and weekend days that are, on the way to the last day; for natural days only the move of the end."""
    date = due.date or due.original_due
    first, last = due.started_at.astimezone(zone).date(), (date - timedelta(microseconds=1)).astimezone(zone).date()
    if due.limit.unit != "wd":
        ends = first + timedelta(days=due.limit.count) if due.limit.unit == "d" else add_months(first, due.limit.count)
        if not calendar.is_working(ends):
            moved = calendar.on_or_after(ends)
            yield (
                f"期满日 {_day(ends)[0]} 为休息日,顺延至 {_day(moved)[0]}。",
                f"It would end on {_day(ends)[1]}, a rest day, so it ends on {_day(moved)[1]}.",
            )
        return
    between = [day for day in days_between(first, last)[1:]]
    rest = [day for day in between if not calendar.is_working(day)]
    if rest:
        zh, en = _stretches(rest)
        yield f"休息日不计,共 {len(rest)} 天:{zh}。", f"Rest days are not counted, {len(rest)} in all: {en}."
    worked = [day for day in between if calendar.is_working(day) and day.weekday() >= 5]
    if worked:
        zh, en = _stretches(worked)
        yield f"调休上班日照算:{zh}。", f"Weekend days that are worked are counted: {en}."


def _stretches(days: Sequence[date]) -> Pair:
    """`2026-09-25 至 2026-09-27`, one after the other."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == DAY:
            spans[-1].append(day)
        else:
            spans.append([day])
    shown = spans[:STRETCHES_MAX]
    zh = "、".join(f"{span[0]}" if len(span) == 1 else f"{span[0]} 至 {span[-1]}" for span in shown)
    en = ", ".join(f"{span[0]}" if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in shown)
    return (f"{zh} 等", f"{en} and others") if len(spans) > STRETCHES_MAX else (zh, en)


def _pause(pause: Pause, due: Due, calendar: WorkCalendar, zone: tzinfo) -> Pair:
    zh, en = EVENTS[pause.event]
    since_zh, since_en = _at(pause.since, zone)
    if pause.until is None:
        return f"{since_zh} 起{zh},暂停计时。", f"Since {since_en} {en}: the clock stands still."
    until_zh, until_en = _at(pause.until, zone)
    if due.limit.unit in HOURLY:
        minutes = int(time_between(pause.since, pause.until, due.limit, calendar, zone).total_seconds() // 60)
        zh_lost, en_lost = f"{minutes} 分钟", _some(minutes, "minutes")
    else:
        unit_zh, unit_en = UNITS["d" if due.limit.unit == "mo" else due.limit.unit]
        zh_lost, en_lost = f"{pause.days} {unit_zh}", _some(pause.days, unit_en)
    return (
        f"{since_zh} 至 {until_zh} {zh},扣除 {zh_lost}。",
        f"From {since_en} to {until_en} {en}: {en_lost} not counted.",
    )


def _extension(extension: Extension, zone: tzinfo) -> Pair:
    asked_zh, asked_en = _at(extension.asked_at or extension.decided_at, zone)
    zh = f"{asked_zh} 申请延至 {extension.until}"
    en = f"Asked {asked_en} to extend to {extension.until}"
    if extension.decided_at is None:
        return f"{zh},待审批。", f"{en}; not decided yet."
    at_zh, at_en = _at(extension.decided_at, zone)
    if extension.outcome == "granted":
        return (
            f"{zh},{at_zh} 批准:由 {extension.before} 延至 {extension.until}。",
            f"{en}; granted {at_en}: from {extension.before} to {extension.until}.",
        )
    return f"{zh},{at_zh} 未批准,期限不变。", f"{en}; refused {at_en}, the date stays."


def _ending(due: Due, calendar: WorkCalendar, zone: tzinfo) -> Pair:
    date = due.date or due.original_due
    if due.limit.unit in HOURLY:
        zh, en = _at(date, zone)
    else:
        last = (date - timedelta(microseconds=1)).astimezone(zone)
        end = date.astimezone(zone)
        zh, en = _day(last.date())
        clock = "24:00" if end.date() > last.date() else f"{end:%H:%M}"
        zh, en = f"{zh} {clock}", f"{en} at {clock}"
    if due.state == STOPPED:
        return (
            f"暂停前的期限是 {zh},恢复后顺延。",
            f"It was to end {en}; what it stands still is added when it runs again.",
        )
    return f"期限至 {zh} 止。", f"It ends {en}."


def _standing(due: Due, zone: tzinfo, moment: datetime, used: Spent, left: Spent) -> Pair:
    unit_zh, unit_en = UNITS[used.unit]
    over = f"{-left.count:g} {unit_zh}", _some(-left.count, unit_en)
    breached = due.breached_at(moment)
    if due.state == MET and due.ended_at is not None:
        (zh, en), (at_zh, at_en) = EVENTS[due.ended_by], _at(due.ended_at, zone)
        how = ("按时", "in time") if breached is None else (f"超时 {over[0]}", f"{over[1]} late")
        return f"{at_zh} {zh},{how[0]}。", f"{_capital(en)} {at_en}, {how[1]}."
    if due.state == RUNNING and breached is not None:
        return f"已超时 {over[0]}。", f"It is {over[1]} late."
    if breached is not None:
        return f"暂停前已超时 {over[0]}。", f"It was {over[1]} late before it stopped."
    return (
        f"已用 {used.count:g} {unit_zh},还剩 {left.count:g} {unit_zh}。",
        f"Used: {_some(used.count, unit_en)}; left: {_some(left.count, unit_en)}.",
    )


def _at(moment: datetime | None, zone: tzinfo) -> Pair:
    if moment is None:
        return "", ""
    local = moment.astimezone(zone)
    zh, en = _day(local.date())
    return f"{zh} {local:%H:%M}", f"{en} {local:%H:%M}"


def _day(day: date) -> Pair:
    return f"{day}({WEEKDAYS[0][day.weekday()]})", f"{WEEKDAYS[1][day.weekday()]} {day}"


def _some(count: float, things: str) -> str:
    """`1 working day`, `2 working days`."""
    return f"{count:g} {things.removesuffix('s') if count == 1 else things}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
