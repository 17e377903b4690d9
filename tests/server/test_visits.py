"""The shared calendar, the guard against visiting too often, and how a visit record finishes a plan."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.moment import today
from server.visits.calendar.guard import Neighbour, near, warn
from sync.identity import new_id
from sync.operations import kind_of
from sync.transaction import fetch
from tests.server.fieldwork import enterprises, phone, publish, submit, visit_answers

pytestmark = pytest.mark.anyio
TODAY = today()


def day(offset: int) -> str:
    return (TODAY + timedelta(days=offset)).isoformat()


async def plan(member: Any, enterprise: Any, offset: int, **more: Any) -> dict[str, Any]:
    body = {"enterprise": str(enterprise), "day": day(offset), **more}
    answer = await member.client.post("/v1/visits", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def calendar(member: Any, **query: str) -> list[dict[str, Any]]:
    answer = await member.client.get("/v1/visits", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.fixture
async def feng(donghu):
    """A second commissioner, who looks after zhou's first enterprise too once assigned."""
    from server.people.actions import NewPerson, add_person
    from server.sessions.actions import open_session_of
    from tests.server.conftest import Member, knock

    added = await add_person(donghu.system, NewPerson(login="feng", name="冯访", unit="hr", roles=("commissioner",)))
    from server.people.tables import Person

    await Person.update({Person.must_change_password: False}).where(Person.id == added.id)
    member = Member(added.id, donghu.bureau, "feng", knock(await open_session_of(donghu.bureau, added.id)))
    yield member
    await member.client.aclose()


async def share(donghu, enterprise, member) -> None:
    from server.enterprises.assignments.actions import assign_enterprise

    await assign_enterprise(donghu.system, enterprise, member.id)


async def test_the_calendar_is_shared_by_the_whole_bureau(donghu):
    one, two = await enterprises(donghu, 2)
    await plan(donghu.zhou, one, 3, purpose=["policy"])
    await plan(donghu.zhou, two, 1)
    lines = await calendar(donghu.he, **{"from": day(0), "to": day(7)})
    assert [(line["day"], line["enterprise_name"]) for line in lines] == [
        (day(1), "赣江云软件"),
        (day(3), "东湖精工仪表"),
    ]
    assert (lines[1]["person_name"], lines[1]["unit_name"], lines[1]["purpose"]) == ("周访", "八一桥街道办", ["policy"])
    assert [line["day"] for line in await calendar(donghu.he, enterprise=str(one))] == [day(3)]
    assert await calendar(donghu.he, **{"from": day(4), "to": day(7)}) == []
    refused = await donghu.he.client.get("/v1/visits", params={"from": day(7), "to": day(4)})
    assert (refused.status_code, refused.json()["code"]) == (422, "visit.period")


