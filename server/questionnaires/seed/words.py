"""The words the five questionnaires are written in: rows of the survey sheet, checks, groups and repeats."""

from __future__ import annotations

from typing import Any, NamedTuple

ZH, EN = "中文 (zh)", "English (en)"

Row = dict[str, str]
"""Column of the survey sheet → what stands in it."""
Rows = list[Row]


class Said(NamedTuple):
    """One sentence in both languages."""

    zh: str
    en: str


class Check(NamedTuple):
    """What must be true of the answer (`.`), and what to tell a person when it is not."""

    test: str
    zh: str
    en: str


class Choices(NamedTuple):
    name: str
    options: tuple[tuple[str, str, str], ...]
    """(name, zh, en)."""


class Questionnaire(NamedTuple):
    """One workbook: the survey as it nests, its own choice lists, what its records save, its settings."""

    settings: Row
    survey: Rows
    choices: tuple[Choices, ...]
    entities: Rows


SECRET: dict[str, Any] = {"qf::secret": "business"}
"""Columns of an answer that is the enterprise's business secret."""


def both(column: str, said: Said | None) -> Row:
    return {f"{column}::{ZH}": said.zh, f"{column}::{EN}": said.en} if said else {}


def _checks(column: str, checks: tuple[Check, ...]) -> Row:
    row: Row = {}
    for number, check in enumerate(checks, start=1):
        name = f"qf::{column}{number if number > 1 else ''}"
        row[name] = check.test
        row |= both(f"{name}_message", Said(check.zh, check.en))
    return row


def ask(
    kind: str,
    name: str,
    zh: str = "",
    en: str = "",
    *,
    required: bool | str = False,
    check: Check | None = None,
    verify: Check | tuple[Check, ...] = (),
    advise: Check | tuple[Check, ...] = (),
    hint: Said | None = None,
    **columns: Any,
) -> Row:
    """One question. `columns` are further columns by their own name; `pii`, `prefill`, `unit`, `export` mean `qf::…`."""
    row: Row = {"type": kind, "name": name} | both("label", Said(zh, en) if zh else None) | both("hint", hint)
    if required:
        row["required"] = "yes" if required is True else required
        row |= both("required_message", Said(f"请填写“{zh}”。", f"“{en}” is needed."))
    if check:
        row |= {"constraint": check.test} | both("constraint_message", Said(check.zh, check.en))
    row |= _checks("verify", (verify,) if isinstance(verify, Check) else verify)
    row |= _checks("advise", (advise,) if isinstance(advise, Check) else advise)
    own = {"pii", "prefill", "unit", "export"}
    return row | {f"qf::{key}" if key in own else key: text for key, text in columns.items()}


def work_out(name: str, calculation: str, **columns: Any) -> Row:
    """A value the form computes and nobody types."""
    return ask("calculate", name, calculation=calculation, **columns)


def remember(name: str, question: str) -> Row:
    """A hidden field that holds the enterprise's last answer to `question`, so that a check can compare."""
    return ask("hidden", name, prefill=f"last:{question}")


def _within(kind: str, name: str, zh: str, en: str, rows: tuple[Row | Rows, ...], columns: Row) -> Rows:
    begin = ask(f"begin {kind}", name, zh, en) | columns
    return [begin, *together(*rows), {"type": f"end {kind}", "name": name}]


def group(name: str, zh: str, en: str, *rows: Row | Rows, **columns: Any) -> Rows:
    return _within("group", name, zh, en, rows, columns)


def repeat(name: str, zh: str, en: str, *rows: Row | Rows, **columns: Any) -> Rows:
    return _within("repeat", name, zh, en, rows, columns)


def together(*parts: Row | Rows) -> Rows:
    """Questions and groups, one after the other."""
    return [row for part in parts for row in (part if isinstance(part, list) else [part])]


def money(name: str, zh: str, en: str, *, below_zero: bool = False, **columns: Any) -> Row:
    """An amount in 万元 that is a business secret."""
    if not below_zero and "check" not in columns:
        columns["check"] = Check(". >= 0", "金额不能为负数。", "An amount cannot be negative.")
    return ask("decimal", name, zh, en, **{"unit": "万元"} | SECRET | columns)


def counted(name: str, zh: str, en: str, calculation: str, check: Check, **columns: Any) -> Row:
    """A number the form counts and shows. XLSForm has no place for a rule about a repeat, so the rule stands here."""
    return ask("integer", name, zh, en, check=check, calculation=calculation, read_only="yes", **columns)


NOT_FUTURE = Check(". <= today()", "日期不能晚于今天。", "The date cannot lie in the future.")
NOT_NEGATIVE = Check(". >= 0", "不能为负数。", "It cannot be negative.")
PERCENT = Check(". >= 0 and . <= 100", "应在0到100之间。", "It must lie between 0 and 100.")


def at_most(other: str, zh: str, en: str) -> Check:
    return Check(f". >= 0 and (${{{other}}} = '' or . <= ${{{other}}})", zh, en)
