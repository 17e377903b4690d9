"""What clocks tell by themselves, and who hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from server.clocks.lights import Timer
from sync.bulk import among, ids, insert
from sync.identity import kin_id
from sync.transaction import fetch

_SIGNAL = (
    "id uuid, bureau uuid, issue uuid, clock text, level text, round integer, at timestamptz, due timestamptz,"
    " noticed_at timestamptz"
)


class Signal(Struct, frozen=True, kw_only=True):
    """One timer of one issue that has come: `level` as in `server.clocks.lights.Timer`, `event` its name for followers
    (`clock.yellow`, `clock.soon`, `clock.due`, `clock.overdue`, `clock.double_red`, `clock.resume`, `clock.review`,
    `clock.reminder`). `id` is made of issue, clock, round and level, so it serves as an idempotency key."""

    id: UUID
    issue: UUID
    number: str
    lead: UUID | None
    clock: str
    level: str
    round: int
    at: datetime
    due: datetime | None

    @property
    def event(self) -> str:
        return f"clock.{self.level.partition('-')[0]}"


Follower = Callable[[UUID, Sequence[Signal]], Awaitable[None]]
_followers: list[Follower] = []


def on_signals(follower: Follower) -> None:
    """Have `follower(bureau, signals)` called within the transaction that records them: each signal comes once."""
    if follower not in _followers:
        _followers.append(follower)


def signal_of(issue: UUID, number: str, lead: UUID | None, timer: Timer) -> Signal:
    return Signal(
        id=kin_id(issue, f"signal {timer.clock} {timer.round} {timer.level}"), issue=issue, number=number, lead=lead,
        clock=timer.clock, level=timer.level, round=timer.round, at=timer.at, due=timer.due,
    )  # fmt: skip


async def record_signals(bureau: UUID, signals: Sequence[Signal], moment: datetime) -> list[Signal]:
    """Writes those that are new and tells the followers; returns them."""
    if not signals:
        return []
    known = await _known(signals)
    fresh = [signal for signal in signals if signal.id not in known]
    rows = [
        (one.id, bureau, one.issue, one.clock, one.level, one.round, one.at, one.due, moment)
        for one in fresh
    ]  # fmt: skip
    await insert("issue_signal", _SIGNAL, rows, "ON CONFLICT (id) DO NOTHING")
    for follower in _followers:
        await follower(bureau, fresh)
    return fresh


async def _known(signals: Sequence[Signal]) -> set[UUID]:
    """Raw, because the sweep asks for a thousand at a time."""
    rows = await fetch(f"SELECT id FROM issue_signal WHERE id {among(1)}", [ids([one.id for one in signals])])
    return {row["id"] for row in rows}
