"""Installations: enrolled once by a code, known by a token, forked when two of them claim one identity.

Device ids and tokens are derived (from the code and the incarnation, with the server's secret), so that an answer lost
on the way is simply given again. Only hashes are stored.
"""

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from sync import refusal
from sync.bulk import among, ids
from sync.configuration import now, seal
from sync.identity import named_id
from sync.incidents import FORKED, Incident, report
from sync.scopes import grant, person_scope
from sync.transaction import execute, fetch, is_postgres, transaction
from sync.wire import EnrolResponse

CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no 0 O 1 I
CODE_LETTERS = 12
CODE_VALID_FOR = timedelta(days=3)
INCARNATION_CHARS_MAX = 200
NAME_CHARS_MAX = 100
FORKS_MAX = 20
STOPS = "revoked_at, suspended_at, salvage_until"


class DeviceContext(msgspec.Struct, frozen=True):
    """The device that is asking, as its token proved it."""

    bureau: UUID
    device: UUID
    person: UUID
    incarnation: str
    last_pull_at: datetime | None = None
    have_n: int = 0
    is_stopped: bool = False
    """Revoked or suspended, and only heard because its work is still salvaged."""


class Device(msgspec.Struct, frozen=True):
    """One line of a list of devices."""

    id: UUID
    person: UUID
    name: str
    parent: UUID | None
    have_n: int
    enrolled_at: datetime
    last_pull_at: datetime | None
    last_push_at: datetime | None
    revoked_at: datetime | None
    suspended_at: datetime | None
    """Its person may not sign in for the time being."""
    salvage_until: datetime | None
    """Until then a stopped device may hand in what it recorded."""
    clock_offset_seconds: int | None
    lost_until: datetime | None
    """Work the phone did until then was lost by a restore: neither the backup nor the phone has it."""


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token_of(bureau: UUID, device: UUID) -> str:
    return base64.urlsafe_b64encode(seal("token", bureau.bytes + device.bytes)).decode().rstrip("=")


async def issue_code(bureau: UUID, person: UUID, *, valid_for: timedelta = CODE_VALID_FOR) -> str:
    """A one-time code to read out or to show as a QR code; only its hash is kept."""
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LETTERS))
    await execute(
        "INSERT INTO sync_code (code_hash, bureau, person, expires_at) VALUES ($1, $2, $3, $4)",
        [hash_secret(code), bureau, person, now() + valid_for],
    )
    return code


async def enrol(code: str, incarnation: str, name: str = "") -> EnrolResponse:
    """Trade a code for a device. The same installation may ask again if the answer was lost; nobody else may."""
    code_hash = hash_secret(code.strip().upper().replace("-", ""))
    if not incarnation or not _is_incarnation(incarnation):
        raise refusal.malformed("$.incarnation")
    device = named_id("device", code_hash, incarnation)
    async with transaction():
        found = await fetch(
            "UPDATE sync_code SET device = $2 WHERE code_hash = $1"
            " AND (device = $2 OR (device IS NULL AND expires_at > $3)) RETURNING bureau, person",
            [code_hash, device, now()],
        )
        if not found:
            raise refusal.code_invalid()
        bureau, person = found[0]["bureau"], found[0]["person"]
        token = _token_of(bureau, device)
        await _add(bureau, device, person, token, incarnation, None, name.replace("\0", "")[:NAME_CHARS_MAX])
        grant(bureau, person, person_scope(person))
    return EnrolResponse(device, token, person, bureau)


def _is_incarnation(text: str) -> bool:
    """Texts with a NUL cannot be stored on PostgreSQL."""
    return len(text) <= INCARNATION_CHARS_MAX and "\0" not in text


async def _add(
    bureau: UUID, device: UUID, person: UUID, token: str, incarnation: str, parent: UUID | None, name: str
) -> None:
    await execute(
        "INSERT INTO sync_device (bureau, id, person, token_hash, incarnation, parent, name, enrolled_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        [bureau, device, person, hash_secret(token), incarnation, parent, name, now()],
    )


async def authenticate(token: str, *, salvage: bool = False) -> DeviceContext:
    """Who is asking; refuses an unknown token with 401 and a stopped device with 403. With `salvage` one whose work is still
    salvaged passes, as `is_stopped`: only for requests that hand in and give nothing out."""
    found = await fetch(
        f"SELECT bureau, id, person, incarnation, last_pull_at, have_n, {STOPS} FROM sync_device WHERE token_hash = $1",
        [hash_secret(token)],
        brisk=True,
    )
    if not found:
        raise refusal.token_unknown()
    row = found[0]
    is_stopped = stopped(row, now())
    if is_stopped and not salvage:
        raise refusal.device_revoked()
    return DeviceContext(
        row["bureau"], row["id"], row["person"], row["incarnation"], row["last_pull_at"], row["have_n"], is_stopped
    )


def stopped(row: Any, moment: datetime) -> bool:
    """Is the device of these `STOPS` revoked or suspended? Refuses one whose work is not salvaged any more."""
    if row["revoked_at"] is None and row["suspended_at"] is None:
        return False
    if row["salvage_until"] is None or row["salvage_until"] <= moment:
        raise refusal.device_revoked()
    return True


