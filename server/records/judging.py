"""Answers judged against the very version they name: nothing is refused for not fitting, what does not fit becomes a flaw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct

from forms.evaluate import Evaluation, Flaw, evaluate
from server.questionnaires.library import Published, lists_for, load_version
from server.refusals import refusal
from server.settings import settings
from sync.refusal import Refusal

ANSWERS_DEPTH_MAX = 64
"""Repeats within repeats of answers. How deep the decoder itself can go differs between versions of Python."""

_NESTED = (dict, list)


class Judgement(Struct, frozen=True):
    """What was found about one body of answers. `evaluation` is None when the plain check sufficed."""

    published: Published
    body: bytes
    """As the sender wrote it: valid JSON in UTF-8."""
    flaws: list[Flaw]
    evaluation: Evaluation | None

    @property
    def counts(self) -> tuple[int, int, int]:
        """Errors, unexplained doubts, hints."""
        levels = [flaw.level for flaw in self.flaws if not flaw.explained]
        return levels.count("error"), levels.count("verify"), levels.count("advise")


async def judge(bureau: UUID, submissions: Sequence[Any], decoded: Sequence[Any]) -> list[Judgement | Refusal]:
    """Evaluates answers against the version each names. Needs `form`, `version`, `answers` and `filled_at` of each;
    `decoded` are the same answers as plain values, or UNSET where nobody had to decode them yet."""
    versions: dict[tuple[str, str], Published | None] = {}
    waiting: dict[UUID, list[tuple[int, Any]]] = {}
    results: list[Any] = [None] * len(submissions)
    for at, one in enumerate(submissions):
        key = (one.form, one.version)
        if key not in versions:
            versions[key] = await load_version(bureau, *key)
        published = versions[key]
        if published is None:
            results[at] = refusal("form.version_unknown", form=one.form, version=one.version)
            continue
        try:
            answers = msgspec.json.decode(one.answers) if decoded[at] is UNSET else decoded[at]
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            results[at] = refusal("record.malformed")
            continue
        if published.plain is not None and published.plain(answers):
            results[at] = Judgement(published, bytes(one.answers), [], None)
        elif _is_deeper_than(answers, ANSWERS_DEPTH_MAX):
            results[at] = refusal("record.malformed")
        else:
            waiting.setdefault(published.id, []).append((at, answers))
    for published in {one.id: one for one in versions.values() if one is not None}.values():
        several = waiting.get(published.id, [])
        lists = await lists_for(published, [answers for _, answers in several]) if several else {}
        for at, answers in several:
            filled = submissions[at].filled_at.astimezone(settings.timezone)
            evaluation = evaluate(published.compiled, answers, now=filled, lists=lists)
            results[at] = Judgement(published, bytes(submissions[at].answers), evaluation.flaws, evaluation)
    return results


def _is_deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        inside = (one.values() if type(one) is dict else one for one in level if type(one) in _NESTED)
        level = [child for several in inside for child in several if type(child) in _NESTED]
        if not level:
            return False
    return True
