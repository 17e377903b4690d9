"""Importing a list: read it whole, compare it with the registry, report; then write in chunks that phones see whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct

from server.audit.actions import record_event
from server.enterprises.lists.columns import COMMISSIONER, Columns, Line, read_columns, read_lines
from server.enterprises.lists.difference import Difference, Invalid, Known, Registry, compare
from server.enterprises.lists.report import AboveCap, Counts, ImportReport, lines_of
from server.enterprises.lists.spreadsheet import open_list
from server.enterprises.lists.writing import assign_firms, change_firms, insert_firms, load_firms
from server.people.actor import Actor
from server.people.tables import Person
from server.refusals import refusal
from server.settings import settings
from sync.identity import new_id
from sync.transaction import fetch, transaction

T = TypeVar("T")
CHUNK_ROWS = 1000
"""Rows of one transaction: phones pull between chunks, and nobody waits longer than one takes."""
Progress = Callable[[int, int], None]


class Reading(Struct, frozen=True):
    columns: Columns
    encoding: str
    lines: list[Line]


def read_list(content: bytes, file_name: str) -> Reading:
    """Raises what `open_list`, `read_columns` and `read_lines` raise. Takes seconds for a long list: call it in a thread."""
    sheet = open_list(content, file_name, settings.import_bytes_max)
    columns = read_columns(sheet.header)
    return Reading(columns, sheet.encoding, list(read_lines(sheet, columns, settings.import_rows_max)))


async def import_enterprises(
    actor: Actor,
    content: bytes,
    file_name: str,
    *,
    dry_run: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Imports the lines that fit and names all that do not; `strict` refuses the whole list instead. A dry run tells the same
    and writes nothing. Importing a list twice changes nothing the second time.

    Raises `import.*`; with `strict`, `import.invalid_lines` carries the lines.
    """
    actor.must("enterprise.import")
    reading = await asyncio.to_thread(read_list, content, file_name)
    persons = await _persons_meant(actor.bureau)
    registry = Registry(await load_firms(actor.bureau))
    found = await asyncio.to_thread(compare, reading.lines, registry, persons)
    if strict and found.invalid:
        count = len({wrong.line for wrong in found.invalid})
        raise refusal("import.invalid_lines", count=count, invalid=found.invalid)
    wanted = _assignments_wanted(found, persons)
    assigned = 0
    if dry_run:
        assigned = await _count_missing(actor.bureau, wanted)
    else:
        assigned = await _write(actor, found, wanted, progress)
    above_cap = await _above_cap(actor.bureau, {person for _, person in wanted.values()})
    return _report(reading, found, dry_run, assigned, above_cap)


def _report(
    reading: Reading, found: Difference, dry_run: bool, assigned: int, above_cap: list[AboveCap]
) -> ImportReport:
    added, changed, unmatched = lines_of(found)
    return ImportReport(
        dry_run=dry_run,
        encoding=reading.encoding,
        columns=reading.columns.headers,
        ignored_columns=reading.columns.ignored,
        counts=Counts(
            rows=len(reading.lines),
            added=len(found.added),
            changed=len(found.changed),
            unchanged=len(found.unchanged),
            unmatched=len(found.unmatched),
            invalid=len({wrong.line for wrong in found.invalid}),
            assigned=assigned,
        ),
        added=added,
        changed=changed,
        unmatched=unmatched,
        invalid=found.invalid,
        above_cap=above_cap,
    )


async def _write(
    actor: Actor, found: Difference, wanted: dict[int, tuple[UUID | None, UUID]], progress: Progress | None
) -> int:
    """A chunk is a transaction: rows, feed, audit. Each chunk looks again at what it is about to write, since desks go on
    working meanwhile; what was registered or changed in between is told as invalid or merged field by field."""
    batch, total, done, assigned = new_id(), len(found.added) + len(found.changed), 0, 0
    new_ids = {line.number: new_id() for line in found.added}
    for chunk in _chunks(found.added):
        async with transaction():
            late = await insert_firms(actor, chunk, new_ids)
            pairs = [
                (new_ids[line.number], wanted[line.number][1])
                for line in chunk
                if line.number in wanted and line.number not in late
            ]
            assigned += await assign_firms(actor, pairs)
            await record_event(actor, "enterprise.import", "import", batch, {"added": len(chunk) - len(late)})
        _name_late(found, late)
        done += len(chunk)
        _tell(progress, done, total)
    for changes in _chunks(found.changed):
        async with transaction():
            late = await change_firms(actor, [(line, firm.id) for line, firm, _ in changes])
            await record_event(actor, "enterprise.import", "import", batch, {"changed": len(changes) - len(late)})
        _name_late(found, late)
        done += len(changes)
        _tell(progress, done, total)
    kept = [(firm, person) for firm, person in wanted.values() if firm is not None]
    for some in _chunks(kept):
        async with transaction():
            assigned += await assign_firms(actor, some)
    return assigned


def _name_late(found: Difference, late: set[int]) -> None:
    zh, en = "导入期间已被登记或合并,请重新导入", "registered or merged while the import ran; import again"
    for line in (*found.added, *(line for line, _, _ in found.changed)):
        if line.number in late:
            code = line.values.get("credit_code", "")
            found.invalid.append(Invalid(line.number, code, line.values.get("name", ""), "credit_code", code, zh, en))
    found.added = [line for line in found.added if line.number not in late]
    found.changed = [change for change in found.changed if change[0].number not in late]


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _chunks(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + CHUNK_ROWS] for start in range(0, len(items), CHUNK_ROWS)]


async def _persons_meant(bureau: UUID) -> dict[str, UUID | None]:
    """By login, and by name where only one person bears it."""
    meant: dict[str, UUID | None] = {}
    persons = [row for row in await Person.of_bureau(bureau) if row.disabled_at is None]
    for row in persons:
        meant[row.name] = None if row.name in meant else row.id
    return meant | {row.login: row.id for row in persons}


def _assignments_wanted(found: Difference, persons: dict[str, UUID | None]) -> dict[int, tuple[UUID | None, UUID]]:
    """Line → the firm it is about (None while it is new) and whom the list puts in charge."""
    about: list[tuple[Line, Known | None]] = [(line, None) for line in found.added if COMMISSIONER in line.values]
    about += [(line, firm) for line, firm, _ in found.changed if COMMISSIONER in line.values]
    about += [(line, firm) for line, firm in found.unchanged if COMMISSIONER in line.values]
    wanted: dict[int, tuple[UUID | None, UUID]] = {}
    for line, firm in about:
        person = persons.get(line.values[COMMISSIONER])
        if person is not None:
            wanted[line.number] = (None if firm is None else firm.id, person)
    return wanted


async def _count_missing(bureau: UUID, wanted: dict[int, tuple[UUID | None, UUID]]) -> int:
    rows: list[Any] = await fetch(
        "SELECT enterprise, person FROM enterprise_assignment WHERE bureau = $1 AND until IS NULL", [bureau]
    )
    held = {(row["enterprise"], row["person"]) for row in rows}
    return sum(pair not in held for pair in wanted.values())


async def _above_cap(bureau: UUID, persons: set[UUID]) -> list[AboveCap]:
    rows = await fetch(
        "SELECT person, count(*) FROM enterprise_assignment WHERE bureau = $1 AND until IS NULL"
        " GROUP BY person HAVING count(*) > $2",
        [bureau, settings.assignments_per_commissioner_max],
    )
    names = {row.id: row.name for row in await Person.of_bureau(bureau)} if rows else {}
    return [AboveCap(row[0], names.get(row[0], ""), int(row[1])) for row in rows if row[0] in persons]
