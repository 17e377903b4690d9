"""The answer to each of several enterprises: the common words, or its own."""

from __future__ import annotations

from server.issues.steps.joining import links_of
from server.issues.steps.step import Step
from server.issues.tables import CONFIRMED, IssueReply
from server.refusals import refusal
from sync.identity import new_id


async def store_replies(step: Step) -> None:
    """One row for every report the issue answers. Raises `issue.reply_report` for words to a report it does not answer, or two
    for the same. What is meant for one enterprise leaves the timeline, which others may read."""
    fields, issue = step.fields, step.issue
    own = {one.report: one.words for one in fields.each}
    reports = [link.report for link in await links_of(issue.bureau, issue.id) if link.state == CONFIRMED]
    strange = sorted(str(report) for report in own if report not in reports)
    if strange or len(own) < len(fields.each):
        raise refusal("issue.reply_report", number=issue.number, reports=strange)
    step.kept.pop("each", None)
    if own:
        step.kept["own_words_to"] = len(own)
    rows = [
        IssueReply(
            id=new_id(), bureau=issue.bureau, issue=issue.id, report=report, n=issue.events + 1,
            words=own.get(report, fields.words), is_own=report in own, letter=issue.letter,
            letter_definition=issue.letter_definition, person=step.actor.person, at=step.at,
        )
        for report in reports
    ]  # fmt: skip
    if rows:
        await IssueReply.insert(*rows)
