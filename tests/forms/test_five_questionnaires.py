"""The five questionnaires a bureau starts with: published, and every check tried by hand on both sides of its edge.

Longer than 300 lines because it is a table: one passing and one failing answer for each check of five forms.
"""

from __future__ import annotations

import copy
import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from forms.definition import Question, questions
from forms.entities import extract
from forms.evaluate import CompiledForm, Evaluation, compile_form, evaluate, fill
from forms.xlsform import convert
from server.questionnaires.seed import build as seed

FOLDER = Path(seed.__file__).parent
NAMES = tuple(seed.QUESTIONNAIRES)
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=timezone(timedelta(hours=8)))
FILES = {path.name: path.read_bytes() for path in (*FOLDER.glob("*.csv"), *(FOLDER / "sample").glob("*.csv"))}
LISTS = {name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(text.decode()))) for name, text in FILES.items()}

INSTRUMENTS, SOFTWARE, FOOD = (row["name"] for row in LISTS["enterprises"])
SHAO, LUO, WAN = (row["name"] for row in LISTS["people"])
LOAN_ISSUE, LABOUR_ISSUE = (row["name"] for row in LISTS["issues"])

PROBLEM = {
    "title": "流动资金紧张",
    "description": "“货款要半年才回来,下月发工资都成问题。”",
    "category_group": "01",
    "category": "0101",
    "urgency": "pressing",
    "solved_on_site": "no",
    "wish_date": "2026-12-31",
    "amount": 300,
    "people": 120,
    "publish_name_consent": "no",
}
GOOD: dict[str, dict[str, Any]] = {
    "visit_record": {
        "enterprise": INSTRUMENTS,
        "visit_date": "2026-11-20",
        "start_time": "09:00",
        "end_time": "10:30",
        "channel": "on_site",
        "purpose": ["routine", "policy"],
        "visitors": [{"visitor": SHAO}, {"visitor_name": "周航", "visitor_unit": "区科协"}],
        "hosts": [{"host_name": "邵总", "host_post": "总经理", "host_in_charge": "yes"}],
        "situation": {"operate_state": "normal", "last_staff": 100, "staff_now": 120, "revenue_trend": "up"},
        "policy": {"policies_told": ["rd_deduction"], "intention": ["srdi", "digital"]},
        "fin_need": "yes",
        "finance": {"fin_amount": 300, "fin_term": "m12", "fin_push_bank": "yes"},
        "issues": [PROBLEM, PROBLEM | {"title": "缺数控技工", "category_group": "03", "category": "0302"}],
        "last_issues_check": [{"earlier_issue": LOAN_ISSUE, "earlier_agreed": "yes"}],
        "promises": [{"promise": "送政策汇编", "promise_due": "2026-11-27"}],
        "closing": {"rating": "none", "next_visit": "2027-02-20", "photos": [{"photo": "workshop.jpg"}]},
    },
    "symposium": {
        "meeting_name": "东湖区专精特新企业座谈会",
        "meeting_kind": "symposium",
        "start_at": "2026-11-20T09:00:00.000+08:00",
        "end_at": "2026-11-20T11:30:00.000+08:00",
        "place": "区政府二楼会议室",
        "host_unit": "区中小企业服务局",
        "recorder": LUO,
        "agenda": [{"agenda_item": "企业发言", "agenda_minutes": 60}],
        "questions_due": "2026-11-18",
        "attendance": [
            {"attendee_kind": "firm", "att_enterprise": INSTRUMENTS, "att_name": "邵总"},
            {"attendee_kind": "firm", "att_unit": "新来食品厂", "att_name": "何经理"},
            {"attendee_kind": "department", "att_unit": "区人社局", "att_name": "罗江"},
        ],
        "statements": [{"speaker": "邵总", "gist": "订单多,招不到技工", "statement_kind": "difficulty"}],
        "issues": [
            PROBLEM | {"issue_enterprise": INSTRUMENTS, "to_triage": "yes", "due_on": "2026-12-20"},
            PROBLEM | {"issue_firm": "新来食品厂", "suggested_unit": "区金融服务中心"},
        ],
        "minutes": {"conclusion": "一周内答复。", "signer": SHAO, "signed_on": "2026-11-21"},
    },
    "issue_callback": {
        "issue": LABOUR_ISSUE,
        "caller": SHAO,
        "at": "2026-11-21T09:30:00.000+08:00",
        "channel": "phone",
        "attempt": 1,
        "reached": "reached",
        "answers": {"solved": "yes", "satisfied": "yes", "attitude": 5, "speed": 4, "words": "两天就来人了。"},
        "new_issue": [PROBLEM],
    },
    "cultivation_census": {
        "enterprise": INSTRUMENTS,
        "credit_code": "9136010200000TE17L",
        "enterprise_name": "东湖精工仪表有限公司",
        "registered_on": "2015-03-02",
        "region": "360102",
        "industry": "C40",
        "enterprise_type": "private",
        "contact": {"contact_name": "邵总", "contact_phone": "13870000001"},
        "honours": ["hightech", "innovative"],
        "base_confirmed": "yes",
        "niche_market": {
            "niche": "精密压力变送器",
            "niche_since": "2019-05-01",
            "main_product": "压力变送器",
            "product_field": "six_bases",
            "share_cn": 12,
            "rank_cn": 4,
        },
        "accounts": {
            "rev_y1": 6000,
            "rev_y2": 5000,
            "main_rev_y1": 5400,
            "main_rev_y2": 4500,
            "profit_y1": 600,
            "asset_y1": 8000,
            "debt_y1": 4000,
            "rd_y1": 400,
            "rd_y2": 300,
            "staff": 120,
            "rd_staff": 24,
            "equity_2y": 0,
            "equity_3y": 0,
        },
        "size_group": {"size_confirm": "small"},
        "strength": {
            "ip": [
                {
                    "ip_name": "一种压力变送器",
                    "ip_class": "c1",
                    "ip_kind": "invention",
                    "ip_granted_on": "2024-06-01",
                    "ip_own": "yes",
                    "ip_related": "yes",
                    "ip_earning": "yes",
                }
            ],
            "digital_level": "l2",
            "quality": ["iso9001", "brand"],
            "rd_org": "city",
            "award_none": "yes",
            "maker": "none",
            "dev_score": 55,
        },
        "veto": dict.fromkeys(("veto_accident", "veto_dishonest", "veto_abnormal", "veto_fraud", "veto_tax"), "no"),
        "plan_tier": "srdi",
        "plan_year": 2027,
        "issues": [PROBLEM],
    },
    "ops_monitor_q": {
        "enterprise": INSTRUMENTS,
        "period_year": 2026,
        "quarter": "3",
        "filler": "何会计",
        "last_period": "2026Q2",
        "last_revenue_ytd": 2000,
        "last_profit_q": 50,
        "last_staff": 118,
        "revenue": {"revenue_q": 1000, "revenue_ytd": 3000, "revenue_ly": 2800},
        "main_revenue": {"main_revenue_q": 900, "main_revenue_ytd": 2700, "main_revenue_ly": 2500},
        "export": {"export_q": 100, "export_ytd": 300, "export_ly": 280},
        "profit": {"profit_q": 80, "profit_ytd": 200, "profit_ly": 150},
        "tax": {"tax_q": 30, "tax_ytd": 90, "tax_ly": 80},
        "receivable": 500,
        "receivable_overdue": 50,
        "inventory": 200,
        "loan": 800,
        "loan_rate": 4.2,
        "rd": {"rd_q": 50, "rd_ytd": 150, "rd_ly": 120},
        "invest": {"invest_q": 20, "invest_ytd": 60, "invest_ly": 50},
        "staff": 120,
        "wage": {"wage_q": 240, "wage_ytd": 700, "wage_ly": 650},
        "power": {"power_q": 12, "power_ytd": 35, "power_ly": 33},
        "products": [
            {"product_name": "变送器", "product_unit": "台", "stock_begin": 10, "made": 90, "sold": 80, "stock_end": 20}
        ],
        "climate": {"q_order": "up", "q_labor": "short", "q_labor_short": 6, "q_capacity": 85, "top3": ["01", "03"]},
        "issues": [PROBLEM],
    },
}

