"""Forms written in a line or two a question, for tests of the expression language and of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from forms.definition import Check, Choice, ChoiceList, Expression, Form, Group, Item, Question, Repeat, Source
from forms.expression import parse

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=timezone(timedelta(hours=8)))
"""A Saturday morning in Nanchang."""
_EXPRESSIONS = ("relevant", "required", "calculation", "choice_filter", "default_expression")


def expression(text: str) -> Expression:
    return Expression(text, parse(text))


def question(path: str, kind: str = "text", *, row: int = 2, **parts: Any) -> Question:
    """`constraint`, `verify` and `advise` take an expression's text; `message` belongs to them."""
    names = tuple(path.split("."))
    for name in _EXPRESSIONS:
        if name in parts:
            parts[name] = expression(parts[name])
    message = parts.pop("message", {})
    levels = (("constraint", "error"), ("verify", "verify"), ("advise", "advise"))
    checks = tuple(
        Check(level=level, test=expression(parts.pop(key)), message=message) for key, level in levels if key in parts
    )
    return Question(name=names[-1], path=names, type=kind, source=Source("survey", row), checks=checks, **parts)


def group(path: str, *children: Item, relevant: str = "") -> Group:
    names = tuple(path.split("."))
    condition = expression(relevant) if relevant else None
    return Group(name=names[-1], path=names, source=Source("survey", 2), children=children, relevant=condition)


def repeat(path: str, *children: Item, relevant: str = "", count: str = "") -> Repeat:
    names = tuple(path.split("."))
    return Repeat(
        name=names[-1],
        path=names,
        source=Source("survey", 2),
        children=children,
        relevant=expression(relevant) if relevant else None,
        count=expression(count) if count else None,
    )


def choices(name: str, *rows: str, **columns: Sequence[str]) -> ChoiceList:
    """Rows read `code 中文 English`; `columns` add one value a row."""
    made = []
    for at, row in enumerate(rows):
        code, zh, en = row.split()
        extra = {column: values[at] for column, values in columns.items()}
        made.append(Choice(name=code, label={"zh": zh, "en": en}, extra=extra))
    return ChoiceList(name=name, choices=tuple(made))


def form(*children: Item, lists: Sequence[ChoiceList] = (), **parts: Any) -> Form:
    return Form(
        id="small",
        version="2026-11",
        title={"zh": "小表"},
        children=children,
        lists={one.name: one for one in lists},
        languages=("zh", "en"),
        default_language="zh",
        **parts,
    )
