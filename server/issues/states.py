"""The state machine of an issue, as data: `seed/states.csv`, `seed/verbs.csv`, `seed/moves.csv`. The engine in `actions.py`
knows no verb by name in order to judge a move; `docs/issues.md` shows these tables and a test compares every row.

What a verb asks for stands in `fields.py`, what it does beside moving in `steps/effects.py`, what a bureau may have
otherwise in `machine/`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from server.issues import fields

SEED = Path(__file__).parent / "seed"


class State(Struct, frozen=True):
    """`is_open`: in the queue, somebody must move it on."""

    code: str
    zh: str
    en: str
    is_open: bool
    waits_for: str
    """Who moves it on."""


class Verb(Struct, frozen=True):
    """Something a person may do to an issue.

    `where` says whose issue it must be for the person holding `permission`: "lead" (the lead unit lies in the person's
    reach), "part" (one that helps it does), "units" (either), "any" (whoever may see it). `route` is the resource under
    /v1/issues/{issue}. The lead is among "units": it may note what a silent unit said on the telephone; else its issue
    would wait for ever.
    """

    name: str
    zh: str
    en: str
    permission: str
    where: str
    route: str
    fields: type[Struct]
    clock: str = ""
    """The clock event it is; outcomes may name another (`Move.clock`)."""
    offline: bool = False
    """Also an operation `issue.<name>` a phone may send."""


class Move(Struct, frozen=True):
    """`verb` with `outcome` takes an issue from `source` to `target`. An equal pair is a verb that does not move it."""

    verb: str
    source: str
    target: str
    outcome: str = ""
    clock: str | None = None
    """The clock event of this outcome where it is not the verb's; empty for none."""


def _read(name: str) -> list[dict[str, str]]:
    with (SEED / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _states() -> dict[str, State]:
    return {
        row["code"]: State(row["code"], row["zh"], row["en"], row["open"] == "yes", row["waits_for"])
        for row in _read("states.csv")
    }


STATES = _states()
PLACES = {row["code"]: tuple(map(float, row["place"].split())) for row in _read("states.csv")}
"""Where a state stands in the picture: column and row."""
DRAFT = "DRAFT"
"""Its author's alone: in no queue and no list of anybody else, on no phone, until it is submitted."""
OPEN = tuple(state.code for state in STATES.values() if state.is_open)
FLAGS = {"EXT_REQUESTED": ("申请延期", "extension requested"), "ESCALATED": ("已提级", "escalated")}
"""Marks on an open issue, beside its state."""
REOPEN_DAYS = 30
"""How long after closing a coordinator may reopen."""


def _verbs() -> dict[str, Verb]:
    return {
        row["verb"]: Verb(
            row["verb"], row["zh"], row["en"], row["permission"], row["where"], row["route"],
            getattr(fields, row["fields"]), row["clock"], row["offline"] == "yes",
        )
        for row in _read("verbs.csv")
    }  # fmt: skip


VERBS = _verbs()


def _moves() -> Iterator[Move]:
    """A row of the file stands for several moves: `from` lists states, `open` is every open one, `submitted` every one but
    the draft; `to` may be `same`, or `before` for wherever it came from; `clock` is `-` for none."""
    groups = {"open": OPEN, "submitted": tuple(code for code in STATES if code != DRAFT), "-": ("",)}
    clocks = {"": None, "-": ""}
    for row in _read("moves.csv"):
        clock = clocks.get(row["clock"], row["clock"])
        for source in groups.get(row["from"]) or row["from"].split():
            targets = {"same": (source,), "before": OPEN}.get(row["to"]) or (row["to"],)
            for target in targets:
                yield Move(row["verb"], source, target, row["outcome"], clock)


MOVES = tuple(_moves())
_BY_KEY: dict[tuple[str, str], list[Move]] = {}
for _move in MOVES:
    _BY_KEY.setdefault((_move.verb, _move.source), []).append(_move)


def find_move(verb: str, source: str, outcome: str = "", target: str = "") -> Move | None:
    """The one move of this verb from this state with this outcome; `target` chooses where an unmerge goes back to."""
    for move in _BY_KEY.get((verb, source), ()):
        if move.outcome == outcome and (not target or move.target == target):
            return move
    return None


def verbs_from(state: str) -> list[str]:
    """What may be done to an issue in this state, by whoever may."""
    return [name for name in VERBS if (name, state) in _BY_KEY]


def clock_event(verb: str, outcome: str) -> str:
    """The clock event this verb with this outcome is; empty for one that concerns no clock."""
    return _CLOCKS.get((verb, outcome), "")


_CLOCKS = {(move.verb, move.outcome): VERBS[move.verb].clock if move.clock is None else move.clock for move in MOVES}
