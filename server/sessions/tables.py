"""Open desk sessions, and the kept answers of writes that may be sent twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID as Id

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor
from sync.transaction import fetch

ANSWERS_KEPT = timedelta(days=1)


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

    @classmethod
    async def claim(cls, actor: Actor, id: Id, request_hash: str, moment: datetime) -> bool:
        """Takes the place for the answer to come, inside the transaction of the effect; False when it is taken. Raw SQL: of two
        requests that come at once the second waits here for the first, and finds its answer."""
        found = await fetch(
            "INSERT INTO answered_request (id, bureau, person, request_hash, status, body, created_at)"
            " VALUES ($1, $2, $3, $4, 0, '', $5) ON CONFLICT (id) DO UPDATE SET request_hash = excluded.request_hash,"
            " created_at = excluded.created_at WHERE answered_request.created_at < $6 RETURNING id",
            [id, actor.bureau, actor.person, request_hash, moment, moment - ANSWERS_KEPT],
        )
        return bool(found)
