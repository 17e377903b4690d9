"""One issue with everything a person needs to decide what to do next: timeline, reports, units, dates that explain themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Raw, Struct

from server.clocks.explanation import DueOut, explain
from server.issues.actions import reach_issue
from server.issues.duty.shown import DutyOut, Proposal, duties_of, proposal_of
from server.issues.joining.cases import Child, show_children
from server.issues.machine.overlay import Machine
from server.issues.machine.tables import machine_of
from server.issues.queue.standing import Account, Contact, UnitAtWork, account_of, contact_of, units_of
from server.issues.redating.tables import IssueRedate
from server.issues.states import VERBS
from server.issues.steps.choices import ChosenOut, chosen_of
from server.issues.steps.dues import dues_of, light_of_row, measure_of, timeline
from server.issues.steps.joining import find_issue, links_of
from server.issues.tables import CONFIRMED, NEVER, Issue, IssueEvent
from server.moment import now
from server.people.actor import SYSTEM, Actor
from server.people.tables import Person, Unit
from server.reports.tables import Report
from server.settings import settings


class EventOut(Struct, frozen=True, kw_only=True):
    n: int
    at: datetime
    counts_at: datetime
    verb: str
    verb_zh: str
    verb_en: str
    outcome: str
    source: str
    target: str
    person: UUID
    person_name: str
    unit: UUID | None
    unit_name: str
    fields: Raw
    told_at: datetime | None
    time_mark: str
    machine: int
    """Version of the bureau's machine that judged it; 0 for the shipped one."""


class LinkOut(Struct, frozen=True, kw_only=True):
    report: UUID
    enterprise: UUID | None
    person: UUID
    title: str
    description: str
    reported_at: datetime | None
    collected_at: datetime | None
    state: str
    """suggested or confirmed; what was rejected is no link any more."""
    late_days: int
    """Days between the talk and the arrival of its record here: the clocks run from the arrival."""
    name_hidden: bool
    """The enterprise asked not to be named; only its author and who oversees the queue are told `enterprise`."""
    is_confirmed: bool
    method: str
    score: float | None
    algorithm: str
    suggested_by: UUID | None
    confirmed_by: UUID | None
    linked_at: datetime
    via: UUID | None
    """The merged issue it came along with."""


class RedateOut(Struct, frozen=True, kw_only=True):
    """Dates that a change of the rules moved: column → before and after. `calendar` is its version, or `ordinary@2`, the edition
    of a policy."""

    at: datetime
    calendar: str
    dates: Raw


