"""One verb on many issues: looked at first, done in steps, taken back where that is possible. Each issue's change and the line
that says so are one transaction, so a job that was interrupted goes on where it stood."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.issues.actions import hold_issue, move_issue
from server.issues.fields import Words
from server.issues.queue.snoozing import Snooze, snooze_issue, wake_issue
from server.issues.states import VERBS
from server.issues.tables import Issue
from server.moment import now
from server.people.actions import load_actor
from server.people.actor import SYSTEM, Actor, system_of
from server.refusals import refusal
from server.worklists.bulk.picking import Picked, Picking, pick_issues
from server.worklists.bulk.verbs import SNOOZE, WAKE, fields_of, way_back
from server.worklists.tables import CANCELLED, DONE, SKIPPED, WAITING, BulkItem, BulkJob
from sync.bulk import locked
from sync.identity import new_id
from sync.refusal import Refusal
from sync.transaction import is_fatal, retrying, transaction

STEP = 100
"""Issues of one step; a request does one."""


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    verb: Annotated[str, Meta(max_length=64)]
    fields: dict[str, Any] = {}
    """As in the body of the verb itself."""
    pick: Picking


class Undo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Words


class Foreseen(Struct, frozen=True, kw_only=True):
    """What would become of one issue; `code` and the sentences say why it would stay as it is."""

    issue: str
    number: str
    n: int
    is_possible: bool
    code: str = ""
    zh: str = ""
    en: str = ""


class Preview(Struct, frozen=True, kw_only=True):
    verb: str
    total: int
    possible: int
    items: list[Foreseen]


class JobOut(Struct, frozen=True, kw_only=True):
    id: UUID
    verb: str
    person: UUID
    undoes: UUID | None
    created_at: datetime
    is_open: bool
    is_cancelled: bool
    total: int
    waiting: int
    done: int
    skipped: int
    cancelled: int


class _Tried(Exception):
    """Undoes a try that went well."""


async def preview_bulk(actor: Actor, asked: Asked) -> Preview:
    """Every issue is tried for itself and undone again, so that what is told is what would happen. Nothing stays."""
    actor.must(_permission(asked.verb))
    fields = fields_of(asked.verb, asked.fields)
    items = [await _foresee(actor, asked.verb, fields, one) for one in await pick_issues(actor, asked.pick)]
    return Preview(verb=asked.verb, total=len(items), possible=sum(item.is_possible for item in items), items=items)


def _permission(verb: str) -> str:
    return VERBS[verb].permission if verb in VERBS else "issue.read"


async def _foresee(actor: Actor, verb: str, fields: Struct, one: Picked) -> Foreseen:
    known = {"issue": one.named, "number": one.number, "n": one.n}
    try:
        if one.id is None:
            raise refusal("issue.unknown")
        async with transaction():
            await _use(actor, verb, fields, one.id, one.n)
            raise _Tried
    except _Tried:
        return Foreseen(**known, is_possible=True)  # type: ignore[arg-type]
    except Refusal as refused:
        return Foreseen(**known, is_possible=False, code=refused.code, zh=refused.zh, en=refused.en)  # type: ignore[arg-type]


async def _use(actor: Actor, verb: str, fields: Any, issue: UUID, n: int) -> int:
    """Gives the last line of its timeline afterwards. Raises what the verb refuses, and `issue.stale`."""
    if verb == SNOOZE:
        await snooze_issue(actor, str(issue), msgspec.convert(fields, Snooze, from_attributes=True))
    elif verb == WAKE:
        await wake_issue(actor, str(issue))
    else:
        moved = await move_issue(actor, issue, verb, fields, base=n)
        return int(moved.events)
    return int((await hold_issue(actor, issue)).events)


async def begin_bulk(actor: Actor, asked: Asked) -> JobOut:
    """Writes down what is to be done to which issue; `step_bulk` does it. Raises what picking raises, `issue.unknown` when there
    is nothing at all to do."""
    actor.must(_permission(asked.verb))
    fields_of(asked.verb, asked.fields)
    picked = await pick_issues(actor, asked.pick)
    if not any(one.id for one in picked):
        raise refusal("issue.unknown")
    async with transaction():
        job = await _new_job(actor, asked.verb, asked.fields)
        for place, one in enumerate(picked):
            item = BulkItem(
                id=new_id(), bureau=actor.bureau, job=job.id, place=place, issue=one.id or UUID(int=0), n=one.n
            )
            if one.id is None:
                refused = refusal("issue.unknown")
                item.state, item.code, item.zh, item.en = SKIPPED, refused.code, refused.zh, refused.en
            await item.save()
    return await job_out(job)


async def _new_job(actor: Actor, verb: str, fields: Any, undoes: UUID | None = None) -> BulkJob:
    job = BulkJob(
        id=new_id(), bureau=actor.bureau, person=actor.person, verb=verb, undoes=undoes, created_at=now(),
        fields=msgspec.json.encode(fields).decode(),
    )  # fmt: skip
    await job.save()
    await record_event(actor, "bulk.begin", "bulk", job.id, {"verb": verb, "undoes": str(undoes) if undoes else None})
    return job


async def undo_bulk(actor: Actor, job: UUID, undo: Undo) -> JobOut:
    """A job of its own that takes back what this one did, the last first. What somebody has worked on since stays as it is and
    says so. Raises `bulk.unknown`, `bulk.no_undo`, `bulk.running`, `bulk.undone`."""
    actor.must("issue.read")
    async with transaction():
        found = await _own_job(actor, job, hold=True)
        verb, fields = way_back(found.verb, undo.reason)
        actor.must(_permission(verb))
        if found.is_open:
            raise refusal("bulk.running")
        if await BulkJob.exists().where(BulkJob.bureau == actor.bureau, BulkJob.undoes == found.id):
            raise refusal("bulk.undone")
        back = await _new_job(actor, verb, fields, found.id)
        items = (
            await BulkItem.objects().where(BulkItem.job == found.id, BulkItem.state == DONE).order_by(BulkItem.place)
        )
        for place, item in enumerate(reversed(items)):
            await BulkItem(
                id=new_id(), bureau=actor.bureau, job=back.id, place=place, issue=item.issue, n=item.n_after
            ).save()
        if not items:
            await BulkJob.update({BulkJob.is_open: False}).where(BulkJob.id == back.id)
    return await show_bulk(actor, back.id)


async def step_bulk(actor: Actor, job: UUID, most: int = STEP) -> JobOut:
    """Goes on with it, at most so many issues. Raises `bulk.unknown`."""
    actor.must("issue.read")
    found = await _own_job(actor, job)
    await _step(actor, found, most)
    return await show_bulk(actor, job)


async def _step(actor: Actor, job: BulkJob, most: int) -> None:
    fields = fields_of(job.verb, msgspec.json.decode(job.fields))
    waiting = (
        await BulkItem.select(BulkItem.id)
        .where(BulkItem.job == job.id, BulkItem.state == WAITING)
        .order_by(BulkItem.place)
        .limit(most)
    )
    for row in waiting:
        await retrying(lambda id=row["id"]: _do_item(actor, job, fields, id))  # type: ignore[misc]
    if not await BulkItem.exists().where(BulkItem.job == job.id, BulkItem.state == WAITING):
        await BulkJob.update({BulkJob.is_open: False}).where(BulkJob.id == job.id)


async def _do_item(actor: Actor, job: BulkJob, fields: Struct, id: UUID) -> None:
    """The item is held until the commit: whoever else goes on with the job waits, and finds it done."""
    async with transaction():
        item = await locked(BulkItem.objects()).get(BulkItem.id == id)
        if item is None or item.state != WAITING:
            return
        try:
            async with transaction():
                item.n_after = await _use(actor, job.verb, fields, item.issue, item.n)
            item.state = DONE
        except Refusal as refused:
            if is_fatal(refused):
                raise
            item.state, item.code, item.zh, item.en = SKIPPED, refused.code, refused.zh, refused.en
        await item.save()


async def cancel_bulk(actor: Actor, job: UUID) -> JobOut:
    """What is done stays done; what waits is not done any more. Raises `bulk.unknown`."""
    actor.must("issue.read")
    async with transaction():
        found = await _own_job(actor, job, hold=True)
        if found.is_open:
            rows = locked(BulkItem.objects()).where(BulkItem.job == found.id, BulkItem.state == WAITING)
            held = [item.id for item in await rows.order_by(BulkItem.place)]
            if held:
                await BulkItem.update({BulkItem.state: CANCELLED}).where(BulkItem.id.is_in(held))
            await BulkJob.update({BulkJob.is_open: False, BulkJob.is_cancelled: True}).where(BulkJob.id == found.id)
            await record_event(actor, "bulk.cancel", "bulk", found.id, {"left": len(held)})
    return await show_bulk(actor, job)


async def show_bulk(actor: Actor, job: UUID) -> JobOut:
    """One's own. Raises `bulk.unknown`."""
    actor.must("issue.read")
    return await job_out(await _own_job(actor, job))


