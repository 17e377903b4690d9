"""Posts and who is on duty: on duty, below capacity, least loaded, longest without; substitutes; an honest nobody."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.issues.duty.waiting import offer_all
from server.moment import at
from server.people.actions import NewPerson, add_person
from server.routing.actions import load_taxonomy, replace_rules
from server.routing.posts.choice import Holder, choose_holder
from server.routing.route import Rule
from tests.server.test_issues import FRIDAY, do, filed, report

PERSONS = [UUID(int=n) for n in range(1, 6)]
MORNING = datetime(2026, 9, 18, 2, tzinfo=UTC)
HOLDERS = st.lists(
    st.builds(
        Holder,
        person=st.sampled_from(PERSONS),
        name=st.just("某人"),
        load=st.integers(0, 3),
        capacity=st.integers(0, 3),
        given_at=st.none() | st.integers(0, 3).map(lambda hours: MORNING + timedelta(hours=hours)),
        has_left=st.booleans(),
        away_until=st.none() | st.just(date(2026, 9, 30)),
        substitute=st.none() | st.sampled_from(PERSONS),
    ),
    unique_by=lambda holder: holder.person,
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(everybody=HOLDERS, held=st.integers(0, 5), unwanted=st.frozensets(st.sampled_from(PERSONS)))
def test_whoever_is_chosen_is_on_duty_has_room_and_nobody_able_has_less(everybody, held, unwanted):
    known = {holder.person: holder for holder in everybody}
    holders = everybody[:held]
    choice = choose_holder("岗", holders, known, unwanted)
    assert len(choice.considered) == len(holders)
    assert choice.why_zh
    assert choice.why_en
    able = [one for one in choice.considered if one.verdict in ("free", "chosen")]
    assert (choice.person is None) == (not able)
    for one in able:
        person = known[one.person]
        assert person.is_on_duty
        assert one.person not in unwanted
        assert one.capacity == 0 or person.load < one.capacity
    if choice.person is not None:
        assert [one.person for one in able if one.verdict == "chosen"] == [choice.person]
        assert known[choice.person].load == min(one.load for one in able)
    on_duty = [one for one in holders if one.is_on_duty and one.person not in unwanted]
    if any(one.capacity == 0 or one.load < one.capacity for one in on_duty):
        assert choice.person is not None, "somebody able is never passed over for nobody"


def test_equal_loads_go_to_whoever_has_been_longest_without():
    early, late = (
        Holder(person=person, name="甲乙"[n], load=2, given_at=MORNING + timedelta(hours=n))
        for n, person in enumerate(PERSONS[:2])
    )
    known = {early.person: early, late.person: late}
    assert choose_holder("岗", [late, early], known).person == early.person


def test_a_chain_of_substitutes_is_followed_and_a_circle_ends():
    away = date(2026, 9, 30)
    first = Holder(person=PERSONS[0], name="甲", away_until=away, substitute=PERSONS[1], capacity=5)
    second = Holder(person=PERSONS[1], name="乙", away_until=away, substitute=PERSONS[2])
    third = Holder(person=PERSONS[2], name="丙", load=1)
    known = {one.person: one for one in (first, second, third)}
    choice = choose_holder("岗", [first], known)
    assert (choice.name, choice.considered[0].stands_in_for, choice.considered[0].capacity) == ("丙", "甲", 5)
    known[PERSONS[1]] = Holder(person=PERSONS[1], name="乙", away_until=away, substitute=PERSONS[0])
    nobody = choose_holder("岗", [first], known)
    assert (nobody.person, nobody.considered[0].verdict) == (None, "away")
    assert nobody.why_zh == "岗位 岗 暂无可派之人(甲 不在岗且无人代办),待单位派定"


async def with_yu(donghu):
    """A second handler at the finance centre."""
    new = NewPerson(login="yu", name="于办", unit="finance", roles=("handler",))
    return await add_person(donghu.system, new, with_password=False)


@pytest.mark.anyio
async def test_a_post_has_holders_and_shows_who_is_away(donghu):
    await with_yu(donghu)
    body = {"name": "信贷服务岗", "holders": [{"login": "he", "capacity": 20, "substitute": "yu"}, {"login": "yu"}]}
    answer = await donghu.sun.client.put("/v1/posts/finance/credit", json=body)
    assert answer.status_code == 200, answer.text
    today = date.today()
    absence = {"login": "he", "starts_on": str(today - timedelta(days=1)), "ends_on": str(today), "reason": "出差"}
    noted = await donghu.he.client.post("/v1/absences", json=absence)
    assert noted.status_code == 201, noted.text
    (post,) = (await donghu.lin.client.get("/v1/posts", params={"unit": "finance"})).json()
    assert [(one["login"], one["is_on_duty"], one["substitute"]) for one in post["holders"]] == [
        ("he", False, "yu"), ("yu", True, ""),
    ]  # fmt: skip
    assert [one["login"] for one in (await donghu.lin.client.get("/v1/absences")).json()] == ["he"]
    ended = await donghu.sun.client.post(f"/v1/absences/{noted.json()['id']}/end")
    assert (ended.status_code, ended.json()["ends_on"]) == (201, str(today - timedelta(days=1)))
    (post,) = (await donghu.lin.client.get("/v1/posts")).json()
    assert post["holders"][0]["is_on_duty"]
    assert (await donghu.sun.client.post(f"/v1/absences/{noted.json()['id']}/end")).json()["code"] == "absence.unknown"
    retired = await donghu.sun.client.post("/v1/posts/finance/credit/retirement")
    assert retired.json()["is_retired"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "岗", "holders": [{"login": "nobody"}]}, 404, "person.unknown"),
        ({"name": "岗", "holders": [{"login": "he"}, {"login": "he"}]}, 422, "post.holder_twice"),
        ({"name": "岗", "holders": [{"login": "zhou"}]}, 422, "post.holder_cannot"),
        ({"name": "岗", "holders": [{"login": "he", "capacity": -1}]}, 400, "request.malformed"),
        ({"name": "岗", "boss": "he"}, 400, "request.malformed"),
    ],
)
async def test_a_post_that_cannot_be_is_refused(donghu, body, status, code):
    answer = await donghu.sun.client.put("/v1/posts/finance/credit", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await donghu.lin.client.get("/v1/posts")).json() == []


@pytest.mark.anyio
async def test_absences_of_others_need_a_right_and_days_that_make_sense(donghu):
    day = {"starts_on": "2026-10-08", "ends_on": "2026-10-16"}
    answer = await donghu.he.client.post("/v1/absences", json=day | {"login": "wu"})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission.missing")
    outside = await donghu.lin.client.post("/v1/absences", json=day | {"login": "wu"})
    assert (outside.status_code, outside.json()["code"]) == (404, "person.unknown"), "lin dispatches for another unit"
    backwards = day | {"login": "he", "ends_on": "2026-10-07"}
    assert (await donghu.sun.client.post("/v1/absences", json=backwards)).json()["code"] == "absence.days"
    own = await donghu.sun.client.post("/v1/absences", json=day | {"login": "he", "substitute": "he"})
    assert own.json()["code"] == "absence.substitute"
    assert (await donghu.he.client.put("/v1/posts/finance/x", json={"name": "岗"})).status_code == 403


POST = {"name": "信贷服务岗", "holders": [{"login": "he", "capacity": 1}, {"login": "yu", "capacity": 2}]}


async def with_posts(donghu, body=POST) -> None:
    """Finance has a post of two handlers; finance leads what is about money, by that post."""
    await load_taxonomy(donghu.system)
    await with_yu(donghu)
    answer = await donghu.sun.client.put("/v1/posts/finance/credit", json=body)
    assert answer.status_code == 200, answer.text
    rules = [Rule(category="01", lead="finance", post="credit"), Rule(category="03", lead="hr")]
    with at(FRIDAY):
        await replace_rules(donghu.system, rules)


async def shown(donghu, number: str) -> dict:
    return (await donghu.lin.client.get(f"/v1/issues/{number}")).json()


@pytest.mark.anyio
async def test_a_dispatched_issue_gets_a_person_with_reasons_until_nobody_has_room(donghu):
    await with_posts(donghu)
    numbers = await filed(donghu, *[report(donghu, n) for n in range(1, 6)])
    handlers = []
    for number in numbers:
        sent = await do(donghu.lin, number, "dispatch")
        handlers.append(sent["duties"][0]["handler"])
    assert handlers == ["he", "yu", "yu", "", ""]
    first, last = await shown(donghu, numbers[0]), await shown(donghu, numbers[4])
    assert first["handler"] == str(donghu.he.id)
    assert first["duties"][0]["why_zh"] == "岗位 信贷服务岗:何办 在岗,在办 0 件,2 人中最少或最久未接件"
    assert [one["verdict"] for one in first["duties"][0]["considered"]] == ["chosen", "free"]
    assert last["handler"] is None
    assert last["duties"][0]["why_zh"] == "岗位 信贷服务岗 暂无可派之人(何办 在办已满、于办 在办已满),待单位派定"
    waiting = (await donghu.he.client.get("/v1/duty/waiting", params={"kind": "no_handler"})).json()
    assert [one["number"] for one in waiting] == numbers[3:]
    assert waiting[0]["why_en"] == last["duties"][0]["why_en"]
    (post,) = (await donghu.lin.client.get("/v1/posts")).json()
    assert [one["open"] for one in post["holders"]] == [1, 2]


@pytest.mark.anyio
async def test_whoever_gets_room_is_offered_what_has_waited_longest(donghu):
    await with_posts(donghu)
    numbers = await filed(donghu, *[report(donghu, n) for n in range(1, 6)])
    for number in reversed(numbers):
        await do(donghu.lin, number, "dispatch")
    assert [(await shown(donghu, number))["handler"] is None for number in numbers] == [True, True, False, False, False]
    more = POST | {"holders": [{"login": "he", "capacity": 2}, {"login": "yu", "capacity": 2}]}
    assert (await donghu.sun.client.put("/v1/posts/finance/credit", json=more)).status_code == 200
    oldest = await shown(donghu, numbers[0])
    assert (oldest["handler"], oldest["events"][-1]["verb"]) == (str(donghu.he.id), "reassign")
    assert "候派已久者先派" in oldest["duties"][0]["why_zh"]
    assert (await shown(donghu, numbers[1]))["handler"] is None
    await do(donghu.zhou, numbers[2], "withdrawal", words="企业自行解决")
    assert (await shown(donghu, numbers[1]))["handler"] is not None, "what ends makes room at once"


@pytest.mark.anyio
async def test_the_substitute_stands_in_and_the_absent_get_nothing_back(donghu):
    body = {"name": "信贷服务岗", "holders": [{"login": "he"}]}
    await with_posts(donghu, body)
    (one, two) = await filed(donghu, report(donghu, 1), report(donghu, 2))
    assert (await do(donghu.lin, one, "dispatch"))["handler"] == str(donghu.he.id)
    today = date.today()
    absence = {"login": "he", "starts_on": str(today), "ends_on": str(today + timedelta(days=3)), "substitute": "yu"}
    noted = (await donghu.he.client.post("/v1/absences", json=absence)).json()
    sent = await do(donghu.lin, two, "dispatch")
    assert sent["duties"][0]["handler"] == "yu"
    assert sent["duties"][0]["why_zh"] == "岗位 信贷服务岗:何办 不在岗,由 于办 代办,在办 0 件"
    refused = await donghu.wu.client.post(f"/v1/issues/{two}/handler", json={"to": "he", "reason": "熟悉情况"})
    assert (refused.status_code, refused.json()["code"]) == (409, "duty.away")
    moved = await do(donghu.wu, one, "handler", reason="何办出差")
    assert moved["duties"][0]["handler"] == "yu", "the post chooses among the others when nobody is named"
    assert moved["events"][-1]["verb_zh"] == "改派经办人"
    assert (await donghu.sun.client.post(f"/v1/absences/{noted['id']}/end")).status_code == 201
    back = await do(donghu.wu, one, "handler", to="he", reason="何办回岗")
    assert (back["handler"], back["duties"][0]["decided_by"]) == (str(donghu.he.id), "吴审")
    assert len(back["duties"]) == 3, "every decision stays on record"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "he", "reason": "再派"}, 409, "duty.same"),
        ({"to": "nobody", "reason": "派"}, 404, "person.unknown"),
        ({"to": "zhou", "reason": "派"}, 422, "post.holder_cannot"),
        ({"reason": "派"}, 409, "duty.nobody"),
        ({"to": "yu"}, 400, "request.malformed"),
    ],
)
async def test_a_reassignment_that_cannot_be_is_refused(donghu, body, status, code):
    await with_posts(donghu, {"name": "岗", "holders": [{"login": "he"}]})
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch")
    answer = await donghu.he.client.post(f"/v1/issues/{number}/handler", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await shown(donghu, number))["handler"] == str(donghu.he.id)


@pytest.mark.anyio
async def test_without_posts_the_unit_decides_and_what_is_unclassified_waits_for_the_dispatcher(donghu):
    await load_taxonomy(donghu.system)
    number, two, three = await filed(
        donghu, report(donghu, 1), report(donghu, 2, category="9999"), report(donghu, 3, category="0301")
    )
    sent = await do(donghu.lin, number, "dispatch", lead="finance")
    assert (sent["handler"], sent["duties"]) == (None, [])
    waiting = (await donghu.lin.client.get("/v1/duty/waiting")).json()
    assert {(one["number"], one["kind"]) for one in waiting} == {
        (number, "no_handler"), (two, "unclassified"), (three, "no_lead"),
    }  # fmt: skip
    told = (await donghu.he.client.get("/v1/duty/waiting", params={"unit": "finance"})).json()
    assert [(one["number"], one["kind"]) for one in told] == [(number, "no_handler")]
    given = await do(donghu.wu, number, "handler", to="he", reason="由何办经办")
    assert given["handler"] == str(donghu.he.id)
    wrong = await donghu.lin.client.get("/v1/duty/waiting", params={"kind": "late"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "issue.filter")


@pytest.mark.anyio
async def test_what_waits_is_offered_when_an_absence_has_run_out(donghu):
    await with_posts(donghu, {"name": "岗", "holders": [{"login": "he"}]})
    (number,) = await filed(donghu, report(donghu))
    day = FRIDAY.date()
    with at(FRIDAY):
        absence = {"login": "he", "starts_on": str(day), "ends_on": str(day)}
        assert (await donghu.he.client.post("/v1/absences", json=absence)).status_code == 201
        sent = await do(donghu.lin, number, "dispatch")
        assert (sent["handler"], sent["duties"][0]["considered"][0]["verdict"]) == (None, "away")
        assert await offer_all() == 0
    with at(FRIDAY + timedelta(days=1)):
        assert await offer_all() == 1
        assert await offer_all() == 0
    assert (await shown(donghu, number))["handler"] == str(donghu.he.id)
