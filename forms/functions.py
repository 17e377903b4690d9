"""Every function of the ODK XForms specification and the XLSForm reference: supported, or refused with a way out.

A function is supported only where stock ODK Collect knows it too, so that one workbook means the same on every phone.
The meanings stand in `forms/language/`. One file because it is a table.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["text", "number", "boolean", "date", "dateTime", "time", "nodes", "any"]


class Refused(Struct, frozen=True):
    """Why a function is not supported, and what does the same."""

    zh: str
    en: str
    instead: str = ""


class FunctionSpec(Struct, frozen=True, kw_only=True):
    """`max_args` None: any number. `volatile`: another moment or phone gives another value; never recomputed."""

    name: str
    min_args: int
    max_args: int | None
    returns: Kind
    volatile: bool = False
    nodes: tuple[int, ...] = ()
    """Positions (from 0) of arguments that take a whole node-set; -1 stands for every argument."""
    refused: Refused | None = None

    def accepts(self, count: int) -> bool:
        return self.min_args <= count and (self.max_args is None or count <= self.max_args)


FUNCTIONS: dict[str, FunctionSpec] = {}


def _supported(
    name: str,
    least: int,
    most: int | None,
    returns: Kind,
    *,
    volatile: bool = False,
    nodes: tuple[int, ...] = (),
) -> None:
    FUNCTIONS[name] = FunctionSpec(
        name=name, min_args=least, max_args=most, returns=returns, volatile=volatile, nodes=nodes
    )


def _refused(name: str, zh: str, en: str, instead: str = "") -> None:
    FUNCTIONS[name] = FunctionSpec(
        name=name, min_args=0, max_args=None, returns="any", refused=Refused(zh, en, instead)
    )


# Choosing and asking back
_supported("if", 3, 3, "any")
_supported("coalesce", 2, 2, "any")
_supported("once", 1, 1, "any", volatile=True)
_supported("selected", 2, 2, "boolean")
_supported("is-selected", 2, 2, "boolean")
_supported("selected-at", 2, 2, "text")
_supported("count-selected", 1, 1, "number")
_supported("jr:choice-name", 2, 2, "text")
_supported("instance", 1, 1, "nodes")
_supported("current", 0, 0, "nodes")
_supported("pulldata", 4, 4, "text")

# Repeats and node-sets
_supported("indexed-repeat", 3, 7, "any")
_supported("position", 0, 1, "number")
_supported("count", 1, 1, "number", nodes=(0,))
_supported("count-non-empty", 1, 1, "number", nodes=(0,))
_supported("sum", 1, 1, "number", nodes=(0,))
_supported("max", 1, None, "number", nodes=(-1,))
_supported("min", 1, None, "number", nodes=(-1,))
_supported("randomize", 1, 2, "nodes", volatile=True, nodes=(0,))

# Text
_supported("string", 1, 1, "text")
_supported("concat", 1, None, "text", nodes=(-1,))
_supported("join", 1, None, "text", nodes=(-1,))
_supported("substr", 2, 3, "text")
_supported("substring-before", 2, 2, "text")
_supported("substring-after", 2, 2, "text")
_supported("translate", 3, 3, "text")
_supported("string-length", 0, 1, "number")
_supported("normalize-space", 0, 1, "text")
_supported("starts-with", 2, 2, "boolean")
_supported("ends-with", 2, 2, "boolean")
_supported("contains", 2, 2, "boolean")
_supported("regex", 2, 2, "boolean")
_supported("digest", 2, 3, "text")
_supported("base64-decode", 1, 1, "text")
_supported("version", 0, 0, "text")

# Truth
_supported("boolean", 1, 1, "boolean")
_supported("boolean-from-string", 1, 1, "boolean")
_supported("not", 1, 1, "boolean")
_supported("true", 0, 0, "boolean")
_supported("false", 0, 0, "boolean")
_supported("checklist", 3, None, "boolean", nodes=(-1,))
_supported("weighted-checklist", 4, None, "boolean", nodes=(-1,))

# Numbers
_supported("number", 1, 1, "number")
_supported("int", 1, 1, "number")
_supported("round", 1, 2, "number")
_supported("abs", 1, 1, "number")
_supported("pow", 2, 2, "number")
_supported("sqrt", 1, 1, "number")
_supported("exp", 1, 1, "number")
_supported("exp10", 1, 1, "number")
_supported("log", 1, 1, "number")
_supported("log10", 1, 1, "number")
_supported("pi", 0, 0, "number")
_supported("sin", 1, 1, "number")
_supported("cos", 1, 1, "number")
_supported("tan", 1, 1, "number")
_supported("asin", 1, 1, "number")
_supported("acos", 1, 1, "number")
_supported("atan", 1, 1, "number")
_supported("atan2", 2, 2, "number")
_supported("random", 0, 0, "number", volatile=True)
_supported("uuid", 0, 1, "text", volatile=True)

# Dates and times
_supported("today", 0, 0, "date", volatile=True)
_supported("now", 0, 0, "dateTime", volatile=True)
_supported("date", 1, 1, "date")
_supported("date-time", 1, 1, "dateTime")
_supported("decimal-date-time", 1, 1, "number")
_supported("decimal-time", 1, 1, "number")
_supported("format-date", 2, 2, "text")
_supported("format-date-time", 2, 2, "text")

# Places
_supported("area", 1, 1, "number", nodes=(0,))
_supported("enclosed-area", 1, 1, "number", nodes=(0,))
_supported("distance", 1, None, "number", nodes=(-1,))
_supported("geofence", 2, 2, "boolean")

# Refused: the phone's own facts, and words stock phones do not know
_refused(
    "property",
    "property() 读的是手机里的信息，无法复核",
    "property() reads the phone and cannot be checked again",
    "username / deviceid / phonenumber",
)
_refused(
    "intersects",
    "手机端常用的 ODK Collect 版本没有 intersects()",
    "intersects() is missing from the ODK Collect versions in use",
    "geofence(${point}, ${shape})",
)
_refused("extract-signed", "不支持带签名数据的校验", "signed data is not supported", "barcode + regex(., '…')")
_refused(
    "jr:itext", "jr:itext() 由转换工具生成，不能手写", "jr:itext() is made by the converter", "label::zh / label::en"
)
_refused("local-name", "表达式不读 XML 元素名", "expressions do not read element names", "${name}")
_refused("namespace-uri", "表达式不读 XML 命名空间", "expressions do not read namespaces", "${name}")
_refused("name", "表达式不读 XML 元素名", "expressions do not read element names", "${name}")
_refused("id", "表达式不按 XML id 取值", "expressions do not look up XML ids", "${name}")
_refused("lang", "表达式不读界面语言", "expressions do not read the language", "label::zh / label::en")
_refused("last", "ODK Collect 没有 last()", "ODK Collect has no last()", "indexed-repeat(${q}, ${rep}, count(${rep}))")
_refused(
    "substring",
    "ODK Collect 没有 substring()",
    "ODK Collect has no substring()",
    "substr(text, start, end)：从 0 数起 / counts from 0",
)
_refused("floor", "ODK Collect 没有 floor()", "ODK Collect has no floor()", "int(x) - (x < int(x))")
_refused("ceiling", "ODK Collect 没有 ceiling()", "ODK Collect has no ceiling()", "int(x) + (x > int(x))")
_refused(
    "upper-case",
    "ODK Collect 没有 upper-case()",
    "ODK Collect has no upper-case()",
    "translate(x, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')",
)
_refused(
    "lower-case",
    "ODK Collect 没有 lower-case()",
    "ODK Collect has no lower-case()",
    "translate(x, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')",
)
_refused("depend", "depend() 已经不用了", "depend() is no longer used", "trigger")
_refused("last-saved", "不支持 last-saved", "last-saved is not supported", "qf::prefill = last:question")
_refused(
    "search",
    "search() 只在 Android 手机上有效",
    "search() works on Android only",
    "select_one_from_file + choice_filter",
)
_refused("pull-data", "函数名是 pulldata", "the function is called pulldata", "pulldata(…)")
_refused("thousandsep", "不支持 thousandsep()", "thousandsep() is not supported", "appearance: thousands-sep")
_refused("text", "路径里不写 text()", "paths do not take text()", "${name}")
_refused("node", "路径里不写 node()", "paths do not take node()", "${name}")
_refused("double", "请用 number()", "write number()", "number(x)")
