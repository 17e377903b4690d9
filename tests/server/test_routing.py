"""Who gets an issue: the most specific rule, the street beside it, and an honest "nobody" where no duty is written down."""

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.people.actions import NewUnit, add_unit
from server.routing.actions import SEED, load_seed, load_taxonomy, matrix_of, propose_route, read_rules, replace_rules
from server.routing.route import Rule, Subject, choose, with_section
from sync.refusal import Refusal

SHIPPED = read_rules(SEED / "donghu.csv")
UNITS = Path(__file__).parent.parent.parent / "server" / "demo" / "seed" / "units.csv"


@pytest.mark.parametrize(
    ("category", "lead", "co"),
    [
        ("0101", "bank", ("sme", "finance")),
        ("0106", "sme", ("bank",)),
        ("0302", "sme", ("ndrc", "land", "hr")),
        ("0306", "sme", ("chamber",)),
        ("0602", "sme", ("ndrc", "land", "hr")),
        ("0801", "ndrc", ("tax",)),
        ("0802", "ndrc", ("sme", "science")),
        ("1103", "sme", ("finance",)),
        ("1105", "ndrc", ("tax",)),
        ("1003", "commerce", ("sme", "market", "ndrc")),
    ],
)
def test_the_shipped_matrix_gives_the_lead_and_co_units_of_the_plan(category, lead, co):
    route = choose(SHIPPED, Subject(category=category, place=""))
    assert (route.lead, route.co) == (lead, co)
    assert "实施方案任务" in route.why_zh


@pytest.mark.parametrize("category", ["1201", "1301", "1402", "1501", "1601", "0201", "9999", ""])
def test_where_no_duty_is_written_down_the_dispatcher_decides(category):
    route = choose(SHIPPED, Subject(category=category, place="360102"))
    assert route.lead == ""
    assert "由分办员判定" in route.why_zh
    assert "the dispatcher decides" in route.why_en


def test_the_street_of_the_enterprise_joins_whoever_leads():
    assert choose(SHIPPED, Subject(category="0101", place="360102003")).co == ("sme", "finance", "bayi")
    assert choose(SHIPPED, Subject(category="1301", place="360102003")).co == ("bayi",)
    assert choose(SHIPPED, Subject(category="0101", place="360102"), street="dayuan").co == ("sme", "finance", "dayuan")
    assert choose(SHIPPED, Subject(category="0101", place="360102003"), street="dayuan").co == (
        "sme",
        "finance",
        "bayi",
    )


def test_a_rule_for_a_place_wins_over_one_for_everywhere_but_not_over_a_closer_subject():
    rules = [
        Rule(category="05", lead="a"),
        Rule(category="05", place="360102", lead="b"),
        Rule(category="0501", lead="c"),
    ]
    assert choose(rules, Subject(category="0502", place="360103")).lead == "a"
    assert choose(rules, Subject(category="0502", place="360102003")).lead == "b"
    assert choose(rules, Subject(category="0501", place="360102003")).lead == "c"


