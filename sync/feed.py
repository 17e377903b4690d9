"""The one door to the feed: touch a row, and at the commit it moves to the end of every scope that holds it.

The numbers come from one counter per bureau, raised by the last statements of every write transaction and locked until
its commit: a reader who has seen number n has seen everything up to n. The scopes of touched rows are asked for *under
that lock*; asked for earlier, an assignment that moves meanwhile would leave a row in the wrong scope for ever.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid4

import msgspec

from sync.bulk import among, ids, insert, texts
from sync.configuration import now
from sync.live.news import CHANNEL, encode_news, news_of, tell
from sync.operations import kind_of, kinds
from sync.transaction import defer, execute, fetch, is_postgres, on_commit, transaction
from sync.turn import take_turn

ROWS_AT_ONCE = 1_000
FLUSH_ORDER = 100  # after audit and everything else: every writer of the bureau waits for the row locked here
_COLUMNS = "bureau uuid, kind text, id uuid, scope text, seq bigint, op text, redirect_to uuid"
_MOVE = (
    "ON CONFLICT (bureau, kind, id, scope)"
    " DO UPDATE SET seq = excluded.seq, op = excluded.op, redirect_to = excluded.redirect_to"
)


_NOWHERE: frozenset[str] = frozenset()


class Touch(msgspec.Struct, frozen=True):
    """A row that changed, or went (`op` gone), or became part of another (`op` redirect)."""

    bureau: UUID
    kind: str
    id: UUID
    op: str = "put"
    redirect_to: UUID | None = None
    scopes: frozenset[str] | None = None
    """Of a row that this very transaction inserted: nobody else can have changed them, and no phone can have the row."""


class GrantChange(msgspec.Struct, frozen=True):
    """A scope given to a person or taken away."""

    bureau: UUID
    person: UUID
    scope: str
    is_grant: bool


class Stamp(msgspec.Struct, frozen=True):
    """This transaction wrote field stamps of a touched row; they learn the row's number at its end."""

    bureau: UUID
    kind: str
    id: UUID


def touch(bureau: UUID, kind: str, id: UUID, *, gone: bool = False, redirect_to: UUID | None = None) -> None:
    """This row changed: let every phone that may see it have it. Inside a transaction only; a savepoint that is rolled
    back takes its touches along. `redirect_to` names the row this one was merged into."""
    op = "redirect" if redirect_to is not None else "gone" if gone else "put"
    defer(flush, Touch(bureau, kind, id, op, redirect_to), order=FLUSH_ORDER)


def touch_many(bureau: UUID, kind: str, many: Iterable[UUID], *, gone: bool = False) -> None:
    """`touch` for many rows of one kind."""
    for id in many:
        touch(bureau, kind, id, gone=gone)


def touch_new(bureau: UUID, kind: str, made: Mapping[UUID, Iterable[str]]) -> None:
    """`touch` for rows that this transaction has just inserted, each with the scopes its kind names for it. One that is
    touched again by `touch` is asked for like all others."""
    for id, scopes in made.items():
        defer(flush, Touch(bureau, kind, id, scopes=frozenset(scopes)), order=FLUSH_ORDER)


async def flush(items: list[Touch | GrantChange | Stamp]) -> None:
    """Number and write everything this transaction did to the feed, bureau by bureau in a fixed order."""
    by_bureau: dict[UUID, list[Touch | GrantChange | Stamp]] = defaultdict(list)
    for item in items:
        by_bureau[item.bureau].append(item)
    for bureau in sorted(by_bureau):
        await _flush_bureau(bureau, by_bureau[bureau])


async def _flush_bureau(bureau: UUID, items: list[Touch | GrantChange | Stamp]) -> None:
    touches: dict[tuple[str, UUID], Touch] = {}
    new: set[UUID] = set()
    for item in items:
        if isinstance(item, Touch):
            if item.scopes is not None:
                new.add(item.id)
            earlier = touches.get((item.kind, item.id))
            if earlier is None or earlier.op != "redirect":
                touches[item.kind, item.id] = item
    grants = [item for item in items if isinstance(item, GrantChange)]
    count = len(touches) + len(grants)
    if count == 0:
        return
    head = await raise_head(bureau, count)
    seq = head - count
    for change in grants:
        seq += 1
        await _write_grant(change, seq)
    moved: set[str] = set()
    if touches:
        stamped = {(item.kind, item.id) for item in items if isinstance(item, Stamp)}
        moved, elsewhere = await _write_touches(bureau, list(touches.values()), seq, stamped, new)
        if elsewhere and (following := await _followers(bureau, elsewhere)):
            before, head = head, await raise_head(bureau, len(following))
            moved |= (await _write_touches(bureau, following, before, set(), set()))[0]
    await _write_commit(bureau, head, moved, {change.person for change in grants})


