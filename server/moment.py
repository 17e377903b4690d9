"""The one clock of the product. Everything that asks what time it is asks here, so that a demo can play a year in a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime

from server.settings import settings

_virtual: ContextVar[datetime | None] = ContextVar("virtual_moment", default=None)


def now() -> datetime:
    """The present moment in UTC, or the virtual one inside `at`."""
    return _virtual.get() or datetime.now(UTC)


def today() -> date:
    """The present day in the bureau's time zone."""
    return now().astimezone(settings.timezone).date()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Everything inside happens at `moment`."""
    token = _virtual.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _virtual.reset(token)
