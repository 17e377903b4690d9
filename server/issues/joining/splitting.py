"""Splitting: reports that turn out to be another matter leave for an issue of their own, with clocks from their own receipt. Merging
the new one into the old takes it back."""

from __future__ import annotations

import msgspec

from server.audit.actions import record_event
from server.issues.steps.dues import set_dues
from server.issues.steps.joining import find_issue, link_rows
from server.issues.steps.numbers import take_numbers
from server.issues.steps.opening import KIND, TITLE_MAX
from server.issues.steps.step import Step
from server.issues.tables import CONFIRMED, SPLIT, Issue, IssueEvent, IssueLink
from server.refusals import refusal
from server.reports.tables import Report
from sync.feed import touch
from sync.identity import new_id


async def split(step: Step) -> None:
    """Raises `report.unknown`, `issue.split_all` when nothing would stay, `issue.split_merged` for what came with a merge: that is
    undone instead."""
    issue, wanted = step.issue, set(step.fields.reports)
    rows = [row for row in await link_rows(issue.bureau, issue.id) if row.state == CONFIRMED]
    leaving = [row for row in rows if row.report in wanted and row.via is None]
    for row in rows:
        if row.report in wanted and row.via is not None:
            merged = await find_issue(issue.bureau, row.via)
            raise refusal("issue.split_merged", number=merged.number if merged is not None else "")
    if {row.report for row in leaving} != wanted:
        raise refusal("report.unknown")
    if not {row.report for row in rows} - wanted:
        raise refusal("issue.split_all", number=issue.number)
    reports = await Report.objects().where(Report.bureau == issue.bureau, Report.id.is_in(list(wanted)))
    new = await _open(step, sorted(reports, key=lambda report: (report.reported_at, report.id)))
    for row in leaving:
        row.undone_at = step.at
        await row.save()
        await IssueLink(
            id=new_id(), bureau=row.bureau, issue=new.id, report=row.report, enterprise=row.enterprise, person=row.person,
            method=SPLIT, state=CONFIRMED, suggested_by=step.actor.person, confirmed_by=step.actor.person,
            decided_at=step.at, linked_at=step.at,
        ).save()  # fmt: skip
    step.kept["into"] = new.number


async def _open(step: Step, reports: list[Report]) -> Issue:
    issue, first = step.issue, reports[0]
    (number,) = await take_numbers(issue.bureau, 1)
    title = step.fields.title or first.title or first.description
    new = Issue(
        id=new_id(), bureau=issue.bureau, number=number, state="SUBMITTED", state_since=step.at, title=title[:TITLE_MAX],
        category=first.category, urgency=first.urgency, policy=issue.policy, enterprise=first.enterprise_shown, person=first.person,
        origin=first.origin, opened_at=first.reported_at, events=1, updated_at=step.at,
    )  # fmt: skip
    opened = IssueEvent(
        id=new_id(), bureau=issue.bureau, issue=new.id, n=1, at=step.at, counts_at=first.reported_at, verb="open",
        target="SUBMITTED", person=step.actor.person, unit=step.actor.unit,
        fields=msgspec.json.encode({"split_from": issue.number, "policy": issue.policy}).decode(),
    )  # fmt: skip
    await set_dues(new, [opened])
    await new.save()
    await opened.save()
    touch(new.bureau, KIND, new.id)
    await record_event(step.actor, "issue.open", KIND, new.id, {"split_from": str(issue.id)})
    return new
