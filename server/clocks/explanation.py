"""Why a date is what it is, in a sentence a person at a desk can check by hand."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from msgspec import Struct

from server.clocks.clock import BY_NAME, EVENTS, Due
from server.clocks.policy import UNITS


class DueOut(Struct, frozen=True, kw_only=True):
    """A due date as people and programs outside get it."""

    clock: str
    zh: str
    en: str
    state: str
    """running, met or stopped."""
    due: datetime | None
    day: date | None
    started_at: datetime
    ended_at: datetime | None
    is_late: bool
    provisional: bool
    policy: str
    calendar: str
    why_zh: str
    why_en: str


def explain(due: Due, zone: tzinfo, moment: datetime) -> DueOut:
    """`moment` decides whether a clock that still runs is late."""
    clock = BY_NAME[due.clock]
    late = due.is_late or (due.state == "running" and due.due is not None and moment >= due.due)
    zh, en = _why(due, zone)
    return DueOut(
        clock=due.clock,
        zh=clock.zh,
        en=clock.en,
        state=due.state,
        due=due.due,
        day=due.day,
        started_at=due.started_at,
        ended_at=due.ended_at,
        is_late=late,
        provisional=due.provisional,
        policy=due.policy,
        calendar=due.calendar,
        why_zh=zh,
        why_en=en,
    )


def _why(due: Due, zone: tzinfo) -> tuple[str, str]:
    event_zh, event_en = EVENTS[due.event]
    unit_zh, unit_en = UNITS[due.limit.unit]
    start = due.started_at.astimezone(zone)
    zh = f"{start:%Y-%m-%d %H:%M}{event_zh},限 {due.limit.count} {unit_zh}"
    en = f"{event_en} {start:%Y-%m-%d %H:%M}, limit {due.limit.count} {unit_en}"
    if due.limit.unit != "h":
        zh, en = f"{zh}(当日不计)", f"{en} (that day not counted)"
    if due.pause_days:
        zh, en = f"{zh},扣除暂停 {due.pause_days} 日", f"{en}, {due.pause_days} days it stood still not counted"
    if due.extended:
        zh, en = f"{zh},已批准延期", f"{en}, extended"
    if due.state == "stopped":
        zh, en = f"{zh};现已暂停计时", f"{en}; the clock stands still now"
    elif due.day is not None and due.limit.unit != "h":
        zh, en = f"{zh},至 {due.day} 24:00 止", f"{en}, ends {due.day} at 24:00"
    elif due.due is not None:
        end = due.due.astimezone(zone)
        zh, en = f"{zh},至 {end:%Y-%m-%d %H:%M} 止", f"{en}, ends {end:%Y-%m-%d %H:%M}"
    if due.provisional:
        zh, en = f"{zh}(暂定:当年放假安排尚未公布)", f"{en} (provisional: that year's holidays are not announced)"
    zh = f"{zh}。依据政策 {due.policy}、日历 {due.calendar}"
    en = f"{en}. Policy {due.policy}, calendar {due.calendar}"
    return zh, en
