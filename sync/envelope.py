"""The push envelope, opened: each operation read on its own, so that a bad one is answered beside good ones."""

import hashlib
import re
from typing import Any, TypeVar

import msgspec

from sync import refusal
from sync.effects import path_of
from sync.operations import Outcome, quarantine
from sync.packed import json_of
from sync.wire import (
    OPERATION_BYTES_MAX,
    OPERATIONS_MAX,
    PUSH_BYTES_MAX,
    OperationHead,
    PushRequest,
    Result,
    WireOperation,
    body_hash,
    head_decoder,
    operation_decoder,
    read_args,
)

T = TypeVar("T")

_request = msgspec.json.Decoder(PushRequest)
_HEX = rb"[0-9a-fA-F]"
_NULL = rb"\u0000"
_NO_TEXT = re.compile(
    rb"(\\\\|\\u[dD][89abAB]"
    + _HEX * 2
    + rb"\\u[dD][c-fC-F]"
    + _HEX * 2
    + rb")|\\u(?:[dD][89a-fA-F]"
    + _HEX * 2
    + rb"|0000)"
)
"""An escaped backslash or a whole pair, which stay; or half a pair, or a null character."""
_NUMBER = re.compile(rb'"n"\s*:\s*[0-9]+')
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

TOO_LARGE = quarantine("operation.too_large", "单项操作过大", "A single operation is too large")


class Item(msgspec.Struct):
    """One operation of the envelope: what could be read of it, its bytes, and in the end its result."""

    head: OperationHead
    body: bytes
    hash: str
    wire: WireOperation | None
    unfit: Outcome | None = None
    result: Result | None = None
    args: Any = msgspec.UNSET
    """The arguments as plain values, where they have been decoded already."""


def decode_push(body: bytes) -> PushRequest:
    """The envelope from the request's (decompressed) body; its operations are still raw.

    JavaScript writes half a character (a lone surrogate) where a text was cut in the middle of one, and no database
    stores a null character: each becomes U+FFFD, or the phone could never send what comes behind it.
    """
    return decode_mended(body, _request)


def decode_mended(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Whatever carries a person's work, decoded as the push envelope is."""
    if len(body) > PUSH_BYTES_MAX:
        raise refusal.too_large(f"{PUSH_BYTES_MAX} bytes")
    try:
        return decoder.decode(_mended(body) if _NULL in body else body)
    except UNREADABLE as error:
        try:
            return decoder.decode(_mended(body))
        except UNREADABLE:
            raise refusal.malformed(path_of(error)) from error


def decode_packed_push(body: bytes) -> PushRequest:
    """The same from MessagePack. The limits count the JSON it stands for, too."""
    if len(body) > PUSH_BYTES_MAX:
        raise refusal.too_large(f"{PUSH_BYTES_MAX} bytes")
    try:
        plain = json_of(body)
    except ValueError as error:
        raise refusal.malformed("$") from error
    return decode_push(plain)


def _mended(body: bytes) -> bytes:
    return _NO_TEXT.sub(lambda found: found[1] or rb"\ufffd", body)


def read_items(request: PushRequest) -> list[Item]:
    """The operations in the order they were sent; refuses an envelope in which one cannot even be told apart."""
    if len(request.operations) > OPERATIONS_MAX:
        raise refusal.too_large(f"{OPERATIONS_MAX} operations")
    return [_read(place, bytes(raw)) for place, raw in enumerate(request.operations)]


def _read(place: int, body: bytes) -> Item:
    try:
        wire = operation_decoder.decode(body)
        head = OperationHead(wire.id, wire.n, wire.op, wire.target)
        unfit = TOO_LARGE if len(body) > OPERATION_BYTES_MAX else None
        args = read_args(wire)
        item = Item(head, body, body_hash(wire, args), wire, unfit, args=args)
    except UNREADABLE as error:
        item = _read_head(place, body, error)
    if item.head.n < 1:
        raise refusal.malformed(f"$.operations[{place}].n")
    return item


def _read_head(place: int, body: bytes, error: Exception) -> Item:
    """An operation whose envelope is wrong can still be answered and kept if its id and number are there."""
    try:
        head = head_decoder.decode(body)
    except UNREADABLE as fatal:
        raise refusal.malformed(f"$.operations[{place}]{path_of(fatal).removeprefix('$')}") from fatal
    unfit = quarantine(
        "operation.malformed", "操作格式有误", "The operation is malformed", path=path_of(error), reason=str(error)
    )
    return Item(head, body, _hash_without_number(body), None, unfit)


def _hash_without_number(body: bytes) -> str:
    """After a fork the same operation comes again under another number, and is still the same."""
    try:
        content = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        content.pop("n", None)
        body = b",".join(name.encode() + b":" + bytes(content[name]) for name in sorted(content))
    except UNREADABLE:
        body = _NUMBER.sub(b"", body, count=1)
    return hashlib.sha256(body).hexdigest()[:32]
