"""From settled frames to flaws: every check of every question that applies, in the order of the form."""

from __future__ import annotations

from typing import Any

from forms.definition import Check, Level, Question, Texts
from forms.engine.answers import same_answer, to_json
from forms.engine.evaluation import Evaluation, Flaw
from forms.engine.frames import IRRELEVANT, MAX_ROWS, Compiled, Frame, Step
from forms.engine.surroundings import Env, NotGiven
from forms.language.values import is_empty, to_names, to_whole

REASONS = "_reasons"
"""Key at the root of the answers: path of a flaw → the written reason why an unlikely answer is right."""

MESSAGES: dict[str, tuple[Level, str, str]] = {
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


class Checker:
    """Walks the settled frames in the order of the form and writes down flaws."""

    def __init__(self, evaluation: Evaluation, env: Env, reasons: Any, recheck: bool) -> None:
        self.evaluation = evaluation
        self.env = env
        self.reasons = reasons if type(reasons) is dict else {}
        self.recheck = recheck

    def add(
        self, path: str, code: str, value: Any = None, texts: Texts | None = None, level: Level | None = None
    ) -> None:
        usual, zh, en = MESSAGES[code]
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
            zh, en = self.evaluation.with_outputs(zh, path), self.evaluation.with_outputs(en, path)
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
        finding = frame.findings.get(step.slot)
        empty = is_empty(value)
        if finding == "type" or (finding == "not_rechecked" and empty):
            return  # what cannot be read, or may not even apply, breaks no further rule
        if step.calculation is not None and self.recheck:
            self._check_calculation(frame, step)
        if empty:
            if step.required is not None and self._holds(frame, step, step.required) is True:
                self.add(frame.place(step), "missing", None, step.item.required_message)  # type: ignore[union-attr]
            return
        if step.choices is not None:
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
        if step.volatile or question.trigger is not None:
            return
        recorded, language = frame.dicts[step.group].get(step.name), self.env.language
        try:
            for spoken in (language, *(self.evaluation.compiled.form.languages if step.spoken else ())):
                self.env.language = spoken
                if same_answer(recorded, to_json(question, compute(frame, self.env, None))):
                    return
        except NotGiven:
            self.add(frame.place(step), "not_rechecked", recorded)
            return
        finally:
            self.env.language = language
        people_may_change = question.type not in ("calculate", "hidden", "note") and not question.read_only
        self.add(frame.place(step), "calculation", recorded, level="advise" if people_may_change else None)


def _short(value: Any) -> Any:
    """A flaw carries the answer it speaks of when that is small; the record holds it in any case."""
    if type(value) in (dict, list) or (type(value) is str and len(value) > 200):
        return None
    return value
