"""One record while it is evaluated: a frame for the form and one for each repeat row, a slot for each item in it.

A slot is settled once: whether the item is relevant, and if so the answer as an expression sees it. Slots are settled in
the order the form was compiled to; one that is asked for earlier is settled on the spot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forms.definition import Check, Group, Item, Question, Repeat
from forms.engine.answers import Loader
from forms.engine.names import ItemPath
from forms.engine.surroundings import Env, NotGiven
from forms.language.values import to_truth

Compiled = Callable[["Frame", "Env", Any], Any]
"""A compiled expression: frame, surroundings, the row or list entry a predicate tries."""
MAX_ROWS = 5_000
"""Rows of one repeat; more are not evaluated but named by a flaw."""


class _Absent(str):
    """Empty text that can be told from an empty answer by identity."""

    __slots__ = ()


UNSETTLED: Any = object()
IRRELEVANT = _Absent("")
NO_ANSWERS: dict[str, Any] = {}


class Step:
    """One item of a frame, compiled. `slot` is its place in the frame, `group` the answer dict it lies in."""

    __slots__ = (
        "calculation",
        "checks",
        "choices",
        "count",
        "group",
        "item",
        "load",
        "name",
        "parent",
        "path",
        "relevant",
        "required",
        "rows",
        "slot",
        "spoken",
        "volatile",
        "watched",
    )

    def __init__(self, item: Item, slot: int, group: int, parent: int) -> None:
        self.item = item
        self.name = item.name
        self.path: ItemPath = item.path
        self.slot = slot
        self.group = group
        self.parent = parent
        """Slot of the group around it, -1 directly in the frame."""
        self.relevant: Compiled | None = None
        self.load: Loader | None = None
        self.required: Compiled | None = None
        self.checks: tuple[tuple[Check, Compiled], ...] = ()
        self.calculation: Compiled | None = None
        self.choices: Callable[[Frame, Env, list[str]], bool] | None = None
        self.count: Compiled | None = None
        self.rows: Shape | None = None
        """Of a repeat: the shape of its rows."""
        self.volatile = False
        """Whether the calculation depends on the moment or the phone, so that it cannot be repeated."""
        self.spoken = False
        """Whether the calculation depends on the phone's language."""
        self.watched = False
        """Whether something has to be checked even when the answer is of the right type."""

    @property
    def is_question(self) -> bool:
        return isinstance(self.item, Question)


class Shape:
    """The layout of one kind of frame: the form's own, or that of a repeat's rows."""

    def __init__(self, repeat: Repeat | None, parent: Shape | None, children: tuple[Item, ...]) -> None:
        self.repeat = repeat
        self.path: ItemPath = repeat.path if repeat else ()
        self.parent = parent
        self.chain: tuple[Shape, ...] = (*(parent.chain if parent else ()), self)
        self.steps: list[Step] = []
        self.by_path: dict[ItemPath, Step] = {}
        self.groups: list[tuple[int, str, int]] = []
        """Answer dicts below the first: number of the dict it lies in, its key, slot of the group."""
        self.known: list[set[str]] = [set()]
        """Keys that each answer dict may hold."""
        self.repeats: list[Step] = []
        self.order: list[Step] = []
        self.step_of_repeat: Step | None = None
        self._add(children, 0, -1)
        self.blank = [UNSETTLED] * len(self.steps)

    def _add(self, items: tuple[Item, ...], group: int, parent: int) -> None:
        for item in items:
            step = Step(item, len(self.steps), group, parent)
            self.steps.append(step)
            self.by_path[item.path] = step
            self.known[group].add(item.name)
            if isinstance(item, Group):
                self.groups.append((group, item.name, step.slot))
                self.known.append(set())
                self._add(item.children, len(self.known) - 1, step.slot)
            elif isinstance(item, Repeat):
                self.repeats.append(step)
                step.rows = Shape(item, self, item.children)
                step.rows.step_of_repeat = step


