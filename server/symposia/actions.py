"""Planning a symposium, inviting, letting others help, closing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

import sync.feed
from server.audit.actions import record_event
from server.moment import now
from server.people.actor import Actor
from server.people.tables import Person
from server.refusals import refusal
from server.symposia.attendance.reach import hold_symposium, known_enterprise
from server.symposia.tables import CLOSED, SYMPOSIUM_KINDS, Symposium, SymposiumHelper, SymposiumInvitation
from server.visits.actions import must_know_campaign
from sync.identity import named_id, new_id
from sync.scopes import grant, revoke
from sync.transaction import transaction

KIND = "symposium"
YEARS = range(2000, 2101)
"""Of a meeting: a year beyond them is a slip of the hand, and some have no moment in every time zone."""
Invited = Annotated[list[UUID], Meta(max_length=2000)]
Helpers = Annotated[list[UUID], Meta(max_length=200)]
Words = Annotated[str, Meta(max_length=500)]


class NewSymposium(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(max_length=200)]
    kind: str = "symposium"
    starts_at: Annotated[datetime, Meta(tz=True)]
    place: Words = ""
    host: Words = ""
    recorder: UUID | None = None
    """Who writes the minutes; whoever plans it when left out."""
    campaign: UUID | None = None
    invited: Invited = []
    helpers: Helpers = []
    id: UUID | None = None


def scope_of(symposium: UUID) -> str:
    """Held by the recorder and the helpers: the meeting and everybody who signed in, with their phone numbers."""
    return f"symposium:{symposium}"


async def plan_symposium(actor: Actor, new: NewSymposium) -> Symposium:
    """Raises `symposium.nameless`, `.kind_unknown`, `.year`, `.id_taken`, `person.unknown`, `enterprise.unknown`,
    `campaign.unknown`."""
    actor.must("symposium.record")
    if not new.title.strip():
        raise refusal("symposium.nameless")
    if new.kind not in SYMPOSIUM_KINDS:
        raise refusal("symposium.kind_unknown", kind=new.kind, kinds=", ".join(SYMPOSIUM_KINDS))
    if new.starts_at.year not in YEARS:
        raise refusal("symposium.year", first=YEARS[0], last=YEARS[-1])
    async with transaction():
        if new.id is not None and await Symposium.exists().where(Symposium.id == new.id):
            raise refusal("symposium.id_taken")
        recorder = new.recorder or actor.person
        await _must_work_here(actor, [recorder])
        await must_know_campaign(actor.bureau, new.campaign)
        row = Symposium(
            id=new.id or new_id(),
            bureau=actor.bureau,
            title=new.title.strip(),
            kind=new.kind,
            starts_at=new.starts_at,
            place=new.place,
            host=new.host,
            recorder=recorder,
            campaign=new.campaign,
            created_at=now(),
        )
        await row.save()
        grant(actor.bureau, recorder, scope_of(row.id))
        await _invite(actor, row, new.invited)
        await _help(actor, row, new.helpers)
        sync.feed.touch(actor.bureau, KIND, row.id)
        await record_event(actor, "symposium.plan", KIND, row.id, {"kind": row.kind})
    return row


async def invite(actor: Actor, symposium: UUID, enterprises: list[UUID]) -> int:
    """How many are invited now; inviting twice is once."""
    actor.must("symposium.record")
    async with transaction():
        row = await hold_symposium(actor, symposium)
        await _invite(actor, row, enterprises)
        sync.feed.touch(actor.bureau, KIND, row.id)
        await record_event(actor, "symposium.invite", KIND, row.id, {"enterprises": len(enterprises)})
        return await SymposiumInvitation.count().where(SymposiumInvitation.symposium == row.id)


async def add_helpers(actor: Actor, symposium: UUID, persons: list[UUID]) -> int:
    """Their phones get the meeting and its sign-in. Raises `symposium.closed`."""
    actor.must("symposium.record")
    async with transaction():
        row = await hold_symposium(actor, symposium)
        if row.state == CLOSED:
            raise refusal("symposium.closed")
        await _help(actor, row, persons)
        sync.feed.touch(actor.bureau, KIND, row.id)
        await record_event(actor, "symposium.help", KIND, row.id, {"persons": [str(person) for person in persons]})
        return await SymposiumHelper.count().where(SymposiumHelper.symposium == row.id)


async def close_symposium(actor: Actor, symposium: UUID) -> Symposium:
    """The names and phone numbers leave the helpers' phones; what those still hold unsent is taken in all the same."""
    actor.must("symposium.record")
    async with transaction():
        row = await hold_symposium(actor, symposium)
        if row.state != CLOSED:
            await end(row)
            await record_event(actor, "symposium.close", KIND, row.id, {})
    return row


async def end(symposium: Symposium) -> None:
    """Closes it inside an open transaction."""
    symposium.state, symposium.closed_at = CLOSED, now()
    await symposium.save()
    sync.feed.touch(symposium.bureau, KIND, symposium.id)
    for helper in await SymposiumHelper.objects().where(SymposiumHelper.symposium == symposium.id):
        if helper.person != symposium.recorder:
            revoke(symposium.bureau, helper.person, scope_of(symposium.id))


async def _invite(actor: Actor, symposium: Symposium, enterprises: list[UUID]) -> None:
    invited = await SymposiumInvitation.select(SymposiumInvitation.enterprise).where(
        SymposiumInvitation.symposium == symposium.id
    )
    known = {row["enterprise"] for row in invited}
    for enterprise in enterprises:
        found = await known_enterprise(actor.bureau, enterprise)
        if found is not None and found not in known:
            known.add(found)
            row = SymposiumInvitation(id=named_id("invitation", symposium.id, found), bureau=actor.bureau)
            row.symposium, row.enterprise = symposium.id, found
            await row.save()


async def _help(actor: Actor, symposium: Symposium, persons: list[UUID]) -> None:
    await _must_work_here(actor, persons)
    for person in dict.fromkeys(persons):
        helps = SymposiumHelper.exists().where(
            SymposiumHelper.symposium == symposium.id, SymposiumHelper.person == person
        )
        if not await helps:
            row = SymposiumHelper(id=named_id("helper", symposium.id, person), bureau=actor.bureau)
            row.symposium, row.person = symposium.id, person
            await row.save()
        grant(actor.bureau, person, scope_of(symposium.id))


async def _must_work_here(actor: Actor, persons: list[UUID]) -> None:
    wanted = set(persons)
    known = await Person.count().where(Person.bureau == actor.bureau, Person.id.is_in(list(wanted))) if wanted else 0
    if known != len(wanted):
        raise refusal("person.unknown")
