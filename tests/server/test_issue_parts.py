"""Several units at one issue: parts of their own, helpers with their own clocks, and who keeps the contact with the enterprise."""

from datetime import timedelta

import pytest

from server.moment import at
from tests.server.test_issues import FRIDAY, do, filed, report

pytestmark = pytest.mark.anyio


@pytest.fixture
async def more(donghu):
    """Handlers of the other units."""
    from server.people.actions import NewPerson, add_person
    from server.people.tables import Person
    from server.sessions.actions import open_session_of
    from tests.server.conftest import Member, knock

    for login, unit in (("tang", "hr"), ("jie", "bayi")):
        new = NewPerson(login=login, name=login, unit=unit, roles=("handler",))
        added = await add_person(donghu.system, new)
        token = await open_session_of(donghu.bureau, added.id)
        donghu.members[login] = Member(added.id, donghu.bureau, login, knock(token))
    await Person.update({Person.must_change_password: False}, force=True)
    return donghu


def unit_of(shown, code: str):
    return next(unit for unit in shown["units"] if unit["code"] == code and unit["until"] is None)


async def test_a_part_of_its_own_and_a_helper_have_clocks_signatures_and_answers_of_their_own(more):
    (number,) = await filed(more, report(more))
    with at(FRIDAY):
        sent = await do(more.lin, number, "dispatch", lead="finance", split=["hr"], co=["bayi"])
        assert {unit["code"]: unit["role"] for unit in sent["units"]} == {
            "finance": "lead", "hr": "split", "bayi": "co",
        }  # fmt: skip
        assert [due["clock"] for due in unit_of(sent, "hr")["dues"]] == ["sign", "reply"]
        assert [due["clock"] for due in unit_of(sent, "bayi")["dues"]] == ["co_reply"]
        assert unit_of(sent, "hr")["due"] == unit_of(sent, "bayi")["due"] == "2026-09-22T16:00:00Z"
        assert unit_of(sent, "finance")["due"] is None, "the lead's clocks are the issue's"
        signed = await do(more.tang, number, "part-signature")
    assert signed["state"] == "DISPATCHED"
    assert unit_of(signed, "hr")["signed_at"] == "2026-09-18T02:00:00Z"
    with at(FRIDAY + timedelta(days=1)):
        await do(more.he, number, "signature")
        answered = await do(more.tang, number, "co-answer", words="社保补贴可发")
    assert (answered["state"], answered["events"][-1]["fields"]["units"]) == ("IN_PROGRESS", ["hr"])
    assert {due["clock"]: due["state"] for due in unit_of(answered, "hr")["dues"]} == {"sign": "met", "reply": "met"}
    refused = await do(more.jie, number, "signature", 403)
    assert (refused["code"], refused["details"]["units"]) == ("issue.not_yours", ["finance"])
    assert (await do(more.he, number, "part-signature", 403))["code"] == "issue.not_yours"


async def test_the_lead_collects_the_parts_before_it_answers_or_says_why_not(more):
    (number,) = await filed(more, report(more))
    await do(more.lin, number, "dispatch", lead="finance", split=["hr"], co=["bayi"])
    await do(more.he, number, "signature")
    refused = await do(more.he, number, "reply", 409, letter="A", words="已办")
    assert (refused["code"], refused["details"]["units"]) == ("issue.parts_waiting", "hr")
    told = await do(more.he, number, "co-answer", words="人社局电话答复:可发", unit="hr")
    assert unit_of(told, "hr")["answered_at"] is not None
    assert unit_of(told, "bayi")["answered_at"] is None
    assert (await do(more.he, number, "reply", letter="A", words="已办"))["state"] == "REPLIED"
    (other,) = await filed(more, report(more, 2))
    await do(more.lin, other, "dispatch", lead="finance", split=["hr"])
    await do(more.he, other, "signature")
    said = await do(more.he, other, "reply", letter="B", words="先放款", without_parts="社保部分另行答复")
    assert said["events"][-1]["fields"]["without_parts"] == "社保部分另行答复"


