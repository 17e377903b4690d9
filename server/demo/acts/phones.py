"""Phones of the demo: enrolled by a code like any other, they fill in published forms and push what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from forms.evaluate import REASONS, Table, evaluate, fill
from server.demo.cast import Cast, Player
from server.demo.stage import Stage
from server.devices.actions import offer_enrolment
from server.people.roles import ADMIN
from server.questionnaires.library import Published, load_version
from server.settings import settings
from sync.devices import DeviceContext, enrol
from sync.identity import new_id
from sync.push import push
from sync.wire import PushRequest, Result

MODELS = ("荣耀 90", "华为 nova 12", "小米 14", "OPPO Reno11", "vivo S18")


class Done(Struct, frozen=True):
    """One operation that waits on a phone."""

    op: str
    target: UUID
    args: Any
    at: datetime


class Phones:
    """All phones of the bureau and the forms on them."""

    def __init__(self, stage: Stage, cast: Cast) -> None:
        self.stage = stage
        self.cast = cast
        self.published: dict[str, Published] = {}
        self.lists: dict[str, Table] = {}
        self._devices: dict[UUID, DeviceContext] = {}
        self._numbers: dict[UUID, int] = {}

    async def load_forms(self, versions: Mapping[str, str]) -> None:
        """The published forms, with the lists a phone makes of what it knows of the bureau."""
        for form, version in versions.items():
            found = await load_version(self.stage.bureau, form, version)
            if found is None:
                raise ValueError(f"{form} {version} is not published")
            self.published[form] = found
        firms = [{"name": str(firm.id), "label": firm.name} for firm in self.cast.firms]
        people = [{"name": str(player.id), "label": player.name} for player in self.cast.players]
        self.lists = {"enterprises": Table(firms), "people": Table(people)}

    async def enrol(self, player: Player) -> None:
        admin = await self.stage.actor(self.cast.of_role(ADMIN)[0].id)
        offer = await offer_enrolment(admin, player.login)
        incarnation = f"demo-{player.login}"
        device = await enrol(offer.code, incarnation, self.stage.chance.choice(MODELS))
        self._devices[player.id] = DeviceContext(device.bureau, device.device, device.person, incarnation)

    def fill_in(
        self,
        form: str,
        answers: dict[str, Any],
        at: datetime,
        *,
        minutes: int = 40,
        more: Mapping[str, Any] | None = None,
        lists: Mapping[str, Table] | None = None,
    ) -> dict[str, Any]:
        """The arguments of `record.submit` for what a person answered, finished `at`. `more`: enterprise, origin, …

        An unlikely answer gets its reason here, as a person would write it; the play stops at an answer that is wrong.
        """
        published = self.published[form]
        known = {**published.lists, **self.lists, **(lists or {})}
        moment = at.astimezone(settings.timezone)
        filled = fill(published.compiled, answers, now=moment, lists=known, chance=self.stage.chance)
        if REASONS in answers:
            filled[REASONS] = answers[REASONS]
        wrong = [
            flaw
            for flaw in evaluate(published.compiled, filled, now=moment, lists=known).flaws
            if flaw.level == "error"
        ]
        if wrong:
            raise ValueError(f"{form}: {[(flaw.path, flaw.code, flaw.value, flaw.zh) for flaw in wrong]}")
        return {
            "form": form,
            "version": published.form.version,
            "answers": filled,
            "started_at": moment - timedelta(minutes=minutes),
            "filled_at": moment,
            **(more or {}),
        }

    async def send(self, player: Player, done: Done, now: datetime, *, expected: str = "applied") -> None:
        """One operation, of which the play knows what becomes."""
        (result,) = await self.push(player, [done], now)
        if result.status != expected:
            raise ValueError(f"{done.op}: {result}")

    async def push(self, player: Player, done: Sequence[Done], now: datetime) -> list[Result]:
        """Everything this phone did since it was last online, in one push."""
        device = self._devices[player.id]
        first = self._numbers.get(device.device, 0) + 1
        operations = [
            Raw(
                msgspec.json.encode(
                    {
                        "id": new_id(one.at.timestamp()),
                        "n": n,
                        "op": one.op,
                        "target": one.target,
                        "args": one.args,
                        "at": one.at,
                    }
                )
            )
            for n, one in enumerate(done, first)
        ]
        request = PushRequest(
            device=device.device, incarnation=device.incarnation, acked=first - 1, operations=operations, clock=now
        )
        answer = await push(device, request)
        self._numbers[device.device] = answer.have_n
        return answer.results
