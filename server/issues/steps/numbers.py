"""Human issue numbers, `东湖-2026-000123`: taken for any number of issues by one statement that locks the year's counter
until the commit, so none is given twice and none is skipped by a rollback."""

from __future__ import annotations

import re
from uuid import UUID

from server.moment import today
from server.people.tables import Bureau
from sync.identity import named_id
from sync.transaction import fetch
from sync.turn import take_turn

DIGITS = 6
_PLACE = re.compile(r"([一-鿿]{1,4}?)[省市区县旗]")


def short_name(name: str, code: str) -> str:
    """The place in the bureau's name (东湖区中小企业服务局 → 东湖; the last of 南昌市东湖区…), or its code."""
    places = _PLACE.findall(name)
    return places[-1] if places else code


async def take_draft_number(bureau: UUID) -> str:
    """What a draft is called until it is submitted; a draft that is thrown away leaves a gap here and nowhere else."""
    return f"草稿-{await _count_on(bureau, 0, 1):0{DIGITS}}"


async def take_numbers(bureau: UUID, count: int) -> list[str]:
    owner = await Bureau.objects().get(Bureau.id == bureau)
    if owner is None:
        raise LookupError(f"no bureau {bureau}")
    year = today().year
    await take_turn("issue_counter", bureau)
    last = await _count_on(bureau, year, count)
    prefix = short_name(owner.name, owner.code)
    return [f"{prefix}-{year}-{number:0{DIGITS}}" for number in range(last - count + 1, last + 1)]


async def _count_on(bureau: UUID, year: int, count: int) -> int:
    found = await fetch(
        "INSERT INTO issue_counter (id, bureau, year, n) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (id) DO UPDATE SET n = issue_counter.n + excluded.n RETURNING n",
        [named_id("issue_counter", bureau, year), bureau, year, count],
    )
    return int(found[0]["n"])
