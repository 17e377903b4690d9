"""How another system's columns are read: a table a person can write, `kind,field,written,means`. Pure.

`column`: this heading holds that field. `value`: what is written means this. `date`: a way dates are written. `source`: where the
reports came from, a code of `SOURCES`.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from msgspec import Struct

from server.refusals import refusal

SEED = Path(__file__).parent / "seed"
SHIPPED = tuple(sorted(path.stem for path in SEED.glob("*.csv")))
MAPPING_BYTES_MAX = 256 * 1024
HEAD = ["kind", "field", "written", "means"]
FIELDS = (
    "number", "credit_code", "enterprise", "title", "description", "category", "urgency", "contact_name", "contact_phone",
    "received", "dispatched", "due", "lead", "co", "state", "closed", "reply", "letter", "progress", "satisfied", "channel",
)  # fmt: skip
MARKS = "**::"
"""What forms put around a heading."""
NEEDED = ("number", "description")


class Mapping(Struct, frozen=True):
    name: str
    source: str
    columns: dict[str, str]
    """Heading → field."""
    values: dict[tuple[str, str], str]
    dates: tuple[str, ...]


def shipped(name: str) -> Mapping:
    """Raises `orders.mapping_unknown`."""
    if name not in SHIPPED:
        raise refusal("orders.mapping_unknown", mapping=name[:64], mappings=", ".join(SHIPPED))
    return read_mapping(name, (SEED / f"{name}.csv").read_bytes())


def read_mapping(name: str, content: bytes) -> Mapping:
    """Raises `orders.mapping` with the line that does not fit."""
    try:
        rows = list(csv.reader(io.StringIO(content[:MAPPING_BYTES_MAX].decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(0, f"不是 UTF-8 的 CSV({error})", f"not a CSV in UTF-8 ({error})") from None
    if not rows or [cell.strip() for cell in rows[0]] != HEAD:
        raise _wrong(1, f"表头应为 {','.join(HEAD)}", f"the header is {','.join(HEAD)}")
    source, columns, values, dates = "document", {}, {}, []
    for line, cells in enumerate(rows[1:], 2):
        if not any(cells):
            continue
        kind, field, written, means = [*(cell.strip() for cell in cells), "", "", "", ""][:4]
        if kind in ("column", "value") and field not in FIELDS:
            raise _wrong(line, f"没有字段 {field}", f"there is no field {field}; there are {', '.join(FIELDS)}")
        if kind == "column":
            columns[folded(written)] = field
        elif kind == "value":
            values[field, written] = means
        elif kind == "date" and "%Y" in written:
            dates.append(written)
        elif kind == "source":
            source = means
        else:
            raise _wrong(line, f"不认识 {kind} {written}", f"{kind} {written} is none of column, value, date, source")
    missing = [field for field in NEEDED if field not in columns.values()]
    if missing:
        raise _wrong(0, f"缺少字段 {', '.join(missing)}", f"no column for {', '.join(missing)}")
    return Mapping(name, source, columns, values, tuple(dates))


def folded(heading: str) -> str:
    return "".join(heading.split()).strip(MARKS)


def _wrong(line: int, zh: str, en: str) -> Exception:
    return refusal("orders.mapping", line=line, reason_zh=zh, reason=en)
