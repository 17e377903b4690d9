"""Import of 20,000 enterprises from a CSV, beside a bare reader that inserts the same rows with the raw driver.

The baseline reads the same bytes with `csv.reader` and writes enterprise, enterprise_contact, sync_feed, sync_commit and
audit_row with one `executemany` each in one transaction, at the same durability. It checks no code, reads no name aloud,
compares nothing with the registry and reports nothing. Ours does all that, and commits every 1,000 rows.
"""

from __future__ import annotations

import asyncio
import csv
import io
import random
import sqlite3
import statistics
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from bench.measure import Place, make_schema, place, result

ROWS = 20_000
ROUNDS = 4
"""The first warms caches and is not counted."""
HEADER = [
    "企业名称",
    "统一社会信用代码",
    "登记状态",
    "行政区划代码",
    "行业代码",
    "地址",
    "联系人",
    "联系电话",
    "从业人数",
]
PLACES = ["南昌", "东湖", "赣江", "青山湖", "滕王阁", "八一", "贤士湖", "象湖"]
TRADES = ["精工仪表", "云软件", "食品", "文创", "精密铸造", "生物医药", "新材料", "电子科技", "物流", "环保设备"]
SYMBOLS = "辰宏嘉盛瑞鑫泰和润丰启航卓越恒信凯达华美创远博雅"

TABLES = {
    "enterprise": "id, bureau, credit_code, temporary_id, name, pinyin, status, region, industry, address, tier, size,"
    " tags, facts, created_at, updated_at",
    "enterprise_contact": "id, bureau, enterprise, name, post, phone, is_first, updated_at",
    "sync_feed": "bureau, kind, id, scope, seq, op",
    "sync_commit": "bureau, n, id, at",
    "audit_row": "id, bureau, n, at, person, event, subject_kind, subject, details, digest",
}


def make_list(seed: int, rows: int = ROWS, first: int = 0) -> bytes:
    """A list as an office keeps it, with valid codes and plausible names, numbered from `first` on."""
    from server.enterprises.credit_code import compose

    chance = random.Random(seed)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number in range(first, first + rows):
        name = (
            chance.choice(PLACES) + "".join(chance.sample(SYMBOLS, 2)) + chance.choice(TRADES) + f"{number}号有限公司"
        )
        code = compose("91360102", f"{number:08d}")
        phone = f"139{chance.randrange(10**8):08d}"
        address = f"南昌市东湖区{chance.choice(PLACES)}大道{chance.randrange(999)}号"
        writer.writerow([name, code, "存续", "360102", "C39", address, "王经理", phone, chance.randrange(500)])
    return text.getvalue().encode()


async def ours(content: bytes, round_number: int) -> float:
    from server.enterprises.lists.actions import import_enterprises
    from server.people.actions import found_bureau

    actor = await found_bureau(f"bench{round_number}", "测速局", "360102")
    start = time.perf_counter()
    report = await import_enterprises(actor, content, "enterprises.csv")
    seconds = time.perf_counter() - start
    if report.counts.added != ROWS or report.invalid:
        raise SystemExit(f"the import took {report.counts.added} of {ROWS} rows")
    return seconds