Edits = dict[str, Any]


class Case(NamedTuple):
    """Two edits of the good record: after the first the check is content, after the second its flaw stands at `path`."""

    form: str
    path: str
    code: str
    passes: Edits
    fails: Edits


def at_path(form: str, path: str, code: str, passes: Any, fails: Any, **around: Any) -> Case:
    """A case whose edits change the checked answer itself. `around` are edits that both sides share (`__` is a dot)."""
    shared = {key.replace("__", "."): value for key, value in around.items()}
    return Case(form, path, code, {**shared, path: passes}, {**shared, path: fails})


OUTSIDE = {"in_registry": "no", "enterprise": None, "new_enterprise.new_name": "新来食品厂", "last_issues_check": None}
PHOTOS = [{"photo": f"{number}.jpg"} for number in range(7)]
PRODUCT = GOOD["ops_monitor_q"]["products"][0]
BLOCKED = {"policy.policies_blocked": [{"blocked_policy": "tier_award", "blocked_reason": "unpaid"}]}
UTILITY = {"strength.ip[1].ip_class": "c2", "strength.ip[1].ip_kind": "utility"}
DIRTY_CALL = {"answers.satisfied": "no", "answers.why_not": ["slow"], "answers.why_not_text": "拖了两个月"}


def visit_cases() -> Iterator[Case]:
    form = "visit_record"
    code = "new_enterprise.new_credit_code"
    yield Case(form, code, "constraint", OUTSIDE | {code: "9136010200000TE17L"}, OUTSIDE | {code: "9136010200000TE17M"})
    yield at_path(form, "visit_date", "constraint", "2026-11-21", "2026-11-22")
    yield at_path(form, "visit_date", "verify", "2026-10-22", "2026-10-21")
    yield at_path(form, "end_time", "constraint", "09:01", "09:00")
    yield Case(form, "visitor_count", "constraint", {}, {"visitors": []})
    yield Case(form, "host_count", "constraint", {"hosts": [], "situation.operate_state": "unreachable"}, {"hosts": []})
    yield at_path(form, "situation.staff_now", "constraint", 0, -1)
    yield at_path(form, "situation.staff_now", "verify", 150, 151)
    yield at_path(form, "situation.staff_now", "verify", 50, 49)
    yield at_path(form, "situation.staff_now", "verify", 9, 9, situation__last_staff=None)._replace(
        fails={"situation.last_staff": 100, "situation.staff_now": 9}
    )
    told = {"issues[1].category_group": "11", "issues[1].category": "1103"}
    yield Case(form, "policy.policies_blocked[1].blocked_policy", "advise", BLOCKED | told, BLOCKED)
    yield at_path(form, "policy.intention", "constraint", ["none"], ["none", "srdi"])
    yield at_path(form, "finance.fin_amount", "constraint", 0.01, 0)
    yield Case(
        form, "no_issue_confirm", "constraint", {"issues": [], "no_issue_confirm": "yes"}, {"no_issue_confirm": "yes"}
    )
    yield Case(form, "no_issue_confirm", "advise", {"no_issue_confirm": "no"}, {"issues": [], "no_issue_confirm": "no"})
    yield at_path(form, "promises[1].promise_due", "constraint", "2026-11-20", "2026-11-19")
    yield at_path(form, "closing.next_visit", "constraint", "2026-11-21", "2026-11-20")
    yield Case(
        form, "closing.photos[6].photo", "constraint", {"closing.photos": PHOTOS[:6]}, {"closing.photos": PHOTOS}
    )._replace(path="closing.photos[7].photo", passes={"closing.photos": PHOTOS[:6]})