async def _followers(bureau: UUID, elsewhere: list[tuple[str, UUID]]) -> list[Touch]:
    """Rows that are seen by whoever sees one of these, which are in other scopes now."""
    return [
        Touch(bureau, kind.name, id)
        for kind in kinds()
        if kind.follow is not None
        for id in await kind.follow(bureau, elsewhere)
    ]


async def _write_commit(bureau: UUID, head: int, moved: set[str], persons: set[UUID]) -> None:
    """The last statement of the transaction; those who wait for news hear of it when, and only when, it commits."""
    sql = "INSERT INTO sync_commit (bureau, n, id, at) VALUES ($1, $2, $3, $4)"
    values = [bureau, head, token_hex(8), now()]
    news = news_of(bureau, head, moved, persons)
    if is_postgres():
        await fetch(f"{sql} RETURNING pg_notify('{CHANNEL}', $5)", [*values, encode_news(news)])
    else:
        await execute(sql, values)
        on_commit(lambda: tell(news))


async def raise_head(bureau: UUID, count: int) -> int:
    """Lock the bureau's counter until the commit, and take `count` numbers: the last of them is returned."""
    await take_turn("sync_head", bureau)
    found = await fetch(
        "INSERT INTO sync_head (bureau, n, epoch, floor) VALUES ($1, $2, $3, 0)"
        " ON CONFLICT (bureau) DO UPDATE SET n = sync_head.n + excluded.n RETURNING n",
        [bureau, count, uuid4()],
    )
    return int(found[0]["n"])


async def _write_touches(
    bureau: UUID, touches: list[Touch], before: int, stamped: set[tuple[str, UUID]], new: set[UUID]
) -> tuple[set[str], list[tuple[str, UUID]]]:
    """Rows move to their numbers in all their scopes at once; scopes that no longer hold them are told so. Returns all those
    scopes, and the rows that were in others before."""
    current = await _current_scopes(bureau, [one for one in touches if one.scopes is None])
    known = [one for one in touches if one.id not in new] if new else touches
    former = await _former_scopes(bureau, known) if known else {}
    lines: list[tuple[Any, ...]] = []
    elsewhere: list[tuple[str, UUID]] = []
    for seq, one in enumerate(touches, before + 1):
        key = one.kind, one.id
        scopes = current.get(key, _NOWHERE) if one.scopes is None else one.scopes
        lines.extend((bureau, one.kind, one.id, scope, seq, "put", None) for scope in scopes)
        if former and former.get(key, scopes) != scopes:
            elsewhere.append(key)
        if former and (left := former.get(key, _NOWHERE) - scopes):
            is_gone = one.op == "put" and key not in current
            op = "gone" if is_gone else "out" if one.op == "put" else one.op
            lines.extend((bureau, one.kind, one.id, scope, seq, op, one.redirect_to) for scope in left)
        if key in stamped:
            await execute(
                "UPDATE sync_field SET v = $4 WHERE bureau = $1 AND kind = $2 AND id = $3 AND v IS NULL",
                [bureau, one.kind, one.id, seq],
            )
    await insert("sync_feed", _COLUMNS, lines, _MOVE)
    return {line[3] for line in lines}, elsewhere


async def _current_scopes(bureau: UUID, touches: list[Touch]) -> dict[tuple[str, UUID], set[str]]:
    """Where the rows belong now, by their kinds; a row that is missing here has gone."""
    by_kind: dict[str, list[UUID]] = defaultdict(list)
    for one in touches:
        if one.op == "put":
            by_kind[one.kind].append(one.id)
    return {
        (kind, id): scopes
        for kind, wanted in by_kind.items()
        for id, scopes in (await kind_of(kind).scopes(bureau, wanted)).items()
    }


