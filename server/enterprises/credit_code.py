"""统一社会信用代码 by GB 32100-2015, and the ids of firms that have none yet. Pure: no registry, no database."""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

SYMBOLS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""31 symbols worth 0…30; I, O, Z, S and V are left out because they read like 1, 0, 2, 5 and U."""
WEIGHTS = tuple(3**place % 31 for place in range(17))
LENGTH = 18

_VALUE = {symbol: value for value, symbol in enumerate(SYMBOLS)}
_PRODUCTS = [{symbol: value * weight for symbol, value in _VALUE.items()} for weight in (*WEIGHTS, 1)]
"""By position: what each symbol adds to the sum, which is a multiple of 31 for a right code."""
_INNER_VALUE = {symbol: value for value, symbol in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_INNER_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_AUTHORITIES = frozenset("159YAN")
"""机构编制, 民政, 工商, 其他, 中央军委, 农业. Others are allowed: the standard may grow, the sum still decides."""
_TEMPORARY = re.compile(r"T-[A-Z0-9]{1,32}-[0-9]{6,}\Z")
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?E\+?[0-9]{1,2}\Z")
_MISREAD = {"I": "1", "O": "0", "Z": "2", "S": "5", "V": "U"}


class Fault(Struct, frozen=True):
    """What is wrong with a code. `position` counts from 1; 0 speaks of the code as a whole."""

    reason: str
    """length, symbol, region, inner_check, check, scientific or registration_number."""
    position: int
    zh: str
    en: str


def normalise(text: str) -> str:
    """Capitals, half-width, without the spaces, hyphens, quotes and `=` that spreadsheets and people put in."""
    if len(text) == LENGTH and text.isascii() and text.isalnum() and text == text.upper():
        return text
    folded = unicodedata.normalize("NFKC", text).upper()
    if is_temporary(folded.strip()):
        return folded.strip()
    return re.sub(r"[\s\-_'\"`=\u200b\u2018\u2019\u201c\u201d\ufeff]", "", folded)


def check_symbol(code17: str) -> str:
    """The 18th symbol. The outer modulo matters: a sum divisible by 31 gives "0"."""
    return SYMBOLS[-sum(_VALUE[symbol] * weight for symbol, weight in zip(code17, WEIGHTS, strict=True)) % 31]


def inner_check_symbol(body8: str) -> str:
    """The 17th symbol, by GB 11714, over positions 9–16."""
    rest = 11 - sum(_INNER_VALUE[symbol] * weight for symbol, weight in zip(body8, _INNER_WEIGHTS, strict=True)) % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))


def compose(head8: str, body8: str) -> str:
    """A whole code from its first eight and the eight of the organisation, both check symbols added."""
    code17 = head8 + body8 + inner_check_symbol(body8)
    return code17 + check_symbol(code17)


def is_valid(code: str) -> bool:
    """For a normalised code; `explain` says why not."""
    if len(code) != LENGTH or not code.isascii() or not code[2:8].isdigit():
        return False
    try:
        return sum(map(dict.__getitem__, _PRODUCTS, code)) % 31 == 0
    except KeyError:
        return False


def explain(code: str) -> Fault | None:
    """The first thing wrong with a normalised code, or None. The inner check is not judged: old codes break it, see `explain_inner`."""
    if is_valid(code):
        return None
    if _SCIENTIFIC.match(code):
        return Fault(
            "scientific",
            0,
            "电子表格把代码变成了科学计数法,后面的位数已丢失;请把该列设为文本后重新填写",
            "the spreadsheet turned the code into scientific notation and lost its digits; format the column as text and fill it in again",
        )
    if len(code) == 15 and code.isdigit():
        return Fault(
            "registration_number",
            0,
            "这是旧的 15 位注册号,不是 18 位统一社会信用代码",
            "this is an old registration number of 15 digits, not a credit code of 18",
        )
    if len(code) != LENGTH:
        return Fault(
            "length", 0, f"应为 18 位,实为 {len(code)} 位", f"a credit code has 18 characters, this has {len(code)}"
        )
    for position, symbol in enumerate(code, 1):
        if symbol not in _VALUE:
            return _wrong_symbol(position, symbol)
    for position in range(3, 9):
        if not code[position - 1].isdigit():
            return Fault(
                "region",
                position,
                f"第 {position} 位应为数字(第 3–8 位是行政区划代码)",
                f"position {position} must be a digit (3–8 are the region code)",
            )
    return _wrong_check(code)


def explain_inner(code: str) -> Fault | None:
    """Advice only: whether the organisation code inside (positions 9–17) has its own check symbol right."""
    body, given = code[8:16], code[16]
    expected = inner_check_symbol(body)
    if given == expected:
        return None
    return Fault(
        "inner_check",
        17,
        f"第 17 位(组织机构代码校验位)应为 {expected},实为 {given}",
        f"position 17 (check symbol of the organisation code) should be {expected}, not {given}",
    )


def _wrong_symbol(position: int, symbol: str) -> Fault:
    meant = _MISREAD.get(symbol)
    hint_zh = f",可能是 {meant}" if meant else ""
    hint_en = f"; perhaps {meant} is meant" if meant else ""
    return Fault(
        "symbol",
        position,
        f"第 {position} 位的“{symbol}”不是代码字符(不用 I、O、Z、S、V){hint_zh}",
        f"“{symbol}” at position {position} is no symbol of a credit code (I, O, Z, S, V are not used){hint_en}",
    )


def _wrong_check(code: str) -> Fault:
    """Names the position when the inner check tells the two halves apart: which part was mistyped is then certain enough to say."""
    where_zh, where_en = "", ""
    inner = explain_inner(code)
    if inner is not None:
        where_zh, where_en = ",错误多半在第 9–17 位", "; the mistake is most likely in positions 9–17"
    elif code[0] not in _AUTHORITIES:
        where_zh, where_en = ",第 1 位也不常见", "; position 1 is unusual too"
    expected = check_symbol(code[:17])
    return Fault(
        "check",
        LENGTH,
        f"校验码不符:第 18 位应为 {expected},实为 {code[17]}{where_zh}",
        f"the check symbol does not fit: position 18 should be {expected}, not {code[17]}{where_en}",
    )


def temporary_id(bureau_code: str, number: int) -> str:
    """For a firm without a code; it goes on naming the firm after the code has come."""
    place = re.sub(r"[^A-Z0-9]", "", bureau_code.upper())[:32] or "X"
    return f"T-{place}-{number:06d}"


def is_temporary(text: str) -> bool:
    return _TEMPORARY.match(text) is not None
