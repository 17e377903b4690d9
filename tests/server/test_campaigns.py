"""One round of a campaign: a frozen list, slots filled by visit and by link, who declined, and the rate."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.allowance import Allowance
from server.campaigns.board.rate import Tally, rates
from server.campaigns.links.prefill import prefill
from server.campaigns.links.token import make_token, read_token
from server.campaigns.rules import ValidityRule, is_valid, standing_of
from server.moment import today
from tests.server.fieldwork import enterprises, phone, publish, submit, visit_answers

pytestmark = pytest.mark.anyio
NOW = datetime.now(UTC)
TODAY = today()


def day(offset: int) -> str:
    return (TODAY + timedelta(days=offset)).isoformat()


async def create(donghu: Any, population: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {
        "name": "四季度走访月",
        "form": "visit_record",
        "opens_on": day(-1),
        "closes_on": day(10),
        "population": population,
        **more,
    }
    answer = await donghu.sun.client.post("/v1/campaigns", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def opened(donghu: Any, population: dict[str, Any], **more: Any) -> str:
    campaign = (await create(donghu, population, **more))["id"]
    answer = await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/open")
    assert answer.status_code == 200, answer.text
    return campaign


async def board(donghu: Any, campaign: str) -> dict[str, Any]:
    answer = await donghu.sun.client.get(f"/v1/campaigns/{campaign}/rounds/1")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def slots(member: Any, campaign: str, **query: str) -> list[dict[str, Any]]:
    answer = await member.client.get(f"/v1/campaigns/{campaign}/rounds/1/slots", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def links(donghu: Any, campaign: str) -> dict[UUID, str]:
    """Enterprise → path of its link."""
    answer = await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/links")
    assert answer.status_code == 200, answer.text
    return {UUID(one["enterprise"]): "/c/" + one["url"].rsplit("/", 1)[1] for one in answer.json()["items"]}


async def visit(donghu: Any, version: str, enterprise: UUID, device: Any = None, **more: Any) -> UUID:
    device = device or await phone(donghu, donghu.zhou)
    record = submit(device, "visit_record", version, visit_answers(enterprise, day(0)), enterprise=enterprise, **more)
    await device.sync()
    return record


async def test_a_frozen_list_of_six_two_by_visit_two_by_link_one_declined(donghu):
    six = await enterprises(donghu, 6)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one) for one in six]})
    device = await phone(donghu, donghu.zhou)
    for enterprise in six[:2]:
        await visit(donghu, version, enterprise, device)
    paths = await links(donghu, campaign)
    assert sorted(paths) == sorted(six[2:])
    for enterprise in six[2:4]:
        sent = await donghu.door.post(paths[enterprise], json={"answers": visit_answers(enterprise, day(0))})
        assert (sent.status_code, sent.json()["standing"]) == (200, "first"), sent.text
    declined = await donghu.door.post(f"{paths[six[4]]}/refusal", json={"reason": "近期停产"})
    assert declined.status_code == 204
    assert (await board(donghu, campaign))["rates"] == {
        "targets": 6,
        "filled": 4,
        "filled_by": {"visit": 2, "link": 2, "desk": 0},
        "late": 0,
        "refused": 1,
        "unreachable": 0,
        "open": 1,
        "response_rate": 0.667,
    }
    (silent,) = await slots(donghu.sun, campaign, state="open")
    assert silent["enterprise"] == str(six[5])
    (refused,) = await slots(donghu.sun, campaign, state="refused")
    assert refused["reason"] == "近期停产"


async def test_the_list_stays_as_it_was_when_the_registry_moves_on(donghu):
    from server.enterprises.actions import NewEnterprise, add_enterprise, change_enterprise

    six = await enterprises(donghu, 6)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"where": {"regions": ["3601"]}})
    await change_enterprise(donghu.system, six[0], {"name": "改名后的公司", "region": "360103", "status": "closed"})
    await add_enterprise(donghu.system, NewEnterprise(name="后来的公司", region="360102"))
    found = await slots(donghu.sun, campaign)
    assert len(found) == 6
    first = next(one for one in found if one["enterprise"] == str(six[0]))
    assert first["name"] == "东湖精工仪表"
    frozen = (await donghu.sun.client.get(f"/v1/slots/{first['id']}")).json()["frozen"]
    assert (frozen["region"], frozen["status"], frozen["commissioners"]) == ("360102", "active", [str(donghu.zhou.id)])
    again = await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/open")
    assert (again.status_code, again.json()["code"]) == (409, "round.opened")


async def test_a_form_whose_approval_has_ended_may_not_open_a_round(donghu):
    from server.questionnaires.tables import FormVersion

    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = (await create(donghu, {"enterprises": [str(one)]}))["id"]
    await FormVersion.update({FormVersion.valid_until: TODAY - timedelta(days=2)}, force=True)
    refused = await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/open")
    assert (refused.status_code, refused.json()["code"]) == (409, "round.form_expired")
    assert refused.json()["details"]["valid_until"] == day(-2)
    assert await slots(donghu.sun, campaign) == []
    await FormVersion.update({FormVersion.valid_until: TODAY + timedelta(days=5)}, force=True)
    answer = await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/open")
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["round.form_expires"]


async def test_the_first_valid_record_fills_the_slot_and_the_second_is_kept_as_a_duplicate(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    path = (await links(donghu, campaign))[one]
    first = await visit(donghu, version, one)
    sent = await donghu.door.post(path, json={"answers": visit_answers(one, day(0))})
    assert (sent.status_code, sent.json()["standing"]) == (200, "duplicate")
    (slot,) = await slots(donghu.sun, campaign)
    assert (slot["state"], slot["via"], slot["record"]) == ("filled", "visit", str(first))
    whole = (await donghu.sun.client.get(f"/v1/slots/{slot['id']}")).json()
    assert [(one["record"], one["standing"], one["via"]) for one in whole["records"]] == [
        (str(first), "first", "visit"),
        (sent.json()["record"], "duplicate", "link"),
    ]
    assert (await board(donghu, campaign))["duplicates"] == 1
    declined = await donghu.door.post(f"{path}/refusal", json={"reason": "不想再填"})
    assert (declined.status_code, declined.json()["code"]) == (409, "slot.filled")


async def test_scenario_20_of_two_commissioners_one_after_the_other_both_records_are_kept_and_the_first_fills_the_slot(
    donghu,
):
    """Zhou visits off line, the firm is handed to Qian, who visits and sends first; then Zhou's phone finds a line."""
    from server.enterprises.assignments.actions import assign_enterprise

    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    zhou, qian = await phone(donghu, donghu.zhou), await phone(donghu, donghu.qian)
    earlier = submit(zhou, "visit_record", version, visit_answers(one, day(0)), enterprise=one)
    await assign_enterprise(donghu.system, one, donghu.qian.id)
    later = await visit(donghu, version, one, qian)
    await zhou.sync()
    (slot,) = await slots(donghu.sun, campaign)
    assert (slot["state"], slot["record"]) == ("filled", str(later))
    whole = (await donghu.sun.client.get(f"/v1/slots/{slot['id']}")).json()
    assert {(one["record"], one["standing"]) for one in whole["records"]} == {
        (str(later), "first"),
        (str(earlier), "duplicate"),
    }
    for record in (earlier, later):
        assert (await donghu.sun.client.get(f"/v1/records/{record}")).status_code == 200


