"""Push: operations of one device, applied in the order of n, each exactly once, in one transaction.

The ids are stored first; what is stored already is answered from its first result. Then consecutive operations of one
name go to their handler together. Whatever cannot be applied is kept in quarantine, and only what depends on it waits.
"""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from sync import incidents, refusal
from sync.bulk import among, as_json, rows
from sync.bulk import ids as json_ids
from sync.configuration import now
from sync.decisions import release
from sync.devices import STOPS, DeviceContext, fork, stopped
from sync.effects import apply_together, lock_targets, understand
from sync.envelope import Item, decode_packed_push, decode_push, read_items
from sync.operations import Operation, OperationContext, Outcome, Registration, operation_of, quarantine
from sync.quarantine import ID_REUSED, Kept, keep, missing_or_open, open_for
from sync.results import is_plain, repeated, result_of, store_results
from sync.transaction import execute, fetch, is_busy, is_postgres, retrying, transaction
from sync.wire import PushRequest, PushResponse, Result, WireOperation

__all__ = ["decode_packed_push", "decode_push", "push"]

log = logging.getLogger("sync")
ID_TAKEN = refusal.id_taken().code
HELD = Outcome("held", "operation.held", None, "等待前一项操作", "Waits for an earlier operation")
SALVAGED = quarantine(
    "device.revoked",
    "设备已停用, 内容已保留, 待审核",
    "This device has been revoked; what it sent is kept for a decision",
)
REUSED = quarantine(ID_REUSED, "操作编号已用于另一内容", "This operation id was used for other content")


class Run:
    """Consecutive operations of one name that do not depend on each other."""

    def __init__(self, registration: Registration | None) -> None:
        self.registration = registration
        self.items: list[Item] = []
        self.operations: list[Operation[Any]] = []
        self.touched: set[UUID] = set()

    def concerns(self, wire: WireOperation) -> bool:
        return wire.target in self.touched or (wire.prev is not None and wire.prev in self.touched)


def _creates(item: Item) -> str | None:
    """The kind of row this operation brings into being, if it does."""
    registration = operation_of(item.head.op)
    return registration.kind or registration.name if registration and registration.creates else None


class Forked(Exception):
    """Two installations claim one identity; told after the transaction has been left."""


async def push(context: DeviceContext, request: PushRequest) -> PushResponse:
    """Apply what is new, answer what is known. Refusals speak of the envelope only; see Result for each operation."""
    if request.device != context.device:
        raise refusal.device_foreign()
    if request.incarnation != context.incarnation:
        raise await fork(context, request.incarnation)
    received_at = now()
    items = read_items(request)
    try:
        have_n, is_salvage = await retrying(lambda: Push(context, request, received_at).run(items))
    except Forked:
        raise await fork(context, request.incarnation) from None
    except Exception as error:
        if is_busy(error):
            raise refusal.busy() from error
        raise
    results = [item.result for item in items if item.result]
    return PushResponse(results=results, server_time=now(), have_n=have_n, wipe_after=is_salvage)


