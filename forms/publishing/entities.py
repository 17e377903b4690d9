"""The `entities` sheet and the `save_to` column: which lists a record writes to, and from where."""

from __future__ import annotations

from forms.definition import EntityDeclaration, Item, Question, Repeat, questions
from forms.expression import Node, Ref
from forms.workbook.lines import NAME, Line, SheetLines

_COLUMNS = ("label", "entity_id", "create_if", "update_if")


def read_entities(entities: SheetLines, survey: SheetLines, items: tuple[Item, ...]) -> tuple[EntityDeclaration, ...]:
    """One declaration per filled row. Names and scopes that ODK's specification forbids are pyxform's to refuse."""
    entities.check_headers()
    _check_names(entities, survey)
    lines = [line for line in entities if line.row.cells]
    paths_by_row: dict[int, tuple[str, ...]] = {}
    for question in questions(items):
        paths_by_row.setdefault(question.source.row, question.path)  # `or_other` makes a second question of one row
    saved = _saved(survey, paths_by_row, [line.get("list_name") for line in lines])
    return tuple(_declaration(line, items, saved.get(line.get("list_name"), {})) for line in lines)


def _check_names(entities: SheetLines, survey: SheetLines) -> None:
    """Names as the entities specification wants them; Chinese is allowed."""
    first_rows: dict[str, int] = {}
    for line in entities:
        name = line.get("list_name")
        if first_rows.setdefault(name, line.row.number) != line.row.number:
            row = first_rows[name]
            line.complain(
                "form.entity_twice",
                "list_name",
                f"“{name}”在第 {row} 行已经声明过",
                f"“{name}” is already declared in row {row}",
                "一个清单写一行 / one row a list",
            )
        _check_conditions(line)
        if not NAME.fullmatch(name) or "." in name or name.startswith("__"):
            line.complain(
                "form.bad_entity_name",
                "list_name",
                f"“{name}”不能做实体清单的名字",
                f"“{name}” cannot name an entity list",
                "字母或汉字开头，不用句点和双下划线 / begin with a letter; no full stop, no leading __",
            )
    for line in survey:
        name = line.get("save_to").rpartition("#")[2]
        if name and (not NAME.fullmatch(name) or name.startswith("__") or name.lower() in ("name", "label")):
            line.complain(
                "form.bad_entity_name",
                "save_to",
                f"“{name}”不能做实体属性的名字",
                f"“{name}” cannot name a property of an entity",
                f"{name.strip('_')}_1",
            )


def _check_conditions(line: Line) -> None:
    """The specification's table of what `entity_id`, `create_if` and `update_if` mean together."""
    has_id, creates, updates = (bool(line.get(key)) for key in ("entity_id", "create_if", "update_if"))
    if updates and not has_id:
        zh, en = "有 update_if 就要有 entity_id：更新的是哪一个", "update_if needs entity_id: which one is updated"
        line.complain("form.bad_entity", "entity_id", zh, en, "${enterprise}")
    elif has_id and creates and not updates:
        zh, en = (
            "有 entity_id 又有 create_if 时，也要写 update_if",
            "with entity_id and create_if, update_if must be there too",
        )
        line.complain("form.bad_entity", "update_if", zh, en, "not(…)")
    if not has_id and not line.get("label"):
        zh, en = "新建实体要有 label", "an entity that is created needs a label"
        line.complain("form.bad_entity", "label", zh, en, "${title}")


def _saved(
    survey: SheetLines, paths_by_row: dict[int, tuple[str, ...]], datasets: list[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Dataset → property → path of the question saved to it. `list#property` names the list, where there are several."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in survey:
        text = line.get("save_to")
        if not text:
            continue
        if line.row.number not in paths_by_row:
            zh, en = "save_to 只能写在题目上，不能写在分组上", "only questions can be saved, not groups"
            line.complain("form.bad_save_to", "save_to", zh, en, "写在分组里的题目上 / move it to a question inside")
            continue
        dataset, _, name = text.rpartition("#")
        if not datasets:
            line.complain(
                "form.save_to_without_entities",
                "save_to",
                "有 save_to，却没有 entities 表",
                "save_to without an entities sheet",
                "加 entities 表：list_name、label / add an entities sheet: list_name, label",
            )
        elif not dataset and len(set(datasets)) > 1:
            line.complain(
                "form.save_to_ambiguous",
                "save_to",
                "有多个实体清单，要写明存到哪一个",
                "there are several entity lists: say which one",
                f"{datasets[0]}#{name}",
            )
        elif dataset and dataset not in datasets:
            line.complain(
                "form.save_to_unknown",
                "save_to",
                f"entities 表里没有“{dataset}”",
                f"there is no “{dataset}” in the entities sheet",
                "、".join(datasets),
            )
        properties = found.setdefault(dataset or (datasets or [""])[0], {})
        if name in properties:
            zh, en = f"属性“{name}”已由另一题保存", f"another question is already saved to “{name}”"
            line.complain("form.bad_save_to", "save_to", zh, en, f"{name}_2")
        properties[name] = paths_by_row[line.row.number]
    return found


def _declaration(line: Line, items: tuple[Item, ...], properties: dict[str, tuple[str, ...]]) -> EntityDeclaration:
    expressions = {key: line.expression(key) for key in _COLUMNS}
    names = {ref for one in expressions.values() if one for ref in refs(one.tree)}
    paths = [*properties.values(), *(question.path for question in questions(items) if question.name in names)]
    repeats = [repeat_above(items, path) for path in paths]
    return EntityDeclaration(
        dataset=line.get("list_name"),
        source=line.source(),
        repeat=max(repeats, key=len, default=()),
        label=expressions["label"],
        entity_id=expressions["entity_id"],
        create_if=expressions["create_if"],
        update_if=expressions["update_if"],
        properties=properties,
    )


def refs(node: Node) -> set[str]:
    """Names of the questions that an expression speaks of as `${name}`."""
    if isinstance(node, Ref):
        return {node.name}
    found: set[str] = set()
    for name in node.__struct_fields__:
        value = getattr(node, name)
        for part in value if isinstance(value, tuple) else (value,):
            if hasattr(part, "__struct_fields__"):
                found |= refs(part)
    return found


def repeat_above(items: tuple[Item, ...], path: tuple[str, ...]) -> tuple[str, ...]:
    """Path of the innermost repeat that holds the question at `path`; () when none does."""
    found: tuple[str, ...] = ()
    level = items
    for depth, name in enumerate(path, start=1):
        item = next((one for one in level if one.name == name), None)
        if item is None or isinstance(item, Question):
            break
        if isinstance(item, Repeat):
            found = path[:depth]
        level = item.children
    return found
