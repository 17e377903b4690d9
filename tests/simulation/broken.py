"""What a child can be told to do wrong, by name, to see whether anybody notices. A test cannot reach into another process."""

import contextvars
from collections.abc import Callable
from typing import Any

from sync import digest, feed, pull


def grants_remembered() -> None:
    """What a person may see is remembered until a writer in this process changes it: right where there is but one."""
    read_grants, write_grant = pull.read_grants, feed._write_grant
    known: dict[Any, Any] = {}

    async def remembered(context: Any) -> Any:
        if (context.bureau, context.person) not in known:
            known[context.bureau, context.person] = await read_grants(context)
        return known[context.bureau, context.person]

    async def forgetting(change: Any, seq: int) -> None:
        await write_grant(change, seq)
        known.pop((change.bureau, change.person), None)

    pull.read_grants = digest.read_grants = remembered
    feed._write_grant = forgetting


def scopes_asked_early() -> None:
    """The scopes of the touched rows are asked for before the head is locked."""
    early: contextvars.ContextVar[Any] = contextvars.ContextVar("early", default=None)
    flush_bureau, current_scopes = feed._flush_bureau, feed._current_scopes

    async def too_early(bureau: Any, items: list[Any]) -> None:
        asked = [item for item in items if isinstance(item, feed.Touch) and item.scopes is None]
        early.set((asked, await current_scopes(bureau, asked)))
        await flush_bureau(bureau, items)
        early.set(None)

    async def as_it_was(bureau: Any, touches: list[Any]) -> Any:
        asked, scopes = early.get() or ([], {})
        if not all(one in asked for one in touches):
            return await current_scopes(bureau, touches)
        return {(one.kind, one.id): scopes[one.kind, one.id] for one in touches if (one.kind, one.id) in scopes}

    feed._flush_bureau, feed._current_scopes = too_early, as_it_was


BREAK: dict[str, Callable[[], None]] = {
    "grants_remembered": grants_remembered,
    "scopes_asked_early": scopes_asked_early,
}
