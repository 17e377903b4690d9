"""Reports that come by another way than a record: by telephone, by letter, from the city's hotline."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from server.enterprises.tables import Enterprise
from server.moment import now
from server.people.actor import Actor
from server.refusals import refusal
from server.reports.filed import KIND, FiledReport, store_reports
from server.reports.tables import Report, ReportContact
from sync.feed import touch, touch_many
from sync.identity import new_id
from sync.transaction import transaction

CONTACT_KIND = "report_contact"
SOURCES: dict[str, tuple[str, str]] = {
    "visit": ("走访", "site visit"),
    "symposium": ("座谈会", "symposium"),
    "questionnaire": ("问卷", "questionnaire"),
    "hotline": ("12345 热线", "12345 hotline"),
    "enterprise_code": ("企业码或省平台", "enterprise code or province app"),
    "mailbox": ("部门信箱", "department mailbox"),
    "window": ("“办不成事”窗口", "window for what could not be done elsewhere"),
    "leader_contact": ("领导挂钩联系", "leaders' contact with firms"),
    "instruction": ("领导批示", "written instruction"),
    "proposal": ("人大建议、政协提案", "motions of congress and conference members"),
    "officer": ("服务专员电话、微信", "service officer by telephone or WeChat"),
    "street": ("街道日常联系", "sub-district's daily contact"),
    "open311": ("其他系统(Open311)", "another system (Open311)"),
    "document": ("公文交换", "exchange of official documents"),
}
"""Where a report may come from; one queue for all of them."""

Line = Annotated[str, Meta(max_length=200)]
Words = Annotated[str, Meta(max_length=10_000)]


class NewReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    description: Annotated[str, Meta(min_length=1, max_length=10_000)]
    source: str
    source_ref: Line = ""
    enterprise: UUID | None = None
    enterprise_name: Line = ""
    category: Line = ""
    urgency: Line = ""
    wish_date: date | None = None
    amount: Line = ""
    people: Annotated[int, Meta(ge=0, le=10_000_000)] | None = None
    suggested_unit: Line = ""
    publish_name_consent: bool = False
    name_hidden: bool = False
    """Those who handle the matter do not learn who said it."""
    confidentiality: Literal["", "internal", "trade_secret"] = ""
    contact_name: Line = ""
    contact_phone: Line = ""


async def file_report(actor: Actor, new: NewReport, id: UUID | None = None) -> FiledReport:
    """`id` when it was made before: a draft has had one. Raises `report.source_unknown`, `enterprise.unknown`."""
    actor.must("report.file")
    if new.source not in SOURCES:
        raise refusal("report.source_unknown", source=new.source, sources=", ".join(SOURCES))
    moment = now()
    report = FiledReport(
        id=id or new_id(),
        bureau=actor.bureau,
        record=None,
        enterprise=new.enterprise,
        enterprise_name=new.enterprise_name,
        person=actor.person,
        title=new.title,
        description=new.description,
        category=new.category,
        urgency=new.urgency,
        wish_date=new.wish_date,
        amount=new.amount,
        people=new.people,
        suggested_unit=new.suggested_unit,
        publish_name_consent=new.publish_name_consent,
        name_hidden=new.name_hidden,
        confidentiality=new.confidentiality,
        origin="desk",
        source=new.source,
        source_ref=new.source_ref,
        reported_at=moment,
        collected_at=moment,
    )
    async with transaction():
        await must_see(actor, new.enterprise)
        await store_reports(actor, [report])
        if new.contact_name or new.contact_phone:
            contact = ReportContact(id=report.id, bureau=actor.bureau, name=new.contact_name, phone=new.contact_phone)
            await contact.save()
            touch(actor.bureau, CONTACT_KIND, report.id)
    return report


async def follow_enterprise_merge(system: Actor, old: UUID, into: UUID) -> None:
    """Follower of a merge: what the temporary firm said was said by the one it became. The words stay as they were."""
    found = await Report.select(Report.id).where(Report.bureau == system.bureau, Report.enterprise == old)
    await Report.update({Report.enterprise: into}).where(Report.bureau == system.bureau, Report.enterprise == old)
    moved = [row["id"] for row in found]
    touch_many(system.bureau, KIND, moved)
    if moved:
        contacts = await ReportContact.select(ReportContact.id).where(
            ReportContact.bureau == system.bureau, ReportContact.id.is_in(moved)
        )
        touch_many(system.bureau, CONTACT_KIND, [row["id"] for row in contacts])


async def must_see(actor: Actor, enterprise: UUID | None) -> None:
    """Raises `enterprise.unknown`."""
    if enterprise is not None and not await Enterprise.visible_to(actor).where(Enterprise.id == enterprise).first():
        raise refusal("enterprise.unknown", enterprise=str(enterprise))


async def find_report(actor: Actor, id: UUID) -> Report:
    actor.must("report.read")
    report = await Report.visible_to(actor).where(Report.id == id).first()
    if report is None:
        raise refusal("report.unknown")
    return report
