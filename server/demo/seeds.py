"""The words the demo is made of: units, names, problems and the ways issues go, from the files in `seed/`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct

SEED = Path(__file__).parent / "seed"
_STEP = re.compile(r"([a-z_]+)(?::([a-z_]+))?@(\d+)\Z")


class Place(Struct, frozen=True):
    """A unit of the tree. `region` is the GB/T 2260 code of a street."""

    code: str
    name: str
    kind: str
    short: str
    region: str


class Problem(Struct, frozen=True):
    """Something an enterprise says, and how it is answered in the end. `{amount}` and `{count}` stand for figures."""

    category: str
    urgency: str
    title: str
    words: str
    reply: str
    letter: str


class StoryStep(Struct, frozen=True):
    """A verb with its outcome or manner, so many working days after the step before."""

    verb: str
    manner: str
    gap: int


class Story(Struct, frozen=True):
    """How an issue goes until it is in `state`, where it stands for at most `stands` working days when the play ends."""

    state: str
    stands: int
    steps: tuple[StoryStep, ...]

    @property
    def length(self) -> int:
        return sum(step.gap for step in self.steps)


def _lines(name: str) -> Iterator[dict[str, str]]:
    with (SEED / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@cache
def units() -> tuple[Place, ...]:
    return tuple(Place(**line) for line in _lines("units.csv"))


@cache
def problems() -> tuple[Problem, ...]:
    return tuple(Problem(**line) for line in _lines("problems.csv"))


@cache
def words(kind: str) -> tuple[str, ...]:
    return tuple(line["text"] for line in _lines("words.csv") if line["kind"] == kind)


@cache
def stories() -> tuple[Story, ...]:
    """One entry for each issue of the demo."""
    return tuple(
        Story(line["state"], int(line["stands"]), tuple(_step(word) for word in line["steps"].split()))
        for line in _lines("stories.csv")
        for _ in range(int(line["count"]))
    )


def _step(word: str) -> StoryStep:
    read = _STEP.match(word)
    if read is None:
        raise ValueError(f"stories.csv: {word} is not verb:manner@days")
    return StoryStep(read[1], read[2] or "", int(read[3]))
