"""What the names in an expression stand for: `${name}`, relative and absolute paths, lists of choices.

An expression stands at one item of the form; everything it can reach is known before any record exists, so a path is
resolved once, here, to the item it means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from forms.definition import Form, Item, Question, Repeat
from forms.expression import Call, ExpressionError, Here, Negate, Node, Operation, Path, Ref, Root, Step, Text

ItemPath = tuple[str, ...]


class FormIndex:
    """Every item of a form by path and by name."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.items: dict[ItemPath, Item] = {}
        self.by_name: dict[str, list[ItemPath]] = {}
        self._add(form.children)

    def _add(self, items: tuple[Item, ...]) -> None:
        for item in items:
            self.items.setdefault(item.path, item)
            self.by_name.setdefault(item.name, []).append(item.path)
            if not isinstance(item, Question):
                self._add(item.children)

    def find(self, name: str, standing_at: ItemPath) -> ItemPath:
        """The item called `name` that shares most of its way with `standing_at`. Raises `ExpressionError`."""
        found = self.by_name.get(name)
        if not found:
            raise ExpressionError(f"没有名为“{name}”的题目", f"there is no question called “{name}”")
        return max(found, key=lambda path: _shared(path, standing_at)) if len(found) > 1 else found[0]

    def repeats_above(self, path: ItemPath) -> tuple[ItemPath, ...]:
        """The repeats that hold the item, outermost first; a repeat does not hold itself."""
        return tuple(path[:n] for n in range(1, len(path)) if isinstance(self.items.get(path[:n]), Repeat))

    def items_above(self, path: ItemPath) -> tuple[ItemPath, ...]:
        return tuple(path[:n] for n in range(1, len(path)))


def _shared(a: ItemPath, b: ItemPath) -> int:
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count


@dataclass(frozen=True)
class Standing:
    """Where an expression stands: at an item of the form, or in a predicate that tries rows or list entries."""

    path: ItemPath
    """The item the expression belongs to; `current()`."""
    trying: Literal["", "row", "entry"] = ""
    row: ItemPath = ()
    """With `trying="row"`: the repeat whose rows are tried, the meaning of `.`. With "entry": the list's name, or () for
    the list of the question's own choices."""

    @property
    def here(self) -> ItemPath:
        return self.row if self.trying == "row" else self.path


@dataclass(frozen=True)
class InForm:
    """A path that ends at an item of the form. `from_row`: it starts at the row that a predicate tries."""

    path: ItemPath
    predicates: dict[ItemPath, tuple[Node, ...]] = field(default_factory=dict)
    from_row: bool = False
    explicit: bool = False
    """Written as a path with `..` or names, not as `${name}`."""
    floor: int = 1_000
    """How few names were left after `..`: a repeat entered again from there means all its rows."""


@dataclass(frozen=True)
class InList:
    """`instance('name')/root/item[…]/column`; `column` None stands for the entries themselves."""

    name: str
    predicates: tuple[Node, ...]
    column: str | None


@dataclass(frozen=True)
class InEntry:
    """A column of the list entry that a predicate or choice filter tries."""

    column: str


def locate(node: Node, index: FormIndex, at: Standing) -> InForm | InList | InEntry | None:
    """What a path-like node means; None when the node is not a path. Raises `ExpressionError` for paths to nowhere."""
    match node:
        case Ref(name):
            return InForm(index.find(name, at.path))
        case Here():
            return InEntry("") if at.trying == "entry" else InForm(at.here, from_row=at.trying == "row", explicit=True)
        case Call("current", ()):
            return InForm(at.path, explicit=True)
        case Path(start, steps):
            return _locate_path(start, steps, index, at)
        case _:
            return None


def _locate_path(start: Node, steps: tuple[Step, ...], index: FormIndex, at: Standing) -> InForm | InList | InEntry:
    match start:
        case Call("instance", args):
            return _in_list(args, steps)
        case Here() if at.trying == "entry":
            if len(steps) != 1 or steps[0].predicates or steps[0].name in ("..", "*", "."):
                raise _nowhere("选项筛选里只能写列名和 ${题目}", "a choice filter takes column names and ${question}")
            return InEntry(steps[0].name)
        case Here():
            return _in_form(at.here, steps, index, from_row=at.trying == "row")
        case Call("current", ()):
            return _in_form(at.path, steps, index)
        case Root():
            if steps[0].predicates:
                raise _nowhere("表单根不能带条件", "the root of a form takes no condition")
            return _in_form((), steps[1:], index)
        case Ref(name):
            return _in_form(index.find(name, at.path), steps, index)
        case _:
            raise _nowhere("这里不能接路径", "a path cannot start here")