class IssueOut(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    state: str
    state_zh: str
    state_en: str
    state_since: datetime
    n: int
    """Its last line in the timeline; sent back as `If-Match` or `base` with a verb, it makes sure that nobody was there since."""
    title: str
    category: str
    urgency: str
    enterprise: UUID | None
    person: UUID
    origin: str
    lead: str
    units: list[UnitAtWork]
    contact: Contact | None
    account: Account | None
    forced: bool
    ext_requested: bool
    escalated: bool
    escalation_owner: UUID | None
    excluded: bool
    """Left out of the rates; `exclusion` says why."""
    exclusion: str
    returns: int
    waits: int
    extensions: int
    redos: int
    letter: str
    letter_definition: str
    satisfied: str
    """satisfied, mostly or dissatisfied: the worst answer of its last call-backs; empty before."""
    merged_into: str
    is_common: bool
    parent: str
    """Number of the common problem it is a case of."""
    children: list[Child]
    """Of a common problem: its cases the person may see."""
    merged: list[str]
    """Numbers of the issues that were merged into this one."""
    opened_at: datetime
    closed_at: datetime | None
    next_due: datetime | None
    next_clock: str
    policy: str
    policy_version: int
    chosen: ChosenOut
    """Why it has this policy."""
    light: str
    """green, yellow, red, double_red, grey; none once it is out of the queue."""
    paused: bool
    dues: list[DueOut]
    links: list[LinkOut]
    events: list[EventOut]
    may: list[str]
    """Verbs this person's roles allow from this state."""
    redates: list[RedateOut]
    handler: UUID | None
    """The person of the lead unit who has it."""
    duties: list[DutyOut]
    """Who handled it inside its units, and why they; the newest first."""
    proposal: Proposal | None
    """Who should get it by the matrix; only while nobody has it."""


async def show_issue(actor: Actor, named: str | UUID) -> IssueOut:
    """Raises `issue.unknown`."""
    actor.must("issue.read")
    issue = await reach_issue(actor, named)
    machine = await machine_of(issue.bureau)
    events = await timeline(issue.bureau, issue.id)
    units = {
        row["id"]: row for row in await Unit.select(Unit.id, Unit.code, Unit.name).where(Unit.bureau == issue.bureau)
    }
    links = await _links(actor, issue)
    measure = await measure_of(issue.bureau, issue.closed_at)
    dues = dues_of(events, measure)
    moment = now()
    late_days = max((link.late_days for link in links), default=0)
    into = await find_issue(issue.bureau, issue.merged_into) if issue.merged_into is not None else None
    return IssueOut(
        **{name: getattr(issue, name) for name in _SAME},
        state_zh=machine.state(issue.state).zh,
        state_en=machine.state(issue.state).en,
        lead=units[issue.lead]["code"] if issue.lead in units else "",
        n=issue.events,
        units=await units_of(issue, units, events),
        contact=await contact_of(issue, units),
        account=account_of(issue, events),
        chosen=chosen_of(issue, events),
        merged_into=into.number if into is not None else "",
        parent=await _number(issue.bureau, issue.parent),
        children=await show_children(actor, issue),
        merged=[row["number"] for row in await _merged(issue)],
        next_due=None if issue.next_due >= NEVER else issue.next_due,
        light=light_of_row(issue, moment),
        dues=[explain(due, measure.calendar, settings.timezone, moment, late_days) for due in dues],
        links=links,
        events=await _events(events, units, machine),
        may=[
            verb
            for verb in machine.verbs_from(issue.state)
            if VERBS[verb].route and actor.may(machine.verb(verb).permission)
        ],
        redates=await _redates(issue),
        duties=await duties_of(issue),
        proposal=await proposal_of(issue) if issue.lead is None and issue.closed_at is None else None,
    )


_SAME = (
    "id", "number", "state", "state_since", "title", "category", "urgency", "enterprise", "person", "origin", "forced",
"ext_requested", "escalated", "escalation_owner", "excluded", "exclusion", "is_common",
    "returns", "waits", "extensions", "redos", "letter", "letter_definition", "satisfied", "opened_at",
    "closed_at", "next_clock", "policy", "policy_version", "paused", "handler",
)  # fmt: skip


async def _number(bureau: UUID, issue: UUID | None) -> str:
    found = await find_issue(bureau, issue) if issue is not None else None
    return found.number if found is not None else ""


async def _merged(issue: Issue) -> list[dict[str, str]]:
    rows = Issue.select(Issue.number).where(Issue.bureau == issue.bureau, Issue.merged_into == issue.id)
    return await rows.order_by(Issue.number)


async def _redates(issue: Issue) -> list[RedateOut]:
    rows = IssueRedate.objects().where(IssueRedate.bureau == issue.bureau, IssueRedate.issue == issue.id)
    return [
        RedateOut(at=row.at, calendar=row.cause, dates=Raw(row.dates.encode()))
        for row in await rows.order_by(IssueRedate.at)
    ]


async def _links(actor: Actor, issue: Issue) -> list[LinkOut]:
    links = await links_of(issue.bureau, issue.id)
    wanted = [link.report for link in links]
    rows = await Report.objects().where(Report.bureau == issue.bureau, Report.id.is_in(wanted)) if wanted else []
    reports = {row.id: row for row in rows}
    shown = []
    for link in links:
        report = reports.get(link.report)
        if report is not None and report.name_hidden:
            link.enterprise = report.enterprise_for(actor)  # read only, never saved
        shown.append(_link(link, report))
    return shown


_OF_LINK = ("state", "method", "score", "algorithm", "suggested_by", "confirmed_by", "linked_at", "via")


def _link(link: Any, report: Any) -> LinkOut:
    return LinkOut(
        report=link.report,
        enterprise=link.enterprise,
        person=link.person,
        title=report.title if report is not None else "",
        description=report.description if report is not None else "",
        reported_at=report.reported_at if report is not None else None,
        collected_at=report.collected_at if report is not None else None,
        late_days=_late_days(report.collected_at, report.reported_at) if report is not None else 0,
        name_hidden=report is not None and report.name_hidden,
        is_confirmed=link.state == CONFIRMED,
        **{name: getattr(link, name) for name in _OF_LINK},
    )


def _late_days(collected_at: datetime | None, reported_at: datetime) -> int:
    if collected_at is None:
        return 0
    zone = settings.timezone
    return max(0, (reported_at.astimezone(zone).date() - collected_at.astimezone(zone).date()).days)


async def _events(events: list[IssueEvent], units: dict[UUID, Any], machine: Machine) -> list[EventOut]:
    wanted = list({event.person for event in events} - {SYSTEM})
    found = await Person.select(Person.id, Person.name).where(Person.id.is_in(wanted)) if wanted else []
    names = {row["id"]: row["name"] for row in found}
    return [
        EventOut(
            n=event.n,
            at=event.at,
            counts_at=event.counts_at,
            verb=event.verb,
            verb_zh=machine.verb(event.verb).zh,
            verb_en=machine.verb(event.verb).en,
            outcome=event.outcome,
            source=event.source,
            target=event.target,
            person=event.person,
            person_name=names.get(event.person, "系统" if event.person == SYSTEM else ""),
            unit=event.unit,
            unit_name=units[event.unit]["name"] if event.unit in units else "",
            fields=Raw(event.fields.encode()),
            told_at=event.told_at,
            time_mark=event.time_mark,
            machine=event.machine,
        )
        for event in events
    ]
