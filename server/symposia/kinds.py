"""What phones see and do of symposia: the meeting and its sign-in, for its recorder and helpers alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from server.people.actions import actor_of
from server.symposia.actions import KIND, scope_of
from server.symposia.attendance.actions import KIND as ATTENDANCE_KIND
from server.symposia.attendance.actions import sign_in
from server.symposia.attendance.signatures import Entry
from sync.bulk import among, ids
from sync.operations import Kind, Operation, OperationContext, Outcome, operation, register_kind
from sync.transaction import fetch

SYMPOSIUM_COLUMNS = "id, title, kind, starts_at, place, host, recorder, campaign, state, record"
ATTENDANCE_COLUMNS = (
    "id, symposium, kind, enterprise, unit, name, post, phone, mode, excused, signed_at, signed_by, after_close"
)


class SignIn(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of `attendance.sign_in`; its target is the row's own id."""

    symposium: UUID


async def load_symposia(bureau: UUID, symposia: list[UUID]) -> dict[UUID, bytes]:
    helpers = await _beside("symposium_helper", "person", symposia)
    invited = await _beside("symposium_invitation", "enterprise", symposia)
    found = await fetch(
        f"SELECT {SYMPOSIUM_COLUMNS} FROM symposium WHERE bureau = $1 AND id {among(2)}", [bureau, ids(symposia)]
    )
    return {
        row["id"]: msgspec.json.encode(
            dict(row) | {"helpers": helpers.get(row["id"], []), "invited": invited.get(row["id"], [])}
        )
        for row in found
    }


async def _beside(table: str, column: str, symposia: list[UUID]) -> dict[UUID, list[UUID]]:
    found = await fetch(
        f"SELECT symposium, {column} FROM {table} WHERE symposium {among(1)} ORDER BY {column}", [ids(symposia)]
    )
    beside: dict[UUID, list[UUID]] = {}
    for row in found:
        beside.setdefault(row["symposium"], []).append(row[column])
    return beside


async def symposium_scopes(bureau: UUID, symposia: list[UUID]) -> dict[UUID, set[str]]:
    return {symposium: {scope_of(symposium)} for symposium in symposia}


async def load_attendance(bureau: UUID, rows: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT {ATTENDANCE_COLUMNS} FROM attendance WHERE bureau = $1 AND id {among(2)}", [bureau, ids(rows)]
    )
    return {row["id"]: msgspec.json.encode(_body(row)) for row in found}


def _body(row: Any) -> dict[str, Any]:
    return dict(row) | {"excused": bool(row["excused"]), "after_close": bool(row["after_close"])}


async def attendance_scopes(bureau: UUID, rows: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(
        f"SELECT id, symposium FROM attendance WHERE bureau = $1 AND id {among(2)}", [bureau, ids(rows)]
    )
    return {row["id"]: {scope_of(row["symposium"])} for row in found}


async def apply_sign_in(context: OperationContext, signed: Operation[SignIn]) -> Outcome | None:
    actor = await actor_of(context)
    signed_at = min(context.corrected(signed.at), context.received_at)
    await sign_in(actor, signed.target, signed.args.symposium, signed.args, signed_at)
    return None


def connect() -> None:
    register_kind(Kind(name=KIND, load=load_symposia, scopes=symposium_scopes, priority=1))
    register_kind(Kind(name=ATTENDANCE_KIND, load=load_attendance, scopes=attendance_scopes, priority=1))
    operation("attendance.sign_in", args=SignIn, kind=ATTENDANCE_KIND, creates=True)(apply_sign_in)
