"""Regular expressions from workbooks: read once, refused when they could run for ever, and run on bounded text.

Python's engine tries every way to split a text, so `(a+)+` against thirty letters never ends. Three fences: a repeat
inside a repeat is refused unless a sign that occurs nowhere else in it separates the rounds; open quantifiers that can
fight for the same characters are counted; and the more there are, the shorter the text may be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_reader: Any = re._parser  # type: ignore[attr-defined]
_codes: Any = re._constants  # type: ignore[attr-defined]

MAX_PATTERN = 1_000
"""Characters of a pattern."""
MAX_RIVALS = 4
"""Open quantifiers over the same characters: work grows with the text's length to this power."""
MAX_TEXT = {0: 1_000_000, 1: 100_000, 2: 5_000, 3: 300, 4: 100}
"""Rival quantifiers → longest text that is still tried."""
MAX_WAYS = 10_000
"""Ways in which short optional parts over the same characters may share a text between them."""
_OPEN = 16
"""A quantifier that may repeat more often than this counts as open."""

_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.LOCALE | re.ASCII
"""Marks inside a pattern; browsers do not know them."""

_ASCII = range(128)
_ANY = frozenset([*_ASCII, -1])
"""Character sets are kept as ASCII codes; -1 stands for everything beyond."""


class PatternError(ValueError):
    """A pattern that cannot be used: the sentence in Chinese and in English, and what to write instead."""

    def __init__(self, zh: str, en: str, instead: str = "") -> None:
        super().__init__(en)
        self.zh, self.en, self.instead = zh, en, instead


class Pattern:
    """A checked pattern. `matches` is None when the text is too long to be tried safely."""

    __slots__ = ("limit", "match")

    def __init__(self, text: str) -> None:
        compiled, rivals = _read(text)
        self.match = compiled.fullmatch
        self.limit = MAX_TEXT[rivals]

    def matches(self, text: str) -> bool | None:
        if len(text) > self.limit:
            return None
        return self.match(text) is not None


@lru_cache(maxsize=512)
def compile_pattern(text: str) -> Pattern:
    """Raises `PatternError`."""
    return Pattern(text)


def _read(text: str) -> tuple[re.Pattern[str], int]:
    if len(text) > MAX_PATTERN:
        raise PatternError(
            f"正则表达式超过 {MAX_PATTERN} 个字符", f"the pattern is longer than {MAX_PATTERN} characters"
        )
    try:
        tree = _reader.parse(text)
        compiled = re.compile(text, re.ASCII)  # as on the phone: \d is 0-9, not every digit of the world
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"正则表达式有误：{error}", f"the pattern does not compile: {error}") from error
    if tree.state.flags & _FLAGS or "(?P" in text:
        raise PatternError("不支持 (?i) 这类标记", "marks such as (?i) are not supported", "[Aa]")
    _check_nesting(tree)
    spans = [_characters(item) for item in _quantifiers(tree, are_open=True)]
    rivals = max((sum(1 for other in spans if span & other) for span in spans), default=0)
    if rivals > MAX_RIVALS:
        raise PatternError(
            "正则表达式里可任意重复的部分太多，长文本会算不完",
            "the pattern has too many open repeats over the same characters; it might never end",
            r"\d{1,10}",
        )
    if _ways(tree) > MAX_WAYS:
        raise PatternError(
            "正则表达式里可有可无的部分太多（如 a?a?a?…）",
            "the pattern has too many optional parts, such as a?a?a?…",
            "a{0,9}",
        )
    return compiled, rivals


def _ways(tree: Any) -> int:
    """In how many ways the short optional parts that take the same characters could share a text."""
    spans = [(_characters(token), token[1][1] - token[1][0] + 1) for token in _quantifiers(tree, are_open=False)]
    return max((math.prod(ways for other, ways in spans if span & other) for span, _ in spans), default=1)


_REPEATS = frozenset({_codes.MAX_REPEAT, _codes.MIN_REPEAT})


def _children(token: tuple[Any, Any]) -> Iterator[Any]:
    """The sequences inside one token of the parsed pattern."""
    code, argument = token
    if code in _REPEATS:
        yield argument[2]
    elif code is _codes.SUBPATTERN:
        yield argument[3]
    elif code is _codes.BRANCH:
        yield from argument[1]
    elif code in (_codes.ASSERT, _codes.ASSERT_NOT):
        yield argument[1]
    elif code is _codes.GROUPREF_EXISTS:
        yield from (part for part in argument[1:] if part is not None)