async def test_the_calendar_comes_in_pages_that_miss_nothing(donghu):
    (one,) = await enterprises(donghu, 1)
    for offset in (4, 1, 3, 1, 2):
        await plan(donghu.zhou, one, offset)
    found, after = [], ""
    while True:
        page = (await donghu.sun.client.get("/v1/visits", params={"limit": 2, "after": after})).json()
        found += [line["day"] for line in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == [day(1), day(1), day(2), day(3), day(4)]


async def test_a_second_visit_too_soon_is_warned_about_and_offers_to_go_together(donghu, feng):
    (one,) = await enterprises(donghu, 1)
    await share(donghu, one, feng)
    first = await plan(donghu.zhou, one, 5)
    assert first["warnings"] == []
    second = await plan(feng, one, 20)
    (warning,) = second["warnings"]
    assert warning["code"] == "visit.too_soon"
    assert warning["details"]["join"] == first["id"]
    assert "周访" in warning["zh"]
    assert "联合走访" in warning["zh"]
    assert (await plan(feng, one, 40, channel="on_site"))["warnings"][0]["details"]["visits"][0]["day"] == day(20)


async def test_a_phone_call_is_contact_and_disturbs_nobody(donghu, feng):
    (one,) = await enterprises(donghu, 1)
    await share(donghu, one, feng)
    await plan(donghu.zhou, one, 1, channel="phone")
    assert (await plan(feng, one, 2))["warnings"] == []
    assert (await plan(donghu.zhou, one, 3, channel="phone"))["warnings"] == []
    assert len(await calendar(donghu.zhou, enterprise=str(one))) == 3


async def test_a_visit_far_enough_away_or_cancelled_is_not_warned_about(donghu):
    (one,) = await enterprises(donghu, 1)
    cancelled = await plan(donghu.zhou, one, 5)
    path = f"/v1/visits/{cancelled['id']}/cancellation"
    assert (await donghu.zhou.client.post(path, json={"reason": "企业停产检修"})).json()["state"] == "cancelled"
    assert (await plan(donghu.zhou, one, 6))["warnings"] == []
    assert (await plan(donghu.zhou, one, 36))["warnings"] == []


async def test_one_plans_only_for_enterprises_in_ones_care_and_changes_only_ones_own_plans(donghu, feng):
    (one,) = await enterprises(donghu, 1)
    refused = await feng.client.post("/v1/visits", json={"enterprise": str(one), "day": day(1)})
    assert (refused.status_code, refused.json()["code"]) == (404, "enterprise.unknown")
    planned = await plan(donghu.zhou, one, 1)
    refused = await feng.client.post(f"/v1/visits/{planned['id']}/finish", json={"day": day(0)})
    assert (refused.status_code, refused.json()["code"]) == (404, "visit.unknown")
    refused = await donghu.he.client.post("/v1/visits", json={"enterprise": str(one), "day": day(1)})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
    refused = await donghu.zhou.client.post(
        "/v1/visits", json={"enterprise": str(one), "day": day(1), "channel": "fax"}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "visit.channel_unknown")


async def test_an_id_somebody_else_planned_with_is_taken(donghu, feng):
    one, two = await enterprises(donghu, 2)
    await share(donghu, two, feng)
    planned = await plan(donghu.zhou, one, 1)
    body = {"id": planned["id"], "enterprise": str(two), "day": day(1)}
    refused = await feng.client.post("/v1/visits", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "visit.id_taken")
    refused = await donghu.zhou.client.post("/v1/visits", json={**body, "companions": [str(new_id())]})
    assert (refused.status_code, refused.json()["code"]) == (404, "person.unknown")


async def test_a_visit_belongs_to_a_campaign_that_there_is(donghu):
    from server.campaigns.tables import Campaign
    from server.moment import now

    (one,) = await enterprises(donghu, 1)
    body = {"enterprise": str(one), "day": day(1), "campaign": str(new_id())}
    refused = await donghu.zhou.client.post("/v1/visits", json=body)
    assert (refused.status_code, refused.json()["code"]) == (404, "campaign.unknown")
    assert (await donghu.zhou.client.get("/v1/visits", params={"first": day(0), "last": day(9)})).json()["items"] == []
    device = await phone(donghu, donghu.zhou)
    device.do("visit.plan", new_id(), body)
    campaign = Campaign(id=new_id(), bureau=donghu.bureau, name="四季度", created_by=donghu.sun.id, created_at=now())
    await campaign.save()
    device.do("visit.plan", new_id(), body | {"campaign": str(campaign.id)})
    assert [(one.status, one.code) for one in await device.push()] == [
        ("rejected", "campaign.unknown"), ("applied", None),
    ]  # fmt: skip


async def test_a_companion_sees_the_visit_on_the_phone_and_may_finish_it(donghu, feng):
    (one,) = await enterprises(donghu, 1)
    planned = await plan(donghu.zhou, one, 0, companions=[str(feng.id)])
    device = await phone(donghu, feng)
    await device.sync()
    assert [body["companions"] for body in device.rows("visit").values()] == [[str(feng.id)]]
    answer = await feng.client.post(f"/v1/visits/{planned['id']}/finish", json={"day": day(0)})
    assert answer.json()["state"] == "done"
    assert (await calendar(donghu.zhou, enterprise=str(one)))[0]["companions"] == ["冯访"]


async def test_a_plan_made_offline_is_moved_by_planning_it_again(donghu):
    (one,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    visit = new_id()
    device.do("visit.plan", visit, {"enterprise": str(one), "day": day(4)})
    moved = device.do("visit.plan", visit, {"enterprise": str(one), "day": day(6), "channel": "video"})
    await device.sync()
    assert device.result(moved).status == "applied"
    (line,) = await calendar(donghu.zhou, enterprise=str(one))
    assert (line["id"], line["day"], line["channel"], line["state"]) == (str(visit), day(6), "video", "planned")
    assert device.rows("visit")[visit]["day"] == day(6)


async def test_the_phone_hears_the_warning_with_the_result_of_its_plan(donghu):
    (one,) = await enterprises(donghu, 1)
    await plan(donghu.zhou, one, 2)
    device = await phone(donghu, donghu.zhou)
    again = device.do("visit.plan", new_id(), {"enterprise": str(one), "day": day(9)})
    await device.push()
    result = device.result(again)
    assert (result.status, result.details["warnings"][0]["code"]) == ("applied", "visit.too_soon")


async def test_a_submitted_record_finishes_the_planned_visit_of_its_author(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    planned = await plan(donghu.zhou, one, 2)
    device = await phone(donghu, donghu.zhou)
    answers = visit_answers(one, day(0), channel="video", purpose=["policy", "callback"])
    record = submit(device, "visit_record", version, answers, enterprise=one)
    await device.sync()
    (line,) = await calendar(donghu.zhou, enterprise=str(one))
    assert (line["id"], line["state"], line["day"], line["record"]) == (planned["id"], "done", day(0), str(record))
    assert (line["channel"], line["purpose"]) == ("video", ["policy", "callback"])
    refused = await donghu.zhou.client.post(f"/v1/visits/{line['id']}/cancellation", json={"reason": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "visit.done")


async def test_a_record_of_a_visit_nobody_planned_puts_it_into_the_calendar(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    device = await phone(donghu, donghu.zhou)
    first = submit(device, "visit_record", version, visit_answers(one, day(-1)), enterprise=one)
    await device.sync()
    second = submit(device, "visit_record", version, visit_answers(one, day(0)), enterprise=one)
    await device.sync()
    lines = await calendar(donghu.zhou, enterprise=str(one))
    assert [(line["day"], line["state"], line["record"]) for line in lines] == [
        (day(-1), "done", str(first)),
        (day(0), "done", str(second)),
    ]


async def test_two_records_pushed_together_finish_two_plans(donghu):
    one, two = await enterprises(donghu, 2)
    version = await publish(donghu, "visit_record")
    plans = [(await plan(donghu.zhou, enterprise, 1))["id"] for enterprise in (one, two)]
    device = await phone(donghu, donghu.zhou)
    for enterprise in (one, two):
        submit(device, "visit_record", version, visit_answers(enterprise, day(0)), enterprise=enterprise)
    await device.sync()
    done = [line["id"] for line in await calendar(donghu.zhou, **{"from": day(-1)}) if line["state"] == "done"]
    assert sorted(done) == sorted(plans)


async def test_two_records_of_one_push_that_name_the_same_visit_are_two_visits(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    planned = (await plan(donghu.zhou, one, 0))["id"]
    device = await phone(donghu, donghu.zhou)
    records = [
        submit(device, "visit_record", version, visit_answers(one, day(0)), enterprise=one, visit=planned)
        for _ in range(2)
    ]
    await device.sync()
    lines = await calendar(donghu.zhou, enterprise=str(one))
    assert sorted(line["record"] for line in lines) == sorted(map(str, records))
    assert next(line["record"] for line in lines if line["id"] == planned) == str(records[0])


async def test_what_a_push_says_of_the_scopes_of_its_new_rows_is_what_their_kinds_say(donghu, feng):
    """Rows just made are not read again for their scopes; whatever reads them later must find the same."""
    (enterprise,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    device = await phone(donghu, donghu.zhou)
    problem = {"title": "缺工", "description": "节后缺普工三十名", "category": "0101", "urgency": "normal", "said": 1}
    answers = visit_answers(
        enterprise,
        day(0),
        visitors=[{"visitor": str(feng.id)}],
        no_issue_confirm="no",
        issues=[problem, problem | {"title": "缺贷款", "solved_on_site": "yes"}],
        promises=[{"promise": "送政策汇编", "promise_due": day(3)}],
    )
    submit(device, "visit_record", version, answers, enterprise=enterprise)
    await device.sync()
    said: dict[tuple[str, Any], set[str]] = {}
    for row in await fetch("SELECT kind, id, scope FROM sync_feed WHERE op = 'put'"):
        said.setdefault((row["kind"], row["id"]), set()).add(row["scope"])
    made = {kind for kind, _ in said}
    assert {"record", "report", "issue", "visit", "task"} <= made
    for (kind, id), scopes in said.items():
        assert (await kind_of(kind).scopes(donghu.bureau, [id])).get(id) == scopes, kind


async def test_a_visit_cancelled_at_the_desk_took_place_all_the_same_if_the_phone_says_so(donghu):
    (one,) = await enterprises(donghu, 1)
    planned = await plan(donghu.zhou, one, 0)
    await donghu.zhou.client.post(f"/v1/visits/{planned['id']}/cancellation", json={"reason": "改期"})
    device = await phone(donghu, donghu.zhou)
    done = device.do("visit.finish", planned["id"], {"day": day(0)})
    await device.push()
    assert device.result(done).status == "applied"
    assert [line["state"] for line in await calendar(donghu.zhou, enterprise=str(one))] == ["done"]


def neighbour(days: int, channel: str, state: str = "planned") -> Neighbour:
    return Neighbour(
        visit=new_id(),
        day=date(2026, 11, 23) + timedelta(days=days),
        channel=channel,
        state=state,
        person=new_id(),
        person_name="甲",
        unit_name="乙",
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-60, 60), st.sampled_from(["on_site", "phone", "video", "firm_came"])), max_size=8),
    st.integers(1, 45),
)
def test_the_guard_speaks_exactly_when_a_disturbing_visit_is_nearer_than_the_interval(others, interval):
    here = date(2026, 11, 23)
    found = near(here, "on_site", [neighbour(days, channel) for days, channel in others], interval)
    expected = [abs(days) for days, channel in others if channel in ("on_site", "video") and abs(days) < interval]
    assert [abs((one.day - here).days) for one in found] == sorted(expected)
    assert (warn(here, new_id(), found, interval) is None) == (not expected)
    assert near(here, "phone", found, interval) == []
