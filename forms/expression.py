"""The XLSForm expression language: text → a tree that travels as JSON, and back.

XPath 1.0 as XLSForm uses it: `${name}`, `.`, `..`, paths with predicates, `instance('list')/root/item[…]/label`,
function calls and the operators `or and = != < <= > >= + - * div mod |`. Parsing is syntax only: what a function is
called, how many arguments it takes and whether a question exists is checked by `forms/analyse.py`. The tree is encoded
as JSON arrays (`["call","if",[…]]`), because the phone loads it over a thin line. It stays whole because lexer,
grammar and printer of one small language are read together.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec import Struct

MAX_LENGTH = 32_767
"""Characters of one expression: what a spreadsheet cell can hold."""
MAX_DEPTH = 100
"""Levels of nesting; real forms chain some 60 `if()`s, and Python's stack ends near 1,000 frames."""


class Number(Struct, frozen=True, array_like=True, tag="num"):
    value: float


class Text(Struct, frozen=True, array_like=True, tag="text"):
    value: str


class Ref(Struct, frozen=True, array_like=True, tag="ref"):
    """`${name}`: the question of that name nearest to where the expression stands."""

    name: str


class Here(Struct, frozen=True, array_like=True, tag="here"):
    """`.`: the question itself; inside a predicate, the node that is being tried."""


class Root(Struct, frozen=True, array_like=True, tag="root"):
    """The start of an absolute path, `/`."""


class Step(Struct, frozen=True, array_like=True):
    """One part of a path. `name` is a child's name, `*` (every child), `..` (parent) or `.` (self)."""

    name: str
    predicates: tuple[Node, ...] = ()


class Path(Struct, frozen=True, array_like=True, tag="path"):
    start: Node
    steps: tuple[Step, ...]


class Call(Struct, frozen=True, array_like=True, tag="call"):
    name: str
    args: tuple[Node, ...] = ()


class Operation(Struct, frozen=True, array_like=True, tag="op"):
    """A chain of one operator, read from the left: `a - b - c` is `Operation("-", (a, b, c))`."""

    name: str
    args: tuple[Node, ...]


class Negate(Struct, frozen=True, array_like=True, tag="neg"):
    value: Node


Node = Number | Text | Ref | Here | Root | Path | Call | Operation | Negate


class ExpressionError(ValueError):
    """What is wrong with the text of an expression, where (character, from 0), and what to write instead."""

    def __init__(self, message_zh: str, message_en: str, position: int = 0, instead: str = "") -> None:
        super().__init__(f"{message_en} (character {position + 1})")
        self.message_zh = message_zh
        self.message_en = message_en
        self.position = position
        self.instead = instead


LEVELS: tuple[tuple[str, ...], ...] = (
    ("or",),
    ("and",),
    ("=", "!="),
    ("<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "div", "mod"),
)
"""Binary operators, loosest first (XPath 1.0 §3.4–3.5). `-x` binds tighter than all of them, `|` tighter still."""
_LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
_UNARY_LEVEL = len(LEVELS)
_UNION_LEVEL = _UNARY_LEVEL + 1
_PRIMARY_LEVEL = _UNION_LEVEL + 1
_WORD_OPERATORS = frozenset({"or", "and", "div", "mod"})

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n\u00a0\u3000]+)
    | (?P<ref>\$\{[^{}]*\})
    | (?P<number>\d+(?:\.\d*)?|\.\d+)
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<wrong>&&|\|\||==|<>|=<|=>|//|::)
    | (?P<symbol>!=|<=|>=|\.\.|[()\[\],/|+\-*=<>.@])
    | (?P<name>[^\W\d][\w.\-·]*(?::(?!:)[^\W\d][\w.\-·]*)?)
    """,
    re.VERBOSE,
)
_REF_NAME = re.compile(r"[^\W\d][\w.\-·]*(?::[^\W\d][\w.\-·]*)?")
_ASCII_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_INSTEAD = {
    "&&": "and",
    "||": "or",
    "==": "=",
    "<>": "!=",
    "=<": "<=",
    "=>": ">=",
    "//": "${name}",
    "::": "${name}",
    "（": "(",
    "）": ")",
    "，": ",",
    "“": "'…'",
    "”": "'…'",
    "‘": "'…'",
    "’": "'…'",
    "＝": "=",
    "＞": ">",
    "＜": "<",
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "×": "*",
    "÷": "div",
    "!": "not(…)",
    "&": "and",
    "%": "mod",
}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        kind, piece = str(match.lastgroup), match.group()
        if kind == "wrong" or (kind == "number" and not _ASCII_NUMBER.fullmatch(piece)):
            raise _unreadable(text, at, piece)
        if kind == "ref":
            piece = _reference(piece, at)
        if kind != "space":
            found.append(_Token(kind, piece, at))
        at = match.end()
    return [*found, _Token("end", "", at)]


def _unreadable(text: str, at: int, piece: str = "") -> ExpressionError:
    piece = piece or text[at]
    if piece in "\"'":
        return ExpressionError("引号没有配对", "a quotation mark is not closed", at, f"{piece}…{piece}")
    if piece == "$":
        return ExpressionError("引用题目的写法不完整", "this reference to a question is not complete", at, "${name}")
    instead = _INSTEAD.get(piece, "")
    return ExpressionError(f"表达式里不能写“{piece}”", f"an expression cannot hold “{piece}”", at, instead)


def _reference(piece: str, at: int) -> str:
    name = piece[2:-1].strip()
    if name.startswith("last-saved#"):
        raise ExpressionError(
            "不支持 last-saved：上次的答案因人因设备而异，无法复核",
            "last-saved is not supported: it differs by person and device and cannot be checked again",
            at,
            f"qf::prefill = last:{name.removeprefix('last-saved#')}",
        )
    if not _REF_NAME.fullmatch(name):
        raise ExpressionError(f"“{piece}”里没有题目名", f"“{piece}” does not hold a question's name", at, "${name}")
    return name


def parse(text: str) -> Node:
    """Raises `ExpressionError`, never anything else."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"表达式超过 {MAX_LENGTH} 个字符", f"the expression is longer than {MAX_LENGTH} characters", MAX_LENGTH
        )
    tree = _Parser(_tokens(text)).whole()
    if _depth(tree) > MAX_DEPTH:
        raise _too_deep(0)
    return tree