def symposium_cases() -> Iterator[Case]:
    form = "symposium"
    yield at_path(form, "end_at", "constraint", "2026-11-20T09:01:00.000+08:00", "2026-11-20T09:00:00.000+08:00")
    yield at_path(form, "agenda[1].agenda_minutes", "constraint", 1, 0)
    yield at_path(form, "questions_due", "verify", "2026-11-20", "2026-11-21")
    excused = {"attendance[1].att_leave": "yes", "attendance[2].att_leave": "yes"}
    yield Case(form, "firm_count", "constraint", {"attendance[1].att_leave": "yes"}, excused)
    yield at_path(form, "statements[1].speaker", "constraint", "罗江", "罗")
    yield at_path(form, "issues[1].issue_enterprise", "constraint", INSTRUMENTS, SOFTWARE)
    yield at_path(form, "issues[2].issue_firm", "constraint", "新来食品厂", "新来")
    yield at_path(form, "issues[1].due_on", "constraint", "2026-11-20", "2026-11-19")
    yield at_path(form, "minutes.signer", "constraint", SHAO, LUO)
    yield at_path(form, "minutes.signed_on", "constraint", "2026-11-20", "2026-11-19")


def callback_cases() -> Iterator[Case]:
    form = "issue_callback"
    yield at_path(form, "caller", "constraint", WAN, LUO)
    yield at_path(form, "at", "constraint", "2026-11-21T10:00:00.000+08:00", "2026-11-21T10:00:01.000+08:00")
    yield at_path(form, "attempt", "constraint", 3, 4)
    yield at_path(form, "attempt", "constraint", 1, 0)
    before = {"last_issue": LABOUR_ISSUE, "attempt": 2}
    yield Case(form, "attempt", "verify", before | {"last_at": "2026-11-20T15:00:00.000+08:00"},
               before | {"last_at": "2026-11-21T08:10:00.000+08:00"})  # fmt: skip
    redo = DIRTY_CALL | {"answers.subjective": "yes"}
    yield Case(form, "answers.redo", "constraint", redo | {"answers.redo": "yes"}, redo | {"answers.redo": "no"})


