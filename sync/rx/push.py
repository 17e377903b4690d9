"""What RxDB pushes: whole documents, as the client has them now and as it believes that the server has them.

The difference becomes one field edit, an operation like any phone's, numbered here because RxDB numbers nothing. Its id is
made of both states, so a push that is sent again is the same operation. Then each document is compared with the
row: whatever the reason, a client that holds something else is told the row as it is, which is what RxDB calls a conflict.
"""

import hashlib
from typing import Any
from uuid import UUID, uuid5

import msgspec

from sync import refusal
from sync.bulk import among, ids
from sync.configuration import now
from sync.devices import DeviceContext
from sync.envelope import TOO_LARGE, Item, decode_mended
from sync.feed import current_id
from sync.identity import named_id
from sync.operations import Outcome, kind_of, quarantine
from sync.patches import fields_unknown, patch_operation
from sync.push import Push
from sync.rx.pull import Document, documents_of
from sync.stamps import read_stamps
from sync.transaction import fetch, is_busy, retrying, transaction
from sync.wire import (
    OPERATION_BYTES_MAX,
    OPERATIONS_MAX,
    OperationHead,
    PushRequest,
    RxPushRequest,
    RxPushResponse,
    RxRow,
    WireOperation,
)

OWN_KEYS = frozenset({"id", "v", "_deleted", "_rev", "_meta", "_attachments"})
"""What a document carries beside the row's own fields."""
ABSENT = object()
_decoder = msgspec.json.Decoder(RxPushRequest)
_canonical = msgspec.json.Encoder(order="deterministic")


def decode_rx_push(body: bytes) -> RxPushRequest:
    return decode_mended(body, _decoder)


class Edit:
    """One document of a push: which row it is about, and which fields the client changed. Absent keys mean unchanged."""

    def __init__(self, context: DeviceContext, kind_name: str, place: int, row: RxRow) -> None:
        self.row = row
        self.kind_name = kind_name
        id = row.new_document_state.get("id")
        if not isinstance(id, str):
            raise refusal.malformed(f"$[{place}].newDocumentState.id")
        self.target = _uuid(id)
        digest = hashlib.sha256(_canonical.encode([row.assumed_master_state, row.new_document_state])).hexdigest()
        self.hash = digest[:32]
        self.operation = named_id("rx", context.device, kind_name, id, digest)
        assumed = row.assumed_master_state or {}
        self.wanted = {
            name: value
            for name, value in row.new_document_state.items()
            if name not in OWN_KEYS and assumed.get(name, ABSENT) != value
        }
        self.was = {name: assumed[name] for name in self.wanted if name in assumed}

    @property
    def is_work(self) -> bool:
        """Does it hold something to apply or to keep? A deletion does not: rows are never deleted by a field edit."""
        return bool(self.wanted) and not self.row.new_document_state.get("_deleted")

    def item(self, operation_name: str, master: Document | None) -> Item:
        """The operation as a phone would have sent it; its number comes when the device is locked."""
        was = self.was | self._never_seen(master)
        head = OperationHead(self.operation, 0, operation_name, self.row.new_document_state["id"])
        args, was_raw = (msgspec.Raw(msgspec.json.encode(one)) for one in ({"set": self.wanted}, was))
        if self.target is None:
            content = {"id": head.id, "op": head.op, "target": head.target, "args": args}
            return Item(head, msgspec.json.encode(content), self.hash, None, ID_INVALID)
        wire = WireOperation(head.id, 0, head.op, self.target, args, now(), None, was_raw)
        body = msgspec.json.encode(wire)
        unfit = TOO_LARGE if len(body) > OPERATION_BYTES_MAX else self._strange(master)
        return Item(head, body, self.hash, wire, unfit)

    def _never_seen(self, master: Document | None) -> dict[str, Any]:
        """Fields the client sets without having seen them conflict with what somebody wrote there, not with nothing."""
        unseen = set(self.wanted).difference(self.was)
        if master is None:
            return {}
        return {name: None for name in unseen if master.values.get(name) not in (None, "", [], {})}

    def _strange(self, master: Document | None) -> Outcome | None:
        """Fields of the document that are none of the row's patchable ones."""
        if master is None:
            return None
        unknown = set(self.wanted) - master.editable
        return fields_unknown(unknown) if unknown else None

    def answer(self, master: Document | None) -> dict[str, Any] | None:
        """The row as the server has it, if the client's document says anything else."""
        document = self.row.new_document_state
        if master is None:
            return None if document.get("_deleted") else {"id": document["id"], "_deleted": True}
        differs = bool(document.get("_deleted")) or any(
            master.values.get(name, ABSENT) != value for name, value in document.items() if name not in OWN_KEYS
        )
        return master.values if differs else None


