"""How a request and its answer are written: JSON or MessagePack, plain or in gzip or zstd, drawn anew for every request; and
bodies that were damaged on their way. Inflating and packing is the product's own (`server.compression`)."""

import gzip
import random
from functools import cache
from typing import Any, NamedTuple

import msgspec
import zstandard

from server.compression import inflate, inflating, packing
from server.settings import settings

JSON = {"Content-Type": "application/json"}
PACKED = {"Content-Type": "application/msgpack"}
CODED = ("/sync/v1/push", "/sync/v1/pull")
"""Where a phone may choose."""
DAMAGES = {
    "torn": "of a compressed request only half is in the body the server gets",
    "doubled": "a proxy has put a compressed request into the body twice",
    "bomb": "a compressed request that would fill the memory",
}
DAMAGED_CODES = {"request.corrupt", "request.too_large"}
Answer = tuple[int, dict[str, str], bytes]


class Coding(NamedTuple):
    """Of one request: MessagePack or JSON, compressed how, and how the answer may be."""

    packs: bool
    encoding: str
    accepts: str


def draw_coding(draw: random.Random) -> Coding:
    return Coding(draw.random() < 0.3, draw.choice(["", "gzip", "zstd"]), draw.choice(["identity", "gzip", "zstd"]))


def compressed(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.compress(body, 1, mtime=0)
    return zstandard.compress(body, 1) if encoding == "zstd" else body


def written(body: bytes, coding: Coding, damage: str) -> tuple[bytes, dict[str, str]]:
    """The phone's JSON as it travels, and the headers that say so. What is damaged is compressed in any case."""
    headers = {"accept-encoding": coding.accepts}
    if coding.packs:
        body = msgspec.msgpack.encode(msgspec.json.decode(body))
        headers["content-type"] = PACKED["Content-Type"]
    encoding = coding.encoding or ("zstd" if damage in DAMAGES else "")
    if encoding:
        headers["content-encoding"] = encoding
    packed = bomb(encoding) if damage == "bomb" else compressed(body, encoding)
    if damage in ("short", "torn"):
        packed = packed[: len(packed) // 2]
    return packed * 2 if damage == "doubled" else packed, headers


@cache
def bomb(encoding: str) -> bytes:
    return compressed(b" " * (settings.body_bytes_max + 1), encoding)


def read(answer: Answer) -> Answer:
    """The same answer as plain JSON. Header names come in small letters."""
    status, told, content = answer
    if encoding := told.get("content-encoding", ""):
        content = inflate(content, encoding, settings.body_bytes_max)
    kept = {name: value for name, value in told.items() if name not in ("content-encoding", "content-length")}
    if told.get("content-type") == PACKED["Content-Type"]:
        content = msgspec.json.encode(msgspec.msgpack.decode(content))
        kept["content-type"] = JSON["Content-Type"]
    return status, kept, content


# the server's side ----------------------------------------------------------------------------------------------


async def inflated(headers: dict[str, str], body: bytes) -> bytes:
    """The body as the product's door hands it on; refuses what is damaged."""
    if not (encoding := headers.get("content-encoding", "")):
        return body

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    found: Any = await inflating(receive, encoding)()
    return bytes(found["body"])


async def packed_for(headers: dict[str, str], answer: Answer) -> Answer:
    """The answer as the product's door sends it to whoever takes it compressed."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    status, told, content = answer
    pairs = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    through = packing(send, headers.get("accept-encoding", ""))
    await through({"type": "http.response.start", "status": status, "headers": pairs})
    await through({"type": "http.response.body", "body": content})
    start, body = sent
    return status, {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]
