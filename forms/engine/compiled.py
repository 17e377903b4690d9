"""A form made ready to run: its shapes with every expression compiled, and its own lists as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from forms.definition import ChoiceList, Expression, Form, Question, Repeat
from forms.engine.answers import loader
from forms.engine.compile import Compiler, pick_text
from forms.engine.frames import Compiled, Frame, Shape, Step
from forms.engine.names import FormIndex, ItemPath, Standing
from forms.engine.order import dependencies, ordered, within_each
from forms.engine.surroundings import Env, Table
from forms.expression import Call, Node, Text
from forms.functions import FUNCTIONS
from forms.language.values import to_truth

_NEVER_REQUIRED = frozenset({"note", "calculate", "hidden", "start", "end", "today", "deviceid", "username", "audit"})


class CompiledForm:
    """Keep one per published version; making it costs milliseconds, using it microseconds. Raises `ExpressionError`."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.index = FormIndex(form)
        self.root = Shape(None, None, form.children)
        self.shapes: dict[ItemPath, Shape] = {}
        self._expressions: dict[tuple[str, ItemPath, bool], Compiled] = {}
        self._collect(self.root)
        self.inside = {name: _table(form, chosen) for name, chosen in form.lists.items() if chosen.file is None}
        graph = dependencies(self.index)
        orders = within_each(ordered(graph)[0], graph, self.index)
        for path, shape in self.shapes.items():
            shape.order = [shape.by_path[item] for item in orders[path]]
            for step in shape.steps:
                self._compile(shape, step)

    def _collect(self, shape: Shape) -> None:
        self.shapes[shape.path] = shape
        for step in shape.repeats:
            assert step.rows is not None
            self._collect(step.rows)

    def expression(self, expression: Expression, path: ItemPath, *, in_row: bool = False) -> Compiled:
        """An expression compiled to stand at one item (`()`: the form; a repeat with `in_row`: one of its rows); kept."""
        key = (expression.text, path, in_row)
        found = self._expressions.get(key)
        if found is None:
            shape = self.shape_at(path, in_row=in_row)
            found = Compiler(self.index, self.shapes, shape, Standing(path)).value(expression.tree)
            self._expressions[key] = found
        return found

    def shape_at(self, path: ItemPath, *, in_row: bool = False) -> Shape:
        """The shape of the frame in which an item lies."""
        above = self.index.repeats_above(path)
        return self.shapes[path] if in_row else self.shapes[above[-1] if above else ()]

    def _compile(self, shape: Shape, step: Step) -> None:
        item = step.item
        compiler = Compiler(self.index, self.shapes, shape, Standing(item.path))
        if item.relevant is not None:
            step.relevant = compiler.truth(item.relevant.tree)
        if isinstance(item, Repeat) and item.count is not None:
            step.count = compiler.value(item.count.tree)
        if not isinstance(item, Question):
            return
        step.load = loader(item)
        if item.required is not None and item.type not in _NEVER_REQUIRED:
            step.required = compiler.truth(item.required.tree)
        step.checks = tuple((check, compiler.truth(check.test.tree)) for check in item.checks)
        if item.calculation is not None:
            step.calculation = compiler.value(item.calculation.tree)
            calls = list(calls_in(item.calculation.tree))
            step.volatile = any(map(_is_volatile, calls))
            step.spoken = any(call.name == "jr:choice-name" for call in calls)
        step.choices = self._choices(compiler, item)
        step.watched = bool(step.required or step.checks or step.calculation or step.choices)
        if item.or_other:
            shape.known[step.group].add(f"{item.name}_other")

    def _choices(self, compiler: Compiler, item: Question) -> Callable[[Frame, Env, list[str]], bool] | None:
        """Whether every chosen name is on the list and passes the choice filter."""
        chosen = self.form.lists.get(item.list_name or "")
        if chosen is None:
            return None
        others = {"other"} if item.or_other else set()
        if item.choice_filter is None and chosen.file is None:
            names = {choice.name for choice in chosen.choices} | others
            return lambda frame, env, given: names.issuperset(given)
        name, column = chosen.name, chosen.value_column if chosen.file else "name"
        passes = compiler.trying_entries().value(item.choice_filter.tree) if item.choice_filter else None

        def on_list(frame: Frame, env: Env, given: list[str]) -> bool:
            rows = env.table(name).by(column)
            for value in given:
                found = rows.get(value, [])
                if passes is not None:
                    found = [row for row in found if to_truth(passes(frame, env, row))]
                if not found and value not in others:
                    return False
            return True

        return on_list


def _table(form: Form, chosen: ChoiceList) -> Table:
    return Table(
        {**choice.extra, "name": choice.name, "label": pick_text(choice.label, form.default_language, "default")}
        for choice in chosen.choices
    )


def calls_in(node: Node) -> Iterator[Call]:
    """Every function call of an expression, predicates included."""
    waiting: list[Any] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Call):
            yield current
        for field in getattr(current, "__struct_fields__", ()):
            inner = getattr(current, field)
            waiting.extend(inner if isinstance(inner, tuple) else [inner])


def _is_volatile(call: Call) -> bool:
    """Whether another phone, or the same one a second later, would compute another value."""
    spec = FUNCTIONS.get(call.name)
    return (spec is not None and spec.volatile) or _names_months(call)


def _names_months(call: Call) -> bool:
    """`%a` and `%b` are written in the phone's language."""
    if call.name not in ("format-date", "format-date-time") or len(call.args) != 2:
        return False
    pattern = call.args[1]
    return not isinstance(pattern, Text) or "%a" in pattern.value or "%b" in pattern.value


def compile_form(form: Form) -> CompiledForm:
    return CompiledForm(form)
