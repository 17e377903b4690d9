"""The stage of the demo: a virtual clock that only goes forward, office hours, and who acts.

Whatever happens is put on the programme with its moment and played in the order of the moments, each under its own, so
that every table, timeline and audit row tells the same story.
"""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta
from random import Random
from uuid import UUID

from server.moment import at
from server.people.actions import load_actor
from server.people.actor import Actor
from server.settings import settings
from server.worktime.calendar import WorkCalendar

Work = Callable[[], Awaitable[object]]
DAYS = 66
"""Working days the demo looks back over: about three months."""
MORNING, NOON = (time(8, 45), 190), (time(14, 0), 210)
"""The two halves of an office day: when it begins and for how many minutes things happen."""
DAY_ENDS = time(17, 30)


class Stage:
    """`days` are the working days of the play, the last one the last that is over; `chance` decides all that varies."""

    def __init__(self, seed: int, end: datetime, calendar: WorkCalendar) -> None:
        self.chance = Random(seed)  # noqa: S311 - a play, no secrets
        self.bureau = UUID(int=0)
        self.end = end
        self.days = _days(end, calendar)
        self._programme: list[tuple[datetime, int, Work]] = []
        self._actors: dict[UUID, Actor] = {}
        self._planned = 0

    def plan(self, moment: datetime, work: Work) -> None:
        """Puts something on the programme. What is planned for the same moment happens in the order it was planned."""
        self._planned += 1
        heapq.heappush(self._programme, (moment, self._planned, work))

    async def play(self, on_progress: Callable[[int, int], None] = lambda done, total: None) -> datetime:
        """Plays the programme, which may grow meanwhile; returns the moment of the last thing that happened."""
        done, moment = 0, self.end
        while self._programme:
            moment, _, work = heapq.heappop(self._programme)
            if moment > self.end:
                raise ValueError(f"something is planned for {moment}, after the end of the play")
            with at(moment):
                await work()
            done += 1
            on_progress(done, self._planned)
        return moment

    def in_office(self, day: date, *, late: bool = False) -> datetime:
        """Some moment of the office hours of a day; `late` chooses the afternoon."""
        start, minutes = NOON if late or self.chance.random() < 0.5 else MORNING
        return self._local(day, start) + timedelta(seconds=self.chance.randrange(minutes * 60))

    def later(self, moment: datetime, working_days: int) -> datetime:
        """Office hours so many working days after a moment; with 0 a little later the same day."""
        place = self.place_of(moment.astimezone(settings.timezone).date()) + working_days
        if working_days > 0:
            return self.in_office(self.days[place])
        evening = self._local(self.days[place], DAY_ENDS)
        left = max(60, int((evening - moment).total_seconds()))
        return moment + timedelta(seconds=self.chance.randrange(30, min(left, 5400)))

    def place_of(self, day: date) -> int:
        """Where a day stands among the working days of the play; a rest day counts as the working day before it."""
        return max((place for place, known in enumerate(self.days) if known <= day), default=0)

    async def actor(self, person: UUID) -> Actor:
        """The person as the product knows them; roles stay as they are once the play has begun."""
        if person not in self._actors:
            self._actors[person] = await load_actor(self.bureau, person)
        return self._actors[person]

    def _local(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, settings.timezone)


def _days(end: datetime, calendar: WorkCalendar) -> list[date]:
    local = end.astimezone(settings.timezone)
    day = local.date() if local.time() > DAY_ENDS else local.date() - timedelta(days=1)
    days: list[date] = []
    while len(days) < DAYS:
        if calendar.is_working(day):
            days.append(day)
        day -= timedelta(days=1)
    return days[::-1]
