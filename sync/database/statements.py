"""SQL as text: what a statement does, and how each database wants its placeholders."""

import functools
import re


@functools.lru_cache(maxsize=1024)
def sqlite_placeholders(sql: str) -> str:
    """`$1::uuid` → `?1`: SQLite numbers its parameters the same way and needs no casts."""
    return re.sub(r"\$(\d+)(::\w+(\[\])?)?", r"?\1", sql)


def is_reading(sql: str) -> bool:
    head = sql.lstrip(" \n\t(")[:8].upper()
    if head.startswith("WITH"):
        return re.search(r"\b(INSERT|UPDATE|DELETE)\b", sql, re.IGNORECASE) is None
    return head.startswith(("SELECT", "EXPLAIN", "VALUES"))
