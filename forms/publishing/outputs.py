"""`${…}` inside labels, hints and messages: which expressions the texts of a form hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from forms.definition import Choice, ChoiceList, Expression, Item, Question, Source, Texts
from forms.expression import ExpressionError, parse
from forms.workbook.lines import Findings

_OUTPUT = re.compile(r"\$\{[^{}]*\}")


def read_outputs(items: tuple[Item, ...], lists: Iterable[ChoiceList], findings: Findings) -> dict[str, Expression]:
    """`${name}` as written → the expression it stands for."""
    found: dict[str, Expression] = {}
    for source, text in _texts(items, lists):
        for written in _OUTPUT.findall(text):
            if written in found:
                continue
            try:
                found[written] = Expression(text=written, tree=parse(written))
            except ExpressionError as error:
                findings.complain(
                    "form.bad_expression",
                    source,
                    f"{error.message_zh}：{written}",
                    f"{error}: {written}",
                    error.instead,
                )
    return found


def _texts(items: tuple[Item, ...], lists: Iterable[ChoiceList]) -> Iterator[tuple[Source, str]]:
    for item in _all(items):
        texts: list[Texts] = [item.label]
        if isinstance(item, Question):
            texts += [item.hint, item.guidance, item.required_message, *(check.message for check in item.checks)]
        for one in texts:
            for text in one.values():
                yield Source(sheet=item.source.sheet, row=item.source.row, column="label"), text
    for one_list in lists:
        for choice in one_list.choices:
            yield from _choice_texts(one_list, choice)


def _choice_texts(one_list: ChoiceList, choice: Choice) -> Iterator[tuple[Source, str]]:
    for text in choice.label.values():
        yield Source(sheet="choices", row=0, column=f"{one_list.name}: {choice.name}"), text


def _all(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        if not isinstance(item, Question):
            yield from _all(item.children)
