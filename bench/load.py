"""The load: as many clients as asked, each sending its requests one after the other over one kept connection.

A process of its own, `python -m bench.load FILE`: reads requests that were encoded beforehand, so that it costs little
beside the server it loads, and prints one JSON object. Plain sockets, because a client library would cost as much as the
server.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct


class Plan(Struct):
    """`clients[c][r]`: the r-th request of client c, whole as it goes over the wire."""

    port: int
    clients: list[list[bytes]]

    follow: bool = False
    """Whether a client goes on with the cursor of each answer until it is complete, as a pulling phone does."""


class Run(Struct):
    seconds: float
    latencies_ms: list[float]
    failures: list[str]
    answer_bytes: int
    rows: int = 0


class PageEnd(Struct):
    """The end of a page as both servers write it: what comes after the rows."""

    cursor: str
    complete: bool


async def one_client(port: int, requests: list[bytes], follow: bool, run: Run) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=16 * 1024 * 1024)
    waiting = list(reversed(requests))
    while waiting:
        request = waiting.pop()
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = _read_head(head)
        body = await reader.readexactly(length) if length is not None else await _read_chunks(reader)
        run.latencies_ms.append((time.perf_counter() - began) * 1000)
        run.answer_bytes += len(body)
        if status != 200 or b'"status":"rejected"' in body:
            run.failures.append(f"{status} {body[:300].decode(errors='replace')}")
        elif follow:
            run.rows += body.count(b'"op":"put"')
            if (cursor := _next_cursor(body)) is not None:
                waiting.append(_with_cursor(request, cursor))
    writer.close()


def _next_cursor(body: bytes) -> str | None:
    """Where the next page begins; the rows before are not decoded, only counted."""
    end = msgspec.json.decode(b"{" + body[body.rindex(b'"cursor":') :], type=PageEnd)
    return None if end.complete else end.cursor


def _with_cursor(request: bytes, cursor: str) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    changed = msgspec.json.encode({**msgspec.json.decode(body), "cursor": cursor})
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(changed), b"", changed])


def _read_head(head: bytes) -> tuple[int, int | None]:
    lines = head.split(b"\r\n")
    for line in lines[1:]:
        if line.lower().startswith(b"content-length:"):
            return int(lines[0].split()[1]), int(line.split(b":")[1])
    return int(lines[0].split()[1]), None


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


async def run_plan(plan: Plan) -> Run:
    run = Run(0, [], [], 0)
    began = time.perf_counter()
    await asyncio.gather(*(one_client(plan.port, requests, plan.follow, run) for requests in plan.clients))
    run.seconds = time.perf_counter() - began
    return run


if __name__ == "__main__":
    plan = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run_plan(plan))))