async def test_a_record_taken_back_leaves_its_slot_to_the_next_one_and_then_open(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    device = await phone(donghu, donghu.zhou)
    planned = await donghu.zhou.client.post("/v1/visits", json={"enterprise": str(one), "day": day(0)})
    first = await visit(donghu, version, one, device)
    second = await visit(donghu, version, one, device)
    for record, left in ((first, ("filled", str(second))), (second, ("open", None))):
        device.do("record.withdraw", record, {"reason": "填错企业"})
        await device.sync()
        (slot,) = await slots(donghu.sun, campaign)
        assert (slot["state"], slot["record"]) == left
    records = (await donghu.sun.client.get(f"/v1/slots/{slot['id']}")).json()["records"]
    assert {one["standing"] for one in records} == {"withdrawn"}
    lines = (await donghu.zhou.client.get("/v1/visits", params={"enterprise": str(one)})).json()["items"]
    assert {line["id"]: line["state"] for line in lines}[planned.json()["id"]] == "planned"
    assert sorted(line["state"] for line in lines) == ["cancelled", "planned"]


async def test_a_record_with_too_much_left_open_does_not_count_until_it_is_amended(donghu):
    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]}, validity={"missing_max": 3, "errors_max": 10})
    path = (await links(donghu, campaign))[one]
    poor = await donghu.door.post(path, json={"answers": {"in_registry": "yes", "enterprise": str(one)}})
    assert (poor.status_code, poor.json()["standing"]) == (200, "invalid"), poor.text
    assert poor.json()["errors"] > 3
    assert (await board(donghu, campaign))["invalid"] == 1
    better = await donghu.door.post(path, json={"answers": visit_answers(one, day(0))})
    assert better.json()["standing"] == "first"
    assert better.json()["record"] == poor.json()["record"]
    shown = await board(donghu, campaign)
    assert (shown["rates"]["filled"], shown["invalid"]) == (1, 0)


