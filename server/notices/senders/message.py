"""What a sender is given, and what it says became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import force_setattr

SENT, RETRY, REFUSED = "sent", "retry", "refused"
ANSWER_MAX = 500
"""Characters of an answer that are kept."""


class Words(Struct, frozen=True, kw_only=True):
    """A notice in words and in facts. The title says what happened to which number and nothing of what an enterprise said, so
    that it may be shown on a robot's wall or a locked phone; the text may say more."""

    title_zh: str
    title_en: str
    text_zh: str = ""
    text_en: str = ""
    link: str = ""
    """Path below the product's address."""
    facts: dict[str, Any] = {}


class Message(Struct, frozen=True, kw_only=True):
    """`id` stays the same for every try, so that a receiver can drop what it has already seen."""

    id: UUID
    bureau: str
    topic: str
    subject_kind: str
    subject: UUID
    words: Words
    created_at: datetime
    link: str = ""
    to: str = ""
    """Number or mail address of the person, for the kinds that reach persons."""


class Verdict(Struct, frozen=True):
    """What became of one try: `sent`, `retry` (later), `refused` (never by itself). `wait_seconds` is the least time before
    the next one, for a receiver that asked for it."""

    outcome: str
    status: int = 0
    answer: str = ""
    wait_seconds: int = 0

    def __post_init__(self) -> None:
        force_setattr(self, "answer", _storable(self.answer)[:ANSWER_MAX])


def _storable(answer: str) -> str:
    """Whatever the other side wrote, as a database keeps it: bytes that are no UTF-8 (mail servers like to answer in GBK) are
    marked, null characters are left out."""
    return answer.encode(errors="surrogateescape").decode(errors="replace").replace("\0", "")
