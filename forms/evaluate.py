"""One record against its form: what is missing, wrong, unlikely, out of place or computed differently.

Nothing is changed and nothing is refused: answers that do not fit stay as they were recorded, and flaws name them. There
is no clock in here; `now` is the moment the record was filled in. Values of `today()`, `now()`, `uuid()`, `random()`
and `once()` stay as the phone made them, and so does a calculation with a `trigger`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any

from forms.definition import Expression, Form
from forms.engine.check import REASONS, Checker
from forms.engine.compiled import CompiledForm, compile_form
from forms.engine.evaluation import Evaluation, Flaw
from forms.engine.fill import fill_answers
from forms.engine.frames import NO_ANSWERS, Frame, settle_all
from forms.engine.surroundings import Env, Row, Table


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
    env = Env(now, compiled.inside, lists or {}, language or compiled.form.default_language)
    settle_all(frame, env)
    evaluation = Evaluation(compiled, answers, frame, env)
    checker = Checker(evaluation, env, data.get(REASONS), recheck)
    if data is not answers:
        checker.add("", "type", answers)
    checker.check(frame)
    return evaluation


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
    env = Env(now, compiled.inside, lists or {}, language or compiled.form.default_language)
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
    env = Env(now, compiled.inside, lists or {}, language or compiled.form.default_language, chance)
    return fill_answers(compiled, answers, env)


__all__ = ["REASONS", "CompiledForm", "Evaluation", "Flaw", "Table", "compile_form", "evaluate", "fill", "value_of"]
