"""Result letters: what A to D mean here. The meaning is stored beside the letter when it is given, so that changing it later
rewrites no history."""

from __future__ import annotations

import csv
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.issues.tables import ResultLetter
from server.moment import now
from server.refusals import refusal
from sync.identity import new_id

SEED = Path(__file__).parent.parent / "seed" / "letters.csv"


class Letter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    letter: Annotated[str, Meta(min_length=1, max_length=4)]
    zh: Annotated[str, Meta(min_length=1, max_length=200)]
    en: Annotated[str, Meta(max_length=200)] = ""


@cache
def shipped_letters() -> tuple[Letter, ...]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return tuple(Letter(letter=row["letter"], zh=row["zh"], en=row["en"]) for row in csv.DictReader(file))


async def letters_of(bureau: UUID, moment: datetime | None = None) -> list[Letter]:
    """Those in force at `moment` (now): the bureau's own, or the shipped ones as long as it had none."""
    rows = ResultLetter.objects().where(ResultLetter.bureau == bureau).order_by(ResultLetter.place)
    if moment is None:
        found = await rows.where(ResultLetter.until.is_null())
    else:
        found = await rows.where(
            ResultLetter.since.is_null() | (ResultLetter.since <= moment),
            ResultLetter.until.is_null() | (ResultLetter.until > moment),
        )
    return [Letter(letter=row.letter, zh=row.zh, en=row.en) for row in found] or list(shipped_letters())


async def store_letters(bureau: UUID, letters: list[Letter]) -> None:
    """In place of all there were, which stay on record with their dates."""
    moment = now()
    await ResultLetter.update({ResultLetter.until: moment}).where(
        ResultLetter.bureau == bureau, ResultLetter.until.is_null()
    )
    rows = [
        ResultLetter(id=new_id(), bureau=bureau, letter=one.letter, zh=one.zh, en=one.en, place=place, since=moment)
        for place, one in enumerate(letters)
    ]
    await ResultLetter.insert(*rows)


async def define_letter(bureau: UUID, letter: str) -> str:
    """What the letter means now. Raises `issue.letter`."""
    letters = await letters_of(bureau)
    for known in letters:
        if known.letter == letter:
            return known.zh
    raise refusal("issue.letter", letter=letter, letters="、".join(known.letter for known in letters))
