"""Who is told of what, and in which words: a table a person can read (`seed/ladder.csv`), and a bureau's own lines over it. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Annotated

from msgspec import Meta, Struct

from server.clocks.clock import BY_NAME
from server.issues.states import MOVES, VERBS
from server.people.roles import ROLES

SEED = Path(__file__).parents[1] / "seed" / "ladder.csv"
AUTHOR, CO_HANDLER = "author", "co_handler"
"""Whoever wrote the first report down; the handlers of the units that help."""
LEVELS = ("yellow", "soon", "due", "overdue", "double_red", "resume", "review", "reminder")
NEVER_SILENT = ("clock.due", "clock.double_red")
"""A missed date is told to somebody, whatever a bureau thinks of it."""
PLACES = ("number", "unit", "due", "clock")
RUNGS_MAX = 500
COLUMNS = ("topic", "clock", "to", "zh", "en")

Code = Annotated[str, Meta(max_length=64)]
Sentence = Annotated[str, Meta(max_length=200)]


class Rung(Struct, frozen=True, forbid_unknown_fields=True):
    """`topic` is an event of the issue (`issue.<verb>`, or `issue.<verb>.<outcome>`) or a signal of a clock
    (`clock.<level>`); a rung that names its clock goes before one that does not. `to` are roles and the two words above; a
    bureau's rung without any silences the shipped one."""

    topic: Code
    clock: Code = ""
    to: Annotated[tuple[Code, ...], Meta(max_length=20)] = ()
    zh: Sentence = ""
    en: Sentence = ""


class Complaint(Struct, frozen=True, kw_only=True):
    """`at` names the place: `rungs[3].to`."""

    at: str
    zh: str
    en: str


class Ladder(Struct, frozen=True):
    """What is in force in one bureau: its own rungs before the shipped ones of the same topic and clock."""

    version: int
    own: tuple[Rung, ...]

    def rung_for(self, topic: str, clock: str = "") -> Rung | None:
        """The one rung of this topic, the one made for this clock first; none for what is told to nobody."""
        found = {rung.clock: rung for rung in self.rungs() if rung.topic == topic}
        rung = found.get(clock) or found.get("")
        return rung if rung is not None and rung.to else None

    def knows(self, topic: str) -> bool:
        """Whether a rung is there, be it one that silences."""
        return any(rung.topic == topic for rung in self.rungs())

    def rungs(self) -> list[Rung]:
        return list(merged(self.own))


@cache
def merged(own: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """The shipped rungs with a bureau's own in their places, and its others after them."""
    return tuple(({_key(rung): rung for rung in shipped_ladder()} | {_key(rung): rung for rung in own}).values())


def _key(rung: Rung) -> tuple[str, str]:
    return rung.topic, rung.clock


@cache
def shipped_ladder() -> tuple[Rung, ...]:
    return tuple(rungs_of_csv(SEED.read_text(encoding="utf-8")))


def rungs_of_csv(text: str) -> list[Rung]:
    """Raises KeyError for a missing column."""
    lines = csv.DictReader(io.StringIO(text, newline=""))
    missing = set(COLUMNS) - set(lines.fieldnames or ())
    if missing:
        raise KeyError(", ".join(sorted(missing)))
    return [
        Rung(
            (row["topic"] or "").strip(), (row["clock"] or "").strip(), tuple((row["to"] or "").split()),
            (row["zh"] or "").strip(), (row["en"] or "").strip(),
        )
        for row in lines
    ]  # fmt: skip


def topics() -> set[str]:
    """Everything a rung may be about."""
    moves = {f"issue.{move.verb}.{move.outcome}" for move in MOVES if move.outcome}
    return {f"issue.{verb}" for verb in VERBS} | moves | {f"clock.{level}" for level in LEVELS}


def complaints(rungs: Sequence[Rung]) -> list[Complaint]:
    """Everything that speaks against a bureau's own rungs, line by line."""
    found: list[Complaint] = []
    if len(rungs) > RUNGS_MAX:
        found.append(Complaint(at="rungs", zh=f"最多 {RUNGS_MAX} 条", en=f"{RUNGS_MAX} rungs at most"))
    known, seen = topics(), dict[tuple[str, str], int]()
    for n, rung in enumerate(rungs, 1):
        for field, zh, en in _of_rung(rung, known):
            found.append(Complaint(at=f"rungs[{n}].{field}", zh=zh, en=en))
        if _key(rung) in seen:
            first = seen[_key(rung)]
            found.append(Complaint(at=f"rungs[{n}]", zh=f"与第 {first} 条重复", en=f"the same as rung {first}"))
        seen.setdefault(_key(rung), n)
    return found


def _of_rung(rung: Rung, known: set[str]) -> list[tuple[str, str, str]]:
    found = []
    if rung.topic not in known:
        found.append(("topic", f"没有事件 {rung.topic!r}", f"nothing is called {rung.topic!r}"))
    if rung.clock and not rung.topic.startswith("clock."):
        found.append(("clock", "只有时限信号可指定时限", "only signals of clocks name a clock"))
    elif rung.clock and rung.clock not in BY_NAME:
        names = ", ".join(BY_NAME)
        found.append(
            ("clock", f"没有时限 {rung.clock!r},可用:{names}", f"there is no clock {rung.clock!r}; use {names}")
        )
    people = (*ROLES, AUTHOR, CO_HANDLER)
    for word in rung.to:
        if word not in people:
            names = ", ".join(people)
            found.append(("to", f"没有角色 {word!r},可用:{names}", f"there is no role {word!r}; use {names}"))
    if not rung.to and rung.topic in NEVER_SILENT:
        found.append(("to", "超期必须有人知晓", "a missed date must be told to somebody"))
    for field, sentence in (("zh", rung.zh), ("en", rung.en)):
        wrong = _misplaced(sentence)
        if wrong is not None:
            names = ", ".join(f"{{{name}}}" for name in PLACES)
            found.append((field, f"不能使用 {wrong},可用:{names}", f"{wrong} cannot stand here; use {names}"))
    if rung.to and not rung.zh:
        found.append(("zh", "请写明提醒语句", "the sentence is missing"))
    return found


def _misplaced(sentence: str) -> str | None:
    """What stands in braces and may not."""
    try:
        parts = list(Formatter().parse(sentence))
    except ValueError as error:
        return str(error)
    for _, name, form, conversion in parts:
        if name is not None and (name not in PLACES or form or conversion):
            return "{" + name + "}"
    return None