def _in_form(path: ItemPath, steps: tuple[Step, ...], index: FormIndex, *, from_row: bool = False) -> InForm:
    predicates: dict[ItemPath, tuple[Node, ...]] = {}
    floor = 1_000
    for step in steps:
        if step.name == "..":
            if not path:
                raise _nowhere("“..”超出了表单根", "“..” goes above the root of the form")
            path = path[:-1]
            floor = min(floor, len(path))
        elif step.name == "*":
            raise _nowhere("表单路径里不支持“*”", "“*” is not supported in paths of the form")
        elif step.name != ".":
            path = (*path, step.name)
        if step.predicates:
            if not isinstance(index.items.get(path), Repeat):
                raise _nowhere("只有循环组可以带条件 […]", "only a repeat takes a condition […]", "${repeat}[…]/name")
            predicates[path] = step.predicates
    if path and path not in index.items:
        zh, en = f"路径 /{'/'.join(path)} 不存在", f"there is nothing at /{'/'.join(path)}"
        raise ExpressionError(zh, en, 0, "${name}")
    return InForm(path, predicates, from_row=from_row, explicit=True, floor=floor)


def _in_list(args: tuple[Node, ...], steps: tuple[Step, ...]) -> InList:
    if len(args) != 1 or not isinstance(args[0], Text):
        raise _nowhere(
            "instance() 里要写带引号的名单名", "instance() takes the name of a list in quotes", "instance('list')"
        )
    names = [step.name for step in steps]
    if (
        names[:2] != ["root", "item"]
        or len(names) > 3
        or steps[0].predicates
        or (len(steps) == 3 and steps[2].predicates)
    ):
        raise _nowhere(
            "名单路径要写成 instance('名单')/root/item[条件]/列",
            "a path into a list reads instance('list')/root/item[condition]/column",
            "instance('list')/root/item[name = ${q}]/label",
        )
    return InList(args[0].value, steps[1].predicates, names[2] if len(names) == 3 else None)


def _nowhere(zh: str, en: str, instead: str = "${name}") -> ExpressionError:
    return ExpressionError(zh, en, 0, instead)


def choice_question(node: Node, index: FormIndex, at: Standing) -> ItemPath:
    """The question that the second argument of `jr:choice-name` names: `'${q}'`, or a path in quotes."""
    if isinstance(node, Text):
        text = node.value.strip()
        name = text.removeprefix("${").removesuffix("}").strip() if text.startswith("${") else text.rsplit("/", 1)[-1]
        return index.find(name, at.path)
    place = locate(node, index, at)
    if not isinstance(place, InForm):
        raise _nowhere("第二个参数要写成 '${题目}'", "the second argument is '${question}'", "'${question}'")
    return place.path


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, predicates left out."""
    match node:
        case Call(_, args) | Operation(_, args):
            return args
        case Negate(value):
            return (value,)
        case Path(start, _):
            return (start,)
        case _:
            return ()


def references(node: Node, index: FormIndex, at: Standing) -> Iterator[ItemPath]:
    """Every item of the form that the value of an expression depends on. Raises `ExpressionError`."""
    place = locate(node, index, at)
    if isinstance(place, InForm):
        yield place.path
        for path, tests in place.predicates.items():
            yield path
            for test in tests:
                yield from references(test, index, Standing(at.path, "row", path))
        return
    if isinstance(place, InList):
        for test in place.predicates:
            yield from references(test, index, Standing(at.path, "entry"))
        return
    if isinstance(node, Call) and node.name == "jr:choice-name" and len(node.args) == 2:
        yield choice_question(node.args[1], index, at)
        yield from references(node.args[0], index, at)
        return
    if isinstance(node, Call) and node.name == "position":
        return
    for child in children(node):
        yield from references(child, index, at)
