"""A bureau's ladder: reading, checking and replacing its own rungs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.moment import now
from server.people.actions import hold_bureau
from server.people.actor import Actor
from server.refusals import refusal
from server.reminders.ladder.rungs import Complaint, Ladder, Rung, complaints, rungs_of_csv, shipped_ladder
from server.reminders.ladder.tables import LadderEdition
from sync.identity import named_id
from sync.transaction import transaction

EDITIONS_MAX = 500


class NewLadder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of the bureau's own rungs; none goes back to the shipped ladder."""

    rungs: Annotated[list[Rung], Meta(max_length=5000)]
    note: Annotated[str, Meta(max_length=1000)] = ""


class RungOut(Struct, frozen=True, kw_only=True):
    topic: str
    clock: str
    to: tuple[str, ...]
    zh: str
    en: str
    is_own: bool
    """The bureau's own, not the shipped one."""


class LadderOut(Struct, frozen=True, kw_only=True):
    """`version` 0 is the ladder as it ships."""

    version: int
    rungs: list[RungOut]


class LadderEditionOut(Struct, frozen=True, kw_only=True):
    version: int
    at: datetime
    person: UUID
    note: str
    rungs: tuple[Rung, ...]


async def ladder_of(bureau: UUID) -> Ladder:
    """What is in force now."""
    row = (
        await LadderEdition.objects()
        .where(LadderEdition.bureau == bureau)
        .order_by(LadderEdition.version, ascending=False)
        .first()
    )
    return Ladder(row.version, _rungs(row)) if row is not None else Ladder(0, ())


def _rungs(row: LadderEdition) -> tuple[Rung, ...]:
    rungs: tuple[Rung, ...] = msgspec.json.decode(row.rungs, type=tuple[Rung, ...])
    return rungs


async def show_ladder(actor: Actor) -> LadderOut:
    """Every rung in force, the bureau's own and the shipped ones."""
    actor.must("routing.read")
    return _told(await ladder_of(actor.bureau))


def _told(ladder: Ladder) -> LadderOut:
    shipped = set(shipped_ladder())
    rungs = [
        RungOut(topic=one.topic, clock=one.clock, to=one.to, zh=one.zh, en=one.en, is_own=one not in shipped)
        for one in ladder.rungs()
    ]
    return LadderOut(version=ladder.version, rungs=rungs)


async def list_ladders(actor: Actor) -> list[LadderEditionOut]:
    """The bureau's own editions, the newest first."""
    actor.must("routing.read")
    rows = LadderEdition.objects().where(LadderEdition.bureau == actor.bureau)
    return [
        LadderEditionOut(version=row.version, at=row.changed_at, person=row.person, note=row.note, rungs=_rungs(row))
        for row in await rows.order_by(LadderEdition.version, ascending=False)
    ]


def check_ladder(actor: Actor, written: NewLadder) -> list[Complaint]:
    """Everything that speaks against it; nothing is changed."""
    actor.must("routing.write")
    return complaints(written.rungs)


async def replace_ladder(actor: Actor, written: NewLadder) -> LadderOut:
    """The bureau's own rungs from now on. Raises `ladder.invalid` with every complaint, `ladder.full`."""
    actor.must("routing.write")
    found = complaints(written.rungs)
    if found:
        raise refusal(
            "ladder.invalid",
            count=len(found),
            first=found[0].zh,
            first_en=found[0].en,
            at=found[0].at,
            complaints=msgspec.to_builtins(found),
        )
    async with transaction():
        await hold_bureau(actor.bureau)
        version = (await ladder_of(actor.bureau)).version + 1
        if version > EDITIONS_MAX:
            raise refusal("ladder.full", limit=EDITIONS_MAX)
        ladder = Ladder(version, tuple(written.rungs))
        await LadderEdition(
            id=named_id("ladder_edition", actor.bureau, version), bureau=actor.bureau, version=version,
            rungs=msgspec.json.encode(ladder.own).decode(), note=written.note, person=actor.person, changed_at=now(),
        ).save()  # fmt: skip
        details = {"version": version, "rungs": len(ladder.own)}
        await record_event(actor, "ladder.replace", "bureau", actor.bureau, details)
    return _told(ladder)


def read_ladder(path: Path) -> list[Rung]:
    """A CSV with the columns of the shipped one, in UTF-8 or GB18030. Raises `ladder.unreadable`."""
    try:
        content = path.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("gb18030")
        return rungs_of_csv(text)
    except (KeyError, ValueError, OSError) as error:
        raise refusal("ladder.unreadable", file=path.name, reason=str(error)) from None
