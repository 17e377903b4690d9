"""What evaluating one record found, and what can still be asked of it."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from forms.definition import Expression, Level, Texts
from forms.engine.compile import pick_text
from forms.engine.compiled import CompiledForm
from forms.engine.frames import IRRELEVANT, Frame
from forms.engine.names import ItemPath
from forms.engine.surroundings import Env, NotGiven
from forms.language.values import to_text

_OUTPUT = re.compile(r"\$\{[^{}]*\}")
_PART = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")


class Flaw(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something about one answer. `path` counts rows from 1: `visitors[2].name`; empty for the record as a whole."""

    path: str
    code: str
    level: Level
    zh: str
    en: str
    value: Any = None
    explained: bool = False
    """A `verify` whose reason was written under `_reasons`."""


class Evaluation:
    """What one record's evaluation found. `answers` are the very answers that were given."""

    __slots__ = ("answers", "compiled", "env", "flaws", "frame")

    def __init__(self, compiled: CompiledForm, answers: Any, frame: Frame, env: Env) -> None:
        self.compiled = compiled
        self.answers = answers
        self.flaws: list[Flaw] = []
        self.frame = frame
        self.env = env

    @property
    def is_clean(self) -> bool:
        """No error, and every `verify` explained."""
        return not any(flaw.level == "error" or (flaw.level == "verify" and not flaw.explained) for flaw in self.flaws)

    @property
    def relevant(self) -> set[str]:
        """Paths of all groups, repeats and questions that apply, rows counted from 1."""
        found: set[str] = set()
        waiting = [self.frame]
        while waiting:
            frame = waiting.pop()
            for step in frame.shape.steps:
                value = frame.values[step.slot]
                if value is IRRELEVANT or value is False:
                    continue
                found.add(frame.place(step))
                waiting.extend(frame.rows.get(step.slot, ()))
        return found

    def frame_of(self, repeat: ItemPath, rows: tuple[int, ...]) -> Frame | None:
        """The frame of one row, by the number from 0 in each repeat on the way; None when it is not there or does not apply."""
        frame, numbers = self.frame, iter(rows)
        for length in range(1, len(repeat) + 1):
            step = frame.shape.by_path.get(repeat[:length])
            if step is None or not frame.applies(step.path):
                return None
            if step.rows is not None:
                number = next(numbers, -1)
                inside = frame.rows[step.slot]
                if not 0 <= number < len(inside):
                    return None
                frame = inside[number]
        return frame

    def value_of(self, expression: Expression, path: str = "") -> Any:
        """The value of an expression that stands at `path` (`issues[2]`, `issues[2].title`, empty for the form).

        Text, a number or a truth value; empty text where a list was not given. Raises `ExpressionError` when the
        expression does not hold, `KeyError` for a path the form does not have.
        """
        item, frame, in_row = _find(self.compiled, self.frame, path)
        try:
            value = self.compiled.expression(expression, item, in_row=in_row)(frame, self.env, None)
        except NotGiven:
            return ""
        return value if type(value) in (str, int, float, bool) else to_text(value)

    def text_of(self, texts: Texts, language: str, path: str = "") -> str:
        """A label or message in a language, its `${…}` filled with answers."""
        text = pick_text(texts, language, self.compiled.form.default_language)
        return self.with_outputs(text, path) if "${" in text else text

    def with_outputs(self, text: str, path: str) -> str:
        outputs = self.compiled.form.outputs

        def output(match: re.Match[str]) -> str:
            expression = outputs.get(match.group())
            return match.group() if expression is None else to_text(self.value_of(expression, path))

        return _OUTPUT.sub(output, text)


def _find(compiled: CompiledForm, frame: Frame, path: str) -> tuple[ItemPath, Frame, bool]:
    """The item, the frame it lies in, and whether the path ends at a row."""
    names: ItemPath = ()
    in_row = False
    for name, number in _PART.findall(path):
        names, in_row = (*names, name), bool(number)
        step = frame.shape.by_path.get(names)
        if step is None:
            raise KeyError(path)
        if in_row:
            rows = frame.rows.get(step.slot, [])
            if not 0 < int(number) <= len(rows):
                raise KeyError(path)
            frame = rows[int(number) - 1]
    return names, frame, in_row