def rows_of(content: bytes, bureau: UUID, plain: bool) -> dict[str, list[list[Any]]]:
    """The same rows; `plain` gives ids and times as the text SQLite keeps."""
    moment: Any = datetime.now(UTC)
    found: dict[str, list[list[Any]]] = {table: [] for table in TABLES}
    owner: Any = bureau
    if plain:
        moment, owner = moment.isoformat(" "), str(bureau)
    reader = csv.reader(io.StringIO(content.decode()))
    next(reader)
    for number, (name, code, _, region, industry, address, person, phone, staff) in enumerate(reader):
        id: Any = str(uuid4()) if plain else uuid4()
        contact: Any = str(uuid4()) if plain else uuid4()
        pinyin = "ncchjgyb nanchangchenhongjinggongyibiaoyouxiangongsi"
        facts = '{"staff":"' + staff + '"}'
        firm = [id, owner, code, None, name, pinyin, "active", region, industry, address, "", "", "[]", facts]
        found["enterprise"].append([*firm, moment, moment])
        found["enterprise_contact"].append([contact, owner, id, person, "", phone, True, moment])
        found["sync_feed"].append([owner, "enterprise", id, f"enterprise:{id}", 2 * number, "put"])
        found["sync_feed"].append([owner, "enterprise_name", id, "reference:enterprises", 2 * number + 1, "put"])
    found["sync_commit"].append([owner, 2 * ROWS, "0" * 16, moment])
    row: Any = str(uuid4()) if plain else uuid4()
    found["audit_row"].append([row, owner, 1, moment, owner, "enterprise.import", "import", owner, "{}", "0" * 64])
    return found


async def bare(content: bytes, here: Place) -> float:
    if here.kind == "sqlite":
        return _bare_sqlite(content, here)
    import asyncpg

    connection = await asyncpg.connect(here.database)
    try:
        start = time.perf_counter()
        async with connection.transaction():
            for table, rows in rows_of(content, uuid4(), plain=False).items():
                places = ", ".join(f"${number + 1}" for number in range(len(rows[0])))
                await connection.executemany(f"INSERT INTO {table} ({TABLES[table]}) VALUES ({places})", rows)
        return time.perf_counter() - start
    finally:
        await connection.close()


def _bare_sqlite(content: bytes, here: Place) -> float:
    connection = sqlite3.connect(here.folder / "qifang.db", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for table, rows in rows_of(content, uuid4(), plain=True).items():
            places = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} ({TABLES[table]}) VALUES ({places})", rows)
        connection.execute("COMMIT")
        return time.perf_counter() - start
    finally:
        connection.close()


async def stages(content: bytes, round_number: int) -> list[list[str]]:
    """What the time goes to, each part alone on the same list."""
    from server.enterprises.fields import pinyin_of
    from server.enterprises.lists.actions import read_list
    from server.enterprises.lists.difference import Registry, compare

    found = []

    def note(name: str, start: float) -> None:
        found.append([name, f"{(time.perf_counter() - start) / ROWS * 1e6:.1f}"])

    start = time.perf_counter()
    lines = read_list(content, "enterprises.csv").lines
    note("decode, check every field and code", start)
    start = time.perf_counter()
    compare(lines, Registry([]), {})
    note("compare with the registry", start)
    start = time.perf_counter()
    for line in lines:
        pinyin_of(line.values["name"])
    note("read names aloud", start)
    return found


async def measure(here: Place) -> dict[str, Any]:
    from server import wiring
    from sync.transaction import engine

    wiring.connect()
    await engine().start()
    await make_schema()
    rates: dict[str, list[float]] = {"Qifang": [], "bare reader": []}
    for number in range(ROUNDS):
        content = make_list(number)
        both = {"Qifang": await ours(content, number), "bare reader": await bare(content, here)}
        if number > 0:
            for name, seconds in both.items():
                rates[name].append(ROWS / seconds)
    parts = await stages(make_list(ROUNDS), ROUNDS)
    await engine().close()
    mine, baseline = (statistics.median(rates[name]) for name in rates)
    table = [
        [name, f"{statistics.median(some):,.0f}", f"{min(some):,.0f} to {max(some):,.0f}"]
        for name, some in rates.items()
    ]
    tables = [
        (f"import of {ROWS:,} enterprises", ["", "rows per second", "least to most"], table),
        ("parts of ours", ["part", "µs a row"], parts),
    ]
    return result("import", mine, "rows/s", mine / baseline, tables) | {"details": {"parts": dict(parts)}}


def run(database: str) -> dict[str, Any]:
    with place(database) as here:
        return asyncio.run(measure(here))
