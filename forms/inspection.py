"""One expression looked at where it stands: unknown names, functions and lists, wrong arguments, patterns and types.

It stays whole because every check is one step of the same walk over the tree.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import NamedTuple

from forms.definition import ChoiceList, Question, Repeat
from forms.engine.names import FormIndex, InEntry, InForm, InList, ItemPath, Standing, choice_question, locate
from forms.expression import Call, ExpressionError, Here, Negate, Node, Operation, Path, Ref, Text, print_expression
from forms.functions import FUNCTIONS, FunctionSpec, Kind
from forms.language.patterns import PatternError, compile_pattern

_ORDERINGS = frozenset({"<", "<=", ">", ">="})
_ARITHMETIC = frozenset({"+", "-", "*", "div", "mod"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T.*)?", re.ASCII)
_NUMBER = re.compile(r"\s*-?\d*\.?\d*\s*", re.ASCII)
_KINDS: dict[str, Kind] = {
    "integer": "number",
    "decimal": "number",
    "range": "number",
    "date": "date",
    "today": "date",
    "dateTime": "dateTime",
    "start": "dateTime",
    "end": "dateTime",
    "time": "time",
}


class Said(NamedTuple):
    """A complaint without its place."""

    code: str
    zh: str
    en: str
    instead: str = ""


class Inspection:
    """`at`: where the expression stands."""

    def __init__(self, index: FormIndex, at: Standing) -> None:
        self.index = index
        self.at = at

    def inspect(self, node: Node, *, nodes: bool = False) -> Iterator[Said]:
        """`nodes`: whether a whole node-set may stand here."""
        try:
            place = locate(node, self.index, self.at)
        except ExpressionError as error:
            code = (
                "form.unknown_question" if isinstance(node, Ref) or "没有名为" in error.message_zh else "form.bad_path"
            )
            yield Said(code, error.message_zh, error.message_en, error.instead or self._near(node))
            return
        if isinstance(place, InForm):
            yield from self._in_form(node, place, nodes)
        elif isinstance(place, InList):
            yield from self._in_list(place)
        elif isinstance(place, InEntry):
            yield from self._in_entry(place)
        elif isinstance(node, Call):
            yield from self._call(node, nodes)
        elif isinstance(node, Operation):
            yield from self._operation(node, nodes)
        elif isinstance(node, Negate):
            yield from self.inspect(node.value)
        elif isinstance(node, Path):
            yield Said("form.bad_path", "这里不能写这样的路径", "a path like this cannot stand here", "${name}")

    def _near(self, node: Node) -> str:
        """The question whose name is most like the one that was not found."""
        names = [node.name] if isinstance(node, Ref) else []
        close = [near for name in names for near in difflib.get_close_matches(name, self.index.by_name, 1)]
        return f"${{{close[0]}}}" if close else ""

    def _with(self, at: Standing) -> Inspection:
        return Inspection(self.index, at)

    # Paths

    def _in_form(self, node: Node, place: InForm, nodes: bool) -> Iterator[Said]:
        for repeat, tests in place.predicates.items():
            for test in tests:
                yield from self._with(Standing(self.at.path, "row", repeat)).inspect(test)
        item = self.index.items.get(place.path)
        if nodes or item is None or (place.path == self.at.path and self.at.trying != "row"):
            return
        name = place.path[-1]
        if not isinstance(item, Question):
            zh, en = f"“{name}”是题组，没有值", f"“{name}” is a group and has no value"
            yield Said("form.group_as_value", zh, en, f"count(${{{name}}})")
        elif not place.predicates and (around := self._unshared(place)) is not None:
            zh = f"“{name}”在循环组“{around[-1]}”里，这里有多个值"
            en = f"“{name}” lies in the repeat “{around[-1]}”, so there are many values here"
            instead = f"sum(${{{name}}}) / indexed-repeat(${{{name}}}, ${{{around[-1]}}}, 1)"
            yield Said("form.repeated_reference", zh, en, instead)

    def _unshared(self, place: InForm) -> ItemPath | None:
        """The first repeat around a question that does not also hold this expression."""
        standing = self.at.row if place.from_row else self.at.path
        for repeat in self.index.repeats_above(place.path):
            if standing[: len(repeat)] != repeat or len(repeat) > place.floor:
                return repeat
        return None

    def _in_list(self, place: InList) -> Iterator[Said]:
        yield from self._list_exists(place.name)
        if place.column is not None:
            yield from self._column_exists(self.index.form.lists.get(place.name), place.column)
        inner = self._with(Standing(self.at.path, "entry", (place.name,)))
        for test in place.predicates:
            yield from inner.inspect(test)

    def _in_entry(self, place: InEntry) -> Iterator[Said]:
        """A column of the entry that is tried: of the list named by a path, or of the question's own list."""
        if self.at.row:
            chosen = self.index.form.lists.get(self.at.row[0])
        else:
            question = self.index.items.get(self.at.path)
            name = question.list_name if isinstance(question, Question) else None
            chosen = self.index.form.lists.get(name or "")
        yield from self._column_exists(chosen, place.column)

    def _list_exists(self, name: str) -> Iterator[Said]:
        form = self.index.form
        stems = {file.rpartition(".")[0] for file in form.attachments}
        stems |= {chosen.file.rpartition(".")[0] for chosen in form.lists.values() if chosen.file}
        question = self.index.by_name.get(name)
        if name not in form.lists and name not in stems and question is None:
            known = "、".join([*form.lists, *sorted(stems)])[:200]
            yield Said("form.unknown_list", f"没有名单“{name}”", f"there is no list “{name}”", known)

    def _column_exists(self, chosen: ChoiceList | None, column: str) -> Iterator[Said]:
        if chosen is None or chosen.file is not None or column in ("", "name"):
            return
        columns = {key for choice in chosen.choices for key in choice.extra}
        if column == "label":
            if len(self.index.form.languages) > 1 and column not in columns:
                yield Said(
                    "form.translated_label",
                    "多语言名单里没有 label 列可读",
                    "a list in several languages has no label column to read",
                    "jr:choice-name(${q}, '${q}')",
                )
            return
        if column not in columns:
            zh, en = f"名单“{chosen.name}”没有列“{column}”", f"the list “{chosen.name}” has no column “{column}”"
            yield Said("form.unknown_column", zh, en, "、".join(sorted(columns)) or f"${{{column}}}")

    # Functions

    def _call(self, call: Call, nodes: bool) -> Iterator[Said]:
        spec = FUNCTIONS.get(call.name)
        if spec is None:
            zh, en = f"没有函数 {call.name}()", f"there is no function {call.name}()"
            yield Said("form.unknown_function", zh, en, _nearest(call.name))
            return
        if spec.refused is not None:
            yield Said("form.unsupported_function", spec.refused.zh, spec.refused.en, spec.refused.instead)
            return
        if not spec.accepts(len(call.args)):
            yield _wrong_count(spec, len(call.args))
            return
        if call.name == "randomize" and not nodes:
            zh, en = "randomize() 只能用在要一组值的地方", "randomize() stands only where a set of values is asked for"
            yield Said("form.argument", zh, en, "parameters: randomize=true")
        yield from self._arguments(call)
        if call.name in ("position", "instance"):
            return
        for at, arg in enumerate(call.args):
            if call.name == "jr:choice-name" and at == 1:
                continue
            takes_nodes = at in spec.nodes or -1 in spec.nodes or (call.name == "indexed-repeat" and at in (0, 1, 3, 5))
            yield from self.inspect(arg, nodes=takes_nodes or (nodes and call.name == "randomize"))

    def _arguments(self, call: Call) -> Iterator[Said]:
        """What single functions ask of their arguments."""
        args = call.args
        match call.name:
            case "regex":
                yield from _pattern(args[1])
            case "position":
                yield from self._position(args)
            case "selected" | "is-selected":
                yield from self._selected(args[0], args[1])
            case "pulldata":
                for arg in args[:3]:
                    if not isinstance(arg, Text):
                        zh, en = (
                            "pulldata() 的前三个参数要写在引号里",
                            "the first three arguments of pulldata() stand in quotes",
                        )
                        yield Said("form.argument", zh, en, "pulldata('file', 'column', 'key', ${q})")
            case "instance":
                yield Said(
                    "form.argument",
                    "instance() 后面要接路径",
                    "instance() is followed by a path",
                    "instance('list')/root/item[name = ${q}]/label",
                )
            case "indexed-repeat":
                yield from self._indexed_repeat(args)
            case "jr:choice-name":
                yield from self._choice_name(args[1])

    def _position(self, args: tuple[Node, ...]) -> Iterator[Said]:
        if not args:
            if not self.at.trying:
                zh, en = "条件之外要写 position(..)", "outside a condition write position(..)"
                yield Said("form.argument", zh, en, "position(..)")
            return
        try:
            place = locate(args[0], self.index, self.at)
        except ExpressionError as error:
            yield Said("form.bad_path", error.message_zh, error.message_en, error.instead)
            return
        if not isinstance(place, InForm) or not isinstance(self.index.items.get(place.path), Repeat):
            inside = self.index.repeats_above(self.at.path)
            ways = "/".join([".."] * (len(self.at.path) - len(inside[-1]))) if inside else ""
            zh, en = "position() 里的路径要指到循环组", "the path in position() must reach the repeat"
            yield Said("form.argument", zh, en, f"position({ways})" if ways else "")

    def _indexed_repeat(self, args: tuple[Node, ...]) -> Iterator[Said]:
        usage = "indexed-repeat(${q}, ${repeat}, 1)"
        if len(args) % 2 == 0:
            zh, en = "indexed-repeat() 的参数要成对", "indexed-repeat() takes pairs of repeat and number"
            yield Said("form.argument_count", zh, en, usage)
            return
        try:
            target = locate(args[0], self.index, self.at)
            repeats = [locate(arg, self.index, self.at) for arg in args[1::2]]
        except ExpressionError:
            return
        if not isinstance(target, InForm):
            zh, en = (
                "indexed-repeat() 的第一个参数要是 ${题目}",
                "the first argument of indexed-repeat() is ${question}",
            )
            yield Said("form.argument", zh, en, usage)
            return
        above = self.index.repeats_above(target.path)
        if any(not isinstance(repeat, InForm) or repeat.path not in above for repeat in repeats):
            zh, en = "indexed-repeat() 的循环组要包含该题目", "the repeat of indexed-repeat() must hold the question"
            yield Said("form.argument", zh, en, usage)

    def _choice_name(self, node: Node) -> Iterator[Said]:
        try:
            path = choice_question(node, self.index, self.at)
        except ExpressionError as error:
            yield Said("form.unknown_question", error.message_zh, error.message_en, "'${question}'")
            return
        item = self.index.items[path]
        if not isinstance(item, Question) or item.list_name not in self.index.form.lists:
            zh, en = f"“{path[-1]}”不是选择题", f"“{path[-1]}” is not a select question"
            yield Said("form.argument", zh, en, "'${select_question}'")

    def _selected(self, question: Node, name: Node) -> Iterator[Said]:
        if not isinstance(name, Text):
            if _is_constant(name):
                zh, en = "选项名要写在引号里", "the name of a choice stands in quotes"
                yield Said("form.argument", zh, en, "selected(${q}, '1')")
            return
        yield from self._choice_exists(question, name.value.strip())

    def _choice_exists(self, node: Node, name: str) -> Iterator[Said]:
        try:
            place = locate(node, self.index, self.at)
        except ExpressionError:
            return
        item = self.index.items.get(place.path) if isinstance(place, InForm) else None
        if not isinstance(item, Question) or not item.list_name or item.or_other or name == "":
            return
        chosen = self.index.form.lists.get(item.list_name)
        if chosen is None or chosen.file is not None or any(choice.name == name for choice in chosen.choices):
            return
        zh, en = f"“{item.name}”没有选项“{name}”", f"“{item.name}” has no choice “{name}”"
        yield Said("form.unknown_choice", zh, en, " / ".join(choice.name for choice in chosen.choices[:20]))

    # Operators

    def _operation(self, node: Operation, nodes: bool) -> Iterator[Said]:
        for arg in node.args:
            yield from self.inspect(arg, nodes=nodes and node.name == "|")
        if node.name in _ORDERINGS:
            yield from self._ordering(node.args)
        elif node.name in _ARITHMETIC:
            for arg in node.args:
                if isinstance(arg, Text) and not _NUMBER.fullmatch(arg.value):
                    yield _text_as_number(arg.value)
        elif node.name in ("=", "!=") and len(node.args) == 2:
            left, right = node.args
            if isinstance(right, Text):
                yield from self._choice_exists(left, right.value)
            elif isinstance(left, Text):
                yield from self._choice_exists(right, left.value)

    def _ordering(self, args: tuple[Node, ...]) -> Iterator[Said]:
        kinds = [self.kind_of(arg) for arg in args]
        for arg, kind in zip(args, kinds, strict=True):
            if isinstance(arg, Text) and not _NUMBER.fullmatch(arg.value):
                yield _text_as_number(arg.value)
            elif kind == "time":
                zh, en = "时间不能直接比较", "times cannot be compared as they are"
                yield Said("form.time_compared", zh, en, f"decimal-time({_shown(arg)})")
            elif kind == "date" and self._is_calculate(arg):
                zh, en = (
                    "calculate 里的日期是文字，比较前要转换",
                    "a date from a calculate is text; convert it before comparing",
                )
                yield Said("form.date_in_calculate", zh, en, f"date({_shown(arg)})")
        if kinds == ["dateTime", "dateTime"] and all(locate(arg, self.index, self.at) for arg in args):
            zh, en = "日期时间直接比较只看到天", "date-times compared as they are only differ by day"
            yield Said("form.time_compared", zh, en, f"decimal-date-time({_shown(args[0])})")

    def _is_calculate(self, node: Node) -> bool:
        item = self._item(node)
        return item is not None and item.type in ("calculate", "hidden")

    def _item(self, node: Node) -> Question | None:
        try:
            place = locate(node, self.index, self.at)
        except ExpressionError:
            return None
        item = self.index.items.get(place.path) if isinstance(place, InForm) else None
        return item if isinstance(item, Question) else None

    def kind_of(self, node: Node, depth: int = 0) -> Kind:
        """What a node's value is, as far as the form tells; `any` where it does not."""
        item = self._item(node)
        if item is not None:
            if item.calculation is not None and item.type in ("calculate", "hidden") and depth < 8:
                return self._with(Standing(item.path)).kind_of(item.calculation.tree, depth + 1)
            return _KINDS.get(item.type, "any")
        if isinstance(node, Call):
            spec = FUNCTIONS.get(node.name)
            return spec.returns if spec is not None else "any"
        return "any"


