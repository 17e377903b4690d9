"""The registry: which kinds of row travel, and which operations a phone may send. The library knows none of them itself."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from sync.refusal import Refusal

Load = Callable[[UUID, list[UUID]], Awaitable[dict[UUID, bytes]]]
Scopes = Callable[[UUID, list[UUID]], Awaitable[dict[UUID, set[str]]]]
Fields = Callable[[UUID, UUID], Awaitable[dict[str, Any] | None]]
Write = Callable[["OperationContext", UUID, dict[str, Any]], Awaitable[None]]
A = TypeVar("A")

CLOCK_SUSPECT = timedelta(minutes=10)
WORK_PRIORITY_MAX = 3


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of synced row.

    `load` gives the bodies (JSON bytes, one for all who may see the row) and `scopes` the named groups a row belongs
    to now; both get many ids at once, and an id missing from either answer counts as gone. `priority` orders a first
    sync: 0 forms and assignments, 1 own open records, 2 the queue, 3 dossiers, 9 reference lists; at 3 the phone may
    start work. A kind that phones patch field by field also gives `fields` (the patchable values of one row, locked
    for update, None if there is none) and `write` (store these values and touch the row); `unfold` splits a body into
    the same values and the rest, for clients that edit whole documents (without it they are the body). `lock` locks rows
    in the order given, before a push applies anything to them. `follow` is for a kind whose rows are seen by whoever sees
    other rows: given the (kind, id) of rows that have just come into other scopes, it answers the ids that go with
    them. `revive` brings a deleted row back.
    """

    name: str
    load: Load
    scopes: Scopes
    priority: int = 9
    fields: Fields | None = None
    write: Write | None = None
    unfold: Callable[[dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]] | None = None
    lock: Callable[[UUID, list[UUID]], Awaitable[None]] | None = None
    follow: Callable[[UUID, list[tuple[str, UUID]]], Awaitable[list[UUID]]] | None = None
    revive: Callable[["OperationContext", UUID], Awaitable[None]] | None = None


_kinds: dict[str, Kind] = {}


def register_kind(kind: Kind) -> Kind:
    """Make a kind known; registering a name again replaces it."""
    _kinds[kind.name] = kind
    return kind


def kind_of(name: str) -> Kind:
    return _kinds[name]


def kinds() -> list[Kind]:
    """All kinds, first the ones a phone needs first."""
    return sorted(_kinds.values(), key=lambda kind: (kind.priority, kind.name))


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an operation. Use the functions below.

    `quarantine` keeps the operation's body for its author and a supervisor to decide on. With `keeps` what the handler
    wrote stays although the operation was not applied: words and photos kept as a note.
    """

    status: str
    code: str | None = None
    path: str | None = None
    zh: str | None = None
    en: str | None = None
    details: dict[str, Any] | None = None
    conflict_id: UUID | None = None
    quarantine_id: UUID | None = None
    quarantine: bool = False
    keeps: bool = False


def applied(**details: Any) -> Outcome:
    return Outcome("applied", details=details) if details else APPLIED


APPLIED = Outcome("applied")


def merged(**details: Any) -> Outcome:
    """Applied beside another hand's edit of other fields."""
    return Outcome("merged", details=details or None)


def conflict(conflict_id: UUID, **details: Any) -> Outcome:
    """The server's value stands; what the phone said is kept in the conflict row."""
    return Outcome("conflict", conflict_id=conflict_id, details=details or None)


def rejected(refusal: Refusal, *, path: str | None = None) -> Outcome:
    """Not applied and not kept: for what carries no work of a person."""
    details = refusal.details or None
    return Outcome("rejected", refusal.code, path, refusal.zh, refusal.en, details)


def quarantine(code: str, zh: str, en: str, *, path: str | None = None, **details: Any) -> Outcome:
    """Not applied, but kept until somebody accepts or returns it."""
    return Outcome("rejected", code, path, zh, en, details or None, quarantine=True)


def retry() -> Outcome:
    """Could not be decided now; the phone sends the same operation again."""
    return Outcome("retry")


