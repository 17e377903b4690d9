"""ODK entities out of answers: who is created, who is updated, and under which id."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from forms.definition import Form
from forms.entities import EntityChange, extract
from forms.evaluate import evaluate
from forms.instance import EntityBlock, parse_instance
from forms.publishing.build import build
from forms.publishing.outcome import Outcome
from forms.workbook.door import USUAL
from tests.forms.fixtures.build import read_tables, workbook_of

Outcomes = Callable[[str], Outcome]
NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
RECORD = "uuid:7b9f2ad8-3b06-4a2f-9f0d-1d3c2f6f2a11"


def changes(
    form: Form | None, answers: dict[str, Any], *blocks: EntityBlock, record: str = RECORD
) -> list[EntityChange]:
    assert form is not None
    return extract(evaluate(form, answers, now=NOW), record, blocks)


def test_an_entity_is_created_only_when_its_condition_holds(outcome: Outcomes) -> None:
    form = outcome("26_entities_create").form
    answers = {"firm": "东湖机械", "credit_code": "91360102MA35", "known": "no"}
    (made,) = changes(form, answers)
    assert (made.dataset, made.action, made.label) == ("enterprises", "create", "东湖机械")
    assert made.properties == {"title": "东湖机械", "credit_code": "91360102MA35"}
    assert (made.repeat, made.rows) == ((), ())
    assert changes(form, answers | {"known": "yes"}) == []


def test_the_same_record_gives_the_same_ids_and_another_record_other_ones(outcome: Outcomes) -> None:
    form = outcome("26_entities_create").form
    answers = {"firm": "东湖机械", "known": "no"}
    (first,), (again,), (other,) = (
        changes(form, answers),
        changes(form, answers),
        changes(form, answers, record="record 2"),
    )
    assert first.entity_id == again.entity_id != other.entity_id
    assert UUID(first.entity_id).version == UUID(other.entity_id).version == 5


def test_one_entity_is_updated_and_one_made_per_row(outcome: Outcomes) -> None:
    form = outcome("27_entities_in_repeats").form
    row = "0d9c2ef4-6f0b-4d2e-8a51-55b8d6b2b0aa"
    problems = [{"what": "用电", "words": "经常停电", "_id": row}, {"what": "融资"}, {}]
    update, power, money = changes(form, {"enterprise": "e-17", "staff": 12, "problems": problems})
    assert (update.dataset, update.action, update.entity_id) == ("enterprises", "update", "e-17")
    assert update.properties == {"staff": "12"}
    assert (power.dataset, power.action, power.label, power.rows) == ("reports", "create", "用电", (0,))
    assert power.properties == {"title": "用电", "words": "经常停电"}
    assert power.entity_id == str(uuid5(UUID(RECORD.removeprefix("uuid:")), f"reports:problems:{row}"))
    assert (money.repeat, money.rows, money.properties) == (("problems",), (1,), {"title": "融资"})


def test_a_row_keeps_its_id_when_rows_before_it_go(outcome: Outcomes) -> None:
    form = outcome("27_entities_in_repeats").form
    first, second = {"what": "用电", "_id": "a"}, {"what": "融资", "_id": "b"}
    before = changes(form, {"problems": [first, second]})
    after = changes(form, {"problems": [second]})
    assert after[0].entity_id == before[1].entity_id


def test_no_update_without_a_chosen_entity_and_none_against_its_condition(outcome: Outcomes) -> None:
    form = outcome("27_entities_in_repeats").form
    assert changes(form, {"staff": 12}) == []
    assert changes(form, {"enterprise": "e-17", "staff": 0}) == []


def test_what_the_phone_wrote_itself_is_kept(outcome: Outcomes) -> None:
    form = outcome("27_entities_in_repeats").form
    assert form is not None
    xml = f"""<data id="entities_in_repeats" version="1"><enterprise>e-17</enterprise><staff>9</staff>
      <problems><what>用电</what><meta><entity dataset="reports" id="2e2a" create="1"/></meta></problems>
      <meta><instanceID>{RECORD}</instanceID>
      <entity dataset="enterprises" id="e-17" update="1" baseVersion="3" trunkVersion="2" branchId="b1"/></meta></data>"""
    record = parse_instance(form, xml.encode())
    update, made = changes(form, record.answers, *record.entities)
    assert (update.base_version, update.trunk_version, update.branch_id) == (3, 2, "b1")
    assert made.entity_id == "2e2a"


NESTED = """
## survey
| type | name | label | save_to | relevant |
|---|---|---|---|---|
| select_one yn | busy | 有生产 | | |
| begin_group | plant | 工厂 | | ${busy} = 'yes' |
| begin_repeat | sites | 厂区 | | |
| text | site | 名称 | sites#title | |
| begin_repeat | lines | 产线 | | |
| text | line | 名称 | lines#title | |
| text | note | 备注 | lines#note | ${line} != 'A' |
| end_repeat | | | | |
| end_repeat | | | | |
| end_group | | | | |
| text | target | 更新对象 | | |

## choices
| list_name | name | label |
|---|---|---|
| yn | yes | 是 |
| yn | no | 否 |

## entities
| list_name | label | entity_id | create_if | update_if |
|---|---|---|---|---|
| sites | ${site} | | | |
| lines | concat(${site}, ' ', ${line}) | | | |
| firms | 企业 | ${target} | ${target} != '' | ${target} = 'both' |

## settings
| form_title | form_id | version |
|---|---|---|
| 嵌套 | nested | 1 |
"""


@pytest.fixture(scope="module")
def nested() -> Form:
    made = build(workbook_of(read_tables(NESTED.replace("| 企业 |", "| '企业' |"))), {}, USUAL)
    assert made.complaints == []
    assert made.form is not None
    return made.form


def test_entities_of_nested_repeats_know_their_rows(nested: Form) -> None:
    sites = [{"site": "东厂", "lines": [{"line": "A", "note": "旧"}, {"line": "B"}]}, {"site": "西厂", "lines": []}]
    found = changes(nested, {"busy": "yes", "plant": {"sites": sites}})
    assert [(one.dataset, one.label, one.rows, one.properties) for one in found] == [
        ("sites", "东厂", (0,), {"title": "东厂"}),
        ("sites", "西厂", (1,), {"title": "西厂"}),
        ("lines", "东厂 A", (0, 0), {"title": "A"}),
        ("lines", "东厂 B", (0, 1), {"title": "B"}),
    ]
    assert len({one.entity_id for one in found}) == 4


def test_what_does_not_apply_makes_no_entity(nested: Form) -> None:
    assert changes(nested, {"busy": "no", "plant": {"sites": [{"site": "东厂"}]}}) == []


def test_both_conditions_holding_is_an_upsert(nested: Form) -> None:
    (both,) = changes(nested, {"target": "both"})
    (create,) = changes(nested, {"target": "x"})
    assert (both.action, create.action) == ("upsert", "create")


def test_with_other_it_is_the_choice_that_is_saved_not_what_was_written_in() -> None:
    tables = """
## survey
| type | name | label | save_to |
|---|---|---|---|
| select_one yn or_other | kind | 类别 | kind |

## choices
| list_name | name | label |
|---|---|---|
| yn | yes | 是 |

## entities
| list_name | label |
|---|---|
| reports | ${kind} |

## settings
| form_title | form_id | version |
|---|---|---|
| 其他 | other | 1 |
"""
    form = build(workbook_of(read_tables(tables)), {}, USUAL).form
    (made,) = changes(form, {"kind": "other", "kind_other": "厂房"})
    assert made.properties == {"kind": "other"}
