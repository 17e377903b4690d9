"""The call-back's questions and what follows from the answers: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

TRIES_MAX = 3
"""Tries on as many different working days; then the reporter counts as unreachable, in no rate."""
Rating = Annotated[int, Meta(ge=1, le=5)]
Reason = Literal["unsolved", "passing_the_buck", "too_slow", "attitude", "policy", "vague_answer", "other"]
Words = Annotated[str, Meta(max_length=4000)]


class Answers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`report` names the reporter, needed when several spoke of one issue. `subjective` is the caller's judgement: the unit
    could have done better. `satisfied` is about the result, `contacted` about being contacted in time."""

    reached: Literal["reached", "no_answer", "wrong_number", "refused"]
    channel: Literal["phone", "visit", "sms_link", "enterprise_code"] = "phone"
    report: UUID | None = None
    at: datetime | None = None
    """When; the moment of recording when left out."""
    respondent: Annotated[str, Meta(max_length=100)] = ""
    contacted: Literal["", "yes", "no", "not_sure"] = ""
    solved: Literal["", "solved", "partly", "unsolved", "only_explained"] = ""
    satisfied: Literal["", "satisfied", "mostly", "dissatisfied"] = ""
    attitude: Rating | None = None
    speed: Rating | None = None
    why_not: Annotated[list[Reason], Meta(max_length=7)] = []
    why_words: Words = ""
    subjective: bool = False
    redo: bool = False
    agree_case: bool = False
    words: Words = ""


def missing(answers: Answers) -> list[str]:
    """Questions that had to be answered and were not."""
    if answers.reached != "reached":
        return []
    needed: dict[str, Any] = {"contacted": answers.contacted, "solved": answers.solved, "satisfied": answers.satisfied}
    if answers.satisfied == "dissatisfied":
        needed |= {"why_not": answers.why_not, "why_words": answers.why_words}
    return [name for name, value in needed.items() if not value]


SELF_CHANNELS = ("sms_link", "enterprise_code")
"""Ways in which an enterprise answers by itself."""
BLAMES = frozenset({"passing_the_buck", "too_slow", "attitude", "vague_answer"})
"""Reasons that lie with the unit. Nobody is there to judge what an enterprise says by itself, so its reasons judge."""
_WORST_LAST = ("satisfied", "mostly", "dissatisfied")


def worst(answers: Iterable[str]) -> str:
    """Of several enterprises the least satisfied; empty where none answered."""
    given = [answer for answer in answers if answer]
    return max(given, key=_WORST_LAST.index, default="")


def needs_redo(answers: Answers) -> bool:
    """Dissatisfied for a reason that lies with the unit, or simply sent back by the caller."""
    return answers.redo or (answers.satisfied == "dissatisfied" and answers.subjective)


def is_conclusive(answers: Answers, days_tried: Collection[date]) -> bool:
    """`days_tried`: the working days on which this reporter was tried, today's among them."""
    return answers.reached in ("reached", "refused") or len(set(days_tried)) >= TRIES_MAX
