"""Published versions, ready to evaluate: compiled once per process and kept, since a published version never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from forms.definition import Form, questions
from forms.evaluate import CompiledForm, Table, compile_form
from forms.lists import UnreadableList, read_rows
from server.questionnaires.plain import PlainCheck, plain_check
from server.questionnaires.tables import FormMedia, FormVersion

KEPT_MAX = 200
"""Compiled versions one process keeps; a form of 300 questions takes about 2 MB."""
LIST_ENDINGS = (".csv", ".geojson", ".xml")

Row = Mapping[str, str]
ServedList = Callable[[UUID, list[str]], Awaitable[Sequence[Row]]]
"""Bureau and the names that were chosen → the rows of those names; a name that does not exist has none."""


class Published(Struct, frozen=True, kw_only=True):
    id: UUID
    bureau: UUID
    form: Form
    compiled: CompiledForm
    plain: PlainCheck | None
    """For a form without rules: reads answers that fit in one step, and leaves all others to `evaluate`."""
    lists: dict[str, Table]
    """Rows of the list files published with the version, by list."""
    served: dict[str, str]
    """List → name under which `serve_list` knows it, for files that the product itself provides."""


_kept: OrderedDict[tuple[UUID, str, str], Published] = OrderedDict()
_served: dict[str, ServedList] = {}


def serve_list(file_name: str, rows_of: ServedList) -> None:
    """Lets forms choose from something the product knows (`enterprises.csv`); such a file need not be published with them."""
    _served[file_name] = rows_of


async def load_version(bureau: UUID, form_id: str, version: str) -> Published | None:
    """A version under its names, compiled; None if this bureau never published it."""
    key = (bureau, form_id, version)
    found = _kept.get(key)
    if found is None:
        row = await FormVersion.objects().get(
            (FormVersion.bureau == bureau) & (FormVersion.form_id == form_id) & (FormVersion.version == version)
        )
        if row is None:
            return None
        found = await _prepare(row)
        _kept[key] = found
        if len(_kept) > KEPT_MAX:
            _kept.popitem(last=False)
    else:
        _kept.move_to_end(key)
    return found


async def _prepare(version: FormVersion) -> Published:
    form = msgspec.json.decode(version.definition, type=Form)
    media = await FormMedia.objects().where(FormMedia.form_version == version.id)
    tables = _read_lists(media)
    lists = {name.rpartition(".")[0]: table for name, table in tables.items()}
    served = {}
    for chosen in form.lists.values():
        if chosen.file in tables:
            lists[chosen.name] = tables[chosen.file]
        elif chosen.file in _served:
            served[chosen.name] = chosen.file
    return Published(
        id=version.id,
        bureau=version.bureau,
        form=form,
        compiled=compile_form(form),
        plain=plain_check(form),
        lists=lists,
        served=served,
    )


def _read_lists(media: Iterable[FormMedia]) -> dict[str, Table]:
    """The list files among these, by file name. One that cannot be read is left out: what asks it is not re-checked."""
    tables = {}
    for one in media:
        if one.name.endswith(LIST_ENDINGS):
            with suppress(UnreadableList):
                tables[one.name] = Table(read_rows(one.name, one.content))
    return tables


async def lists_for(published: Published, answers: Sequence[Any]) -> dict[str, Table]:
    """The lists that evaluating these answers needs: published ones whole, of served ones the rows that were chosen."""
    if not published.served:
        return published.lists
    lists = dict(published.lists)
    for name, file_name in published.served.items():
        chosen: set[str] = set()
        for path in _paths_of(published.form, name):
            for one in answers:
                _collect(one, path, chosen)
        lists[name] = Table(await _served[file_name](published.bureau, sorted(chosen)) if chosen else [])
    return lists


def _paths_of(form: Form, list_name: str) -> list[tuple[str, ...]]:
    return [question.path for question in questions(form.children) if question.list_name == list_name]


def _collect(value: Any, path: tuple[str, ...], into: set[str]) -> None:
    """Every text recorded at a path, through repeats and multiple choices."""
    if isinstance(value, list):
        for one in value:
            _collect(one, path, into)
    elif path:
        if isinstance(value, dict):
            _collect(value.get(path[0]), path[1:], into)
    elif isinstance(value, str) and value:
        into.add(value)