async def fork(context: DeviceContext, incarnation: str) -> refusal.Refusal:
    """Make the identity for the second of two installations, and the refusal that tells it: the same on every ask."""
    if not _is_incarnation(incarnation):
        return refusal.malformed("$.incarnation")
    child = uuid5(context.device, incarnation)
    token = _token_of(context.bureau, child)
    locking = " FOR UPDATE" if is_postgres() else ""
    async with transaction():
        parent = await fetch(
            f"SELECT {STOPS} FROM sync_device WHERE bureau = $1 AND id = $2{locking}",
            [context.bureau, context.device],
        )
        if not parent or stopped(parent[0], now()):
            return refusal.device_revoked()
        found = await fetch(
            "SELECT id FROM sync_device WHERE bureau = $1 AND person = $2 AND parent = $3",
            [context.bureau, context.person, context.device],
        )
        known = {row["id"] for row in found}
        if child not in known and len(known) >= FORKS_MAX:
            return refusal.too_many_forks(FORKS_MAX)
        await _add(context.bureau, child, context.person, token, incarnation, context.device, "")
        if child not in known:
            details = {"fork": str(child)}
            await report(
                Incident(
                    name=FORKED, bureau=context.bureau, person=context.person, device=context.device, details=details
                )
            )
    return refusal.Refusal(
        "device_forked",
        409,
        "检测到本机数据的另一份副本, 已换用新的设备编号",
        "Another copy of this installation exists; this one goes on under a new device id",
        device=str(child),
        token=token,
    )


async def revoke_device(bureau: UUID, device: UUID, *, salvage: timedelta = timedelta()) -> list[UUID]:
    """Stop a device and every fork of it for good; returns the ids that were stopped now. For the time of `salvage` what they
    recorded is still taken, into quarantine. Asked until none is left: a fork that was being made meanwhile has been made
    once its parent could be written."""
    revoked: list[UUID] = []
    async with transaction():
        while found := await _running_family(bureau, device):
            for id in found:
                await execute(
                    "UPDATE sync_device SET revoked_at = $3, salvage_until = $4 WHERE bureau = $1 AND id = $2",
                    [bureau, id, now(), now() + salvage],
                )
            revoked.extend(found)
    return revoked


async def suspend_devices(bureau: UUID, person: UUID, *, salvage: timedelta = timedelta()) -> None:
    """Stop all of a person's devices until `resume_devices`. A code that was given out and not used is void."""
    await execute(
        "UPDATE sync_code SET expires_at = $3 WHERE bureau = $1 AND person = $2 AND device IS NULL AND expires_at > $3",
        [bureau, person, now()],
    )
    await execute(
        "UPDATE sync_device SET suspended_at = $3, salvage_until = $4"
        " WHERE bureau = $1 AND person = $2 AND revoked_at IS NULL AND suspended_at IS NULL",
        [bureau, person, now(), now() + salvage],
    )


async def resume_devices(bureau: UUID, person: UUID) -> None:
    """Let a person's suspended devices go on where they were; those that were revoked stay revoked."""
    await execute(
        "UPDATE sync_device SET suspended_at = NULL, salvage_until = CASE WHEN revoked_at IS NULL THEN NULL"
        " ELSE salvage_until END WHERE bureau = $1 AND person = $2 AND suspended_at IS NOT NULL",
        [bureau, person],
    )


async def _running_family(bureau: UUID, device: UUID) -> list[UUID]:
    found = await fetch(
        "WITH RECURSIVE family (id) AS ("
        " SELECT id FROM sync_device WHERE bureau = $1 AND id = $2"
        " UNION SELECT child.id FROM sync_device child JOIN family ON child.parent = family.id"
        " WHERE child.bureau = $1)"
        " SELECT family.id AS id FROM family JOIN sync_device ON sync_device.id = family.id"
        " WHERE sync_device.bureau = $1 AND sync_device.revoked_at IS NULL",
        [bureau, device],
    )
    return [row["id"] for row in found]


async def running_devices(bureau: UUID, devices: set[UUID]) -> set[UUID]:
    """Those of these devices that have been neither revoked nor suspended."""
    found = await fetch(
        f"SELECT id FROM sync_device WHERE bureau = $1 AND id {among(2)} AND revoked_at IS NULL AND suspended_at IS NULL",
        [bureau, ids(devices)],
    )
    return {row["id"] for row in found}


async def list_devices(bureau: UUID, person: UUID | None = None) -> list[Device]:
    """The bureau's devices, or one person's, the newest first."""
    chosen = "" if person is None else " AND person = $2"
    found = await fetch(
        f"SELECT {', '.join(Device.__struct_fields__)} FROM sync_device WHERE bureau = $1{chosen}"
        " ORDER BY enrolled_at DESC, id",
        [bureau] if person is None else [bureau, person],
    )
    return [Device(**{name: row[name] for name in Device.__struct_fields__}) for row in found]


async def have_n(bureau: UUID, device: UUID) -> int:
    """The highest operation number the server has of this device; it has all below, too."""
    found = await fetch("SELECT have_n FROM sync_device WHERE bureau = $1 AND id = $2", [bureau, device])
    return int(found[0]["have_n"]) if found else 0
