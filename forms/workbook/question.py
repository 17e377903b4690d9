"""One row of the survey that asks something: its cells → `Question`."""

from __future__ import annotations

import datetime
import re
from typing import Any

from forms.definition import Check, ChoiceList, Level, Question, Source
from forms.workbook.lines import Findings, Line
from forms.workbook.lists import FILE_ENDINGS, with_other

SIGNATURE = "signature"
_PREFILL = re.compile(r"(registry|last|const):(.+)")
_TRIGGER = re.compile(r"\$\{\s*([^{}]+?)\s*\}")
_OTHER_LABELS = {"zh": "请说明其他", "en": "Specify other."}


class QuestionReader:
    """Makes questions, and adds to `lists` the lists that come from files or from `or_other`.

    `dynamic` holds the rows whose default pyxform takes for an expression: the XForm and we must agree about that.
    """

    def __init__(
        self,
        lists: dict[str, ChoiceList],
        external: dict[str, ChoiceList],
        dynamic: frozenset[int],
        languages: tuple[str, ...],
        findings: Findings,
    ) -> None:
        self.lists = lists
        self.external = external
        self.dynamic = dynamic
        self.languages = languages
        self.findings = findings
        self.list_sources: dict[str, Source] = {}
        """List from a file → the row that asks for it."""

    def read_plain(self, line: Line, path: tuple[str, ...], kind: str, read_only: bool) -> list[Question]:
        appearance = line.get("appearance").split()
        if kind == "photo" and SIGNATURE in appearance:
            kind = SIGNATURE
        fields = self._fields(line, path, read_only)
        if kind == "calculate" and not line.get("calculation") and not fields["default_expression"]:
            line.complain("form.calculation_missing", "calculation", "没有写计算式", "the calculation is missing")
        if kind in ("csv-external", "xml-external"):
            self._add_file_list(line, path[-1], f"{path[-1]}.{kind[:3]}", {})
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
        self._check_default(line, kind, fields["default"])
        return [Question(type=kind, **fields)]

    def read_select(
        self, line: Line, path: tuple[str, ...], select: tuple[str, str, bool], read_only: bool
    ) -> list[Question]:
        written, source, or_other = select
        fields = self._fields(line, path, read_only)
        kind = "rank" if written == "rank" else "select_multiple" if "multiple" in written else "select_one"
        list_name = self._list(line, written, source, fields["parameters"])
        question = Question(
            type=kind,
            list_name=list_name or None,
            choice_filter=line.expression("choice_filter"),
            or_other=or_other,
            randomize=fields["parameters"].get("randomize") == "true",
            **fields,
        )
        if list_name and kind != "select_one":
            self._check_spaces(line, self.lists[list_name])
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
        self.lists[list_name] = with_other(self.lists[list_name], self.languages)
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
            "parameters": self._parameters(line),
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

    def _parameters(self, line: Line) -> dict[str, str]:
        """`start=1; end=5` → a dict; keys in lower case, values too except where they name columns of a file."""
        found: dict[str, str] = {}
        text = re.sub(r"\s*=\s*", "=", line.get("parameters"))
        for pair in re.split(r"[\s,;]+", text.strip()):
            name, equals, value = pair.partition("=")
            if pair and not (name and equals and value):
                line.complain(
                    "form.bad_parameters",
                    "parameters",
                    f"“{pair}”不是“名称=值”",
                    f"“{pair}” is not of the form name=value",
                    "start=1 end=5 step=1",
                )
            elif pair:
                name = name.lower()
                found[name] = value if name in ("value", "label") else value.lower()
        return found

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

    def _list(self, line: Line, written: str, source: str, parameters: dict[str, str]) -> str:
        """Name of the list the choices come from, "" after a complaint."""
        if source.startswith("${"):
            line.complain(
                "form.refused_list",
                "type",
                "不支持用循环里的答案作选项",
                "choices cannot be taken from the answers of a repeat",
                "把固定选项写进 choices，或用文本题 / a list in choices, or a text question",
            )
            return ""
        if written.endswith("_from_file"):
            return self._file_list(line, source, parameters)
        if source.endswith(FILE_ENDINGS):
            line.complain(
                "form.list_is_file",
                "type",
                f"“{source}”是文件，题型要写 {written}_from_file",
                f"“{source}” is a file: the type is {written}_from_file",
                f"{written}_from_file {source}",
            )
            return ""
        if written == "select_one_external":
            return self._external_list(line, source)
        if source not in self.lists:
            line.complain(
                "form.unknown_list",
                "type",
                f"choices 表里没有清单“{source}”",
                f"there is no list “{source}” in the choices sheet",
                "、".join(list(self.lists)[:5]),
            )
            return ""
        return source

    def _external_list(self, line: Line, source: str) -> str:
        if source not in self.external:
            line.complain(
                "form.unknown_list",
                "type",
                f"external_choices 表里没有清单“{source}”",
                f"there is no list “{source}” in the external_choices sheet",
                "、".join(list(self.external)[:5]),
            )
            return ""
        if source in self.lists and self.lists[source] is not self.external[source]:
            self._clash(line, source)
        self.lists[source] = self.external[source]
        return source

    def _file_list(self, line: Line, file: str, parameters: dict[str, str]) -> str:
        if not file.endswith(FILE_ENDINGS) or "/" in file or "\\" in file:
            line.complain(
                "form.list_file_type",
                "type",
                f"清单文件“{file}”必须是 .csv、.xml 或 .geojson，不带目录",
                f"the list file “{file}” must end in .csv, .xml or .geojson, without a folder",
                "towns.csv",
            )
            return ""
        return self._add_file_list(line, file.rpartition(".")[0], file, parameters)

    def _add_file_list(self, line: Line, name: str, file: str, parameters: dict[str, str]) -> str:
        geo = file.endswith(".geojson")
        made = ChoiceList(
            name=name,
            file=file,
            value_column=parameters.get("value", "id" if geo else "name"),
            label_column=parameters.get("label", "title" if geo else "label"),
        )
        if name in self.lists and self.lists[name] != made:
            self._clash(line, name)
        self.lists.setdefault(name, made)
        self.list_sources.setdefault(name, line.source("type"))
        return name

    def _clash(self, line: Line, name: str) -> None:
        line.complain(
            "form.list_twice",
            "type",
            f"“{name}”已经是另一个清单，或用了不同的 value、label 列",
            f"“{name}” already is another list, or is used with other value and label columns",
            "换一个文件名，各题用同样的 parameters / another file name, the same parameters in every question",
        )

    def _check_spaces(self, line: Line, choices: ChoiceList) -> None:
        for choice in choices.choices:
            if re.search(r"\s", choice.name):
                line.complain(
                    "form.choice_with_space",
                    "type",
                    f"多选和排序题的选项值不能有空格：“{choice.name}”（清单“{choices.name}”）",
                    f"values of a multiple choice cannot hold spaces: “{choice.name}” (list “{choices.name}”)",
                    re.sub(r"\s+", "_", choice.name),
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
