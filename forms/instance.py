"""Answers ↔ instance XML, the form in which ODK Collect, KoboCollect and Enketo send a record.

Reading is forgiving where the clients differ (prefixes, namespaces, missing empty elements) and keeps what does not fit:
text where a number should be stays text, and elements the form does not know are named in `Submission.unknown`.
Sources: ODK XForms specification, "Instance" and "Metadata"; OpenRosa metadata schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from msgspec import Struct

from forms.definition import Form, Group, Item, Question, Repeat

Answers = dict[str, Any]
MAX_BYTES = 10 * 1024 * 1024
"""Of one record's XML, without its files. Real visit records have 2 to 40 KB."""
MAX_DEPTH = 64
MAX_ELEMENTS = 200_000
BINARY = frozenset({"photo", "signature", "audio", "background-audio", "video", "file", "audit"})
"""Types whose answer is the name of a file sent along."""
SEVERAL = frozenset({"select_multiple", "rank"})
_MADE_BY_PYXFORM = re.compile(r".+_count|generated_table_list_label_\d+|reserved_name_for_field_list_labels_\d+")


class InstanceRefused(ValueError):
    """XML that is no record of the form. `code` is stable, the sentences are for people."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.code = code
        self.zh = zh
        self.en = en


class EntityBlock(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a phone itself wrote about an entity: `<meta><entity dataset id create update baseVersion …/></meta>`."""

    dataset: str
    rows: tuple[int, ...] = ()
    """Index of the row in each repeat around it, outermost first; () for the record itself."""
    id: str = ""
    create: bool = False
    update: bool = False
    base_version: str = ""
    trunk_version: str = ""
    branch_id: str = ""
    label: str = ""


class Submission(Struct, frozen=True, kw_only=True):
    instance_id: str
    """As sent, mostly `uuid:` and a UUID; empty when the client gave none."""
    form_id: str
    version: str
    answers: Answers
    attachments: tuple[str, ...] = ()
    """Names of the files that the answers speak of, each once, in order."""
    meta: dict[str, str] = {}
    """Everything else in `<meta>`: instanceName, deprecatedID, timeStart …"""
    entities: tuple[EntityBlock, ...] = ()
    unknown: tuple[str, ...] = ()
    """Paths of filled elements that the form does not have."""


def parse_instance(form: Form, xml: bytes) -> Submission:
    """Raises `InstanceRefused`."""
    root = _read_xml(xml)
    if root.get("encrypted") == "yes":
        raise InstanceRefused("instance.encrypted", "记录是加密的，无法读取", "the record is encrypted")
    if root.get("id") != form.id:
        raise InstanceRefused(
            "instance.other_form",
            f"这是表单“{root.get('id', '')}”的记录，不是“{form.id}”的",
            f"this is a record of the form “{root.get('id', '')}”, not of “{form.id}”",
        )
    reader = _Reader()
    answers = reader.read_children(root, form.children, ())
    meta = reader.meta
    if "audit" in meta and any(isinstance(item, Question) and item.type == "audit" for item in form.children):
        answers["audit"] = meta.pop("audit")
        reader.files.append(answers["audit"])
    return Submission(
        instance_id=meta.pop("instanceID", ""),
        form_id=form.id,
        version=root.get("version", ""),
        answers=answers,
        attachments=tuple(dict.fromkeys(reader.files)),
        meta=meta,
        entities=tuple(reader.entities),
        unknown=tuple(reader.unknown),
    )


def _read_xml(xml: bytes) -> Element:
    """The root, with limits kept while reading: no document type, no entities, no bottomless nesting."""
    if len(xml) > MAX_BYTES:
        most = MAX_BYTES // 1024 // 1024
        raise InstanceRefused("instance.too_large", f"记录超过 {most} MiB", f"the record is larger than {most} MiB")
    depth = count = 0
    root: Element | None = None
    try:
        for event, element in iterparse(BytesIO(xml), events=("start", "end"), forbid_dtd=True):
            if event == "end":
                depth -= 1
                continue
            depth, count = depth + 1, count + 1
            root = element if root is None else root
            if depth > MAX_DEPTH or count > MAX_ELEMENTS:
                raise InstanceRefused(
                    "instance.too_deep", "记录的层次或元素太多", "the record nests too deep or is too long"
                )
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        if isinstance(error, InstanceRefused):
            raise
        raise InstanceRefused("instance.not_xml", "不是可读的 XML", f"not readable XML: {error}") from error
    if root is None:
        raise InstanceRefused("instance.not_xml", "不是可读的 XML", "not readable XML: nothing there")
    return root


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


