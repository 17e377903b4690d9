"""Phones that are stopped: revoked for good with or without days of salvage (rule 22), or with their person, for a while (scenario
22). Steps of a play."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from sync.devices import resume_devices, revoke_device, suspend_devices
from tests.simulation.checks import check_wiped, must
from tests.simulation.door import CLOCK
from tests.simulation.model import PERSONS, Model

if TYPE_CHECKING:
    from tests.simulation.handset import Handset

SALVAGE_CODES = {"device.revoked", "id_reused"}


class Stops:
    """What a play does about phones that may not go on, and what it wants to see of them."""

    model: Model
    bureau: UUID
    handsets: list[Handset]

    def stopped_until(self, handset: Handset) -> Any:
        """Until when a stopped phone's work is taken; None for a phone that goes on."""
        return self.model.stopped_until(handset.phone.device, handset.person)

    def alive(self) -> list[Handset]:
        """Phones that have not been stopped."""
        return [one for one in self.handsets if self.stopped_until(one) is None]

    async def revoke_phone(self, phone: int, days: int = 0) -> None:
        """A lost phone, or one that was given back; there is always one left."""
        left = self.alive()
        if len(left) > 1 and (handset := self._handset(phone)) in left and handset is not None:
            salvage = timedelta(days=days)
            for id in await revoke_device(self.bureau, UUID(handset.phone.device), salvage=salvage):
                self.model.server.revoked[str(id)] = CLOCK.now + salvage

    async def suspend(self, person: int, days: int) -> None:
        """Somebody may not sign in for the time being."""
        who = PERSONS[person]
        if who not in self.model.server.suspended:
            await suspend_devices(self.bureau, who, salvage=timedelta(days=days))
            self.model.server.suspended[who] = CLOCK.now + timedelta(days=days)

    async def resume(self, person: int) -> None:
        await self._resume(PERSONS[person])

    async def _resume(self, who: UUID) -> None:
        if who in self.model.server.suspended:
            await resume_devices(self.bureau, who)
            del self.model.server.suspended[who]

    def watch_push(self, handset: Handset, body: bytes, status: int, content: bytes) -> None:
        """Rule 22, at every answer: who was stopped is told to wipe, nothing of theirs is applied, and it is kept; but only
        within the days of salvage, and never from a copy of the phone."""
        try:
            device = msgspec.json.decode(body)["device"]
        except (msgspec.DecodeError, KeyError):
            return
        until = self.model.stopped_until(device, handset.person)
        answer = msgspec.json.decode(content) if content else {}
        if status == 403 and answer.get("code") == "device_revoked":
            must(until is not None, "I6", "a phone that goes on is told that it was revoked")
            must(until <= CLOCK.now or device in self.model.copied, "I6", "work is refused within the days of salvage")
        if status != 200:
            return
        must(bool(answer.get("wipe_after")) == (until is not None), "I4", "told to wipe, or not, by mistake")
        if until is None:
            return
        must(CLOCK.now < until, "I2", "a push is taken after the days of salvage")
        for result in answer["results"]:
            if not result.get("duplicate"):
                kept = result["status"] == "rejected" and result["code"] in SALVAGE_CODES
                must(kept, "I2", f"what a stopped phone handed in was {result['status']}")
                if result["code"] == "device.revoked":
                    self.model.server.salvaged.add(UUID(result["id"]))

    async def _hand_in(self) -> None:
        """Phones that were stopped hand in what they have, while they may; then there is nothing left on them."""
        for handset in self.handsets:
            until = self.stopped_until(handset)
            if until is None or until <= CLOCK.now or handset.is_unknown:
                continue
            device = handset.phone.device
            await self._attempt(handset, "sync")
            if device in self.model.copied or handset.is_unknown or device != handset.phone.device:
                continue
            check_wiped(handset)
            must(
                not handset.phone.unsent(),
                "I6",
                "a stopped phone could not hand in its work within the days of salvage",
            )
