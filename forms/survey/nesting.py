"""The `survey` sheet: rows → questions, groups and repeats. Nesting is read here; one question's own cells in `question.py`."""

from __future__ import annotations

from msgspec import Struct, field, structs

from forms.definition import Group, Item, Repeat
from forms.survey.question import QuestionReader
from forms.survey.vocabulary import CONTROLS, REFUSED, knows_appearance, select_of, similar_type, type_of
from forms.workbook.lines import NAME, Findings, Line, SheetLines

MAX_DEPTH = 30
"""Groups within groups. Answers nest as deeply as this, and every reader of JSON has a limit."""
RESERVED = {
    "meta": ("表单元数据", "the form's metadata"),
    "_id": ("循环行的编号", "the id of a repeat's row"),
    "_reasons": ("核实时写的原因", "reasons written when verifying"),
    "instanceID": ("记录编号", "the record's id"),
    "instanceName": ("记录名称", "the record's name"),
}
_UNDERSCORES = ("以两个下划线开头", "it begins with two underscores")


class _Open(Struct):
    """A group or repeat that has begun; the whole form stands at the bottom."""

    kind: str
    name: str
    line: Line | None
    path: tuple[str, ...]
    read_only: bool = False
    children: list[Item] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    """Name → row, of everything directly inside."""
    lower: dict[str, str] = field(default_factory=dict)
    """Name in lower case → name."""


