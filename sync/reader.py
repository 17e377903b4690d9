"""Reads lines of the feed and the bodies of their rows, for one person: one statement per page, one per kind."""

from collections import defaultdict
from typing import Any
from uuid import UUID

import msgspec

from sync.bulk import among, ids, texts
from sync.feed import current_id
from sync.operations import kind_of, kinds
from sync.transaction import fetch, is_postgres
from sync.wire import Change


class Reader:
    """What one person may read in this snapshot, of the kinds the client asked for."""

    def __init__(self, bureau: UUID, kind_names: list[str] | None, scopes: set[str]) -> None:
        self.bureau = bureau
        self.kinds = [kind for kind in kinds() if kind_names is None or kind.name in kind_names]
        self.scopes = scopes

    async def lines(
        self, scopes: list[str], after: int, upto: int, room: int, *, priority: int | None = None
    ) -> tuple[list[Change], int]:
        """At most `room` rows with numbers in (after, upto], and the number everything is read up to.

        With a priority it is a back-fill: only rows that are there, only kinds of that priority.
        """
        names = [kind.name for kind in self.kinds if priority is None or kind.priority == priority]
        if not scopes or not names or after >= upto:
            return [], upto
        only = "" if priority is None else " AND op = 'put'"
        wanted = room + 1
        while True:
            found = await fetch(
                _lines_sql(only, is_postgres()), [self.bureau, texts(scopes), after, upto, wanted, texts(names)]
            )
            by_seq: dict[int, list[Any]] = defaultdict(list)
            for row in found:
                by_seq[row["seq"]].append(row)
            if len(found) == wanted:
                by_seq.popitem()  # the last row's scopes may be cut off
            if by_seq or len(found) < wanted:
                break
            wanted *= 4
        chosen = list(by_seq.items())
        is_all = len(found) < wanted and len(chosen) <= room
        chosen = chosen[:room]
        lines = [_fold(seq, rows, is_backfill=priority is not None) for seq, rows in chosen]
        return lines, upto if is_all else chosen[-1][0]

    async def with_bodies(self, changes: list[Change]) -> list[Change]:
        """Fill in the bodies, one statement per kind; a row that has no body any more is gone."""
        by_kind: dict[str, list[UUID]] = defaultdict(list)
        for change in changes:
            if change.op == "put" and change.kind is not None and change.id is not None:
                by_kind[change.kind].append(change.id)
        bodies = {name: await kind_of(name).load(self.bureau, wanted) for name, wanted in by_kind.items()}
        for change in changes:
            if change.op == "put" and change.kind is not None and change.id is not None:
                body = bodies[change.kind].get(change.id)
                if body is None:
                    change.op, change.scopes, change.add = "gone", None, False
                else:
                    change.d = msgspec.Raw(body)
        await self._hide_redirects(changes)
        return changes

    async def _hide_redirects(self, changes: list[Change]) -> None:
        """A merged row points to where it lives now, but only if that can be seen; elsewhere it is simply out."""
        merges = [change for change in changes if change.op == "redirect"]
        if not merges:
            return
        for change in merges:
            if change.kind is not None and change.to is not None:
                change.to = await current_id(self.bureau, change.kind, change.to)
        targets = {change.to for change in merges}
        found = await fetch(
            "SELECT DISTINCT id FROM sync_feed"
            f" WHERE bureau = $1 AND op = 'put' AND id {among(2)} AND scope {among(3, 'text')}",
            [self.bureau, ids(target for target in targets if target is not None), texts(self.scopes)],
        )
        visible = {row["id"] for row in found}
        for change in merges:
            if change.to in visible:
                change.scopes = None
            else:
                change.op, change.to, change.merged = "out", None, True


def _lines_sql(only: str, postgres: bool) -> str:
    columns = "kind, id, seq, op, redirect_to, scope"
    if not postgres:
        return (
            f"SELECT {columns} FROM sync_feed WHERE bureau = $1 AND scope IN (SELECT value FROM json_each($2))"
            f" AND seq > $3 AND seq <= $4 AND kind IN (SELECT value FROM json_each($6)){only} ORDER BY seq LIMIT $5"
        )
    return (
        f"SELECT line.* FROM unnest($2::text[]) AS held (held_scope) CROSS JOIN LATERAL ("
        f" SELECT {columns} FROM sync_feed WHERE bureau = $1 AND scope = held_scope AND seq > $3 AND seq <= $4"
        f" AND kind = ANY($6::text[]){only} ORDER BY seq LIMIT $5) AS line"
        " ORDER BY seq LIMIT $5"
    )


def _fold(seq: int, found: list[Any], *, is_backfill: bool) -> Change:
    """One row's lines of one number become one: there if any scope of the person's still holds it."""
    first = found[0]
    if len(found) == 1 and first["op"] == "put":
        return Change("put", seq, first["kind"], first["id"], [first["scope"]], is_backfill)
    scopes = sorted(row["scope"] for row in found if row["op"] == "put")
    if scopes:
        return Change("put", seq, first["kind"], first["id"], scopes, is_backfill)
    left = sorted(row["scope"] for row in found)
    if first["op"] == "redirect":
        return Change("redirect", seq, first["kind"], first["id"], left, to=first["redirect_to"])
    return Change(first["op"], seq, first["kind"], first["id"], left if first["op"] == "out" else None)
