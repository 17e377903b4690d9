"""Open desk sessions, and the kept answers of writes that may be sent twice."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table


class Session(Table, tablename="session"):
    """A desk session; only the token's hash is kept."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    person = UUID(index=True)
    token_hash = Text(unique=True)
    created_at = Timestamptz()
    seen_at = Timestamptz()
    is_console = Boolean(default=False)
    """Opened at the console for somebody; a one-time password does not stand in its way."""


class AnsweredRequest(Table, tablename="answered_request"):
    """The answer to a desk write that carried an `Idempotency-Key`, so that asking twice acts once. Kept a day."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    person = UUID()
    request_hash = Text()
    status = Integer()
    body = Text()
    created_at = Timestamptz()