def _too_deep(at: int) -> ExpressionError:
    return ExpressionError(
        f"嵌套超过 {MAX_DEPTH} 层",
        f"nested more than {MAX_DEPTH} levels deep",
        at,
        "calculate 分几步算 / several calculate rows",
    )


def _depth(tree: Node) -> int:
    """Levels of a tree, counted without recursion: a long chain of changing operators is deep to the left."""
    deepest = 0
    waiting: list[tuple[object, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(node, Call | Operation):
            waiting += [(arg, depth + 1) for arg in node.args]
        elif isinstance(node, Negate):
            waiting.append((node.value, depth + 1))
        elif isinstance(node, Path):
            waiting.append((node.start, depth + 1))
            waiting += [(test, depth + 1) for step in node.steps for test in step.predicates]
    return deepest


class _Parser:
    """Precedence climbing over the token list; `self.at` is the next token to read."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def is_symbol(self, *symbols: str) -> bool:
        token = self.next
        return token.kind == "symbol" and token.text in symbols

    def expect(self, symbol: str) -> None:
        if not self.is_symbol(symbol):
            raise self.unexpected(f"缺少“{symbol}”", f"“{symbol}” is missing", symbol)
        self.at += 1

    def unexpected(self, zh: str, en: str, instead: str = "") -> ExpressionError:
        found = self.next.text
        here_zh, here_en = (
            (f"，此处是“{found}”", f" before “{found}”") if found else ("，表达式到此结束", " at the end")
        )
        return ExpressionError(zh + here_zh, en + here_en, self.next.at, instead)

    def whole(self) -> Node:
        if self.next.kind == "end":
            raise ExpressionError("表达式是空的", "the expression is empty", 0)
        node = self.expression(0)
        if self.next.kind != "end":
            raise self.unexpected("多出内容或缺少运算符", "there is something too much, or an operator is missing")
        return node

    def expression(self, level: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _too_deep(self.next.at)
        node = self.chain(level)
        self.depth -= 1
        return node

    def chain(self, level: int) -> Node:
        """All operators from `level` up, in one loop: a frame per level of precedence would exhaust the stack."""
        operands: list[Node] = [self.unary()]
        pending: list[str] = []

        def reduce_to(limit: int) -> None:
            while pending and _LEVEL_OF[pending[-1]] >= limit:
                name, right = pending.pop(), operands.pop()
                operands[-1] = _joined(name, operands[-1], right)

        while (name := self.binary_name()) is not None and _LEVEL_OF[name] >= level:
            reduce_to(_LEVEL_OF[name])
            self.at += 1
            pending.append(name)
            operands.append(self.unary())
        reduce_to(0)
        return operands[0]

    def binary_name(self) -> str | None:
        token = self.next
        if token.kind == "symbol" or (token.kind == "name" and token.text in _WORD_OPERATORS):
            return token.text if token.text in _LEVEL_OF else None
        return None

    def unary(self) -> Node:
        minus = 0
        while self.is_symbol("-"):
            self.at += 1
            minus += 1
        node = self.union()
        if minus > 2:
            minus = 2 - minus % 2
        for _ in range(minus):
            node = Negate(node)
        return node

    def union(self) -> Node:
        parts = [self.path()]
        while self.is_symbol("|"):
            self.at += 1
            parts.append(self.path())
        return parts[0] if len(parts) == 1 else Operation("|", tuple(parts))

    def path(self) -> Node:
        start = self.start_of_path()
        steps: list[Step] = []
        if isinstance(start, Step):
            steps.append(start)
            start = Here()
        if isinstance(start, Root):
            if self.next.kind != "name" and not self.is_symbol("*", ".", ".."):
                raise self.unexpected("“/”后面缺少名称", "a name is missing after “/”", "${name}")
            steps.append(self.step())
        elif self.is_symbol("["):
            steps.append(Step(".", self.predicates()))
        while self.is_symbol("/"):
            self.at += 1
            steps.append(self.step())
        return Path(start, tuple(steps)) if steps else start

    def start_of_path(self) -> Node | Step:
        token = self.next
        if token.kind == "name" and not self.is_call():
            return self.step()
        if self.is_symbol("..", "*", "@"):
            return self.step()
        self.at += 1
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "text":
            return Text(token.text[1:-1])
        if token.kind == "ref":
            return Ref(token.text)
        if token.kind == "name":
            return self.call(token.text)
        if token.text == ".":
            return Here()
        if token.text == "/":
            return Root()
        if token.text == "(":
            node = self.expression(0)
            self.expect(")")
            return node
        self.at -= 1
        raise self.unexpected("缺少一个值", "a value is missing")

    def is_call(self) -> bool:
        after = self.tokens[self.at + 1]
        return after.kind == "symbol" and after.text == "("

    def call(self, name: str) -> Call:
        self.expect("(")
        args: list[Node] = []
        if not self.is_symbol(")"):
            args.append(self.expression(0))
            while self.is_symbol(","):
                self.at += 1
                args.append(self.expression(0))
        self.expect(")")
        return Call(name, tuple(args))

    def step(self) -> Step:
        token = self.take()
        if token.kind == "name" and not (self.next.kind == "symbol" and self.next.text == "("):
            return Step(token.text, self.predicates())
        if token.kind == "symbol" and token.text in ("..", ".", "*"):
            return Step(token.text, self.predicates())
        self.at -= 1
        if token.text == "@":
            raise self.unexpected("不支持 XML 属性", "attributes are not supported", "${name}")
        raise self.unexpected(
            "路径里只能写题目名、“.”、“..”或“*”", "a path takes names, “.”, “..” or “*” only", "${name}"
        )

    def predicates(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while self.is_symbol("["):
            self.at += 1
            found.append(self.expression(0))
            self.expect("]")
        return tuple(found)


def _joined(name: str, left: Node, right: Node) -> Node:
    """`a + b + c` becomes one operation of three, so that long sums and long `or` lists stay flat.

    A bracketed left side is joined too: `(a + b) + c` is the same computation.
    """
    if isinstance(left, Operation) and left.name == name:
        return Operation(name, (*left.args, right))
    return Operation(name, (left, right))


def print_expression(node: Node) -> str:
    """The text of a tree, with the brackets it needs and no others; `parse` gives the same tree back."""
    return _printed(node, 0)


def _printed(node: Node, level: int) -> str:
    match node:
        case Number(value):
            return _printed_number(value)
        case Text(value):
            return f'"{value}"' if "'" in value else f"'{value}'"
        case Ref(name):
            return f"${{{name}}}"
        case Here():
            return "."
        case Root():
            return "/"
        case Call(name, args):
            return f"{name}({', '.join(_printed(arg, 0) for arg in args)})"
        case Path(start, steps):
            return _printed_path(start, steps)
        case Negate(value):
            return _bracketed(f"-{_printed(value, _UNARY_LEVEL)}", _UNARY_LEVEL, level)
        case Operation("|", args):
            return _bracketed(" | ".join(_printed(arg, _PRIMARY_LEVEL) for arg in args), _UNION_LEVEL, level)
        case Operation(name, args):
            own = _LEVEL_OF[name]
            parts = [_printed(args[0], own), *(_printed(arg, own + 1) for arg in args[1:])]
            return _bracketed(f" {name} ".join(parts), own, level)


def _bracketed(text: str, own: int, needed: int) -> str:
    return f"({text})" if own < needed else text


def _printed_number(value: float) -> str:
    text = f"{value:.17f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:.0f}"
    return text if float(text) == value else repr(value)


def _printed_path(start: Node, steps: tuple[Step, ...]) -> str:
    parts = [step.name + "".join(f"[{_printed(test, 0)}]" for test in step.predicates) for step in steps]
    if isinstance(start, Here) and steps[0].name != ".":
        return "/".join(parts)
    if isinstance(start, Root):
        return "/" + "/".join(parts)
    head = _printed(start, _PRIMARY_LEVEL)
    if steps[0].name == "." and steps[0].predicates:
        return "/".join([head + parts[0][1:], *parts[1:]])
    return "/".join([head, *parts])
