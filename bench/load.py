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


class Run(Struct):
    seconds: float
    latencies_ms: list[float]
    failures: list[str]
    answer_bytes: int


async def one_client(port: int, requests: list[bytes], run: Run) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=16 * 1024 * 1024)
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = _read_head(head)
        body = await reader.readexactly(length) if length is not None else await _read_chunks(reader)
        run.latencies_ms.append((time.perf_counter() - began) * 1000)
        run.answer_bytes += len(body)
        if status != 200 or b'"status":"rejected"' in body:
            run.failures.append(f"{status} {body[:300].decode(errors='replace')}")
    writer.close()


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
    await asyncio.gather(*(one_client(plan.port, requests, run) for requests in plan.clients))
    run.seconds = time.perf_counter() - began
    return run


if __name__ == "__main__":
    plan = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run_plan(plan))))
