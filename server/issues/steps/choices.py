"""Which policy an issue gets by the bureau's rules, what the timeline keeps of that, and why it has the one it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from server.clocks.choosing.actions import choices_in_force
from server.clocks.choosing.rules import Choice, choose
from server.issues.tables import CONFIRMED, Issue, IssueLink
from server.reports.tables import Report


class ChosenOut(Struct, frozen=True, kw_only=True):
    policy: str
    is_named: bool
    """By a dispatcher, not by the rules. Corrections leave it."""
    version: int
    """Of the rules that chose it; 0 when they did not."""
    why_zh: str
    why_en: str


def kept_choice(choice: Choice, *, moves: bool = True) -> dict[str, Any]:
    """For the timeline. A choice that `moves` nothing leaves the edition the issue counts by as it was."""
    return ({"policy": choice.policy} if moves else {}) | {"choice": msgspec.to_builtins(choice)}


async def choose_again(issue: Issue) -> Choice:
    """By its category and urgency as they are now, and by where its first report came from."""
    link = (
        await IssueLink.objects()
        .where(
            IssueLink.bureau == issue.bureau,
            IssueLink.issue == issue.id,
            IssueLink.undone_at.is_null(),
            IssueLink.state == CONFIRMED,
        )
        .order_by(IssueLink.linked_at, IssueLink.id)
        .first()
    )
    sources = {issue.origin}
    if link is not None:
        report = await Report.objects().get((Report.bureau == issue.bureau) & (Report.id == link.report))
        sources |= {report.source} if report is not None else set()
    return choose(await choices_in_force(issue.bureau), issue.category, issue.urgency, sources - {""})


def is_named(rows: Sequence[Any]) -> bool:
    """Whether a dispatcher named the policy it has."""
    return _last(rows)[0] == "dispatch" and "choice" not in _last(rows)[1]


def chosen_of(issue: Issue, rows: Sequence[Any]) -> ChosenOut:
    verb, fields = _last(rows)
    told = fields.get("choice")
    if told is not None:
        choice = msgspec.convert(told, Choice)
        version, zh, en = choice.version, choice.why_zh, choice.why_en
    elif verb == "dispatch":
        version, zh, en = 0, "派单时指定", "named when it was dispatched"
    elif fields.get("split_from"):
        version, zh, en = 0, f"拆分自 {fields['split_from']},时限相同", f"as {fields['split_from']}, it was split from"
    else:
        version, zh, en = 0, "一般事项", "ordinary, as nothing was said"
    return ChosenOut(
        policy=issue.policy,
        is_named=is_named(rows),
        version=version,
        why_zh=zh,
        why_en=en,
    )


def _last(rows: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """The line that gave it its policy, and what that keeps."""
    for row in reversed(rows):
        if row.verb in ("open", "submit", "dispatch"):
            fields: dict[str, Any] = msgspec.json.decode(row.fields)
            if fields.get("policy") or "choice" in fields:
                return row.verb, fields
    return "", {}