async def test_an_issue_waits_until_every_unit_that_was_asked_has_answered(more):
    (number,) = await filed(more, report(more))
    await do(more.lin, number, "dispatch", lead="finance")
    await do(more.he, number, "signature")
    await do(more.he, number, "co-request", co=["hr", "bayi"], words="请协办")
    first = await do(more.tang, number, "co-answer", words="无意见")
    assert (first["state"], first["events"][-1]["outcome"]) == ("WAITING_CO", "part")
    assert (await do(more.tang, number, "co-answer", 403, words="代答", unit="bayi"))["code"] == "issue.not_yours"
    assert (await do(more.he, number, "co-answer", 422, words="代答", unit="sme"))["code"] == "issue.no_part"
    assert (await do(more.jie, number, "co-answer", words="同意"))["state"] == "IN_PROGRESS"
    again = await do(more.he, number, "co-request", co=["hr"], words="再请补充")
    assert unit_of(again, "hr")["answered_at"] is None
    assert (await do(more.tang, number, "co-answer", words="补充如下"))["state"] == "IN_PROGRESS"


async def test_the_clock_of_a_helper_stands_still_while_the_whole_issue_waits(more):
    (number,) = await filed(more, report(more))
    with at(FRIDAY):
        await do(more.lin, number, "dispatch", lead="finance", co=["bayi"])
        await do(more.he, number, "signature")
        waiting = await do(more.he, number, "wait", needed="审计报告")
    assert unit_of(waiting, "bayi")["due"] is None
    with at(FRIDAY + timedelta(days=4)):
        resumed = await do(more.he, number, "resumption")
    assert unit_of(resumed, "bayi")["due"] > "2026-09-22T16:00:00Z"


async def test_who_received_it_first_keeps_the_contact_until_another_unit_signs(more):
    (number,) = await filed(more, report(more))
    sent = await do(more.lin, number, "dispatch", lead="finance")
    assert sent["contact"] == {"code": "bayi", "name": "八一桥街道办", "by_signing": False}
    returned = await do(more.he, number, "return-request", reason="不属", ground="三定", suggested_unit="hr")
    assert returned["contact"]["code"] == "bayi"
    await do(more.lin, number, "return-decision", outcome="granted", reason="同意")
    await do(more.lin, number, "dispatch", lead="hr")
    signed = await do(more.tang, number, "signature")
    assert signed["contact"] == {"code": "hr", "name": "区人社局", "by_signing": True}