CODES = st.sampled_from(["", "01", "0101", "02", "0201", "020"])
RULES = st.lists(
    st.builds(
        Rule,
        category=CODES,
        place=st.sampled_from(["", "3601", "360102"]),
        lead=st.sampled_from(["", "a", "b", "c"]),
        co=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    ),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(rules=RULES, category=st.sampled_from(["0101", "0102", "0201"]), place=st.sampled_from(["", "360102003", "36"]))
def test_the_lead_is_named_by_a_fitting_rule_that_no_other_is_closer_than(rules, category, place):
    route = choose(rules, Subject(category=category, place=place))
    leading = [rule for rule in rules if rule.lead and rule.fits(Subject(category=category, place=place))]
    assert (route.lead == "") == (not leading)
    assert route.lead not in route.co or route.lead == ""
    assert len(set(route.co)) == len(route.co)
    if leading:
        assert route.rule in leading
        assert route.rule.precision == max(rule.precision for rule in leading)


async def with_all_units(donghu):
    with UNITS.open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["code"] not in {"sme", "finance", "hr", "bayi"}:
                await add_unit(donghu.system, NewUnit(code=line["code"], name=line["name"], kind=line["kind"]))


@pytest.mark.anyio
async def test_the_shipped_matrix_loads_once_its_units_exist_and_names_those_that_do_not(donghu):
    with pytest.raises(Refusal) as refused:
        await load_seed(donghu.system)
    assert refused.value.code == "routing.complaints"
    assert "bank" in {one.en.removeprefix("there is no unit ") for one in refused.value.details["complaints"]}
    assert (await matrix_of(donghu.bureau)).version == 0
    await with_all_units(donghu)
    await load_seed(donghu.system)
    route = await propose_route(donghu.bureau, Subject(category="0103", place="360102"))
    assert (route.lead, route.version) == ("bank", 1)
    assert await load_taxonomy(donghu.system) == 0, "what is there is not added twice"
    categories = (await donghu.lin.client.get("/v1/categories")).json()
    assert len(categories) == 104
    assert categories[1] == {
        "code": "0101", "parent": "01", "zh": "流动资金贷款", "en": "Working-capital loan", "icon": "", "successor": "",
        "is_retired": False,
    }  # fmt: skip


@pytest.mark.anyio
async def test_a_new_edition_starts_on_its_day_and_the_old_one_answers_for_the_past(donghu):
    await load_taxonomy(donghu.system)
    sun = await donghu.sun.actor()
    await replace_rules(sun, [Rule(category="01", lead="finance")], starts_on=date(2026, 1, 1))
    answer = await donghu.sun.client.put(
        "/v1/routing",
        json={"rules": [{"category": "01", "lead": "sme"}], "starts_on": str(date.today() + timedelta(days=30))},
    )
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    now = (await donghu.lin.client.get("/v1/routing")).json()
    assert (now["version"], now["rules"][0]["lead"]) == (1, "finance")
    later = await donghu.lin.client.get("/v1/routing", params={"on": str(date.today() + timedelta(days=31))})
    assert later.json()["rules"][0]["lead"] == "sme"


@pytest.mark.anyio
async def test_a_matrix_that_names_what_does_not_exist_is_refused_whole(donghu):
    rules = [{"category": "01", "lead": "finance"}, {"category": "77", "lead": "nobody"}]
    answer = await donghu.sun.client.put("/v1/routing", json={"rules": rules})
    assert (answer.status_code, answer.json()["code"]) == (422, "routing.complaints")
    assert [(one["line"], one["code"]) for one in answer.json()["details"]["complaints"]] == [
        (1, "category"), (2, "unit"), (2, "category"),
    ]  # fmt: skip
    await load_taxonomy(donghu.system)
    rules[1]["lead"] = "hr"
    answer = await donghu.sun.client.put("/v1/routing", json={"rules": rules})
    assert [one["zh"] for one in answer.json()["details"]["complaints"]] == ["没有类别 77"]
    assert (await donghu.zhou.client.put("/v1/routing", json={"rules": rules})).status_code == 403
    assert (await matrix_of(donghu.bureau)).rules == []


def test_a_file_that_is_no_matrix_is_refused(tmp_path):
    path = tmp_path / "duties.csv"
    path.write_text("subject,unit\n01,finance\n", encoding="utf-8")
    with pytest.raises(Refusal, match="routing.unreadable"):
        read_rules(path)


INDUSTRIES = st.sampled_from(["", "C", "C39", "39", "3912", "C3912", "I65"])


@settings(max_examples=200, deadline=None)
@given(narrow=INDUSTRIES, subject=INDUSTRIES, tier=st.sampled_from(["", "little_giant", "srdi"]))
def test_an_industry_is_the_same_with_and_without_its_letter(narrow, subject, tier):
    rule = Rule(category="01", industry=narrow, tier=tier, lead="a")
    fits = rule.fits(Subject(category="0101", industry=subject, tier="srdi"))
    assert fits == (with_section(subject).startswith(with_section(narrow)) and tier in ("", "srdi"))
    assert fits == rule.fits(Subject(category="0101", industry=with_section(subject), tier="srdi"))


@settings(max_examples=200, deadline=None)
@given(priorities=st.lists(st.integers(-5, 5), min_size=1, max_size=5, unique=True))
def test_between_equally_specific_rules_the_priority_leads_wherever_they_stand(priorities):
    rules = [Rule(category="01", lead=f"u{one}", priority=one) for one in priorities]
    assert choose(rules, Subject(category="0101")).lead == f"u{max(priorities)}"


@pytest.mark.anyio
async def test_every_complaint_about_an_edition_is_told_at_once_and_nothing_is_written(donghu):
    await load_taxonomy(donghu.system)
    rules = [
        {"category": "01", "lead": "finance"},
        {"category": "01", "lead": "sme"},
        {"category": "01", "lead": "sme", "priority": 1},
        {"category": "77", "lead": "nobody", "industry": "Z9"},
        {"category": "02", "post": "credit"},
        {"category": "02", "lead": "finance", "post": "credit"},
        {"category": "03", "lead": "hr", "place": "here"},
    ]
    told = await donghu.lin.client.post("/v1/routing/check", json={"rules": rules})
    assert told.status_code == 200, told.text
    assert [(one["line"], one["code"]) for one in told.json()] == [
        (2, "overlap"), (4, "unit"), (4, "category"), (4, "industry"), (5, "post_without_lead"), (5, "empty"), (6, "post"),
        (7, "place"),
    ]  # fmt: skip
    assert all(one["stops"] and one["zh"] and one["en"] for one in told.json())
    refused = await donghu.sun.client.put("/v1/routing", json={"rules": rules})
    assert (refused.status_code, refused.json()["details"]["count"]) == (422, 8)
    assert (await matrix_of(donghu.bureau)).version == 0
    assert (await donghu.sun.client.put("/v1/posts/finance/credit", json={"name": "信贷服务岗"})).status_code == 200
    kept = await donghu.sun.client.put("/v1/routing", json={"rules": [rules[5]]})
    assert kept.status_code == 200, kept.text
    assert [(one["code"], one["stops"]) for one in kept.json()["complaints"]] == [("post_without_holder", False)]


@pytest.mark.anyio
async def test_a_dry_run_says_who_would_get_it_down_to_the_person_and_why(donghu):
    await load_taxonomy(donghu.system)
    post = {"name": "信贷服务岗", "holders": [{"login": "he", "capacity": 20}]}
    made = await donghu.sun.client.put("/v1/posts/finance/credit", json=post)
    assert made.status_code == 200, made.text
    rules = [
        {"category": "01", "lead": "sme"},
        {"category": "01", "industry": "C", "tier": "srdi", "lead": "finance", "post": "credit"},
        {"place": "360102003", "co": ["bayi"]},
    ]
    asked = {"category": "0101", "place": "360102003", "industry": "3912", "tier": "srdi", "rules": rules}
    told = (await donghu.lin.client.post("/v1/routing/preview", json=asked)).json()
    assert (told["lead"], told["post"], told["person_name"], told["co"]) == ("finance", "credit", "何办", ["bayi"])
    assert [(one["line"], one["leads"]) for one in told["fitting"]] == [(2, True), (1, False), (3, False)]
    assert told["why_zh"] == (
        "责任矩阵第 0 版:类别 01、行业 C、梯度 srdi 由 finance 岗位 credit 主办;属地协办 bayi;"
        "岗位 信贷服务岗:何办 在岗,在办 0 件"
    )
    assert (await matrix_of(donghu.bureau)).version == 0
    told = (await donghu.lin.client.post("/v1/routing/preview", json=asked | {"industry": "I65"})).json()
    assert (told["lead"], told["person"], "由单位派定" in told["why_zh"]) == ("sme", None, True)
    nobody = (await donghu.lin.client.post("/v1/routing/preview", json={"category": "0101"})).json()
    assert (nobody["lead"], "分办员" in nobody["why_zh"]) == ("", True)
    assert (await donghu.zhou.client.post("/v1/routing/preview", json=asked)).status_code == 403