async def test_sending_again_through_a_link_amends_and_the_same_again_changes_nothing(donghu):
    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    path = (await links(donghu, campaign))[one]
    answers = visit_answers(one, day(0))
    sent = [
        (await donghu.door.post(path, json={"answers": one})).json()
        for one in (answers, answers, {**answers, "channel": "video"}, answers)
    ]
    assert {one["record"] for one in sent} == {sent[0]["record"]}
    from server.records.tables import Record, RecordVersion

    record = await Record.objects().get(Record.id == UUID(sent[0]["record"]))
    assert (record.versions, record.origin, record.state) == (3, "link", "amended")
    assert await RecordVersion.count().where(RecordVersion.record == record.id) == 3


async def test_a_link_opens_one_slot_and_what_is_known_only_with_the_credit_code(donghu):
    one, two = await enterprises(donghu, 2)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one), str(two)]})
    path = (await links(donghu, campaign))[one]
    page = await donghu.door.get(path)
    assert page.status_code == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    shown = page.json()
    assert (shown["enterprise"], shown["campaign"], shown["state"]) == ("东湖精工仪表", "四季度走访月", "open")
    assert shown["form"]["id"] == "visit_record"
    assert "走访" in shown["notice"]["zh"]
    assert (shown["prefill"], shown["prefill_locked"]) == ({}, True)
    wrong = await donghu.door.post(f"{path}/prefill", json={"code_end": "ZZZZ"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "link.code_wrong")
    from server.campaigns.links.answering import CODE_TRIES_PER_MINUTE

    code = next(slot["code"] for slot in await slots(donghu.sun, campaign) if slot["enterprise"] == str(one))
    known = (await donghu.door.post(f"{path}/prefill", json={"code_end": code[-4:].lower()})).json()
    assert (known["prefill"]["enterprise"], known["prefill_locked"]) == (str(one), False)
    for _ in range(CODE_TRIES_PER_MINUTE - 2):
        await donghu.door.post(f"{path}/prefill", json={"code_end": "ZZZZ"})
    over = await donghu.door.post(f"{path}/prefill", json={"code_end": code[-4:]})
    assert (over.status_code, over.json()["code"]) == (429, "link.too_often")


async def test_a_forged_revoked_or_ended_link_opens_nothing(donghu):
    from server.campaigns.tables import Round

    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    path = (await links(donghu, campaign))[one]
    assert (await links(donghu, campaign))[one] == path
    turned = path[:-1] + ("a" if path[-1] != "a" else "b")
    for forged in (turned, path.upper().replace("/C/", "/c/"), "/c/short"):
        answer = await donghu.door.get(forged)
        assert (answer.status_code, answer.json()["code"]) == (404, "link.unknown")
    (slot,) = await slots(donghu.sun, campaign)
    assert (await donghu.sun.client.post(f"/v1/slots/{slot['id']}/link/revocation")).status_code == 204
    assert (await donghu.door.get(path)).json()["code"] == "link.unknown"
    renewed = (await donghu.zhou.client.post(f"/v1/slots/{slot['id']}/link")).json()
    path = "/c/" + renewed["url"].rsplit("/", 1)[1]
    assert (await donghu.door.get(path)).status_code == 200
    await Round.update({Round.closes_on: TODAY - timedelta(days=9), Round.grace_days: 3}, force=True)
    ended = await donghu.door.post(path, json={"answers": {}})
    assert (ended.status_code, ended.json()["code"]) == (410, "link.expired")


async def test_a_link_may_be_asked_only_so_often(donghu):
    from server.campaigns.links.answering import allowance

    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    path = (await links(donghu, campaign))[one]
    codes = [(await donghu.door.get(path)).status_code for _ in range(allowance().per_minute)]
    assert set(codes) == {200}
    over = await donghu.door.get(path)
    assert (over.status_code, over.json()["code"]) == (429, "link.too_often")
    assert int(over.headers["retry-after"]) >= 1


async def test_phones_show_who_is_still_to_be_asked_until_the_round_closes(donghu):
    one, two = await enterprises(donghu, 2)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one), str(two)]})
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    asked = {body["enterprise"]: (body["state"], body["closes_on"]) for body in device.rows("slot").values()}
    assert asked == {str(one): ("open", day(10)), str(two): ("open", day(10))}
    await visit(donghu, version, one, device)
    states = {body["enterprise"]: body["state"] for body in device.rows("slot").values()}
    assert states == {str(one): "filled", str(two): "open"}
    closed = await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/close")
    assert closed.json()["state"] == "closed"
    await device.sync()
    assert device.rows("slot") == {}


