"""The demo as a whole: three months of a bureau, played forward to the last office day that is over.

Stories are fixed first (which issue stands where at the end), then the days on which they begin, then who says so to
whom: visits, meetings, surveys. Nothing is written into a table here; all of it happens through the product's own actions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.demo.acts.meetings import Meeting, hold_meeting, plan_meeting
from server.demo.acts.phones import Done, Phones
from server.demo.acts.stories import Matter, Stories
from server.demo.acts.surveys import census_answers, monitor_answers
from server.demo.acts.visits import Raised, visit_answers
from server.demo.cast import BUREAU_NAME, Cast, Firm, Player, found
from server.demo.seeds import Story, problems, stories
from server.demo.stage import Stage
from server.moment import at, now
from server.people.roles import ADMIN, COMMISSIONER, SUPERVISOR
from server.questionnaires import seed as questionnaires
from server.questionnaires.actions import publish_form
from server.records.actions import approve_record
from server.settings import settings
from server.tasks.actions import finish_task
from server.tasks.tables import Task
from server.visits.actions import VisitPlan, plan_visit
from server.worktime.actions import calendar_of
from sync.identity import new_id

FORMS = ("visit_record", "cultivation_census", "symposium", "ops_monitor_q", "issue_callback")
MEDIA = ("regions.csv", "industries.csv", "size_rules.csv")
VISITS, CENSUS, MONITORS, CALLS = 152, 14, 18, 12
"""Records of each form; with the symposia about 200."""
MEETINGS = (
    (14, "东湖区专精特新企业座谈会", "symposium", "区政府二楼会议室"),
    (31, "银企对接会(三季度)", "bank", "区金融服务中心一楼"),
    (47, "装备制造行业恳谈会", "industry", "贤士湖管理处会议室"),
)
"""Working day, title, kind and place of the symposia."""
FIRST_DAY = 4
"""Working days the bureau needs before its first visit."""
PLANNED_AHEAD = 16
REST_DAYS = 25
"""Working days after which an enterprise may be visited again."""


class Played(Struct, frozen=True):
    """What the play leaves behind, for whoever shows it."""

    cast: Cast
    name: str
    """Of the bureau."""
    last: datetime
    """The moment of the last thing that happened."""


async def play_demo(
    *, seed: int = 1, end: datetime | None = None, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Played:
    """Founds the demo bureau and plays its history up to `end` (now). The same seed and day give the same history."""
    end = end or now()
    stage = Stage(seed, end, await calendar_of(UUID(int=0)))
    opening = datetime.combine(stage.days[0], time(8, 45), settings.timezone)
    with at(opening):
        cast = await found(stage)
        phones = Phones(stage, cast)
        await phones.load_forms(await _publish(stage, cast))
    play = Play(stage, cast, phones)
    play.plan()
    last = await stage.play(on_progress)
    return Played(cast, BUREAU_NAME, last)


async def _publish(stage: Stage, cast: Cast) -> dict[str, str]:
    """Converting a workbook takes a process of its own and seconds, so all are converted at once."""
    folder = Path(questionnaires.__file__).parent
    media = {name: (folder / name).read_bytes() for name in MEDIA}
    admin = await stage.actor(cast.of_role(ADMIN)[0].id)
    made = await asyncio.gather(
        *(publish_form(admin, (folder / f"{form}.xlsx").read_bytes(), f"{form}.xlsx", media) for form in FORMS)
    )
    return {one.form_id: one.version for one in made}


class Play:
    """Puts everything on the programme: who is visited when, and which story begins there."""

    def __init__(self, stage: Stage, cast: Cast, phones: Phones) -> None:
        self.stage = stage
        self.chance = stage.chance
        self.cast = cast
        self.phones = phones
        self.stories = Stories(stage, cast)
        self.records: list[UUID] = []
        self._visited: dict[UUID, int] = {}
        self._staff: dict[UUID, int] = {}
        self._problems = [*problems()]
        self._begun = 0

    def plan(self) -> None:
        for player in self.cast.of_role(COMMISSIONER):
            moment = self.stage.in_office(self.stage.days[self.chance.randrange(1, 3)])
            self.stage.plan(moment, partial(self.phones.enrol, player))
        begins = sorted(((self._begin(story), story) for story in stories()), key=lambda pair: pair[0])
        self._plan_meetings(begins)
        self._plan_surveys(begins)
        self._plan_visits(begins)
        self._plan_desk()

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
                firms=self.chance.sample(self.cast.firms, self.chance.randrange(5, 9)),
                matters=[self._matter(story, recorder) for _, story in chosen],
            )
            self.stage.plan(self._at(place - 3, 15, 0), partial(plan_meeting, self.phones, meeting))
            over = self._at(place, 14, self.chance.randrange(60))
            self.stage.plan(over, partial(self._hold, meeting, over))

    async def _hold(self, meeting: Meeting, moment: datetime) -> None:
        self.records.append(await hold_meeting(self.phones, self.stories, meeting, moment))

    def _plan_surveys(self, begins: list[tuple[int, Story]]) -> None:
        """Some enterprises tell their problems in the yearly census or the quarterly monitor."""
        firms = iter(self.chance.sample(self.cast.firms, CENSUS + MONITORS))
        for form, count in (("cultivation_census", CENSUS), ("ops_monitor_q", MONITORS)):
            telling = [
                pair for pair in begins if pair[1].state in ("IN_PROGRESS", "CLOSED") and not _is_solved(pair[1])
            ]
            for number, firm in zip(range(count), firms, strict=False):
                pair = self.chance.choice(telling) if number < 3 else (self._some_day(), None)
                matters = []
                if pair[1] is not None:
                    telling.remove(pair)
                    begins.remove(pair)
                    matters = [self._matter(pair[1], firm.commissioner)]
                self._plan_survey(form, firm, pair[0], matters)

    def _plan_survey(self, form: str, firm: Firm, place: int, matters: list[Matter]) -> None:
        day = self.stage.days[place]
        rows = [matter.raised.row(self.chance, day) for matter in matters]
        compose = census_answers if form == "cultivation_census" else monitor_answers
        answers = compose(self.chance, firm, day, rows)
        filled_at = self._at(place, self.chance.randrange(9, 15), self.chance.randrange(60))
        self._plan_record(form, firm, answers, filled_at, self._same_day(filled_at), matters)

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
        self._plan_record("visit_record", firm, answers, filled_at, pushed_at, matters)

    def _whom(self, place: int) -> Firm:
        """An enterprise nobody has visited for five weeks, rather one that was never visited."""
        fresh = [firm for firm in self.cast.firms if firm.id not in self._visited]
        rested = [firm for firm in self.cast.firms if place - self._visited.get(firm.id, place) > REST_DAYS]
        firm = self.chance.choice(fresh if fresh and (not rested or self.chance.random() < 0.7) else rested)
        self._visited[firm.id] = place
        return firm

    def _plan_record(
        self,
        form: str,
        firm: Firm,
        answers: dict[str, Any],
        filled_at: datetime,
        pushed_at: datetime,
        matters: list[Matter],
    ) -> None:
        self.stage.plan(pushed_at, partial(self._send, form, firm, answers, filled_at, pushed_at, matters))

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
        (result,) = await self.phones.push(
            firm.commissioner, [Done("record.submit", record, args, filled_at)], pushed_at
        )
        if result.status != "applied":
            raise ValueError(f"{form}: {result}")
        self.records.append(record)
        await self.stories.begin_all(matters, record, pushed_at)
        for task in await Task.objects().where(Task.record == record):
            await self._plan_task(task, firm.commissioner, pushed_at)
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
        await approve_record(supervisor, record)

    def _plan_desk(self) -> None:
        """On the last day, the visits of the coming two weeks."""
        calendar_days = [self.stage.end.astimezone(settings.timezone).date() + timedelta(days=n) for n in range(1, 15)]
        for firm in self.chance.sample(self.cast.firms, PLANNED_AHEAD):
            plan = VisitPlan(
                enterprise=firm.id,
                day=self.chance.choice(calendar_days),
                channel=self.chance.choice(("on_site", "on_site", "phone")),
                purpose=[self.chance.choice(("routine", "policy", "verify_issue"))],
            )
            moment = self.stage.in_office(self.stage.days[-1])
            self.stage.plan(moment, partial(self._plan_ahead, firm, plan))

    async def _plan_ahead(self, firm: Firm, plan: VisitPlan) -> None:
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
