"""One record against its form: what is missing, wrong, unlikely, out of place or computed differently.

Nothing is changed and nothing is refused: answers that do not fit stay as they were recorded, and flaws name them. There
is no clock in here; `now` is the moment the record was filled in. Values of `today()`, `now()`, `uuid()`, `random()`
and `once()` stay as the phone made them, and so does a calculation with a `trigger`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any

from msgspec import Struct

from forms.definition import Check, Expression, Form, Level, Question, Texts
from forms.engine.answers import same_answer, to_json
from forms.engine.compile import pick_text
from forms.engine.compiled import CompiledForm, compile_form
from forms.engine.fill import fill_answers
from forms.engine.frames import (
    IRRELEVANT,
    MAX_ROWS,
    NO_ANSWERS,
    Compiled,
    Env,
    Frame,
    NotGiven,
    Row,
    Step,
    Table,
    settle_all,
)
from forms.engine.names import ItemPath
from forms.language.values import is_empty, to_names, to_text, to_whole

REASONS = "_reasons"
"""Key at the root of the answers: path of a flaw → the written reason why an unlikely answer is right."""

_MESSAGES: dict[str, tuple[Level, str, str]] = {
    "missing": ("error", "此题必填", "This question must be answered"),
    "constraint": ("error", "答案不符合要求", "The answer does not meet the rule"),
    "verify": ("verify", "请核实此答案，确实无误请写明原因", "Please verify; if it is right, write down why"),
    "advise": ("advise", "请留意此答案", "Please look at this answer again"),
    "type": ("error", "答案的类型不对", "The answer is of the wrong type"),
    "choice": ("error", "答案不在可选范围内", "The answer is not among the choices"),
    "irrelevant": ("advise", "按其他答案，此题不适用", "Given the other answers, this does not apply"),
    "unknown_question": ("error", "表单里没有这道题", "The form has no such question"),
    "calculation": (
        "error",
        "计算结果与手机记录的不一致",
        "The calculation gives another value than the phone recorded",
    ),
    "count": ("error", "行数与表单要求的不一致", "The number of rows is not what the form asks for"),
    "rows": ("error", f"超过 {MAX_ROWS} 行，其余未复核", f"More than {MAX_ROWS} rows; the rest were not checked"),
    "not_rechecked": (
        "advise",
        "缺少名单或文本过长，未能复核",
        "Could not be checked again: no list, or too long a text",
    ),
}
"""Code of a flaw → its level and what it says where the form says nothing."""


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

    __slots__ = ("_env", "_frame", "answers", "compiled", "flaws")

    def __init__(self, compiled: CompiledForm, answers: Any, frame: Frame, env: Env) -> None:
        self.compiled = compiled
        self.answers = answers
        self.flaws: list[Flaw] = []
        self._frame = frame
        self._env = env

    @property
    def is_clean(self) -> bool:
        """No error, and every `verify` explained."""
        return not any(flaw.level == "error" or (flaw.level == "verify" and not flaw.explained) for flaw in self.flaws)

    @property
    def relevant(self) -> set[str]:
        """Paths of all groups, repeats and questions that apply, rows counted from 1."""
        found: set[str] = set()
        waiting = [self._frame]
        while waiting:
            frame = waiting.pop()
            for step in frame.shape.steps:
                value = frame.values[step.slot]
                if value is IRRELEVANT or value is False:
                    continue
                found.add(frame.place(step))
                waiting.extend(frame.rows.get(step.slot, ()))
        return found

    def value_of(self, expression: Expression, path: str = "") -> Any:
        """The value of an expression that stands at `path` (`issues[2]`, `issues[2].title`, empty for the form).

        Text, a number or a truth value; empty text where a list was not given. Raises `ExpressionError` when the
        expression does not hold, `KeyError` for a path the form does not have.
        """
        item, frame = _find(self.compiled, self._frame, path)
        try:
            value = self.compiled.expression(expression, item)(frame, self._env, None)
        except NotGiven:
            return ""
        return value if type(value) in (str, int, float, bool) else to_text(value)

    def text_of(self, texts: Texts, language: str, path: str = "") -> str:
        """A label or message in a language, its `${…}` filled with answers."""
        text = pick_text(texts, language, self.compiled.form.default_language)
        return self._with_outputs(text, path) if "${" in text else text

    def _with_outputs(self, text: str, path: str) -> str:
        outputs = self.compiled.form.outputs

        def output(match: re.Match[str]) -> str:
            expression = outputs.get(match.group())
            return match.group() if expression is None else to_text(self.value_of(expression, path))

        return _OUTPUT.sub(output, text)


_OUTPUT = re.compile(r"\$\{[^{}]*\}")
_PART = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")


def _find(compiled: CompiledForm, frame: Frame, path: str) -> tuple[ItemPath, Frame]:
    names: ItemPath = ()
    for name, number in _PART.findall(path):
        names = (*names, name)
        if names not in compiled.index.items:
            raise KeyError(path)
        if number:
            step = frame.shape.by_path[names]
            rows = frame.rows[step.slot]
            if not 0 < int(number) <= len(rows):
                raise KeyError(path)
            frame = rows[int(number) - 1]
    return names, frame


def evaluate(
    form: Form | CompiledForm,
    answers: Any,
    *,
    now: datetime,
    lists: Mapping[str, Sequence[Row]] | None = None,
    language: str | None = None,
    recheck: bool = True,
) -> Evaluation:
    """Never raises on account of the answers, whatever JSON they are.

    `lists` holds the rows of external lists by name (`Table` keeps their indexes between records); what reads a list
    that is not given is marked `not_rechecked`. `recheck=False` leaves calculations as they are.
    """
    compiled = form if isinstance(form, CompiledForm) else compile_form(form)
    data = answers if type(answers) is dict else NO_ANSWERS
    frame = Frame(compiled.root, data)
    env = Env(now, compiled.inside, lists or {}, language or compiled.form.default_language, Random())  # noqa: S311
    settle_all(frame, env)
    evaluation = Evaluation(compiled, answers, frame, env)
    checker = _Checker(evaluation, env, data.get(REASONS), recheck)
    if data is not answers:
        checker.add("", "type", answers)
    checker.check(frame)
    return evaluation


class _Checker:
    """Walks the settled frames in the order of the form and writes down flaws."""

    def __init__(self, evaluation: Evaluation, env: Env, reasons: Any, recheck: bool) -> None:
        self.evaluation = evaluation
        self.env = env
        self.reasons = reasons if type(reasons) is dict else {}
        self.recheck = recheck

    def add(
        self, path: str, code: str, value: Any = None, texts: Texts | None = None, level: Level | None = None
    ) -> None:
        usual, zh, en = _MESSAGES[code]
        if texts:
            zh, en = self._texts(texts, path, zh, en)
        reason = self.reasons.get(path)
        explained = code == "verify" and type(reason) is str and bool(reason.strip())
        self.evaluation.flaws.append(
            Flaw(path=path, code=code, level=level or usual, zh=zh, en=en, value=value, explained=explained)
        )

    def _texts(self, texts: Texts, path: str, zh: str, en: str) -> tuple[str, str]:
        """The author's message in both languages; one that has only one language speaks for both."""
        only = next(iter(texts.values())) if len(texts) == 1 else texts.get("default", "")
        zh, en = texts.get("zh") or only or zh, texts.get("en") or only or en
        if "${" in zh or "${" in en:
            place = path.rpartition(".")[0] if path.endswith("]") else path
            zh, en = self.evaluation._with_outputs(zh, place), self.evaluation._with_outputs(en, place)
        return zh, en

    def check(self, frame: Frame) -> None:
        for number, answers in enumerate(frame.dicts):
            if not answers.keys() <= frame.shape.known[number]:
                self._unknown(frame, number, answers)
        findings, values = frame.findings, frame.values
        for step in frame.shape.steps:
            if findings and step.slot in findings:
                code = findings[step.slot]
                self.add(frame.place(step), code, _short(frame.dicts[step.group].get(step.name)))
            if step.rows is not None:
                self._check_rows(frame, step)
            elif step.watched and values[step.slot] is not IRRELEVANT:
                self._check_question(frame, step, values[step.slot])

    def _unknown(self, frame: Frame, number: int, answers: dict[str, Any]) -> None:
        if number:
            _, _, slot = frame.shape.groups[number - 1]
            if frame.values[slot] is False:
                return
            prefix = f"{frame.place(frame.shape.steps[slot])}."
        else:
            prefix = frame.prefix
        for key, value in answers.items():
            if key in frame.shape.known[number] or (type(key) is str and (key.startswith("_") or key == "meta")):
                continue
            self.add(f"{prefix}{key}", "unknown_question", _short(value))

    def _check_rows(self, frame: Frame, step: Step) -> None:
        if frame.values[step.slot] is False:
            return
        rows = frame.rows[step.slot]
        if step.count is not None:
            try:
                wanted = to_whole(step.count(frame, self.env, None)) or 0
                if len(rows) != max(wanted, 0):
                    self.add(frame.place(step), "count", len(rows))
            except NotGiven:
                self.add(frame.place(step), "not_rechecked")
        for row in rows:
            self.check(row)

    def _check_question(self, frame: Frame, step: Step, value: Any) -> None:
        empty = is_empty(value)
        if step.calculation is not None and self.recheck:
            self._check_calculation(frame, step)
        if empty:
            if step.required is not None and self._holds(frame, step, step.required) is True:
                self.add(frame.place(step), "missing", None, step.item.required_message)  # type: ignore[union-attr]
            return
        if step.choices is not None and step.slot not in frame.findings:
            try:
                if not step.choices(frame, self.env, [value] if type(value) is str else to_names(value)):
                    self.add(frame.place(step), "choice", value)
            except NotGiven:
                self.add(frame.place(step), "not_rechecked", value)
        for check, test in step.checks:
            if self._holds(frame, step, test) is False:
                self._violated(frame, step, check)

    def _holds(self, frame: Frame, step: Step, test: Compiled) -> bool | None:
        try:
            return test(frame, self.env, None)
        except NotGiven:
            self.add(frame.place(step), "not_rechecked")
            return None

    def _violated(self, frame: Frame, step: Step, check: Check) -> None:
        code = "constraint" if check.level == "error" else check.level
        self.add(frame.place(step), code, _short(frame.dicts[step.group].get(step.name)), check.message)

    def _check_calculation(self, frame: Frame, step: Step) -> None:
        question, compute = step.item, step.calculation
        assert isinstance(question, Question)
        assert compute is not None
        if step.volatile or question.trigger is not None or step.slot in frame.findings:
            return
        languages: tuple[str, ...] = (self.env.language,)
        if step.spoken:
            languages = (*languages, *self.evaluation.compiled.form.languages)
        recorded = frame.dicts[step.group].get(step.name)
        try:
            for language in languages:
                self.env.language, kept = language, self.env.language
                computed = to_json(question, compute(frame, self.env, None))
                self.env.language = kept
                if same_answer(recorded, computed):
                    return
        except NotGiven:
            self.add(frame.place(step), "not_rechecked", recorded)
            return
        people_may_change = question.type not in ("calculate", "hidden", "note") and not question.read_only
        self.add(frame.place(step), "calculation", recorded, level="advise" if people_may_change else None)