class Frame:
    """The answers of one scope. `findings` collects what settling noticed: slot → code of a flaw."""

    __slots__ = ("dicts", "findings", "index", "parent", "rows", "shape", "values")

    def __init__(self, shape: Shape, data: dict[str, Any], parent: Frame | None = None, index: int = 0) -> None:
        self.shape = shape
        self.parent = parent
        self.index = index
        self.values = shape.blank.copy()
        self.findings: dict[int, str] = {}
        dicts = [data]
        for group, name, slot in shape.groups:
            answers = dicts[group].get(name)
            if type(answers) is not dict:
                if answers is not None:
                    self.findings[slot] = "type"
                answers = NO_ANSWERS
            dicts.append(answers)
        self.dicts = dicts
        self.rows: dict[int, list[Frame]] = {step.slot: self._open_rows(step) for step in shape.repeats}

    def _open_rows(self, step: Step) -> list[Frame]:
        answers = self.dicts[step.group].get(step.name)
        if type(answers) is not list:
            if answers is not None:
                self.findings[step.slot] = "type"
            return []
        if len(answers) > MAX_ROWS:
            self.findings[step.slot] = "rows"
        rows: list[Frame] = []
        assert step.rows is not None
        for at, row in enumerate(answers[:MAX_ROWS]):
            if type(row) is not dict:
                self.findings[step.slot] = "type"
                row = NO_ANSWERS
            rows.append(Frame(step.rows, row, self, at))
        return rows

    def applies(self, path: ItemPath) -> bool:
        """Whether an item of this very frame is there and relevant, once it is settled."""
        step = self.shape.by_path.get(path)
        return step is not None and self.values[step.slot] is not IRRELEVANT and self.values[step.slot] is not False

    def place(self, step: Step) -> str:
        """The path of one answer as people and flaws name it: `visitors[2].name`, rows from 1."""
        name = ".".join(step.path[len(self.shape.path) :])
        return f"{self.prefix}{name}"

    @property
    def prefix(self) -> str:
        if self.parent is None:
            return ""
        assert self.shape.step_of_repeat is not None
        return f"{self.parent.place(self.shape.step_of_repeat)}[{self.index + 1}]."


def settle(frame: Frame, step: Step, env: Env) -> Any:
    """The value of one slot, worked out now: `IRRELEVANT`, True or False for groups and repeats, or the answer."""
    values, slot = frame.values, step.slot
    if step.parent >= 0:
        above = values[step.parent]
        if above is UNSETTLED:
            above = settle(frame, frame.shape.steps[step.parent], env)
    else:
        above = is_row_relevant(frame, env)
    relevant = above
    if above and step.relevant is not None:
        values[slot] = ""  # a ring that slipped past publishing ends here instead of running for ever
        try:
            relevant = to_truth(step.relevant(frame, env, None))
        except NotGiven:
            frame.findings[slot] = "not_rechecked"
        if not relevant and is_answered(frame.dicts[step.group].get(step.name)):
            frame.findings[slot] = "irrelevant"
    if step.load is None:
        values[slot] = relevant
        return relevant
    if not relevant:
        values[slot] = IRRELEVANT
        return IRRELEVANT
    raw = frame.dicts[step.group].get(step.name)
    if raw is None:
        values[slot] = ""
        return ""
    value = step.load(raw)
    if value is None:
        frame.findings[slot] = "type"
        value = raw if type(raw) is str else ""
    values[slot] = value
    return value


def is_row_relevant(frame: Frame, env: Env) -> bool:
    if frame.parent is None:
        return True
    step = frame.shape.step_of_repeat
    assert step is not None
    value = frame.parent.values[step.slot]
    return settle(frame.parent, step, env) if value is UNSETTLED else value


def settle_all(frame: Frame, env: Env) -> None:
    """Settles every slot of the frame and of its rows."""
    values = frame.values
    for step in frame.shape.order:
        if values[step.slot] is UNSETTLED:
            settle(frame, step, env)
        if step.rows is not None:
            for row in frame.rows[step.slot]:
                settle_all(row, env)


def is_answered(raw: Any) -> bool:
    """Whether recorded JSON holds an answer anywhere; `null`, empty text and keys that start with `_` are none."""
    waiting = [raw]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            waiting.extend(inner for key, inner in value.items() if not key.startswith("_"))
        elif type(value) is list:
            waiting.extend(value)
        elif value is not None and value != "":
            return True
    return False
