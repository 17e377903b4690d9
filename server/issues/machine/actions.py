"""A bureau's own machine: shown, checked, put in force as a new version."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

from server.audit.actions import record_event
from server.issues.machine.overlay import Complaint, Machine, Overlay, complaints
from server.issues.machine.tables import IssueMachine, machine_of
from server.issues.states import STATES, VERBS
from server.moment import now
from server.people.actor import Actor
from server.people.roles import ROLES
from server.refusals import refusal
from sync.identity import new_id
from sync.transaction import fetch, is_postgres, transaction


class StateOut(Struct, frozen=True, kw_only=True):
    code: str
    zh: str
    en: str
    is_open: bool
    waits_for: str


class VerbOut(Struct, frozen=True, kw_only=True):
    verb: str
    zh: str
    en: str
    permission: str
    roles: list[str]
    where: str
    route: str
    required: list[str]
    optional: list[str]
    offline: bool


class MoveOut(Struct, frozen=True, kw_only=True):
    verb: str
    state: str
    """Where it starts; empty for opening."""
    to: str
    outcome: str


class MachineOut(Struct, frozen=True, kw_only=True):
    """The whole machine in force, and what of it is the bureau's own (`overlay`)."""

    version: int
    states: list[StateOut]
    verbs: list[VerbOut]
    moves: list[MoveOut]
    overlay: Overlay


class NewMachine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An empty overlay goes back to the shipped tables."""

    base: int
    """The version it was made from."""
    overlay: Overlay
    reason: Annotated[str, Meta(min_length=1, max_length=1000)]


class Version(Struct, frozen=True, kw_only=True):
    version: int
    at: datetime
    person: UUID
    reason: str
    overlay: Raw


async def show_machine(actor: Actor) -> MachineOut:
    actor.must("issue.read" if actor.may("issue.read") else "routing.read")
    return shown_machine(await machine_of(actor.bureau))


def check_machine(actor: Actor, overlay: Overlay) -> list[Complaint]:
    """Everything that speaks against it; nothing is changed."""
    actor.must("routing.write")
    return complaints(overlay)


async def list_versions(actor: Actor) -> list[Version]:
    """Newest first."""
    actor.must("routing.read")
    rows = (
        IssueMachine.objects()
        .where(IssueMachine.bureau == actor.bureau)
        .order_by(IssueMachine.version, ascending=False)
    )
    return [
        Version(version=row.version, at=row.at, person=row.person, reason=row.reason, overlay=Raw(row.body.encode()))
        for row in await rows.limit(100)
    ]


async def change_machine(actor: Actor, new: NewMachine) -> MachineOut:
    """In force from now on, also for issues on their way. Raises `machine.invalid` with every complaint, `machine.stale`."""
    actor.must("routing.write")
    found = complaints(new.overlay)
    if found:
        raise refusal(
            "machine.invalid",
            count=len(found),
            first=found[0].zh,
            first_en=found[0].en,
            complaints=msgspec.to_builtins(found),
        )
    async with transaction():
        if is_postgres():  # of two changes at once the second must see the first
            await fetch("SELECT id FROM bureau WHERE id = $1 FOR UPDATE", [actor.bureau])
        current = await machine_of(actor.bureau)
        if new.base != current.version:
            raise refusal("machine.stale", base=new.base, version=current.version)
        row = IssueMachine(
            id=new_id(), bureau=actor.bureau, version=current.version + 1, at=now(), person=actor.person, reason=new.reason,
            body=msgspec.json.encode(new.overlay).decode(),
        )  # fmt: skip
        await row.save()
        details: dict[str, Any] = {"version": row.version, "before": current.version}
        await record_event(actor, "machine.change", "bureau", actor.bureau, details)
    return shown_machine(Machine(row.version, new.overlay))


def shown_machine(machine: Machine) -> MachineOut:
    return MachineOut(
        version=machine.version,
        states=[
            StateOut(code=one.code, zh=one.zh, en=one.en, is_open=one.is_open, waits_for=one.waits_for)
            for one in (machine.state(code) for code in STATES)
        ],
        verbs=[_verb(machine, name) for name in VERBS],
        moves=[
            MoveOut(verb=move.verb, state=move.source, to=move.target, outcome=move.outcome) for move in machine.moves()
        ],
        overlay=machine.overlay,
    )


def _verb(machine: Machine, name: str) -> VerbOut:
    verb, asked = machine.verb(name), machine.rule(name).required
    fields = msgspec.structs.fields(verb.fields)
    required = [field.name for field in fields if field.required or field.name in asked]
    return VerbOut(
        verb=name, zh=verb.zh, en=verb.en, permission=verb.permission, where=verb.where, route=verb.route,
        roles=sorted(role for role, permissions in ROLES.items() if verb.permission in permissions),
        required=required, optional=[field.name for field in fields if field.name not in required], offline=verb.offline,
    )  # fmt: skip
