"""The `settings` sheet: what the form is called, its version, and the legal header that a lawful survey shows."""

from __future__ import annotations

import datetime
import re
from typing import Literal

from msgspec import Struct

from forms.definition import Expression, LegalHeader, Source, Texts
from forms.workbook.lines import YES, Findings, Line, SheetLines

MAX_ID = 249
"""Characters of a form id and of a version: what ODK Central stores."""
_ID = re.compile(r"[^\s/\\\x00-\x1f]+")
_REFUSED = {
    "public_key": (
        "加密的答案服务器读不了，不能检查也不能分派",
        "encrypted answers cannot be read, checked or passed on by the server",
    ),
    "submission_url": (
        "答案只交回下发表单的服务器",
        "answers go back to the server that gave the form",
    ),
}


class Settings(Struct, frozen=True):
    id: str = ""
    version: str = ""
    title: Texts = {}
    style: str = ""
    photo_place: Literal["keep", "remove"] = "keep"
    instance_name: Expression | None = None
    header: LegalHeader | None = None


def read_settings(settings: SheetLines, findings: Findings) -> Settings:
    """The first filled row of the sheet; complaints for what a published form cannot lack."""
    settings.check_headers()
    line = next(iter(settings), None)
    if line is None:
        findings.complain(
            "form.settings_missing",
            Source(sheet="settings", row=1),
            "没有 settings 表，或表是空的",
            "there is no settings sheet, or it is empty",
            "加 settings 表：form_id、version、form_title / add a settings sheet: form_id, version, form_title",
        )
        return Settings()
    for key, (zh, en) in _REFUSED.items():
        if line.get(key):
            line.complain(
                "form.refused_setting", key, f"不能写 {key}：{zh}", f"no {key} here: {en}", "删除 / delete it"
            )
    if line.get("omit_instanceid").lower() in YES:
        line.complain(
            "form.refused_setting",
            "omit_instanceid",
            "每条记录都要有编号",
            "every record needs its id",
            "删除 / delete it",
        )
    if line.get("name") not in ("", "data"):
        line.warn("form.name_setting", "name", "设置 name 不起作用，根元素总叫 data", "the root is always called data")
    return Settings(
        id=_identifier(line, "form_id", "visit_record"),
        version=_identifier(line, "version", "2026112101"),
        title=_title(line),
        style=line.get("style"),
        photo_place=_photo_place(line),
        instance_name=line.expression("instance_name"),
        header=_header(line),
    )


def _identifier(line: Line, key: str, example: str) -> str:
    text = line.get(key)
    if not text:
        line.complain("form.setting_missing", key, f"settings 表缺少 {key}", f"the settings lack {key}", example)
    elif len(text) > MAX_ID or not _ID.fullmatch(text):
        line.complain(
            "form.bad_setting",
            key,
            f"{key} 不能有空格或斜线，最多 {MAX_ID} 个字符",
            f"{key} takes no spaces or slashes and at most {MAX_ID} characters",
            example,
        )
    return text


def _title(line: Line) -> Texts:
    title = {line.sheet.default_language: line.get("form_title")} if line.get("form_title") else {}
    title |= line.texts("qf::title")
    if not title:
        line.warn(
            "form.title_missing", "form_title", "没有标题，用 form_id 代替", "no title: form_id stands in", "form_title"
        )
        return {line.sheet.default_language: line.get("form_id")}
    return title


def _photo_place(line: Line) -> Literal["keep", "remove"]:
    text = line.get("qf::photo_place").lower()
    if text not in ("", "keep", "remove"):
        line.complain(
            "form.bad_value",
            "qf::photo_place",
            f"不能写“{text}”",
            f"“{text}” is not possible here",
            "keep（保留）/ remove（去除）",
        )
    return "remove" if text == "remove" else "keep"


def _header(line: Line) -> LegalHeader | None:
    values = {name: line.get(f"qf::{name}") for name in ("number", "issued_by", "approved_by", "approval_number")}
    valid_until, notice = line.get("qf::valid_until"), line.texts("qf::notice")
    if valid_until and not _is_date(valid_until):
        line.complain(
            "form.bad_date",
            "qf::valid_until",
            f"“{valid_until}”不是日期",
            f"“{valid_until}” is not a date",
            "2026-12-31",
        )
        valid_until = ""
    if not any((*values.values(), valid_until, notice)):
        return None
    return LegalHeader(**values, valid_until=valid_until, notice=notice)


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
