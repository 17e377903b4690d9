"""What a child can be told to do wrong, by name, to see whether anybody notices. A test cannot reach into another process."""

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


BREAK: dict[str, Callable[[], None]] = {"grants_remembered": grants_remembered}
