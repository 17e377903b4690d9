"""A page of changes: what left this person's reach, what changed in the scopes held, then back-fills of new scopes.

One read-only transaction is one snapshot: writers hold the head until they commit, so whoever reads head n reads
everything up to n, and every body fits its number.
"""

import hashlib
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec

from sync import refusal
from sync.configuration import now
from sync.cursor import PROTOCOL, Backfill, Cursor, decode_cursor, encode_cursor, kinds_number
from sync.devices import DeviceContext, have_n
from sync.operations import WORK_PRIORITY_MAX
from sync.reader import Reader
from sync.transaction import execute, fetch, transaction
from sync.wire import (
    FEATURES,
    KINDS_MAX,
    OPERATION_BYTES_MAX,
    OPERATIONS_MAX,
    PULL_BYTES_MAX,
    PULL_LIMIT_MAX,
    PUSH_BYTES_MAX,
    REPAIRS_MAX,
    Change,
    HelloResponse,
    PullRequest,
    PullResponse,
)

LAST_PULL_EVERY = timedelta(minutes=1)  # how old `last_pull_at` may grow before a pull writes it again


class Head(msgspec.Struct):
    """The bureau's counter as this snapshot sees it."""

    n: int
    epoch: UUID
    floor: int
    commit: str


class Grants:
    """The scopes one person holds in this snapshot, with the numbers they were granted at, and those lost."""

    def __init__(self, found: list[Any]) -> None:
        self.active = {row["scope"]: row["granted"] for row in found if row["revoked"] is None}
        self.lost = [(row["revoked"], row["scope"], row["granted"]) for row in found if row["revoked"] is not None]

    @property
    def hash(self) -> str:
        """Another text whenever the person's reach is another."""
        lines = sorted(f"{scope} {granted}" for scope, granted in self.active.items())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def held(self, after: int, upto: int) -> list[str]:
        return [scope for scope, granted in self.active.items() if after < granted <= upto]

    def of_backfill(self, one: Backfill) -> list[str]:
        held = self.held(one.since, one.upto)
        return [scope for scope in held if scope in one.scopes] if one.scopes else held

    def lost_between(self, start: int, until: int) -> list[tuple[int, str]]:
        """What the phone holds (granted not later than `start`) and has lost since."""
        return sorted((revoked, scope) for revoked, scope, granted in self.lost if granted <= start < revoked <= until)


class Page:
    """The lines collected so far, and room for more."""

    def __init__(self, limit: int) -> None:
        self.changes: list[Change] = []
        self.limit = limit

    @property
    def room(self) -> int:
        return self.limit - len(self.changes)


