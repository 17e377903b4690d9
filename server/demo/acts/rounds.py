"""The round of the quarterly monitor that is under way: asked by commissioners, by signed links, declined, out of reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from functools import partial

import msgspec
from msgspec import Raw

from server.campaigns.actions import NewCampaign, create_campaign, mark_slot, open_round
from server.campaigns.links.actions import offer_link
from server.campaigns.links.answering import answer, decline, look
from server.campaigns.rules import Filter, Population, ValidityRule
from server.campaigns.tables import REFUSED, UNREACHABLE, Slot
from server.demo.acts.phones import Done, Phones
from server.demo.acts.surveys import monitor_answers, quarter_before
from server.demo.cast import Cast, Firm
from server.demo.stage import Stage
from server.moment import today
from server.people.roles import SUPERVISOR
from server.settings import settings
from sync.identity import new_id

FORM = "ops_monitor_q"
DAYS_OPEN = 40
BY_VISIT, BY_LINK = 12, 8
MISSING_MAX = 3
"""Required questions an answer may leave open and still count."""
Way = Callable[[Slot, Firm, datetime], Awaitable[None]]


class MonitorRound:
    """`skipped` enterprises are on the list like all others, but nobody asks them."""

    def __init__(self, stage: Stage, cast: Cast, phones: Phones, *, skipped: list[Firm]) -> None:
        self.stage = stage
        self.cast = cast
        self.phones = phones
        self.skipped = {firm.id for firm in skipped}

    async def open(self) -> None:
        """Freezes the list and puts on the programme who answers, and how. The others have time yet."""
        supervisor = await self.stage.actor(self.cast.of_role(SUPERVISOR)[0].id)
        year, quarter = quarter_before(today())
        new = NewCampaign(
            name=f"{year}年第{quarter}季度专精特新企业运行监测",
            form=FORM,
            opens_on=today(),
            closes_on=today() + timedelta(days=DAYS_OPEN),
            population=Population(where=Filter(tiers=("specialised", "little_giant"))),
            validity=ValidityRule(missing_max=MISSING_MAX),
        )
        campaign = await create_campaign(supervisor, new)
        opened = await open_round(supervisor, campaign.id, 1)
        self.campaign = opened.campaign
        firms = {firm.id: firm for firm in self.cast.firms}
        slots = await Slot.visible_to(supervisor).order_by(Slot.code)
        asked = [slot for slot in slots if slot.enterprise not in self.skipped]
        self.stage.chance.shuffle(asked)
        ways: list[Way] = [*[self._visit] * BY_VISIT, *[self._link] * BY_LINK]
        ways += [self._decline, self._refuse, self._miss]
        first = self.stage.place_of(today()) + 1
        for slot, way in zip(asked, ways, strict=False):
            day = self.stage.days[self.stage.chance.randrange(first, len(self.stage.days))]
            clock = time(self.stage.chance.randrange(9, 17), self.stage.chance.randrange(60))
            moment = datetime.combine(day, clock, settings.timezone)
            self.stage.plan(moment, partial(way, slot, firms[slot.enterprise], moment))

    async def _visit(self, slot: Slot, firm: Firm, moment: datetime) -> None:
        more = {"enterprise": firm.id, "origin": "campaign", "campaign": self.campaign, "slot": slot.id}
        answers = monitor_answers(self.stage.chance, firm, today(), [])
        args = self.phones.fill_in(FORM, answers, moment, more=more)
        await self.phones.send(
            firm.commissioner, Done("record.submit", new_id(moment.timestamp()), args, moment), moment
        )

    async def _link(self, slot: Slot, firm: Firm, moment: datetime) -> None:
        """The enterprise follows its link and answers without an account."""
        token = await self._token(slot, firm)
        await look(token)
        args = self.phones.fill_in(FORM, monitor_answers(self.stage.chance, firm, today(), []), moment)
        await answer(token, Raw(msgspec.json.encode(args["answers"])))

    async def _decline(self, slot: Slot, firm: Firm, moment: datetime) -> None:
        await decline(await self._token(slot, firm), "本季度数据尚未审计,不便填报。")

    async def _refuse(self, slot: Slot, firm: Firm, moment: datetime) -> None:
        await mark_slot(
            await self.stage.actor(firm.commissioner.id), slot.id, REFUSED, "企业表示数据已报统计部门,不再重复填报。"
        )

    async def _miss(self, slot: Slot, firm: Firm, moment: datetime) -> None:
        await mark_slot(await self.stage.actor(firm.commissioner.id), slot.id, UNREACHABLE, "三次电话均无人接听。")

    async def _token(self, slot: Slot, firm: Firm) -> str:
        offered = await offer_link(await self.stage.actor(firm.commissioner.id), slot.id)
        return offered.url.rsplit("/", 1)[1]
