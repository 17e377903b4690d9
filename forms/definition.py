"""What a questionnaire is: the whole vocabulary, as frozen values that travel as JSON.

A `Form` is one published version. Python (`forms/evaluate.py`) and the phone read the same JSON, so nothing here may
need a database, a clock or a network. Answers to a form are nested JSON: one key per question name, a dict per group, a
list of dicts per repeat (each row may carry `"_id"`, a UUID the phone made). Values by type:

text, note, barcode, date, time, dateTime, geo*  → str (ISO 8601 dates)
integer → int · decimal → int | float · boolean-like selects → the choice's name
select_one, rank… → str / list[str] (`select_multiple` and `rank` are lists of choice names)
photo, audio, video, file, signature → str, the attachment's file name
An absent key and `null` both mean "not answered".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from forms.expression import Node

Texts = dict[str, str]
"""Language code (`zh`, `en`; `default` if the workbook names none) → text. May hold `${name}` (see `Form.outputs`)."""

Level = Literal["error", "verify", "advise"]
"""error: must be fixed · verify (`qf::verify`): may be kept with a written reason · advise (`qf::advise`): a hint."""


class Source(Struct, frozen=True):
    """Where in the workbook something was written; rows count from 1 as a spreadsheet shows them."""

    sheet: str
    row: int
    column: str = ""


class Expression(Struct, frozen=True):
    """One XLSForm expression: the text the author wrote and the tree we evaluate."""

    text: str
    tree: Node


class Check(Struct, frozen=True, kw_only=True):
    """A rule about one answer. `test` must be true; it is asked only when the question is answered."""

    level: Level
    test: Expression
    message: Texts = {}


class Question(Struct, frozen=True, kw_only=True, tag_field="kind", tag="question", omit_defaults=True):
    """One question, note or calculation. `path` is the chain of names from the root: ("money", "amount")."""

    name: str
    path: tuple[str, ...]
    type: str
    """The XLSForm type without its list: text, integer, decimal, range, select_one, select_multiple, rank, note, date,
    time, dateTime, geopoint, geotrace, geoshape, photo, audio, video, file, signature, barcode, acknowledge, calculate,
    hidden, background-audio, csv-external, xml-external, start, end, today, deviceid, username, email, phonenumber,
    audit …"""
    source: Source
    label: Texts = {}
    hint: Texts = {}
    guidance: Texts = {}
    media: dict[str, Texts] = {}
    """image, audio, video, big-image → language → file name."""
    appearance: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    read_only: bool = False
    relevant: Expression | None = None
    required: Expression | None = None
    required_message: Texts = {}
    checks: tuple[Check, ...] = ()
    calculation: Expression | None = None
    trigger: str | None = None
    """Name of the question whose change fires `calculation` (`trigger` column); without it it always holds."""
    default: str | None = None
    """A fixed first value, as text in the XForm's own spelling."""
    default_expression: Expression | None = None
    """A first value that is computed once, when the record or the repeat row is made."""
    list_name: str | None = None
    """Which of `Form.lists` the choices come from."""
    choice_filter: Expression | None = None
    or_other: bool = False
    randomize: bool = False
    save_to: str | None = None
    """Entity property this answer is saved to."""
    pii: Literal["none", "personal", "sensitive"] = "none"
    secret: Literal["none", "business"] = "none"  # noqa: S105 — business secrecy of an answer, not a password
    prefill: str | None = None
    """`registry:<field>`, `last:<question>` or `const:<text>`: where a first value comes from (`qf::prefill`)."""
    unit: str | None = None
    """Unit of a number for people and exports, e.g. 万元 (`qf::unit`)."""
    export_name: str | None = None


class Group(Struct, frozen=True, kw_only=True, tag_field="kind", tag="group", omit_defaults=True):
    name: str
    path: tuple[str, ...]
    source: Source
    children: tuple[Question | Group | Repeat, ...] = ()
    label: Texts = {}
    appearance: tuple[str, ...] = ()
    relevant: Expression | None = None


class Repeat(Struct, frozen=True, kw_only=True, tag_field="kind", tag="repeat", omit_defaults=True):
    name: str
    path: tuple[str, ...]
    source: Source
    children: tuple[Question | Group | Repeat, ...] = ()
    label: Texts = {}
    appearance: tuple[str, ...] = ()
    relevant: Expression | None = None
    count: Expression | None = None
    """Number of rows when the author fixed it (`repeat_count`); otherwise people add rows."""


Item = Question | Group | Repeat


class Choice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    label: Texts = {}
    media: dict[str, Texts] = {}
    extra: dict[str, str] = {}
    """The list's own columns, which choice filters and `instance()` read."""


class ChoiceList(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A list of choices. `file` names the attachment it is read from (`select_one_from_file`); then `choices` is empty
    and the rows come to `evaluate` as `lists[name]`."""

    name: str
    choices: tuple[Choice, ...] = ()
    file: str | None = None
    value_column: str = "name"
    label_column: str = "label"


class EntityDeclaration(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the `entities` sheet. `repeat`: path of the repeat that makes one entity per row, () for the form."""

    dataset: str
    source: Source
    repeat: tuple[str, ...] = ()
    label: Expression | None = None
    entity_id: Expression | None = None
    create_if: Expression | None = None
    update_if: Expression | None = None
    properties: dict[str, tuple[str, ...]] = {}
    """Property → path of the question saved to it."""


class LegalHeader(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a lawful statistical form shows: 表号, 制定机关, 批准/备案机关, 文号, 有效期至 (ISO date, last day)."""

    number: str = ""
    issued_by: str = ""
    approved_by: str = ""
    approval_number: str = ""
    valid_until: str = ""
    notice: Texts = {}
    """What people are told before the first question (purpose, retention, rights)."""


class Form(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of one questionnaire, complete."""

    id: str
    version: str
    title: Texts
    children: tuple[Item, ...]
    languages: tuple[str, ...] = ("default",)
    default_language: str = "default"
    lists: dict[str, ChoiceList] = {}
    entities: tuple[EntityDeclaration, ...] = ()
    header: LegalHeader | None = None
    instance_name: Expression | None = None
    style: str = ""
    photo_place: Literal["keep", "remove"] = "keep"
    """Whether the place where a photo was taken stays in the photo (`qf::photo_place` on `settings`)."""
    attachments: tuple[str, ...] = ()
    """File names the form needs beside it (media, csv, geojson, xml)."""
    outputs: dict[str, Expression] = {}
    """`${…}` as written inside labels, hints and messages → the expression it stands for."""


def questions(items: tuple[Item, ...]) -> Iterator[Question]:
    """Every question below `items`, in the order of the workbook."""
    for item in items:
        if isinstance(item, Question):
            yield item
        else:
            yield from questions(item.children)
