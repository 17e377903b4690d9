"""What can be known to be wrong with a form before anybody fills it in: every complaint, with its row and a way out.

What passes here can be evaluated: by this server, by the phone and, as far as functions and types are concerned, by
stock ODK Collect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from forms.complaint import Complaint
from forms.definition import Expression, Form, Group, Item, Question, Repeat, Source, Texts
from forms.engine.compiled import calls_in
from forms.engine.names import FormIndex, ItemPath, Standing
from forms.engine.order import dependencies, ordered
from forms.expression import Text
from forms.inspection import Inspection, Said

_OUTPUT = re.compile(r"\$\{[^{}]*\}")
MAX_ITEMS = 5_000
"""Questions, groups and repeats of one form."""


class _Placed(NamedTuple):
    """An expression with the place it was written at and the place it stands at."""

    expression: Expression
    where: Source
    at: Standing


def check_form(form: Form) -> list[Complaint]:
    """Everything wrong with a form, in the order of the workbook; an empty list means that it can be published."""
    index = FormIndex(form)
    if len(index.items) > MAX_ITEMS:
        zh, en = f"题目超过 {MAX_ITEMS} 个", f"the form has more than {MAX_ITEMS} items"
        return [Complaint(code="form.too_long", where=Source("survey", 1), zh=zh, en=en)]
    found: dict[tuple[str, Source, str], Complaint] = {}
    for placed in _expressions(form, index):
        inspection = Inspection(index, placed.at)
        for said in inspection.inspect(placed.expression.tree):
            complaint = _complaint(said, placed)
            found.setdefault((complaint.code, complaint.where, complaint.en), complaint)
    return [*found.values(), *_rings(index), *_triggers(index)]


def lists_read(form: Form) -> tuple[str, ...]:
    """Names of the lists that `instance()` and `pulldata()` read and the workbook does not hold: files beside the form."""
    names: dict[str, None] = {}
    for placed in _expressions(form, FormIndex(form)):
        for call in calls_in(placed.expression.tree):
            if call.name in ("instance", "pulldata") and call.args and isinstance(call.args[0], Text):
                names[call.args[0].value] = None
    return tuple(name for name in names if name not in form.lists)


def _complaint(said: Said, placed: _Placed) -> Complaint:
    text = placed.expression.text
    short = text if len(text) <= 80 else f"{text[:77]}…"
    return Complaint(
        code=said.code, where=placed.where, zh=f"{said.zh}：{short}", en=f"{said.en}: {short}", instead=said.instead
    )


def _expressions(form: Form, index: FormIndex) -> Iterator[_Placed]:
    for path, item in index.items.items():
        yield from _of_item(item, path)
        for text in _texts_of(item):
            for written in _OUTPUT.findall(text):
                expression = form.outputs.get(written)
                if expression is not None:
                    yield _Placed(expression, _column(item.source, "label"), Standing(path))
    for entity in form.entities:
        for column in ("label", "entity_id", "create_if", "update_if"):
            expression = getattr(entity, column)
            if expression is not None:
                yield _Placed(expression, _column(entity.source, column), Standing(entity.repeat))
    if form.instance_name is not None:
        yield _Placed(form.instance_name, Source("settings", 2, "instance_name"), Standing(()))


def _of_item(item: Item, path: ItemPath) -> Iterator[_Placed]:
    columns: list[tuple[str, Expression | None]] = [("relevant", item.relevant)]
    if isinstance(item, Repeat):
        columns.append(("repeat_count", item.count))
    if isinstance(item, Question):
        columns += [
            ("required", item.required),
            ("calculation", item.calculation),
            ("default", item.default_expression),
        ]
        names = {"error": "constraint", "verify": "qf::verify", "advise": "qf::advise"}
        columns += [(names[check.level], check.test) for check in item.checks]
        if item.choice_filter is not None:
            where = _column(item.source, "choice_filter")
            yield _Placed(item.choice_filter, where, Standing(path, "entry"))
    for column, expression in columns:
        if expression is not None:
            yield _Placed(expression, _column(item.source, column), Standing(path))


def _column(source: Source, column: str) -> Source:
    return Source(source.sheet, source.row, column)


def _texts_of(item: Item) -> Iterator[str]:
    texts: list[Texts] = [item.label]
    if isinstance(item, Question):
        texts += [item.hint, item.guidance, item.required_message, *(check.message for check in item.checks)]
    for several in texts:
        yield from (text for text in several.values() if "${" in text)


def _rings(index: FormIndex) -> Iterator[Complaint]:
    """Items that wait for each other, each ring once, told from its first item in the workbook."""
    graph = dependencies(index)
    told: set[frozenset[ItemPath]] = set()
    for ring in ordered(graph)[1]:
        members = frozenset(ring)
        if members in told:
            continue
        told.add(members)
        body = ring[:-1]
        first = min(range(len(body)), key=lambda at: index.items[body[at]].source.row)
        turned = [*body[first:], *body[:first], body[first]]
        names = " → ".join(path[-1] for path in turned)
        item = index.items[turned[0]]
        column = "relevant" if isinstance(item, Group | Repeat) or item.calculation is None else "calculation"
        yield Complaint(
            code="form.cycle",
            where=_column(item.source, column),
            zh=f"计算或显示条件绕成了圈：{names}",
            en=f"calculations or conditions wait for each other in a ring: {names}",
            instead="去掉其中一个引用 / drop one of the references",
        )


def _triggers(index: FormIndex) -> Iterator[Complaint]:
    for item in index.items.values():
        if isinstance(item, Question) and item.trigger is not None and item.trigger not in index.by_name:
            yield Complaint(
                code="form.unknown_question",
                where=_column(item.source, "trigger"),
                zh=f"没有名为“{item.trigger}”的题目",
                en=f"there is no question called “{item.trigger}”",
                instead="${name}",
            )
