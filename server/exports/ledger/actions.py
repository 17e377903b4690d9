"""The ledger (台账) as XLSX, in the columns of the paper one: filtered like the queue, within the person's reach, and who received
it is written down. Rows go through a file page by page, so its length costs no memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from server.audit.actions import record_event
from server.boards.actions import harmless
from server.boards.reading import names_of
from server.enterprises.tables import Enterprise
from server.issues.queue.listing import IssueLine, list_queue
from server.issues.queue.wanted import Wanted, wanted_from
from server.issues.tables import Issue
from server.moment import now
from server.paging import LIMIT_MAX
from server.people.actor import Actor
from server.reports.actions import SOURCES
from server.settings import settings
from sync.bulk import among, ids
from sync.identity import new_id
from sync.transaction import fetch, transaction

EXPORT = "ledger.export"
COLUMNS = (
    "序号", "企业名称", "统一社会信用代码", "来源", "问题类别", "问题描述", "责任单位", "协办", "交办日期", "时限", "进展", "结果",
    "满意度", "是否销号",
)  # fmt: skip
CELL_MAX = 32_000
"""Characters; a spreadsheet takes no more than 32,767."""
SATISFIED = {"satisfied": "满意", "mostly": "基本满意", "dissatisfied": "不满意"}
INSTANT = timedelta(microseconds=1)
PIECE_BYTES = 64 * 1024


class NewLedger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`filters` as in lists of issues. `receiver` says whom it is for."""

    receiver: Annotated[str, Meta(min_length=1, max_length=200)]
    filters: dict[str, Any] = {}


class Ledger(Struct):
    """A file to be read once. `number` is its mark, on every printed page and in the audit chain."""

    number: str
    rows: int
    file: Any

    def pieces(self) -> Iterator[bytes]:
        with self.file as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


async def write_ledger(actor: Actor, new: NewLedger) -> Ledger:
    """Raises `issue.filter_unknown`, `issue.filter`."""
    actor.must(EXPORT)
    wanted = wanted_from(new.filters)
    id = new_id()
    book = Workbook(write_only=True)
    sheet = book.create_sheet("企业诉求台账")
    moment = now().astimezone(settings.timezone)
    number = f"{moment:%Y%m%d}-{str(id)[-8:]}"
    mark = f"台账 {number},{moment:%Y-%m-%d %H:%M} 由 {actor.name} 导出,接收人:{new.receiver},仅限工作使用,不得外传"
    sheet.oddFooter.center.text = _text(mark).replace("&", "&&")[:200]
    sheet.append([_text(mark)])
    sheet.append(list(COLUMNS))
    rows = 0
    async for lines in _pages(actor, wanted):
        for cells in await _rows(actor.bureau, lines):
            rows += 1
            sheet.append([rows, *map(_text, cells)])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever reads it closes it
    await asyncio.to_thread(book.save, file)
    file.seek(0)
    async with transaction():
        told = {"number": number, "receiver": new.receiver, "filters": new.filters, "rows": rows}
        await record_event(actor, EXPORT, "ledger", id, told)
    return Ledger(number, rows, file)


async def _pages(actor: Actor, wanted: Wanted) -> Any:
    after = ""
    while True:
        page = await list_queue(actor, wanted, sort="number", after=after, limit=LIMIT_MAX)
        yield page.items
        if page.next is None:
            return
        after = page.next


def _text(value: object) -> str:
    return harmless(ILLEGAL_CHARACTERS_RE.sub("", str(value)))[:CELL_MAX]


