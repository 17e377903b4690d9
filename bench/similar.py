"""How often the right issue is suggested, and how fast: on texts held out before anything was tuned.

Two situations: an issue has one confirmed report, or three and more. Each report of the file in turn is asked about against all
others. `ratio` is the share of the time allowed that one question among 10,000 open reports takes.
"""

from __future__ import annotations

import csv
import gc
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any

from msgspec import Struct

from server.reports.similar import ALGORITHM, Index

TEXTS = Path(__file__).parent.parent / "tests" / "server" / "similar"
FILES = {"tuning": "tuning.csv", "held out": "held_out.csv"}
GOALS = {"one": (0.60, 0.93), "three and more": (0.82, 0.97)}
"""hit@1 and hit@5 by how many confirmed reports an issue has."""
ALLOWED_MS = 10.0
OPEN = 10_000
ASKED = 200
REPORTS_MIN = 4
"""An issue is asked about when it has this many reports: one to ask with, three to be found by."""


class Said(Struct, frozen=True):
    matter: str
    category: str
    text: str


class Hits(Struct, frozen=True):
    n: int
    first: int
    among_three: int
    among_five: int

    def share(self, hits: int) -> float:
        return hits / self.n


def read_texts(name: str) -> list[Said]:
    with (TEXTS / FILES[name]).open(encoding="utf-8", newline="") as lines:
        return [Said(**row) for row in csv.DictReader(lines)]


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share."""
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def count_hits(texts: list[Said], situation: str) -> Hits:
    ranks = list(_ranks(texts, situation))
    return Hits(len(ranks), *(sum(rank is not None and rank < best for rank in ranks) for best in (1, 3, 5)))


def _ranks(texts: list[Said], situation: str) -> Iterator[int | None]:
    """Where the right issue stood, or None when it was not among five."""
    by_matter: dict[str, list[int]] = defaultdict(list)
    for place, said in enumerate(texts):
        by_matter[said.matter].append(place)
    turns = max(map(len, by_matter.values()))
    one = [_index(texts, [places[turn % len(places)] for places in by_matter.values()]) for turn in range(turns)]
    everything = _index(texts, range(len(texts)))
    for places in by_matter.values():
        if len(places) < REPORTS_MIN:
            continue
        for turn, place in enumerate(places):
            said = texts[place]
            if situation == "one":
                found = one[(turn + 1) % len(places)].search(said.text, said.category)
            else:
                everything.remove(str(place))
                found = everything.search(said.text, said.category)
                everything.add(str(place), said.matter, said.text, said.category)
            issues = [hit.issue for hit in found]
            yield issues.index(said.matter) if said.matter in issues else None


def _index(texts: list[Said], places: Any) -> Index[str]:
    index: Index[str] = Index()
    for place in places:
        index.add(str(place), texts[place].matter, texts[place].text, texts[place].category)
    return index


def crowd(n: int) -> tuple[Index[str], list[Said]]:
    """A full index: reports put together from halves of real ones, four to an issue. For the time only."""
    chance = random.Random(1)
    texts = [said for name in FILES for said in read_texts(name)]
    halves = [half for said in texts for half in said.text.split("\uff0c")]
    index: Index[str] = Index()
    for place in range(n):
        words = "\uff0c".join(chance.sample(halves, 3))
        index.add(str(place), f"issue-{place // 4}", words, chance.choice(texts).category)
    return index, texts


def time_questions(n: int = OPEN) -> dict[str, float]:
    """Milliseconds, and bytes held."""
    import tracemalloc

    gc.collect()
    tracemalloc.start()
    index, texts = crowd(n)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    took = []
    for said in random.Random(2).sample(texts, ASKED):
        began = time.perf_counter()
        index.search(said.text, said.category)
        took.append((time.perf_counter() - began) * 1000)
    began = time.perf_counter()
    for place in range(ASKED):
        index.add(f"more-{place}", "another", texts[place].text, texts[place].category)
    added = (time.perf_counter() - began) * 1000 / ASKED
    took.sort()
    return {"median": took[len(took) // 2], "p95": took[int(len(took) * 0.95)], "add": added, "bytes": held}


def run(database: str) -> dict[str, Any]:
    rows = []
    for name in FILES:
        texts = read_texts(name)
        for situation, goals in GOALS.items():
            hits = count_hits(texts, situation)
            cells = [f"{_share(hits.n, got)}" for got in (hits.first, hits.among_three, hits.among_five)]
            rows.append([name, situation, hits.n, *cells, f"{goals[0]} / {goals[1]}"])
    speed = time_questions()
    return {
        "name": "similar",
        "value": round(speed["median"], 2),
        "unit": "ms a question at 10,000 reports",
        "ratio": round(speed["median"] / ALLOWED_MS, 2),
        "tables": [
            (f"hits with 95 % intervals, {ALGORITHM}", ["file", "confirmed", "n", "@1", "@3", "@5", "goal @1 / @5"], rows),
            (
                f"{OPEN:,} reports in memory",
                ["question, median ms", "p95 ms", "one added, ms", "MB held", "allowed ms"],
                [[f"{speed['median']:.1f}", f"{speed['p95']:.1f}", f"{speed['add']:.3f}", f"{speed['bytes'] / 1e6:.1f}", ALLOWED_MS]],
            ),
        ],
    }  # fmt: skip


def _share(n: int, hits: int) -> str:
    low, high = wilson(hits, n)
    return f"{hits / n:.3f} ({low:.2f}-{high:.2f})"
