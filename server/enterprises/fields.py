"""What a dossier consists of, field by field: canonical values, the words people write for them, and how a name is read. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from server.enterprises import credit_code

TEXT_FIELDS = ("credit_code", "name", "status", "region", "industry", "address", "tier", "size")
CONTACT_FIELDS = ("contact_name", "contact_post", "contact_phone")
FIELDS = (*TEXT_FIELDS, "tags", *CONTACT_FIELDS)
"""Everything else is a fact: kept in the dossier under its own name."""
FACTS = (
    "registered_on",
    "registration_number",
    "registered_capital",
    "legal_person",
    "enterprise_type",
    "produce_region",
    "operate_state",
    "staff",
    "revenue",
    "total_assets",
    "main_product",
    "website",
    "remark",
)
"""The facts every dossier has a place for, in lists and on phones; a desk may add others. `legal_person` is personal data."""
PERSONAL = frozenset({*CONTACT_FIELDS, "legal_person"})
DESK_ONLY = frozenset({"credit_code", "tier"})
"""What a phone may not patch: who a firm is, and what it was recognised as."""
FACT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
LENGTH_MAX = {"name": 200, "address": 500, "contact_name": 64, "contact_post": 64, "contact_phone": 32}
LENGTH_MAX_OTHER = 64
TAGS_MAX = 50
TAG_SIGNS = re.compile(r"[、,，;；|\s]+")
"""What stands between tags, and so in none of them."""
FACTS_MAX = 200
FACT_CHARACTERS_MAX = 4096

STATUS_WORDS: dict[str, tuple[str, ...]] = {
    "active": (
        "在业",
        "存续",
        "开业",
        "正常",
        "在营",
        "正常经营",
        "在营(开业)企业",
        "存续(在营、开业、在册)",
        "active",
    ),
    "suspended": ("停业", "歇业", "停产", "停产停业", "suspended"),
    "revoked": ("吊销", "吊销,未注销", "revoked"),
    "closed": ("注销", "已注销", "closed"),
    "moved": ("迁出", "已迁出", "搬迁", "moved"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "large": ("大型", "大型企业", "大", "large"),
    "medium": ("中型", "中型企业", "中", "medium"),
    "small": ("小型", "小型企业", "小", "small"),
    "micro": ("微型", "微型企业", "微", "micro"),
}
TIER_WORDS: dict[str, tuple[str, ...]] = {
    "": ("无", "none", "-"),
    "innovative": ("创新型", "创新型中小企业", "innovative"),
    "specialised": ("专精特新", "专精特新中小企业", "specialised", "specialized"),
    "little_giant": ("小巨人", "专精特新小巨人", "专精特新“小巨人”", "专精特新“小巨人”企业", "little_giant"),
    "champion": ("单项冠军", "制造业单项冠军", "champion"),
}


def _meanings(words: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {_folded(word): value for value, spellings in words.items() for word in spellings}


def _folded(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).lower()


_STATUS, _SIZE, _TIER = _meanings(STATUS_WORDS), _meanings(SIZE_WORDS), _meanings(TIER_WORDS)
_REGION = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?\Z")
_INDUSTRY = re.compile(r"[A-T](?:[0-9]{2,4})?\Z|[0-9]{2,4}\Z")
_PHONE = re.compile(r"\+?[0-9][0-9\- ()转,;/]{4,31}\Z")


class Misfit(Struct, frozen=True):
    """Why a value cannot stand in a field."""

    field: str
    value: str
    zh: str
    en: str


def tidy(text: str) -> str:
    """One line, no outer blanks; full-width letters, digits and blanks narrowed, Chinese punctuation left alone."""
    return re.sub(r"\s+", " ", text.translate(_NARROW)).strip() if _UNTIDY.search(text) else text


_NARROW = {0x3000: " ", 0xFEFF: "", 0x200B: "", 0xA0: " "} | {
    wide: wide - 0xFEE0 for wide in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}


_UNTIDY = re.compile(f"[\\s{''.join(map(chr, _NARROW))}]")


def read_field(field: str, value: str) -> tuple[str, Misfit | None]:
    """The canonical value of what a person wrote, tidied, in a text or contact field; empty text stays empty."""
    if not value:
        return "", None
    reader = _READERS.get(field)
    if reader is not None:
        return reader(field, value)
    return _within_length(field, value)


def _within_length(field: str, value: str) -> tuple[str, Misfit | None]:
    most = LENGTH_MAX.get(field, LENGTH_MAX_OTHER)
    if len(value) > most:
        return value, Misfit(field, value[:40], f"最多 {most} 个字", f"at most {most} characters")
    return value, None


def _read_code(field: str, value: str) -> tuple[str, Misfit | None]:
    code = credit_code.normalise(value)
    fault = credit_code.explain(code)
    return code, None if fault is None else Misfit(field, code[:40], fault.zh, fault.en)


@lru_cache(maxsize=512)
def _read_status(field: str, value: str) -> tuple[str, Misfit | None]:
    return _chosen(field, value, _STATUS, STATUS_WORDS)


@lru_cache(maxsize=512)
def _read_size(field: str, value: str) -> tuple[str, Misfit | None]:
    return _chosen(field, value, _SIZE, SIZE_WORDS)


def _chosen(
    field: str, value: str, known: Mapping[str, str], words: Mapping[str, tuple[str, ...]]
) -> tuple[str, Misfit | None]:
    meaning = known.get(_folded(value))
    if meaning is not None:
        return meaning, None
    zh = "、".join(spellings[0] for spellings in words.values())
    return value, Misfit(field, value[:40], f"应为:{zh}", f"should be one of: {', '.join(words)}")


@lru_cache(maxsize=2048)
def _read_tier(field: str, value: str) -> tuple[str, Misfit | None]:
    """The ladder is the bureau's own: a rung we do not know stays as it was written."""
    meaning = _TIER.get(_folded(value))
    return (meaning, None) if meaning is not None else _within_length(field, value)


