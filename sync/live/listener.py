"""One stream that waits for news, how many of them there may be, and which of them a scope concerns."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

import msgspec

from sync.live.news import scope_number

StillGood = Callable[[UUID, set[UUID]], Awaitable[set[UUID]]]
"""Of these holders (devices, sessions) of a bureau, those who may go on listening."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Streams in this process and of one holder (a device or a session); how often to look at the head, in seconds; how many
    are told of one commit at once, and over how many seconds it is spread for more than that."""

    streams: int = 5_000
    streams_of_holder: int = 3
    poll_seconds: float = 5
    at_once: int = 50
    spread_seconds: float = 10


class Ended(Exception):
    """This stream is over: its holder lost the right to it, opened too many others, or the server stops."""


class Listener:
    """One stream that waits for news of one person's scopes."""

    def __init__(self, bureau: UUID, person: UUID, holder: UUID, *, after: int | None, still_good: StillGood) -> None:
        self.bureau = bureau
        self.person = person
        self.holder = holder
        self.after = after
        self.still_good = still_good
        self.scopes: set[str] = set()
        self.placed = asyncio.Event()
        self.told = -1
        self.upto = -1
        self.is_over = False
        self.woken = asyncio.Event()
        self.timer: asyncio.TimerHandle | None = None

    async def next(self, within: float) -> int | None:
        """The number everything is news up to, or None when `within` seconds pass in silence. Raises Ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.woken.wait()
        if self.is_over:
            raise Ended
        self.woken.clear()
        if self.upto <= self.told:
            return None
        self.told = self.upto
        return self.told

    def poke(self, n: int, delay: float = 0) -> None:
        """Wake now or in a while; what comes before it has woken goes with the same waking."""
        if n <= self.told:
            return
        self.upto = max(self.upto, n)
        if delay <= 0:
            self._wake()
        elif self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.woken.set()

    def forget(self) -> None:
        """The numbers belong to another history now."""
        self.told = self.upto = -1

    def end(self) -> None:
        self.is_over = True
        self.placed.set()
        self._wake()


class Index:
    """Who waits for which scope."""

    def __init__(self) -> None:
        self.by_scope: defaultdict[tuple[UUID, int], set[Listener]] = defaultdict(set)

    def place(self, listener: Listener, scopes: set[str]) -> None:
        """From now on these are the listener's scopes."""
        for scope in listener.scopes - scopes:
            key = listener.bureau, scope_number(scope)
            self.by_scope[key].discard(listener)
            if not self.by_scope[key]:
                del self.by_scope[key]
        for scope in scopes - listener.scopes:
            self.by_scope[listener.bureau, scope_number(scope)].add(listener)
        listener.scopes = scopes

    def concerned(self, bureau: UUID, numbers: Iterable[int]) -> set[Listener]:
        return {one for number in numbers for one in self.by_scope.get((bureau, number), ())}
