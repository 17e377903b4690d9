"""A row of a work order list as an order that fits, or everything that is wrong with it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Table
from datetime import datetime, tzinfo
from uuid import UUID

from msgspec import Struct

from server.enterprises import credit_code
from server.enterprises.lists.difference import Invalid
from server.orders.reading.mapping import Mapping, folded
from server.refusals import refusal

TEXT_MAX = {"number": 100, "title": 200, "description": 10_000, "reply": 4000, "progress": 4000, "enterprise": 200}
OTHERS_MAX = 200
DATES = ("received", "dispatched", "due", "closed")


class Known(Struct, frozen=True):
    """What a line may name: units and categories by code and by name, result letters, firms by code and by name (None where
    several bear it), and the sources of reports."""

    units: Table[str, str]
    categories: Table[str, str]
    letters: Table[str, str]
    firms: Table[str, UUID | None]
    channels: Table[str, str]


class Order(Struct, frozen=True, kw_only=True):
    line: int
    values: dict[str, str]
    dates: dict[str, datetime]
    firm: UUID | None
    is_closed: bool
    digest: str

    @property
    def number(self) -> str:
        return self.values["number"]


def headings(header: list[str], mapping: Mapping) -> tuple[dict[int, str], list[str]]:
    """Place → field, and the headings nobody reads. Raises `import.column_twice`, `orders.columns`."""
    places: dict[int, str] = {}
    ignored = []
    for place, heading in enumerate(header):
        field = mapping.columns.get(folded(heading))
        if field is None:
            ignored.extend([heading[:100]] if heading else [])
        elif field in places.values():
            first = next(header[other] for other, known in places.items() if known == field)
            raise refusal("import.column_twice", first=first, second=heading, field=field)
        else:
            places[place] = field
    missing = [field for field in ("number", "description") if field not in places.values()]
    if missing:
        raise refusal("orders.columns", missing=", ".join(missing), found="、".join(filter(None, header))[:300])
    return places, ignored


def read_order(
    line: int, cells: list[str], places: dict[int, str], mapping: Mapping, known: Known, now: datetime, zone: tzinfo
) -> Order | list[Invalid]:
    values = {
        field: cells[place].strip() for place, field in places.items() if place < len(cells) and cells[place].strip()
    }
    digest = hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()
    wrong: list[Invalid] = []

    def complain(field: str, value: str, zh: str, en: str) -> None:
        wrong.append(
            Invalid(line, values.get("credit_code", ""), values.get("enterprise", ""), field, value[:100], zh, en)
        )

    for field in ("number", "description"):
        if field not in values:
            complain(field, "", "必填", "is needed")
    for field, value in values.items():
        limit = TEXT_MAX.get(field, OTHERS_MAX)
        if len(value) > limit:
            complain(field, value, f"最多 {limit} 个字", f"at most {limit} characters")
        if "\0" in value:
            complain(field, value.replace("\0", "?"), "含有空字符", "holds a null character")
    for field in ("state", "urgency"):
        if field in values and (field, values[field]) in mapping.values:
            values[field] = mapping.values[field, values[field]]
        elif field == "state" and field in values:
            complain(field, values[field], "对照表中没有这个状态", "the mapping does not know this state")
    for field, names in (
        ("lead", known.units),
        ("category", known.categories),
        ("letter", known.letters),
        ("channel", known.channels),
    ):
        if field in values and field != "channel" and values[field] not in names:
            complain(field, values[field], "这里没有", "is not known here")
        elif field in values:
            values[field] = names.get(values[field], values[field])
    co = [name for name in values.get("co", "").replace(",", "、").replace(",", "、").split("、") if name.strip()]
    for name in co:
        if name.strip() not in known.units:
            complain("co", name, "这里没有", "is not known here")
    values["co"] = "、".join(known.units.get(name.strip(), "") for name in co)
    code = values.get("credit_code", "")
    if code and not credit_code.is_valid(credit_code.normalise(code)):
        complain("credit_code", code, "信用代码无效", "not a credit code")
    dates = _dates(values, mapping, zone, complain)
    is_closed = values.get("state") == "closed" or ("state" not in values and "closed" in dates)
    received, closed = dates.get("received") or dates.get("dispatched"), dates.get("closed")
    for field in ("received", "dispatched", "closed"):
        if field in dates and dates[field] > now:
            complain(field, values[field], "晚于现在", "lies in the future")
    if received is not None and closed is not None and closed < received:
        complain("closed", values["closed"], "早于受理时间", "lies before it was received")
    if is_closed and closed is None:
        complain("closed", "", "已办结的工单需要办结时间", "what is closed needs the date it was closed")
    if wrong:
        return wrong
    firm = known.firms.get(credit_code.normalise(code)) if code else known.firms.get(values.get("enterprise", ""))
    return Order(line=line, values=values, dates=dates, firm=firm, is_closed=is_closed, digest=digest)


def _dates(values: dict[str, str], mapping: Mapping, zone: tzinfo, complain: object) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for field in DATES:
        if field not in values:
            continue
        moment = _moment(values[field], mapping.dates)
        if moment is None or not 1990 <= moment.year <= 2200:
            complain(field, values[field], "不是对照表中的日期写法", "not written as the mapping says")  # type: ignore[operator]
        else:
            found[field] = moment.replace(tzinfo=moment.tzinfo or zone)
    return found


def _moment(text: str, ways: tuple[str, ...]) -> datetime | None:
    for way in ways:
        try:
            return datetime.strptime(text, way)
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