class EventTime(msgspec.Struct, frozen=True):
    """When something on the road happened, as far as we believe it, and why it was moved (None: it was not)."""

    at: datetime
    marked: str | None = None


class Operation(msgspec.Struct, Generic[A], frozen=True, kw_only=True):
    """One thing a phone did, with its arguments decoded."""

    id: UUID
    n: int
    op: str
    target: UUID
    args: A
    at: datetime
    base: int | None = None
    was: dict[str, Any] | None = None
    prev: UUID | None = None
    raw: bytes = b""
    """The arguments as the client wrote them."""
    plain: Any = msgspec.UNSET
    """The same as plain values, where they have been decoded already."""


class OperationContext(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf operations are applied, and how far the device's clock can be believed."""

    bureau: UUID
    person: UUID
    device: UUID | None
    received_at: datetime
    clock_offset: timedelta | None = None
    """Server time minus device time, measured at this push; None when the device did not say its time."""
    last_pull_at: datetime | None = None
    accepted_by: UUID | None = None
    """The supervisor who accepts this operation out of quarantine: checks of assignment and version are waived."""
    late: bool = False
    """Held for days without its predecessor ever coming: applied on the current state, to be marked."""

    @property
    def hand(self) -> str:
        """Who holds the pen, for telling one's own earlier edit from somebody else's."""
        return str(self.device or self.person)

    @property
    def clock_suspect(self) -> bool:
        return self.clock_offset is not None and abs(self.clock_offset) > CLOCK_SUSPECT

    def corrected(self, at: datetime) -> datetime:
        """A device time moved by the measured offset; never used for order or due dates. A clock at the end or the
        beginning of time stays there."""
        try:
            return at + (self.clock_offset or timedelta(0))
        except OverflowError:
            return at

    def event_time(self, at: datetime) -> EventTime:
        """The time for events that stop a clock: corrected, and bounded by the device's last pull and our receipt."""
        if self.clock_suspect:
            return EventTime(self.received_at, "clock_suspect")
        corrected = self.corrected(at)
        if corrected > self.received_at:
            return EventTime(self.received_at, "after_receipt")
        if self.last_pull_at is not None and corrected < self.last_pull_at:
            return EventTime(self.last_pull_at, "before_last_pull")
        return EventTime(corrected)


Handler = Callable[[OperationContext, Operation[Any]], Awaitable[Outcome | None]]
BatchHandler = Callable[[OperationContext, list[Operation[Any]]], Awaitable[list[Outcome]]]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One operation phones may send."""

    name: str
    handler: Handler
    batch: BatchHandler | None
    kind: str | None
    creates: bool
    args: Any
    decoder: msgspec.json.Decoder[Any]


_operations: dict[str, Registration] = {}


def operation(
    name: str, *, args: Any, batch: BatchHandler | None = None, kind: str | None = None, creates: bool = False
) -> Callable[[Handler], Handler]:
    """Register the handler of operation `name`, whose arguments are a Struct `args`.

    The handler runs in a savepoint inside the push's transaction, writes, touches, and answers an Outcome (None means
    applied); a Refusal it raises undoes its writes and puts the operation in quarantine. `batch` takes consecutive
    operations of this name together, all under one savepoint, and answers one Outcome each; if it raises anything, the
    same operations go one by one through the handler. `kind` names the kind of the target, `creates` says that the
    operation brings the target into being, so that others on the same target wait when it must wait.
    """

    def register(handler: Handler) -> Handler:
        decoder = msgspec.json.Decoder(args)
        _operations[name] = Registration(
            name=name, handler=handler, batch=batch, kind=kind, creates=creates, args=args, decoder=decoder
        )
        return handler

    return register


def operation_of(name: str) -> Registration | None:
    return _operations.get(name)


def operation_names() -> list[str]:
    return sorted(_operations)


def operations_on(kind: str) -> list[str]:
    """The operations whose target is a row of this kind."""
    return sorted(name for name, one in _operations.items() if one.kind == kind)
