"""Calling back: by somebody else, everybody who spoke, three tries, and a bad answer reopens."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.callbacks.answers import Answers, is_conclusive, missing, needs_redo
from server.moment import at
from server.people.actions import NewPerson, add_person, load_actor
from server.people.actor import SYSTEM
from server.people.tables import Person
from server.sessions.actions import open_session_of
from tests.server.conftest import Member, knock
from tests.server.test_issues import FRIDAY, do, filed, report

WELL = {
    "reached": "reached",
    "contacted": "yes",
    "solved": "solved",
    "satisfied": "satisfied",
    "attitude": 5,
    "speed": 4,
}
BADLY = WELL | {
    "satisfied": "dissatisfied",
    "solved": "unsolved",
    "why_not": ["vague_answer"],
    "why_words": "没有时间表",
}


async def signed_off(donghu, number: str) -> None:
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        await answered(donghu, number)


async def answered(donghu, number: str) -> None:
    await do(donghu.he, number, "reply", letter="A", words="已授信")
    await do(donghu.wu, number, "review", outcome="signed_off")


async def hire(donghu, login: str, unit: str, *roles: str) -> Member:
    added = await add_person(donghu.system, NewPerson(login=login, name=login, unit=unit, roles=roles))
    await Person.update({Person.must_change_password: False}, force=True)
    token = await open_session_of(donghu.bureau, added.id)
    return Member(added.id, donghu.bureau, login, knock(token))


@pytest.mark.anyio
async def test_a_satisfied_enterprise_closes_the_issue_with_the_letter_of_the_reply(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    told = await do(donghu.qian, number, "callbacks", **WELL, respondent="王经理")
    assert told["state"] == "CLOSED"
    shown = (await donghu.sun.client.get(f"/v1/issues/{number}")).json()
    assert (shown["letter"], shown["letter_definition"], shown["next_due"]) == ("A", "已解决", None)
    last = shown["events"][-2:]
    assert [event["verb"] for event in last] == ["call_back", "close"]
    assert [event["person"] for event in last] == [str(donghu.qian.id), str(SYSTEM)], "the caller is not the closer"
    assert last[1]["fields"]["letter_definition"] == "已解决"


@pytest.mark.anyio
async def test_the_respondent_is_shown_to_callers_only_and_stays_out_of_the_timeline(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    await do(donghu.qian, number, "callbacks", **WELL, respondent="王经理")
    full = (await donghu.qian.client.get(f"/v1/issues/{number}/callbacks")).json()
    masked = (await donghu.sun.client.get(f"/v1/issues/{number}/callbacks")).json()
    assert (full[0]["respondent"], masked[0]["respondent"]) == ("王经理", "王")
    assert "王经理" not in (await donghu.sun.client.get(f"/v1/issues/{number}")).text


@pytest.mark.anyio
async def test_whoever_handled_an_issue_may_neither_call_back_nor_close_it(donghu):
    (number,) = await filed(donghu, report(donghu))
    both = await hire(donghu, "both", "finance", "handler", "callback_officer", "coordinator")
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(both, number, "signature")
        await do(both, number, "reply", letter="B", words="推进中")
        await do(donghu.wu, number, "review", outcome="signed_off")
        refused = await do(both, number, "callbacks", 403, **WELL)
        assert (refused["code"], refused["details"]["done"]) == ("issue.same_person", "签收")
        assert (await do(both, number, "closing", 403, proof="x"))["code"] == "issue.same_person"
    await both.client.aclose()


@pytest.mark.anyio
async def test_a_caller_may_not_close_and_a_coordinator_not_before_the_call_back(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    boss = await hire(donghu, "boss", "donghu", "coordinator", "callback_officer")
    with at(FRIDAY):
        early = await do(boss, number, "closing", 409, proof="凭证")
        assert (early["code"], early["details"]["count"]) == ("callback.waiting", 1)
        await do(boss, number, "callbacks", reached="no_answer")
        assert (await do(boss, number, "closing", 403, proof="凭证"))["code"] == "issue.same_person"
    await boss.client.aclose()


@pytest.mark.anyio
async def test_dissatisfied_for_a_reason_of_the_unit_s_own_reopens_and_a_second_time_escalates(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    with at(FRIDAY + timedelta(days=3)):
        told = await do(donghu.qian, number, "callbacks", **BADLY, subjective=True)
        assert told["state"] == "REOPENED"
        shown = (await donghu.he.client.get(f"/v1/issues/{number}")).json()
        assert (shown["redos"], shown["escalated"], shown["next_clock"]) == (1, False, "redo")
        await answered(donghu, number)
        again = await do(donghu.qian, number, "callbacks", **WELL, redo=True)
        assert (again["state"], again["callback"]["turn"]) == ("REOPENED", 1)
        shown = (await donghu.he.client.get(f"/v1/issues/{number}")).json()
        assert (shown["redos"], shown["escalated"]) == (2, True)
        await answered(donghu, number)
        assert (await do(donghu.qian, number, "callbacks", **WELL))["state"] == "CLOSED"


@pytest.mark.anyio
async def test_dissatisfied_with_the_policy_itself_closes_and_says_so(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    assert (await do(donghu.qian, number, "callbacks", **(BADLY | {"why_not": ["policy"]})))["state"] == "CLOSED"


@pytest.mark.anyio
async def test_three_tries_on_three_working_days_end_the_trying(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    sunday_off, monday, tuesday, wednesday = (FRIDAY + timedelta(days=days) for days in (9, 10, 11, 12))
    states = []
    for moment in (sunday_off, monday, monday + timedelta(hours=3), tuesday, wednesday):
        with at(moment):
            states.append((await do(donghu.qian, number, "callbacks", reached="no_answer"))["state"])
    assert states == ["PENDING_CALLBACK"] * 4 + ["CLOSED"]
    tries = (await donghu.qian.client.get(f"/v1/issues/{number}/callbacks")).json()
    assert [(one["n"], one["concludes"]) for one in tries] == [
        (1, False),
        (2, False),
        (3, False),
        (4, False),
        (5, True),
    ]


@pytest.mark.anyio
async def test_every_reporter_of_a_merged_issue_is_called_before_it_closes(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2, person=donghu.qian.id))
    await do(donghu.lin, numbers[1], "merge", into=numbers[0], reason="同一问题")
    await signed_off(donghu, numbers[0])
    asked = await do(donghu.qian, numbers[0], "callbacks", 422, **WELL)
    assert (asked["code"], len(asked["details"]["reports"])) == ("callback.which", 2)
    first = await do(donghu.qian, numbers[0], "callbacks", **WELL, report=str(UUID(int=1)))
    assert first["state"] == "PENDING_CALLBACK"
    assert (await do(donghu.qian, numbers[0], "callbacks", 422, **WELL, report=str(UUID(int=1))))[
        "code"
    ] == "callback.which"
    assert (await do(donghu.qian, numbers[0], "callbacks", **WELL))["state"] == "CLOSED"


@pytest.mark.anyio
async def test_a_sampled_call_back_confirms_or_reopens_what_was_solved_on_site(donghu):
    good, bad = await filed(donghu, report(donghu, 1, solved_on_site=True), report(donghu, 2, solved_on_site=True))
    assert (await do(donghu.qian, good, "callbacks", **WELL))["state"] == "CLOSED"
    assert (await do(donghu.qian, bad, "callbacks", **BADLY, redo=True))["state"] == "REOPENED"
    assert (await do(donghu.lin, bad, "assignment", lead="finance"))["lead"] == "finance"
    assert (await do(donghu.he, bad, "signature"))["state"] == "IN_PROGRESS"


@pytest.mark.anyio
async def test_an_incomplete_or_early_call_back_is_refused(donghu):
    (number,) = await filed(donghu, report(donghu))
    early = await do(donghu.qian, number, "callbacks", 409, **WELL)
    assert early["code"] == "callback.not_due"
    await signed_off(donghu, number)
    lacking = await do(donghu.qian, number, "callbacks", 422, reached="reached", satisfied="dissatisfied")
    assert lacking["details"]["fields"] == ["contacted", "solved", "why_not", "why_words"]
    assert (await do(donghu.he, number, "callbacks", 403, **WELL))["code"] == "permission.missing"


@pytest.mark.anyio
async def test_a_commissioner_who_did_not_handle_it_may_call_back(donghu):
    (number,) = await filed(donghu, report(donghu))
    await signed_off(donghu, number)
    actor = await load_actor(donghu.bureau, donghu.zhou.id)
    assert actor.may("issue.call_back")
    assert (await do(donghu.zhou, number, "callbacks", **WELL))["state"] == "CLOSED"


ANSWERS = st.builds(
    Answers,
    reached=st.sampled_from(["reached", "no_answer", "wrong_number", "refused"]),
    satisfied=st.sampled_from(["", "satisfied", "mostly", "dissatisfied"]),
    solved=st.sampled_from(["", "solved", "only_explained"]),
    contacted=st.sampled_from(["", "yes"]),
    why_not=st.lists(st.sampled_from(["policy", "other"]), max_size=2),
    why_words=st.sampled_from(["", "x"]),
    subjective=st.booleans(),
    redo=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(answers=ANSWERS)
def test_only_dissatisfaction_with_a_cause_in_the_unit_or_the_caller_s_word_sends_back(answers):
    if needs_redo(answers) and not answers.redo:
        assert answers.satisfied == "dissatisfied"
        assert answers.subjective
    if answers.reached != "reached":
        assert missing(answers) == []
        assert is_conclusive(answers, []) == (answers.reached == "refused")


def form_e(issue: str, **answers):
    """A filled-in call-back questionnaire."""
    told = {"solved": "yes", "satisfied": "yes", "contacted": "unsure", "attitude": 5, **answers}
    return {
        "form": "issue_callback",
        "origin": "callback",
        "filled_at": "2026-11-20T10:00:00+08:00",
        "answers": {"issue": issue, "caller": "钱访", "at": "2026-11-20T10:00:00+08:00", "channel": "sms", "attempt": 1,
                    "reached": "reached", "answers": told},
    }  # fmt: skip


@pytest.mark.anyio
async def test_the_call_back_questionnaire_is_a_call_back(donghu):
    from tests.server.fieldwork import publish

    version = await publish(donghu, "issue_callback")
    well, badly, early = await filed(donghu, *(report(donghu, n) for n in (1, 2, 3)))
    ids = {line["number"]: line["id"] for line in (await donghu.lin.client.get("/v1/issues")).json()["items"]}
    for number in (well, badly):
        await signed_off(donghu, number)
    worse = {"satisfied": "no", "solved": "no", "why_not": ["slow", "vague"], "why_not_text": "一个月没人管"}
    worse |= {"subjective": "yes", "redo": "yes"}
    for number, answers in ((well, {}), (badly, worse), (early, {})):
        sent = await donghu.qian.client.post("/v1/records", json=form_e(ids[number], **answers) | {"version": version})
        assert sent.status_code == 201, sent.text
    states = {
        line["number"]: line["state"] for line in (await donghu.sun.client.get("/v1/issues?state=all")).json()["items"]
    }
    assert states == {well: "CLOSED", badly: "REOPENED", early: "SUBMITTED"}
    (told,) = (await donghu.qian.client.get(f"/v1/issues/{badly}/callbacks")).json()
    assert (told["channel"], told["contacted"], told["why_not"]) == (
        "sms_link",
        "not_sure",
        ["too_slow", "vague_answer"],
    )
    last = (await donghu.sun.client.get(f"/v1/issues/{early}")).json()["events"][-1]
    assert last["verb"] == "note"
    assert "不需要回访" in last["fields"]["words"]