class SurveyReader:
    def __init__(self, survey: SheetLines, questions: QuestionReader, findings: Findings) -> None:
        self.survey = survey
        self.questions = questions
        self.findings = findings
        self.stack = [_Open("form", "", None, ())]
        self.repeats: dict[str, int] = {}

    def read(self) -> tuple[Item, ...]:
        self.survey.check_headers()
        for line in self.survey:
            self._read_line(line)
        while len(self.stack) > 1:
            self._close_unfinished()
        return tuple(self.stack[0].children)

    def _read_line(self, line: Line) -> None:
        if line.get("disabled") and line.flag("disabled"):
            line.warn("form.row_disabled", "disabled", "这一行已停用", "this row is disabled")
            return
        written = " ".join(line.get("type").split())
        if not written:
            self._without_type(line)
            return
        if control := CONTROLS.fullmatch(written):
            action, kind = control[1], control[2]
            kind = "repeat" if kind in ("lgroup", "looped group") else kind
            if kind == "loop":
                self._refuse_type(line, "loop")
            if action == "begin":
                self._begin("group" if kind == "group" else "repeat", line)
            else:
                self._end("group" if kind == "group" else "repeat", line)
            return
        self._read_question(line, written)

    def _without_type(self, line: Line) -> None:
        if line.get("name") or line.texts("label"):
            line.complain(
                "form.type_missing", "type", "这一行没有题型", "this row has no question type", "text, integer, note …"
            )
        else:
            line.warn(
                "form.row_skipped", "type", "这一行没有题型和题名，已忽略", "a row without type and name is left out"
            )

    def _read_question(self, line: Line, written: str) -> None:
        inside = self.stack[-1]
        select, plain = select_of(written), type_of(written)
        if select is None and plain is None:
            self._unknown_type(line, written)
            plain = "text"  # so that what refers to this question is not complained of as well
        name = self._name(line, plain or "")
        if not name:
            return
        path = (*inside.path, name)
        self._check_appearance(line)
        if select:
            made = self.questions.read_select(line, path, select, inside.read_only)
        else:
            made = self.questions.read_plain(line, path, str(plain), inside.read_only)
        for question in made:
            inside.seen.setdefault(question.name, line.row.number)
        inside.children += made

    def _unknown_type(self, line: Line, written: str) -> None:
        first = written.split(" ")[0]
        if refused := max((name for name in REFUSED if f"{written} ".startswith(f"{name} ")), key=len, default=""):
            self._refuse_type(line, refused)
            return
        if first in ("select_one", "select_multiple", "rank") and " " not in written:
            line.complain(
                "form.list_missing",
                "type",
                f"“{written}”后面要写清单名",
                f"“{written}” needs a list",
                f"{written} yes_no",
            )
            return
        line.complain(
            "form.unknown_type",
            "type",
            f"没有“{written}”这种题型",
            f"there is no question type “{written}”",
            similar_type(written),
        )

    def _refuse_type(self, line: Line, name: str) -> None:
        zh, en, instead = REFUSED[name]
        line.complain("form.refused_type", "type", f"不支持“{name}”：{zh}", f"“{name}” is not taken: {en}", instead)

    def _begin(self, kind: str, line: Line) -> None:
        inside = self.stack[-1]
        name = self._name(line, kind) or f"row_{line.row.number}"
        if kind == "repeat":
            self._check_repeat_name(line, name)
        if len(self.stack) > MAX_DEPTH:
            line.complain("form.too_deep", "type", f"分组嵌套超过 {MAX_DEPTH} 层", f"more than {MAX_DEPTH} groups deep")
        for key in ("constraint", "required", "calculation", "default"):
            if line.get(key):
                line.warn("form.no_effect", key, "写在分组行上不起作用", "has no effect in the row of a group")
        self._check_appearance(line)
        read_only = inside.read_only or line.flag("read_only")
        self.stack.append(_Open(kind, name, line, (*inside.path, name), read_only))

    def _end(self, kind: str, line: Line) -> None:
        inside = self.stack[-1]
        if inside.line is None:
            line.complain(
                "form.end_without_begin",
                "type",
                f"end_{kind} 没有对应的 begin_{kind}",
                f"this end_{kind} has no begin_{kind}",
                f"删除这一行，或在前面加 begin_{kind} / delete this row or add begin_{kind} before it",
            )
            return
        if inside.kind != kind:
            line.complain(
                "form.end_mismatch",
                "type",
                f"第 {inside.line.row.number} 行以 begin_{inside.kind} 开始，这里却是 end_{kind}",
                f"row {inside.line.row.number} begins a {inside.kind}, this row ends a {kind}",
                f"end_{inside.kind}",
            )
        self._close()

    def _close_unfinished(self) -> None:
        inside = self.stack[-1]
        if inside.line is not None:
            inside.line.complain(
                "form.begin_without_end",
                "type",
                f"begin_{inside.kind} “{inside.name}”没有 end_{inside.kind}",
                f"begin_{inside.kind} “{inside.name}” has no end_{inside.kind}",
                f"在最后一题之后加 end_{inside.kind} / add end_{inside.kind} after its last question",
            )
        self._close()

    def _close(self) -> None:
        done = self.stack.pop()
        line = done.line
        assert line is not None
        if not done.children:
            line.warn("form.empty_group", "name", f"“{done.name}”里没有题目", f"there is no question in “{done.name}”")
        group = Group(
            name=done.name,
            path=done.path,
            source=line.source(),
            children=tuple(done.children),
            label=line.texts("label"),
            appearance=tuple(line.get("appearance").split()),
            relevant=line.condition("relevant"),
        )
        item: Item = group
        if done.kind == "repeat":
            item = Repeat(**structs.asdict(group), count=line.expression("repeat_count"))
        self.stack[-1].children.append(item)

    def _name(self, line: Line, kind: str) -> str:
        """The row's name if it may be used, else "" and a complaint."""
        name = line.get("name")
        if not name and kind == "note":
            return f"generated_note_name_{line.row.number}"
        if kind == "audit":
            if name not in ("", "audit"):
                line.complain(
                    "form.bad_name", "name", "audit 题的题名只能是 audit", "an audit is called audit", "audit"
                )
            return "audit"
        if not name:
            line.complain("form.name_missing", "name", "这一行没有题名", "this row has no name", "例 / e.g. visit_date")
            return ""
        if not NAME.fullmatch(name):
            line.complain(
                "form.bad_name",
                "name",
                f"“{name}”不能做题名",
                f"“{name}” cannot be a name",
                "以字母、汉字或 _ 开头，只用字母、汉字、数字、_ - . / begin with a letter or _; letters, digits, _ - .",
            )
            return ""
        if name in RESERVED or name.startswith("__"):
            line.complain(
                "form.reserved_name",
                "name",
                f"“{name}”是保留名：{RESERVED.get(name, _UNDERSCORES)[0]}",
                f"“{name}” is reserved: {RESERVED.get(name, _UNDERSCORES)[1]}",
                name.strip("_") + "_1",
            )
            return ""
        self._check_twice(line, name)
        return name

    def _check_twice(self, line: Line, name: str) -> None:
        seen, lower = self.stack[-1].seen, self.stack[-1].lower
        near = lower.setdefault(name.lower(), name)
        if name in seen:
            line.complain(
                "form.name_twice",
                "name",
                f"题名“{name}”在第 {seen[name]} 行已经用过",
                f"the name “{name}” is already used in row {seen[name]}",
                f"{name}_2",
            )
        elif near != name:
            line.warn(
                "form.name_case",
                "name",
                f"“{name}”与第 {seen[near]} 行的“{near}”只差大小写",
                f"“{name}” and “{near}” in row {seen[near]} differ in case only",
                f"{name}_2",
            )
        seen.setdefault(name, line.row.number)

    def _check_repeat_name(self, line: Line, name: str) -> None:
        if name == "data" or name in self.repeats:
            line.complain(
                "form.repeat_name",
                "name",
                f"循环的名字“{name}”在整个表单里必须唯一，也不能叫 data",
                f"the repeat “{name}”: its name must be unique in the whole form, and not “data”",
                f"{name}_2",
            )
        self.repeats.setdefault(name, line.row.number)

    def _check_appearance(self, line: Line) -> None:
        text = line.get("appearance")
        if "search(" in text.replace(" ", ""):
            line.complain(
                "form.refused_appearance",
                "appearance",
                "不支持 search()：它的选项在填写时才知道，无法复核",
                "search() is not taken: its choices are known only while filling in and cannot be checked again",
                "select_one_from_file list.csv + choice_filter",
            )
            return
        if text.startswith(("ex:", "printer:")):
            return
        for word in text.split():
            if not knows_appearance(word):
                line.warn(
                    "form.unknown_appearance",
                    "appearance",
                    f"不认识外观“{word}”",
                    f"the appearance “{word}” is unknown",
                )
