"""What a phone does while a person fills in: defaults, calculations, rows, and leaving out what does not apply."""

from __future__ import annotations

from typing import Any

from forms.definition import Question
from forms.engine.answers import default_value, is_nothing, moment_text, to_json
from forms.engine.compiled import CompiledForm
from forms.engine.frames import IRRELEVANT, MAX_ROWS, UNSETTLED, Frame, Shape, Step, settle
from forms.engine.surroundings import Env, NotGiven
from forms.language.values import is_empty, to_names, to_whole

MAX_ROUNDS = 12
"""Passes until nothing changes. Items run in the order of what they need, so one or two do; rows that count rows of
other repeats take one more a level."""


def fill_answers(compiled: CompiledForm, answers: dict[str, Any], env: Env) -> dict[str, Any]:
    data = _copied(compiled.root, answers)
    _add_defaults(compiled, compiled.root, Frame(compiled.root, data), env)
    frame = Frame(compiled.root, data)
    luck = env.chance.getstate()
    for _ in range(MAX_ROUNDS):
        env.chance.setstate(luck)  # each pass draws the same numbers, so that random() comes to rest
        frame = Frame(compiled.root, data)
        if not _pass(compiled, frame, env):
            break
    return _relevant_only(frame, env)


def _copied(shape: Shape, answers: dict[str, Any]) -> dict[str, Any]:
    """A copy of the known answers in which every group has its dict and every repeat its list."""
    copies: list[dict[str, Any]] = [{}]
    sources: list[dict[str, Any]] = [answers]
    for group, name, _ in shape.groups:
        inner = sources[group].get(name)
        sources.append(inner if type(inner) is dict else {})
        copies.append({})
    for number, source in enumerate(sources):
        for key in source:
            if key in shape.known[number] or key.startswith("_"):
                copies[number][key] = source[key]
    for number, (group, name, _) in enumerate(shape.groups, 1):
        copies[group][name] = copies[number]
    for step in shape.repeats:
        assert step.rows is not None
        rows = sources[step.group].get(step.name)
        copies[step.group][step.name] = [
            _copied(step.rows, row) for row in (rows if type(rows) is list else [])[:MAX_ROWS] if type(row) is dict
        ]
    return copies[0]


def _add_defaults(compiled: CompiledForm, shape: Shape, frame: Frame, env: Env) -> None:
    """First values, for questions whose key is absent; a `null` is a person's choice to leave it empty."""
    for step in shape.steps:
        question = step.item
        if step.rows is not None:
            for row in frame.rows[step.slot]:
                _add_defaults(compiled, step.rows, row, env)
        elif isinstance(question, Question) and step.name not in frame.dicts[step.group]:
            value = _first_value(compiled, question, frame, env)
            if value is not None:
                frame.dicts[step.group][step.name] = value
                frame.values[step.slot] = UNSETTLED


def _first_value(compiled: CompiledForm, question: Question, frame: Frame, env: Env) -> Any:
    if question.type in ("start", "end"):
        return moment_text(env.now, timed=True)
    if question.type == "today":
        return moment_text(env.now, timed=False)
    if question.default is not None:
        return default_value(question, question.default)
    if question.default_expression is not None:
        try:
            return to_json(question, compiled.expression(question.default_expression, question.path)(frame, env, None))
        except NotGiven:
            return None
    return None


def _pass(compiled: CompiledForm, frame: Frame, env: Env) -> bool:
    """One run over a frame; says whether anything changed."""
    changed = False
    for step in frame.shape.order:
        value = frame.values[step.slot]
        if value is UNSETTLED:
            value = settle(frame, step, env)
        if step.rows is not None:
            if value is not False:
                changed |= _fit_rows(compiled, frame, step, env)
                for row in frame.rows[step.slot]:
                    changed |= _pass(compiled, row, env)
        elif value is not IRRELEVANT and step.watched:
            changed |= _update(frame, step, value, env)
    return changed


def _fit_rows(compiled: CompiledForm, frame: Frame, step: Step, env: Env) -> bool:
    if step.count is None:
        return False
    try:
        wanted = min(max(to_whole(step.count(frame, env, None)) or 0, 0), MAX_ROWS)
    except NotGiven:
        return False
    answers: list[dict[str, Any]] = frame.dicts[step.group][step.name]
    rows = frame.rows[step.slot]
    if len(answers) == wanted:
        return False
    assert step.rows is not None
    del answers[wanted:], rows[wanted:]
    while len(answers) < wanted:
        answers.append(_copied(step.rows, {}))
        row = Frame(step.rows, answers[-1], frame, len(rows))
        rows.append(row)
        _add_defaults(compiled, step.rows, row, env)
    return True


def _update(frame: Frame, step: Step, value: Any, env: Env) -> bool:
    question, answers = step.item, frame.dicts[step.group]
    assert isinstance(question, Question)
    try:
        if step.calculation is not None and not (question.trigger is not None and not is_empty(value)):
            computed = to_json(question, step.calculation(frame, env, None))
            if _same_json(answers.get(step.name), computed):
                return False
            answers[step.name] = computed
        elif step.choices is not None and not is_empty(value):
            names = [value] if type(value) is str else to_names(value)
            kept = [name for name in names if step.choices(frame, env, [name])]
            if len(kept) == len(names):
                return False
            answers[step.name] = (kept or None) if type(value) is list else None
        else:
            return False
    except NotGiven:
        return False
    frame.values[step.slot] = UNSETTLED
    settle(frame, step, env)
    return True


def _same_json(a: Any, b: Any) -> bool:
    return (is_nothing(a) and is_nothing(b)) or (a == b and type(a) is type(b))


def _relevant_only(frame: Frame, env: Env) -> dict[str, Any]:
    """The answers without what does not apply; empty groups and unanswered questions have no key."""
    kept: list[dict[str, Any]] = [{key: value for key, value in frame.dicts[0].items() if key.startswith("_")}]
    kept.extend({} for _ in frame.shape.groups)
    inner = {slot: kept[number] for number, (_, _, slot) in enumerate(frame.shape.groups, 1)}
    for step in frame.shape.steps:
        value = frame.values[step.slot]
        if value is IRRELEVANT or value is False:
            continue
        if step.rows is not None:
            kept[step.group][step.name] = [_relevant_only(row, env) for row in frame.rows[step.slot]]
        elif step.slot in inner:
            kept[step.group][step.name] = inner[step.slot]
        else:
            raw = frame.dicts[step.group].get(step.name)
            if not is_nothing(raw):
                kept[step.group][step.name] = raw
    for group, name, _ in reversed(frame.shape.groups):
        if kept[group].get(name) == {}:
            del kept[group][name]
    return kept[0]
