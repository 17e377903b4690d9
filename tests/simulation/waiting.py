"""Phones that wait for live news (rule 18), that ask for some kinds only (rule 15), and readers that speak RxDB's replication
(rule 24). Steps of a play."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sync.devices import issue_code
from sync.phone import Answered, Offline
from tests.simulation import news
from tests.simulation.checks import check_documents, must
from tests.simulation.model import PERSONS, Model
from tests.simulation.rx import Reader, Stopped

if TYPE_CHECKING:
    from tests.simulation.door import House
    from tests.simulation.handset import Handset

KINDS: list[list[str] | None] = [
    None,
    ["note"],
    ["note", "pin", "conflict"],
    ["form", "quarantine"],
    ["note", "pin", "form", "quarantine", "conflict"],
]
RX_KINDS = ["note", "pin", "form"]


class Waiting:
    """What a play does with those who read in other ways than all of it, when they choose."""

    house: House
    model: Model
    bureau: UUID
    handsets: list[Handset]
    forms: list[UUID]
    readers: dict[UUID, Reader]
    tally: Any

    # some kinds ---------------------------------------------------------------------------------------------------

    async def choose_kinds(self, phone: int, which: int) -> None:
        """The app asks for other kinds from now on."""
        if (handset := self._handset(phone)) is not None:
            handset.kinds = handset.phone.kinds = KINDS[which]
            if not handset.takes("note"):
                handset.firm = set()

    # live news ----------------------------------------------------------------------------------------------------

    async def listen(self, phone: int, late: int) -> None:
        """A phone that has caught up waits for news; before it is heard, others may have written already."""
        if (handset := self._handset(phone)) is not None:
            await self._listen(handset, late)

    async def _listen(self, handset: Handset, late: int = 0) -> None:
        if handset.listening is not None or not await self._attempt(handset, "pull"):
            return
        handset.sight = self.model.sight(handset.person)
        for _ in range(late):
            await self._add_form()
        handset.listening = asyncio.create_task(handset.phone.wait_for_news())
        await asyncio.sleep(0)  # its request is made now
        if late:
            await self._hear(handset)

    async def hear(self, phone: int) -> None:
        waiting = [one for one in self.handsets if one.listening is not None]
        if waiting:
            await self._hear(waiting[phone % len(waiting)])

    async def _hear(self, handset: Handset) -> None:
        """I1: if its person sees anything else than when it began to wait, it hears of it; no matter when it was written."""
        if self.model.sight(handset.person) == handset.sight or self.stopped_until(handset) is not None:
            return
        assert handset.listening is not None
        self.tally.faults["news"] += 1
        has_heard = False
        with contextlib.suppress(TimeoutError, Offline, Answered):
            async with asyncio.timeout(news.HEARD_WITHIN):
                has_heard = await handset.listening
        must(has_heard, "I1", "a phone that waits for news has not heard of a change in what it may see")
        handset.listening = None

    async def _hear_at_last(self) -> None:
        """In the end everybody who waits hears of one more change that all of them see."""
        for handset in self.handsets:
            if handset.listening is not None:
                await self._hear(handset)
                handset.hang_up()
        waiting = [one for one in self.alive() if one.task is None]
        for handset in waiting:
            await self._listen(handset)
        await self._add_form()
        for handset in waiting:
            if handset.listening is not None:
                await self._hear(handset)

    async def _add_form(self) -> None:
        """Something that everybody sees."""
        form = self._new_id()
        self.forms.append(form)
        await self._set_form(form, is_retired=False)

    async def _hang_up(self) -> None:
        """All streams end: the server is started again, or the history is over."""
        for handset in self.handsets:
            handset.hang_up()
        await self.house.hush(self.bureau)

    # RxDB ---------------------------------------------------------------------------------------------------------

    async def read_rx(self, person: int, kind: int, pages: int, limit: int) -> None:
        """A reader of one kind gets so many pages, or (none told) all there are."""
        await self._read_rx(PERSONS[person], RX_KINDS[kind], pages, limit)

    async def _read_rx(self, person: UUID, kind: str, pages: int, limit: int) -> None:
        if person in self.model.server.suspended:
            return
        reader = self.readers.setdefault(person, Reader(self.house))
        for _ in range(3):
            try:
                if not reader.token:
                    await reader.enrol(await issue_code(self.bureau, person))
                is_whole = await reader.read(kind, pages, limit)
                break
            except Stopped as no:
                must(no.code == "device.unknown", "I2", f"a reader was answered {no.code}")
                reader.token = ""
        else:
            raise AssertionError("the reader does not come through")
        self.tally.faults["pages of a reader"] += 1
        if is_whole:
            await self._look()
            await check_documents(self, person, kind, reader.collections[kind])

    async def _read_all_rx(self) -> None:
        for person in list(self.readers):
            for kind in RX_KINDS:
                await self._read_rx(person, kind, 0, 3)
