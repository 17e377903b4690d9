"""Which known issue does this report sound like? An inverted index over characters and pairs of characters, in memory.

Pure, and portable to a phone: no numbers library, no clock, nothing of the server. Texts are short and Chinese, commissioners
mis-file, firms say one thing in many ways; hence characters and not words, and a category that helps without deciding.
How well it works, measured on texts held out, stands in docs/similar.md.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping
from heapq import nlargest
from math import log, sqrt
from sys import intern
from typing import Any, Generic, TypeVar

from msgspec import Struct

K = TypeVar("K", bound=Hashable)

ALGORITHM = "chars-1"
"""Written beside whatever was proposed or linked because of a score. A change of what follows is a new name; what an older
one grouped stays."""
INDEXED_CHARACTERS = 400
"""Of one text; what is said after that repeats it."""
SAME_CODE = 0.1
SAME_GROUP = 0.05
"""Added when the category is the same, or its first level is. Tuned, like the three below, on tests/server/similar/tuning.csv."""
ALONE = 0.9
"""Factor for an issue with a single report: the mean of two is otherwise at a disadvantage."""
IDF_FLOOR = 0.1
SINGLE = 0.7
"""What a single character counts for beside a pair of the same rarity."""
COMMON_SHARE = 0.1
COMMON_FROM = 500
"""From this many reports on, what a tenth of them contain is not looked up; candidates are still judged by it."""
CANDIDATES = 60
MEMBERS_JUDGED = 3
REPEAT_LIKENESS = 0.92
REPEAT_CHARACTERS_MIN = 8
"""Two texts of one firm are the same thing said twice from here on; shorter ones say too little to tell."""
REPEAT_SLIP = 8
"""Punctuation more or less that may stand between two such texts."""
_PARTICLES = frozenset("的了是在不有我们和也都就要没这那个到很还让给被能一")
_GROUP = 2
_NUMBERS = re.compile(r"\d+")


class Found(Struct, Generic[K], frozen=True):
    """`score` is 0 to 1. `spans` and `its_spans` are the shared words as (start, end) in characters, end excluded, of the
    text that was asked about and of `text`, the nearest of the issue's reports."""

    issue: K
    score: float
    words: list[str]
    report: K
    text: str
    spans: list[tuple[int, int]]
    its_spans: list[tuple[int, int]]


class _Member(Struct, Generic[K]):
    report: K
    issue: K
    text: str
    category: str
    grams: tuple[str, ...]
    scale: float


class _Weights(dict[str, float]):
    """What a gram counts for, squared (once for either text): the rarer the more. Worked out when first asked for."""

    def __init__(self, postings: dict[str, array[int]], held: int) -> None:
        self._postings = postings
        self._held = held

    def __missing__(self, gram: str) -> float:
        posting = self._postings.get(gram, ())
        rarity = log((1 + self._held) / (1 + len(posting))) + IDF_FLOOR
        weight = self[gram] = rarity * rarity * (SINGLE if len(gram) == 1 else 1.0)
        return weight


