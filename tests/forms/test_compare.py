"""Two versions side by side: what changed, and what it does to answers already given."""

from __future__ import annotations

import pytest

from forms.compare import Change, compare, worst
from forms.definition import Form
from forms.publishing.build import build
from forms.workbook.door import USUAL
from tests.forms.fixtures.build import read_tables, workbook_of

OLD = """
## survey
| type | name | label::中文 (zh) | label::English (en) | relevant | required | constraint | qf::verify | calculation | qf::unit | hint |
|---|---|---|---|---|---|---|---|---|---|---|
| text | firm | 企业 | Enterprise | | yes | | | | | |
| integer | staff | 人数 | Staff | | | . >= 0 | . < 1000 | | 人 | 在岗 |
| select_one state | state | 状态 | State | | | | | | | |
| begin_group | money | 财务 | Money | | | | | | | |
| decimal | revenue | 营收 | Revenue | | | | | | 万元 | |
| end_group | | | | | | | | | | |
| begin_repeat | rows | 行 | Rows | | | | | | | |
| text | what | 内容 | What | | | | | | | |
| end_repeat | | | | | | | | | | |
| calculate | per_head | | | | | | | ${revenue} div ${staff} | | |
| note | bye | 再见 | Bye | | | | | | | |

## choices
| list_name | name | label::中文 (zh) | label::English (en) |
|---|---|---|---|
| state | normal | 正常 | Normal |
| state | less | 减产 | Less |
| state | closed | 停产 | Closed |

## settings
| form_title | form_id | version | default_language |
|---|---|---|---|
| 试表 | trial | 1 | 中文 (zh) |
"""


def form(tables: str) -> Form:
    made = build(workbook_of(read_tables(tables)), {}, USUAL)
    assert made.complaints == []
    assert made.form is not None
    return made.form


@pytest.fixture(scope="module")
def old() -> Form:
    return form(OLD)


def changes(old: Form, *swaps: tuple[str, str]) -> list[Change]:
    text = OLD
    for before, after in swaps:
        assert before in text
        text = text.replace(before, after)
    return compare(old, form(text))


def test_equal_versions_have_no_changes(old: Form) -> None:
    assert compare(old, old) == []
    assert worst([]) == "safe"


@pytest.mark.parametrize(
    ("before", "after", "kind", "severity", "path"),
    [
        ("| note | bye | 再见 | Bye |", "| text | more | 更多 | More |", "added", "safe", ("more",)),
        ("| note | bye | 再见 | Bye | |", "| text | more | 更多 | More | | yes", "added", "changes_meaning", ("more",)),
        ("| note | bye | 再见 | Bye | | | | | | | |\n", "", "removed", "safe", ("bye",)),
        (
            "| text | what | 内容 | What |",
            "| text | matter | 内容 | What |",
            "renamed",
            "breaks_answers",
            ("rows", "matter"),
        ),
        ("| integer | staff |", "| decimal | staff |", "type", "changes_meaning", ("staff",)),
        ("| text | what |", "| integer | what |", "type", "breaks_answers", ("rows", "what")),
        ("| text | firm | 企业 |", "| text | firm | 企业名称 |", "label", "changes_meaning", ("firm",)),
        ("| 人数 | Staff | |", "| 人数 | Staff | ${firm} != '' |", "relevant", "changes_meaning", ("staff",)),
        ("| Enterprise | | yes |", "| Enterprise | | |", "required", "safe", ("firm",)),
        (". >= 0", ". > 0", "error", "changes_meaning", ("staff",)),
        (". < 1000", ". < 5000", "verify", "safe", ("staff",)),
        ("${revenue} div", "2 * ${revenue} div", "calculation", "changes_meaning", ("per_head",)),
        ("| 万元 |", "| 元 |", "unit", "changes_meaning", ("money", "revenue")),
        ("| 在岗 |", "| 期末在岗 |", "hint", "safe", ("staff",)),
        ("| state | closed | 停产 | Closed |\n", "", "choices", "breaks_answers", ("state",)),
        ("| state | closed |", "| state | more | 扩产 | More |\n| state | closed |", "choices", "safe", ("state",)),
        ("| 减产 | Less |", "| 减产或停产 | Less |", "choices", "changes_meaning", ("state",)),
        ("| 试表 | trial |", "| 试表二 | trial |", "title", "safe", ()),
    ],
)
def test_one_change_is_told_with_its_severity(
    old: Form, before: str, after: str, kind: str, severity: str, path: tuple[str, ...]
) -> None:
    found = changes(old, (before, after))
    told = [one for one in found if one.kind == kind]
    assert [(one.severity, one.path) for one in told] == [(severity, path)]
    assert told[0].zh != told[0].en


def test_a_removed_question_breaks_answers_and_is_told_once_with_its_group(old: Form) -> None:
    found = changes(
        old,
        ("| begin_group | money | 财务 | Money | | | | | | | |\n", ""),
        ("| decimal | revenue | 营收 | Revenue | | | | | | 万元 | |\n", ""),
        ("| end_group | | | | | | | | | | |\n", ""),
        ("${revenue} div", "1 div"),
    )
    assert [(one.kind, one.path) for one in found] == [("calculation", ("per_head",)), ("removed", ("money",))]
    assert worst(found) == "breaks_answers"


def test_a_question_that_moves_into_a_group_is_one_move(old: Form) -> None:
    found = changes(old, ("| begin_group | money |", "| begin_group | figures |"))
    assert ("moved", ("figures", "revenue")) in [(one.kind, one.path) for one in found]
    assert "removed" not in [one.kind for one in found]


def test_another_list_is_compared_by_its_choices(old: Form) -> None:
    found = changes(old, ("| select_one state |", "| select_one trend |"), ("| state | normal |", "| trend | normal |"))
    assert [(one.kind, one.severity) for one in found] == [("choices", "breaks_answers")]
    assert "less, closed" in found[0].en


def test_entities_and_the_legal_header_are_compared(old: Form) -> None:
    found = changes(
        old,
        ("| form_title | form_id | version | default_language |\n|---|---|---|---|\n| 试表 | trial | 1 | 中文 (zh) |",
         "| form_title | form_id | version | default_language | qf::number |\n|---|---|---|---|---|\n"
         "| 试表 | trial | 2 | 中文 (zh) | 表1 |\n\n## entities\n| list_name | label |\n|---|---|\n| firms | ${firm} |"),
    )  # fmt: skip
    assert [(one.kind, one.path) for one in found] == [("header", ()), ("entities", ())]
