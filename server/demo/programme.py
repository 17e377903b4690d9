"""The programme of the demo: what happens on which day, and to whom. Longer than 300 lines because it is the whole plan.

Stories are fixed first (which issue stands where at the end), then the days on which they begin, then who says so to
whom: visits, meetings, surveys.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from server.demo.acts.meetings import Meeting, hold_meeting, plan_meeting
from server.demo.acts.phones import Done, Phones
from server.demo.acts.rounds import MonitorRound
from server.demo.acts.stories import Matter, Stories
from server.demo.acts.surveys import census_answers
from server.demo.acts.visits import Raised, visit_answers
from server.demo.cast import Cast, Firm, Player
from server.demo.seeds import Story, problems, stories
from server.demo.stage import Stage
from server.enterprises.assignments.actions import hand_over
from server.enterprises.tables import EnterpriseAssignment
from server.people.roles import COMMISSIONER, DISPATCHER, SUPERVISOR
from server.quarantine.actions import accept, list_waiting
from server.records.actions import approve_record, find_record, return_record
from server.settings import settings
from server.tasks.actions import finish_task
from server.tasks.tables import Task
from server.visits.actions import VisitPlan, plan_visit
from sync.identity import new_id

VISITS, CENSUS = 150, 14
"""Records of these forms; with meetings, monitors and call-backs about 200."""
TELLING = 3
"""Firms that tell a problem in the census."""
MEETINGS = (
    (14, "东湖区专精特新企业座谈会", "symposium", "区政府二楼会议室"),
    (31, "银企对接会", "bank", "区金融服务中心一楼"),
    (47, "装备制造行业恳谈会", "industry", "贤士湖管理处会议室"),
)
"""Working day, title, kind and place of the symposia."""
FIRST_DAY = 4
"""Working days the bureau needs before its first visit."""
ROUND_OPENS = 48
HANDOVERS = ((28, True), (62, False))
"""Working day of a handover that an offline phone did not hear of, and whether a supervisor has settled it since."""
RETURNED = {30: True, 70: True, 110: False}
"""Which visit records a supervisor sends back, and whether they came again."""
PLANNED_AHEAD = 16
REST_DAYS = 25
"""Working days after which an enterprise may be visited again."""


class Programme:
    """Puts everything on the stage's programme."""

    def __init__(self, stage: Stage, cast: Cast, phones: Phones) -> None:
        self.stage = stage
        self.chance = stage.chance
        self.cast = cast
        self.phones = phones
        self.stories = Stories(stage, cast, phones)
        self.visits = 0
        """Visit records that have been sent."""
        self._visited: dict[UUID, int] = {}
        self._staff: dict[UUID, int] = {}
        self._problems = [*problems()]
        self._begun = 0
        self.spare = cast.firms[-len(HANDOVERS) :]
        """Enterprises that change hands: nobody else calls on them."""
        self.firms = cast.firms[: -len(HANDOVERS)]

    def plan(self) -> None:
        for player in self.cast.of_role(COMMISSIONER):
            moment = self.stage.in_office(self.stage.days[self.chance.randrange(1, 3)])
            self.stage.plan(moment, partial(self.phones.enrol, player))
        begins = sorted(((self._begin(story), story) for story in stories()), key=lambda pair: pair[0])
        self._plan_letters(begins)
        self._plan_meetings(begins)
        self._plan_surveys(begins)
        self._plan_visits(begins)
        self._plan_handovers()
        self._plan_ahead()

    def _begin(self, story: Story) -> int:
        """The working day a story begins on, so that it stands where it should when the play ends."""
        latest = len(self.stage.days) - 1 - story.length
        return self.chance.randint(max(FIRST_DAY, latest - story.stands), latest)

    def _matter(self, story: Story, author: Player) -> Matter:
        """The next problem of the list, so that each is told about as often as any other."""
        if self._begun % len(self._problems) == 0:
            self.chance.shuffle(self._problems)
        problem = self._problems[self._begun % len(self._problems)]
        self._begun += 1
        return Matter(story=story, raised=Raised(problem, self.chance), author=author)

    def _plan_letters(self, begins: list[tuple[int, Story]]) -> None:
        """What comes by letter or telephone is typed at the dispatcher's desk."""
        for pair in [pair for pair in begins if _is_by_hand(pair[1])]:
            begins.remove(pair)
            matter = self._matter(pair[1], self.chance.choice(self.cast.of_role(DISPATCHER)))
            firm, moment = self.chance.choice(self.firms), self.stage.in_office(self.stage.days[pair[0]])
            self.stage.plan(moment, partial(self.stories.begin_by_hand, matter, firm, moment))

    def _plan_meetings(self, begins: list[tuple[int, Story]]) -> None:
        for place, title, kind, where in MEETINGS:
            recorder = self.chance.choice(self.cast.of_role(COMMISSIONER))
            chosen = [
                pair for pair in begins if abs(pair[0] - place) <= 2 and pair[1].steps and not _is_solved(pair[1])
            ][:3]
            for pair in chosen:
                begins.remove(pair)
            place = min([place, *(begin for begin, _ in chosen)])
            day = self.stage.days[place]
            meeting = Meeting(
                title=title,
                kind=kind,
                place=where,
                starts=datetime.combine(day, time(9, 30), settings.timezone),
                recorder=recorder,
                firms=self.chance.sample(self.firms, self.chance.randrange(5, 9)),
                matters=[self._matter(story, recorder) for _, story in chosen],
            )
            self.stage.plan(self._at(place - 3, 15, 0), partial(plan_meeting, self.phones, meeting))
            over = self._at(place, 14, self.chance.randrange(60))
            self.stage.plan(over, partial(self._hold, meeting, over))

    async def _hold(self, meeting: Meeting, moment: datetime) -> None:
        await hold_meeting(self.phones, self.stories, meeting, moment)

    def _plan_surveys(self, begins: list[tuple[int, Story]]) -> None:
        """The yearly census, with a problem here and there, and the round of the quarterly monitor."""
        telling = [pair for pair in begins if pair[1].state in ("IN_PROGRESS", "CLOSED") and not _is_solved(pair[1])]
        told = self.chance.sample(telling, TELLING)
        for number, firm in enumerate(self.chance.sample(self.firms, CENSUS)):
            place, matters = self._some_day(), []
            if number < len(told):
                begins.remove(told[number])
                place, matters = told[number][0], [self._matter(told[number][1], firm.commissioner)]
            day = self.stage.days[place]
            rows = [matter.raised.row(self.chance, day) for matter in matters]
            filled_at = self._at(place, self.chance.randrange(9, 15), self.chance.randrange(60))
            answers = census_answers(self.chance, firm, day, rows)
            pushed_at = self._same_day(filled_at)
            send = partial(self._send, "cultivation_census", firm, answers, filled_at, pushed_at, matters)
            self.stage.plan(pushed_at, send)
        monitor = MonitorRound(self.stage, self.cast, self.phones, skipped=self.spare)
        self.stage.plan(self._at(ROUND_OPENS, 9, 10), monitor.open)

    def _plan_visits(self, begins: list[tuple[int, Story]]) -> None:
        """Two problems of one day are sometimes told on one visit; most visits hear of none."""
        heard: list[tuple[int, list[Story]]] = []
        for place, story in begins:
            if heard and heard[-1][0] == place and len(heard[-1][1]) == 1 and self.chance.random() < 0.5:
                heard[-1][1].append(story)
            else:
                heard.append((place, [story]))
        heard += [(self._some_day(), []) for _ in range(VISITS - len(heard))]
        for place, told in sorted(heard, key=lambda pair: pair[0]):
            self._plan_visit(place, told)

    def _plan_visit(self, place: int, told: list[Story]) -> None:
        """The visit is made on the day its record comes, or on the day before when the phone was out of reach until then."""
        offline = place > FIRST_DAY and self.chance.random() < 0.15
        made = place - 1 if offline else place
        firm = self._whom(made)
        day = self.stage.days[made]
        matters = [self._matter(story, firm.commissioner) for story in told]
        rows = [matter.raised.row(self.chance, day, solved=_is_solved(matter.story)) for matter in matters]
        answers = visit_answers(self.chance, firm, firm.commissioner, day, rows, last_staff=self._staff.get(firm.id))
        self._staff[firm.id] = answers["situation"]["staff_now"]
        hour, minute = int(answers["end_time"][:2]), int(answers["end_time"][3:5])
        filled_at = self._at(made, hour, minute) + timedelta(minutes=self.chance.randrange(3, 20))
        pushed_at = self._at(place, 9, self.chance.randrange(5, 40)) if offline else self._same_day(filled_at)
        self.stage.plan(pushed_at, partial(self._send, "visit_record", firm, answers, filled_at, pushed_at, matters))

    def _whom(self, place: int) -> Firm:
        """An enterprise nobody has visited for five weeks, rather one that was never visited."""
        fresh = [firm for firm in self.firms if firm.id not in self._visited]
        rested = [firm for firm in self.firms if place - self._visited.get(firm.id, place) > REST_DAYS]
        firm = self.chance.choice(fresh if fresh and (not rested or self.chance.random() < 0.7) else rested)
        self._visited[firm.id] = place
        return firm

    async def _send(
        self,
        form: str,
        firm: Firm,
        answers: dict[str, Any],
        filled_at: datetime,
        pushed_at: datetime,
        matters: list[Matter],
    ) -> None:
        record = new_id(filled_at.timestamp())
        args = self.phones.fill_in(form, answers, filled_at, more={"enterprise": firm.id})
        await self.phones.send(firm.commissioner, Done("record.submit", record, args, filled_at), pushed_at)
        await self.stories.begin_all(matters, record, pushed_at)
        for task in await Task.objects().where(Task.record == record):
            await self._plan_task(task, firm.commissioner, pushed_at)
        self.visits += form == "visit_record"
        if form == "visit_record" and self.visits in RETURNED:
            self._plan_return(record, firm, answers, pushed_at, again=RETURNED[self.visits])
        else:
            self._plan_review(record, pushed_at)

    async def _plan_task(self, task: Task, player: Player, moment: datetime) -> None:
        """Most promises are kept by their day; what is due later stays open."""
        place = self.stage.place_of(task.due_on)
        if task.due_on > self.stage.days[-1] or self.chance.random() < 0.12:
            return
        done = max(self.stage.in_office(self.stage.days[place]), self.stage.later(moment, 0))
        actor = await self.stage.actor(player.id)
        self.stage.plan(done, partial(finish_task, actor, task.id, "已完成,企业知悉。"))

    def _plan_review(self, record: UUID, moment: datetime) -> None:
        """A supervisor looks at every second record within two days."""
        place = self.stage.place_of(moment.astimezone(settings.timezone).date())
        gap = self.chance.randrange(1, 3)
        if self.chance.random() < 0.5 and place + gap < len(self.stage.days):
            self.stage.plan(self.stage.later(moment, gap), partial(self._approve, record))

    async def _approve(self, record: UUID) -> None:
        supervisor = await self.stage.actor(self.chance.choice(self.cast.of_role(SUPERVISOR)).id)
        await approve_record(supervisor, record, (await find_record(supervisor, record)).versions)

    def _plan_return(self, record: UUID, firm: Firm, answers: dict[str, Any], moment: datetime, *, again: bool) -> None:
        """Sent back the next day with a reason; the author mends it the day after."""
        returned_at = self.stage.later(moment, 1)
        mended_at = self.stage.later(returned_at, 1)

        async def send_back() -> None:
            supervisor = await self.stage.actor(self.cast.of_role(SUPERVISOR)[0].id)
            seen = (await find_record(supervisor, record)).versions
            await return_record(supervisor, record, seen, "请补充企业近期用工情况。")

        async def mend() -> None:
            closing = answers["closing"] | {"remark": "已补充:近期用工稳定,节前有少量临时工。"}
            args = self.phones.fill_in("visit_record", answers | {"closing": closing}, mended_at)
            args = {name: args[name] for name in ("form", "version", "answers", "filled_at")} | {"note": "补充用工情况"}
            await self.phones.send(firm.commissioner, Done("record.amend", record, args, mended_at), mended_at)

        self.stage.plan(returned_at, send_back)
        if again:
            self.stage.plan(mended_at, mend)

    def _plan_handovers(self) -> None:
        """An enterprise gets another commissioner while the first one's phone is offline with a record about it: the record
        waits in quarantine until a supervisor has looked."""
        heirs = self.cast.of_role(COMMISSIONER)[-len(HANDOVERS) :]
        for (place, is_settled), firm, heir in zip(HANDOVERS, self.spare, heirs, strict=True):
            day = self.stage.days[place - 1]
            answers = visit_answers(self.chance, firm, firm.commissioner, day, [], last_staff=None, channel="on_site")
            filled_at = self._at(place - 1, 17, 5)
            self.stage.plan(self._at(place, 8, 50), partial(self._hand_over, firm, heir))
            self.stage.plan(self._at(place, 11, 20), partial(self._send_too_late, firm, answers, filled_at, place))
            if is_settled:
                self.stage.plan(self._at(place + 1, 10, 30), self._settle)

    async def _hand_over(self, firm: Firm, heir: Player) -> None:
        supervisor = await self.stage.actor(self.cast.of_role(SUPERVISOR)[0].id)
        held = await EnterpriseAssignment.in_force(self.stage.bureau).where(EnterpriseAssignment.enterprise == firm.id)
        await hand_over(supervisor, held[0].id, heir.id, reason="街道分工调整")

    async def _send_too_late(self, firm: Firm, answers: dict[str, Any], filled_at: datetime, place: int) -> None:
        record = new_id(filled_at.timestamp())
        args = self.phones.fill_in("visit_record", answers, filled_at, more={"enterprise": firm.id})
        done = Done("record.submit", record, args, filled_at)
        await self.phones.send(firm.commissioner, done, self._at(place, 11, 20), expected="rejected")

    async def _settle(self) -> None:
        supervisor = await self.stage.actor(self.cast.of_role(SUPERVISOR)[0].id)
        for kept in (await list_waiting(supervisor)).items:
            await accept(supervisor, kept.id, "走访在移交之前完成,同意入库。")

    def _plan_ahead(self) -> None:
        """On the last day, the visits of the coming two weeks."""
        last = self.stage.end.astimezone(settings.timezone).date()
        for firm in self.chance.sample(self.firms, PLANNED_AHEAD):
            plan = VisitPlan(
                enterprise=firm.id,
                day=last + timedelta(days=self.chance.randrange(1, 15)),
                channel=self.chance.choice(("on_site", "on_site", "phone")),
                purpose=[self.chance.choice(("routine", "policy", "verify_issue"))],
            )
            self.stage.plan(self.stage.in_office(self.stage.days[-1]), partial(self._announce, firm, plan))

    async def _announce(self, firm: Firm, plan: VisitPlan) -> None:
        await plan_visit(await self.stage.actor(firm.commissioner.id), new_id(), plan)

    def _some_day(self) -> int:
        return self.chance.randrange(FIRST_DAY, len(self.stage.days))

    def _at(self, place: int, hour: int, minute: int) -> datetime:
        return datetime.combine(self.stage.days[place], time(hour, minute), settings.timezone)

    def _same_day(self, moment: datetime) -> datetime:
        """Some time between a moment and the end of that office day."""
        return self.stage.later(moment, 0)


def _is_solved(story: Story) -> bool:
    """Stories that begin on the spot: nobody is asked to handle them."""
    return story.state == "ON_SITE_CLOSED" or (bool(story.steps) and story.steps[0].verb in ("call_back", "close"))


def _is_by_hand(story: Story) -> bool:
    return story.state == "DRAFT" or (bool(story.steps) and story.steps[0].verb == "submit")
