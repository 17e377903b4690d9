"""Live news in a simulation: a hub for each of the server's processes, and the streams that wait at it."""

import asyncio
from uuid import UUID

from sync.devices import DeviceContext
from sync.live.hub import Hub
from sync.live.listener import Ended, Limits

HEARD_WITHIN = 20
"""Seconds within which news must have come; they come at once. Nobody waits for them to pass."""
LOOKS = (0.2, 3_600)
"""How often a hub looks at the head, in seconds: the first one often, the others only hear."""
_hubs: dict[int, Hub] = {}


def hub_of(number: int) -> Hub:
    if number not in _hubs:
        limits = Limits(streams_of_holder=50, poll_seconds=LOOKS[number > 1])
        _hubs[number] = Hub(limits)
    return _hubs[number]


async def heard(context: DeviceContext, after: int | None, number: int) -> bytes:
    """The stream's bytes, when there is news past `after` or the stream has ended."""
    try:
        async with hub_of(number).joined(context.bureau, context.person, context.device, after=after) as listener:
            while (n := await listener.next(HEARD_WITHIN)) is None:
                continue
            return b"event: changed\ndata: %d\n\n" % n
    except Ended:
        return b": ended\n\n"


def hush(bureau: UUID) -> None:
    """End the streams of a bureau: its phones have hung up."""
    for hub in _hubs.values():
        for listener in list(hub.listeners):
            if listener.bureau == bureau:
                listener.end()


async def hang_up() -> None:
    """No process has any stream, as when the server is started again."""
    for hub in _hubs.values():
        await hub.close()
    await asyncio.sleep(0)


def forget_hubs() -> None:
    """The event loop they live in ends."""
    _hubs.clear()
