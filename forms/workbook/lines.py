"""One row of a sheet, read by column: texts in their languages, expressions as trees, and complaints that know where."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forms.complaint import Complaint
from forms.definition import Expression, Source, Texts
from forms.expression import ExpressionError, parse
from forms.workbook.cells import Row, Sheet
from forms.workbook.columns import DEFAULT, PASSED_ON, Column, language_code, read_columns, suggestion

YES = {"yes", "true", "true()"}
NO = {"no", "false", "false()"}
NAME = re.compile(r"[^\W\d][\w.\-]*")
"""What may name a question, a list's column or an entity property: an XML name without a colon. Chinese is fine."""


class Findings:
    """Everything found wrong (`complaints`) or doubtful (`warnings`) so far; reading goes on, so that all is said at once."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []
        self.warnings: list[Complaint] = []

    def complain(self, code: str, where: Source, zh: str, en: str, instead: str = "") -> None:
        self.complaints.append(Complaint(code=code, where=where, zh=zh, en=en, instead=instead))

    def warn(self, code: str, where: Source, zh: str, en: str, instead: str = "") -> None:
        self.warnings.append(Complaint(code=code, where=where, zh=zh, en=en, instead=instead))


class Line:
    """A row and what its headers mean. `default` is the language of texts whose header names none."""

    def __init__(self, row: Row, sheet: SheetLines, findings: Findings) -> None:
        self.row = row
        self.sheet = sheet
        self.findings = findings

    def source(self, key: str = "") -> Source:
        """Where this row stands; `key` is given under the header that the author wrote."""
        header = self.sheet.header_of(key, self.row) if key else ""
        return Source(sheet=self.sheet.name, row=self.row.number, column=header or key)

    def get(self, key: str) -> str:
        """The text under `key`, "" when empty. With several headers of one meaning the first filled one counts."""
        header = self.sheet.header_of(key, self.row)
        return self.row.cells.get(header, "")

    def texts(self, key: str) -> Texts:
        found: Texts = {}
        for column in self.sheet.columns:
            if column.key == key and (text := self.row.cells.get(column.header)):
                found.setdefault(column.language or self.sheet.default_language, text)
        return found

    def media(self) -> dict[str, Texts]:
        return {kind: texts for kind in ("image", "big-image", "audio", "video") if (texts := self.texts(kind))}

    def expression(self, key: str) -> Expression | None:
        text = self.get(key)
        return self.parse(text, key) if text else None

    def condition(self, key: str) -> Expression | None:
        """An expression where `yes` and `no` are allowed too; `no` is the same as nothing."""
        text = self.get(key)
        if not text or text.lower() in NO:
            return None
        return self.parse("true()" if text.lower() in YES else text, key)

    def flag(self, key: str) -> bool:
        text = self.get(key).lower()
        if text and text not in YES | NO:
            self.complain(
                "form.not_yes_or_no",
                key,
                f"这里只能写 yes 或 no，不能写“{text}”",
                f"only yes or no can stand here, not “{text}”",
                "yes / no",
            )
        return text in YES

    def parse(self, text: str, key: str) -> Expression | None:
        text = straight_quotes(text)
        try:
            return Expression(text=text, tree=parse(text))
        except ExpressionError as error:
            self.complain("form.bad_expression", key, f"{error.message_zh}：{text}", f"{error}: {text}", error.instead)
            return None

    def complain(self, code: str, key: str, zh: str, en: str, instead: str = "") -> None:
        self.findings.complain(code, self.source(key), zh, en, instead)

    def warn(self, code: str, key: str, zh: str, en: str, instead: str = "") -> None:
        self.findings.warn(code, self.source(key), zh, en, instead)


class SheetLines:
    """A sheet with its headers understood."""

    def __init__(self, key: str, sheet: Sheet | None, default_language: str, findings: Findings) -> None:
        self.key = key
        self.name = sheet.name if sheet else key
        self.sheet = sheet
        self.default_language = default_language
        self.findings = findings
        self.columns = read_columns(key, sheet.headers) if sheet else []
        self._headers: dict[str, list[str]] = {}
        for column in self.columns:
            self._headers.setdefault(column.key, []).append(column.header)

    def __iter__(self) -> Iterator[Line]:
        for row in self.sheet.rows if self.sheet else ():
            yield Line(row, self, self.findings)

    def header_of(self, key: str, row: Row) -> str:
        headers = self._headers.get(key, [])
        return next((header for header in headers if header in row.cells), headers[0] if headers else "")

    def languages(self) -> list[str]:
        found = [column.language for column in self.columns if column.language]
        return list(dict.fromkeys(found))

    def check_headers(self, free: bool = False) -> None:
        """Complain of two headers with one meaning and of our own misspelled ones; doubt the rest, unless any is `free`."""
        seen: dict[tuple[str, str], Column] = {}
        for column in self.columns:
            where = Source(sheet=self.name, row=1, column=column.header)
            meaning = (column.key, column.language or self.default_language)
            if column.key and meaning in seen:
                self.findings.complain(
                    "workbook.column_twice",
                    where,
                    f"“{seen[meaning].header}”和“{column.header}”是同一列",
                    f"“{seen[meaning].header}” and “{column.header}” are the same column",
                    "只留一列 / keep one of them",
                )
            seen.setdefault(meaning, column)
            if not column.key:
                self._doubt(column, where, free)

    def _doubt(self, column: Column, where: Source, free: bool) -> None:
        near = suggestion(self.key, column.header)
        if "：" in column.header:
            self.findings.complain(
                "form.wide_colon",
                where,
                f"“{column.header}”里用了全角冒号",
                f"“{column.header}” has full-width colons",
                column.header.replace("：", ":"),
            )
            return
        if column.is_ours:
            self.findings.complain(
                "form.unknown_qf_column",
                where,
                f"没有“{column.header}”这个 qf 列",
                f"there is no qf column “{column.header}”",
                near,
            )
        elif free:
            if not NAME.fullmatch(column.header):
                self.findings.warn(
                    "form.column_name",
                    where,
                    f"列名“{column.header}”不能在表达式里使用",
                    f"the column name “{column.header}” cannot be used in expressions",
                    "字母或汉字开头，只用字母、汉字、数字、_ - . / a name of letters, digits, _ - .",
                )
        elif not column.header.lower().startswith(PASSED_ON):
            self.findings.warn(
                "form.unknown_column",
                where,
                f"不认识“{column.header}”列，已忽略",
                f"the column “{column.header}” is unknown and left out",
                near,
            )


_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


def straight_quotes(text: str) -> str:
    """Word processors curl quotation marks; in an expression they mean the straight ones (pyxform does the same)."""
    return text.translate(_QUOTES)


def default_language(settings: SheetLines, survey: Sheet | None) -> str:
    """What `label` without a language is written in: the setting, or the first language of the survey's labels."""
    for line in settings:
        if named := line.get("default_language"):
            return language_code(named)
    columns = read_columns("survey", survey.headers) if survey else []
    labels = [column.language for column in columns if column.key == "label"]
    if not labels or "" in labels:
        return DEFAULT
    return labels[0]