def census_cases() -> Iterator[Case]:
    form = "cultivation_census"
    yield at_path(form, "credit_code", "constraint", "913601020000000430", "913601020000000431")
    yield at_path(form, "registered_on", "constraint", "2026-11-21", "2026-11-22")
    for name in ("region", "produce_region"):
        yield at_path(form, f"{name}_code", "constraint", "330113", "33011", **{name: "unlisted"})
    yield at_path(form, "industry", "constraint", "C40", "C")
    yield at_path(form, "contact.contact_phone", "constraint", "13870000001", "23870000001")
    yield at_path(form, "honours", "constraint", ["none"], ["none", "srdi"])
    yield at_path(form, "niche_market.niche_since", "constraint", "2026-11-01", "2026-12-01")
    for name in ("niche_market.share_cn", "niche_market.share_world", "strength.dev_score"):
        yield at_path(form, name, "constraint", 100, 100.1)
        yield at_path(form, name, "constraint", 0, -0.1)
    yield at_path(form, "niche_market.rank_cn", "constraint", 1, 0)
    for name in ("rev_y1", "rev_y2", "asset_y1", "debt_y1", "rd_y1", "rd_y2", "staff", "equity_2y"):
        yield at_path(form, f"accounts.{name}", "constraint", 0, -1)
    yield at_path(form, "accounts.rev_y2", "verify", 30000, 30001)
    yield at_path(form, "accounts.rev_y2", "verify", 1200, 1199)
    yield at_path(form, "accounts.main_rev_y1", "constraint", 6000, 6001)
    yield at_path(form, "accounts.main_rev_y2", "constraint", 5000, 5001)
    yield at_path(form, "accounts.debt_y1", "verify", 8000, 8001)
    yield at_path(form, "accounts.rd_y1", "verify", 9000, 9001)
    yield at_path(form, "accounts.rd_y2", "verify", 7500, 7501)
    yield at_path(form, "accounts.rd_staff", "constraint", 120, 121)
    yield at_path(form, "accounts.equity_3y", "constraint", 500, 499, accounts__equity_2y=500)
    yield at_path(form, "size_group.size_confirm", "verify", "small", "medium")
    granted, moved = "strength.ip[1].ip_granted_on", "strength.ip[1].ip_moved_on"
    yield at_path(form, granted, "constraint", "2026-11-21", "2026-11-22")
    yield Case(form, granted, "advise", UTILITY | {granted: "2024-11-20"}, UTILITY | {granted: "2024-11-21"})
    yield at_path(form, moved, "constraint", "2026-11-21", "2026-11-22")
    yield at_path(form, moved, "advise", "2025-11-21", "2025-11-22")
    yield Case(form, "strength.ip_none", "constraint", {"strength.ip": [], "strength.ip_none": "yes"},
               {"strength.ip_none": "yes"})  # fmt: skip
    yield at_path(form, "strength.quality", "constraint", ["none"], ["none", "brand"])
    won = {"strength.award": [{"award_level": "province", "award_year": 2025, "award_rank": 2}]}
    for year, wrong in ((2026, 2027), (1990, 1989)):
        name = "strength.award[1].award_year"
        yield Case(form, name, "constraint", won | {name: year}, won | {name: wrong})
    rank = "strength.award[1].award_rank"
    yield Case(form, rank, "constraint", won | {rank: 1}, won | {rank: 0})
    yield Case(form, "strength.award_none", "constraint", {}, won)
    yield at_path(form, "plan_year", "constraint", 2026, 2025)
    yield at_path(form, "plan_year", "constraint", 2031, 2032)


def monitor_cases() -> Iterator[Case]:
    form = "ops_monitor_q"
    yield at_path(form, "period_year", "constraint", 2020, 2019)
    yield at_path(form, "period_year", "constraint", 2026, 2027)
    yield at_path(form, "quarter", "constraint", "4", "4", period_year=2026)._replace(
        fails={"period_year": 2027, "quarter": "1"}
    )
    yield at_path(form, "quarter", "advise", "3", "4")
    yield at_path(form, "filled_on", "constraint", "2026-11-21", "2026-11-22")
    yield at_path(form, "revenue.revenue_ytd", "verify", 3001, 3001.5)
    first = {"quarter": "1", "last_period": "2025Q4"}
    yield at_path(form, "revenue.revenue_ytd", "verify", 1001, 1002, **first)
    for key, quarter in {
        "revenue": 1000,
        "export": 100,
        "tax": 30,
        "rd": 50,
        "invest": 20,
        "wage": 240,
        "power": 12,
    }.items():
        yield at_path(form, f"{key}.{key}_q", "constraint", 0, -1)
        yield at_path(form, f"{key}.{key}_ly", "constraint", 0, -1)
        yield at_path(form, f"{key}.{key}_ytd", "constraint", quarter, quarter - 1)
    yield at_path(form, "main_revenue.main_revenue_q", "constraint", 1000, 1001)
    yield at_path(form, "main_revenue.main_revenue_ytd", "constraint", 3000, 3001)
    yield at_path(form, "main_revenue.main_revenue_ytd", "constraint", 900, 899)
    yield at_path(form, "main_revenue.main_revenue_ly", "constraint", 2800, 2801)
    yield at_path(form, "export.export_q", "verify", 1000, 1001)
    yield at_path(form, "export.export_ytd", "verify", 3000, 3001)
    yield at_path(form, "profit.profit_q", "advise", 0, -1)
    for name in ("receivable", "inventory", "loan", "staff"):
        yield at_path(form, name, "constraint", 0, -1)
    yield at_path(form, "receivable_overdue", "constraint", 500, 501)
    yield at_path(form, "loan_rate", "verify", 24, 24.1)
    yield at_path(form, "loan_rate", "verify", 0, -0.1)
    yield at_path(form, "staff", "verify", 130, 131, last_staff=100)
    yield at_path(form, "staff", "verify", 70, 69, last_staff=100)
    yield at_path(form, "wage.wage_q", "verify", 36, 35.9)
    yield at_path(form, "wage.wage_q", "verify", 1200, 1201)
    yield at_path(form, "power.power_ytd", "verify", 26.5, 26.3, revenue__revenue_ly=2499)
    four = [PRODUCT | {"product_name": f"产品{number}"} for number in range(4)]
    yield Case(form, "products[4].product_name", "constraint", {"products": four[:3]}, {"products": four})
    for name in ("stock_begin", "made", "sold", "stock_end"):
        yield at_path(form, f"products[1].{name}", "constraint", 0, -1)
    yield at_path(form, "products[1].stock_end", "verify", 20, 21)
    yield at_path(form, "climate.q_labor_short", "constraint", 1, 0)
    yield at_path(form, "climate.q_capacity", "constraint", 120, 121)
    yield at_path(form, "climate.top3", "constraint", ["01", "02", "03"], ["01", "02", "03", "04"])


