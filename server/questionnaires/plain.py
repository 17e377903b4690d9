"""A form without rules is judged by one strict conversion of its answers: what converts has no flaw.

Evaluating twenty questions costs some hundred microseconds, converting them into a Struct made from the form costs one.
The check only ever says "no flaw"; anything else (a wrong type, an unknown key, a choice off the list, a written
reason) goes to `forms.evaluate`, which alone says what the flaws are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from keyword import iskeyword
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from forms.definition import Form, Group, Item, Question, questions

EXACT_MAX = 2**53
CHOICES_MAX = 500
PlainCheck = Callable[[Any], bool]
Whole = Annotated[int, Meta(ge=-EXACT_MAX, le=EXACT_MAX)]
Filled = Annotated[str, Meta(min_length=1)]
_TYPES: dict[str, Any] = {
    "text": str,
    "note": str,
    "barcode": str,
    "photo": str,
    "file": str,
    "signature": str,
    "integer": Whole,
    "decimal": Whole | float,
    "date": date,
    "today": date,
    "dateTime": datetime,
    "start": datetime,
    "end": datetime,
}


def plain_check(form: Form) -> PlainCheck | None:
    """None for a form that has rules of any kind, repeats, entities, lists from files, or names Python cannot take."""
    if form.entities:
        return None
    answers = _struct(form, form.children)
    if answers is None:
        return None
    several = [question.path for question in questions(form.children) if question.type == "select_multiple"]

    def fits(given: Any) -> bool:
        try:
            read = msgspec.convert(given, answers, strict=True)
        except (msgspec.MsgspecError, RecursionError):
            return False
        return all(_is_set(read, path) for path in several)

    return fits


def _is_set(answers: Any, path: tuple[str, ...]) -> bool:
    """Whether no choice is named twice, which a type cannot say."""
    for name in path:
        answers = getattr(answers, name, None)
    return answers is None or len(answers) == len(set(answers))


def _struct(form: Form, items: tuple[Item, ...]) -> Any:
    fields: list[Any] = []
    for item in items:
        if not item.name.isidentifier() or iskeyword(item.name) or item.name.startswith("_") or item.relevant:
            return None
        if isinstance(item, Group):
            group = _struct(form, item.children)
            if group is None:
                return None
            fields.append((item.name, group) if _has_required(group) else (item.name, group | None, None))
        elif isinstance(item, Question):
            answer = _answer(form, item)
            if answer is None:
                return None
            required = item.required is not None
            fields.append((item.name, answer) if required else (item.name, answer | None, None))
        else:
            return None
    return msgspec.defstruct("Answers", fields, forbid_unknown_fields=True, kw_only=True)


def _has_required(struct: Any) -> bool:
    return any(field.required for field in msgspec.structs.fields(struct))


def _answer(form: Form, question: Question) -> Any:
    """The type an answer must convert to so that nothing else need be asked; None when something would."""
    ruled = question.checks or question.calculation or question.choice_filter or question.or_other
    if ruled or (question.required is not None and question.required.text not in ("true()", "yes")):
        return None
    if question.type in ("select_one", "select_multiple"):
        chosen = form.lists.get(question.list_name or "")
        if chosen is None or chosen.file is not None or not 0 < len(chosen.choices) <= CHOICES_MAX:
            return None
        one: Any = Literal[tuple(choice.name for choice in chosen.choices)]
        if question.type == "select_one":
            return one
        listed: Any = list.__class_getitem__(one)
        return Annotated[listed, Meta(min_length=1)] if question.required is not None else listed
    answer = _TYPES.get(question.type)
    return Filled if answer is str and question.required is not None else answer
