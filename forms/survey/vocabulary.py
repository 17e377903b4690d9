"""The words of XLSForm: question types under all the names pyxform takes, and appearances.

docs/forms.md has a row for each of them; a test compares the two.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

TYPES: dict[str, str] = {
    "text": "string; q string; add text prompt",
    "integer": "int; q int; add integer prompt",
    "decimal": "q decimal; add decimal prompt",
    "range": "",
    "note": "q note; add note prompt",
    "date": "q date; add date prompt",
    "time": "",
    "dateTime": "datetime; date time; q date time; q dateTime; add date time prompt; add dateTime prompt",
    "geopoint": "gps; location; q geopoint; q location; add location prompt",
    "geotrace": "q geotrace",
    "geoshape": "q geoshape",
    "photo": "image; q picture; q image; add image prompt; add photo prompt",
    "audio": "q audio; add audio prompt",
    "video": "q video; add video prompt",
    "file": "add file prompt",
    "barcode": "q barcode; add barcode prompt",
    "acknowledge": "trigger; q acknowledge; add acknowledge prompt",
    "calculate": "q calculate; add calculate prompt",
    "hidden": "",
    "background-audio": "",
    "start-geopoint": "",
    "background-geopoint": "",
    "csv-external": "",
    "xml-external": "",
    "start": "start time; get start time",
    "end": "end time; get end time",
    "today": "get today",
    "deviceid": "device id; get device id; imei; uri:deviceid",
    "username": "uri:username",
    "email": "uri:email",
    "phonenumber": "phone number; get phone number; uri:phonenumber",
    "simserial": "sim id; get sim id; uri:simserial",
    "subscriberid": "subscriber id; get subscriber id; uri:subscriberid",
    "audit": "",
}
"""Our name of a type → the other names pyxform takes for it, separated by semicolons."""

SELECTS: dict[str, str] = {
    "select_one": "select one; select1; select one from; add select one prompt using",
    "select_multiple": "select all that apply; select all that apply from; add select multiple prompt using",
    "select_one_from_file": "select one from file",
    "select_multiple_from_file": "select multiple from file",
    "select_one_external": "",
    "rank": "",
}
"""Types that are followed by the name of a list, or of a file."""

REFUSED: dict[str, tuple[str, str, str]] = {
    "percentage": ("旧类型", "an old type", "integer，constraint 写 . >= 0 and . <= 100"),
    "number of days in last month": ("旧类型", "an old type", "integer，constraint 写 . >= 0 and . <= 31"),
    "number of days in last six months": ("旧类型", "an old type", "integer，constraint 写 . >= 0 and . <= 183"),
    "number of days in last year": ("旧类型", "an old type", "integer，constraint 写 . >= 0 and . <= 365"),
    "osm": ("OpenStreetMap 编辑", "editing OpenStreetMap", "geopoint"),
    "cascading_select": ("旧的级联写法", "the old way of cascading", "select_one + choice_filter"),
    "select multiple": ("缺下划线的写法", "spelled without its underscore", "select_multiple yes_no"),
    "select multiple from": ("旧写法", "an old spelling", "select_multiple yes_no"),
    "select multiple using": ("旧写法", "an old spelling", "select_multiple yes_no"),
    "q select": ("旧写法", "an old spelling", "select_multiple yes_no"),
    "q select1": ("旧写法", "an old spelling", "select_one yes_no"),
    "select one using": ("旧写法", "an old spelling", "select_one yes_no"),
    "select one external": ("旧写法", "an old spelling", "select_one_external street + choice_filter"),
    "loop": ("按清单循环", "looping over a list", "begin_repeat + repeat_count"),
}
"""Types that other tools know and we do not take: what they are, and what to write instead."""

CONTROLS = re.compile(r"(begin|end)[ _](group|repeat|lgroup|looped group|loop)( over (\S+))?")

APPEARANCES: dict[str, str] = {
    "text": "multiline numbers url masked thousands-sep bearing counter ex: printer:",
    "select": (
        "minimal autocomplete quick columns columns-pack columns-n columns-1 columns-2 columns-3 columns-4 columns-5 "
        "likert image-map map no-buttons label list-nolabel list horizontal horizontal-compact compact compact-n "
        "quickcompact quickcompact-n"
    ),
    "date": "no-calendar month-year year ethiopian coptic islamic bikram-sambat myanmar persian buddhist",
    "range": "vertical no-ticks picker rating",
    "media": "new new-front annotate draw signature selfie voice-only",
    "place": "maps placement-map hide-input streets",
    "group": "field-list table-list",
    "grid": "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 h1 h2 h3 h4 h5 h6 h7 h8 h9 h10 h11 h12 pages hidden-answer",
}
"""What may stand in the appearance column, by where it belongs. They change how a question looks, never what it means."""

KNOWN_APPEARANCES = frozenset(word for words in APPEARANCES.values() for word in words.split())

_BY_NAME = {
    other.strip(): ours for ours, names in TYPES.items() for other in (ours, *names.split(";")) if other.strip()
}
_SELECT_BY_NAME = {
    other.strip(): ours for ours, names in SELECTS.items() for other in (ours, *names.split(";")) if other.strip()
}
_SELECT = re.compile(
    r"(?P<type>" + "|".join(sorted(map(re.escape, _SELECT_BY_NAME), key=len, reverse=True)) + r") (?P<list>\S+)"
    r"(?P<other> (?:or specify other|or_other|or other))?"
)


def type_of(text: str) -> str | None:
    """Our name of a plain type."""
    return _BY_NAME.get(text)


def select_of(text: str) -> tuple[str, str, bool] | None:
    """(our type, list or file, whether "other" may be written in) of a select."""
    match = _SELECT.fullmatch(text)
    if match is None:
        return None
    return _SELECT_BY_NAME[match["type"]], match["list"], match["other"] is not None


@lru_cache(maxsize=200)
def similar_type(text: str) -> str:
    """The type that looks most like `text`, or nothing."""
    words = text[:60].replace("-", "_").lower()
    candidates = [*_BY_NAME, *(f"{name}" for name in SELECTS), "begin_group", "end_group", "begin_repeat", "end_repeat"]
    near = get_close_matches(words.split(" ")[0], candidates, n=1, cutoff=0.6) or get_close_matches(
        words, candidates, 1
    )
    return near[0] if near else ""


def knows_appearance(word: str) -> bool:
    if word in KNOWN_APPEARANCES or word.startswith(("ex:", "printer:")):
        return True
    return re.fullmatch(r"(?:columns|compact|quickcompact)-\d+|w\d+|h\d+", word) is not None
