"""First values for a questionnaire, so that nobody is asked what the dossier knows (`qf::prefill`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forms.definition import Form, Group, Item, Question

ENTERPRISE_LIST = "enterprises.csv"
"""The file a question chooses an enterprise from."""


def constants(form: Form) -> dict[str, Any]:
    """What the form itself says; it tells nothing about anybody."""
    return _filled(form, lambda source, name: name if source == "const" else None)


def prefill(form: Form, enterprise: str, dossier: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    """`registry:` from the dossier, `last:` from the enterprise's last answers to this form, and the enterprise itself
    wherever the form asks for one. Rows of repeats start empty."""

    def value(source: str, name: str) -> Any:
        if source == "registry":
            return dossier.get(name) or None
        if source == "last":
            return _find(form.children, last, name)
        return name if source == "const" else None

    answers = _filled(form, value)
    for question in _asked(form.children):
        chosen = form.lists.get(question.list_name or "")
        if chosen is not None and chosen.file == ENTERPRISE_LIST:
            _put(answers, question.path, enterprise)
    return answers


def _filled(form: Form, value: Any) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for question in _asked(form.children):
        source, _, name = (question.prefill or "").partition(":")
        found = value(source, name) if name else None
        if found is not None:
            _put(answers, question.path, found)
    return answers


def _asked(items: tuple[Item, ...]) -> list[Question]:
    """The questions outside repeats."""
    found: list[Question] = []
    for item in items:
        if isinstance(item, Question):
            found.append(item)
        elif isinstance(item, Group):
            found += _asked(item.children)
    return found


def _find(items: tuple[Item, ...], answers: Mapping[str, Any], name: str) -> Any:
    for question in _asked(items):
        if question.name == name:
            value: Any = answers
            for step in question.path:
                value = value.get(step) if isinstance(value, Mapping) else None
            return value
    return None


def _put(answers: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        answers = answers.setdefault(step, {})
    answers[path[-1]] = value