def _pattern(node: Node) -> Iterator[Said]:
    if not isinstance(node, Text):
        zh, en = "regex() 的第二个参数要写在引号里", "the second argument of regex() stands in quotes"
        yield Said("form.argument", zh, en, "regex(., '[0-9]{6}')")
        return
    try:
        compile_pattern(node.value)
    except PatternError as error:
        yield Said("form.bad_pattern", error.zh, error.en, error.instead)


def _wrong_count(spec: FunctionSpec, given: int) -> Said:
    if spec.max_args is None:
        zh, en = f"至少 {spec.min_args} 个", f"at least {spec.min_args}"
    elif spec.min_args == spec.max_args:
        zh, en = f"{spec.min_args} 个", f"{spec.min_args}"
    else:
        zh, en = f"{spec.min_args} 到 {spec.max_args} 个", f"{spec.min_args} to {spec.max_args}"
    usual = ", ".join(["…"] * spec.min_args)
    return Said(
        "form.argument_count",
        f"{spec.name}() 要 {zh}参数，写了 {given} 个",
        f"{spec.name}() takes {en} arguments, not {given}",
        f"{spec.name}({usual})",
    )


def _text_as_number(text: str) -> Said:
    if _DATE.fullmatch(text):
        zh, en = "日期要写成 date('…') 才能比较和计算", "a date must be written date('…') to be compared or counted"
        return Said("form.date_text", zh, en, f"date('{text}')")
    zh, en = f"“{text}”是文字，不能比较大小或计算", f"“{text}” is text and cannot be compared by size or counted"
    return Said("form.text_as_number", zh, en, "= '…'")


def _is_constant(node: Node) -> bool:
    return not isinstance(node, Call | Path | Ref | Operation | Here)


def _shown(node: Node) -> str:
    return print_expression(node)


def _nearest(name: str) -> str:
    supported = [known for known, spec in FUNCTIONS.items() if spec.refused is None]
    close = difflib.get_close_matches(name.lower(), supported, 1)
    return f"{close[0]}(…)" if close else ""