@lru_cache(maxsize=2048)
def _read_region(field: str, value: str) -> tuple[str, Misfit | None]:
    """Any well-formed code is taken: places are founded, renamed and dissolved every year."""
    if _REGION.match(value):
        return value, None
    return value, Misfit(
        field, value[:40], "应为 6、9 或 12 位行政区划代码", "should be a region code of 6, 9 or 12 digits"
    )


@lru_cache(maxsize=2048)
def _read_industry(field: str, value: str) -> tuple[str, Misfit | None]:
    code = value.upper()
    if _INDUSTRY.match(code):
        return code, None
    return value, Misfit(
        field,
        value[:40],
        "应为 GB/T 4754 行业代码,如 C39 或 3912",
        "should be an industry code of GB/T 4754, such as C39 or 3912",
    )


def _read_phone(field: str, value: str) -> tuple[str, Misfit | None]:
    if _PHONE.match(value):
        return value, None
    return value, Misfit(field, value[:40], "不是电话号码", "not a telephone number")


_READERS: dict[str, Callable[[str, str], tuple[str, Misfit | None]]] = {
    "credit_code": _read_code,
    "status": _read_status,
    "size": _read_size,
    "tier": _read_tier,
    "region": _read_region,
    "industry": _read_industry,
    "contact_phone": _read_phone,
}


def read_tags(texts: Iterable[str]) -> tuple[list[str], Misfit | None]:
    """The tags in some texts, each once; a sign between two makes two of them."""
    tags = sorted({tag for text in texts for tag in TAG_SIGNS.split(tidy(text)) if tag})
    long = next((tag for tag in tags if len(tag) > LENGTH_MAX_OTHER), "")
    if long or len(tags) > TAGS_MAX:
        zh = f"最多 {TAGS_MAX} 个标签,每个最多 {LENGTH_MAX_OTHER} 个字"
        return [], Misfit("tags", long[:40], zh, f"at most {TAGS_MAX} tags of {LENGTH_MAX_OTHER} characters each")
    return tags, None


def read_value(field: str, value: Any) -> tuple[Any, Misfit | None]:
    """The canonical value of what a program sent: text for most fields, a list for `tags`, any small JSON for a fact."""
    if field == "tags":
        if not isinstance(value, list | tuple) or len(value) > TAGS_MAX or not all(isinstance(x, str) for x in value):
            return [], Misfit(
                field, "", f"应为不超过 {TAGS_MAX} 个词的列表", f"should be a list of at most {TAGS_MAX} words"
            )
        return read_tags(value)
    if field in FIELDS:
        if not isinstance(value, str):
            return "", Misfit(field, str(value)[:40], "应为文本", "should be text")
        if field in ("name", "status") and not tidy(value):
            return "", Misfit(field, "", "不能为空", "may not be empty")
        return read_field(field, tidy(value))
    if not FACT_NAME.match(field):
        return value, Misfit(
            field[:40], "", "字段名应为小写字母、数字和下划线", "field names are small letters, digits and underscores"
        )
    if len(str(value)) > FACT_CHARACTERS_MAX:
        return value, Misfit(field, str(value)[:40], "内容过长", "too long")
    return value, None


def pinyin_of(name: str) -> str:
    """Initials, a blank, the whole reading, so that `nchm` and `nanchanghong` both find 南昌鸿铭."""
    from pypinyin.seg import mmseg  # its dictionary takes 0.3 s to load; most commands read no name

    written = unicodedata.normalize("NFKC", name).lower()
    initials, words = [], []
    for word in mmseg.seg.cut(written):
        initial, whole = _reading_of(word)
        initials.append(initial)
        words.append(whole)
    return f"{''.join(initials)} {''.join(words)}".strip()


@lru_cache(maxsize=65536)
def _reading_of(word: str) -> tuple[str, str]:
    """Names are made of the same words again and again; reading one takes longer than all else an import does with its line."""
    import pypinyin

    initials, whole = "", ""
    for syllable in pypinyin.lazy_pinyin(word):
        plain = re.sub(r"[^a-z0-9]", "", syllable)
        initials += plain if syllable in word else plain[:1]
        whole += plain
    return initials, whole


def mask_phone(phone: str) -> str:
    """The first three and last four digits: enough to recognise a number one knows. A short one is hidden whole."""
    return f"{phone[:3]}{'*' * (len(phone) - 7)}{phone[-4:]}" if len(phone) >= 9 else "*" * len(phone)