async def test_a_round_past_its_days_of_grace_is_closed_by_the_night(donghu):
    from server.campaigns.actions import close_ended_rounds
    from server.campaigns.board.lists import show_board
    from server.moment import at

    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]}, grace_days=2)
    with at(NOW + timedelta(days=12)):
        assert await close_ended_rounds() == 0
    with at(NOW + timedelta(days=13)):
        assert (await show_board(await donghu.sun.actor(), UUID(campaign), 1)).round.state == "closed"
        assert await close_ended_rounds() == 1
        assert await close_ended_rounds() == 0
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    assert device.rows("slot") == {}


async def test_after_the_close_a_record_is_kept_beside_its_slot_and_fills_nothing(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/close")
    await visit(donghu, version, one, campaign=campaign)
    shown = await board(donghu, campaign)
    assert (shown["rates"]["filled"], shown["after_close"]) == (0, 1)


async def test_an_answer_after_the_last_day_counts_as_late_within_the_days_of_grace(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]}, opens_on=day(-20), closes_on=day(-2), grace_days=5)
    await visit(donghu, version, one)
    assert (await board(donghu, campaign))["rates"]["late"] == 1


async def test_an_answer_filled_in_offline_in_time_is_not_late_though_it_comes_later(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]}, opens_on=day(-20), closes_on=day(-2), grace_days=5)
    await visit(donghu, version, one, filled_at=NOW - timedelta(days=4))
    shown = (await board(donghu, campaign))["rates"]
    assert (shown["filled"], shown["late"]) == (1, 0)


async def test_an_answer_in_time_that_takes_the_place_of_one_taken_back_is_not_late(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]}, opens_on=day(-20), closes_on=day(-2), grace_days=5)
    device = await phone(donghu, donghu.zhou)
    late = await visit(donghu, version, one, device)
    await visit(donghu, version, one, device, filled_at=NOW - timedelta(days=4))
    device.do("record.withdraw", late, {"reason": "填错企业"})
    await device.sync()
    shown = (await board(donghu, campaign))["rates"]
    assert (shown["filled"], shown["late"]) == (1, 0)


