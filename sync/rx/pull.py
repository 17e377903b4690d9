"""The feed as RxDB reads it (HTTP replication, RxDB 17): one kind at a time, whole documents, a page and a checkpoint.

RxDB knows no scopes. So it is the server that looks, for every row that left a scope and for every row of a scope that
was lost, whether another scope of this person still holds it, and sends `_deleted` documents for those that none holds.
A lost scope is *drained*: the checkpoint remembers how far its rows have been gone through.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from sync import refusal
from sync.bulk import among, ids, texts
from sync.cursor import PROTOCOL, Backfill, Cursor, kinds_number, open_text, seal_text
from sync.devices import DeviceContext, have_n
from sync.operations import Kind, kind_of
from sync.pull import Grants, Head, check_history, note_pull, read_grants, read_head
from sync.reader import Reader
from sync.scopes import scopes_of
from sync.transaction import fetch, transaction
from sync.wire import PULL_BYTES_MAX, RX_LIMIT_MAX, Change, RxCheckpoint, RxPullRequest, RxPullResponse

FILLER = msgspec.Raw(b'{"id":"00000000-0000-0000-0000-000000000000","_deleted":true}')
"""The deletion of a document that does not exist. RxDB takes a page shorter than it asked for as the last, so one that was
cut for its bytes is filled up with it; and RxDB stores no checkpoint without a document, so one comes with it that has moved
on past changes of other kinds: left behind for months, it would fall below the floor of collected tombstones."""


class Drain(msgspec.Struct, array_like=True):
    """A scope this person lost: its rows up to `position`, in the order of the feed, have been gone through."""

    scope: str
    position: int = 0


class Checkpoint(Cursor, array_like=True):
    """A cursor of one kind, with the scopes that are being drained. Drains come before the changes of their round."""

    drains: list[Drain] = msgspec.field(default_factory=list)


_decoder = msgspec.json.Decoder(Checkpoint)


async def rx_pull(context: DeviceContext, kind_name: str, request: RxPullRequest) -> RxPullResponse:
    """The next page of one kind. Refuses with 410 when the checkpoint is not of this person, kind and history: what the
    client holds must then be compared with everything it may see."""
    if not 1 <= request.limit <= RX_LIMIT_MAX:
        raise refusal.malformed("$.limit")
    async with transaction(readonly=True):
        head = await read_head(context.bureau)
        checkpoint = await _open(context, kind_name, request.checkpoint, head)
        grants = await read_grants(context)
        limit = request.limit
        while True:
            page = RxPage(context.bureau, kind_of(kind_name), head, grants, checkpoint, limit)
            response = await page.read()
            size = sum(len(one) for one in response.documents)
            if size <= PULL_BYTES_MAX or len(response.documents) == 1:
                break
            limit = max(1, len(response.documents) * PULL_BYTES_MAX // (size + size // 4))
    if limit < request.limit:
        response.documents += [FILLER] * (request.limit - len(response.documents))
    elif not response.documents and request.checkpoint is not None and response.checkpoint != request.checkpoint:
        response.documents.append(FILLER)
    await note_pull(context)
    return response


async def _open(context: DeviceContext, kind_name: str, told: RxCheckpoint | None, head: Head) -> Checkpoint:
    kinds_asked = kinds_number([kind_name])
    if told is None:
        fresh = Checkpoint(PROTOCOL, context.person, kinds_asked, head.epoch, head.n, head.n, head.n, head.commit)
        fresh.backfills.append(Backfill(0, head.n))
        return fresh
    try:
        checkpoint = _decoder.decode(open_text("rx", told.cursor))
    except (ValueError, msgspec.DecodeError):
        raise refusal.malformed("$.checkpoint.cursor") from None
    if checkpoint.person != context.person or checkpoint.kinds != kinds_asked:
        reason = "person_changed" if checkpoint.person != context.person else "kind_changed"
        raise refusal.resync_required(reason, await have_n(context.bureau, context.device))
    await check_history(context, checkpoint, head)
    return checkpoint


class RxPage:
    """Rounds are read one after the other, within one snapshot, until the page is full or nothing is left."""

    def __init__(
        self, bureau: UUID, kind: Kind, head: Head, grants: Grants, checkpoint: Checkpoint, limit: int
    ) -> None:
        self.bureau = bureau
        self.kind = kind
        self.head = head
        self.grants = grants
        self.at = msgspec.json.decode(msgspec.json.encode(checkpoint), type=Checkpoint)
        self.limit = limit
        self.reader = Reader(bureau, [kind.name], set(grants.active))
        self.rows: list[tuple[UUID, int]] = []
        """Id and number of each document, in their order; number 0 for one that is out of reach."""

    @property
    def room(self) -> int:
        return self.limit - len(self.rows)

    async def read(self) -> RxPullResponse:
        while self.room > 0:
            if self.at.drains:
                await self._drain(self.at.drains[0])
            elif self.at.synced_to < self.at.until:
                await self._read_delta()
            elif self.head.n > self.at.until:
                self._start_round()
            elif self.at.backfills:
                await self._read_backfill(self.at.backfills[0])
            else:
                break
        bodies = await self.kind.load(self.bureau, [id for id, v in self.rows if v])
        documents = [document(self.kind, id, v, bodies.get(id) if v else None).values for id, v in self.rows]
        return RxPullResponse(
            documents=[msgspec.Raw(msgspec.json.encode(one)) for one in documents],
            checkpoint=RxCheckpoint(seal_text("rx", msgspec.json.encode(self.at))),
        )

    def _start_round(self) -> None:
        """Fix how far this round goes; what was lost is drained first, what is new is back-filled last."""
        at, start = self.at, self.at.synced_to
        at.start, at.until, at.commit = start, self.head.n, self.head.commit
        at.drains = [Drain(scope) for _, scope in self.grants.lost_between(start, at.until)]
        if self.grants.held(start, at.until):
            at.backfills.append(Backfill(start, at.until))

    def _held(self) -> list[str]:
        """The scopes this round gives the client; one granted later brings its rows with a back-fill of its own."""
        return self.grants.held(0, self.at.until)

    async def _drain(self, drain: Drain) -> None:
        """Rows the lost scope holds or held, save those that another scope holds."""
        room = self.room
        found = await fetch(
            "SELECT line.id AS id, line.seq AS seq FROM sync_feed AS line WHERE line.bureau = $1 AND line.scope = $2"
            " AND line.kind = $3 AND line.seq > $4 AND NOT EXISTS (SELECT 1 FROM sync_feed AS held"
            " WHERE held.bureau = $1 AND held.kind = line.kind AND held.id = line.id AND held.op = 'put'"
            f" AND held.scope {among(5, 'text')}) ORDER BY line.seq LIMIT $6",
            [self.bureau, drain.scope, self.kind.name, drain.position, texts(self._held()), room],
        )
        self.rows.extend((row["id"], 0) for row in found)
        if len(found) < room:
            self.at.drains.pop(0)
        else:
            drain.position = found[-1]["seq"]

    async def _read_delta(self) -> None:
        at = self.at
        lines, at.synced_to = await self.reader.lines(self.grants.held(0, at.start), at.synced_to, at.until, self.room)
        left = [line.id for line in lines if line.op != "put" and line.id is not None]
        still = await rows_in(self.bureau, self.kind.name, left, self._held()) if left else {}
        self._take(line for line in lines if line.op == "put" or line.id not in still)

    async def _read_backfill(self, backfill: Backfill) -> None:
        """What scopes new to this client held already."""
        scopes = self.grants.of_backfill(backfill)
        lines, reached = await self.reader.lines(
            scopes, backfill.position, backfill.upto, self.room, priority=self.kind.priority
        )
        self._take(lines)
        backfill.position = reached
        if reached == backfill.upto:
            self.at.backfills.remove(backfill)

    def _take(self, lines: Iterable[Change]) -> None:
        for line in lines:
            if line.id is not None:
                self.rows.append((line.id, line.v if line.op == "put" else 0))


class Document(msgspec.Struct, frozen=True):
    """A row as RxDB stores it, and which of its values an edit may change."""

    values: dict[str, Any]
    editable: frozenset[str] = frozenset()


def document(kind: Kind, id: UUID, v: int, body: bytes | None) -> Document:
    """The fields one may edit and the rest of the body side by side, with `id` and `v`; without a body it is deleted."""
    if body is None:
        return Document({"id": str(id), "_deleted": True})
    whole = msgspec.json.decode(body)
    fields, rest = (whole, {}) if kind.unfold is None else kind.unfold(whole)
    return Document({**fields, **rest, "id": str(id), "v": v, "_deleted": False}, frozenset(fields))


async def documents_of(context: DeviceContext, kind_name: str, wanted: list[UUID]) -> dict[UUID, Document]:
    """These rows as this person's RxDB should have them now; those out of reach are missing."""
    kind = kind_of(kind_name)
    held = await rows_in(context.bureau, kind_name, wanted, await scopes_of(context.bureau, context.person))
    bodies = await kind.load(context.bureau, list(held))
    return {id: document(kind, id, held[id], body) for id, body in bodies.items() if id in held}


async def rows_in(bureau: UUID, kind_name: str, wanted: list[UUID], scopes: Iterable[str]) -> dict[UUID, int]:
    """Which of these rows are in one of the scopes, with the numbers at which they last moved."""
    found = await fetch(
        "SELECT id, max(seq) AS seq FROM sync_feed"
        f" WHERE bureau = $1 AND kind = $2 AND id {among(3)} AND op = 'put' AND scope {among(4, 'text')} GROUP BY id",
        [bureau, kind_name, ids(wanted), texts(scopes)],
    )
    return {row["id"]: row["seq"] for row in found}