async def test_what_is_on_account_is_reviewed_each_month_against_its_milestones(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        body = {"plan": "分两期支付", "reason": "财政安排", "milestone_on": "2026-10-31"}
        past = await do(donghu.sun, number, "account", 422, **(body | {"milestone_on": "2026-09-17"}))
        assert past["code"] == "issue.milestone_past"
        steps = [{"on": "2026-10-31", "what": "第一期"}, {"on": "2026-12-31", "what": "第二期"}]
        on_account = await do(donghu.sun, number, "account", **body, milestones=steps)
    assert on_account["account"]["milestones"] == steps
    assert {due["clock"]: due["day"] for due in on_account["dues"]}["account_review"] == "2026-10-19"
    with at(FRIDAY + timedelta(days=28)):
        reviewed = await do(
            donghu.sun, number, "account-review", words="第一期到账", milestone_on="2026-12-31", milestones=steps[1:]
        )
    account = reviewed["account"]
    assert (reviewed["state"], account["milestone_on"], account["milestones"]) == ("LONG_TERM", "2026-12-31", steps[1:])
    assert [review["words"] for review in account["reviews"]] == ["第一期到账"]
    due = next(due for due in reviewed["dues"] if due["clock"] == "account_review")
    assert (due["state"], due["day"]) == ("running", "2026-11-16"), "the next one is a month after the last"
    assert {due["clock"]: due["state"] for due in reviewed["dues"]}["solve"] == "stopped"
    ended = await do(donghu.sun, number, "account-end", words="付清")
    assert (ended["state"], ended["account"]) == ("IN_PROGRESS", None)


async def test_those_outside_are_reminded_and_the_next_reminder_counts_from_then(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        body = {"to": "市银保监分局", "number": "银2026-118"}
        sent = (await donghu.lin.client.post(f"/v1/issues/{number}/transfer", json=body)).json()
    first = next(due for due in sent["dues"] if due["clock"] == "reminder")
    with at(FRIDAY + timedelta(days=20)):
        again = await do(donghu.lin, number, "reminders", channel="phone", words="下周答复")
    second = next(due for due in again["dues"] if due["clock"] == "reminder")
    assert again["state"] == "TRANSFERRED_UP"
    assert second["day"] > first["day"]
    replied = await do(donghu.lin, number, "outside-reply", letter="A", words="已协调")
    assert replied["state"] == "REPLIED"


async def test_what_is_raised_has_somebody_who_owns_it(donghu):
    (number,) = await filed(donghu, report(donghu))
    assert (await do(donghu.sun, number, "escalation", 404, reason="久拖", owner="nobody"))["code"] == "person.unknown"
    raised = await do(donghu.sun, number, "escalation", reason="久拖", owner="sun")
    assert (raised["escalated"], raised["escalation_owner"]) == (True, str(donghu.sun.id))
    assert raised["events"][-1]["fields"]["owner_name"] == "孙督"


async def test_a_case_left_out_of_the_rates_says_why_and_can_come_back(donghu):
    (number,) = await filed(donghu, report(donghu))
    left_out = await do(donghu.sun, number, "exclusion", reason="恶意重复投诉")
    assert (left_out["excluded"], left_out["exclusion"]) == (True, "恶意重复投诉")
    assert (await do(donghu.sun, number, "exclusion", 409, reason="x"))["code"] == "issue.excluded"
    seen = (await donghu.zhou.client.get(f"/v1/issues/{number}")).json()
    assert seen["exclusion"] == "恶意重复投诉", "the reason is for all to see"
    refused = await do(donghu.lin, number, "inclusion", 403, reason="x")
    assert (refused["code"], refused["details"]["roles"]) == ("permission.missing", ["supervisor"])
    back = await do(donghu.sun, number, "inclusion", reason="复核后并非恶意")
    assert (back["excluded"], back["exclusion"]) == (False, "")
    assert (await do(donghu.sun, number, "inclusion", 409, reason="x"))["code"] == "issue.included"


async def test_a_desk_that_has_not_seen_the_last_step_is_told_the_newer_state(donghu):
    (number,) = await filed(donghu, report(donghu))
    opened = await donghu.lin.client.get(f"/v1/issues/{number}")
    assert (opened.headers["etag"], opened.json()["n"]) == ('"1"', 1)
    sent = await donghu.lin.client.post(
        f"/v1/issues/{number}/dispatch", json={"lead": "finance"}, headers={"If-Match": opened.headers["etag"]}
    )
    assert (sent.status_code, sent.json()["n"]) == (201, 2)
    stale = await donghu.lin.client.post(
        f"/v1/issues/{number}/refusal?base=1", json={"ground": "emergency", "words": "x"}
    )
    told = stale.json()
    assert (stale.status_code, told["code"]) == (409, "issue.stale")
    newer = {name: told["details"][name] for name in ("base", "n", "state", "verb", "person")}
    assert newer == {"base": 1, "n": 2, "state": "DISPATCHED", "verb": "dispatch", "person": "林派"}
    for wrong in ('"x"', "-1", '"1", "2"'):
        answer = await donghu.he.client.post(f"/v1/issues/{number}/signature", json={}, headers={"If-Match": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")
    fresh = await donghu.he.client.post(f"/v1/issues/{number}/signature", json={}, headers={"If-Match": 'W/"2"'})
    assert fresh.json()["state"] == "IN_PROGRESS"


async def test_a_refused_move_names_what_is_allowed_and_who_may(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance", co=["hr"])
    refused = await do(donghu.he, number, "reply", 409, letter="A", words="好了")
    allowed = {one["verb"]: one for one in refused["details"]["allowed"]}
    assert allowed["sign"] == {
        "verb": "sign", "zh": "签收", "en": "sign", "roles": ["handler"], "units": ["finance"],
    }  # fmt: skip
    assert allowed["answer_co"]["units"] == ["finance", "hr"]
    assert allowed["withdraw"]["roles"] == ["commissioner"]
    assert "reply" not in allowed
