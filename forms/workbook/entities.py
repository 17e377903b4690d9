"""The `entities` sheet and the `save_to` column: which lists a record writes to, and from where."""

from __future__ import annotations

from forms.definition import EntityDeclaration, Item, questions
from forms.expression import Node, Ref
from forms.workbook.lines import Findings, Line, SheetLines
from forms.workbook.survey import repeat_above

_COLUMNS = ("label", "entity_id", "create_if", "update_if")


def read_entities(
    entities: SheetLines, survey: SheetLines, items: tuple[Item, ...], findings: Findings
) -> tuple[EntityDeclaration, ...]:
    """One declaration per filled row. Names and scopes that ODK's specification forbids are pyxform's to refuse."""
    entities.check_headers()
    lines = [line for line in entities if line.row.cells]
    paths_by_row = {question.source.row: question.path for question in questions(items)}
    saved = _saved(survey, paths_by_row, [line.get("list_name") for line in lines])
    return tuple(_declaration(line, items, saved.get(line.get("list_name"), {})) for line in lines)


def _saved(
    survey: SheetLines, paths_by_row: dict[int, tuple[str, ...]], datasets: list[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Dataset → property → path of the question saved to it. `list#property` names the list, where there are several."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in survey:
        text = line.get("save_to")
        if not text or line.row.number not in paths_by_row:
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
        found.setdefault(dataset or (datasets or [""])[0], {})[name] = paths_by_row[line.row.number]
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