async def test_who_could_not_be_reached_is_noted_by_the_commissioner_and_may_answer_after_all(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    (slot,) = await slots(donghu.zhou, campaign)
    body = {"state": "unreachable", "reason": "三次无人接听"}
    marked = await donghu.zhou.client.post(f"/v1/slots/{slot['id']}/mark", json=body)
    assert marked.json()["state"] == "unreachable"
    wrong = await donghu.zhou.client.post(f"/v1/slots/{slot['id']}/mark", json={"state": "filled"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "slot.state_unknown")
    await visit(donghu, version, one)
    (slot,) = await slots(donghu.zhou, campaign)
    assert (slot["state"], slot["reason"]) == ("filled", "")


async def test_a_commissioner_sees_the_slots_in_their_own_care_and_strangers_may_not_run_campaigns(donghu):
    from server.enterprises.actions import NewEnterprise, add_enterprise

    (mine,) = await enterprises(donghu, 1)
    other = await add_enterprise(donghu.system, NewEnterprise(name="别人负责的企业"))
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(mine), str(other.id)]})
    assert [slot["enterprise"] for slot in await slots(donghu.zhou, campaign)] == [str(mine)]
    hidden = next(slot for slot in await slots(donghu.sun, campaign) if slot["enterprise"] == str(other.id))
    refused = await donghu.zhou.client.get(f"/v1/slots/{hidden['id']}")
    assert (refused.status_code, refused.json()["code"]) == (404, "slot.unknown")
    refused = await donghu.zhou.client.post(f"/v1/campaigns/{campaign}/rounds/1/close")
    assert (refused.status_code, refused.json()["details"]) == (403, {"permission": "campaign.run"})
    assert (await donghu.he.client.get("/v1/campaigns")).status_code == 403


async def test_a_pool_is_asked_as_it_stands_on_the_day(donghu):
    from server.enterprises.dossier.actions import enter_pool

    three = await enterprises(donghu, 3)
    await publish(donghu, "visit_record")
    for enterprise in three[:2]:
        await enter_pool(donghu.system, enterprise, "专精特新培育库")
    campaign = await opened(donghu, {"pool": "专精特新培育库"})
    assert {slot["enterprise"] for slot in await slots(donghu.sun, campaign)} == {str(one) for one in three[:2]}


@pytest.mark.parametrize(
    ("population", "status", "code"),
    [
        ({}, 422, "round.population"),
        ({"pool": "x", "codes": ["y"]}, 422, "round.population"),
        ({"pool": "没有的库"}, 422, "round.nobody"),
        ({"codes": ["LS360102000999"]}, 422, "round.enterprises_unknown"),
        ({"enterprises": [str(uuid4())]}, 422, "round.enterprises_unknown"),
        ({"where": {"regions": ["99"]}}, 422, "round.nobody"),
        ({"colour": "red"}, 400, "request.malformed"),
    ],
)
async def test_a_list_that_cannot_be_is_refused_and_nothing_is_opened(donghu, population, status, code):
    await publish(donghu, "visit_record")
    body = {"name": "x", "form": "visit_record", "opens_on": day(0), "closes_on": day(1), "population": population}
    made = await donghu.sun.client.post("/v1/campaigns", json=body)
    if made.status_code == 201:
        made = await donghu.sun.client.post(f"/v1/campaigns/{made.json()['id']}/rounds/1/open")
    assert (made.status_code, made.json()["code"]) == (status, code)


SECRET = bytes(range(32))


