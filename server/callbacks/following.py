"""A filled-in call-back questionnaire (form E) is a call-back like one typed at a desk or sent by a phone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from server.audit.actions import record_event
from server.callbacks.actions import record_callback, waiting_reports
from server.callbacks.answers import Answers
from server.callbacks.tables import Callback
from server.issues.actions import move_issue
from server.issues.fields import NoteText
from server.issues.steps.joining import find_issue, follow_merges, links_of
from server.issues.steps.step import Occurred
from server.issues.tables import Issue
from server.people.actions import load_actor
from server.people.actor import Actor
from server.records.submission import SubmittedRecord
from server.refusals import refusal
from sync.identity import named_id
from sync.refusal import Refusal
from sync.transaction import transaction

FORM = "issue_callback"
MEANINGS: dict[str, dict[str, str]] = {
    "channel": {"sms": "sms_link", "code": "enterprise_code"},
    "contacted": {"unsure": "not_sure"},
    "solved": {"yes": "solved", "no": "unsolved", "explained": "only_explained"},
    "satisfied": {"yes": "satisfied", "no": "dissatisfied"},
    "why_not": {"passed_on": "passing_the_buck", "slow": "too_slow", "vague": "vague_answer"},
}
"""The questionnaire's choices in the call-back's words, where they differ."""


async def follow_callback_records(system: Actor, submitted: list[SubmittedRecord]) -> None:
    """The record stays whatever comes of it; what the queue refuses is told in the issue's timeline."""
    for record in submitted:
        if record.form_id == FORM and not record.is_amendment:
            await _follow(system, record)


async def _follow(system: Actor, record: SubmittedRecord) -> None:
    issue = await _issue(record)
    try:
        async with transaction():
            if issue is None:
                raise refusal("issue.unknown")
            caller = await load_actor(record.bureau, record.person, record.device)
            answers = _read(record, await _report(issue, record))
            when = Occurred(min(record.collected_at, record.received_at), record.collected_at)
            await record_callback(caller, issue.id, answers, id=named_id("callback", record.id), occurred=when)
    except Refusal as refused:
        await record_event(system, "callback.refuse", "record", record.id, {"code": refused.code})
        if issue is not None:
            words = f"[回访] {refused.zh} / {refused.en}"
            await move_issue(system, issue.id, "note", NoteText(words=words))


async def _issue(record: SubmittedRecord) -> Issue | None:
    named = record.answers.get("issue")
    issue = await find_issue(record.bureau, named) if isinstance(named, str) and named else None
    return await follow_merges(record.bureau, issue) if issue is not None else None


async def _report(issue: Issue, record: SubmittedRecord) -> UUID | None:
    """The questionnaire names the issue only; of several reporters it is the record's enterprise, else the first to wait."""
    waiting = await waiting_reports(issue, await Callback.of_issue(issue.bureau, issue.id))
    of_enterprise = [
        link.report
        for link in await links_of(issue.bureau, issue.id)
        if link.report in waiting and link.enterprise is not None and link.enterprise == record.enterprise
    ]
    return next(iter([*of_enterprise, *waiting]), None)


def _read(record: SubmittedRecord, report: UUID | None) -> Answers:
    said: dict[str, Any] = {**record.answers, **_group(record.answers.get("answers"))}
    given = {
        name: _meant(name, said[name])
        for name in Answers.__struct_fields__
        if said.get(name) not in (None, "") and name not in ("report", "at")
    }
    if "why_not_text" in said:
        given["why_words"] = said["why_not_text"]
    try:
        return msgspec.convert(given | {"report": report}, Answers, strict=False)
    except msgspec.ValidationError as error:
        raise refusal("callback.unreadable", reason=str(error)) from None


def _group(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _meant(name: str, value: Any) -> Any:
    if name in ("subjective", "redo", "agree_case"):
        return value == "yes"
    words = MEANINGS.get(name, {})
    if isinstance(value, list):
        return [words.get(str(one), str(one)) for one in value]
    if name == "why_not":
        return [words.get(one, one) for one in str(value).split()]
    return words.get(str(value), value)