def _short(value: Any) -> Any:
    """A flaw carries the answer it speaks of when that is small; the record holds it in any case."""
    if type(value) in (dict, list) or (type(value) is str and len(value) > 200):
        return None
    return value


def value_of(
    form: Form | CompiledForm,
    expression: Expression,
    answers: Any,
    path: str = "",
    *,
    now: datetime,
    lists: Mapping[str, Sequence[Row]] | None = None,
    language: str | None = None,
) -> Any:
    """`Evaluation.value_of` for a single expression; for several on one record keep the evaluation and ask it."""
    compiled = form if isinstance(form, CompiledForm) else compile_form(form)
    frame = Frame(compiled.root, answers if type(answers) is dict else NO_ANSWERS)
    env = Env(now, compiled.inside, lists or {}, language or compiled.form.default_language, Random())  # noqa: S311
    return Evaluation(compiled, answers, frame, env).value_of(expression, path)


def fill(
    form: Form | CompiledForm,
    answers: dict[str, Any],
    *,
    now: datetime,
    lists: Mapping[str, Sequence[Row]] | None = None,
    language: str | None = None,
    chance: Random | None = None,
) -> dict[str, Any]:
    """The answers a well-behaved phone would submit after a person gave `answers`; the given ones are not touched.

    Defaults for questions whose key is absent, calculations, rows by `repeat_count`, choices that their filter no longer
    offers cleared, what does not apply left out. `chance` feeds `random()` and `uuid()`; give one for repeatable records.
    """
    compiled = form if isinstance(form, CompiledForm) else compile_form(form)
    env = Env(
        now,
        compiled.inside,
        lists or {},
        language or compiled.form.default_language,
        chance or Random(),  # noqa: S311
    )
    return fill_answers(compiled, answers, env)


__all__ = ["REASONS", "CompiledForm", "Evaluation", "Flaw", "Table", "compile_form", "evaluate", "fill", "value_of"]
