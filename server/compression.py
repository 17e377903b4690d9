"""Compressed bodies both ways: zstd or gzip in with a cap on what they may become, zstd or gzip out for JSON worth it."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import zstandard
from litestar.types import Receive, Send

from server.refusals import refusal
from server.settings import settings

PIECE_BYTES = 64 * 1024
"""How much is inflated at a time, so that the size limit stops a bomb early."""
PACK_BYTES_MIN = 1024
"""Smaller answers fit one packet anyway."""


def inflating(receive: Receive, encoding: str) -> Receive:
    """Raises `request.encoding`, `request.corrupt` or `request.too_large` at the read, before anything is parsed."""
    body: bytes | None = None

    async def whole() -> Any:
        nonlocal body
        if body is not None:
            return await receive()
        packed = bytearray()
        while True:
            message: Any = await receive()
            if message["type"] == "http.disconnect":
                return message
            packed += message.get("body", b"")
            if len(packed) > settings.body_bytes_max:
                raise refusal("request.too_large", limit_bytes=settings.body_bytes_max)
            if not message.get("more_body"):
                break
        body = inflate(bytes(packed), encoding, settings.body_bytes_max)
        return {"type": "http.request", "body": body, "more_body": False}

    return whole


def inflate(packed: bytes, encoding: str, limit: int) -> bytes:
    """The plain body, never more than `limit` bytes in memory."""
    if encoding == "gzip":
        return _gunzip(packed, limit)
    if encoding == "zstd":
        return _unzstd(packed, limit)
    raise refusal("request.encoding")


def _gunzip(packed: bytes, limit: int) -> bytes:
    plain = bytearray()
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    rest = packed
    while rest and not stream.eof:
        try:
            plain += stream.decompress(rest, PIECE_BYTES)
        except zlib.error:
            raise refusal("request.corrupt") from None
        if len(plain) > limit:
            raise refusal("request.too_large", limit_bytes=limit)
        rest = stream.unconsumed_tail
    if not stream.eof or stream.unused_data:
        raise refusal("request.corrupt")
    return bytes(plain)


def _unzstd(packed: bytes, limit: int) -> bytes:
    """The stream reader stops a bomb in time but takes a cut frame for a whole one; the object knows the frame's end."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=limit * 2)
    reader, length = decompressor.stream_reader(packed), 0
    try:
        while piece := reader.read(PIECE_BYTES):
            length += len(piece)
            if length > limit:
                raise refusal("request.too_large", limit_bytes=limit)
        frame = decompressor.decompressobj()
        whole = frame.decompress(packed)
    except zstandard.ZstdError:
        raise refusal("request.corrupt") from None
    if not frame.eof or frame.unused_data:
        raise refusal("request.corrupt")
    return whole


def packing(send: Send, accepted: str) -> Send:
    """Sends JSON and MessagePack answers in one piece packed with what the client takes; streams and small answers go as they are."""
    encoding = "zstd" if "zstd" in accepted else "gzip" if "gzip" in accepted else ""
    if not encoding:
        return send
    start: Any = None

    async def packed(message: Any) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        if start is not None:
            body = message.get("body", b"")
            headers = {name.lower(): value for name, value in start["headers"]}
            whole = not message.get("more_body") and b"content-encoding" not in headers
            media_type = headers.get(b"content-type", b"")
            if whole and len(body) >= PACK_BYTES_MIN and (b"json" in media_type or b"msgpack" in media_type):
                body = zstandard.compress(body, 1) if encoding == "zstd" else gzip.compress(body, 1)
                kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                extra = [
                    (b"content-encoding", encoding.encode()),
                    (b"content-length", str(len(body)).encode()),
                    (b"vary", b"Accept-Encoding"),
                ]
                start = {**start, "headers": [*kept, *extra]}
                message = {**message, "body": body}
            await send(start)
            start = None
        await send(message)

    return packed
