"""What is forgotten when its time is over."""

from __future__ import annotations

from datetime import timedelta

from server.moment import now
from server.people.tables import AnsweredRequest, Session
from server.settings import settings

ANSWERS_KEPT = timedelta(days=1)


async def forget_old_rows() -> None:
    """Ended sessions and the kept answers of repeated requests."""
    await Session.delete().where(Session.created_at < now() - timedelta(hours=settings.session_hours))
    await AnsweredRequest.delete().where(AnsweredRequest.created_at < now() - ANSWERS_KEPT)
