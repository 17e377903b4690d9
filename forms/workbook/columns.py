"""What a header means: XLSForm's columns under all their names, languages after `::`, and our own `qf::` columns."""

from __future__ import annotations

import re
from difflib import get_close_matches

from msgspec import Struct

DEFAULT = "default"
"""The language of texts whose header names none, when the workbook has no default language."""

_SURVEY = {
    "type": "command",
    "name": "tag value",
    "label": "caption",
    "hint": "",
    "guidance_hint": "",
    "appearance": "control::appearance body::appearance",
    "required": "bind::required",
    "required_message": "requiredmsg jr:requiredmsg bind::jr:requiredmsg",
    "relevant": "relevance bind::relevant",
    "constraint": "bind::constraint",
    "constraint_message": "constraining_message jr:constraintmsg bind::jr:constraintmsg",
    "calculation": "calculate bind::calculate",
    "read_only": "readonly bind::readonly",
    "default": "",
    "trigger": "",
    "choice_filter": "",
    "parameters": "",
    "repeat_count": "count jr:count control::jr:count body::jr:count",
    "image": "media::image",
    "big-image": "media::big-image",
    "audio": "media::audio",
    "video": "media::video",
    "save_to": "bind::entities:saveto",
    "disabled": "",
    "autoplay": "control::autoplay body::autoplay",
    "intent": "body::intent control::intent",
    "noapperrorstring": "no_app_error_string bind::jr:noapperrorstring",
    "rows": "control::rows body::rows",
}
_CHOICES = {
    "list_name": "list name",
    "name": "value",
    "label": "caption",
    "image": "media::image",
    "big-image": "media::big-image",
    "audio": "media::audio",
    "video": "media::video",
}
_SETTINGS = {
    "form_title": "title set_form_title",
    "form_id": "id_string set_form_id",
    "version": "",
    "default_language": "",
    "style": "",
    "instance_name": "",
    "allow_choice_duplicates": "",
    "public_key": "",
    "submission_url": "",
    "omit_instanceid": "",
    "instance_id": "",
    "name": "",
    "clean_text_values": "",
    "auto_send": "",
    "auto_delete": "",
    "client_editable": "",
    "namespaces": "",
    "instance_xmlns": "",
    "flat": "",
    "prefix": "",
    "delimiter": "",
    "sms_keyword": "",
    "sms_separator": "",
    "sms_allow_media": "",
    "sms_date_format": "",
    "sms_datetime_format": "",
    "sms_response": "",
}
_ENTITIES = {
    "list_name": "dataset list name",
    "label": "",
    "entity_id": "",
    "create_if": "",
    "update_if": "",
}
_QF_SURVEY = (
    *(f"{level}{number}" for level in ("verify", "advise") for number in ("", "2", "3", "4", "5")),
    *(f"{level}{number}_message" for level in ("verify", "advise") for number in ("", "2", "3", "4", "5")),
    "pii",
    "secret",
    "prefill",
    "unit",
    "export",
)
_QF_SETTINGS = (
    "title",
    "number",
    "issued_by",
    "approved_by",
    "approval_number",
    "valid_until",
    "notice",
    "photo_place",
)


def _by_header(columns: dict[str, str], own: tuple[str, ...]) -> dict[str, str]:
    known = {name: name for name in columns} | {f"qf::{name}": f"qf::{name}" for name in own}
    for name, others in columns.items():
        known |= {other: name for other in (["list name"] if "list name" in others else [])}
        known |= {other: name for other in others.replace("list name", "").split()}
    return known


KNOWN = {
    "survey": _by_header(_SURVEY, _QF_SURVEY),
    "choices": _by_header(_CHOICES, ()),
    "external_choices": _by_header(_CHOICES, ()),
    "settings": _by_header(_SETTINGS, _QF_SETTINGS),
    "entities": _by_header(_ENTITIES, ()),
}
"""Sheet → header in lower case → our name of the column."""
TRANSLATED = {
    *("label", "hint", "guidance_hint", "constraint_message", "required_message"),
    *("image", "big-image", "audio", "video", "autoplay", "qf::title", "qf::notice"),
    *(f"qf::{name}" for name in _QF_SURVEY if name.endswith("_message")),
}
PASSED_ON = ("bind::", "control::", "body::", "instance::", "sms_", "compact_", "attribute::")
"""Headers that only shape the XForm: pyxform writes them, we have nothing to evaluate in them."""


class Column(Struct, frozen=True):
    header: str
    """As the author wrote it."""
    key: str
    """Our name of the column; "" when we do not know it."""
    language: str = ""
    """Code of the language it is written in; "" when the header names none."""

    @property
    def is_ours(self) -> bool:
        return self.header.lower().replace(" ", "").startswith("qf:")


def read_columns(sheet: str, headers: tuple[str, ...]) -> list[Column]:
    """One `Column` per header, in order; empty headers are left out."""
    double = any("::" in header for header in headers)
    return [_read_column(sheet, header, double) for header in headers if header]


def _read_column(sheet: str, header: str, double: bool) -> Column:
    known = KNOWN[sheet]
    parts = [part.strip() for part in (header.split("::") if double else _split_single(header))]
    for taken in (3, 2, 1):
        if taken > len(parts):
            continue
        text = "::".join(parts[:taken]).lower()
        key = known.get(text) or known.get(text.replace(" ", "_")) or ""
        rest = "::".join(parts[taken:])
        if key and (not rest or key in TRANSLATED):
            return Column(header, key, language_code(rest) if rest else "")
    return Column(header, "")


def _split_single(header: str) -> list[str]:
    """The old way, `label:English`; `jr:` and the like are one word."""
    return re.split(r"(?<!jr)(?<!orx)(?<!odk)(?<!entities):", header)


_CODE = re.compile(r"\(([A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*)\)\s*$")
_NAMED = {
    "zh": "中文 汉语 简体中文 chinese zh 简体 普通话",
    "en": "英文 英语 english en",
}


def language_code(name: str) -> str:
    """`中文 (zh)` → `zh`. A language without a code keeps its name, except the two that this house speaks."""
    if match := _CODE.search(name):
        return match.group(1)
    for code, names in _NAMED.items():
        if name.strip().lower() in names.split():
            return code
    return name.strip()


def suggestion(sheet: str, header: str) -> str:
    """The known column that looks most like `header`, or nothing."""
    near = get_close_matches(header.lower(), KNOWN[sheet], n=1, cutoff=0.75)
    return near[0] if near else ""