async def _former_scopes(bureau: UUID, touches: list[Touch]) -> dict[tuple[str, UUID], set[str]]:
    """Where phones have the rows so far."""
    if is_postgres():
        # Row by row through the index, told by OFFSET 0: from two lists alone PostgreSQL may choose to read all rows of
        # these kinds while its statistics are young, and an import into a new bureau gets slower with every chunk.
        found = await fetch(
            "SELECT held.kind, held.id, held.scope FROM unnest($2::text[], $3::uuid[]) AS wanted(kind, id)"
            " CROSS JOIN LATERAL (SELECT kind, id, scope FROM sync_feed WHERE sync_feed.bureau = $1"
            " AND sync_feed.kind = wanted.kind AND sync_feed.id = wanted.id AND sync_feed.op = 'put' OFFSET 0) AS held",
            [bureau, [one.kind for one in touches], [one.id for one in touches]],
        )
    else:
        found = await fetch(
            "SELECT kind, id, scope FROM sync_feed"
            f" WHERE bureau = $1 AND kind {among(2, 'text')} AND id {among(3)} AND op = 'put'",
            [bureau, texts({one.kind for one in touches}), ids(one.id for one in touches)],
        )
    former: dict[tuple[str, UUID], set[str]] = defaultdict(set)
    for row in found:
        former[row["kind"], row["id"]].add(row["scope"])
    return former


async def _write_grant(change: GrantChange, seq: int) -> None:
    """Grants are appended: a scope taken away and given again is another generation. What is already so stays so."""
    key = [change.bureau, change.person, change.scope]
    if not change.is_grant:
        await execute(
            "UPDATE sync_grant SET revoked = $4 WHERE bureau = $1 AND person = $2 AND scope = $3 AND revoked IS NULL",
            [*key, seq],
        )
        return
    found = await fetch(
        "SELECT generation, revoked FROM sync_grant WHERE bureau = $1 AND person = $2 AND scope = $3"
        " ORDER BY generation DESC LIMIT 1",
        key,
    )
    if found and found[0]["revoked"] is None:
        return
    generation = found[0]["generation"] + 1 if found else 1
    await execute(
        "INSERT INTO sync_grant (bureau, person, scope, generation, granted) VALUES ($1, $2, $3, $4, $5)",
        [*key, generation, seq],
    )


async def rotate_epoch(bureau: UUID) -> UUID:
    """Begin a new history, as after a restore from a backup: every phone reconciles, keeping its unsent work."""
    epoch = uuid4()
    await execute("UPDATE sync_head SET epoch = $2 WHERE bureau = $1", [bureau, epoch])
    return epoch


async def collect_tombstones(bureau: UUID, upto: int) -> None:
    """Forget rows that went, and commits, up to this number; a phone that has not read that far reconciles. Merges are
    kept: operations made before them may come at any time, and follow them.

    The floor is raised first, by itself: every writer of the bureau waits for its row and should not wait for the rest."""
    async with transaction():
        await execute("UPDATE sync_head SET floor = $2 WHERE bureau = $1 AND floor < $2", [bureau, upto])
    for table, key, old in (
        ("sync_feed", "kind, id, scope", "op IN ('gone', 'out') AND seq <= $2"),
        ("sync_commit", "n", "n < $2"),
    ):
        some = f"SELECT {key} FROM {table} WHERE bureau = $1 AND {old} LIMIT {ROWS_AT_ONCE}"
        sql = f"DELETE FROM {table} WHERE bureau = $1 AND ({key}) IN ({some}) RETURNING 1"
        is_more = True
        while is_more:
            async with transaction():
                is_more = len(await fetch(sql, [bureau, upto])) == ROWS_AT_ONCE


async def heads_of(bureaus: set[UUID]) -> dict[UUID, tuple[int, UUID]]:
    """Head and epoch of each of these bureaus that has any."""
    found = await fetch(f"SELECT bureau, n, epoch FROM sync_head WHERE bureau {among(1)}", [ids(bureaus)])
    return {row["bureau"]: (row["n"], row["epoch"]) for row in found}


async def head_at(bureau: UUID, moment: datetime) -> int:
    """The head as it was at a moment, for collecting what went before it; 0 if nothing is that old."""
    found = await fetch("SELECT max(n) AS n FROM sync_commit WHERE bureau = $1 AND at <= $2", [bureau, moment])
    return int(found[0]["n"] or 0)


async def current_id(bureau: UUID, kind: str, id: UUID) -> UUID:
    """Where a row lives now: itself, or at the end of the merges it went through. A merge that was taken back is none."""
    seen = {id}
    while True:
        found = await fetch(
            "SELECT redirect_to FROM sync_feed WHERE bureau = $1 AND kind = $2 AND id = $3 ORDER BY seq DESC LIMIT 1",
            [bureau, kind, id],
        )
        if not found or found[0]["redirect_to"] is None or found[0]["redirect_to"] in seen:
            return id
        id = found[0]["redirect_to"]
        seen.add(id)
