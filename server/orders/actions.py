"""Importing work orders of a hotline, or the ledger a bureau kept: read it whole, say what would happen, write in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.enterprises.lists.actions import CHUNK_ROWS, Progress
from server.enterprises.lists.difference import Invalid
from server.enterprises.lists.spreadsheet import open_list
from server.enterprises.tables import Enterprise
from server.issues.steps.letters import letters_of
from server.moment import now
from server.orders.reading.lines import Known, Order, headings, read_order
from server.orders.reading.mapping import Mapping
from server.orders.tables import ImportedOrder
from server.orders.writing import Choice, write_orders
from server.people.actor import Actor
from server.people.tables import Unit
from server.refusals import refusal
from server.reports.actions import SOURCES
from server.routing.tables import Category
from server.settings import settings
from sync.identity import new_id
from sync.transaction import transaction
from sync.turn import take_turn

TOLD_MAX = 10_000
CLOCKS = ("given", "import")


class Told(Struct, frozen=True, kw_only=True):
    """A line about which there is something to say: no firm of the registry, or other content under a known number."""

    line: int
    number: str
    enterprise: str
    issue: str = ""


class Counts(Struct, frozen=True, kw_only=True):
    rows: int
    added: int
    added_closed: int
    already: int
    changed: int
    unmatched: int
    invalid: int
    """Lines, however much is wrong with each."""


class OrdersReport(Struct, frozen=True, kw_only=True):
    dry_run: bool
    mapping: str
    encoding: str
    columns: dict[str, str]
    """Field → the heading it was read from."""
    ignored_columns: list[str]
    counts: Counts
    changed: list[Told]
    """Here already, with other content: nothing is taken over."""
    unmatched: list[Told]
    """Filed with the name as it was written, since the registry has no such firm."""
    invalid: list[Invalid]


class Reading(Struct, frozen=True):
    encoding: str
    columns: dict[str, str]
    ignored: list[str]
    orders: list[Order]
    invalid: list[Invalid]
    rows: int
    already: int


async def import_orders(
    actor: Actor,
    content: bytes,
    file_name: str,
    mapping: Mapping,
    *,
    clocks: str = "given",
    in_rates: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> OrdersReport:
    """Takes the lines that fit and names all that do not. A number that is here already is not taken twice, so that the same
    file may be sent again, also after it was cut off. Raises `import.*`, `orders.*`."""
    actor.must("issue.import")
    if clocks not in CLOCKS:
        raise refusal("orders.clocks", clocks=clocks[:40], known=", ".join(CLOCKS))
    known, moment = await _known(actor.bureau), now()
    reading = await asyncio.to_thread(_read, content, file_name, mapping, known, moment)
    choice = Choice(mapping=mapping.name, source=mapping.source, clocks=clocks, in_rates=in_rates)
    batch, added, changed, already = new_id(), [], [], reading.already
    for start in range(0, len(reading.orders), CHUNK_ROWS):
        chunk = reading.orders[start : start + CHUNK_ROWS]
        async with transaction():
            if not dry_run:
                await take_turn("orders", actor.bureau)
            stored = await _stored(actor.bureau, mapping.name, chunk)
            fresh = [order for order in chunk if order.number not in stored]
            others = [order for order in chunk if stored.get(order.number, order.digest) != order.digest]
            if fresh and not dry_run:
                await write_orders(actor, fresh, choice, batch)
                await record_event(
                    actor, "order.import", "import", batch, {"added": len(fresh), "mapping": mapping.name}
                )
        added += fresh
        changed += others
        already += len(chunk) - len(fresh) - len(others)
        if progress is not None:
            progress(start + len(chunk), len(reading.orders))
    unmatched = [order for order in added if order.firm is None]
    return OrdersReport(
        dry_run=dry_run, mapping=mapping.name, encoding=reading.encoding, columns=reading.columns,
        ignored_columns=reading.ignored,
        counts=Counts(
            rows=reading.rows, added=len(added), added_closed=sum(order.is_closed for order in added), already=already,
            changed=len(changed), unmatched=len(unmatched), invalid=len({one.line for one in reading.invalid}),
        ),
        changed=_told(changed), unmatched=_told(unmatched), invalid=reading.invalid,
    )  # fmt: skip


def _read(content: bytes, file_name: str, mapping: Mapping, known: Known, moment: Any) -> Reading:
    sheet = open_list(content, file_name, settings.import_bytes_max)
    places, ignored = headings(sheet.header, mapping)
    orders: dict[str, Order] = {}
    invalid: list[Invalid] = []
    rows = already = 0
    for line, cells in sheet.rows:
        rows += 1
        if rows > settings.import_rows_max:
            raise refusal("import.too_many_rows", limit=settings.import_rows_max)
        read = read_order(line, cells, places, mapping, known, moment, settings.timezone)
        if not isinstance(read, Order):
            invalid += read
        elif read.number not in orders:
            orders[read.number] = read
        elif orders[read.number].digest == read.digest:
            already += 1
        else:
            first = orders[read.number].line
            zh, en = f"编号与第 {first} 行相同,内容不同", f"the number of line {first} with other content"
            firm = read.values.get("enterprise", "")
            invalid.append(Invalid(line, read.values.get("credit_code", ""), firm, "number", read.number, zh, en))
    columns = {field: sheet.header[place] for place, field in places.items()}
    return Reading(sheet.encoding, columns, ignored, list(orders.values()), invalid, rows, already)


async def _known(bureau: UUID) -> Known:
    units = {}
    for row in await Unit.of_bureau(bureau):
        units[row.name] = units[row.code] = row.code
    categories = {}
    for category in await Category.of_bureau(bureau).where(Category.retired_at.is_null()):
        categories[category.zh] = categories[category.code] = category.code
    letters = {}
    for letter in await letters_of(bureau):
        letters[letter.zh] = letters[letter.letter] = letter.letter
    firms: dict[str, UUID | None] = {}
    live = Enterprise.select(Enterprise.id, Enterprise.name, Enterprise.credit_code, Enterprise.temporary_id)
    for firm in await live.where(
        Enterprise.bureau == bureau, Enterprise.merged_into.is_null(), Enterprise.removed_at.is_null()
    ):
        firms[firm["name"]] = None if firm["name"] in firms else firm["id"]
        firms |= {code: firm["id"] for code in (firm["credit_code"], firm["temporary_id"]) if code}
    channels = {name: code for code, names in SOURCES.items() for name in (code, names[0])}
    return Known(units, categories, letters, firms, channels)


async def _stored(bureau: UUID, source: str, orders: Sequence[Order]) -> dict[str, str]:
    rows = await ImportedOrder.select(ImportedOrder.number, ImportedOrder.digest).where(
        ImportedOrder.bureau == bureau,
        ImportedOrder.source == source,
        ImportedOrder.number.is_in([order.number for order in orders]),
    )
    return {row["number"]: row["digest"] for row in rows}


def _told(orders: Sequence[Order]) -> list[Told]:
    return [
        Told(
            line=one.line,
            number=one.number,
            enterprise=one.values.get("enterprise", "") or one.values.get("credit_code", ""),
        )
        for one in orders[:TOLD_MAX]
    ]
