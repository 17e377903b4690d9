"""Several issues merged into one at once: each for itself, so that one that cannot come does not keep the others."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from server.issues.actions import move_issue, reach_issue
from server.issues.fields import Merge, Words
from server.issues.machine.tables import machine_of
from server.people.actor import Actor
from sync.refusal import Refusal
from sync.transaction import transaction


class MergeMany(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issues: Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(min_length=1, max_length=100)]
    """Numbers or ids of those that come."""
    reason: Words


class Merged(Struct, frozen=True, kw_only=True):
    """What became of one of them; `code` and the sentences say why one stayed where it was."""

    issue: str
    is_merged: bool
    code: str = ""
    zh: str = ""
    en: str = ""


async def merge_issues(actor: Actor, into: str, wanted: MergeMany) -> list[Merged]:
    """Raises `issue.unknown` for the one they go into; the others tell for themselves."""
    machine = await machine_of(actor.bureau)
    actor.must(machine.verb("merge").permission)
    results = []
    async with transaction():
        target = await reach_issue(actor, into)
        for named in dict.fromkeys(wanted.issues):
            try:
                async with transaction():
                    await move_issue(actor, named, "merge", Merge(into=target.number, reason=wanted.reason))
                results.append(Merged(issue=named, is_merged=True))
            except Refusal as refused:
                results.append(Merged(issue=named, is_merged=False, code=refused.code, zh=refused.zh, en=refused.en))
    return results
