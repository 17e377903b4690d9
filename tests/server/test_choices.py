"""Which policy an issue gets when nobody names one: a bureau's rules, dated and checked, and the reason shown on the issue."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.clocks.choosing.rules import ChoiceEdition, ChoiceRule, choose, shipped_rules
from server.clocks.policy import shipped_policies
from server.moment import at
from server.routing.actions import load_taxonomy
from tests.server.test_demo import console
from tests.server.test_issues import FRIDAY, do, filed, report
from tests.server.test_policies import shown
from tests.server.test_timers import noon

pytestmark = pytest.mark.anyio


async def put(donghu, rules: list[dict], status: int = 200, **also) -> dict:
    await load_taxonomy(donghu.system)
    with at(FRIDAY):
        answer = await donghu.sun.client.put("/v1/clock-choices", json={"rules": rules} | also)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_what_is_urgent_and_what_comes_as_a_motion_counts_by_its_own_policy(donghu):
    reports = [
        report(donghu, 1, urgency="urgent"),
        report(donghu, 2, source="proposal", origin="desk"),
        report(donghu, 3, category="1101"),
        report(donghu, 4, category="0101"),
    ]
    numbers = await filed(donghu, *reports)
    found = [await shown(donghu, number) for number in numbers]
    assert [one["policy"] for one in found] == ["urgent", "proposals", "consult", "ordinary"]
    assert {due["policy"] for due in found[0]["dues"]} == {"urgent@1"}
    assert found[0]["chosen"]["why_zh"] == "时限选择规则第 1 版:紧急程度 urgent 适用 urgent(紧急诉求)"
    assert "no rule fits" in found[3]["chosen"]["why_en"]
    assert not any(one["chosen"]["is_named"] for one in found)


async def test_a_bureaus_own_rules_hold_from_their_day_and_open_issues_keep_what_they_have(donghu):
    (before,) = await filed(donghu, report(donghu, 1, category="0101"))
    rules = [{"category": "01", "policy": "complex", "zh": "涉及多家银行"}, {"category": "0101", "policy": "shandong"}]
    made = await put(donghu, rules, note="金融")
    assert (made["version"], made["in_force"]) == (2, True)
    numbers = await filed(donghu, report(donghu, 2, category="0101"), report(donghu, 3, category="0102"))
    found = [(await shown(donghu, number))["policy"] for number in (before, *numbers)]
    assert found == ["ordinary", "shandong", "complex"]
    later = await put(donghu, [], valid_from=made["valid_from"])
    assert (later["version"], later["rules"]) == (3, [])
    (plain,) = await filed(donghu, report(donghu, 4, category="0101", urgency="urgent"))
    assert (await shown(donghu, plain))["policy"] == "ordinary"
    editions = (await donghu.lin.client.get("/v1/clock-choices/editions")).json()
    assert [(one["version"], one["in_force"]) for one in editions] == [(3, True), (2, False), (1, False)]


async def test_a_correction_at_dispatch_chooses_anew_unless_a_policy_is_named(donghu):
    numbers = await filed(donghu, *(report(donghu, n, category="0101") for n in range(1, 5)))
    corrected, urgent, named, as_it_was = numbers
    await do(donghu.lin, corrected, "dispatch", lead="finance", category="1101")
    await do(donghu.lin, urgent, "dispatch", lead="finance", urgency="urgent")
    await do(donghu.lin, named, "dispatch", lead="finance", category="1101", policy="window")
    await do(donghu.lin, as_it_was, "dispatch", lead="finance", category="0101")
    found = [await shown(donghu, number) for number in numbers]
    assert [one["policy"] for one in found] == ["consult", "urgent", "window", "ordinary"]
    assert [one["chosen"]["is_named"] for one in found] == [False, False, True, False]
    assert found[1]["urgency"] == "urgent"
    assert {due["policy"] for due in found[0]["dues"]} == {"consult@1"}


async def test_a_policy_a_dispatcher_named_survives_the_next_correction(donghu):
    (number,) = await filed(donghu, report(donghu, 1, category="0101"))
    await do(donghu.lin, number, "dispatch", lead="finance", policy="complex")
    await do(donghu.he, number, "return-request", reason="非本单位职责", ground="三定方案", suggested_unit="hr")
    await do(donghu.lin, number, "return-decision", outcome="granted", reason="同意")
    await do(donghu.lin, number, "dispatch", lead="hr", category="1101")
    one = await shown(donghu, number)
    assert (one["policy"], one["chosen"]["is_named"], one["category"]) == ("complex", True, "1101")


async def test_every_complaint_is_listed_and_nothing_is_half_written(donghu):
    await load_taxonomy(donghu.system)
    rules = [
        {"policy": "none"}, {"category": "7777", "policy": "urgent"}, {"source": "moon", "policy": "urgent"},
        {"urgency": "urgent", "policy": "urgent"}, {"urgency": "urgent", "policy": "consult"},
    ]  # fmt: skip
    answer = await donghu.sun.client.post("/v1/clock-choices/check", json={"rules": rules, "valid_from": "2020-01-01"})
    places = ["rules[1].policy", "rules[2].category", "rules[3].source", "rules[5]", "valid_from"]
    assert [one["at"] for one in answer.json()] == places
    refused = await put(donghu, rules, 422)
    assert refused["code"] == "choice.invalid"
    assert [one["at"] for one in refused["details"]["complaints"]] == places[:-1]
    assert (await donghu.sun.client.get("/v1/clock-choices")).json()["version"] == 1
    unknown = await donghu.sun.client.put("/v1/clock-choices", json={"rules": [{"policy": "urgent", "kind": "x"}]})
    assert unknown.status_code == 400
    assert (await donghu.lin.client.put("/v1/clock-choices", json={"rules": []})).status_code == 403
    assert (await donghu.zhou.client.get("/v1/clock-choices")).status_code == 403


async def test_rules_that_begin_later_are_not_in_force_yet(donghu):
    made = await put(donghu, [{"policy": "complex"}], valid_from="2026-10-01")
    assert made["in_force"] is False
    (before,) = await filed(donghu, report(donghu, 1))
    (after,) = await filed(donghu, report(donghu, 2, reported_at=noon("2026-10-01")))
    assert [(await shown(donghu, number))["policy"] for number in (before, after)] == ["ordinary", "complex"]


async def test_the_console_shows_checks_and_loads_the_rules(donghu, tmp_path):
    code, text, err = await console("policy", "choices", "show", "--json")
    assert (code, err, json.loads(text)["version"]) == (0, "", 1)
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes("category,urgency,source,policy,zh,en\n,pressing,,shandong,较急,\n".encode("gb18030"))
    bad.write_text("category,urgency,source,policy\n,,,none\n", encoding="utf-8")
    code, text, err = await console("policy", "choices", "load", str(bad), "--check", "--json")
    assert (code, [one["at"] for one in json.loads(text)]) == (0, ["rules[1].policy"])
    code, text, err = await console("policy", "choices", "load", str(good))
    assert (code, err) == (0, "")
    (own,) = (await donghu.sun.client.get("/v1/clock-choices")).json()["rules"]
    assert (own["urgency"], own["policy"], own["zh"]) == ("pressing", "shandong", "较急")
    bad.write_text("policy\nurgent\n", encoding="utf-8")
    code, text, err = await console("policy", "choices", "load", str(bad))
    assert code != 0
    assert "bad.csv" in err


RULES = st.lists(
    st.builds(
        ChoiceRule,
        category=st.sampled_from(["", "01", "0101", "02"]),
        urgency=st.sampled_from(["", "urgent", "normal"]),
        source=st.sampled_from(["", "visit", "proposal"]),
        policy=st.sampled_from(["urgent", "consult", "complex"]),
    ),
    unique_by=lambda rule: (rule.category, rule.urgency, rule.source),
    max_size=6,
)


@given(RULES, st.sampled_from(["", "0101", "0102", "0201"]), st.sampled_from(["", "urgent"]))
def test_no_rule_that_fits_is_more_specific_and_their_order_says_nothing(rules, category, urgency):
    sources = {"visit"}
    one = choose(ChoiceEdition(version=1, rules=tuple(rules)), category, urgency, sources)
    assert choose(ChoiceEdition(version=1, rules=tuple(reversed(rules))), category, urgency, sources) == one
    fitting = [rule for rule in rules if rule.fits(category, urgency, sources)]
    assert (one.rule is None) == (fitting == [])
    assert all(rule.precision <= one.rule.precision for rule in fitting)


def test_the_shipped_rules_name_policies_that_ship():
    assert {rule.policy for rule in shipped_rules()} <= set(shipped_policies())
