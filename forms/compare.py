"""What changed between two versions of a questionnaire; one file because each kind of change is a sentence in two languages.

Three severities: `safe` (old and new answers mean the same), `changes_meaning` (the same key is asked or computed
differently: put the versions side by side with care), `breaks_answers` (answers to the old version have no place or no
valid value in the new one).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from forms.definition import ChoiceList, Form, Item, Question, Repeat, Texts

Severity = Literal["safe", "changes_meaning", "breaks_answers"]


class Change(Struct, frozen=True, kw_only=True):
    kind: str
    """`added`, `removed`, `renamed`, `moved`, `type`, `choices`, or the property that changed (`relevant`, `unit` …)."""
    severity: Severity
    path: tuple[str, ...]
    """Of the item in the new version, or in the old one when it is gone; () for the form itself."""
    zh: str
    en: str


_WIDER = {("integer", "decimal"), ("integer", "text"), ("decimal", "text"), ("select_one", "text"), ("date", "text")}
"""Type changes under which every old answer is a valid new one."""
_EXPRESSIONS: tuple[tuple[str, Severity, str, str], ...] = (
    ("relevant", "changes_meaning", "显示条件", "condition under which it is asked"),
    ("calculation", "changes_meaning", "计算式", "calculation"),
    ("choice_filter", "changes_meaning", "选项筛选", "choice filter"),
    ("default_expression", "safe", "动态默认值", "computed first value"),
    ("count", "changes_meaning", "行数", "number of rows"),
)
_VALUES: tuple[tuple[str, Severity, str, str], ...] = (
    ("unit", "changes_meaning", "单位", "unit"),
    ("save_to", "changes_meaning", "实体属性", "entity property"),
    ("trigger", "changes_meaning", "触发题", "trigger"),
    ("or_other", "changes_meaning", "“其他”填写", "“other”, written in"),
    ("parameters", "changes_meaning", "参数", "parameters"),
    ("export_name", "safe", "导出名", "export name"),
    ("default", "safe", "默认值", "first value"),
    ("prefill", "safe", "预填来源", "prefill"),
    ("pii", "safe", "个人信息标记", "personal data mark"),
    ("secret", "safe", "商业秘密标记", "business secret mark"),
    ("read_only", "safe", "只读", "read-only mark"),
    ("appearance", "safe", "外观", "appearance"),
    ("hint", "safe", "提示", "hint"),
    ("guidance", "safe", "说明", "guidance"),
)


def compare(old: Form, new: Form) -> list[Change]:
    """Changes in the order of the new version, removals last, then lists, then the form itself. Empty when equal."""
    before, after = dict(_items(old.children)), dict(_items(new.children))
    gone = {path: item for path, item in before.items() if path not in after}
    come = {path: item for path, item in after.items() if path not in before}
    changes: list[Change] = []
    for path, item in after.items():
        if path in before:
            changes += _item_changes(before[path], item, path)
        elif origin := _origin(path, item, gone, come, before, after):
            changes.append(_relocated(origin, path, gone.pop(origin), item))
        elif path[:-1] not in come:
            changes.append(_added(path, item))
    changes += [_removed(path, item) for path, item in gone.items() if path[:-1] not in gone]
    changes += _list_changes(old, new)
    changes += _form_changes(old, new)
    return changes


def _items(items: tuple[Item, ...]) -> Iterator[tuple[tuple[str, ...], Item]]:
    for item in items:
        yield item.path, item
        if not isinstance(item, Question):
            yield from _items(item.children)


def _kind(item: Item) -> str:
    return item.type if isinstance(item, Question) else "repeat" if isinstance(item, Repeat) else "group"


def _title(item: Item) -> str:
    label = next(iter(item.label.values()), "")
    return f"{item.name}（{label}）" if label else item.name


def _origin(
    path: tuple[str, ...],
    item: Item,
    gone: dict[tuple[str, ...], Item],
    come: dict[tuple[str, ...], Item],
    before: dict[tuple[str, ...], Item],
    after: dict[tuple[str, ...], Item],
) -> tuple[str, ...] | None:
    """The vanished item that this one most likely is: of the same name elsewhere, or a twin in the same place."""
    alike = [other for other, lost in gone.items() if _kind(lost) == _kind(item)]
    named = [other for other in alike if other[-1] == path[-1] and isinstance(item, Question)]
    if len(named) == 1 and sum(other[-1] == path[-1] for other in come) == 1:
        return named[0]
    beside = [other for other in alike if other[:-1] == path[:-1]]
    twins = [other for other in beside if item.label and gone[other].label == item.label]
    if not twins:
        spot = _neighbours(path, after)
        twins = [other for other in beside if _neighbours(other, before) == spot]
    return twins[0] if len(twins) == 1 else None


def _neighbours(path: tuple[str, ...], items: dict[tuple[str, ...], Item]) -> tuple[str, str]:
    siblings = [other[-1] for other in items if other[:-1] == path[:-1]]
    at = siblings.index(path[-1])
    return siblings[at - 1] if at else "", siblings[at + 1] if at + 1 < len(siblings) else ""


def _relocated(origin: tuple[str, ...], path: tuple[str, ...], lost: Item, item: Item) -> Change:
    if origin[-1] == path[-1]:
        return Change(
            kind="moved",
            severity="breaks_answers",
            path=path,
            zh=f"“{_title(item)}”从 {'/'.join(origin)} 移到 {'/'.join(path)}，旧答案不在新位置",
            en=f"“{item.name}” moved from {'/'.join(origin)} to {'/'.join(path)}; old answers are not there",
        )
    return Change(
        kind="renamed",
        severity="breaks_answers",
        path=path,
        zh=f"“{lost.name}”好像改名为“{_title(item)}”，旧答案仍在旧名下",
        en=f"“{lost.name}” seems to be renamed “{item.name}”; old answers stay under the old name",
    )


def _added(path: tuple[str, ...], item: Item) -> Change:
    required = isinstance(item, Question) and item.required is not None
    return Change(
        kind="added",
        severity="changes_meaning" if required else "safe",
        path=path,
        zh=f"新增{'必填' if required else ''}“{_title(item)}”",
        en=f"added “{item.name}”{', which is required' if required else ''}",
    )


def _removed(path: tuple[str, ...], item: Item) -> Change:
    empty = isinstance(item, Question) and item.type == "note"
    return Change(
        kind="removed",
        severity="safe" if empty else "breaks_answers",
        path=path,
        zh=f"删除了“{_title(item)}”" + ("" if empty else "，旧答案没有位置"),
        en=f"removed “{item.name}”" + ("" if empty else "; old answers have no place"),
    )


def _item_changes(old: Item, new: Item, path: tuple[str, ...]) -> Iterator[Change]:
    if (kinds := (_kind(old), _kind(new))) and kinds[0] != kinds[1]:
        wider = kinds in _WIDER
        yield Change(
            kind="type",
            severity="changes_meaning" if wider else "breaks_answers",
            path=path,
            zh=f"“{_title(new)}”的题型由 {kinds[0]} 改为 {kinds[1]}" + ("" if wider else "，旧答案可能无效"),
            en=f"“{new.name}” was {kinds[0]} and is {kinds[1]}" + ("" if wider else "; old answers may not be valid"),
        )
    yield from _label_changes(old.label, new.label, new, path)
    for name, severity, zh, en in _EXPRESSIONS:
        before, after = getattr(old, name, None), getattr(new, name, None)
        if getattr(before, "tree", None) != getattr(after, "tree", None):
            yield _property(name, severity, path, new, zh, en, before and before.text, after and after.text)
    if isinstance(old, Question) and isinstance(new, Question):
        yield from _question_changes(old, new, path)


def _question_changes(old: Question, new: Question, path: tuple[str, ...]) -> Iterator[Change]:
    for name, severity, zh, en in _VALUES:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield _property(name, severity, path, new, zh, en, before, after)
    if (old.required and old.required.tree) != (new.required and new.required.tree):
        loosened: Severity = "safe" if new.required is None else "changes_meaning"
        texts = (old.required and old.required.text, new.required and new.required.text)
        yield _property("required", loosened, path, new, "必填条件", "required", *texts)
    for level, zh, en in (
        ("error", "约束", "constraint"),
        ("verify", "核实检查", "verify checks"),
        ("advise", "提醒", "advice"),
    ):
        before = [check.test.text for check in old.checks if check.level == level]
        after = [check.test.text for check in new.checks if check.level == level]
        if before != after:
            weight: Severity = "changes_meaning" if level == "error" and after else "safe"
            yield _property(level, weight, path, new, zh, en, "；".join(before), "；".join(after))


def _label_changes(old: Texts, new: Texts, item: Item, path: tuple[str, ...]) -> Iterator[Change]:
    for language in old.keys() & new.keys():
        if old[language] != new[language]:
            yield Change(
                kind="label",
                severity="changes_meaning",
                path=path,
                zh=f"“{item.name}”的文字（{language}）由“{old[language]}”改为“{new[language]}”，请确认问的还是同一件事",
                en=f"the wording of “{item.name}” ({language}) was “{old[language]}”, is “{new[language]}”: the same matter?",
            )


def _property(
    kind: str, severity: Severity, path: tuple[str, ...], item: Item, zh: str, en: str, before: Any, after: Any
) -> Change:
    old, new = _said(before), _said(after)
    return Change(
        kind=kind,
        severity=severity,
        path=path,
        zh=f"“{_title(item)}”的{zh}由“{old}”改为“{new}”",
        en=f"{en} of “{item.name}”: was “{old}”, is “{new}”",
    )


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={text}" for key, text in value.items()) or "-"
    if isinstance(value, tuple | list):
        return " ".join(map(str, value)) or "-"
    return {None: "-", "": "-", True: "yes", False: "no"}.get(value, str(value))


def _list_changes(old: Form, new: Form) -> Iterator[Change]:
    """Choices by question, because a question may change to another list."""
    after = {path: item for path, item in _items(new.children) if isinstance(item, Question)}
    for path, item in _items(old.children):
        other = after.get(path)
        if not isinstance(item, Question) or other is None or not item.list_name or not other.list_name:
            continue
        yield from _choice_changes(old.lists.get(item.list_name), new.lists.get(other.list_name), other, path)


def _choice_changes(
    old: ChoiceList | None, new: ChoiceList | None, question: Question, path: tuple[str, ...]
) -> Iterator[Change]:
    if old is None or new is None:
        return
    if (old.file, old.value_column) != (new.file, new.value_column):
        yield _property(
            "choices", "breaks_answers", path, question, "选项来源", "source of choices", old.file, new.file
        )
        return
    before = {choice.name: choice.label for choice in old.choices}
    after = {choice.name: choice.label for choice in new.choices}
    if lost := [name for name in before if name not in after]:
        yield Change(
            kind="choices",
            severity="breaks_answers",
            path=path,
            zh=f"“{_title(question)}”去掉了选项 {'、'.join(lost)}，选过它们的答案不再有效",
            en=f"“{question.name}” lost the choices {', '.join(lost)}; answers that took them are no longer valid",
        )
    if gained := [name for name in after if name not in before]:
        yield Change(
            kind="choices",
            severity="safe",
            path=path,
            zh=f"“{_title(question)}”增加了选项 {'、'.join(gained)}",
            en=f"“{question.name}” gained the choices {', '.join(gained)}",
        )
    for name in before.keys() & after.keys():
        if changed := [
            code for code in before[name].keys() & after[name].keys() if before[name][code] != after[name][code]
        ]:
            code = changed[0]
            yield Change(
                kind="choices",
                severity="changes_meaning",
                path=path,
                zh=f"选项“{name}”的文字由“{before[name][code]}”改为“{after[name][code]}”",
                en=f"the choice “{name}” was “{before[name][code]}”, is “{after[name][code]}”",
            )


_FORM: tuple[tuple[str, Severity, str, str], ...] = (
    ("title", "safe", "标题", "title"),
    ("languages", "safe", "语言", "languages"),
    ("default_language", "safe", "默认语言", "default language"),
    ("style", "safe", "样式", "style"),
    ("photo_place", "safe", "照片中的位置", "place in photos"),
    ("attachments", "safe", "附带文件", "files beside the form"),
    ("header", "changes_meaning", "法定表头", "legal header"),
)


def _form_changes(old: Form, new: Form) -> Iterator[Change]:
    if old.id != new.id:
        yield _form_change("id", "breaks_answers", "表单标识", "form id", old.id, new.id)
    for name, severity, zh, en in _FORM:
        if getattr(old, name) != getattr(new, name):
            yield _form_change(name, severity, zh, en, _said_of_form(old, name), _said_of_form(new, name))
    before = {one.dataset: one for one in old.entities}
    after = {one.dataset: one for one in new.entities}
    for dataset in [*before, *(name for name in after if name not in before)]:
        if _written_entity(before.get(dataset)) != _written_entity(after.get(dataset)):
            yield _form_change("entities", "changes_meaning", f"实体“{dataset}”", f"entity list “{dataset}”", "", "")


def _form_change(kind: str, severity: Severity, zh: str, en: str, before: str, after: str) -> Change:
    told_zh = f"由“{before}”改为“{after}”" if before or after else "的声明有改动"
    told_en = f"was “{before}”, is “{after}”" if before or after else "is declared differently"
    return Change(kind=kind, severity=severity, path=(), zh=f"{zh}{told_zh}", en=f"{en} {told_en}")


def _said_of_form(form: Form, name: str) -> str:
    value = getattr(form, name)
    if name != "header":
        return _said(value)
    return (
        _said(tuple(part for part in (value.number, value.approval_number, value.valid_until) if part))
        if value
        else "-"
    )


def _written_entity(one: Any) -> tuple[Any, ...]:
    if one is None:
        return ()
    texts = [part and part.text for part in (one.label, one.entity_id, one.create_if, one.update_if)]
    return (*texts, one.repeat, tuple(sorted(one.properties.items())))


def worst(changes: list[Change]) -> Severity:
    """The gravest severity among `changes`; `safe` for none."""
    order: tuple[Severity, ...] = ("safe", "changes_meaning", "breaks_answers")
    return max((change.severity for change in changes), key=order.index, default="safe")
