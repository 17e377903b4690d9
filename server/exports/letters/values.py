"""What a letter says of an issue: text by field, in the words of an office. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from server.boards.reading import names_of
from server.callbacks.tables import Callback
from server.clocks.due import Due
from server.enterprises.tables import Enterprise
from server.issues.machine.tables import machine_of
from server.issues.steps.dues import dues_of, measure_of, timeline
from server.issues.steps.joining import links_of
from server.issues.steps.step import units_at_work
from server.issues.tables import Issue, IssueEvent
from server.moment import now
from server.people.tables import Bureau
from server.reports.actions import SOURCES
from server.reports.tables import Report
from server.settings import settings

NAMELESS = "(企业要求不具名)"
TO_UNITS = ("handover", "urging")
"""Kinds that go to those who handle the matter."""
SOLVED = {"solved": "已解决", "partly": "部分解决", "unsolved": "未解决", "only_explained": "仅作解释"}
SATISFIED = {"satisfied": "满意", "mostly": "基本满意", "dissatisfied": "不满意"}


async def values_of(issue: Issue, kind: str, letter_number: str) -> dict[str, str]:
    events = await timeline(issue.bureau, issue.id)
    measure = await measure_of(issue.bureau, issue.closed_at)
    dues = {due.clock: due for due in dues_of(events, measure)}
    units, categories = await names_of(issue.bureau)
    co = [unit for role in ("co", "split") for unit in (await units_at_work(issue)).get(role, [])]
    names = dict(units.values())
    machine = await machine_of(issue.bureau)
    bureau = await Bureau.objects().get(Bureau.id == issue.bureau)
    return {
        "letter_number": letter_number,
        "number": issue.number,
        "title": issue.title,
        "category": categories.get(issue.category, issue.category),
        "received_on": _day(issue.opened_at),
        "lead": units[issue.lead][1] if issue.lead in units else "",
        "co": "、".join(names.get(code, code) for code in co),
        "state": machine.state(issue.state).zh,
        "reply_by": _due(dues.get("reply")),
        "solve_by": _due(dues.get("solve")),
        "bureau": bureau.name if bureau is not None else "",
        "today": _day(now()),
        **await _firm(issue, kind),
        **_told(events),
        **await _answers(issue),
    }


async def _firm(issue: Issue, kind: str) -> dict[str, str]:
    """Who said what. An enterprise that asked not to be named is not named to those who handle its matter."""
    reports = [link.report for link in await links_of(issue.bureau, issue.id) if link.confirmed_by is not None]
    rows = await Report.objects().where(Report.bureau == issue.bureau, Report.id.is_in(reports)) if reports else []
    said = "\n".join(
        row.description or row.title for row in sorted(rows, key=lambda row: (row.reported_at, str(row.id)))
    )
    came_by = min(rows, key=lambda row: (row.reported_at, str(row.id))).source if rows else ""
    source = SOURCES.get(came_by or issue.origin, (issue.origin, ""))[0]
    firm = None
    if issue.enterprise is not None:
        firm = await Enterprise.objects().get((Enterprise.bureau == issue.bureau) & (Enterprise.id == issue.enterprise))
    if kind in TO_UNITS and any(row.name_hidden for row in rows):
        return {"source": source, "said": said, "enterprise": NAMELESS, "credit_code": ""}
    name = firm.name if firm is not None else next((row.enterprise_name for row in rows if row.enterprise_name), "")
    return {
        "source": source,
        "said": said,
        "enterprise": name,
        "credit_code": (firm.credit_code or "") if firm is not None else "",
    }


def _told(events: list[IssueEvent]) -> dict[str, str]:
    last = {event.verb: event for event in events}
    dispatched = last.get("dispatch")
    urgings = [event for event in events if event.verb in ("urge", "supervise")]
    urged = _fields(urgings[-1]) if urgings else {}
    return {
        "dispatched_on": _day(dispatched.at) if dispatched is not None else "",
        "instruction": str(_fields(dispatched).get("words", "")),
        "urged": str(urged.get("words", "")),
        "answer_by": _date(urged["answer_by"]) if "answer_by" in urged else "",
        "reply": str(_fields(last.get("reply")).get("words", "")),
    }


async def _answers(issue: Issue) -> dict[str, str]:
    tried = [row for row in await Callback.of_issue(issue.bureau, issue.id) if row.turn == issue.redos]
    told = tried[-1] if tried else None
    if told is None:
        return {}
    return {
        "solved": SOLVED.get(told.solved, ""),
        "satisfied": SATISFIED.get(told.satisfied, ""),
        "why_not": told.why_words,
        "called_on": _day(told.at),
    }


def _fields(event: Any) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = msgspec.json.decode(event.fields) if event is not None else {}
    return fields


def _day(moment: datetime) -> str:
    return _date(moment.astimezone(settings.timezone).date())


def _due(due: Due | None) -> str:
    return _date(due.day) if due is not None and due.day is not None else ""


def _date(day: date | str) -> str:
    known = date.fromisoformat(day) if isinstance(day, str) else day
    return f"{known.year}年{known.month}月{known.day}日"
