"""A year's holidays as the State Council announces them, in the JSON shape of the holiday-cn project: every fault of a file is
told with its place, and a file with a fault changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from server.refusals import refusal
from server.worktime.days import OFFICIAL, PROVISIONAL, Day

NOTICE_DAYS_MAX = 120
COMPLAINTS_MAX = 50
NAME_MAX = 60
PAPER_MAX = 300
KNOWN = {"$schema", "$id", "year", "papers", "days"}
DAY_KNOWN = {"name", "date", "isOffDay"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")


class Notice(Struct, frozen=True, kw_only=True):
    year: int
    papers: tuple[str, ...]
    days: tuple[Day, ...]

    @property
    def source(self) -> str:
        return f"{self.year}: {self.papers[0] if self.papers else ''}".strip()


def read_notice(content: bytes, horizon: date) -> Notice:
    """`horizon` is the last announced day: years are announced one after the other. Raises `calendar.notice` with every complaint."""
    try:
        found = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refusal(
            "calendar.notice", count=1, first=f"not JSON: {error}", complaints=[f"not JSON: {error}"]
        ) from None
    except RecursionError:
        raise refusal("calendar.notice", count=1, first="nested too deeply", complaints=["nested too deeply"]) from None
    complaints: list[str] = []
    notice = _notice(found, horizon, complaints)
    if complaints or notice is None:
        raise refusal(
            "calendar.notice", count=len(complaints), first=complaints[0], complaints=complaints[:COMPLAINTS_MAX]
        )
    return notice


def _notice(found: Any, horizon: date, complaints: list[str]) -> Notice | None:
    if not isinstance(found, dict):
        complaints.append("the file is not an object with year, papers and days")
        return None
    complaints += [f"unknown field {name!r}" for name in sorted(found.keys() - KNOWN)]
    year, papers, days = found.get("year"), found.get("papers", []), found.get("days")
    if type(year) is not int or not 2004 <= year <= horizon.year + 1:
        complaints.append(
            f"year: {year!r} is not between 2004 and {horizon.year + 1}, the year after the last announced one"
        )
        return None
    if not isinstance(papers, list) or not all(_is_line(paper, PAPER_MAX) for paper in papers):
        complaints.append(f"papers: not a list of addresses of at most {PAPER_MAX} characters")
        papers = []
    if not isinstance(days, list) or not 0 < len(days) <= NOTICE_DAYS_MAX:
        complaints.append(
            f"days: not a list of 1 to {NOTICE_DAYS_MAX} days (a year that is not announced yet has none)"
        )
        return None
    source = f"{year}: {papers[0] if papers else ''}".strip()
    read = [_day(line, place, year, source, complaints) for place, line in enumerate(days)]
    _check_whole([day for day in read if day is not None], year, complaints)
    return Notice(year=year, papers=tuple(papers), days=tuple(day for day in read if day is not None))


def _day(line: Any, place: int, year: int, source: str, complaints: list[str]) -> Day | None:
    at = f"days[{place}]"
    if not isinstance(line, dict):
        complaints.append(f"{at}: not an object")
        return None
    before = len(complaints)
    complaints += [f"{at}: unknown field {name!r}" for name in sorted(line.keys() - DAY_KNOWN)]
    name, text, is_off = line.get("name"), line.get("date"), line.get("isOffDay")
    if not _is_line(name, NAME_MAX) or not str(name).strip():
        complaints.append(f"{at}.name: {name!r} is not a name of 1 to {NAME_MAX} characters")
    if not isinstance(is_off, bool):
        complaints.append(f"{at}.isOffDay: {is_off!r} is neither true nor false")
    day = _date(text)
    if day is None:
        complaints.append(f"{at}.date: {text!r} is not a date (write {year}-10-01)")
    elif not date(year - 1, 12, 1) <= day <= date(year, 12, 31):
        complaints.append(f"{at}.date: {text} lies neither in {year} nor in the December before")
    if len(complaints) > before or day is None:
        return None
    return Day(day=day, is_working=not is_off, name=str(name).strip(), source=source, status=OFFICIAL)


def _is_line(text: Any, most: int) -> bool:
    """Null characters and the like are none: no database keeps them."""
    return isinstance(text, str) and len(text) <= most and text.isprintable()


def _date(text: Any) -> date | None:
    if not isinstance(text, str) or not _DATE.match(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _check_whole(days: list[Day], year: int, complaints: list[str]) -> None:
    """A day stands once, and what is no whole year's arrangement must not make a year known."""
    seen: set[date] = set()
    for day in days:
        if day.day in seen:
            complaints.append(f"{day.day} stands there more than once")
        seen.add(day.day)
    rests = {day.day for day in days if not day.is_working}
    for month, name in ((1, "元旦"), (10, "国庆节")):
        if not complaints and date(year, month, 1) not in rests:
            complaints.append(
                f"{year}-{month:02}-01 ({name}) is no day off, so this is not the arrangement of a whole year"
            )


def days_of_notice(notice: Notice, known: Iterable[Day]) -> tuple[Day, ...]:
    """The notice, and what was expected of its year or announced in an earlier reading of it and is not in it: taken back."""
    said = {day.day for day in notice.days}
    gone = [
        Day(day=day.day, is_working=None, name=day.name, source=notice.source, status=OFFICIAL)
        for day in known
        if day.day not in said
        and ((day.status == PROVISIONAL and day.day.year == notice.year) or _is_of(day, notice.year))
    ]
    return (*notice.days, *gone)


def _is_of(day: Day, year: int) -> bool:
    return day.status == OFFICIAL and (day.source.startswith(f"{year}:") or f"关于{year}年" in day.source)
