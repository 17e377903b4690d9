"""Plausible answers for any form, made up: what a person in a hurry would enter, within the form's own rules.

A first try answers what is asked; then the form itself says what is wrong, and that is answered anew until nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from forms.definition import Choice, Group, Item, Question, Repeat, questions
from forms.evaluate import REASONS, CompiledForm, Flaw, evaluate, fill

ROUNDS = 12
"""Tries to satisfy the form; a rule nobody could guess (a check digit) is then left broken, and the record keeps the flaw."""
SILENT = frozenset(
    {
        "note", "calculate", "hidden", "start", "end", "today", "deviceid", "username", "email", "phonenumber", "audit",
        "photo", "audio", "video", "file", "signature", "background-audio", "geopoint", "geotrace", "geoshape", "csv-external",
        "xml-external",
    }
)  # fmt: skip
"""Types a person does not type: computed, filled in by the phone, or a file."""
WORDS = ("订单增加", "招工困难", "设备更新", "账款回收慢", "新产品试制", "场地不足", "正常生产", "准备申报")
_STEP = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")
_NAME = re.compile(r"\$\{\s*([^}\s]+)\s*\}")
_Lists = Mapping[str, Sequence[Mapping[str, str]]]


class Respondent:
    """Somebody who fills in one form again and again."""

    def __init__(self, compiled: CompiledForm, chance: Random, lists: _Lists) -> None:
        self.compiled = compiled
        self.form = compiled.form
        self.chance = chance
        self.lists = lists
        self._questions = {question.path: question for question in questions(self.form.children)}
        self._outer = {item.name: item for item in self.form.children if isinstance(item, Repeat)}
        """Repeats at the top of the form, under their own name and that of every question in them."""
        self._outer |= {
            question.name: repeat for repeat in self._outer.values() for question in questions(repeat.children)
        }

    def answer(self, now: datetime, given: Mapping[str, Any]) -> dict[str, Any]:
        """Answers as a phone would submit them. What is `given` at the top of the form is not made up."""
        answers = self._level(self.form.children, now) | dict(given)
        filled: dict[str, Any] = {}
        for _ in range(ROUNDS):
            filled = fill(self.compiled, answers, now=now, lists=self.lists, chance=self.chance)
            found = evaluate(self.compiled, filled, now=now, lists=self.lists).flaws
            wrong = [flaw for flaw in found if flaw.level == "error"]
            unlikely = {flaw.path: "已向企业核实。" for flaw in found if flaw.code == "verify"}
            if unlikely:
                filled[REASONS] = unlikely
            if not wrong:
                break
            answers = filled
            for flaw in reversed(wrong):  # from the end, so that rows that go leave the numbers of others alone
                self._mend(answers, flaw, now)
        return filled

    def _level(self, items: Sequence[Item], now: datetime) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for item in items:
            if isinstance(item, Group):
                answers[item.name] = self._level(item.children, now)
            elif isinstance(item, Repeat):
                rows = 0 if item.count is not None else self.chance.choice((0, 0, 1, 1, 2))
                answers[item.name] = [self._level(item.children, now) for _ in range(rows)]
            elif not _has_default(item) and (item.required is not None or self.chance.random() < 0.5):
                value = self._value(item, answers, now)
                if value is not None:
                    answers[item.name] = value
        return answers

    def _mend(self, answers: dict[str, Any], flaw: Flaw, now: datetime) -> None:
        """Answers anew where the flaw is. A computed answer is wrong because of others: rows it counts are added."""
        steps = [(name, int(row or 0)) for name, row in _STEP.findall(flaw.path)]
        question = self._questions.get(tuple(name for name, _ in steps))
        place: Any = answers
        for name, row in steps[:-1]:
            place = place.get(name) if isinstance(place, dict) else None
            if row and isinstance(place, list):
                place = place[row - 1] if row <= len(place) else None
        if question is None or not isinstance(place, dict):
            return
        if question.calculation is not None:
            for name in _NAME.findall(question.calculation.text):
                repeat = self._outer.get(name)
                if repeat is not None:
                    answers.setdefault(repeat.name, []).append(self._level(repeat.children, now))
            return
        value = self._value(question, place, now)
        if value is not None and (question.required is not None or self.chance.random() < 0.5):
            place[question.name] = value
        elif value is None and steps[0][1] and question.required is not None:
            del answers[steps[0][0]][steps[0][1] - 1]  # nothing can be chosen here: the row goes
        else:
            place.pop(question.name, None)

    def _value(self, question: Question, beside: Mapping[str, Any], now: datetime) -> Any:
        """A made-up answer, or None where a person would enter nothing. `beside`: the answers of the same level."""
        chance = self.chance
        if question.type in SILENT or question.calculation is not None or question.read_only:
            return None
        match question.type:
            case "select_one" | "select_multiple" | "rank":
                return self._choice(question, beside)
            case "integer":
                return chance.choice((1, 2, 3, 5, 8, 20, 60, 120, now.year))
            case "decimal":
                return chance.choice((1, 5, 20.5, 100, 300))
            case "range":
                return _in_range(question, chance)
            case "date":
                return (now + timedelta(days=chance.choice((0, 0, -1, -3, 7, 30)))).date().isoformat()
            case "time":
                return f"{chance.randrange(8, 18):02}:{chance.randrange(60):02}:00.000+08:00"
            case "dateTime":
                return (now + timedelta(minutes=chance.randrange(-600, 0))).isoformat(timespec="milliseconds")
            case "acknowledge":
                return "OK"
        if "numbers" in question.appearance:
            return f"0791{chance.randrange(10**7):08}"
        return chance.choice(WORDS)

    def _choice(self, question: Question, beside: Mapping[str, Any]) -> Any:
        chosen = self.form.lists.get(question.list_name or "")
        if chosen is None:
            return None
        if chosen.file is not None:
            names = [row.get(chosen.value_column, "") for row in self.lists.get(chosen.name, ())]
        else:
            names = [choice.name for choice in _offered(chosen.choices, question, beside)]
        if not names:
            return None
        if question.type == "select_one":
            return self.chance.choice(names)
        if question.type == "rank":
            return self.chance.sample(names, len(names))
        return self.chance.sample(names, min(len(names), self.chance.choice((1, 1, 2))))


def _offered(choices: Sequence[Choice], question: Question, beside: Mapping[str, Any]) -> Sequence[Choice]:
    """A filtered choice is one whose own columns name an answer beside it: that is what cascades are made of."""
    if question.choice_filter is None:
        return choices
    said = {value for value in beside.values() if isinstance(value, str)}
    return [choice for choice in choices if said & set(choice.extra.values())] or choices


def _in_range(question: Question, chance: Random) -> float | int:
    """A step of the slider; one to five where the form does not say."""
    start, end, step = (
        float(question.parameters.get(name, usual)) for name, usual in (("start", 1), ("end", 5), ("step", 1))
    )
    value = start + step * chance.randint(0, max(0, int((end - start) / step)))
    return int(value) if value.is_integer() else value


def _has_default(question: Question) -> bool:
    """The phone fills it in by itself."""
    return question.default is not None or question.default_expression is not None
