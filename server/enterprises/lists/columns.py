"""What the columns of a list mean, in the words offices use, and a row of text as fields that fit or do not. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from msgspec import Struct

from server.enterprises import credit_code
from server.enterprises.fields import FACTS, FIELDS, Misfit, read_field, read_tags, tidy
from server.enterprises.lists.spreadsheet import FORMULA_ERRORS, Sheet
from server.refusals import refusal

TEMPORARY, COMMISSIONER = "temporary_id", "commissioner"
WORDS: dict[str, tuple[str, ...]] = {
    "credit_code": (
        "统一社会信用代码",
        "社会信用代码",
        "信用代码",
        "统一信用代码",
        "统一代码",
        "机构代码",
        "usci",
        "uscc",
        "code",
    ),
    "name": ("企业名称", "单位名称", "名称", "企业", "公司名称", "单位详细名称", "机构名称", "enterprise", "company"),
    TEMPORARY: ("临时编号", "临时代码", "temporary code"),
    "status": ("登记状态", "经营状态", "企业状态", "状态", "存续状态"),
    "region": ("行政区划代码", "区划代码", "行政区划", "地区代码", "注册地区划代码", "region code"),
    "industry": ("行业代码", "国民经济行业代码", "行业", "所属行业", "国民经济行业", "industry code"),
    "address": ("地址", "注册地址", "详细地址", "企业地址", "住所", "经营地址", "通讯地址"),
    "tier": ("梯度", "培育梯度", "企业类别", "资质", "认定类型", "培育层级"),
    "size": ("企业规模", "规模", "划型"),
    "tags": ("标签", "标记", "分类标签"),
    "contact_name": ("联系人", "企业联系人", "联系人姓名", "联络员", "contact"),
    "contact_post": ("联系人职务", "职务", "post"),
    "contact_phone": ("联系电话", "联系人电话", "手机", "手机号", "手机号码", "电话", "联系方式", "phone", "mobile"),
    COMMISSIONER: ("服务专员", "专员", "特派员", "服务专员账号", "包联人员", "login"),
    "registered_on": ("成立日期", "注册日期", "成立时间", "注册时间"),
    "registration_number": ("注册号", "工商注册号", "营业执照注册号"),
    "registered_capital": ("注册资本", "注册资金"),
    "legal_person": ("法定代表人", "法人", "法人代表", "负责人"),
    "enterprise_type": ("企业类型", "登记注册类型", "市场主体类型"),
    "produce_region": ("生产地区划代码", "生产地"),
    "operate_state": ("生产经营状况",),
    "staff": ("从业人数", "从业人员", "从业人员数", "职工人数", "员工人数", "employees"),
    "revenue": ("营业收入", "年营业收入", "上年营业收入", "主营业务收入"),
    "total_assets": ("资产总额", "总资产"),
    "main_product": ("主导产品", "主营产品", "主要产品"),
    "website": ("网址", "网站", "官网"),
    "remark": ("备注", "说明"),
}


def _folded(header: str) -> str:
    return re.sub(r"[\s*::_\-\"'“”]", "", unicodedata.normalize("NFKC", header)).lower()


_FIELDS = {_folded(word): field for field, words in WORDS.items() for word in (field, *words)}


class Columns(Struct, frozen=True):
    fields: dict[int, str]
    headers: dict[str, str]
    """Field → the header as it stands in the file."""
    ignored: list[str]


class Line(Struct, frozen=True):
    """One row of the list. Empty cells are missing from `values`: a list says what it knows, silence erases nothing."""

    number: int
    values: dict[str, str]
    misfits: list[Misfit]


def field_of(header: str) -> str | None:
    """`营业收入(万元)` and `*联系人` are read like 营业收入 and 联系人."""
    folded = _folded(header)
    return _FIELDS.get(folded) or _FIELDS.get(re.sub(r"[(\[【].*?[)\]】]", "", folded))


def read_columns(header: list[str]) -> Columns:
    """Raises `import.no_header` without a name or a code among them, `import.column_twice`."""
    fields: dict[int, str] = {}
    headers: dict[str, str] = {}
    ignored = []
    for place, title in enumerate(header):
        field = field_of(title) if title else None
        if field is None:
            if title:
                ignored.append(title[:100])
        elif field in headers:
            raise refusal("import.column_twice", first=headers[field], second=title, field=field)
        else:
            fields[place], headers[field] = field, title
    if not {"name", "credit_code"} & headers.keys():
        found = "、".join(title for title in header if title)[:200]
        raise refusal("import.no_header", found=found or "-")
    return Columns(fields, headers, ignored)


def read_lines(sheet: Sheet, columns: Columns, rows_max: int) -> Iterator[Line]:
    """Raises `import.too_many_rows` before anything of a list that is too long is used."""
    for count, (number, cells) in enumerate(sheet.rows, 1):
        if count > rows_max:
            raise refusal("import.too_many_rows", limit=rows_max)
        yield read_line(number, cells, columns)


def read_line(number: int, cells: list[str], columns: Columns) -> Line:
    values: dict[str, str] = {}
    misfits: list[Misfit] = []
    for place, field in columns.fields.items():
        written = cells[place] if place < len(cells) else ""
        if not written or not written.strip():
            continue
        value, misfit = _read_cell(field, written)
        if misfit is not None:
            misfits.append(misfit)
        if value:
            values[field] = value
    if "name" not in values and "credit_code" not in values and TEMPORARY not in values and not misfits:
        misfits.append(Misfit("name", "", "既没有企业名称,也没有信用代码", "there is neither a name nor a credit code"))
    return Line(number, values, misfits)


def _read_cell(field: str, written: str) -> tuple[str, Misfit | None]:
    value = tidy(written)
    if value in FORMULA_ERRORS:
        return "", Misfit(field, value, "公式出错", "the formula gives an error")
    if field == "credit_code" and credit_code.is_temporary(credit_code.normalise(value)):
        return "", Misfit(
            field, value, "临时编号请放在“临时编号”列", "a temporary id belongs into the column 临时编号 (temporary_id)"
        )
    if field == TEMPORARY:
        temporary = credit_code.normalise(value)
        fits = credit_code.is_temporary(temporary)
        return temporary, None if fits else Misfit(field, value[:40], "不是临时编号", "not a temporary id")
    if field == "tags":
        tags, misfit = read_tags([value])
        return "、".join(tags), misfit
    if field in FIELDS:
        return read_field(field, value)
    if field in FACTS and len(value) > 2000:
        return "", Misfit(field, value[:40], "最多 2000 个字", "at most 2000 characters")
    return value, None