class Push:
    """One try at one envelope: everything it learns is thrown away if the transaction has to be tried again."""

    def __init__(self, device: DeviceContext, request: PushRequest, received_at: datetime) -> None:
        self.device = device
        self.request = request
        self.bureau = device.bureau
        self.context = OperationContext(
            bureau=device.bureau,
            person=device.person,
            device=device.device,
            received_at=received_at,
            clock_offset=None if request.clock is None else received_at - request.clock,
            last_pull_at=device.last_pull_at,
        )
        self.is_salvage = False
        """The device has been stopped: nothing is applied, everything new is kept, and each waits for a decision of its own."""
        self.again: set[UUID] = set()
        """Known operations whose first answer was `retry`."""
        self.doubled: list[tuple[Item, Item]] = []
        """Operations that stand in this envelope a second time, with their first."""
        self.blocked: set[UUID] = set()
        """Operations that have not been applied, of this push and before."""
        self.awaited: set[UUID] = set()
        """Targets whose creation has not been applied."""

    async def run(self, items: list[Item]) -> tuple[int, bool]:
        """Give every item its result; returns the highest number the server has now, and whether this was salvage."""
        ordered = sorted(items, key=lambda item: item.head.n)
        async with transaction(brisk=True):
            have_n = await self._lock_device()
            last_n = self._check_numbers(ordered, have_n)
            fresh = await self._store_ids(ordered, have_n)
            opened = await self._look_at_quarantine(fresh)
            await self._apply(fresh)
            await store_results(self.bureau, self._to_store(fresh))
            if any(kept.state == "held" for kept in opened):
                applied = [item for item in fresh if item.head.id not in self.blocked]
                targets = [item.wire.target for item in applied if item.wire is not None and _creates(item)]
                await release(self.bureau, [item.head.id for item in applied], targets)
            await self._note_device(last_n)
        for item, first in self.doubled:
            item.result = first.result
        return last_n, self.is_salvage

    async def _lock_device(self) -> int:
        """One push of a device at a time; the second waits here and then finds its operations known."""
        locking = " FOR UPDATE" if is_postgres() else ""
        found = await fetch(
            f"SELECT have_n, {STOPS} FROM sync_device WHERE bureau = $1 AND id = $2{locking}",
            [self.bureau, self.device.device],
        )
        if not found:
            raise refusal.token_unknown()
        self.is_salvage = stopped(found[0], self.context.received_at)
        return int(found[0]["have_n"])

    def _check_numbers(self, ordered: list[Item], have_n: int) -> int:
        """Numbers go on without gaps; one number means one operation. Returns the last number after this push."""
        expected = have_n + 1
        numbers: dict[int, UUID] = {}
        for item in ordered:
            if numbers.setdefault(item.head.n, item.head.id) != item.head.id:
                raise refusal.malformed("$.operations.n")
            if item.head.n > expected:
                raise refusal.n_gap(expected)
            expected = max(expected, item.head.n + 1)
        return expected - 1

    async def _store_ids(self, ordered: list[Item], have_n: int) -> list[Item]:
        """Store the ids nobody has sent yet, and answer the others. Returns what is to be applied, each once."""
        found = await fetch(
            "INSERT INTO sync_operation (bureau, id, hash, device, n, status, received_at)"
            " SELECT $1::uuid, rows.id, rows.hash, $3::uuid, rows.n, 'applied', $4::timestamptz"
            f" FROM {rows('id uuid, hash text, n bigint', 2)} WHERE true"
            " ON CONFLICT (bureau, id) DO NOTHING RETURNING id",
            [
                self.bureau,
                as_json({"id": one.head.id, "hash": one.hash, "n": one.head.n} for one in ordered),
                self.device.device,
                self.context.received_at,
            ],
        )
        fresh, known = ordered, list[Item]()
        if len(found) < len(ordered):
            unseen = {row["id"] for row in found}
            fresh = []
            for item in ordered:
                (fresh if item.head.id in unseen else known).append(item)
                unseen.discard(item.head.id)
        if fresh and fresh[0].head.n <= have_n:
            raise Forked
        if known:
            again = await self._answer_known(known, {item.head.id: item for item in fresh})
            fresh = sorted([*fresh, *again], key=lambda item: item.head.n)
        return fresh

    async def _answer_known(self, known: list[Item], fresh: dict[UUID, Item]) -> list[Item]:
        """First results again; other content under a known id is kept and reported. Returns what was answered `retry`."""
        found = await fetch(
            f"SELECT id, hash, status, result FROM sync_operation WHERE bureau = $1 AND id {among(2)}",
            [self.bureau, json_ids(item.head.id for item in known)],
        )
        stored = {row["id"]: row for row in found}
        again = []
        for item in known:
            row = stored[item.head.id]
            if row["hash"] != item.hash:
                await self._report(incidents.ID_REUSED, operation=str(item.head.id))
                kept = await keep(self.context, item.head, item.body, REUSED, salt=item.hash)
                item.result = result_of(item.head.id, REUSED, kept)
            elif item.head.id in fresh:
                self.doubled.append((item, fresh[item.head.id]))
            elif row["status"] == "retry":
                fresh[item.head.id] = item
                self.again.add(item.head.id)
                again.append(item)
            else:
                item.result = repeated(item.head.id, row["status"], row["result"])
        return again

    async def _look_at_quarantine(self, fresh: list[Item]) -> list[Kept]:
        """Learn which predecessors and creators of targets have not been applied."""
        if not fresh:
            return []
        wires = [item.wire for item in fresh if item.wire is not None]
        own = [item.head.id for item in fresh]
        prevs = [wire.prev for wire in wires if wire.prev is not None]
        opened = await open_for(self.bureau, own + prevs, [wire.target for wire in wires])
        self.blocked = {kept.operation for kept in opened}.difference(own if opened else ())
        self.awaited = {target for kept in opened for target in kept.created}
        if prevs and (elsewhere := set(prevs).difference(own)):
            self.blocked |= await missing_or_open(self.bureau, list(elsewhere))
        return opened

    async def _apply(self, fresh: list[Item]) -> None:
        """In the order of n, runs of one name together. A run ends before an operation that depends on one in it."""
        await lock_targets(self.context, [item.wire for item in fresh if item.wire is not None])
        run = Run(None)
        for item in fresh:
            if item.wire is not None and run.concerns(item.wire):
                await self._apply_run(run)
                run = Run(run.registration)
            understood = self._judge(item)
            if isinstance(understood, Outcome):
                await self._conclude(item, understood)
                continue
            registration, one = understood
            if registration is not run.registration:
                await self._apply_run(run)
                run = Run(registration)
            run.items.append(item)
            run.operations.append(one)
            run.touched.add(one.id)
            run.touched.add(one.target)
        await self._apply_run(run)

    def _judge(self, item: Item) -> tuple[Registration, Operation[Any]] | Outcome:
        if item.wire is None or item.unfit is not None:
            return item.unfit or REUSED
        if self.is_salvage:
            return SALVAGED
        if (self.blocked and item.wire.prev in self.blocked) or (self.awaited and item.wire.target in self.awaited):
            return HELD
        return understand(item.wire, item.args)

    async def _apply_run(self, run: "Run") -> None:
        if run.registration is None or not run.operations:
            return
        outcomes = await apply_together(self.context, run.registration, run.operations)
        for item, outcome in zip(run.items, outcomes, strict=True):
            await self._conclude(item, outcome)

    async def _conclude(self, item: Item, outcome: Outcome) -> None:
        """Note the outcome; what was not applied is kept, and what depends on it must wait."""
        kept = None
        if outcome.quarantine or outcome.status in ("held", "retry"):
            creates = _creates(item) if outcome.code != ID_TAKEN else None  # what is there already need not be awaited
            self.blocked.add(item.head.id)
            if creates and item.wire is not None:
                self.awaited.add(item.wire.target)
            if outcome.status != "retry":
                state = "held" if outcome.status == "held" else "waiting"
                prev = item.wire.prev if item.wire is not None else None
                kept = await keep(self.context, item.head, item.body, outcome, state=state, creates=creates, prev=prev)
        item.result = result_of(item.head.id, outcome, kept)

    def _to_store(self, fresh: list[Item]) -> list[Result]:
        """Ids are stored as plainly applied; only other results, and those tried again, need writing."""
        results = [item.result for item in fresh if item.result is not None]
        return [one for one in results if not is_plain(one) or (self.again and one.id in self.again)]

    async def _report(self, name: str, **details: str) -> None:
        device = self.device
        log.warning("%s by device %s: %s", name, device.device, details)
        await incidents.report(
            incidents.Incident(
                name=name, bureau=device.bureau, person=device.person, device=device.device, details=details
            )
        )

    async def _note_device(self, last_n: int) -> None:
        offset = self.context.clock_offset
        if self.request.lost_until is not None:
            await self._report(incidents.WORK_LOST, until=self.request.lost_until.isoformat())
        await execute(
            "UPDATE sync_device SET have_n = $3, acked = $4, last_push_at = $5,"
            " clock_offset_seconds = COALESCE($6, clock_offset_seconds), lost_until = COALESCE($7, lost_until)"
            " WHERE bureau = $1 AND id = $2",
            [
                self.bureau,
                self.device.device,
                last_n,
                min(self.request.acked, last_n),
                self.context.received_at,
                None if offset is None else round(offset.total_seconds()),
                self.request.lost_until,
            ],
        )
