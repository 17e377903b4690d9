"""Open311 GeoReport v2 over our queue: services are the taxonomy, a request is a report, its status that of the issue it became.

A bureau's matters are nobody else's, so reading takes the key, too: an account sees what came by it, one with a role that
oversees the queue sees what that role does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.enterprises.actions import find_by_code
from server.issues.machine.tables import machine_of
from server.issues.steps.joining import follow_merges
from server.issues.steps.opening import issue_of
from server.issues.tables import INTAKE, Issue, IssueEvent, IssueLink
from server.moment import now
from server.open311.form import Posted
from server.open311.tables import Open311Request
from server.people.actor import Actor
from server.people.tables import Bureau, Unit
from server.refusals import refusal
from server.reports.actions import CONTACT_KIND
from server.reports.filed import FiledReport, store_reports
from server.reports.tables import Report, ReportContact
from server.routing.tables import Category
from sync.feed import touch
from sync.identity import new_id
from sync.transaction import transaction
from sync.turn import take_turn

SOURCE = "open311"
SPAN = timedelta(days=90)
"""Longest time one list looks over, and what it looks over when no dates are given."""
ROWS_MAX = 20_000
"""Requests one list looks through; whoever has more names shorter times."""
PAGE_DEFAULT, PAGE_MAX = 50, 1000
ATTRIBUTES = (
    ("credit_code", "统一社会信用代码 / credit code of the enterprise", "18 位 / 18 characters"),
    ("enterprise_name", "企业名称,没有信用代码时填写 / name, where the code is not known", ""),
    ("source_number", "贵系统的编号;同号同文重发不会重复登记 / your own number; sent again it is filed once", ""),
)
TITLE_MAX = 200
ANSWERED = ("PENDING_CALLBACK", "CLOSED")
"""States in which the answer has been signed off."""


class Asked(Struct, frozen=True, kw_only=True):
    ids: Sequence[str] = ()
    codes: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None
    statuses: Sequence[str] = ()
    page: int = 1
    page_size: int = PAGE_DEFAULT


async def bureau_named(jurisdiction: str) -> UUID:
    """Raises `open311.jurisdiction`: needed only where several bureaus live."""
    query = Bureau.select(Bureau.id).where(Bureau.code == jurisdiction) if jurisdiction else Bureau.select(Bureau.id)
    found = await query.limit(2)
    if len(found) != 1:
        raise refusal("open311.jurisdiction" if jurisdiction else "open311.jurisdiction_missing", named=jurisdiction)
    return UUID(str(found[0]["id"]))


async def services_of(bureau: UUID) -> list[dict[str, Any]]:
    """What may be reported: the lowest categories in force."""
    rows = await Category.of_bureau(bureau).where(Category.retired_at.is_null())
    names = {row.code: row.zh for row in rows}
    parents = {row.parent for row in rows}
    return [
        {
            "service_code": row.code, "service_name": row.zh, "description": row.en or row.zh, "metadata": True,
            "type": "realtime", "keywords": ", ".join(filter(None, [row.zh, row.en])), "group": names.get(row.parent, ""),
        }
        for row in rows if row.code not in parents
    ]  # fmt: skip


async def definition_of(bureau: UUID, code: str) -> dict[str, Any]:
    """Raises `open311.service`."""
    await _service(bureau, code)
    attributes = [
        {
            "variable": True, "code": name, "datatype": "string", "required": False, "datatype_description": hint,
            "order": place, "description": what, "values": [],
        }
        for place, (name, what, hint) in enumerate(ATTRIBUTES, 1)
    ]  # fmt: skip
    return {"service_code": code, "attributes": attributes}


async def post_request(actor: Actor, posted: Posted) -> list[dict[str, Any]]:
    """Files a report, which becomes an issue at once. Raises `open311.service`, `open311.number_taken`."""
    actor.must("report.file")
    category = await _service(actor.bureau, posted.service_code)
    number = posted.attributes.get("source_number", "")
    async with transaction():
        if number:
            await take_turn("open311", actor.bureau)
            earlier = await Open311Request.objects().get(
                (Open311Request.bureau == actor.bureau)
                & (Open311Request.account == actor.person)
                & (Open311Request.number == number)
            )
            if earlier is not None:
                if earlier.digest != posted.digest:
                    raise refusal("open311.number_taken", number=number, id=await _number(earlier.id))
                return [await _filed(earlier.id, posted)]
        report = await _report_of(actor, posted, category)
        await store_reports(actor, [report])
        await _keep_beside(actor, report, posted, number)
    return [await _filed(report.id, posted)]


async def _report_of(actor: Actor, posted: Posted, category: Category) -> FiledReport:
    code, name = posted.attributes.get("credit_code", ""), posted.attributes.get("enterprise_name", "")
    firm = await find_by_code(actor.bureau, code) if code else None
    moment = now()
    return FiledReport(
        id=new_id(), bureau=actor.bureau, record=None, enterprise=firm.id if firm is not None else None,
        enterprise_name=name or (firm.name if firm is not None else code), person=actor.person,
        title=posted.description.split("\n", 1)[0][:TITLE_MAX], description=posted.description, category=category.code,
        origin=SOURCE, source=SOURCE, source_ref=posted.attributes.get("source_number", ""), reported_at=moment,
        collected_at=moment,
    )  # fmt: skip


async def _keep_beside(actor: Actor, report: FiledReport, posted: Posted, number: str) -> None:
    texts = posted.texts
    await Open311Request(
        id=report.id, bureau=actor.bureau, account=actor.person, number=number, digest=posted.digest,
        address=texts.get("address_string", ""), address_id=texts.get("address_id", ""), lat=posted.lat, long=posted.long,
        media_url=texts.get("media_url", ""), device_id=texts.get("device_id", ""), account_id=texts.get("account_id", ""),
    ).save()  # fmt: skip
    name = f"{texts.get('last_name', '')}{texts.get('first_name', '')}"
    reach = texts.get("phone", "") or texts.get("email", "")
    if name or reach:
        await ReportContact(id=report.id, bureau=actor.bureau, name=name, phone=reach).save()
        touch(actor.bureau, CONTACT_KIND, report.id)


async def _service(bureau: UUID, code: str) -> Category:
    row = await Category.of_bureau(bureau).where(Category.code == code, Category.retired_at.is_null()).first()
    if row is None:
        raise refusal("open311.service", service=code[:64])
    found: Category = row
    return found


async def _filed(report: UUID, posted: Posted) -> dict[str, Any]:
    return {
        "service_request_id": await _number(report), "token": str(report), "service_notice": None,
        "account_id": posted.texts.get("account_id"),
    }  # fmt: skip


async def _number(report: UUID) -> str:
    issue = await Issue.objects().get(Issue.id == issue_of(report))
    assert issue is not None
    return issue.number


async def request_of_token(actor: Actor, token: str) -> list[dict[str, Any]]:
    """Raises `open311.request`."""
    actor.must("report.read")
    try:
        report = await Report.visible_to(actor).where(Report.id == UUID(token)).first()
    except ValueError:
        report = None
    if report is None:
        raise refusal("open311.request", id=token[:64])
    return [{"service_request_id": await _number(report.id), "token": token}]


async def list_requests(actor: Actor, asked: Asked) -> list[dict[str, Any]]:
    """Newest first. Raises `open311.span`. With ids the other filters do not count, as the standard has it."""
    actor.must("report.read")
    if asked.ids:
        return await _shown(actor, await _named(actor, asked.ids))
    end = asked.end or now()
    start = asked.start or end - SPAN
    if end - start > SPAN or end < start:
        raise refusal("open311.span", days=SPAN.days)
    query = Report.visible_to(actor).where(Report.reported_at >= start, Report.reported_at <= end)
    if asked.codes:
        query = query.where(Report.category.is_in(list(asked.codes)))
    rows = await query.order_by(Report.reported_at, Report.id, ascending=False).limit(ROWS_MAX)
    if asked.statuses:
        states = await _current(actor.bureau, [row.id for row in rows])
        rows = [row for row in rows if row.id in states and _status(states[row.id]) in asked.statuses]
    first = (asked.page - 1) * asked.page_size
    return await _shown(actor, rows[first : first + asked.page_size])


async def show_request(actor: Actor, number: str) -> list[dict[str, Any]]:
    """Raises `open311.request`."""
    found = await list_requests(actor, Asked(ids=[number]))
    if not found:
        raise refusal("open311.request", id=number[:64])
    return found


async def _named(actor: Actor, numbers: Sequence[str]) -> list[Report]:
    """The report that opened each issue: every request has the number its report got then, also after a merge."""
    issues = await Issue.select(Issue.id).where(
        Issue.bureau == actor.bureau, Issue.number.is_in(list(numbers)[:PAGE_MAX])
    )
    opened = IssueLink.select(IssueLink.report).where(
        IssueLink.bureau == actor.bureau,
        IssueLink.method == INTAKE,
        IssueLink.issue.is_in([row["id"] for row in issues]),
    )
    found: list[Report] = (
        await Report.visible_to(actor).where(Report.id.is_in(opened)).order_by(Report.reported_at) if issues else []
    )
    return found


async def _current(bureau: UUID, reports: list[UUID]) -> dict[UUID, Issue]:
    """Report → the issue that answers it now: its own, or what that was merged into."""
    rows = (
        await Issue.objects().where(Issue.bureau == bureau, Issue.id.is_in([issue_of(id) for id in reports]))
        if reports
        else []
    )
    by_id = {row.id: row for row in rows}
    found = {}
    for id in reports:
        own = by_id.get(issue_of(id))
        if own is not None:
            found[id] = await follow_merges(bureau, own) if own.merged_into is not None else own
    return found


def _status(issue: Issue) -> str:
    return "closed" if issue.closed_at is not None else "open"


async def _shown(actor: Actor, reports: list[Report]) -> list[dict[str, Any]]:
    bureau, ids = actor.bureau, [report.id for report in reports]
    current = await _current(bureau, ids)
    if not ids:
        return []
    issues = await Issue.select(Issue.id, Issue.number).where(Issue.id.is_in([issue_of(id) for id in ids]))
    own = {row["id"]: row["number"] for row in issues}
    kept = await Open311Request.objects().where(Open311Request.bureau == bureau, Open311Request.id.is_in(ids))
    beside = {row.id: row for row in kept}
    services = {row.code: row.zh for row in await Category.of_bureau(bureau)}
    units = {row.id: row.name for row in await Unit.of_bureau(bureau)}
    machine = await machine_of(bureau)
    shown = []
    for report in reports:
        issue, more = current.get(report.id), beside.get(report.id)
        if issue is None:
            continue
        notes = [machine.state(issue.state).zh, issue.letter_definition, await _answer(issue)]
        shown.append({
            "service_request_id": own[issue_of(report.id)], "status": _status(issue),
            "status_notes": ";".join(filter(None, notes)), "service_name": services.get(report.category, ""),
            "service_code": report.category, "description": report.description,
            "agency_responsible": units.get(issue.lead) if issue.lead else None, "service_notice": None,
            "requested_datetime": report.reported_at, "updated_datetime": issue.closed_at or issue.updated_at,
            "expected_datetime": issue.solve_due, "address": more.address if more else "",
            "address_id": more.address_id if more else "", "zipcode": None, "lat": more.lat if more else None,
            "long": more.long if more else None, "media_url": more.media_url if more else "",
        })  # fmt: skip
    return shown


async def _answer(issue: Issue) -> str:
    """What the enterprise was told, once the answer is signed off."""
    if not issue.letter or issue.state not in ANSWERED:
        return ""
    event = await (
        IssueEvent.objects()
        .where(IssueEvent.issue == issue.id, IssueEvent.verb.is_in(["reply", "record_reply"]))
        .order_by(IssueEvent.n, ascending=False)
        .first()
    )
    return str(msgspec.json.decode(event.fields).get("words", "")) if event is not None else ""
