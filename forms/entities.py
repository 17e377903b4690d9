"""What a record creates or updates: ODK entities out of answers.

Follows the entities specification 2025.1 (several lists, entities from repeats). A phone that made the record may have
written its own `<entity>` blocks; their ids and base versions are kept, so that both sides speak of one thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from forms.definition import EntityDeclaration, Expression
from forms.engine.frames import Frame
from forms.evaluate import Evaluation
from forms.instance import EntityBlock, write_value

Action = Literal["create", "update", "upsert"]


class EntityChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    dataset: str
    entity_id: str
    """A UUID as far as we make it; whatever the record says where `entity_id` is an expression."""
    action: Action
    """`upsert`: the author's conditions for both hold; update if it is there, else create."""
    label: str = ""
    """Empty: an update that keeps the label, or a create whose label the person left out."""
    properties: dict[str, str] = {}
    base_version: int | None = None
    """Version of the entity that an update was made from, when the phone said so."""
    trunk_version: int | None = None
    branch_id: str = ""
    repeat: tuple[str, ...] = ()
    """Path of the repeat it comes from; () for the record itself."""
    rows: tuple[int, ...] = ()
    """Index from 0 of the row in each repeat around it."""


def extract(evaluation: Evaluation, record_id: str, blocks: Sequence[EntityBlock] = ()) -> list[EntityChange]:
    """In the order of the `entities` sheet, then of the rows. `blocks` come from `instance.parse_instance`.

    The same record gives the same ids each time: UUIDv5 of the record's id, the list and the row's `_id` or its index.
    """
    sent = {(block.dataset, block.rows): block for block in blocks}
    found: list[EntityChange] = []
    for declaration in evaluation.compiled.form.entities:
        for place, rows, answers in _rows(declaration, evaluation.answers):
            frame = evaluation.frame_of(declaration.repeat, rows)
            if frame is None:
                continue
            made = _Maker(evaluation, declaration, place, rows, frame)
            change = made.change(record_id, answers, sent.get((declaration.dataset, rows)))
            if change is not None:
                found.append(change)
    return found


def _rows(declaration: EntityDeclaration, answers: Any) -> Iterator[tuple[str, tuple[int, ...], Mapping[str, Any]]]:
    """(path with row numbers, indices, answers) of everything that makes one entity."""
    waiting: list[tuple[str, tuple[int, ...], Any]] = [("", (), answers)]
    for name in declaration.repeat:
        inner: list[tuple[str, tuple[int, ...], Any]] = []
        for place, rows, inside in waiting:
            value = inside.get(name) if isinstance(inside, dict) else None
            here = f"{place}.{name}" if place else name
            if isinstance(value, list):
                inner += [(f"{here}[{index + 1}]", (*rows, index), row) for index, row in enumerate(value)]
            elif value is not None:
                inner.append((here, rows, value))
        waiting = inner
    for place, rows, inside in waiting:
        if isinstance(inside, dict):
            yield place, rows, inside


class _Maker:
    """One declaration at one place."""

    def __init__(
        self,
        evaluation: Evaluation,
        declaration: EntityDeclaration,
        place: str,
        rows: tuple[int, ...],
        frame: Frame,
    ) -> None:
        self.evaluation = evaluation
        self.declaration = declaration
        self.place = place
        self.rows = rows
        self.frame = frame

    def change(self, record_id: str, answers: Mapping[str, Any], block: EntityBlock | None) -> EntityChange | None:
        action = self._action()
        if action is None:
            return None
        label = self._text(self.declaration.label)
        properties = self._properties(answers, keep_empty=action != "create")
        if action == "create" and not label and not properties:
            return None  # a row that nobody filled in
        entity_id = self._text(self.declaration.entity_id).strip().removeprefix("uuid:")
        if self.declaration.entity_id is not None and not entity_id:
            return None  # an update of nothing: no entity was chosen
        return EntityChange(
            dataset=self.declaration.dataset,
            entity_id=entity_id or (block.id if block and block.id else self._made_id(record_id, answers)),
            action=action,
            label=label,
            properties=properties,
            base_version=_whole(block.base_version) if block else None,
            trunk_version=_whole(block.trunk_version) if block else None,
            branch_id=block.branch_id if block else "",
            repeat=self.declaration.repeat,
            rows=self.rows,
        )

    def _action(self) -> Action | None:
        """The specification's table: without an id it is always a creation, with one an update unless `create_if` is there."""
        one = self.declaration
        creates = (one.entity_id is None or one.create_if is not None) and self._holds(one.create_if)
        updates = one.entity_id is not None and self._holds(one.update_if)
        if creates and updates:
            return "upsert"
        return "create" if creates else "update" if updates else None

    def _holds(self, condition: Expression | None) -> bool:
        if condition is None:
            return True
        value = self.evaluation.value_of(condition, self.place)
        return value is True or str(value).strip().lower() in ("1", "true")

    def _text(self, expression: Expression | None) -> str:
        return write_value(self.evaluation.value_of(expression, self.place)) if expression else ""

    def _properties(self, answers: Mapping[str, Any], keep_empty: bool) -> dict[str, str]:
        """An update also says which answers are empty now; questions that do not apply say nothing."""
        found: dict[str, str] = {}
        inside = len(self.declaration.repeat)
        for name, path in self.declaration.properties.items():
            if not self.frame.applies(path):
                continue
            value: Any = answers
            for part in path[inside:]:
                value = value.get(part) if isinstance(value, dict) else None
            text = write_value(value)
            if text or keep_empty:
                found[name] = text
        return found

    def _made_id(self, record_id: str, answers: Mapping[str, Any]) -> str:
        own = answers.get("_id") if self.rows else None
        row = own if isinstance(own, str) and own else "/".join(map(str, self.rows))
        return str(
            uuid5(_namespace(record_id), f"{self.declaration.dataset}:{'/'.join(self.declaration.repeat)}:{row}")
        )


def _namespace(record_id: str) -> UUID:
    try:
        return UUID(record_id.removeprefix("uuid:"))
    except ValueError:
        return uuid5(NAMESPACE_URL, record_id)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