class _Reader:
    def __init__(self) -> None:
        self.files: list[str] = []
        self.meta: dict[str, str] = {}
        self.entities: list[EntityBlock] = []
        self.unknown: list[str] = []

    def read_children(self, element: Element, items: tuple[Item, ...], rows: tuple[int, ...]) -> Answers:
        known = {item.name: item for item in items}
        answers: Answers = {}
        for child in element:
            name = _local(child.tag)
            item = known.get(name)
            if any(_local(attribute) == "template" for attribute in child.attrib):
                continue
            if item is None:
                self._read_other(child, name, rows)
            elif isinstance(item, Repeat):
                done = answers.setdefault(name, [])
                done.append(self.read_children(child, item.children, (*rows, len(done))))
            elif isinstance(item, Group):
                if inside := self.read_children(child, item.children, rows):
                    answers[name] = inside
            elif (value := self._value(child, item)) is not None:
                answers[name] = value
        return answers

    def _value(self, element: Element, question: Question) -> Any:
        text = element.text or ""
        if question.type in SEVERAL:
            return text.split() or None
        if not text.strip():
            return None
        if question.type in BINARY:
            self.files.append(text.strip())
            return text.strip()
        if question.type in ("integer", "decimal", "range"):
            return read_number(text.strip(), whole=question.type == "integer")
        return text if question.type in ("text", "note", "calculate", "hidden") else text.strip()

    def _read_other(self, element: Element, name: str, rows: tuple[int, ...]) -> None:
        if name == "meta":
            self._read_meta(element, rows)
        elif not _MADE_BY_PYXFORM.fullmatch(name):
            self.unknown += [f"{name}{path}" for path in _filled(element)]

    def _read_meta(self, element: Element, rows: tuple[int, ...]) -> None:
        for child in element:
            name = _local(child.tag)
            if name == "entity":
                self.entities.append(_entity_block(child, rows))
            elif not rows and (text := (child.text or "").strip()):
                self.meta[name] = text


def _filled(element: Element) -> Iterator[str]:
    if (element.text or "").strip():
        yield ""
    for child in element:
        for path in _filled(child):
            yield f"/{_local(child.tag)}{path}"


def _entity_block(element: Element, rows: tuple[int, ...]) -> EntityBlock:
    label = next((child.text or "" for child in element if _local(child.tag) == "label"), "")
    return EntityBlock(
        dataset=element.get("dataset", ""),
        rows=rows,
        id=element.get("id", "").strip().removeprefix("uuid:").lower(),
        create=element.get("create", "").strip() in ("1", "true"),
        update=element.get("update", "").strip() in ("1", "true"),
        base_version=element.get("baseVersion", "").strip(),
        trunk_version=element.get("trunkVersion", "").strip(),
        branch_id=element.get("branchId", "").strip(),
        label=label,
    )


_WHOLE = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def read_number(text: str, whole: bool = False) -> int | float | str:
    """The number that `text` spells, or `text` itself when it spells none: an answer that does not fit is kept."""
    if _WHOLE.fullmatch(text):
        return int(text)
    if whole or not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    return number if math.isfinite(number) else text


def write_instance(
    form: Form, answers: Mapping[str, Any], instance_id: str, meta: Mapping[str, str] | None = None
) -> bytes:
    """XML as ODK Collect would send it. Row ids (`_id`) and answers to questions the form lacks have no place in it."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<data xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms"',
        f' id="{_escape(form.id)}" version="{_escape(form.version)}">',
        *_written(form.children, answers),
        f"<meta><instanceID>{_escape(instance_id)}</instanceID>",
        *(f"<{name}>{_escape(value)}</{name}>" for name, value in (meta or {}).items()),
    ]
    if answers.get("audit") and any(isinstance(item, Question) and item.type == "audit" for item in form.children):
        parts.append(f"<audit>{_escape(str(answers['audit']))}</audit>")
    return "".join([*parts, "</meta></data>"]).encode()


def _written(items: tuple[Item, ...], answers: Mapping[str, Any]) -> Iterator[str]:
    for item in items:
        value = answers.get(item.name)
        if isinstance(item, Repeat):
            for row in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
                yield f"<{item.name}>"
                yield from _written(item.children, row if isinstance(row, Mapping) else {})
                yield f"</{item.name}>"
        elif isinstance(item, Group):
            yield f"<{item.name}>"
            yield from _written(item.children, value if isinstance(value, Mapping) else {})
            yield f"</{item.name}>"
        elif item.type != "audit":
            text = _escape(write_value(value))
            yield f"<{item.name}>{text}</{item.name}>" if text else f"<{item.name}/>"


def write_value(value: Any) -> str:
    """An answer as text: lists joined by spaces, numbers without an exponent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _decimal_text(value) if math.isfinite(value) else ""
    if isinstance(value, list | tuple):
        return " ".join(write_value(part) for part in value)
    return str(value)


def _decimal_text(value: float) -> str:
    """With a point always, so that a reader finds a decimal again."""
    text = f"{Decimal(repr(value)):f}"
    return text if "." in text else f"{text}.0"


_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})


def _escape(text: str) -> str:
    """Characters that XML cannot hold become U+FFFD; a carriage return is spelled out, or readers would drop it."""
    return _ILLEGAL.sub("\ufffd", text).translate(_ESCAPES)
