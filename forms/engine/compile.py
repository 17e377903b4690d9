"""An expression's tree → one Python closure, made once a form and called for every record.

Every closure takes (frame, env, tried): the answers around it, the moment and lists, and the row or list entry that a
predicate tries. Names are resolved to slots here, so that running costs a list lookup. It stays whole because each
kind of node is a few lines and they call each other.
"""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable
from typing import Any

from forms.definition import Form, Question, Repeat, Texts
from forms.engine.frames import IRRELEVANT, UNSETTLED, Compiled, Frame, Shape, Step, settle
from forms.engine.names import (
    FormIndex,
    InEntry,
    InForm,
    InList,
    ItemPath,
    Standing,
    choice_question,
    locate,
)
from forms.engine.surroundings import Env, NotGiven, Row
from forms.expression import Call, ExpressionError, Here, Negate, Node, Number, Operation, Path, Text
from forms.functions import FUNCTIONS
from forms.language.dates import as_moment, decimal_date_time, decimal_time, format_moment
from forms.language.library import OVER_NODES, PLAIN, quotient, remainder
from forms.language.patterns import PatternError, compile_pattern
from forms.language.values import equal, is_empty, to_number, to_text, to_truth, to_whole

MAX_RANDOM_TEXT = 1_000
"""Characters of `uuid(n)`."""
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": lambda a, b: float(a) * b,
    "div": quotient,
    "mod": remainder,
}
_WITH_ENV: dict[str, Callable[..., Any]] = {
    "today": lambda env: env.today,
    "now": lambda env: env.now_moment,
    "random": lambda env: env.chance.random(),
    "uuid": lambda env, length=None: _random_text(env, length),
    "date": lambda env, value: as_moment(value, timed=False),
    "date-time": lambda env, value: as_moment(value, timed=True),
    "decimal-date-time": lambda env, value: decimal_date_time(value, env.zone),
    "decimal-time": lambda env, value: decimal_time(value),
    "format-date": lambda env, value, pattern: format_moment(value, to_text(pattern), env.language),
    "format-date-time": lambda env, value, pattern: format_moment(value, to_text(pattern), env.language),
    "pulldata": lambda env, name, column, key, value: _pull(env, to_text(name), to_text(column), to_text(key), value),
}


def _random_text(env: Env, length: Any) -> str:
    if length is None:
        return str(uuid.UUID(int=env.chance.getrandbits(128), version=4))
    count = min(max(to_whole(length) or 0, 0), MAX_RANDOM_TEXT)
    return "".join(env.chance.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=count))


def _pull(env: Env, name: str, column: str, key: str, value: Any) -> str:
    wanted = to_text(value)
    if not wanted:
        return ""  # nothing chosen yet: the list need not be at hand to say so
    found = env.table(name).by(key).get(wanted)
    return found[0].get(column, "") if found else ""


