"""What an import did, or would do, for people and programs to read; as CSV for the desk that must mend the list."""

from __future__ import annotations

import csv
import io
from uuid import UUID

from msgspec import Struct

from server.enterprises.lists.difference import Added, Changed, Difference, Invalid, Unmatched

LINES_MAX = 10_000
"""Added, changed and unmatched firms named one by one; the counts are always exact, and every invalid line is named."""
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "=", "+", "-", "@")
CSV_COLUMNS = ("line", "outcome", "credit_code", "name", "field", "old", "new", "zh", "en")


class AboveCap(Struct, frozen=True):
    """A warning: this person looks after more firms than advised."""

    person: UUID
    name: str
    count: int


class Counts(Struct, frozen=True, kw_only=True):
    rows: int
    added: int
    changed: int
    unchanged: int
    unmatched: int
    invalid: int
    """Lines, however much is wrong with each."""
    assigned: int


class ImportReport(Struct, frozen=True, kw_only=True):
    dry_run: bool
    encoding: str
    columns: dict[str, str]
    """Field → the column it was read from."""
    ignored_columns: list[str]
    counts: Counts
    added: list[Added]
    changed: list[Changed]
    unmatched: list[Unmatched]
    invalid: list[Invalid]
    above_cap: list[AboveCap] = []


def lines_of(found: Difference) -> tuple[list[Added], list[Changed], list[Unmatched]]:
    added = [
        Added(line.number, line.values.get("credit_code", ""), line.values.get("name", ""))
        for line in found.added[:LINES_MAX]
    ]
    changed = [
        Changed(line.number, firm.id, firm.credit_code or firm.temporary_id, firm.name, changes)
        for line, firm, changes in found.changed[:LINES_MAX]
    ]
    unmatched = [
        Unmatched(firm.id, firm.credit_code or firm.temporary_id, firm.name) for firm in found.unmatched[:LINES_MAX]
    ]
    return added, changed, unmatched


def escaped(cell: str) -> str:
    """Text that a spreadsheet would run as a formula is kept from it by an apostrophe."""
    return f"'{cell}" if cell.startswith(_FORMULA_SIGNS) else cell


def report_csv(report: ImportReport) -> str:
    """With a byte order mark, so that spreadsheets read it as UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)

    def write(line: object, outcome: str, *cells: str) -> None:
        writer.writerow([line, outcome, *(escaped(cell) for cell in cells)])

    for wrong in report.invalid:
        write(wrong.line, "invalid", wrong.credit_code, wrong.name, wrong.field, "", wrong.value, wrong.zh, wrong.en)
    for added in report.added:
        write(added.line, "added", added.credit_code, added.name, "", "", "", "", "")
    for firm in report.changed:
        for change in firm.fields:
            write(firm.line, "changed", firm.credit_code, firm.name, change.field, change.old, change.new, "", "")
    for missing in report.unmatched:
        write("", "unmatched", missing.credit_code, missing.name, "", "", "", "", "")
    return "\ufeff" + text.getvalue()
