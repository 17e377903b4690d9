"""Which list a question chooses from: a list of the workbook, a file beside the form, or `external_choices`."""

from __future__ import annotations

import re

from forms.definition import ChoiceList, Source
from forms.survey.lists import FILE_ENDINGS, with_other
from forms.workbook.lines import Line


class ListFinder:
    """`lists` begins with the `choices` sheet and gains what the questions need beyond it."""

    def __init__(self, lists: dict[str, ChoiceList], external: dict[str, ChoiceList]) -> None:
        self.lists = lists
        self.external = external
        self.sources: dict[str, Source] = {}
        """List from a file → the row that asks for it."""

    def find(self, line: Line, written: str, source: str, parameters: dict[str, str]) -> str:
        """Name of the list the choices come from, "" after a complaint."""
        if source.startswith("${"):
            line.complain(
                "form.refused_list",
                "type",
                "不支持用循环里的答案作选项",
                "choices cannot be taken from the answers of a repeat",
                "把固定选项写进 choices，或用文本题 / a list in choices, or a text question",
            )
            return ""
        if written.endswith("_from_file"):
            return self._file_list(line, source, parameters)
        if source.endswith(FILE_ENDINGS):
            line.complain(
                "form.list_is_file",
                "type",
                f"“{source}”是文件，题型要写 {written}_from_file",
                f"“{source}” is a file: the type is {written}_from_file",
                f"{written}_from_file {source}",
            )
            return ""
        if written == "select_one_external":
            return self._external_list(line, source)
        if source not in self.lists:
            line.complain(
                "form.unknown_list",
                "type",
                f"choices 表里没有清单“{source}”",
                f"there is no list “{source}” in the choices sheet",
                "、".join(list(self.lists)[:5]) or "在 choices 表里写这个清单 / write this list into the choices sheet",
            )
            return ""
        return source

    def _external_list(self, line: Line, source: str) -> str:
        if source not in self.external:
            line.complain(
                "form.unknown_list",
                "type",
                f"external_choices 表里没有清单“{source}”",
                f"there is no list “{source}” in the external_choices sheet",
                "、".join(list(self.external)[:5]) or "select_one_from_file list.csv + choice_filter",
            )
            return ""
        if not line.get("choice_filter"):
            line.complain(
                "form.filter_missing",
                "choice_filter",
                "select_one_external 必须有 choice_filter",
                "select_one_external needs a choice_filter",
                "city = ${city}",
            )
        if source in self.lists and self.lists[source] is not self.external[source]:
            self._clash(line, source)
        self.lists[source] = self.external[source]
        return source

    def _file_list(self, line: Line, file: str, parameters: dict[str, str]) -> str:
        if not file.endswith(FILE_ENDINGS) or "/" in file or "\\" in file:
            line.complain(
                "form.list_file_type",
                "type",
                f"清单文件“{file}”必须是 .csv、.xml 或 .geojson，不带目录",
                f"the list file “{file}” must end in .csv, .xml or .geojson, without a folder",
                "towns.csv",
            )
            return ""
        return self.add_file(line, file.rpartition(".")[0], file, parameters)

    def add_file(self, line: Line, name: str, file: str, parameters: dict[str, str]) -> str:
        geo = file.endswith(".geojson")
        made = ChoiceList(
            name=name,
            file=file,
            value_column=parameters.get("value", "id" if geo else "name"),
            label_column=parameters.get("label", "title" if geo else "label"),
        )
        if name in self.lists and self.lists[name] != made:
            self._clash(line, name)
        self.lists.setdefault(name, made)
        self.sources.setdefault(name, line.source("type"))
        return name

    def _clash(self, line: Line, name: str) -> None:
        line.complain(
            "form.list_twice",
            "type",
            f"“{name}”已经是另一个清单，或用了不同的 value、label 列",
            f"“{name}” already is another list, or is used with other value and label columns",
            "换一个文件名，各题用同样的 parameters / another file name, the same parameters in every question",
        )

    def add_other(self, name: str, languages: tuple[str, ...]) -> None:
        self.lists[name] = with_other(self.lists[name], languages)


def check_spaces(line: Line, choices: ChoiceList) -> None:
    for choice in choices.choices:
        if re.search(r"\s", choice.name):
            line.complain(
                "form.choice_with_space",
                "type",
                f"多选和排序题的选项值不能有空格：“{choice.name}”（清单“{choices.name}”）",
                f"values of a multiple choice cannot hold spaces: “{choice.name}” (list “{choices.name}”)",
                re.sub(r"\s+", "_", choice.name),
            )