@settings(max_examples=50, deadline=None)
@given(st.uuids(), st.integers(0, 2**32 - 1), st.integers(0, 63), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_token_tells_its_link_and_its_end_and_no_changed_one_is_believed(link, seconds, place, sign):
    expires = datetime.fromtimestamp(seconds, UTC)
    token = make_token(SECRET, link, expires)
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyz234567")
    told = read_token(SECRET, token)
    assert (told.link, told.expires_at) == (link, expires)
    changed = token[:place] + sign + token[place + 1 :]
    assert changed == token or read_token(SECRET, changed) is None
    assert read_token(b"another secret of this length...", token) is None


@given(st.lists(st.tuples(st.sampled_from(["open", "filled", "refused", "unreachable"]), st.integers(0, 9))))
def test_every_slot_is_counted_once_and_no_rate_is_told_of_fewer_than_five(pairs):
    found = rates(Tally(state, "visit" if state == "filled" else "", False, count) for state, count in pairs)
    assert found.filled + found.refused + found.unreachable + found.open == found.targets
    assert (found.response_rate is None) == (found.targets < 5)
    assert found.response_rate is None or found.response_rate == round(found.filled / found.targets, 3)


@given(st.integers(0, 8), st.integers(0, 8), st.one_of(st.none(), st.integers(0, 5)))
def test_the_validity_rule_counts_missing_answers_apart_from_other_errors(missing, errors, most):
    flaws = [SimpleNamespace(code="missing", level="error")] * missing
    flaws += [SimpleNamespace(code="constraint", level="error")] * errors
    flaws += [SimpleNamespace(code="advise", level="advise")]
    assert is_valid(ValidityRule(missing_max=most), flaws) == (most is None or missing <= most)
    assert is_valid(ValidityRule(errors_max=most), flaws) == (most is None or errors <= most)


@given(st.lists(st.integers(0, 200), max_size=60), st.integers(1, 5))
def test_no_minute_ever_sees_more_than_is_allowed(gaps, per_minute):
    allowance, moment, taken = Allowance(per_minute), NOW, []
    for gap in gaps:
        moment += timedelta(seconds=gap)
        if allowance.take("x", moment) == 0:
            taken.append(moment)
    for at in taken:
        assert sum(at <= other < at + timedelta(minutes=1) for other in taken) <= per_minute


def test_prefill_takes_from_the_dossier_the_last_answers_and_the_form_itself():
    from forms.definition import ChoiceList, Form, Group, Question, Repeat, Source

    at = Source("survey", 1)

    def asked(name: str, *path: str, **more: Any) -> Question:
        return Question(name=name, path=(*path, name), type="text", source=at, **more)

    form = Form(
        id="f",
        version="1",
        title={},
        children=(
            asked("enterprise", list_name="firms"),
            asked("address", prefill="registry:address"),
            asked("year", prefill="const:2026"),
            Group(
                name="people",
                path=("people",),
                source=at,
                children=(asked("staff", "people"), asked("last_staff", "people", prefill="last:staff")),
            ),
            Repeat(
                name="hosts", path=("hosts",), source=at, children=(asked("name", "hosts", prefill="registry:name"),)
            ),
        ),
        lists={"firms": ChoiceList(name="firms", file="enterprises.csv")},
    )
    found = prefill(form, "e-1", {"address": "阳明路22号", "name": "甲"}, {"people": {"staff": 40}})
    assert found == {
        "enterprise": "e-1",
        "address": "阳明路22号",
        "year": "2026",
        "people": {"last_staff": 40},
    }
    assert prefill(form, "e-1", {}, {"people": "odd"}) == {"enterprise": "e-1", "year": "2026"}


async def test_of_two_records_that_come_at_once_one_is_first_and_one_a_duplicate(donghu):
    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    devices = [await phone(donghu, donghu.zhou) for _ in range(3)]
    for device in devices:
        submit(device, "visit_record", version, visit_answers(one, day(0)), enterprise=one)
    await asyncio.gather(*(device.push() for device in devices))
    (slot,) = await slots(donghu.sun, campaign)
    records = (await donghu.sun.client.get(f"/v1/slots/{slot['id']}")).json()["records"]
    assert sorted(one["standing"] for one in records) == ["duplicate", "duplicate", "first"]
    assert next(one["record"] for one in records if one["standing"] == "first") == slot["record"]


async def test_a_button_pressed_twice_sends_one_answer_and_makes_one_link(donghu):
    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    paths = await asyncio.gather(*(links(donghu, campaign) for _ in range(3)))
    assert len({path[one] for path in paths}) == 1
    body = {"answers": visit_answers(one, day(0))}
    sent = await asyncio.gather(*(donghu.door.post(paths[0][one], json=body) for _ in range(3)))
    assert [answer.status_code for answer in sent] == [200, 200, 200]
    assert len({answer.json()["record"] for answer in sent}) == 1
    assert (await board(donghu, campaign))["rates"]["filled"] == 1


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"answers": {"in_reg', 400, "request.malformed"),
        (b"{}", 400, "request.malformed"),
        (b'{"answers": {}, "enterprise": "x"}', 400, "request.malformed"),
        (b'{"answers": ' + b" " * 1_200_000 + b"{}}", 413, "request.too_large"),
    ],
)
async def test_a_stranger_with_a_link_cannot_send_what_does_not_fit(donghu, content, status, code):
    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    path = (await links(donghu, campaign))[one]
    answer = await donghu.door.post(path, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await board(donghu, campaign))["rates"]["filled"] == 0


