"""The first sync of a phone with 100,000 rows in its reach, JSON packed with zstd, and what it costs the server.

The baseline is one process that reads the same rows from the same tables with the raw driver, page by page in the order of
the feed, encodes each page with msgspec and packs it with zstd at the same level. It asks nobody's rights, keeps no
snapshot and knows no round, no cursor and no scopes.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import zstandard

from bench.importing import make_list
from bench.measure import Place, cpu_seconds, place, result, server
from bench.push import workbook
from bench.world import Phone, build

ENTERPRISES = 100_000
PART = 20_000
LIMIT = 1_000
PAGE = (
    "SELECT feed.seq, enterprise.id, enterprise.name, enterprise.pinyin, enterprise.credit_code FROM sync_feed AS feed"
    " JOIN enterprise ON enterprise.id = feed.id WHERE feed.bureau = $1 AND feed.scope = 'reference:enterprises'"
    " AND feed.seq > $2 ORDER BY feed.seq LIMIT $3"
)


def run(database: str) -> dict[str, Any]:
    with place(database) as here:
        world = asyncio.run(build(workbook(), {}, then=fill))
        with server("server.app:app", here) as (port, pid):
            first_sync(port, world.phones[0], kinds=["form"])
            began, resting = cpu_seconds(pid), peak_mib(pid)
            rows, sent, seconds = first_sync(port, world.phones[1], kinds=None)
            cpu, grown = cpu_seconds(pid) - began, peak_mib(pid) - resting
        bare_rows, bare_cpu = asyncio.run(bare(here, world.bureau))
        table = [
            ["ours", f"{rows:,}", f"{cpu:.1f}", f"{seconds:.1f}", f"{sent / 1e6:.1f}", f"{grown:.0f}"],
            ["bare", f"{bare_rows:,}", f"{bare_cpu:.1f}", "", "", ""],
        ]
        columns = ["", "rows", "processor s", "until the phone had all, s", "MB sent", "memory grew by MiB"]
        ratio = (rows / cpu) / (bare_rows / bare_cpu)
        tables = [(f"first sync, pages of {LIMIT:,}, zstd", columns, table)]
        return result(f"bootstrap/{database}", cpu, "s of the server", ratio, tables)


async def fill(actor: Any) -> None:
    """By the product's own import."""
    from server.enterprises.lists.actions import import_enterprises

    for number in range(ENTERPRISES // PART):
        content = make_list(number, PART, first=number * PART)
        report = await import_enterprises(actor, content, "enterprises.csv")
        if report.counts.added != PART:
            raise SystemExit(f"the import took {report.counts.added} of {PART} rows")


def first_sync(port: int, phone: Phone, kinds: list[str] | None) -> tuple[int, int, float]:
    """Every page, as a phone reads them. Rows, bytes as they came over the line, seconds."""
    headers = {"Authorization": f"Bearer {phone.token}", "Accept-Encoding": "zstd", "Content-Type": "application/json"}
    rows = sent = 0
    cursor, complete = None, False
    began = time.perf_counter()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as line:
        while not complete:
            asked = {"cursor": cursor, "limit": LIMIT} | ({"kinds": kinds} if kinds else {})
            with line.stream("POST", "/sync/v1/pull", content=msgspec.json.encode(asked)) as answer:
                packed = b"".join(answer.iter_raw())
                is_packed = answer.headers.get("content-encoding") == "zstd"
            body = zstandard.decompress(packed, max_output_size=64_000_000) if is_packed else packed
            if answer.status_code != 200:
                raise SystemExit(f"{answer.status_code} {body[:300]!r}")
            page = msgspec.json.decode(body)
            rows += len(page["changes"])
            sent += len(packed)
            cursor, complete = page["cursor"], page["complete"]
    return rows, sent, time.perf_counter() - began


def peak_mib(pid: int) -> float:
    """The most memory a process has held so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def bare(here: Place, bureau: UUID) -> tuple[int, float]:
    if here.kind == "sqlite":
        connection = sqlite3.connect(here.folder / "qifang.db")

        async def read(after: int) -> list[Any]:
            return connection.execute(PAGE.replace("$", "?"), [str(bureau), after, LIMIT]).fetchall()

        return await _read_all(read)
    import asyncpg

    pool = await asyncpg.connect(here.database)
    try:
        return await _read_all(lambda after: pool.fetch(PAGE, bureau, after, LIMIT))
    finally:
        await pool.close()


async def _read_all(read: Any) -> tuple[int, float]:
    began, count, after = time.process_time(), 0, 0
    while found := await read(after):
        count, after = count + len(found), found[-1][0]
        page = [
            {"op": "put", "v": row[0], "kind": "enterprise_name", "id": row[1], "scopes": ["reference:enterprises"],
             "d": {"name": row[2], "pinyin": row[3], "credit_code": row[4]}}
            for row in found
        ]  # fmt: skip
        zstandard.compress(msgspec.json.encode(page), 1)
    return count, time.process_time() - began