async def _rows(bureau: UUID, lines: list[IssueLine]) -> list[list[str]]:
    issues = [line.id for line in lines]
    units, categories = await names_of(bureau)
    facts = {
        row["id"]: row
        for row in await Issue.select(
            Issue.id, Issue.lead, Issue.origin, Issue.solve_due, Issue.satisfied, Issue.letter, Issue.letter_definition
        ).where(Issue.bureau == bureau, Issue.id.is_in(issues or [UUID(int=0)]))
    }
    named = [line.enterprise for line in lines if line.enterprise is not None]
    firms = {
        row["id"]: row
        for row in await Enterprise.select(Enterprise.id, Enterprise.name, Enterprise.credit_code).where(
            Enterprise.bureau == bureau, Enterprise.id.is_in(named or [UUID(int=0)])
        )
    }
    said, helping, dispatched, told = await _said(bureau, issues), *await _happened(bureau, issues)
    rows = []
    for line in lines:
        firm, fact = firms.get(line.enterprise) if line.enterprise is not None else None, facts[line.id]
        rows.append([
            firm["name"] if firm else said[line.id].name if line.id in said else "", (firm["credit_code"] or "") if firm else "",
            _source(fact["origin"], said.get(line.id)), categories.get(line.category, line.category),
            said[line.id].words if line.id in said else line.title, _unit(units, fact["lead"]),
            "、".join(_unit(units, unit) for unit in helping.get(line.id, [])), dispatched.get(line.id, ""),
            _day(fact["solve_due"]), f"{line.state_zh} {told.get(line.id, '')}".strip(),
            f"{fact['letter']} {fact['letter_definition']}".strip(), SATISFIED.get(fact["satisfied"], ""),
            "是" if line.state == "CLOSED" else "否",
        ])  # fmt: skip
    return rows


class _Said(Struct):
    """The enterprises' own words; the name and the source are those of the first report, as it was typed."""

    words: str
    name: str
    source: str


def _source(origin: str, said: _Said | None) -> str:
    """What was typed at a desk came by telephone, letter or another system."""
    code = said.source if said is not None and said.source else origin
    return SOURCES.get(code, (code, ""))[0]


async def _said(bureau: UUID, issues: list[UUID]) -> dict[UUID, _Said]:
    rows = await fetch(
        "SELECT issue_link.issue, report.description, report.title, report.enterprise_name, report.name_hidden, report.source"
        " FROM issue_link JOIN report ON report.id = issue_link.report"
        f" WHERE issue_link.issue {among(1)} AND issue_link.bureau = $2 AND issue_link.undone_at IS NULL"
        " AND issue_link.state = 'confirmed' ORDER BY report.reported_at, report.id",
        [ids(issues), bureau],
    )
    said: dict[UUID, _Said] = {}
    for issue, description, title, name, is_hidden, source in rows:
        words = description or title
        if _id(issue) in said:
            said[_id(issue)].words += f"\n{words}"
        else:
            said[_id(issue)] = _Said(words, "" if is_hidden else name, source)
    return said


async def _happened(
    bureau: UUID, issues: list[UUID]
) -> tuple[dict[UUID, list[UUID]], dict[UUID, str], dict[UUID, str]]:
    """The units that help, the day of the last dispatch, and what was last told of the progress."""
    helping: dict[UUID, list[UUID]] = {}
    rows = await fetch(
        f"SELECT issue, unit FROM issue_unit WHERE issue {among(1)} AND bureau = $2 AND until IS NULL AND role != 'lead'"
        " ORDER BY since, id",
        [ids(issues), bureau],
    )
    for issue, unit in rows:
        helping.setdefault(_id(issue), []).append(_id(unit))
    dispatched: dict[UUID, str] = {}
    told: dict[UUID, str] = {}
    rows = await fetch(
        f"SELECT issue, verb, at, fields FROM issue_event WHERE issue {among(1)} AND bureau = $2"
        " AND verb IN ('dispatch', 'note', 'reply', 'record_reply', 'adopt_answer') ORDER BY issue, n",
        [ids(issues), bureau],
    )
    for issue, verb, at, fields in rows:
        if verb == "dispatch":
            dispatched[_id(issue)] = at.astimezone(settings.timezone).date().isoformat()
        else:
            told[_id(issue)] = str(msgspec.json.decode(fields).get("words", ""))
    return helping, dispatched, told


def _unit(units: dict[UUID, tuple[str, str]], unit: UUID | None) -> str:
    return units[unit][1] if unit in units else ""


def _day(due: Any) -> str:
    """The last day in time: `due` is the first instant that is too late."""
    if due is None:
        return ""
    return (due - INSTANT).astimezone(settings.timezone).date().isoformat()


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
