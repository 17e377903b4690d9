"""One row of the survey that asks something: its cells → `Question`."""

from __future__ import annotations

import datetime
import re
from typing import Any

from forms.definition import Check, Level, Question
from forms.survey.choosing import ListFinder, check_spaces
from forms.survey.parameters import PARAMETERS, check_parameters, read_parameters
from forms.workbook.lines import Line

SIGNATURE = "signature"
_PREFILL = re.compile(r"(registry|last|const):(.+)")
_TRIGGER = re.compile(r"\$\{\s*([^{}]+?)\s*\}")
_OTHER_LABELS = {"zh": "请说明其他", "en": "Specify other."}


class QuestionReader:
    """Makes questions. `choosing` finds the lists of choices and gathers those that come from files.

    `dynamic` holds the rows whose default pyxform takes for an expression: the XForm and we must agree about that.
    """

    def __init__(self, choosing: ListFinder, dynamic: frozenset[int], languages: tuple[str, ...]) -> None:
        self.choosing = choosing
        self.dynamic = dynamic
        self.languages = languages

    def read_plain(self, line: Line, path: tuple[str, ...], kind: str, read_only: bool) -> list[Question]:
        appearance = line.get("appearance").split()
        if kind == "photo" and SIGNATURE in appearance:
            kind = SIGNATURE
        fields = self._fields(line, path, read_only)
        if kind == "calculate" and not line.get("calculation") and not fields["default_expression"]:
            line.complain("form.calculation_missing", "calculation", "没有写计算式", "the calculation is missing")
        if kind == "background-geopoint" and not line.get("trigger"):
            zh, en = "要写明哪一题触发定位", "say which question makes the phone note the place"
            line.complain("form.trigger_missing", "trigger", zh, en, "${name}")
        if kind in ("csv-external", "xml-external"):
            self.choosing.add_file(line, path[-1], f"{path[-1]}.{kind[:3]}", {})
        if kind in ("simserial", "subscriberid"):
            line.warn(
                "form.no_longer_given",
                "type",
                f"手机系统已不再提供 {kind}，答案总是空的",
                f"phones no longer give {kind}; it stays empty",
                "deviceid",
            )
        if kind == "audit" and any(name.startswith("location-") for name in fields["parameters"]):
            line.complain(
                "form.refused_tracking",
                "parameters",
                "不记录填写人的行踪",
                "the whereabouts of people who fill in a form are not recorded",
                "删除 location-* 参数 / delete the location-* parameters",
            )
        check_parameters(line, kind, fields["parameters"])
        self._check_default(line, kind, fields["default"])
        return [Question(type=kind, **fields)]

    def read_select(
        self, line: Line, path: tuple[str, ...], select: tuple[str, str, bool], read_only: bool
    ) -> list[Question]:
        written, source, or_other = select
        fields = self._fields(line, path, read_only)
        kind = "rank" if written == "rank" else "select_multiple" if "multiple" in written else "select_one"
        check_parameters(line, written if written in PARAMETERS else "select_one", fields["parameters"])
        list_name = self.choosing.find(line, written, source, fields["parameters"])
        question = Question(
            type=kind,
            list_name=list_name or None,
            choice_filter=line.expression("choice_filter"),
            or_other=or_other,
            randomize=fields["parameters"].get("randomize") == "true",
            **fields,
        )
        if list_name and kind != "select_one":
            check_spaces(line, self.choosing.lists[list_name])
        if list_name:
            self._check_default_choice(line, question)
        if not or_other or not list_name:
            return [question]
        if line.get("choice_filter"):
            line.complain(
                "form.other_with_filter",
                "choice_filter",
                "or_other 不能和 choice_filter 一起用",
                "or_other cannot go with a choice_filter",
                "在清单里加“其他”，另设一个文本题 / add “other” to the list and a text question after it",
            )
        self.choosing.add_other(list_name, self.languages)
        return [question, self._other_question(line, question)]

    def _other_question(self, line: Line, question: Question) -> Question:
        """The text question that `or_other` brings along, named and conditioned as pyxform does it."""
        return Question(
            name=f"{question.name}_other",
            path=(*question.path[:-1], f"{question.name}_other"),
            type="text",
            source=line.source("type"),
            label={language: _OTHER_LABELS.get(language, "Specify other.") for language in self.languages},
            relevant=line.parse(f"selected(../{question.name}, 'other')", "type"),
            pii=question.pii,
            secret=question.secret,
        )

    def _fields(self, line: Line, path: tuple[str, ...], read_only: bool) -> dict[str, Any]:
        """What every kind of question has."""
        default = line.get("default") or None
        dynamic = default is not None and line.row.number in self.dynamic
        return {
            "name": path[-1],
            "path": path,
            "source": line.source(),
            "label": line.texts("label"),
            "hint": line.texts("hint"),
            "guidance": line.texts("guidance_hint"),
            "media": line.media(),
            "appearance": tuple(line.get("appearance").split()),
            "parameters": read_parameters(line),
            "read_only": line.flag("read_only") or read_only,
            "relevant": line.condition("relevant"),
            "required": line.condition("required"),
            "required_message": line.texts("required_message"),
            "checks": self._checks(line),
            "calculation": line.expression("calculation"),
            "trigger": self._trigger(line),
            "default": None if dynamic else default,
            "default_expression": line.expression("default") if dynamic else None,
            "save_to": line.get("save_to").rpartition("#")[2] or None,
            "pii": self._one_of(line, "qf::pii", ("none", "personal", "sensitive")),
            "secret": self._one_of(line, "qf::secret", ("none", "business")),
            "prefill": self._prefill(line),
            "unit": line.get("qf::unit") or None,
            "export_name": line.get("qf::export") or None,
        }

    def _checks(self, line: Line) -> tuple[Check, ...]:
        keys: list[tuple[Level, str]] = [("error", "constraint")]
        keys += [("verify", f"qf::verify{number}") for number in ("", 2, 3, 4, 5)]
        keys += [("advise", f"qf::advise{number}") for number in ("", 2, 3, 4, 5)]
        found: list[Check] = []
        for level, key in keys:
            message = line.texts(f"{key}_message")
            test = line.expression(key)
            if test is not None:
                found.append(Check(level=level, test=test, message=message))
            if line.get(key) and not message:
                line.warn("form.message_missing", key, "检查没有提示语", "the check has no message", f"{key}_message")
            elif message and not line.get(key):
                line.warn(
                    "form.message_alone", f"{key}_message", "有提示语却没有检查", "a message without a check", key
                )
        return tuple(found)

    def _trigger(self, line: Line) -> str | None:
        text = line.get("trigger")
        if not text:
            return None
        if match := _TRIGGER.fullmatch(text):
            return match[1]
        several = bool(_TRIGGER.search(text)) and "," in text
        line.complain(
            "form.bad_trigger",
            "trigger",
            "只能写一个触发题" if several else f"“{text}”不是对题目的引用",
            "only one question can trigger a calculation" if several else f"“{text}” is no reference to a question",
            "${name}",
        )
        return None

    def _prefill(self, line: Line) -> str | None:
        text = line.get("qf::prefill")
        if text and not _PREFILL.fullmatch(text):
            line.complain(
                "form.bad_prefill",
                "qf::prefill",
                f"不认识预填来源“{text}”",
                f"the prefill source “{text}” is unknown",
                "registry:<字段 field> / last:<题名 question> / const:<文本 text>",
            )
            return None
        return text or None

    def _one_of(self, line: Line, key: str, allowed: tuple[str, ...]) -> str:
        text = line.get(key).lower()
        if text and text not in allowed:
            line.complain(
                "form.bad_value", key, f"不能写“{text}”", f"“{text}” is not possible here", " / ".join(allowed)
            )
        return text if text in allowed else "none"

    def _check_default_choice(self, line: Line, question: Question) -> None:
        choices = self.choosing.lists[str(question.list_name)]
        if choices.file is not None or question.default is None:
            return
        known = {choice.name for choice in choices.choices} | ({"other"} if question.or_other else set())
        chosen = [question.default] if question.type == "select_one" else question.default.split()
        if lost := [name for name in chosen if name not in known]:
            line.complain(
                "form.bad_default",
                "default",
                f"清单“{choices.name}”里没有“{'、'.join(lost)}”",
                f"the list “{choices.name}” has no “{', '.join(lost)}”",
                "、".join(list(known)[:5]),
            )

    def _check_default(self, line: Line, kind: str, default: str | None) -> None:
        """A fixed first value that the question's own type would refuse."""
        if default is None or _fits(kind, default):
            return
        line.complain(
            "form.bad_default",
            "default",
            f"“{default}”不是 {kind} 题的值",
            f"“{default}” is no value of a {kind} question",
            {"date": "2026-01-31", "time": "14:30", "integer": "0", "decimal": "0.5"}.get(kind, ""),
        )


def _fits(kind: str, text: str) -> bool:
    try:
        if kind == "integer":
            int(text)
        elif kind in ("decimal", "range"):
            float(text)
        elif kind == "date":
            datetime.date.fromisoformat(text[:10])
        elif kind == "time":
            datetime.time.fromisoformat(text)
    except ValueError:
        return False
    return True