async def test_another_bureau_sees_neither_campaigns_nor_slots_nor_visits(donghu):
    from server.people.actions import NewPerson, add_person, found_bureau
    from server.people.tables import Person
    from server.sessions.actions import open_session_of
    from tests.server.conftest import knock

    (one,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one)]})
    (slot,) = await slots(donghu.sun, campaign)
    await visit(donghu, version, one)
    elsewhere = await found_bureau("xihu", "西湖区", "360103")
    added = await add_person(elsewhere, NewPerson(login="wai", name="外人", unit="xihu", roles=("supervisor",)))
    await Person.update({Person.must_change_password: False}).where(Person.id == added.id)
    async with knock(await open_session_of(elsewhere.bureau, added.id)) as client:
        assert (await client.get("/v1/campaigns")).json()["items"] == []
        assert (await client.get("/v1/visits", params={"from": day(-9)})).json()["items"] == []
        for path, code in (
            (f"/v1/campaigns/{campaign}", "campaign.unknown"),
            (f"/v1/campaigns/{campaign}/rounds/1", "campaign.unknown"),
            (f"/v1/slots/{slot['id']}", "slot.unknown"),
        ):
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (404, code)


async def test_a_temporary_firm_takes_its_slot_and_its_visits_along_when_it_is_merged(donghu):
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.merging.actions import merge_enterprises

    (temporary,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    kept = await add_enterprise(donghu.system, NewEnterprise(name="东湖精工", credit_code="9136010200000TE17L"))
    campaign = await opened(donghu, {"enterprises": [str(temporary)]})
    plan = {"enterprise": str(temporary), "day": day(1)}
    assert (await donghu.zhou.client.post("/v1/visits", json=plan)).status_code == 201
    await merge_enterprises(donghu.system, temporary, kept.id)
    (slot,) = await slots(donghu.sun, campaign)
    assert (slot["enterprise"], slot["name"]) == (str(kept.id), "东湖精工仪表")
    (line,) = (await donghu.zhou.client.get("/v1/visits", params={"enterprise": str(kept.id)})).json()["items"]
    assert line["enterprise_name"] == "东湖精工"


@pytest.mark.parametrize("answered", [[], ["temporary"], ["kept"], ["temporary", "kept"]])
async def test_two_firms_of_one_list_that_are_one_have_one_slot_and_lose_no_answer(donghu, answered):
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.assignments.actions import assign_enterprise
    from server.enterprises.merging.actions import merge_enterprises

    (temporary,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    kept = (await add_enterprise(donghu.system, NewEnterprise(name="东湖精工", credit_code="9136010200000TE17L"))).id
    await assign_enterprise(donghu.system, kept, donghu.zhou.id)
    campaign = await opened(donghu, {"enterprises": [str(temporary), str(kept)]})
    before = {slot["enterprise"]: slot["id"] for slot in await slots(donghu.sun, campaign)}
    firms = {"temporary": temporary, "kept": kept}
    device = await phone(donghu, donghu.zhou)
    await device.pull()
    for name in answered:
        submit(device, "visit_record", version, visit_answers(firms[name], day(0)), enterprise=firms[name])
        await device.push()
    await merge_enterprises(donghu.system, temporary, kept)
    after = {slot["id"]: slot["state"] for slot in await slots(donghu.sun, campaign)}
    state = "filled" if answered else "open"
    assert after == {before[str(temporary)]: "merged", before[str(kept)]: state}
    refused = await donghu.sun.client.post(f"/v1/slots/{before[str(temporary)]}/mark", json=MARK)
    assert (refused.status_code, refused.json()["code"]) == (409, "slot.merged")
    late = visit_answers(temporary, day(0))
    submit(device, "visit_record", version, late, enterprise=temporary, slot=before[str(temporary)])
    await device.push()
    again = {slot["id"]: slot["state"] for slot in await slots(donghu.sun, campaign)}
    assert again == {before[str(temporary)]: "merged", before[str(kept)]: "filled"}, "a phone that has not heard of it"
    device.close()


MARK = {"state": "refused", "reason": "不便参加"}


async def test_the_console_opens_a_round_and_tells_how_it_stands(donghu):
    await enterprises(donghu, 6)
    await publish(donghu, "visit_record")

    async def console(*words: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.cli", "campaign", *words, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    code, out, err = await console("open", "走访月", "--form", "visit_record", "--until", day(5), "--all", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["targets"] == 6
    code, out, _ = await console("status", "走访月", "--json")
    assert json.loads(out)["rates"]["response_rate"] == 0.0


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"name": "  "}, 422, "campaign.nameless"),
        ({"opens_on": day(3), "closes_on": day(2)}, 422, "round.dates"),
        ({"closes_on": "9999-12-31"}, 422, "round.far"),
        ({"grace_days": 40_000}, 400, "request.malformed"),
        ({"grace_days": -1}, 400, "request.malformed"),
        ({"name": "月" * 201}, 400, "request.malformed"),
        ({"form": "no_such_form"}, 404, "form.unknown"),
        ({"opens_on": "tomorrow"}, 400, "request.malformed"),
    ],
)
async def test_a_campaign_that_does_not_hold_is_refused(donghu, more, status, code):
    await publish(donghu, "visit_record")
    body = {"name": "x", "form": "visit_record", "opens_on": day(0), "closes_on": day(1), "population": {"pool": "p"}}
    refused = await donghu.sun.client.post("/v1/campaigns", json={**body, **more})
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await donghu.sun.client.get("/v1/campaigns")).json()["items"] == []


