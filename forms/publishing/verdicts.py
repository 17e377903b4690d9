"""What pyxform says, as complaints of ours: with the sheet and row it names, and in Chinese where we know the matter."""

from __future__ import annotations

import re

from forms.complaint import Complaint
from forms.definition import Source

_ROW = re.compile(r"\[row\s*:\s*(\d+)\]\s*")
_SHEET = re.compile(r"On the '(\w+)' sheet, (?:the '([^']+)' value is \w+\.|the entity declaration is invalid\.|)\s*")
_KNOWN: tuple[tuple[str, str, str], ...] = (
    ("Reference variables must start with", "form.bad_reference", "对题目的引用写得不对，应为 ${题名}"),
    ("Could not find the name", "form.unknown_question", "引用的题目不存在"),
    ("appears more than once", "form.ambiguous_reference", "引用的题名在表单里不止一个，无法确定是哪一题"),
    ("'range' question type", "form.bad_range", "range 题的参数不对"),
    ("accepted parameter keys", "form.bad_parameters", "这种题型没有这个参数"),
    ("Parameters must be in the form", "form.bad_parameters", "参数要写成 名称=值"),
    ("save_to", "form.bad_save_to", "save_to 写得不对"),
    ("entity declaration is invalid", "form.bad_entity", "实体声明不对"),
    ("On the 'entities' sheet", "form.bad_entity", "实体声明不对"),
    ("Names must begin with a letter", "form.bad_name", "名称只能以字母、汉字或 _ 开头"),
    ("Choice names must be unique", "form.choice_twice", "清单里有重复的选项值"),
    ("Choices must have a name", "form.choice_name_missing", "选项没有值"),
    ("must be unique", "form.name_twice", "名称重复"),
    ("List name not in", "form.unknown_list", "没有这个清单"),
    ("Unknown question type", "form.unknown_type", "没有这种题型"),
    ("Unmatched 'end_", "form.end_without_begin", "end 没有对应的 begin"),
    ("Unmatched 'begin_", "form.begin_without_end", "begin 没有对应的 end"),
    ("table list", "form.bad_table_list", "table-list 里的各题必须用同一个清单"),
    ("reference-geometry", "form.bad_parameters", "reference-geometry 要写清单名或循环的题名"),
    ("circular", "form.cycle", "计算互相引用，形成循环"),
)
_QUIET = ("max-pixels", "has no label", "missing the", "without name, text, or label", "'disabled' column")
"""Warnings of pyxform that ours already say better, or that do not matter here."""


def refusal(text: str) -> list[Complaint]:
    """pyxform stops at its first error, but some errors name several rows, one a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    several = lines if len(lines) > 1 and all(_ROW.match(line) for line in lines) else [text.strip()]
    return [_complaint(one, "form.refused_by_pyxform", "表单转换工具拒绝了工作簿") for one in several]


def warnings(texts: list[str]) -> list[Complaint]:
    kept = [text for text in texts if not any(quiet in text for quiet in _QUIET)]
    return [_complaint(text, "form.doubted_by_pyxform", "表单转换工具提示") for text in kept]


def _complaint(text: str, code: str, zh: str) -> Complaint:
    row = _ROW.search(text)
    sheet = _SHEET.search(text)
    for part, known_code, known_zh in _KNOWN:
        if part in text:
            code, zh = known_code, known_zh
            break
    said = _SHEET.sub("", _ROW.sub("", text)).strip()
    return Complaint(
        code=code,
        where=Source(
            sheet=sheet[1] if sheet else ("survey" if row else ""),
            row=int(row[1]) if row else 0,
            column=(sheet[2] or "") if sheet else "",
        ),
        zh=f"{zh}（{said}）",
        en=said,
    )
