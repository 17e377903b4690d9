"""What a list shows of an issue: every column with its name, and rows of a page looked up together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from server.clocks.lights import LIGHTS
from server.enterprises.tables import Enterprise
from server.issues.queue.listing import IssueLine
from server.issues.tables import IssueLink, IssueUnit
from server.people.actor import Actor
from server.people.tables import Unit
from server.refusals import refusal
from server.reports.tables import Report

COLUMNS: dict[str, tuple[str, str]] = {
    "number": ("编号", "number"),
    "enterprise": ("企业名称", "enterprise"),
    "credit_code": ("统一社会信用代码", "credit code"),
    "region": ("区域", "region"),
    "industry": ("行业", "industry"),
    "tier": ("梯度", "tier"),
    "source": ("来源", "source"),
    "category": ("问题类别", "category"),
    "title": ("问题", "title"),
    "description": ("问题描述", "description"),
    "urgency": ("紧急程度", "urgency"),
    "lead": ("责任单位", "lead unit"),
    "co": ("协办", "helping units"),
    "opened": ("登记时间", "opened"),
    "dispatched": ("交办日期", "dispatched"),
    "due": ("时限", "due"),
    "clock": ("下一时限", "next clock"),
    "light": ("灯", "light"),
    "state": ("进展", "state"),
    "since": ("进入现状态", "in this state since"),
    "redos": ("重办次数", "redos"),
    "escalated": ("提级", "escalated"),
    "letter": ("结果", "letter"),
    "satisfied": ("满意度", "satisfaction"),
    "closed": ("销号时间", "closed"),
    "is_closed": ("是否销号", "closed?"),
}
LEDGER = (
    "number", "enterprise", "credit_code", "source", "category", "description", "lead", "co", "dispatched", "due", "state",
    "letter", "satisfied", "is_closed",
)  # fmt: skip
"""The columns of the paper ledgers."""


def check_columns(columns: Sequence[str]) -> None:
    for column in columns:
        if column not in COLUMNS:
            raise refusal("list.column", column=column, known=", ".join(COLUMNS))


async def rows_of(actor: Actor, lines: Sequence[IssueLine], columns: Sequence[str]) -> list[dict[str, Any]]:
    """One look-up for each table, however many lines."""
    if not lines:
        return []
    firms = await _firms(actor.bureau, [line.enterprise for line in lines if line.enterprise is not None])
    said = await _said(actor.bureau, [line.id for line in lines])
    units, helping, since = await _units(actor.bureau, [line.id for line in lines])
    rows = []
    for line in lines:
        firm, report = firms.get(line.enterprise, {}), said.get(line.id, {})
        whole = {
            "number": line.number, "title": line.title, "category": line.category, "urgency": line.urgency,
            "enterprise": firm.get("name") or report.get("enterprise_name", ""), "credit_code": firm.get("credit_code") or "",
            "region": firm.get("region", ""), "industry": firm.get("industry", ""), "tier": firm.get("tier", ""),
            "source": report.get("source") or line.origin, "description": report.get("description", ""),
            "lead": units.get(line.lead, ""), "co": "、".join(helping.get(line.id, [])), "opened": line.opened_at,
            "dispatched": since.get(line.id), "due": line.next_due, "clock": line.next_clock,
            "light": LIGHTS[line.light][0] if line.light else "", "state": line.state_zh, "since": line.state_since,
            "redos": line.redos, "escalated": line.escalated, "letter": line.letter, "satisfied": line.satisfied,
            "closed": line.closed_at, "is_closed": line.state == "CLOSED",
        }  # fmt: skip
        rows.append({column: whole[column] for column in columns})
    return rows


async def _firms(bureau: UUID, wanted: list[UUID]) -> dict[Any, dict[str, Any]]:
    columns = (
        Enterprise.id, Enterprise.name, Enterprise.credit_code, Enterprise.region, Enterprise.industry, Enterprise.tier,
    )  # fmt: skip
    rows = (
        await Enterprise.select(*columns).where(Enterprise.bureau == bureau, Enterprise.id.is_in(wanted))
        if wanted
        else []
    )
    return {row["id"]: row for row in rows}


async def _said(bureau: UUID, issues: list[UUID]) -> dict[UUID, dict[str, Any]]:
    """The first report of each."""
    links = (
        await IssueLink.select(IssueLink.issue, IssueLink.report)
        .where(IssueLink.bureau == bureau, IssueLink.issue.is_in(issues), IssueLink.undone_at.is_null())
        .order_by(IssueLink.linked_at, IssueLink.id)
    )
    first: dict[UUID, UUID] = {}
    for link in links:
        first.setdefault(link["issue"], link["report"])
    if not first:
        return {}
    columns = (Report.id, Report.description, Report.source, Report.enterprise_name)
    rows = await Report.select(*columns).where(Report.bureau == bureau, Report.id.is_in(list(first.values())))
    reports = {row["id"]: row for row in rows}
    return {issue: reports.get(report, {}) for issue, report in first.items()}


async def _units(
    bureau: UUID, issues: list[UUID]
) -> tuple[dict[Any, str], dict[UUID, list[str]], dict[UUID, datetime]]:
    """Names of all units, of those that help each issue, and since when its lead has it."""
    names: dict[Any, str] = {
        row["id"]: row["name"] for row in await Unit.select(Unit.id, Unit.name).where(Unit.bureau == bureau)
    }
    rows = (
        await IssueUnit.select(IssueUnit.issue, IssueUnit.unit, IssueUnit.role, IssueUnit.since)
        .where(IssueUnit.bureau == bureau, IssueUnit.issue.is_in(issues), IssueUnit.until.is_null())
        .order_by(IssueUnit.since, IssueUnit.id)
    )
    helping: dict[UUID, list[str]] = {}
    since: dict[UUID, datetime] = {}
    for row in rows:
        if row["role"] == "lead":
            since[row["issue"]] = row["since"]
        else:
            helping.setdefault(row["issue"], []).append(names.get(row["unit"], ""))
    return names, helping, since
