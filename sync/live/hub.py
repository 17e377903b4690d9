"""Who waits for news, in one process: any number of streams, one reader of the database for all of them.

A stream is told "something changed in your scopes up to n", never what: the pull that follows computes what may be seen.
News come from the commit itself (`sync.live.news`); a slow look at the head finds what was lost on the way, or written by
another process on SQLite. One commit that concerns many is told to them spread over a while, for each will pull.
It stays whole because reading, placing and telling change the same sets of listeners.
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sync import refusal
from sync.devices import running_devices
from sync.feed import heads_of
from sync.live.listener import Index, Limits, Listener, StillGood
from sync.live.news import CHANNEL, News, decode_news, hear, hear_no_more, scope_number
from sync.scopes import last_moves, regranted_after, scopes_of_many
from sync.transaction import engine, is_postgres, transaction

log = logging.getLogger("sync")
RETRY_SECONDS = (5, 30)


class Hub:
    """The listeners of one process, and the task that reads for all of them while there are any.

    A listener whose scopes are not known (it has just come, or its person's grants have just changed) is `unplaced`, and
    told of everything in its bureau until the reader has placed it.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.listeners: dict[Listener, None] = {}
        self.unplaced: set[Listener] = set()
        self.placing: set[Listener] = set()
        self.index = Index()
        self.bureaus: Counter[UUID] = Counter()
        self.heads: dict[UUID, tuple[int, UUID]] = {}
        self.is_stopping = False
        self.woken = asyncio.Event()
        self.reading: asyncio.Task[None] | None = None
        self.connection: Any = None
        self.next_look = 0.0

    # coming and going -------------------------------------------------------------------------------------------

    def must_have_room(self) -> None:
        """Raises `events.full` (503) while this process has all the streams it takes, or stops."""
        if self.is_stopping or len(self.listeners) >= self.limits.streams:
            raise refusal.too_many_streams(self.limits.streams, random.randint(*RETRY_SECONDS))  # noqa: S311 - spreads them

    @asynccontextmanager
    async def joined(
        self,
        bureau: UUID,
        person: UUID,
        holder: UUID,
        *,
        after: int | None = None,
        still_good: StillGood = running_devices,
    ) -> AsyncIterator[Listener]:
        """A listener for this person, woken at once if anything moved after `after`. Of too many streams of one holder the
        oldest ends. `still_good` says now and then which holders of a bureau may go on."""
        listener = Listener(bureau, person, holder, after=after, still_good=still_good)
        own = [one for one in self.listeners if one.holder == holder and not one.is_over]
        for one in own[: max(0, len(own) + 1 - self.limits.streams_of_holder)]:
            one.end()
        self.listeners[listener] = None
        self.bureaus[bureau] += 1
        self.unplaced.add(listener)
        try:
            self._read_on()
            await listener.placed.wait()
            yield listener
        finally:
            self._remove(listener)

    def _remove(self, listener: Listener) -> None:
        self.index.place(listener, set())
        listener.end()
        del self.listeners[listener]
        self.unplaced.discard(listener)
        self.bureaus[listener.bureau] -= 1
        if not self.bureaus[listener.bureau]:
            del self.bureaus[listener.bureau]
            self.heads.pop(listener.bureau, None)

    def stop(self) -> None:
        """End every stream and take no more: the server is going down."""
        self.is_stopping = True
        for one in list(self.listeners):
            one.end()
        self.woken.set()

    async def close(self) -> None:
        """Stop, and wait until nothing of this hub uses the database any more; it may be used again afterwards."""
        self.stop()
        reading = self.reading
        if reading is not None:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
        self.reading, self.is_stopping = None, False

    # news -------------------------------------------------------------------------------------------------------

    def hear(self, news: News) -> None:
        """Wake those whom it concerns."""
        concerned = {one for one in (*self.unplaced, *self.placing) if one.bureau == news.bureau}
        is_whole = news.scopes is not None and news.persons is not None
        if news.bureau in self.heads and is_whole:
            n, epoch = self.heads[news.bureau]
            self.heads[news.bureau] = max(n, news.n), epoch
        if not is_whole:
            self.next_look = 0.0
            self.woken.set()
        concerned |= self.index.concerned(news.bureau, news.scopes or ())
        if news.persons:
            concerned |= self._reach_changed(news.bureau, set(news.persons))
        self._tell(concerned, news.n)

    def _of(self, bureau: UUID) -> set[Listener]:
        return {one for one in self.listeners if one.bureau == bureau}

    def _reach_changed(self, bureau: UUID, persons: set[UUID]) -> set[Listener]:
        concerned = {one for one in self._of(bureau) if one.person in persons}
        self.unplaced.update(concerned)
        self.woken.set()
        return concerned

    def _tell(self, concerned: Iterable[Listener], n: int) -> None:
        those = list(concerned)
        is_crowd = len(those) > self.limits.at_once
        for one in those:
            one.poke(n, random.uniform(0, self.limits.spread_seconds) if is_crowd else 0)  # noqa: S311 - spreads them

    # reading ----------------------------------------------------------------------------------------------------

    def _read_on(self) -> None:
        self.woken.set()
        if self.reading is None:
            self.woken, self.next_look = asyncio.Event(), 0.0
            self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Runs while there are listeners, and a little longer: somebody who comes back at once finds it running."""
        loop = asyncio.get_running_loop()

        def in_process(news: News) -> None:
            with contextlib.suppress(RuntimeError):  # that loop is gone, and whoever waited there with it
                loop.call_soon_threadsafe(self.hear, news)

        if not is_postgres():
            hear(in_process)
        is_abandoned = False
        try:
            was_needed = True
            while self.listeners or was_needed:
                was_needed = bool(self.listeners)
                self.woken.clear()
                try:
                    await self._read_once(loop.time())
                except Exception:  # the database is away for a while; who is connected waits, who comes is sent away
                    log.exception("news: reading failed")
                    self.next_look = loop.time() + self.limits.poll_seconds
                    self._give_up_placing()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, self.next_look - loop.time())):
                        await self.woken.wait()
        except GeneratorExit:  # its event loop is gone, and with it whoever listened
            is_abandoned = True
            raise
        finally:
            hear_no_more(in_process)
            if not is_abandoned:
                await self._hang_up()
            self.reading = None
            if self.listeners and not self.is_stopping and not is_abandoned:
                self._read_on()

    async def _read_once(self, moment: float) -> None:
        if is_postgres() and (self.connection is None or self.connection.is_closed()):
            await self._call_up()
            self.next_look = 0.0
        if self.unplaced:
            await self._place()
        if moment >= self.next_look:
            self.next_look = moment + self.limits.poll_seconds
            await self._look()

    async def _call_up(self) -> None:
        """One connection of this process listens for all its streams."""
        await self._hang_up()
        self.connection = await engine().get_new_connection()
        self.connection.add_termination_listener(lambda _: self.woken.set())
        await self.connection.add_listener(CHANNEL, self._on_notify)

    async def _hang_up(self) -> None:
        if self.connection is not None:
            connection, self.connection = self.connection, None
            with contextlib.suppress(Exception):  # it may be gone already; nobody asks it anything any more
                await connection.close()

    def _on_notify(self, _connection: Any, _pid: int, _channel: str, text: str) -> None:
        news = decode_news(text)
        if news is not None:
            self.hear(news)

    def _give_up_placing(self) -> None:
        for one in [*self.unplaced, *self.placing]:
            if not one.placed.is_set():
                one.end()
        self.unplaced.update(self.placing & set(self.listeners))
        self.placing = set()

    async def _place(self) -> None:
        """Learn the scopes of all who are unplaced, and who of them was behind when coming."""
        self.placing, self.unplaced = self.unplaced, set()
        for bureau in {one.bureau for one in self.placing}:
            those = [one for one in self.placing if one.bureau == bureau]
            async with transaction(readonly=True):
                n, epoch = (await heads_of({bureau})).get(bureau, (0, UUID(int=0)))
                scopes = await scopes_of_many(bureau, {one.person for one in those})
                coming = [one for one in those if one.after is not None and not one.placed.is_set()]
                behind = await self._who_is_behind(bureau, coming, scopes, n)
            self.heads.setdefault(bureau, (n, epoch))
            for one in those:
                if one not in self.listeners:
                    continue
                self.index.place(one, scopes[one.person])
                if one in behind:
                    one.poke(n)
                elif not one.placed.is_set() and one.upto < 0:
                    one.told = n
                one.placed.set()
        self.placing = set()

    async def _who_is_behind(
        self, bureau: UUID, coming: list[Listener], scopes: dict[UUID, set[str]], n: int
    ) -> set[Listener]:
        if not coming:
            return set()
        moves = await last_moves(bureau, set().union(*(scopes[one.person] for one in coming)))
        regranted = await regranted_after(bureau, min(one.after or 0 for one in coming))
        return {
            one
            for one in coming
            if one.after is not None
            and (
                one.after > n
                or regranted.get(one.person, 0) > one.after
                or any(moves.get(scope, 0) > one.after for scope in scopes[one.person])
            )
        }

    async def _look(self) -> None:
        """What the heads say that nobody told; and who may listen no longer."""
        before = dict(self.heads)
        for bureau, (n, epoch) in (await heads_of(set(self.bureaus))).items():
            if bureau not in self.heads or bureau not in before:
                continue
            if epoch != before[bureau][1] or n < before[bureau][0]:
                self._begin_anew(bureau, n, epoch)
            elif n > self.heads[bureau][0]:
                await self._catch_up(bureau, self.heads[bureau][0], n)
        for bureau in list(self.bureaus):
            await self._dismiss(bureau)

    def _begin_anew(self, bureau: UUID, n: int, epoch: UUID) -> None:
        """Another history: the numbers told so far mean nothing in it."""
        self.heads[bureau] = n, epoch
        for one in (everybody := self._of(bureau)):
            one.forget()
        self.unplaced.update(everybody)
        self._tell(everybody, n)
        self.woken.set()

    async def _dismiss(self, bureau: UUID) -> None:
        """End the streams of holders who lost the right to listen."""
        asked = self._of(bureau)
        for still_good in {one.still_good for one in asked}:
            those = [one for one in asked if one.still_good is still_good]
            good = await still_good(bureau, {one.holder for one in those})
            for one in those:
                if one.holder not in good:
                    one.end()

    async def _catch_up(self, bureau: UUID, known: int, n: int) -> None:
        """The head has moved and nobody told: look what moved in the scopes somebody here waits for."""
        moves = await last_moves(bureau, set().union(*(one.scopes for one in self._of(bureau))))
        regranted = await regranted_after(bureau, known)
        if bureau in self.heads:
            self.heads[bureau] = max(n, self.heads[bureau][0]), self.heads[bureau][1]
        concerned = self.index.concerned(bureau, (scope_number(one) for one, last in moves.items() if last > known))
        if regranted:
            concerned |= self._reach_changed(bureau, set(regranted))
        self._tell(concerned, n)
