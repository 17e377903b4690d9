"""Reports out of records: each row of a form that saves to the list `reports` becomes one report, in the enterprise's words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple, replace

from forms.entities import EntityChange, extract
from server.audit.actions import record_event
from server.enterprises.tables import Enterprise
from server.people.actor import Actor, system_of
from server.records.submission import SubmittedRecord, work_scopes
from sync.bulk import among, ids, insert
from sync.feed import touch_new
from sync.identity import kin_id
from sync.transaction import fetch

KIND = "report"
DATASET = "reports"
"""Name of the entity list under which forms declare what becomes a report."""


CONFIDENTIALITY = ("", "internal", "trade_secret")
"""普通, 内部, 商业秘密."""


class FiledReport(Struct, frozen=True, kw_only=True):
    """What followers get: a report as it was stored."""

    id: UUID
    bureau: UUID
    record: UUID | None
    enterprise: UUID | None
    enterprise_name: str = ""
    """As written down, for an enterprise that is not in the registry."""
    person: UUID
    title: str
    description: str
    category: str = ""
    urgency: str = ""
    solved_on_site: bool = False
    on_site_answer: str = ""
    wish_date: date | None = None
    amount: str = ""
    people: int | None = None
    suggested_unit: str = ""
    attachment: str = ""
    publish_name_consent: bool = False
    name_hidden: bool = False
    confidentiality: str = ""
    origin: str
    source: str = ""
    source_ref: str = ""
    reported_at: datetime
    collected_at: datetime

    @property
    def enterprise_shown(self) -> UUID | None:
        """The enterprise as far as its issue may know it: none for one that asked not to be named."""
        return None if self.name_hidden else self.enterprise


_COLUMNS = (
    "id uuid, bureau uuid, record uuid, enterprise uuid, enterprise_name text, person uuid, title text, description text,"
    " category text, urgency text, solved_on_site boolean, on_site_answer text, wish_date date, amount text,"
    " people integer, suggested_unit text, attachment text, publish_name_consent boolean, name_hidden boolean,"
    " confidentiality text,"
    " origin text, source text, source_ref text, reported_at timestamptz, collected_at timestamptz"
)
"""In the order of `FiledReport`."""
Follower = Callable[[Actor, list[FiledReport]], Awaitable[None]]
_followers: list[Follower] = []


def on_filed(follower: Follower) -> None:
    """Called with all reports of a batch inside the transaction that stores them, as the product's own hand."""
    if follower not in _followers:
        _followers.append(follower)


async def file_reports(actor: Actor, submitted: list[SubmittedRecord]) -> list[FiledReport]:
    """Follows records. A report exists once: rows of an amended record that were filed before keep their first words."""
    reports = [
        _report_of(record, change)
        for record in submitted
        if (evaluation := record.judgement.evaluation) is not None and evaluation.compiled.form.entities
        for change in extract(evaluation, str(record.id))
        if change.dataset == DATASET and change.action != "update"
    ]
    reports = _each_its_own(reports)
    if any(record.is_amendment for record in submitted):
        reports = await _not_yet_filed(reports)
    reports = await _of_known_enterprises(actor.bureau, reports, {record.enterprise for record in submitted})
    await store_reports(actor, reports)
    return reports


async def follow_records(actor: Actor, submitted: list[SubmittedRecord]) -> None:
    await file_reports(actor, submitted)


async def store_reports(actor: Actor, reports: Sequence[FiledReport]) -> None:
    """One statement for any number of reports; then whoever follows. Must run inside a transaction."""
    if not reports:
        return
    await insert("report", _COLUMNS, [astuple(report) for report in reports])
    touch_new(
        actor.bureau, KIND, {report.id: work_scopes(report.person, report.enterprise_shown) for report in reports}
    )
    for report in reports:
        await record_event(actor, "report.file", KIND, report.id, {"record": report.record, "origin": report.origin})
    for follower in _followers:
        await follower(system_of(actor.bureau), list(reports))


def _report_of(record: SubmittedRecord, change: EntityChange) -> FiledReport:
    """Its id is made from the record's, whatever the form says, so that no record can take the id of another's report."""
    said = change.properties
    return FiledReport(
        id=kin_id(record.id, DATASET, change.entity_id),
        bureau=record.bureau,
        record=record.id,
        enterprise=_uuid(said.get("enterprise", "")) or record.enterprise,
        enterprise_name=said.get("enterprise_name", ""),
        person=record.person,
        title=said.get("title", "") or change.label,
        description=said.get("description", ""),
        category=said.get("category", ""),
        urgency=said.get("urgency", ""),
        solved_on_site=_is_yes(said, "solved_on_site"),
        on_site_answer=said.get("on_site_answer", ""),
        wish_date=_date(said.get("wish_date", "")),
        amount=said.get("amount", ""),
        people=_whole(said.get("people", "")),
        suggested_unit=said.get("suggested_unit", ""),
        attachment=said.get("attachment", ""),
        publish_name_consent=_is_yes(said, "publish_name_consent"),
        name_hidden=_is_yes(said, "name_hidden"),
        confidentiality=_confidentiality(said.get("confidentiality", "")),
        origin=record.origin,
        reported_at=record.received_at,
        collected_at=record.collected_at,
    )


def _each_its_own(reports: list[FiledReport]) -> list[FiledReport]:
    """Rows of one record that came under the same `_id` are told apart by their order: nothing said is lost."""
    seen: dict[UUID, int] = {}
    told_apart = []
    for report in reports:
        times = seen[report.id] = seen.get(report.id, 0) + 1
        told_apart.append(report if times == 1 else replace(report, id=kin_id(report.id, DATASET, times)))
    return told_apart


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _is_yes(said: Mapping[str, str], name: str) -> bool:
    return said.get(name, "").lower() in ("yes", "true", "1")


def _confidentiality(said: str) -> str:
    """What a form says that we do not know is taken for the strictest: better hidden than told."""
    return said if said in CONFIDENTIALITY else "trade_secret"


async def _not_yet_filed(reports: list[FiledReport]) -> list[FiledReport]:
    found = await fetch(f"SELECT id FROM report WHERE id {among(1)}", [ids(report.id for report in reports)])
    filed = {UUID(str(row[0])) for row in found}
    return [report for report in reports if report.id not in filed]


async def _of_known_enterprises(
    bureau: UUID, reports: list[FiledReport], checked: set[UUID | None]
) -> list[FiledReport]:
    """A report about an enterprise this bureau does not know is kept all the same, with the name that was written down."""
    named = {report.enterprise for report in reports} - checked - {None}
    if not named:
        return reports
    found = await Enterprise.select(Enterprise.id).where(Enterprise.bureau == bureau, Enterprise.id.is_in(list(named)))
    known = {row["id"] for row in found} | checked
    return [
        report if report.enterprise is None or report.enterprise in known else replace(report, enterprise=None)
        for report in reports
    ]
