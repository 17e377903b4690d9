"""A supervision nobody has answered by its day is raised, once."""

from __future__ import annotations

from uuid import UUID

import msgspec

from server.issues.actions import move_issue
from server.issues.fields import Escalate, Supervise
from server.moment import today
from server.people.actor import system_of
from sync.transaction import fetch


async def escalate_unanswered() -> int:
    """How many were raised. Safe to run twice: what was answered or raised since is left alone. Raw SQL: the last supervision of
    each open issue, of every bureau."""
    rows = await fetch(
        "SELECT asked.bureau, asked.issue, asked.fields FROM issue_event AS asked JOIN issue ON issue.id = asked.issue"
        " WHERE asked.verb = 'supervise' AND issue.closed_at IS NULL AND NOT EXISTS (SELECT 1 FROM issue_event AS later"
        " WHERE later.issue = asked.issue AND later.bureau = asked.bureau AND later.n > asked.n"
        " AND later.verb IN ('supervise', 'answer_supervision', 'escalate'))"
    )
    raised = 0
    for row in rows:
        asked = msgspec.json.decode(row["fields"])
        told = msgspec.convert({name: asked[name] for name in Supervise.__struct_fields__}, Supervise)
        if told.answer_by >= today():
            continue
        bureau, issue = (UUID(str(row[name])) for name in ("bureau", "issue"))
        reason = f"督办逾期未答复:应于 {told.answer_by} 前答复(supervision unanswered)"
        await move_issue(system_of(bureau), issue, "escalate", Escalate(reason=reason))
        raised += 1
    return raised