async def job_out(job: BulkJob) -> JobOut:
    states = [row["state"] for row in await BulkItem.select(BulkItem.state).where(BulkItem.job == job.id)]
    return JobOut(
        id=job.id, verb=job.verb, person=job.person, undoes=job.undoes, created_at=job.created_at, is_open=job.is_open,
        is_cancelled=job.is_cancelled, total=len(states), waiting=states.count(WAITING), done=states.count(DONE),
        skipped=states.count(SKIPPED), cancelled=states.count(CANCELLED),
    )  # fmt: skip


async def _own_job(actor: Actor, job: UUID, *, hold: bool = False) -> BulkJob:
    query = locked(BulkJob.objects()) if hold else BulkJob.objects()
    found: BulkJob | None = await query.get(
        (BulkJob.bureau == actor.bureau) & (BulkJob.person == actor.person) & (BulkJob.id == job)
    )
    if found is None:
        raise refusal("bulk.unknown")
    return found


async def work_bulk() -> int:
    """Goes on with what was begun and left, a step of each job; as the person who asked, with the rights they have now. Returns
    how many jobs it looked at."""
    jobs = await BulkJob.objects().where(BulkJob.is_open.eq(True)).order_by(BulkJob.created_at).limit(STEP)
    for job in jobs:
        try:
            actor = system_of(job.bureau) if job.person == SYSTEM else await load_actor(job.bureau, job.person)
        except Refusal:  # disabled meanwhile: nobody goes on with it
            await BulkItem.update({BulkItem.state: CANCELLED}).where(BulkItem.job == job.id, BulkItem.state == WAITING)
            await BulkJob.update({BulkJob.is_open: False, BulkJob.is_cancelled: True}).where(BulkJob.id == job.id)
            continue
        await _step(actor, job, STEP)
    return len(jobs)


class ItemOut(Struct, frozen=True, kw_only=True):
    place: int
    issue: UUID | None
    number: str
    state: str
    code: str
    zh: str
    en: str


async def list_items(actor: Actor, job: UUID) -> list[ItemOut]:
    """All of them, at most as many as a job holds, in their order. Raises `bulk.unknown`."""
    actor.must("issue.read")
    found = await _own_job(actor, job)
    items = await BulkItem.objects().where(BulkItem.job == found.id).order_by(BulkItem.place)
    wanted = [item.issue for item in items]
    rows = (
        await Issue.select(Issue.id, Issue.number).where(Issue.bureau == actor.bureau, Issue.id.is_in(wanted))
        if wanted
        else []
    )
    numbers = {row["id"]: row["number"] for row in rows}
    return [
        ItemOut(
            place=item.place, issue=item.issue if item.issue in numbers else None, number=numbers.get(item.issue, ""),
            state=item.state, code=item.code, zh=item.zh, en=item.en,
        )
        for item in items
    ]  # fmt: skip