async def test_a_list_of_codes_is_read_at_once_however_they_are_typed_and_names_the_first_unknown(donghu):
    await publish(donghu, "visit_record")
    await enterprises(donghu, 3)
    firms = (await donghu.sun.client.get("/v1/enterprises")).json()["items"]
    known = [row["temporary_id"] for row in firms]
    campaign = await opened(donghu, {"codes": [known[0].lower(), f" {known[1]} ", known[2], known[2]]})
    assert {row["code"] for row in await slots(donghu.sun, campaign)} == set(known)
    other = (await create(donghu, {"codes": [known[0], "91360102ma000000xx"]}))["id"]
    refused = await donghu.sun.client.post(f"/v1/campaigns/{other}/rounds/1/open")
    told = refused.json()
    assert (told["code"], told["details"]["first"]) == ("round.enterprises_unknown", "91360102ma000000xx")


async def test_a_retired_form_opens_no_round_and_a_round_that_is_not_open_offers_no_links(donghu):
    from server.questionnaires.actions import retire_form

    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = (await create(donghu, {"enterprises": [str(one)]}))["id"]
    early = await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/links")
    assert (early.status_code, early.json()["code"]) == (409, "round.not_open")
    await retire_form(donghu.system, "visit_record")
    refused = await donghu.sun.client.post(f"/v1/campaigns/{campaign}/rounds/1/open")
    assert (refused.status_code, refused.json()["code"]) == (409, "round.form_retired")
    unknown = await donghu.sun.client.get(f"/v1/campaigns/{campaign}/rounds/2")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "round.unknown")


async def test_who_has_not_answered_comes_in_pages_that_miss_nobody(donghu):
    six = await enterprises(donghu, 6)
    await publish(donghu, "visit_record")
    campaign = await opened(donghu, {"enterprises": [str(one) for one in six]})
    found, after = [], ""
    while True:
        query = {"state": "open", "limit": 4, "after": after}
        page = (await donghu.sun.client.get(f"/v1/campaigns/{campaign}/rounds/1/slots", params=query)).json()
        found += [slot["name"] for slot in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert len(found) == 6
    assert sorted(found) == sorted(set(found))


@pytest.mark.parametrize(
    ("days_after_close", "is_answer_valid", "is_filled", "standing"),
    [
        (0, True, False, "first"),
        (0, True, True, "duplicate"),
        (0, False, False, "invalid"),
        (0, False, True, "invalid"),
        (3, True, False, "first"),
        (4, True, False, "after_close"),
        (4, False, True, "after_close"),
    ],
)
def test_how_a_record_stands_in_its_slot(days_after_close, is_answer_valid, is_filled, standing):
    window = SimpleNamespace(opens_on=TODAY, closes_on=TODAY, grace_days=3, closed_at=None)
    came = TODAY + timedelta(days=days_after_close)
    found = standing_of(window, received_on=came, is_answer_valid=is_answer_valid, is_filled=is_filled)
    assert found == standing
