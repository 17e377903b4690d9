"""Imported orders as reports and issues: each gets the history the list tells, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.issues.states import STATES
from server.issues.steps.dues import Measure, due_columns, dues_of, measure_of
from server.issues.steps.letters import define_letter
from server.issues.steps.opening import KIND, issue_of
from server.issues.tables import Issue, IssueEvent, IssueUnit
from server.moment import now
from server.orders.reading.lines import Order
from server.orders.tables import ImportedOrder
from server.people.actor import Actor
from server.people.tables import Unit
from server.reports.actions import CONTACT_KIND
from server.reports.filed import FiledReport, store_reports
from server.reports.tables import ReportContact
from sync.feed import touch_many
from sync.identity import named_id, new_id

ORIGIN = "import"
NOT_COUNTED = "导入的历史事项,不计入统计 (imported, left out of the rates)"
TITLE_MAX = 200


class Choice(Struct, frozen=True, kw_only=True):
    """`clocks`: limits of open orders run from the date the list gives, or from the import. `in_rates`: whether imported
    issues count in the rates."""

    mapping: str
    source: str
    clocks: str = "given"
    in_rates: bool = False


def id_of(bureau: UUID, source: str, number: str) -> UUID:
    return named_id("order", bureau, source, number)


async def write_orders(actor: Actor, orders: Sequence[Order], choice: Choice, batch: UUID) -> None:
    """Inside a transaction, for orders that are not here yet."""
    moment = now()
    reports = [_report_of(actor, order, choice, moment) for order in orders]
    await store_reports(actor, reports)
    units = {row.code: row.id for row in await Unit.of_bureau(actor.bureau)}
    measure = await measure_of(actor.bureau)
    wanted = [issue_of(report.id) for report in reports]
    issues = {row.id: row for row in await Issue.objects().where(Issue.id.is_in(wanted))}
    openings = {row.issue: row for row in await IssueEvent.objects().where(IssueEvent.issue.is_in(wanted))}
    events: list[IssueEvent] = []
    working: list[IssueUnit] = []
    for order, report in zip(orders, reports, strict=True):
        issue = issues[issue_of(report.id)]
        history = [openings[issue.id], *await _history(actor, order, issue, report.reported_at, units)]
        events += history[1:]
        working += _units_of(order, issue, history, units)
        await _settle(issue, history, choice, measure, moment)
    if events:
        await IssueEvent.insert(*events)
    if working:
        await IssueUnit.insert(*working)
    await ImportedOrder.insert(
        *(
            ImportedOrder(
                id=report.id, bureau=actor.bureau, source=choice.mapping, number=order.number, digest=order.digest,
                batch=batch, line=order.line, account=actor.person, imported_at=moment,
                due_told=order.dates["due"].date().isoformat() if "due" in order.dates else "",
                told_n=issues[issue_of(report.id)].events,
            )
            for order, report in zip(orders, reports, strict=True)
        )
    )  # fmt: skip
    await _keep_contacts(actor, orders, reports)
    touch_many(actor.bureau, KIND, wanted)


def _report_of(actor: Actor, order: Order, choice: Choice, moment: datetime) -> FiledReport:
    said = order.values
    received = order.dates.get("received") or order.dates.get("dispatched") or moment
    counts = received if order.is_closed or choice.clocks == "given" else moment
    return FiledReport(
        id=id_of(actor.bureau, choice.mapping, order.number), bureau=actor.bureau, record=None, enterprise=order.firm,
        enterprise_name=said.get("enterprise", "") or said.get("credit_code", ""), person=actor.person,
        title=(said.get("title") or said["description"].split("\n", 1)[0])[:TITLE_MAX], description=said["description"],
        category=said.get("category", ""), urgency=said.get("urgency", ""), origin=ORIGIN,
        source=said.get("channel") or choice.source, source_ref=order.number, reported_at=counts, collected_at=received,
    )  # fmt: skip


async def _history(
    actor: Actor, order: Order, issue: Issue, opened_at: datetime, units: dict[str, UUID]
) -> list[IssueEvent]:
    """Dispatched, worked, answered, closed: as far as the list says so, each at the date it gives."""
    said = order.values
    history: list[IssueEvent] = []
    at = opened_at
    told: dict[str, Any] = {"imported": order.number}

    def add(verb: str, target: str, when: datetime, **fields: Any) -> None:
        history.append(
            IssueEvent(
                id=new_id(), bureau=issue.bureau, issue=issue.id, n=issue.events + len(history) + 1, at=when, counts_at=when,
                verb=verb, outcome="", source=issue.state, target=target, person=actor.person, unit=actor.unit,
                fields=msgspec.json.encode(fields | told).decode(), told_at=None, time_mark="",
            )
        )  # fmt: skip
        issue.state = target

    if "lead" in said:
        at = max(at, order.dates.get("dispatched", at))
        add(
            "dispatch",
            "DISPATCHED",
            at,
            lead=said["lead"],
            co=[code for code in said["co"].split("、") if code],
            forced=False,
        )
        issue.lead, issue.desk = units[said["lead"]], actor.unit
    if "progress" in said:
        add("note", issue.state, at, words=said["progress"])
    if order.is_closed:
        ended = max(at, order.dates["closed"])
        letter = said.get("letter", "")
        if letter:
            issue.letter, issue.letter_definition = letter, await define_letter(issue.bureau, letter)
        meaning = {"letter": letter, "letter_definition": issue.letter_definition} if letter else {}
        if "reply" in said:
            add("reply", "REPLIED", ended, words=said["reply"], **meaning)
        add("close", "CLOSED", ended, proof=said.get("satisfied", "") or "导入", **meaning)
    elif "reply" in said:
        add("note", issue.state, at, words=said["reply"])
    return history


def _units_of(order: Order, issue: Issue, history: list[IssueEvent], units: dict[str, UUID]) -> list[IssueUnit]:
    dispatched = next((event for event in history if event.verb == "dispatch"), None)
    if dispatched is None:
        return []
    codes = dict.fromkeys(code for code in order.values["co"].split("、") if code and code != order.values["lead"])
    return [
        IssueUnit(
            id=new_id(), bureau=issue.bureau, issue=issue.id, unit=units[code], role=role, since=dispatched.at,
            asked_at=None if role == "lead" else dispatched.at, until=None,
        )
        for role, code in [("lead", order.values["lead"]), *(("co", code) for code in codes)]
    ]  # fmt: skip


async def _settle(issue: Issue, history: list[IssueEvent], choice: Choice, measure: Measure, moment: datetime) -> None:
    issue.events = history[-1].n
    issue.state_since = history[-1].at
    issue.closed_at = None if STATES[issue.state].is_open else history[-1].at
    issue.updated_at = moment
    if not choice.in_rates:
        issue.excluded, issue.exclusion = True, NOT_COUNTED
    for name, value in due_columns(dues_of(history, measure, moment), measure.calendar, moment).items():
        setattr(issue, name, value)
    await issue.save()


async def _keep_contacts(actor: Actor, orders: Sequence[Order], reports: Sequence[FiledReport]) -> None:
    rows = [
        ReportContact(
            id=report.id, bureau=actor.bureau, name=order.values.get("contact_name", ""),
            phone=order.values.get("contact_phone", ""),
        )
        for order, report in zip(orders, reports, strict=True)
        if "contact_name" in order.values or "contact_phone" in order.values
    ]  # fmt: skip
    if rows:
        await ReportContact.insert(*rows)
        touch_many(actor.bureau, CONTACT_KIND, [row.id for row in rows])