class Compiler:
    """Compiles expressions that stand at one item. `shape` lays out the frame the closure will be called with."""

    def __init__(self, index: FormIndex, shapes: dict[ItemPath, Shape], shape: Shape, at: Standing) -> None:
        self.index = index
        self.shapes = shapes
        self.shape = shape
        self.at = at

    @property
    def form(self) -> Form:
        return self.index.form

    def trying_rows(self, repeat: ItemPath) -> Compiler:
        return Compiler(self.index, self.shapes, self.shape, Standing(self.at.path, "row", repeat))

    def trying_entries(self) -> Compiler:
        return Compiler(self.index, self.shapes, self.shape, Standing(self.at.path, "entry"))

    def value(self, node: Node) -> Compiled:
        """The node as one value; a node-set gives its first. Raises `ExpressionError`."""
        place = locate(node, self.index, self.at)
        if isinstance(place, InForm):
            return self._single(place)
        if isinstance(place, InEntry):
            return _entry_column(place.column)
        if isinstance(place, InList):
            entries = self._entries(place)
            column = place.column or "name"
            return lambda frame, env, tried: next((row.get(column, "") for row in entries(frame, env, tried)), "")
        match node:
            case Number(number):
                constant: Any = int(number) if number.is_integer() and abs(number) < 2**53 else number
                return lambda frame, env, tried: constant
            case Text(text):
                return lambda frame, env, tried: text
            case Negate(inner):
                value = self.value(inner)
                return lambda frame, env, tried: -to_number(value(frame, env, tried))
            case Operation(name, args):
                return self._operation(name, args)
            case Call(name, args):
                return self._call(name, args)
            case _:
                raise ExpressionError("这里不能写这样的路径", "a path like this cannot stand here", 0, "${name}")

    def truth(self, node: Node) -> Compiled:
        value = self.value(node)
        if isinstance(node, Operation) and node.name in ("and", "or", "=", "!=", "<", "<=", ">", ">="):
            return value
        return lambda frame, env, tried: to_truth(value(frame, env, tried))

    def nodes(self, node: Node) -> Compiled:
        """The node as a list: of values, of rows where it ends at a repeat, of entries where it ends at a list."""
        place = locate(node, self.index, self.at)
        if isinstance(place, InForm):
            return self._nodes(place)
        if isinstance(place, InList):
            entries = self._entries(place)
            if place.column is None:
                return entries
            column = place.column
            return lambda frame, env, tried: [row.get(column, "") for row in entries(frame, env, tried)]
        if isinstance(node, Operation) and node.name == "|":
            parts = [self.nodes(arg) for arg in node.args]
            return lambda frame, env, tried: [found for part in parts for found in part(frame, env, tried)]
        if isinstance(node, Call) and node.name == "randomize":
            return self.nodes(node.args[0])
        value = self.value(node)
        return lambda frame, env, tried: [value(frame, env, tried)]

    # Paths into the form

    def _step(self, path: ItemPath) -> tuple[Shape, Step] | None:
        if not path:
            return None
        above = self.index.repeats_above(path)
        shape = self.shapes[above[-1] if above else ()]
        return shape, shape.by_path[path]

    def _way(self, place: InForm) -> tuple[int, list[tuple[Step, tuple[Compiled, ...]]], Step | None]:
        """How to reach an item: frames to go up, repeats to go down through, and the step there."""
        start = self.shapes[self.at.row] if place.from_row else self.shape
        found = self._step(place.path)
        if found is None:
            return len(start.chain) - 1, [], None
        shape, step = found
        shared = 0
        for a, b in zip(start.chain, shape.chain, strict=False):
            if a is not b or a.path in place.predicates or len(a.path) > place.floor:
                break
            shared += 1
        down: list[tuple[Step, tuple[Compiled, ...]]] = []
        passed = [*shape.chain[shared:], *([step.rows] if step.rows is not None else [])]
        for inner in passed:
            tests = tuple(self.trying_rows(inner.path).value(test) for test in place.predicates.get(inner.path, ()))
            assert inner.step_of_repeat is not None
            down.append((inner.step_of_repeat, tests))
        return len(start.chain) - shared, down, step

    def _single(self, place: InForm) -> Compiled:
        up, down, step = self._way(place)
        if step is None or not step.is_question:
            return lambda frame, env, tried: ""
        if down:
            nodes = self._nodes(place)
            return lambda frame, env, tried: next(iter(nodes(frame, env, tried)), "")
        slot, from_row = step.slot, place.from_row
        if up == 0 and not from_row:

            def read_here(frame: Frame, env: Env, tried: Any) -> Any:
                value = frame.values[slot]
                return settle(frame, step, env) if value is UNSETTLED else value

            return read_here

        def read_above(frame: Frame, env: Env, tried: Any) -> Any:
            target: Any = tried if from_row else frame
            for _ in range(up):
                target = target.parent
            value = target.values[slot]
            return settle(target, step, env) if value is UNSETTLED else value

        return read_above

    def _nodes(self, place: InForm) -> Compiled:
        up, down, step = self._way(place)
        if step is None:
            return lambda frame, env, tried: [frame]
        from_row = place.from_row
        ends_at_rows = step.rows is not None

        def collect(frame: Frame, env: Env, tried: Any) -> list[Any]:
            target: Any = tried if from_row else frame
            for _ in range(up):
                target = target.parent
            frames = [target]
            for repeat, tests in down:
                frames = [row for above in frames for row in _rows(above, repeat, env)]
                for test in tests:
                    frames = _passing(frames, test, frame, env)
            if ends_at_rows:
                return frames
            found = (_settled(row, step, env) for row in frames)
            return [value for value in found if value is not IRRELEVANT and value is not False]

        return collect

    # Lists of choices

    def _entries(self, place: InList) -> Compiled:
        name = place.name
        tests = list(place.predicates)
        keyed = self._keyed(tests[0]) if tests else None
        if keyed is None:
            column, key, rest = "", None, tests
        else:
            column, key, rest = keyed[0], keyed[1], [*keyed[2], *tests[1:]]
        trying = self.trying_entries()
        filters = [trying.value(test) for test in rest]

        def find(frame: Frame, env: Env, tried: Any) -> list[Row]:
            wanted = "" if key is None else key(frame, env, tried)
            if key is not None and wanted == "" and not env.has(name):
                return []  # nothing chosen yet: the list need not be at hand to say so
            table = env.table(name)
            found: list[Row] = table
            if key is not None:
                if isinstance(wanted, str):
                    found = table.by(column).get(wanted, [])
                else:
                    found = [row for row in table if equal(row.get(column, ""), wanted)]
            for test in filters:
                found = _passing(found, test, frame, env)
            return found

        return find

    def _keyed(self, test: Node) -> tuple[str, Compiled, list[Node]] | None:
        """A predicate that starts with `column = value` is looked up instead of tried on every entry."""
        if isinstance(test, Operation) and test.name == "and":
            found = self._keyed(test.args[0])
            return None if found is None else (found[0], found[1], [*found[2], *test.args[1:]])
        if not (isinstance(test, Operation) and test.name == "=" and len(test.args) == 2):
            return None
        left, right = test.args
        if not (isinstance(left, Path) and isinstance(left.start, Here)):
            left, right = right, left
        if not (isinstance(left, Path) and isinstance(left.start, Here) and len(left.steps) == 1):
            return None
        if _reads_entry(right):
            return None
        return left.steps[0].name, self.value(right), []

    # Operators

    def _operation(self, name: str, args: tuple[Node, ...]) -> Compiled:
        if name in ("and", "or"):
            return _junction(name == "and", tuple(self.truth(arg) for arg in args))
        if name == "|":
            nodes = self.nodes(Operation(name, args))
            return lambda frame, env, tried: next(iter(nodes(frame, env, tried)), "")
        made = self.value(args[0])
        for right in args[1:]:
            made = self._binary(name, made, right)
        return made

    def _binary(self, name: str, left: Compiled, node: Node) -> Compiled:
        right = self.value(node)
        if name == "=":
            if isinstance(node, Text):
                text = node.value

                def is_text(frame: Frame, env: Env, tried: Any) -> bool:
                    value = left(frame, env, tried)
                    return value == text if type(value) is str else equal(value, text)

                return is_text
            return lambda frame, env, tried: equal(left(frame, env, tried), right(frame, env, tried))
        if name == "!=":
            return lambda frame, env, tried: not equal(left(frame, env, tried), right(frame, env, tried))
        if name in _ORDERINGS:
            order = _ORDERINGS[name]
            if isinstance(node, Number):
                limit = node.value
                return lambda frame, env, tried: order(to_number(left(frame, env, tried)), limit)
            return lambda frame, env, tried: order(
                to_number(left(frame, env, tried)), to_number(right(frame, env, tried))
            )
        compute = _ARITHMETIC[name]
        return lambda frame, env, tried: compute(
            to_number(left(frame, env, tried)), to_number(right(frame, env, tried))
        )

    # Functions

    def _call(self, name: str, args: tuple[Node, ...]) -> Compiled:
        spec = FUNCTIONS.get(name)
        if spec is None or spec.refused is not None or spec.returns == "nodes" or not spec.accepts(len(args)):
            raise ExpressionError(f"不支持 {name}()", f"{name}() is not supported")
        special = getattr(self, f"_call_{name.replace('-', '_').replace(':', '_')}", None)
        if special is not None:
            return special(args)
        if name in OVER_NODES:
            lists = tuple(self.nodes(arg) for arg in args)
            over = OVER_NODES[name]
            if len(lists) == 1:
                only = lists[0]
                return lambda frame, env, tried: over(only(frame, env, tried))
            return lambda frame, env, tried: over([value for part in lists for value in part(frame, env, tried)])
        values = tuple(self.value(arg) for arg in args)
        if name in _WITH_ENV:
            surrounded = _WITH_ENV[name]
            return lambda frame, env, tried: surrounded(env, *[value(frame, env, tried) for value in values])
        return _plain(PLAIN[name], values)

    def _call_if(self, args: tuple[Node, ...]) -> Compiled:
        test, then, otherwise = self.truth(args[0]), self.value(args[1]), self.value(args[2])
        return lambda frame, env, tried: (
            then(frame, env, tried) if test(frame, env, tried) else otherwise(frame, env, tried)
        )

    def _call_not(self, args: tuple[Node, ...]) -> Compiled:
        test = self.truth(args[0])
        return lambda frame, env, tried: not test(frame, env, tried)

    def _call_coalesce(self, args: tuple[Node, ...]) -> Compiled:
        first, second = self.value(args[0]), self.value(args[1])

        def coalesce(frame: Frame, env: Env, tried: Any) -> Any:
            value = first(frame, env, tried)
            return second(frame, env, tried) if is_empty(value) else value

        return coalesce

    def _call_once(self, args: tuple[Node, ...]) -> Compiled:
        own, value = self._own(), self.value(args[0])

        def once(frame: Frame, env: Env, tried: Any) -> Any:
            kept = own(frame, env, tried)
            return value(frame, env, tried) if is_empty(kept) else kept

        return once

    def _own(self) -> Compiled:
        return self._single(InForm(self.at.path))

    def _call_string_length(self, args: tuple[Node, ...]) -> Compiled:
        return _plain(PLAIN["string-length"], (self.value(args[0]) if args else self._own(),))

    def _call_normalize_space(self, args: tuple[Node, ...]) -> Compiled:
        return _plain(PLAIN["normalize-space"], (self.value(args[0]) if args else self._own(),))

    def _call_version(self, args: tuple[Node, ...]) -> Compiled:
        version = self.form.version
        return lambda frame, env, tried: version

    def _call_regex(self, args: tuple[Node, ...]) -> Compiled:
        if not isinstance(args[1], Text):
            raise ExpressionError("regex() 的第二个参数要写在引号里", "the second argument of regex() stands in quotes")
        try:
            pattern = compile_pattern(args[1].value)
        except PatternError as error:
            raise ExpressionError(error.zh, error.en, 0, error.instead) from error
        value = self.value(args[0])

        def regex(frame: Frame, env: Env, tried: Any) -> bool:
            matched = pattern.matches(to_text(value(frame, env, tried)))
            if matched is None:
                raise NotGiven("regex")
            return matched

        return regex

    def _call_position(self, args: tuple[Node, ...]) -> Compiled:
        if not args:
            return lambda frame, env, tried: env.position if tried is not None else 1
        place = locate(args[0], self.index, self.at)
        if not isinstance(place, InForm):
            raise ExpressionError("position() 里要写 ..", "position() takes ..", 0, "position(..)")
        chain = (self.shapes[self.at.row] if place.from_row else self.shape).chain
        paths = [shape.path for shape in chain]
        if place.path not in paths or not isinstance(self.index.items.get(place.path), Repeat):
            return lambda frame, env, tried: 1
        up = len(chain) - 1 - paths.index(place.path)
        from_row = place.from_row

        def position(frame: Frame, env: Env, tried: Any) -> int:
            target: Any = tried if from_row else frame
            for _ in range(up):
                target = target.parent
            return target.index + 1

        return position

    def _call_indexed_repeat(self, args: tuple[Node, ...]) -> Compiled:
        target = locate(args[0], self.index, self.at)
        found = self._step(target.path) if isinstance(target, InForm) else None
        if found is None or len(args) % 2 == 0:
            raise ExpressionError(
                "indexed-repeat() 要写成 indexed-repeat(${题目}, ${循环组}, 序号)",
                "indexed-repeat() takes a question, a repeat and a number",
                0,
                "indexed-repeat(${q}, ${repeat}, 1)",
            )
        shape, step = found
        numbers: dict[ItemPath, Compiled] = {}
        for repeat, number in zip(args[1::2], args[2::2], strict=True):
            place = locate(repeat, self.index, self.at)
            if not isinstance(place, InForm) or place.path not in (inner.path for inner in shape.chain[1:]):
                raise ExpressionError(
                    "indexed-repeat() 的循环组要包含该题目", "the repeat of indexed-repeat() must hold the question"
                )
            numbers[place.path] = self.value(number)
        shared = 0
        for a, b in zip(self.shape.chain, shape.chain, strict=False):
            if a is not b or a.path in numbers:
                break
            shared += 1
        up = len(self.shape.chain) - shared
        down = [
            (inner.step_of_repeat, numbers.get(inner.path))
            for inner in shape.chain[shared:]
            if inner.step_of_repeat is not None
        ]

        def indexed(frame: Frame, env: Env, tried: Any) -> Any:
            target: Any = frame
            for _ in range(up):
                target = target.parent
            for repeat, number in down:
                rows = _rows(target, repeat, env)
                at = 1 if number is None else max(to_whole(number(frame, env, tried)) or 1, 1)
                if at > len(rows):
                    return ""
                target = rows[at - 1]
            return _settled(target, step, env)

        return indexed

    def _call_jr_choice_name(self, args: tuple[Node, ...]) -> Compiled:
        value = self.value(args[0])
        path = choice_question(args[1], self.index, self.at)
        question = self.index.items[path]
        chosen = self.form.lists.get(question.list_name or "") if isinstance(question, Question) else None
        if chosen is None:
            raise ExpressionError(f"“{path[-1]}”不是选择题", f"“{path[-1]}” is not a select question")
        if chosen.file is not None:
            name, key, column = chosen.name, chosen.value_column, chosen.label_column

            def label_in_file(frame: Frame, env: Env, tried: Any) -> str:
                return _pull(env, name, column, key, value(frame, env, tried))

            return label_in_file
        labels = {choice.name: choice.label for choice in chosen.choices}
        usual = self.form.default_language

        def label(frame: Frame, env: Env, tried: Any) -> str:
            return pick_text(labels.get(to_text(value(frame, env, tried)), {}), env.language, usual)

        return label


