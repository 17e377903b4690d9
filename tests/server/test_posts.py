"""Posts and who is on duty: on duty, below capacity, least loaded, longest without; substitutes; an honest nobody."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.people.actions import NewPerson, add_person
from server.routing.posts.choice import Holder, choose_holder

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
