"""What a phone should hold, in a few bytes: per scope the number of rows and the xor of their hashes.

The feed is state-based, so the past cannot be asked for: a scope in which anything moved after the phone's own number is
named, not compared. Many persons hold the same large scopes, so what was computed once is kept until the scope moves.
"""

from collections import OrderedDict
from typing import Any
from uuid import UUID

from sync import refusal
from sync.bulk import among, texts
from sync.configuration import now
from sync.cursor import kinds_number
from sync.devices import DeviceContext, have_n
from sync.operations import kinds
from sync.pull import Grants, Head, read_grants, read_head
from sync.scopes import last_moves
from sync.transaction import fetch, transaction
from sync.wire import KINDS_MAX, DigestResponse, ScopeDigest, row_hash

ROWS_AT_ONCE = 5_000
REMEMBERED_MAX = 2_000
_remembered: OrderedDict[tuple[Any, ...], ScopeDigest] = OrderedDict()
"""By bureau, epoch, floor, scope, kinds and the number at which the scope last moved: a tombstone that is collected takes
its number along."""


async def digest(context: DeviceContext, as_of: int, kind_names: list[str] | None = None) -> DigestResponse:
    """The digest of every scope the person held at `as_of` and that has not moved since.

    Refuses with 410 a number this server has not reached, or whose tombstones it has forgotten.
    """
    if as_of < 0:
        raise refusal.malformed("$.as_of")
    if kind_names is not None and len(kind_names) > KINDS_MAX:
        raise refusal.malformed("$.kinds")
    names = [kind.name for kind in kinds() if kind_names is None or kind.name in kind_names]
    async with transaction(readonly=True):
        head = await read_head(context.bureau)
        if as_of > head.n or as_of < head.floor:
            reason = "history_changed" if as_of > head.n else "below_floor"
            raise refusal.resync_required(reason, await have_n(context.bureau, context.device))
        grants = await read_grants(context)
        moved = _granted_or_lost_since(grants, as_of)
        found: dict[str, ScopeDigest] = {}
        for scope, last in (await last_moves(context.bureau, grants.held(0, as_of))).items():
            if last > as_of:
                moved.add(scope)
                continue
            one = await _digest_of(context.bureau, head, scope, last, names)
            if one.count:
                found[scope] = one
    return DigestResponse(
        as_of=as_of, head=head.n, epoch=head.epoch, scopes=found, moved=sorted(moved), server_time=now()
    )


def _granted_or_lost_since(grants: Grants, as_of: int) -> set[str]:
    new = {scope for scope, granted in grants.active.items() if granted > as_of}
    return new | {scope for revoked, scope, granted in grants.lost if granted <= as_of < revoked}


async def _digest_of(bureau: UUID, head: Head, scope: str, last: int, names: list[str]) -> ScopeDigest:
    key = (bureau, head.epoch, head.floor, scope, kinds_number(names), last)
    if key in _remembered:
        _remembered.move_to_end(key)
        return _remembered[key]
    count = total = position = 0
    while True:
        found = await fetch(
            "SELECT kind, id, seq FROM sync_feed WHERE bureau = $1 AND scope = $2 AND seq > $3 AND op = 'put'"
            f" AND kind {among(4, 'text')} ORDER BY seq LIMIT {ROWS_AT_ONCE}",
            [bureau, scope, position, texts(names)],
        )
        for row in found:
            total ^= row_hash(row["kind"], row["id"], row["seq"])
        count += len(found)
        if len(found) < ROWS_AT_ONCE:
            break
        position = found[-1]["seq"]
    one = _remembered[key] = ScopeDigest(count, f"{total:016x}")
    if len(_remembered) > REMEMBERED_MAX:
        _remembered.popitem(last=False)
    return one
