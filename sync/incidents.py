"""What somebody answerable for the bureau should hear of: told inside the transaction it happened in, to whoever listens."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec

ID_REUSED = "device.id_reused"
FORKED = "device.fork"
WORK_LOST = "device.work_lost"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is one of this module's; `details` hold ids and times only, never what a person wrote."""

    name: str
    bureau: UUID
    person: UUID
    device: UUID
    details: dict[str, Any] = {}


Listener = Callable[[Incident], Awaitable[None]]
_listeners: list[Listener] = []


def on_incident(listener: Listener) -> None:
    """Call this for every incident from now on; what it raises undoes the transaction."""
    if listener not in _listeners:
        _listeners.append(listener)


async def report(incident: Incident) -> None:
    for listener in _listeners:
        await listener(incident)
