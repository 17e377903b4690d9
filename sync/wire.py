"""What travels: the envelopes of push, pull, enrol and hello, decoded strictly, one operation at a time.

An operation that cannot be read must not take its neighbours along, so the push envelope holds raw JSON.
"""

import hashlib
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

OPERATIONS_MAX = 500
OPERATION_BYTES_MAX = 1024 * 1024
PUSH_BYTES_MAX = 8 * 1024 * 1024
PULL_LIMIT = 1_000
PULL_LIMIT_MAX = 5_000
PULL_BYTES_MAX = 8 * 1024 * 1024
RX_LIMIT = 100
RX_LIMIT_MAX = 1_000
KINDS_MAX = 100
REPAIRS_MAX = 20
"""Scopes one pull may ask to repair; a phone with more to mend reads everything again."""
FEATURES = ("digest", "events", "gzip", "msgpack", "repair", "zstd")
"""What a client may count on beyond push and pull."""
NOTHING = msgspec.Raw(b"")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class PushRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Operations in the order of their numbers. `acked` is the highest number whose result the phone has stored,
    `clock` the device's own time when it sent this. `lost_until`: the server came back from a backup, and work this
    phone did until then is neither on the server nor in the phone's journal any more."""

    device: UUID
    incarnation: str
    acked: Count = 0
    operations: list[msgspec.Raw]
    clock: Moment | None = None
    lost_until: Moment | None = None


class WireOperation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One operation as it travels; `args` stays as the client wrote it until its handler is known."""

    id: UUID
    n: int
    op: str
    target: UUID
    args: msgspec.Raw
    at: Moment
    base: int | None = None
    was: msgspec.Raw = NOTHING
    prev: UUID | None = None


class OperationHead(msgspec.Struct, frozen=True):
    """The least one must be able to read of an operation to answer it at all."""

    id: UUID
    n: int
    op: str = ""
    target: Any = None


class Result(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What became of one operation."""

    id: UUID
    status: Literal["applied", "merged", "conflict", "held", "rejected", "retry"]
    duplicate: bool = False
    code: str | None = None
    path: str | None = None
    message: str | None = None
    message_en: str | None = None
    details: dict[str, Any] | None = None
    conflict_id: UUID | None = None
    quarantine_id: UUID | None = None


class PushResponse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One result per operation, in the order they were sent, and the highest number the server has of this device.
    `wipe_after`: the device has been revoked, and has nothing to keep once it has sent what it recorded."""

    results: list[Result]
    server_time: datetime
    have_n: int
    wipe_after: bool = False


class PullRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Everything after the cursor, or from the start without one. `repair` names scopes whose rows are to come again,
    because the phone's digest of them differs."""

    cursor: str | None = None
    limit: int = PULL_LIMIT
    kinds: list[str] | None = None
    repair: list[str] | None = None


class Change(msgspec.Struct, omit_defaults=True):
    """One line of a page. `v` is the number at which the row last moved; a put line names the scopes that hold it for
    this person. `add` marks a back-filled line, whose scopes come on top of those the phone knows."""

    op: Literal["put", "out", "gone", "redirect", "scope_out"]
    v: int
    kind: str | None = None
    id: UUID | None = None
    scopes: list[str] | None = None
    add: bool = False
    to: UUID | None = None
    merged: bool = False
    d: msgspec.Raw = NOTHING


class PullResponse(msgspec.Struct, kw_only=True):
    """A page: absent or complete. The client goes on while `complete` is false or `head` is beyond `until`. `have_n` is
    the highest operation number the server has of this device: less than the phone was answered for means a restore."""

    changes: list[Change]
    cursor: str
    complete: bool
    until: int
    head: int
    ready: list[str]
    server_time: datetime
    have_n: int = 0
    epoch: UUID | None = None


class EnrolRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A one-time code for a device identity; `incarnation` is a random secret the installation keeps."""

    code: str
    incarnation: str
    name: str = ""


class EnrolResponse(msgspec.Struct):
    device: UUID
    token: str
    person: UUID
    bureau: UUID


class HelloResponse(msgspec.Struct, kw_only=True):
    """What a client needs to know before it starts. `scopes_hash` changes with the person's reach; `client_min` is the
    oldest app that should go on (empty: any), `retires_on` the day from which this protocol version only takes pushes."""

    protocol: int
    protocols: list[int]
    epoch: UUID
    head: int
    have_n: int
    scopes_hash: str
    server_time: datetime
    client_min: str
    retires_on: date | None
    features: list[str]
    operations_max: int
    operation_bytes_max: int
    push_bytes_max: int
    pull_limit_max: int
    pull_bytes_max: int
    repairs_max: int
    file_bytes_max: int


class ScopeDigest(msgspec.Struct):
    """How many rows a scope holds, and the xor of their `row_hash` as 16 hexadecimal digits."""

    count: int
    xor: str


class DigestResponse(msgspec.Struct, kw_only=True):
    """The person's scopes as they stood at `as_of`. Those in `moved` changed since and cannot be compared now; a scope in
    neither is empty."""

    as_of: int
    head: int
    epoch: UUID
    scopes: dict[str, ScopeDigest]
    moved: list[str]
    server_time: datetime


class RxCheckpoint(msgspec.Struct, forbid_unknown_fields=True):
    """How far a collection of RxDB has read. An object, because RxDB merges checkpoints key by key."""

    cursor: str


class RxPullRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What RxDB's pull handler is given: everything after the checkpoint, `limit` documents at most."""

    checkpoint: RxCheckpoint | None = None
    limit: int = RX_LIMIT


class RxPullResponse(msgspec.Struct, kw_only=True):
    """A page with fewer documents than asked for is the last one; that is how RxDB reads it."""

    documents: list[msgspec.Raw]
    checkpoint: RxCheckpoint


class RxRow(msgspec.Struct, rename="camel"):
    """One document an RxDB client changed: as it is now, and as the client believes that the server has it."""

    new_document_state: dict[str, Any]
    assumed_master_state: dict[str, Any] | None = None


RxPushRequest = list[RxRow]
RxPushResponse = list[msgspec.Raw]
"""The documents of which the server has another state than the client; the client takes them, or merges and pushes again."""

_canonical = msgspec.json.Encoder(order="deterministic")
_any = msgspec.json.Decoder()
operation_decoder = msgspec.json.Decoder(WireOperation)
head_decoder = msgspec.json.Decoder(OperationHead)


def read_args(operation: WireOperation) -> Any:
    """The arguments as plain values. Whoever judges them later need not decode them again: that is most of what it costs."""
    return _any.decode(operation.args)


def body_hash(operation: WireOperation, args: Any) -> str:
    """The identity of an operation's content: without its number and device, blind to the order of keys and to spaces.

    128 bits of SHA-256 over canonical JSON: 6 µs for 3 KB of answers.
    """
    content = (
        operation.id,
        operation.op,
        operation.target,
        operation.base,
        _any.decode(operation.was) if operation.was else None,
        operation.prev,
        args,
        operation.at,
    )
    return hashlib.sha256(_canonical.encode(content)).hexdigest()[:32]


def row_hash(kind: str, id: UUID | str, v: int) -> int:
    """One row's part in the digest of its scopes: the first 64 bits of SHA-256 over `kind/id/v`, the id in small letters."""
    return int.from_bytes(hashlib.sha256(f"{kind}/{id}/{v}".encode()).digest()[:8])
