"""The demo as a whole: three months of a bureau, played forward to the last office day that is over.

Nothing is written into a table here: all of it happens through the product's own actions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path

from msgspec import Struct

from server.audit.actions import record_event
from server.audit.tables import AuditRow
from server.demo.acts.phones import Phones
from server.demo.cast import BUREAU_NAME, Cast, found, settle
from server.demo.programme import Programme
from server.demo.stage import Stage
from server.moment import at, now
from server.people.actor import Actor
from server.people.roles import ADMIN
from server.questionnaires import seed as questionnaires
from server.questionnaires.actions import publish_form
from server.settings import settings
from server.worktime.actions import shipped_calendar
from sync.transaction import transaction

FORMS = ("visit_record", "cultivation_census", "symposium", "ops_monitor_q", "issue_callback")
BEGUN, DONE = "demo.begin", "demo.end"
MEDIA = ("regions.csv", "industries.csv", "size_rules.csv")


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
    """Founds the demo bureau and plays its history up to `end` (now). The same seed and day tell the same history; ids and
    passwords are new each time."""
    stage = Stage(seed, end or now(), shipped_calendar())
    opening = datetime.combine(stage.days[0], time(8, 45), settings.timezone)
    with at(opening):
        cast = await found(stage)
        await _note(cast, BEGUN)
        publishing = asyncio.create_task(_publish(await stage.actor(cast.of_role(ADMIN)[0].id)))
        await settle(stage, cast)
        phones = Phones(stage, cast)
        await phones.load_forms(await publishing)
    Programme(stage, cast, phones).plan()
    last = await stage.play(on_progress)
    with at(last):
        await _note(cast, DONE)
    return Played(cast, BUREAU_NAME, last)


async def is_unfinished() -> bool:
    """Whether a play was begun here and did not come to its end."""
    begun = await AuditRow.count().where(AuditRow.event == BEGUN)
    return begun > await AuditRow.count().where(AuditRow.event == DONE)


async def _note(cast: Cast, event: str) -> None:
    async with transaction():
        await record_event(cast.system, event, "bureau", cast.system.bureau, {})


async def _publish(admin: Actor) -> dict[str, str]:
    """Form → version. Converting a workbook takes a process of its own and seconds, so all are converted at once."""
    folder = Path(questionnaires.__file__).parent
    media = {name: (folder / name).read_bytes() for name in MEDIA}
    made = await asyncio.gather(
        *(publish_form(admin, (folder / f"{form}.xlsx").read_bytes(), f"{form}.xlsx", media) for form in FORMS)
    )
    return {one.form_id: one.version for one in made}