ID_INVALID = quarantine("rx.id_invalid", "编号不是 UUID, 内容已保留", "The id is not a UUID; what was written is kept")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def rx_push(context: DeviceContext, kind_name: str, rows: RxPushRequest) -> RxPushResponse:
    """Apply the edits; answer the rows of which this client has another state than the server.

    A kind without a field edit cannot be pushed: ask `patch_operation` before. A device that has been stopped hands in, and
    is answered deletions alone. `busy` (409) if it must be sent again.
    """
    operation_name = patch_operation(kind_name)
    if operation_name is None:
        raise RuntimeError(f"kind {kind_name} has no field edit")
    if len(rows) > OPERATIONS_MAX:
        raise refusal.too_large(f"{OPERATIONS_MAX} documents")
    edits = [Edit(context, kind_name, place, row) for place, row in enumerate(rows)]
    masters = await _masters(context, kind_name, edits)
    work = {edit.operation: edit for edit in edits if edit.is_work}
    if work:

        async def apply() -> tuple[list[Item], bool]:
            items = [edit.item(operation_name, masters.get(edit.target)) for edit in work.values()]
            _, is_salvage = await RxPush(context, list(work.values())).run(items)
            return items, is_salvage

        try:
            items, is_salvage = await retrying(apply)
        except Exception as error:
            if is_busy(error):
                raise refusal.busy() from error
            raise
        if any(item.result is not None and item.result.status == "retry" for item in items):
            raise refusal.busy()
        masters = {} if is_salvage else await _masters(context, kind_name, edits)
    answers = [edit.answer(masters.get(edit.target)) for edit in edits]
    return [msgspec.Raw(msgspec.json.encode(answer)) for answer in answers if answer is not None]


async def _masters(context: DeviceContext, kind_name: str, edits: list[Edit]) -> dict[UUID | None, Document]:
    if context.is_stopped:
        return {}
    found = await documents_of(context, kind_name, [edit.target for edit in edits if edit.target is not None])
    return {id: one for id, one in found.items()}


class RxPush(Push):
    """A push whose operations are numbered by the server: new ones go on after the last number it has of the device."""

    def __init__(self, device: DeviceContext, edits: list[Edit]) -> None:
        request = PushRequest(device=device.device, incarnation=device.incarnation, operations=[])
        super().__init__(device, request, now())
        self.edits = edits

    async def run(self, items: list[Item]) -> tuple[int, bool]:
        """`items` in the order of the edits they were made of."""
        async with transaction(brisk=True):
            have_n = await self._lock_device()
            self.request.acked = have_n
            known = await self._known(items)
            for edit, item in zip(self.edits, items, strict=True):
                if item.head.id in known and item.wire is not None:
                    _identify(item, await self._repeated(edit, item.wire), item.head.n)
            known = await self._known(items)
            for item in items:
                n = known.get(item.head.id)
                if n is None:
                    have_n = n = have_n + 1
                _identify(item, item.head.id, n)
            return await super().run(items)

    async def _known(self, items: list[Item]) -> dict[UUID, int]:
        found = await fetch(
            f"SELECT id, n FROM sync_operation WHERE bureau = $1 AND id {among(2)}",
            [self.bureau, ids(item.head.id for item in items)],
        )
        return {row["id"]: row["n"] for row in found}

    async def _repeated(self, edit: Edit, wire: WireOperation) -> UUID:
        """The id of a known edit, or a new one when it is made again.

        Made, taken back and made again with no pull in between, an edit has the same two states twice. The row tells it
        from a push that is only sent again: there this very device has put the old value back meanwhile. An edit that
        somebody returned to its author may be made again, too.
        """
        kind = kind_of(edit.kind_name)
        target = await current_id(self.bureau, edit.kind_name, wire.target)
        current = await kind.fields(self.bureau, target) if kind.fields is not None else None
        stamps = await read_stamps(self.bureau, edit.kind_name, target)
        back = [
            stamps[name].v or 0
            for name, value in edit.was.items()
            if current is not None and current.get(name, ABSENT) == value
            if name in stamps and stamps[name].hand == self.context.hand
        ]
        id = uuid5(wire.id, f"again/{max(back)}") if back else wire.id
        while await self._was_returned(id):
            id = uuid5(id, "returned")
        return id

    async def _was_returned(self, operation: UUID) -> bool:
        return bool(
            await fetch(
                "SELECT id FROM sync_quarantine WHERE bureau = $1 AND operation = $2 AND state = 'returned'",
                [self.bureau, operation],
            )
        )


def _identify(item: Item, id: UUID, n: int) -> None:
    item.head = msgspec.structs.replace(item.head, id=id, n=n)
    if item.wire is not None:
        item.wire = msgspec.structs.replace(item.wire, id=id, n=n)
        item.body = msgspec.json.encode(item.wire)
