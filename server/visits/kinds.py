"""What phones see and do of visits: their own, those they go along to, and those of every enterprise in their care."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from server.enterprises.actions import enterprise_scope
from server.people.actions import actor_of
from server.people.actor import Actor
from server.visits.actions import KIND, Finish, VisitPlan, cancel_visit, finish_visit, plan_visit
from sync.bulk import among, ids
from sync.operations import Kind, Operation, OperationContext, Outcome, applied, operation, register_kind
from sync.scopes import person_scope
from sync.transaction import fetch


class Cancellation(Struct, frozen=True, forbid_unknown_fields=True):
    reason: str = ""


async def load(bureau: UUID, visits: list[UUID]) -> dict[UUID, bytes]:
    along = await _companions(visits)
    found = await fetch(
        "SELECT visit.id, visit.enterprise, visit.person, person.name AS person_name, visit.day, visit.channel,"
        " visit.purpose, visit.state, visit.record, visit.campaign, visit.note, visit.reason"
        " FROM visit JOIN person ON person.id = visit.person"
        f" WHERE visit.bureau = $1 AND visit.id {among(2)}",
        [bureau, ids(visits)],
    )
    return {row["id"]: _body(row, along.get(row["id"], [])) for row in found}


def _body(row: Any, companions: list[UUID]) -> bytes:
    return msgspec.json.encode(dict(row) | {"purpose": Raw(row["purpose"].encode()), "companions": companions})


async def scopes(bureau: UUID, visits: list[UUID]) -> dict[UUID, set[str]]:
    along = await _companions(visits)
    found = await fetch(
        f"SELECT id, person, enterprise FROM visit WHERE bureau = $1 AND id {among(2)}", [bureau, ids(visits)]
    )
    return {
        row["id"]: {
            enterprise_scope(row["enterprise"]),
            person_scope(row["person"]),
            *(person_scope(person) for person in along.get(row["id"], [])),
        }
        for row in found
    }


async def _companions(visits: list[UUID]) -> dict[UUID, list[UUID]]:
    found = await fetch(
        f"SELECT visit, person FROM visit_companion WHERE visit {among(1)} ORDER BY person", [ids(visits)]
    )
    persons: dict[UUID, list[UUID]] = {}
    for row in found:
        persons.setdefault(row["visit"], []).append(row["person"])
    return persons


async def _actor_of(context: OperationContext) -> Actor:
    return await actor_of(context)


async def apply_plan(context: OperationContext, plan: Operation[VisitPlan]) -> Outcome | None:
    warnings = await plan_visit(await _actor_of(context), plan.target, plan.args)
    return applied(warnings=[msgspec.to_builtins(one) for one in warnings]) if warnings else None


async def apply_finish(context: OperationContext, finish: Operation[Finish]) -> Outcome | None:
    await finish_visit(await _actor_of(context), finish.target, finish.args)
    return None


async def apply_cancel(context: OperationContext, cancel: Operation[Cancellation]) -> Outcome | None:
    await cancel_visit(await _actor_of(context), cancel.target, cancel.args.reason)
    return None


def connect() -> None:
    register_kind(Kind(name=KIND, load=load, scopes=scopes, priority=1))
    operation("visit.plan", args=VisitPlan, kind=KIND, creates=True)(apply_plan)
    operation("visit.finish", args=Finish, kind=KIND)(apply_finish)
    operation("visit.cancel", args=Cancellation, kind=KIND)(apply_cancel)