class Index(Generic[K]):
    """Reports by issue. What it answers depends only on what it holds, not on the order it came in."""

    def __init__(self) -> None:
        self._members: list[_Member[K] | None] = []
        self._free: list[int] = []
        self._slots: dict[K, int] = {}
        self._issues: dict[K, list[int]] = {}
        self._postings: dict[str, array[int]] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, report: K) -> bool:
        return report in self._slots

    def add(self, report: K, issue: K, text: str, category: str = "") -> None:
        """Also for one that is held already: it may have another issue or category now."""
        self.remove(report)
        text = text[:INDEXED_CHARACTERS]
        grams = tuple(intern(gram) for gram in sorted(grams_of(text)))
        member = _Member(report, issue, text, category, grams, 1 / sqrt(len(grams) or 1))
        if self._free:
            slot = self._free.pop()
            self._members[slot] = member
        else:
            slot = len(self._members)
            self._members.append(member)
        self._slots[report] = slot
        self._issues.setdefault(issue, []).append(slot)
        for gram in grams:
            posting = self._postings.get(gram)
            if posting is None:
                posting = self._postings[gram] = array("I")
            posting.append(slot)

    def remove(self, report: K) -> None:
        slot = self._slots.pop(report, None)
        member = self._members[slot] if slot is not None else None
        if slot is None or member is None:
            return
        for gram in member.grams:
            posting = self._postings[gram]
            posting.remove(slot)
            if not posting:
                del self._postings[gram]
        fellows = self._issues[member.issue]
        fellows.remove(slot)
        if not fellows:
            del self._issues[member.issue]
        self._members[slot] = None
        self._free.append(slot)

    def reports_of(self, issue: K) -> list[K]:
        return [member.report for slot in self._issues.get(issue, ()) if (member := self._members[slot]) is not None]

    def search(
        self, text: str, category: str = "", limit: int = 5, *, without: Iterable[K] = (), at_least: float = 0.0
    ) -> list[Found[K]]:
        """The issues most like this text, the likest first. Issues `without` are passed over."""
        text = text[:INDEXED_CHARACTERS]
        weights = _Weights(self._postings, len(self._slots))
        wanted = grams_of(text)
        touched = self._overlaps(wanted, weights)
        length = sum(map(weights.__getitem__, wanted))
        passed = frozenset(without)
        ranked: list[tuple[float, int]] = []

        def likeness(member: _Member[K]) -> float:
            norm = sum(map(weights.__getitem__, member.grams))
            shared = sum(map(weights.__getitem__, wanted.intersection(member.grams)))
            return shared / sqrt(norm * length) if shared else 0.0

        for issue in self._candidates(touched):
            if issue in passed:
                continue
            score, nearest = self._score(
                issue, touched, lambda member: likeness(member) + bonus(category, member.category)
            )
            if score >= at_least:
                ranked.append((score, nearest))
        best = nlargest(limit, ranked, key=lambda one: (one[0], str(self._at(one[1]).report)))
        return [self._found(text, score, self._at(slot)) for score, slot in best]

    def _at(self, slot: int) -> _Member[K]:
        member = self._members[slot]
        assert member is not None
        return member

    def _overlaps(self, wanted: set[str], weights: _Weights) -> dict[int, float]:
        """For every text that shares something rarer with the question: how much, roughly."""
        held = len(self._slots)
        common = held * COMMON_SHARE if held >= COMMON_FROM else held
        overlap = [0.0] * len(self._members)
        for gram in wanted:
            posting = self._postings.get(gram)
            if posting is not None and len(posting) <= common:
                weight = weights[gram]
                for slot in posting:
                    overlap[slot] += weight
        return {slot: shared for slot, shared in enumerate(overlap) if shared}

    def _candidates(self, touched: dict[int, float]) -> list[K]:
        members = self._members
        near = nlargest(CANDIDATES, ((shared * members[slot].scale, slot) for slot, shared in touched.items()))  # type: ignore[union-attr]
        return list(dict.fromkeys(self._at(slot).issue for _, slot in near))

    def _score(self, issue: K, touched: dict[int, float], judge: Callable[[_Member[K]], float]) -> tuple[float, int]:
        """Mean of the two nearest reports of the issue, each with what its category adds."""
        fellows = self._issues[issue]
        judged = fellows
        if len(fellows) > MEMBERS_JUDGED:
            judged = nlargest(MEMBERS_JUDGED, fellows, key=lambda slot: self._rough(slot, touched))
        scores = sorted(((judge(self._at(slot)), slot) for slot in judged), reverse=True)
        best, nearest = scores[0]
        return (best * ALONE if len(fellows) == 1 else (best + scores[1][0]) / 2), nearest

    def _rough(self, slot: int, touched: dict[int, float]) -> tuple[float, str]:
        member = self._at(slot)
        return touched.get(slot, 0.0) * member.scale, str(member.report)

    def _found(self, text: str, score: float, member: _Member[K]) -> Found[K]:
        spans = shared_spans(text, member.text)
        return Found(
            issue=member.issue,
            score=round(min(score, 1.0), 4),
            words=list(dict.fromkeys(text[start:end] for start, end in spans)),
            report=member.report,
            text=member.text,
            spans=spans,
            its_spans=shared_spans(member.text, text),
        )


def index_known(rows: Iterable[Mapping[str, Any]]) -> Index[str]:
    """On a phone: the index of its rows of kind `known_issue`, to be asked without a network."""
    index: Index[str] = Index()
    for row in rows:
        for n, text in enumerate(row["texts"]):
            index.add(f"{row['id']}/{n}", str(row["id"]), text, row["category"])
    return index


def bonus(category: str, other: str) -> float:
    if not category or not other:
        return 0.0
    return SAME_CODE if category == other else SAME_GROUP if category[:_GROUP] == other[:_GROUP] else 0.0


def plain(text: str) -> str:
    """Full-width and capital letters made ordinary, one character for one, so that positions stay."""
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    folded = unicodedata.normalize("NFKC", character).casefold()
    return folded if len(folded) == 1 else character


def grams_of(text: str) -> set[str]:
    """Characters and pairs of neighbours; punctuation parts."""
    found: set[str] = set()
    before = ""
    for character in plain(text):
        if character.isalnum():
            found.add(character)
            if before:
                found.add(before + character)
            before = character
        else:
            before = ""
    return found


def shared_spans(text: str, other: str) -> list[tuple[int, int]]:
    """Where `text` says something that `other` says too: the longest shared pieces of two characters and more."""
    here, there = plain(text), plain(other)
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(here):
        end = start
        while end < len(here) and here[end].isalnum() and here[start : end + 1] in there:
            end += 1
        if end - start >= 2 and not _PARTICLES.issuperset(here[start:end]):
            spans.append((start, end))
            start = end
        else:
            start += 1
    return spans


def is_repeat(text: str, other: str) -> bool:
    """Whether one is the other said again, word for word but for a slip: the same numbers, nearly the same pairs."""
    one, two = ["".join(filter(str.isalnum, plain(words))) for words in (text, other)]
    if min(len(one), len(two)) < REPEAT_CHARACTERS_MIN or _NUMBERS.findall(one) != _NUMBERS.findall(two):
        return False
    pairs, its_pairs = ({words[i : i + 2] for i in range(len(words) - 1)} for words in (one, two))
    return 2 * len(pairs & its_pairs) / (len(pairs) + len(its_pairs)) >= REPEAT_LIKENESS