def pick_text(texts: Texts, language: str, usual: str) -> str:
    """The text in a language, else in the form's own, else any there is."""
    for code in (language, usual, "default"):
        if code in texts:
            return texts[code]
    return next(iter(texts.values()), "")


def _entry_column(column: str) -> Compiled:
    return lambda frame, env, tried: tried.get(column, "")


def _reads_entry(node: Node) -> bool:
    """Whether a node reads the list entry that is tried (conservatively: any relative path does)."""
    match node:
        case Here():
            return True
        case Path(start, _):
            return isinstance(start, Here) or _reads_entry(start)
        case Call(name, args):
            return name == "position" or any(map(_reads_entry, args))
        case Operation(_, args):
            return any(map(_reads_entry, args))
        case Negate(value):
            return _reads_entry(value)
        case _:
            return False


def _junction(every: bool, tests: tuple[Compiled, ...]) -> Compiled:
    if len(tests) == 2:
        first, second = tests
        if every:
            return lambda frame, env, tried: first(frame, env, tried) and second(frame, env, tried)
        return lambda frame, env, tried: first(frame, env, tried) or second(frame, env, tried)

    def junction(frame: Frame, env: Env, tried: Any) -> bool:
        for test in tests:
            if test(frame, env, tried) is not every:
                return not every
        return every

    return junction


def _plain(function: Callable[..., Any], values: tuple[Compiled, ...]) -> Compiled:
    if not values:
        return lambda frame, env, tried: function()
    if len(values) == 1:
        only = values[0]
        return lambda frame, env, tried: function(only(frame, env, tried))
    if len(values) == 2:
        first, second = values
        return lambda frame, env, tried: function(first(frame, env, tried), second(frame, env, tried))
    return lambda frame, env, tried: function(*[value(frame, env, tried) for value in values])


def _settled(frame: Frame, step: Step, env: Env) -> Any:
    value = frame.values[step.slot]
    return settle(frame, step, env) if value is UNSETTLED else value


def _rows(frame: Frame, repeat: Step, env: Env) -> list[Frame]:
    return frame.rows[repeat.slot] if _settled(frame, repeat, env) else []


def _passing(candidates: list[Any], test: Compiled, frame: Frame, env: Env) -> list[Any]:
    """Those for which a predicate holds; a number means a place in the list, from 1."""
    kept: list[Any] = []
    outer = env.position
    for at, candidate in enumerate(candidates, 1):
        env.position = at
        result = test(frame, env, candidate)
        if result == at if type(result) in (int, float) else to_truth(result):
            kept.append(candidate)
    env.position = outer
    return kept