async def pull(context: DeviceContext, request: PullRequest) -> PullResponse:
    """The next page for this device. Refuses with 410 when the cursor belongs to a history this server does not have."""
    if not 1 <= request.limit <= PULL_LIMIT_MAX or len(request.kinds or ()) > KINDS_MAX:
        raise refusal.malformed("$.limit")
    if len(request.repair or ()) > REPAIRS_MAX:
        raise refusal.malformed("$.repair")
    async with transaction(readonly=True):
        response = await _pull(context, request, request.limit)
        while (size := _body_bytes(response)) > PULL_BYTES_MAX and len(response.changes) > 1:
            response = await _pull(
                context, request, max(1, len(response.changes) * PULL_BYTES_MAX // (size + size // 4))
            )
    await note_pull(context)
    return response


async def note_pull(context: DeviceContext) -> None:
    """Remember when this device last pulled, within a minute: event times are bounded by it."""
    moment = now()
    if context.last_pull_at is None or moment - context.last_pull_at > LAST_PULL_EVERY:
        await execute(
            "UPDATE sync_device SET last_pull_at = $3 WHERE bureau = $1 AND id = $2",
            [context.bureau, context.device, moment],
        )


def _body_bytes(response: PullResponse) -> int:
    return sum(len(change.d) for change in response.changes)


async def _pull(context: DeviceContext, request: PullRequest, limit: int) -> PullResponse:
    head = await read_head(context.bureau)
    cursor = await _open_cursor(context, request, head)
    if cursor.synced_to == cursor.until == head.n and not cursor.backfills and not request.repair:
        return _answer(context, cursor, head, [])  # grants, too, take their numbers from the head
    grants = await read_grants(context)
    reader = Reader(context.bureau, request.kinds, set(grants.active))
    page = Page(limit)
    if cursor.synced_to == cursor.until:
        _start_round(cursor, head, grants, page)
    _start_repair(cursor, request)
    await _read_delta(cursor, grants, reader, page)
    if cursor.synced_to == cursor.until:
        await _read_backfills(cursor, grants, reader, page)
    return _answer(context, cursor, head, await reader.with_bodies(page.changes))


def _answer(context: DeviceContext, cursor: Cursor, head: Head, changes: list[Change]) -> PullResponse:
    is_synced = cursor.synced_to == cursor.until
    is_ready = is_synced and all(one.priority > WORK_PRIORITY_MAX for one in cursor.backfills)
    return PullResponse(
        changes=changes,
        cursor=encode_cursor(cursor),
        complete=is_synced and not cursor.backfills,
        until=cursor.until,
        head=head.n,
        ready=["work"] if is_ready else [],
        server_time=now(),
        have_n=context.have_n,
        epoch=head.epoch,
    )


async def hello(
    context: DeviceContext,
    *,
    client_min: str = "",
    retires_on: date | None = None,
    file_bytes_max: int = 0,
    push_bytes_max: int = PUSH_BYTES_MAX,
) -> HelloResponse:
    """What a client asks before it starts."""
    async with transaction(readonly=True):
        head = await read_head(context.bureau)
        grants = await read_grants(context)
        known = await have_n(context.bureau, context.device)
    return HelloResponse(
        protocol=PROTOCOL,
        protocols=[PROTOCOL],
        epoch=head.epoch,
        head=head.n,
        have_n=known,
        scopes_hash=grants.hash,
        server_time=now(),
        client_min=client_min,
        retires_on=retires_on,
        features=list(FEATURES),
        operations_max=OPERATIONS_MAX,
        operation_bytes_max=OPERATION_BYTES_MAX,
        push_bytes_max=min(push_bytes_max, PUSH_BYTES_MAX),
        pull_limit_max=PULL_LIMIT_MAX,
        pull_bytes_max=PULL_BYTES_MAX,
        repairs_max=REPAIRS_MAX,
        file_bytes_max=file_bytes_max,
    )


async def read_grants(context: DeviceContext) -> Grants:
    return Grants(
        await fetch(
            "SELECT scope, granted, revoked FROM sync_grant WHERE bureau = $1 AND person = $2",
            [context.bureau, context.person],
        )
    )


async def read_head(bureau: UUID) -> Head:
    found = await fetch(
        "SELECT sync_head.n AS n, epoch, floor, sync_commit.id AS commit_id FROM sync_head"
        " LEFT JOIN sync_commit ON sync_commit.bureau = sync_head.bureau AND sync_commit.n = sync_head.n"
        " WHERE sync_head.bureau = $1",
        [bureau],
    )
    if not found:
        return Head(0, UUID(int=0), 0, "")
    row = found[0]
    return Head(row["n"], row["epoch"], row["floor"], row["commit_id"] or "")


async def _open_cursor(context: DeviceContext, request: PullRequest, head: Head) -> Cursor:
    """The cursor the phone sent, if it still speaks of this person, these kinds and this history; else a first sync."""
    kinds_asked = kinds_number(request.kinds)
    fresh = Cursor(PROTOCOL, context.person, kinds_asked, head.epoch, head.n, head.n, head.n, head.commit)
    fresh.backfills.append(Backfill(0, head.n))
    if request.cursor is None:
        return fresh
    cursor = decode_cursor(request.cursor)
    if cursor is None or cursor.protocol != PROTOCOL:
        raise refusal.malformed("$.cursor")
    if cursor.person != context.person or cursor.kinds != kinds_asked:
        return fresh
    await check_history(context, cursor, head)
    return cursor


async def check_history(context: DeviceContext, cursor: Cursor, head: Head) -> None:
    """Refuses with 410 a cursor of a history this server does not have, or of one whose tombstones it has forgotten."""
    reason = None
    if cursor.epoch != head.epoch:
        reason = "epoch_changed"
    elif cursor.synced_to < head.floor:
        reason = "below_floor"
    elif not await _is_known(context.bureau, cursor, head):
        reason = "history_changed"
    if reason is not None:
        raise refusal.resync_required(reason, await have_n(context.bureau, context.device))


async def _is_known(bureau: UUID, cursor: Cursor, head: Head) -> bool:
    """Did this server bring the head to `until` by the very commit the cursor names?"""
    if cursor.until == 0:
        return True
    if cursor.until == head.n:
        return cursor.commit == head.commit
    found = await fetch("SELECT id FROM sync_commit WHERE bureau = $1 AND n = $2", [bureau, cursor.until])
    return bool(found) and found[0]["id"] == cursor.commit


def _start_round(cursor: Cursor, head: Head, grants: Grants, page: Page) -> None:
    """Fix how far this round goes; say which scopes are lost, and line up a back-fill for those that are new."""
    start = cursor.synced_to
    if head.n == start:
        return
    cursor.start, cursor.until, cursor.commit = start, head.n, head.commit
    for revoked, scope in grants.lost_between(start, head.n):
        page.changes.append(Change("scope_out", revoked, scopes=[scope]))
    if grants.held(start, head.n):
        cursor.backfills.append(Backfill(start, head.n))


def _start_repair(cursor: Cursor, request: PullRequest) -> None:
    """Line up everything that the scopes in question hold, together with what an unfinished repair was about."""
    if not request.repair or request.cursor is None:
        return
    wanted = set(request.repair).union(*(one.scopes for one in cursor.backfills))
    if len(wanted) > REPAIRS_MAX:
        raise refusal.malformed("$.repair")
    cursor.backfills = [one for one in cursor.backfills if not one.scopes]
    cursor.backfills.append(Backfill(0, cursor.until, scopes=sorted(wanted)))


async def _read_delta(cursor: Cursor, grants: Grants, reader: Reader, page: Page) -> None:
    """Rows that moved since, in the scopes the phone held when the round began."""
    scopes = grants.held(0, cursor.start)
    if cursor.synced_to == cursor.until or page.room <= 0:
        return
    lines, reached = await reader.lines(scopes, cursor.synced_to, cursor.until, page.room)
    cursor.synced_to = reached
    page.changes.extend(lines)


async def _read_backfills(cursor: Cursor, grants: Grants, reader: Reader, page: Page) -> None:
    """Rows that new scopes held already, by priority, until the page is full or nothing is left."""
    priorities = sorted({kind.priority for kind in reader.kinds})
    for one in list(cursor.backfills):
        scopes = grants.of_backfill(one)
        for priority in priorities:
            if priority < one.priority:
                continue
            if priority > one.priority:
                one.priority, one.position = priority, 0
            if page.room <= 0:
                return
            lines, reached = await reader.lines(scopes, one.position, one.upto, page.room, priority=priority)
            page.changes.extend(lines)
            if reached < one.upto:
                one.position = reached
                return
            one.priority, one.position = priority + 1, 0
        cursor.backfills.remove(one)