def shared_cases() -> Iterator[Case]:
    """The problem rows are the same in all five."""
    for form in NAMES:
        rows = "new_issue[1]" if form == "issue_callback" else "issues[1]"
        yield at_path(form, f"{rows}.title", "constraint", "缺" * 40, "缺" * 41)
        yield at_path(form, f"{rows}.wish_date", "advise", "2026-11-21", "2026-11-20")
        yield at_path(form, f"{rows}.amount", "constraint", 0, -1)
        yield at_path(form, f"{rows}.people", "constraint", 0, -1)


CASES = [
    *visit_cases(), *symposium_cases(), *callback_cases(), *census_cases(), *monitor_cases(), *shared_cases()
]  # fmt: skip
LEVELS = {"constraint": "error", "verify": "verify", "advise": "advise"}


def _compiled(name: str) -> CompiledForm:
    content = (FOLDER / f"{name}.xlsx").read_bytes()
    return compile_form(convert(content, file_name=f"{name}.xlsx", attachments=FILES).form)


@pytest.fixture(scope="module")
def published() -> dict[str, CompiledForm]:
    return {name: _compiled(name) for name in NAMES}


def changed(answers: dict[str, Any], edits: Edits) -> dict[str, Any]:
    """A copy with answers put at paths such as `issues[1].title`; None takes one away."""
    copied = copy.deepcopy(answers)
    for path, value in edits.items():
        *inner, last = [
            int(number) - 1 if number else name for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
        ]
        place: Any = copied
        for part in inner:
            place = place[part] if isinstance(part, int) else place.setdefault(part, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return copied


def record(form: CompiledForm, edits: Edits | None = None) -> Evaluation:
    """The good record with edits, as a phone would submit it."""
    answers = fill(form, changed(GOOD[form.form.id], edits or {}), now=NOW, lists=LISTS)
    return evaluate(form, answers, now=NOW, lists=LISTS)


def found(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    return [(flaw.path, flaw.code, flaw.level) for flaw in evaluation.flaws]


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_workbook_is_what_the_script_writes_cell_by_cell(name: str) -> None:
    written = load_workbook(io.BytesIO(seed.write(seed.build(seed.QUESTIONNAIRES[name]))))
    kept = load_workbook(FOLDER / f"{name}.xlsx")

    assert kept.sheetnames == written.sheetnames
    for sheet in kept.sheetnames:
        assert list(kept[sheet].values) == list(written[sheet].values), f"{name}.xlsx, {sheet}: run the script again"


def test_the_same_tables_give_the_same_bytes() -> None:
    questionnaire = seed.QUESTIONNAIRES["symposium"]

    assert seed.write(seed.build(questionnaire)) == seed.write(seed.build(questionnaire))


@pytest.mark.parametrize("name", NAMES)
def test_everything_a_person_reads_is_there_in_both_languages(name: str, published: dict[str, CompiledForm]) -> None:
    form = published[name].form
    everything = list(questions(form.children))
    texts = [text for question in everything for text in _texts(question)]
    texts += [choice.label for choices in form.lists.values() for choice in choices.choices]
    assert form.header is not None
    texts += [form.title, form.header.notice]

    assert form.languages == ("zh", "en")
    assert form.version == "2026112101"
    assert len(texts) > 100
    for text in texts:
        assert set(text) == {"zh", "en"}, text
        assert all(text.values()), text
    unlabelled = [q.name for q in everything if not q.label and q.type not in ("calculate", "hidden")]
    assert unlabelled == []


def _texts(question: Question) -> Iterator[dict[str, str]]:
    for text in (
        question.label,
        question.hint,
        question.required_message,
        *(check.message for check in question.checks),
    ):
        if text:
            yield text
    for check in question.checks:
        assert check.message, f"{question.name}: a check without a message"


@pytest.mark.parametrize("name", NAMES)
def test_a_good_record_has_no_flaw(name: str, published: dict[str, CompiledForm]) -> None:
    assert found(record(published[name])) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.form}-{case.path}-{case.code}")
def test_a_check_is_content_with_one_answer_and_not_with_the_other(
    case: Case, published: dict[str, CompiledForm]
) -> None:
    form = published[case.form]
    flaw = (case.path, case.code, LEVELS[case.code])

    assert flaw not in found(record(form, case.passes))
    assert flaw in found(record(form, case.fails))


@pytest.mark.parametrize("name", NAMES)
def test_no_check_of_a_questionnaire_is_left_untried(name: str, published: dict[str, CompiledForm]) -> None:
    tried = {(re.sub(r"\[\d+\]", "", case.path), LEVELS[case.code]) for case in CASES if case.form == name}
    checks = {
        (".".join(question.path), check.level)
        for question in questions(published[name].form.children)
        for check in question.checks
    }

    assert checks - tried == set()


CODES = {
    "91110000600037341L": True,
    "91110108551385082Q": True,
    "1133070000259288XD": True,
    "9136010200000TE17L": True,
    "9236010200000TE17H": True,
    "9336010200000TE17E": True,
    "1236010200000TE17R": True,
    "5236010200000TE17M": True,
    "N236010200000TE174": True,
    "913601020000000430": True,
    "9136010200000006XJ": True,
    "91360102000000000J": True,
    "91110000600037341M": False,
    "91110000600037314L": False,
    "9136010200000TE17l": False,
    "9136010200000TE17": False,
    "9136010200000TE17LL": False,
    "9136010200000TE1IL": False,
    "91360A0200000TE17L": False,
    "360102000012345": False,
}


@pytest.mark.parametrize(("code", "valid"), CODES.items())
def test_a_credit_code_is_checked_to_its_last_character_by_the_form_alone(
    code: str, valid: bool, published: dict[str, CompiledForm]
) -> None:
    flaws = found(record(published["cultivation_census"], {"credit_code": code}))

    assert (("credit_code", "constraint", "error") not in flaws) is valid


ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015, written out here once more so that the form is measured against something else than itself."""
SYMBOLS = st.sampled_from(ALPHABET)
BODIES = st.tuples(SYMBOLS, SYMBOLS, st.integers(0, 999_999), st.lists(SYMBOLS, min_size=9, max_size=9)).map(
    lambda parts: f"{parts[0]}{parts[1]}{parts[2]:06}{''.join(parts[3])}"
)


@settings(max_examples=60, deadline=None)
@given(body=BODIES, other=SYMBOLS)
def test_exactly_one_last_character_is_right(published: dict[str, CompiledForm], body: str, other: str) -> None:
    total = sum(ALPHABET.index(symbol) * 3**place for place, symbol in enumerate(body))
    right = ALPHABET[-total % 31]
    form = published["cultivation_census"]
    refused = ("credit_code", "constraint", "error")

    assert refused not in found(record(form, {"credit_code": body + right}))
    assert (refused in found(record(form, {"credit_code": body + other}))) is (other != right)


MISSING = [
    ("visit_record", "enterprise", {"enterprise": None}),
    ("visit_record", "new_enterprise.new_credit_code", OUTSIDE),
    ("visit_record", "visitors[2].visitor_name", {"visitors[2].visitor_name": None}),
    ("visit_record", "hosts[1].host_name", {"hosts[1].host_name": None}),
    ("visit_record", "finance.fin_push_bank", {"finance.fin_push_bank": None}),
    ("visit_record", "issues[1].on_site_answer", {"issues[1].solved_on_site": "yes"}),
    ("visit_record", "closing.rating_reason", {"closing.rating": "alarm"}),
    ("symposium", "attendance[3].att_unit", {"attendance[3].att_unit": None}),
    ("symposium", "issues[2].suggested_unit", {"issues[2].suggested_unit": None}),
    ("symposium", "issues[1].issue_firm", {"issues[1].issue_enterprise": None}),
    ("symposium", "minutes.signed_on", {"minutes.signed_on": None}),
    ("issue_callback", "answers.why_not", {"answers.satisfied": "no"}),
    ("issue_callback", "answers.redo", DIRTY_CALL | {"answers.subjective": "yes"}),
    ("cultivation_census", "estate_kind", {"industry": "K70"}),
    ("cultivation_census", "veto.veto_tax", {"veto.veto_tax": None}),
    ("ops_monitor_q", "climate.q_arrears_by", {"climate.q_arrears": "under50"}),
    ("ops_monitor_q", "reason", {"staff": 60}),
    ("ops_monitor_q", "reason", {"products[1].stock_end": 21}),
]


@pytest.mark.parametrize(("name", "path", "edits"), MISSING)
def test_what_other_answers_make_necessary_is_missed(
    name: str, path: str, edits: Edits, published: dict[str, CompiledForm]
) -> None:
    form = published[name]

    assert (path, "missing", "error") in found(record(form, edits))
    assert (path, "missing", "error") not in found(record(form))


def test_a_reason_satisfies_the_monitor_once_a_figure_is_suspect(published: dict[str, CompiledForm]) -> None:
    flaws = found(record(published["ops_monitor_q"], {"staff": 60, "reason": "一条生产线外迁。"}))

    assert flaws == [("staff", "verify", "verify")]


@pytest.mark.parametrize("name", NAMES)
def test_each_problem_becomes_one_report_with_the_same_properties(
    name: str, published: dict[str, CompiledForm]
) -> None:
    evaluation = record(published[name])
    reports = [change for change in extract(evaluation, "visit-1") if change.dataset == "reports"]
    rows = GOOD[name].get("issues") or GOOD[name]["new_issue"]

    assert [report.label for report in reports] == [row["title"] for row in rows]
    for report, row in zip(reports, rows, strict=True):
        assert report.action == "create"
        assert report.properties["description"] == row["description"]
        assert report.properties["category"] == row["category"]
        assert report.properties["amount"] == "300"
    declared = next(each for each in published[name].form.entities if each.dataset == "reports")
    assert set(declared.properties) == {
        "title", "description", "category", "urgency", "solved_on_site", "on_site_answer", "wish_date", "amount",
        "people", "suggested_unit", "attachment", "publish_name_consent", "enterprise", "enterprise_name",
    }  # fmt: skip


def test_a_report_names_the_enterprise_that_spoke(published: dict[str, CompiledForm]) -> None:
    told = {
        name: [
            (change.properties.get("enterprise"), change.properties.get("enterprise_name"))
            for change in extract(record(published[name]), "record-1")
            if change.dataset == "reports"
        ]
        for name in ("visit_record", "symposium", "issue_callback")
    }
    instruments = (INSTRUMENTS, "东湖精工仪表有限公司")

    assert told == {
        "visit_record": [instruments, instruments],
        "symposium": [(INSTRUMENTS, None), (None, "新来食品厂")],
        "issue_callback": [(SOFTWARE, "赣江云软件有限公司")],
    }


def test_an_empty_problem_row_makes_no_report(published: dict[str, CompiledForm]) -> None:
    evaluation = record(published["visit_record"], {"issues": [PROBLEM, {}]})

    assert len(extract(evaluation, "visit-1")) == 1


@pytest.mark.parametrize(("confirmed", "datasets"), [("yes", ["enterprises", "reports"]), ("no", ["reports"])])
def test_the_census_updates_the_dossier_once_the_firm_has_confirmed(
    confirmed: str, datasets: list[str], published: dict[str, CompiledForm]
) -> None:
    changes = extract(record(published["cultivation_census"], {"base_confirmed": confirmed}), "census-1")

    assert [change.dataset for change in changes] == datasets
    if confirmed == "yes":
        dossier = changes[0]
        assert (dossier.action, dossier.entity_id) == ("update", INSTRUMENTS)
        assert dossier.properties["industry"] == "C40"
        assert dossier.properties["size"] == "small"
        assert dossier.properties["contact_phone"] == "13870000001"


SIZES = [
    ("C39", 1000, 40000, 0, "large"),
    ("C39", 1000, 39999, 0, "medium"),
    ("C39", 300, 2000, 0, "medium"),
    ("C39", 299, 90000, 0, "small"),
    ("C39", 19, 5000, 0, "micro"),
    ("A01", 5, 500, 0, "medium"),
    ("A01", 500, 49, 0, "micro"),
    ("E47", 10, 80000, 80000, "large"),
    ("E47", 10, 80000, 79999, "medium"),
    ("F51", 20, 5000, 0, "medium"),
    ("I65", 10, 50, 0, "small"),
    ("L72", 100, 0, 8000, "medium"),
    ("M75", 300, 0, 0, "large"),
    ("J66", 300, 90000, 90000, "unknown"),
]


@pytest.mark.parametrize(("industry", "staff", "revenue", "assets", "size"), SIZES)
def test_the_size_of_a_firm_follows_the_official_thresholds(
    industry: str, staff: int, revenue: int, assets: int, size: str, published: dict[str, CompiledForm]
) -> None:
    edits = {"industry": industry, "accounts.staff": staff, "accounts.rev_y1": revenue, "accounts.asset_y1": assets}
    evaluation = record(published["cultivation_census"], edits)

    assert evaluation.answers["size_group"]["size"] == size


ASSESSED = [
    ({}, {"innov22": "pass", "srdi22": "pass", "srdi26": "pass", "giant22": "fail", "giant26": "fail"}),
    ({"veto.veto_tax": "yes"}, {"innov22": "fail", "srdi22": "fail", "srdi26": "fail", "giant26": "fail"}),
    ({"strength.dev_score": None}, {"srdi26": "unknown", "giant26": "fail", "srdi22": "pass"}),
    ({"strength.maker": "top50"}, {"giant22": "unknown"}),
    ({"niche_market.niche_since": "2024-02-01"}, {"srdi22": "fail", "srdi26": "fail"}),
    ({"niche_market.niche_since": "2024-01-01"}, {"srdi22": "pass", "srdi26": "fail"}),
    ({"accounts.rd_y2": 149}, {"srdi26": "fail", "srdi22": "pass"}),
    ({"strength.ip": []}, {"srdi26": "unknown"}),
    ({"strength.ip": [], "strength.ip_none": "yes"}, {"srdi26": "fail"}),
    ({"honours": ["none"], "accounts.rd_y1": 120}, {"innov22": "pass", "srdi22": "fail"}),
    ({"honours": ["none"], "accounts.rd_y1": 0}, {"innov22": "fail"}),
    (
        {"honours": ["none"], "accounts.rd_y1": 0, "strength.award_none": None, "strength.award": []},
        {"innov22": "unknown"},
    ),
]


@pytest.mark.parametrize(("edits", "results"), ASSESSED)
def test_the_self_assessment_says_pass_fail_or_unknown(
    edits: Edits, results: dict[str, str], published: dict[str, CompiledForm]
) -> None:
    told = record(published["cultivation_census"], edits).answers["result"]

    assert {code: told[f"result_{code}"] for code in results} == results


def test_the_self_assessment_adds_its_points_and_names_the_gaps(published: dict[str, CompiledForm]) -> None:
    result = record(published["cultivation_census"]).answers["result"]

    # 2022 annex 1: IP 15 + R&D 6.67 % 20 + growth 20 % 20 + debt 50 % 10 + field 5 + main business 90 % 20
    assert (result["innov22_points"], result["innov22_open"]) == (90, 0)
    # 2022 annex 2: 5 + 10 + 3 + 3 + 3 + 5 + 10 + 5 + 8 + 8 + 5 + 4, and 15 points that the province sets
    assert (result["srdi22_points"], result["srdi22_open"]) == (69, 15)
    assert result["gaps_giant26"] == "tier rd ip score"
    assert result["giant26_zh"].startswith("不满足;尚未取得专精特新中小企业称号;")
    assert result["giant26_en"].startswith("not met; not yet an SRDI SME; ")


def test_a_message_shows_the_figure_it_compares_with(published: dict[str, CompiledForm]) -> None:
    flaws = record(published["visit_record"], {"situation.staff_now": 151}).flaws

    assert [(flaw.zh, flaw.en) for flaw in flaws] == [
        (
            "与上次走访的100人相差超过50%,请核实并说明。",
            "This differs from last time (100) by more than 50 %; check and give the reason.",
        )
    ]


def test_a_call_that_never_gets_through_is_unreachable_after_the_third_try(published: dict[str, CompiledForm]) -> None:
    edits = {"reached": "no_answer", "answers": None, "new_issue": []}
    form = published["issue_callback"]

    assert [record(form, edits | {"attempt": n}).answers["unreachable"] for n in (1, 2, 3)] == ["no", "no", "yes"]
    assert found(record(form, edits)) == []


def test_personal_and_secret_answers_are_marked(published: dict[str, CompiledForm]) -> None:
    marks = {
        (name, question.name): (question.pii, question.secret)
        for name in NAMES
        for question in questions(published[name].form.children)
    }

    assert marks["visit_record", "host_name"] == ("personal", "none")
    assert marks["visit_record", "firm_sign"] == ("sensitive", "none")
    assert marks["visit_record", "fin_amount"] == ("none", "business")
    assert marks["symposium", "att_phone"] == ("personal", "none")
    assert marks["cultivation_census", "rev_y1"] == ("none", "business")
    assert marks["ops_monitor_q", "revenue_q"] == ("none", "business")


def test_what_the_dossier_knows_is_not_asked_again(published: dict[str, CompiledForm]) -> None:
    prefills = {
        (name, question.name): question.prefill
        for name in NAMES
        for question in questions(published[name].form.children)
        if question.prefill
    }

    assert prefills["visit_record", "last_staff"] == "last:staff_now"
    assert prefills["cultivation_census", "credit_code"] == "registry:credit_code"
    assert prefills["ops_monitor_q", "last_revenue_ytd"] == "last:revenue_ytd"
    assert all(text.split(":")[0] in ("registry", "last", "const") for text in prefills.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_questionnaire_carries_its_legal_header(name: str, published: dict[str, CompiledForm]) -> None:
    header = published[name].form.header

    assert header is not None
    assert header.number.startswith("企访")
    assert header.issued_by
    assert header.approved_by
    assert header.approval_number
    assert header.valid_until == "2028-12-31"


def test_the_taxonomy_is_offered_in_two_levels(published: dict[str, CompiledForm]) -> None:
    form = published["visit_record"]
    wrong_branch = {"issues[1].category_group": "02", "issues[1].category": "0101"}
    answers = changed(record(form).answers, wrong_branch)

    assert ("issues[1].category", "choice", "error") in found(evaluate(form, answers, now=NOW, lists=LISTS))
    assert found(record(form, {"issues[1].category_group": "99", "issues[1].category": "9999"})) == []
    codes = {choice.name for choice in form.form.lists["categories"].choices}
    assert len(codes) == 87
    assert all(re.fullmatch(r"\d{4}", code) for code in codes)


def test_the_code_lists_are_whole_and_point_at_each_other() -> None:
    industries, regions, rules = LISTS["industries"], LISTS["regions"], LISTS["size_rules"]
    taxonomy = seed.read_rows(seed.TAXONOMY)

    assert [len([row for row in industries if len(row["name"]) == length]) for length in (1, 3)] == [20, 97]
    assert {row["size_rule"] for row in industries} - {""} <= {row["name"] for row in rules}
    assert len([row for row in regions if row["level"] == "province"]) == 34
    assert {"360102", "211402", "330702", "410802"} <= {row["name"] for row in regions}
    for rows, key in ((industries, "name"), (regions, "name"), (taxonomy, "code")):
        names = [row[key] for row in rows]
        assert len(names) == len(set(names))
        assert {row["parent"] for row in rows} - {""} <= set(names)
    assert all(row["zh"] and row["en"] and row["code"].startswith(row["parent"]) for row in taxonomy)
