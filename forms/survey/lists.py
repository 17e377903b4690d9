"""Choice lists: the `choices` and `external_choices` sheets, and the columns of lists that come as a file."""

from __future__ import annotations

from collections.abc import Mapping

from forms.definition import Choice, ChoiceList, Source
from forms.lists import UnreadableList, read_rows
from forms.workbook.lines import YES, Findings, Line, SheetLines

FILE_ENDINGS = (".csv", ".xml", ".geojson")
OTHER = "other"
OTHER_LABELS = {"zh": "其他", "en": "Other"}


def read_lists(choices: SheetLines, settings: SheetLines) -> dict[str, ChoiceList]:
    """Every list of the sheet, in its order."""
    choices.check_headers(free=True)
    twice_allowed = any(line.get("allow_choice_duplicates").lower() in YES for line in settings)
    lists: dict[str, list[Choice]] = {}
    first_rows: dict[tuple[str, str], int] = {}
    for line in choices:
        name, list_name = line.get("name"), line.get("list_name")
        if not _complete(line, list_name, name):
            continue
        if (list_name, name) in first_rows and not twice_allowed:
            line.complain(
                "form.choice_twice",
                "name",
                f"清单“{list_name}”里的“{name}”在第 {first_rows[list_name, name]} 行已经有了",
                f"“{name}” of the list “{list_name}” is already in row {first_rows[list_name, name]}",
                "改成不同的值 / give it another value",
            )
        first_rows.setdefault((list_name, name), line.row.number)
        lists.setdefault(list_name, []).append(_choice(line, name))
    return {name: ChoiceList(name=name, choices=tuple(members)) for name, members in lists.items()}


def _complete(line: Line, list_name: str, name: str) -> bool:
    if not list_name and not name:
        return False
    if not list_name:
        line.complain("form.list_name_missing", "list_name", "这一行没有清单名", "this row names no list", "list_name")
    elif not name:
        line.complain("form.choice_name_missing", "name", "选项没有值", "the choice has no value", "name")
    elif not line.texts("label") and not line.media():
        line.warn("form.choice_label_missing", "label", f"选项“{name}”没有文字", f"the choice “{name}” has no label")
    return bool(list_name and name)


def _choice(line: Line, name: str) -> Choice:
    extra = {
        column.header: line.row.cells[column.header]
        for column in line.sheet.columns
        if not column.key and column.header in line.row.cells
    }
    return Choice(name=name, label=line.texts("label"), media=line.media(), extra=extra)


def with_other(choices: ChoiceList, languages: tuple[str, ...]) -> ChoiceList:
    """The list that `or_other` makes: pyxform adds the choice `other` to it, unless the author wrote one."""
    if any(choice.name == OTHER for choice in choices.choices):
        return choices
    label = {language: OTHER_LABELS.get(language, "Other") for language in languages}
    return ChoiceList(name=choices.name, choices=(*choices.choices, Choice(name=OTHER, label=label)))


def check_files(
    lists: Mapping[str, ChoiceList], files: Mapping[str, bytes], sources: Mapping[str, Source], findings: Findings
) -> None:
    """Complain of list files that cannot be read or lack the columns a question takes its choices from."""
    for one in lists.values():
        if one.file is None or one.file not in files or one.name not in sources:
            continue
        where = sources[one.name]
        try:
            rows = read_rows(one.file, files[one.file])
        except UnreadableList as error:
            findings.complain(
                "form.list_file_unreadable",
                where,
                f"清单文件“{one.file}”读不出来：{error}",
                f"the list file “{one.file}” cannot be read: {error}",
            )
            continue
        present = set().union(*rows) if rows else {one.value_column, one.label_column}
        for column in (one.value_column, one.label_column):
            if column not in present:
                findings.complain(
                    "form.list_file_column",
                    where,
                    f"清单文件“{one.file}”里没有“{column}”列",
                    f"the list file “{one.file}” has no column “{column}”",
                    "parameters: value=… label=…",
                )