def _quantifiers(sequence: Any, *, are_open: bool) -> Iterator[tuple[Any, Any]]:
    """Repeats of varying length, the open ones or the short ones."""
    for token in sequence:
        if token[0] in _REPEATS and token[1][0] != token[1][1] and (token[1][1] > _OPEN) is are_open:
            yield token
        for inner in _children(token):
            yield from _quantifiers(inner, are_open=are_open)


def _check_nesting(sequence: Any) -> None:
    for token in sequence:
        code, argument = token
        if code is _codes.GROUPREF or code is _codes.GROUPREF_EXISTS:
            raise PatternError(r"不支持反向引用（\1）", r"back-references (\1) are not supported")
        if code is _codes.POSSESSIVE_REPEAT or code is _codes.ATOMIC_GROUP:
            raise PatternError("不支持 a++ 和 (?>…)", "a++ and (?>…) are not supported", "a+")
        if code in _REPEATS and argument[1] > 1 and _is_ambiguous(_unwrapped(argument[2])):
            raise PatternError(
                "重复里面又有重复（如 (a+)+），长文本会算不完",
                "a repeat inside a repeat, such as (a+)+, might never end",
                "a+",
            )
        for inner in _children(token):
            _check_nesting(inner)


def _unwrapped(sequence: Any) -> list[tuple[Any, Any]]:
    """The body of a repeat, without the brackets around it."""
    found = list(sequence)
    while len(found) == 1 and found[0][0] is _codes.SUBPATTERN:
        found = list(found[0][1][3])
    return found


def _is_ambiguous(body: list[tuple[Any, Any]]) -> bool:
    """Whether the rounds of a repeated body could be cut in several ways."""
    if any(token[0] is _codes.BRANCH for token in body) and _branches_overlap(body):
        return True
    if not any(_varies(token) for token in body):
        return False
    for at, token in enumerate(body):
        if _is_single(token) and all(
            not (_characters(token) & _characters(other)) for place, other in enumerate(body) if place != at
        ):
            return False
    return True


def _varies(token: tuple[Any, Any]) -> bool:
    code, argument = token
    if code in _REPEATS:
        return argument[0] != argument[1] or any(_varies(inner) for inner in argument[2])
    return any(_varies(inner) for part in _children(token) for inner in part)


def _branches_overlap(body: list[tuple[Any, Any]]) -> bool:
    for token in body:
        if token[0] is not _codes.BRANCH:
            continue
        firsts = [_characters(next(iter(branch))) if len(branch) else _ANY for branch in token[1][1]]
        for at, first in enumerate(firsts):
            if any(first & other for other in firsts[at + 1 :]):
                return True
    return False


def _is_single(token: tuple[Any, Any]) -> bool:
    return token[0] in (_codes.LITERAL, _codes.IN, _codes.NOT_LITERAL)


def _characters(token: tuple[Any, Any]) -> frozenset[int]:
    """Which characters one token can take, as ASCII codes and -1 for all the others. Errs on the side of more."""
    code, argument = token
    if code is _codes.LITERAL:
        return frozenset([argument if argument < 128 else -1])
    if code is _codes.NOT_LITERAL:
        return _ANY - {argument} if argument < 128 else _ANY
    if code is _codes.AT:
        return frozenset()
    if code is _codes.IN:
        return _class(argument)
    inner = [_characters(part) for sequence in _children(token) for part in sequence]
    if inner:
        return frozenset().union(*inner)
    return _ANY


def _class(parts: list[tuple[Any, Any]]) -> frozenset[int]:
    found: set[int] = set()
    negated = False
    for code, argument in parts:
        if code is _codes.NEGATE:
            negated = True
        elif code is _codes.LITERAL:
            found.add(argument if argument < 128 else -1)
        elif code is _codes.RANGE:
            low, high = argument
            found.update(range(low, min(high, 127) + 1))
            if high > 127:
                found.add(-1)
        elif code is _codes.CATEGORY:
            found.update(_category(argument))
    if not negated:
        return frozenset(found)
    return frozenset((_ANY - found) | {-1})


def _category(category: Any) -> frozenset[int]:
    letter = {
        _codes.CATEGORY_DIGIT: r"\d",
        _codes.CATEGORY_NOT_DIGIT: r"\D",
        _codes.CATEGORY_SPACE: r"\s",
        _codes.CATEGORY_NOT_SPACE: r"\S",
        _codes.CATEGORY_WORD: r"\w",
        _codes.CATEGORY_NOT_WORD: r"\W",
    }[category]
    return frozenset([code for code in _ASCII if re.fullmatch(letter, chr(code))] + [-1])
