"""The timetable. Every process looks at the clock; a claim row per firing decides which of them does the work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from msgspec import Struct

from server.alarms.nightly import raise_alarms
from server.callbacks.duty.sweep import sweep_callbacks
from server.campaigns.actions import close_ended_rounds
from server.files.actions import end_expired_uploads, finish_whole_uploads
from server.files.pictures.place import remove_places
from server.files.pictures.thumbnails import make_thumbnails
from server.files.upkeep.sweeping import drop_unreferenced
from server.issues.duty.waiting import offer_all
from server.issues.redating.actions import finish_recounts
from server.issues.timers.sweep import sweep
from server.keeping.history import collect_tombstones
from server.moment import now
from server.notices.outbox.working import forget_notices, sending_at_once, work_outbox
from server.quarantine.actions import forget_results, release_overdue
from server.reminders.supervision import escalate_unanswered
from server.sessions.actions import forget_old_rows
from server.settings import settings
from server.similar.nightly.proposing import propose_groups
from server.similar.phone.kinds import share_known_issues
from server.worklists.bulk.actions import work_bulk
from sync.identity import named_id
from sync.transaction import execute, fetch, is_postgres

log = structlog.get_logger()
MISFIRE_GRACE_SECONDS = 600
CLAIMS_KEPT = timedelta(days=7)


class Job(Struct, frozen=True):
    name: str
    crontab: str
    """In the bureau's time zone."""
    act: Callable[[], Awaitable[object]]
    """An idempotent action: it may run twice, late, or on two servers."""


JOBS = (
    Job("forget_old_rows", "17 3 * * *", forget_old_rows),
    Job("end_expired_uploads", "37 3 * * *", end_expired_uploads),
    Job("finish_whole_uploads", "*/10 * * * *", finish_whole_uploads),
    Job("remove_places", "*/5 * * * *", remove_places),
    Job("make_thumbnails", "* * * * *", make_thumbnails),
    Job("drop_unreferenced", "7 4 * * *", drop_unreferenced),
    Job("offer_all", "*/15 * * * *", offer_all),
    Job("sweep_timers", "* * * * *", sweep),
    Job("forget_results", "27 3 * * *", forget_results),
    Job("collect_tombstones", "57 3 * * *", collect_tombstones),
    Job("release_overdue", "*/10 * * * *", release_overdue),
    Job("work_bulk", "* * * * *", work_bulk),
    Job("work_outbox", "* * * * *", work_outbox),
    Job("forget_notices", "17 4 * * *", forget_notices),
    Job("finish_recounts", "* * * * *", finish_recounts),
    Job("share_known_issues", "*/15 * * * *", share_known_issues),
    Job("propose_groups", "23 2 * * *", propose_groups),
    Job("raise_alarms", "37 0 * * *", raise_alarms),
    Job("sweep_callbacks", "*/10 * * * *", sweep_callbacks),
    Job("escalate_unanswered", "12 * * * *", escalate_unanswered),
    Job("close_ended_rounds", "7 0 * * *", close_ended_rounds),
)


async def claim(name: str, firing: str) -> bool:
    """True for exactly one of all the processes that ask for this firing."""
    moment = now() if is_postgres() else now().isoformat(" ")
    key = named_id("firing", name, firing)
    rows = await fetch(
        "INSERT INTO job_run (id, job, firing, claimed_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING RETURNING id",
        [key if is_postgres() else str(key), name, firing, moment],
    )
    return bool(rows)


async def _run(job: Job) -> None:
    firing = now().astimezone(settings.timezone).strftime("%Y-%m-%dT%H:%M")
    if not await claim(job.name, firing):
        return
    log.info("job.start", job=job.name, firing=firing)
    await job.act()
    log.info("job.done", job=job.name, firing=firing)


async def forget_claims() -> None:
    moment = now() - CLAIMS_KEPT
    await execute("DELETE FROM job_run WHERE claimed_at < $1", [moment if is_postgres() else moment.isoformat(" ")])


@asynccontextmanager
async def running_jobs() -> AsyncIterator[None]:
    scheduler = AsyncIOScheduler(
        job_defaults={"coalesce": True, "misfire_grace_time": MISFIRE_GRACE_SECONDS, "max_instances": 1}
    )
    for job in (*JOBS, Job("forget_claims", "47 3 * * *", forget_claims)):
        trigger = CronTrigger.from_crontab(job.crontab, timezone=settings.timezone)
        scheduler.add_job(partial(_run, job), trigger, id=job.name)
    scheduler.start()
    try:
        async with sending_at_once():
            yield
    finally:
        scheduler.shutdown(wait=False)
