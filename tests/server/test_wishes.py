"""Twenty things people have asked other software of this kind for, for years, and were not given. Each is a test, by its name.

The table in docs/queue.md says who asked and how each is served; `test_docs.py` holds it against the names here.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from server.issues.timers.sweep import sweep
from server.moment import at, today
from server.notices.outbox.working import work_outbox
from tests.server import test_campaigns as campaigns
from tests.server.fieldwork import enterprises, publish, visit_answers
from tests.server.receivers import receiving, said
from tests.server.test_alarms import MONDAY, firms, night, said_by
from tests.server.test_callbacks import WELL, hire, signed_off
from tests.server.test_channels import SECRET, robot
from tests.server.test_issues import FRIDAY, do, filed, report
from tests.server.test_notices import add, this_machine
from tests.server.test_policies import put, written

pytestmark = pytest.mark.anyio
__all__ = ["this_machine"]


def on(day: str, time: str = "12:00") -> datetime:
    """By the clock in Donghu."""
    return datetime.fromisoformat(f"{day}T{time}+08:00").astimezone(UTC)


def due_of(shown, clock: str):
    return [due for due in shown["dues"] if due["clock"] == clock][-1]


def sentences(due) -> list[str]:
    return [sentence["zh"] for sentence in due["explain"]]


async def show(member, number: str):
    return (await member.client.get(f"/v1/issues/{number}")).json()


async def listed(member, **filters) -> list[str]:
    answer = await member.client.get("/v1/issues", params=filters)
    assert answer.status_code == 200, answer.text
    return sorted(line["number"] for line in answer.json()["items"])


async def in_hand(donghu, number: str, lead: str = "finance", by: str = "he") -> None:
    await do(donghu.lin, number, "dispatch", lead=lead)
    await do(donghu.members[by], number, "signature")


async def test_wish_01_clocks_stand_still_while_others_are_waited_for(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await in_hand(donghu, number)
    with at(on("2026-09-21", "09:00")):
        waiting = await do(donghu.he, number, "wait", needed="审计报告")
        assert (due_of(waiting, "solve")["state"], due_of(waiting, "solve")["due"]) == ("stopped", None)
    with at(on("2026-09-23", "09:00")):
        assert await listed(donghu.sun, overdue=True) == [], "the answer would have been due on Tuesday"
        resumed = await do(donghu.he, number, "resumption")
    assert (due_of(resumed, "solve")["original_day"], due_of(resumed, "solve")["day"]) == ("2026-09-29", "2026-10-08")
    assert "2026-09-21(周一) 09:00 至 2026-09-23(周三) 09:00 待企业补充,扣除 2 个工作日。" in sentences(
        due_of(resumed, "solve")
    )


async def test_wish_02_working_weekends_and_moved_days_count(donghu):
    (number,) = await filed(donghu, report(donghu))
    solve = due_of(await show(donghu.lin, number), "solve")
    assert solve["day"] == "2026-09-29"
    assert "调休上班日照算:2026-09-20。" in sentences(solve)
    with at(FRIDAY):
        flood = [{"day": "2026-09-20", "is_working": False, "name": "防汛"}]
        assert (await donghu.sun.client.put("/v1/calendar", json=flood)).status_code == 200
    assert due_of(await show(donghu.lin, number), "solve")["day"] == "2026-09-30", "the bureau moves a day by itself"


async def test_wish_03_a_day_has_several_spans_and_lunch_is_none_of_them(donghu):
    with at(FRIDAY - timedelta(days=2)):
        hours = [{"valid_from": "2026-09-17", "spans": ["08:30-12:00", "14:00-17:30"], "closing": "office"}]
        assert (await donghu.sun.client.put("/v1/calendar/hours", json=hours)).status_code == 200
        body = await written(donghu, triage="4wh")
        await put(donghu, body)
    (number,) = await filed(donghu, report(donghu))
    triage = due_of(await show(donghu.lin, number), "triage")
    assert triage["due"] == "2026-09-18T08:00:00Z", "from 10:00 two hours before lunch and two after: 16:00"


async def test_wish_04_a_change_of_the_limits_keeps_the_pauses_there_were(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await in_hand(donghu, number)
    with at(on("2026-09-21", "09:00")):
        await do(donghu.he, number, "wait", needed="审计报告")
    with at(on("2026-09-23", "09:00")):
        resumed = await do(donghu.he, number, "resumption")
        await put(donghu, await written(donghu, solve="9wd") | {"open_too": True})
        after = await show(donghu.lin, number)
    before, solve = due_of(resumed, "solve"), due_of(after, "solve")
    assert (before["day"], solve["day"], solve["policy"]) == ("2026-10-08", "2026-10-10", "ordinary@2")
    assert solve["pauses"] == before["pauses"]
    assert len(solve["pauses"]) == 1


async def test_wish_05_conversations_are_merged_and_can_be_parted_again(donghu):
    one, two = await filed(donghu, report(donghu, 1), report(donghu, 2))
    before = await show(donghu.lin, two)
    await do(donghu.lin, two, "merge", into=one, reason="同一问题")
    assert [link["report"] for link in (await show(donghu.lin, one))["links"]] == [str(UUID(int=n)) for n in (1, 2)]
    parted = await do(donghu.lin, two, "merge-undoing", reason="两家银行")
    assert {name: parted[name] for name in ("state", "lead", "next_due", "links", "units")} == {
        name: before[name] for name in ("state", "lead", "next_due", "links", "units")
    }
    assert len((await show(donghu.lin, one))["links"]) == 1


async def test_wish_06_many_are_merged_at_once_and_each_tells_what_became_of_it(donghu):
    one, *others = await filed(donghu, *(report(donghu, n) for n in range(1, 6)))
    await do(donghu.zhou, others[0], "withdrawal", words="已解决")
    body = {"issues": others, "reason": "同一条线路"}
    answer = await donghu.lin.client.post(f"/v1/issues/{one}/merges", json=body)
    assert [(line["issue"], line["is_merged"], line["code"]) for line in answer.json()] == [
        (others[0], False, "issue.move_impossible"), *((number, True, "") for number in others[1:]),
    ]  # fmt: skip
    assert (await show(donghu.lin, one))["merged"] == others[1:]


async def test_wish_07_one_answer_goes_to_all_who_spoke_of_a_problem(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2), report(donghu, 3))
    body = {"issues": numbers[1:], "reason": "同一问题"}
    await donghu.lin.client.post(f"/v1/issues/{numbers[0]}/merges", json=body)
    await in_hand(donghu, numbers[0])
    own = [{"report": str(UUID(int=3)), "words": "贵司另补一份合同"}]
    await do(donghu.he, numbers[0], "reply", letter="A", words="已授信", each=own)
    replies = (await donghu.wu.client.get(f"/v1/issues/{numbers[0]}/replies")).json()
    assert [(line["report"], line["answers"][0]["words"]) for line in replies] == [
        (str(UUID(int=1)), "已授信"), (str(UUID(int=2)), "已授信"), (str(UUID(int=3)), "贵司另补一份合同"),
    ]  # fmt: skip


async def test_wish_08_cases_are_linked_without_being_merged(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    body = {"title": "工业园反复停电", "words": "同一条线路", "issues": numbers}
    common = (await donghu.lin.client.post("/v1/common-problems", json=body)).json()["number"]
    assert [child["number"] for child in (await show(donghu.lin, common))["children"]] == numbers
    cases = [await show(donghu.lin, number) for number in numbers]
    assert [(case["state"], case["parent"], len(case["links"])) for case in cases] == [("SUBMITTED", common, 1)] * 2


async def test_wish_09_a_merge_keeps_the_date_and_the_owner_of_each(donghu):
    one, two = await filed(donghu, report(donghu, 1), report(donghu, 2, reported_at=FRIDAY - timedelta(days=1)))
    tang = donghu.members["tang"] = await hire(donghu, "tang", "hr", "handler")
    with at(FRIDAY):
        await in_hand(donghu, one)
        await in_hand(donghu, two, "hr", "tang")
        before = await show(donghu.lin, two)
        await do(donghu.lin, two, "merge", into=one, reason="同一问题")
        assert (await show(donghu.lin, two))["lead"] == "hr"
        again = await do(donghu.lin, two, "merge-undoing", reason="还是两件事")
    assert [again[name] for name in ("lead", "state", "next_due", "next_clock")] == [
        before[name] for name in ("lead", "state", "next_due", "next_clock")
    ]
    assert due_of(again, "solve")["day"] != due_of(await show(donghu.lin, one), "solve")["day"]
    await tang.client.aclose()


async def test_wish_10_an_alarm_when_many_begin_to_say_the_same(donghu):
    five = await firms(donghu, 5)
    await said_by(donghu, [*five, five[0]], MONDAY)
    assert await night() == {"donghu": 1}
    alarm = (await donghu.sun.client.get("/v1/alarms")).json()["items"][0]
    assert (alarm["category"], alarm["enterprises"], len(alarm["words"])) == ("0101", 5, 6)
    assert await night() == {"donghu": 0}, "once"


async def test_wish_11_the_forgotten_are_escalated_by_themselves(donghu):
    (number,) = await filed(donghu, report(donghu))
    gao = await hire(donghu, "gao", "donghu", "coordinator")
    with at(on("2026-09-30")):
        await sweep()
        forgotten = await show(donghu.sun, number)
        titles = [one["title_zh"] for one in (await gao.client.get("/v1/notices")).json()["items"]]
    assert (forgotten["state"], forgotten["light"], forgotten["escalated"]) == ("SUBMITTED", "double_red", True)
    assert f"{number} 双红：受理超期五个工作日以上" in titles
    await gao.client.aclose()


async def test_wish_12_nothing_goes_to_the_absent_and_every_choice_says_why(donghu):
    yu = await hire(donghu, "yu", "finance", "handler")
    body = {"name": "信贷服务岗", "holders": [{"login": "he", "capacity": 20, "substitute": "yu"}]}
    assert (await donghu.sun.client.put("/v1/posts/finance/credit", json=body)).status_code == 200
    rules = [{"category": "01", "lead": "finance", "post": "credit"}]
    asked = {"category": "0101", "rules": rules}
    present = (await donghu.lin.client.post("/v1/routing/preview", json=asked)).json()
    days = {"login": "he", "starts_on": str(today()), "ends_on": str(today() + timedelta(days=7)), "reason": "出差"}
    assert (await donghu.he.client.post("/v1/absences", json=days)).status_code == 201
    away = (await donghu.lin.client.post("/v1/routing/preview", json=asked)).json()
    assert (present["person"], away["person"]) == (str(donghu.he.id), str(yu.id)), "nothing goes to the absent"
    assert "何办 在岗" in present["why_zh"]
    await yu.client.aclose()


async def test_wish_13_a_date_is_extended_by_request_and_approval(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await in_hand(donghu, number)
        far = await do(donghu.he, number, "extension-request", 422, until="2026-12-01", reason="评审排期")
        assert far["code"] == "issue.extension_length"
        for until in ("2026-10-09", "2026-10-10"):
            asked = await do(donghu.he, number, "extension-request", until=until, reason="评审排期")
            assert asked["ext_requested"]
            alone = await do(donghu.he, number, "extension-decision", 403, outcome="granted", reason="同意")
            assert alone["code"] == "permission.missing"
            granted = await do(donghu.sun, number, "extension-decision", outcome="granted", reason="确需评审")
        third = await do(donghu.he, number, "extension-request", 409, until="2026-10-12", reason="再延")
    assert third["code"] == "issue.extension_used"
    solve = due_of(granted, "solve")
    assert (solve["original_day"], solve["day"], len(solve["extensions"])) == ("2026-09-29", "2026-10-10", 2)


async def test_wish_14_nothing_closes_without_an_outcome(donghu):
    (number,) = await filed(donghu, report(donghu))
    await in_hand(donghu, number)
    assert (await do(donghu.he, number, "reply", 400, words="已办"))["code"] == "request.malformed"
    assert (await do(donghu.he, number, "reply", 422, letter="Z", words="已办"))["code"] == "issue.letter"
    gao = await hire(donghu, "gao", "donghu", "coordinator")
    early = await do(gao, number, "closing", 409, proof="凭证")
    assert early["code"] == "issue.move_impossible"
    await do(donghu.he, number, "reply", letter="A", words="已授信")
    await do(donghu.wu, number, "review", outcome="signed_off")
    assert (await do(gao, number, "closing", 409, proof="凭证"))["code"] == "callback.waiting"
    assert (await do(donghu.qian, number, "callbacks", **WELL))["state"] == "CLOSED"
    closed = await show(donghu.sun, number)
    assert (closed["letter"], closed["letter_definition"]) == ("A", "已解决")
    await gao.client.aclose()


async def test_wish_15_a_figure_opens_the_cases_it_counts(donghu):
    waiting, dispatched = await filed(donghu, report(donghu, 1), report(donghu, 2))
    with at(FRIDAY):
        await do(donghu.lin, dispatched, "dispatch", lead="finance")
    with at(on("2026-09-21")):
        board = (await donghu.sun.client.get("/v1/boards/today")).json()
        cells = {cell["key"]: cell for cell in board["cells"]}
        opened = {}
        for key in ("untriaged", "unsigned"):
            cases = (await donghu.sun.client.get(cells[key]["opens"])).json()["items"]
            opened[key] = (cells[key]["n"], [case["number"] for case in cases])
    assert opened == {"untriaged": (1, [waiting]), "unsigned": (1, [dispatched])}


async def test_wish_16_limits_by_authority_what_was_missed_and_questions_timed_by_the_answer(donghu):
    usual, province = await filed(donghu, report(donghu, 1), report(donghu, 2))
    with at(FRIDAY):
        await do(donghu.lin, usual, "dispatch", lead="finance")
        sent = await do(donghu.lin, province, "dispatch", lead="hr", policy="shandong")
        assert due_of(sent, "solve")["limit"] == "15wd"
    with at(on("2026-10-09")):
        assert await listed(donghu.sun, overdue=True, unit="finance") == [usual], "by authority"
        late = due_of(await show(donghu.sun, usual), "solve")
        assert (late["is_late"], late["breached_at"], late["remaining"]["count"] < 0) == (True, late["due"], True)
        await do(donghu.he, usual, "signature")
        early = await do(donghu.qian, usual, "callbacks", 409, **WELL)
        assert early["code"] == "callback.not_due"
        await do(donghu.he, usual, "reply", letter="A", words="已授信")
        asked = await do(donghu.wu, usual, "review", outcome="signed_off")
        assert (asked["next_clock"], due_of(asked, "callback")["day"]) == ("callback", "2026-10-13")


async def test_wish_17_satisfaction_is_asked_after_every_resolution_and_shown_in_lists(donghu):
    number, other = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await signed_off(donghu, number)
    await do(donghu.qian, number, "callbacks", **WELL | {"satisfied": "mostly"})
    lines = (await donghu.sun.client.get("/v1/issues", params={"state": "all"})).json()["items"]
    assert {line["number"]: line["satisfied"] for line in lines} == {number: "mostly", other: ""}
    assert await listed(donghu.sun, state="all", satisfaction="mostly") == [number]


async def test_wish_17_a_supervisor_filters_over_several_people_and_teams(donghu):
    one, two, three = await filed(donghu, *(report(donghu, n) for n in (1, 2, 3)))
    for number, lead in ((one, "finance"), (two, "hr"), (three, "sme")):
        await do(donghu.lin, number, "dispatch", lead=lead)
    assert await listed(donghu.sun, lead="finance,hr") == [one, two]
    assert await listed(donghu.sun, team="donghu", person="zhou,qian") == [one, two, three]
    refused = await donghu.sun.client.get("/v1/issues", params={"lead": "finance", "teams": "hr"})
    assert (refused.status_code, refused.json()["code"]) == (422, "issue.filter_unknown")


async def test_wish_18_who_has_not_answered_is_known_and_the_way_in_stays_open(donghu):
    one, two = await enterprises(donghu, 2)
    await publish(donghu, "visit_record")
    campaign = await campaigns.opened(donghu, {"enterprises": [str(one), str(two)]})
    paths = await campaigns.links(donghu, campaign)
    answers = {"answers": visit_answers(one, campaigns.day(0))}
    assert (await donghu.door.post(paths[one], json=answers)).json()["standing"] == "first"
    (silent,) = await campaigns.slots(donghu.sun, campaign, state="open")
    assert silent["enterprise"] == str(two)
    assert (await campaigns.links(donghu, campaign))[two] == paths[two], (
        "asked again, it goes on and does not begin anew"
    )


async def test_wish_19_who_is_to_be_asked_is_assigned_in_advance_and_progress_is_seen(donghu):
    firms = await enterprises(donghu, 6)
    version = await publish(donghu, "visit_record")
    campaign = await campaigns.opened(donghu, {"enterprises": [str(one) for one in firms]})
    device = await campaigns.phone(donghu, donghu.zhou)
    await device.sync()
    assert {body["enterprise"] for body in device.rows("slot").values()} == {str(one) for one in firms}
    for enterprise in firms[:3]:
        await campaigns.visit(donghu, version, enterprise, device)
    rates = (await campaigns.board(donghu, campaign))["rates"]
    assert (rates["targets"], rates["filled"], rates["open"], rates["response_rate"]) == (6, 3, 3, 0.5)


async def test_wish_20_one_link_is_one_respondent_and_chinese_messengers_are_connected(donghu):
    (one,) = await enterprises(donghu, 1)
    await publish(donghu, "visit_record")
    campaign = await campaigns.opened(donghu, {"enterprises": [str(one)]})
    path = (await campaigns.links(donghu, campaign))[one]
    answers = {"answers": visit_answers(one, campaigns.day(0))}
    for _ in range(2):
        assert (await donghu.door.post(path, json=answers)).status_code == 200
    assert (await campaigns.board(donghu, campaign))["rates"]["filled"] == 1, (
        "the server counts one, whoever sends again"
    )
    (number,) = await filed(donghu, report(donghu))
    with receiving(lambda _: said({"errcode": 0, "code": 0})) as receiver:
        for kind in ("wecom", "dingtalk", "feishu"):
            await add(
                donghu, name=kind, connection=robot(kind, receiver.address, SECRET)[0], unit="finance", hours="always"
            )
        template = {"template": '{"text": "${title}"}'}
        await add(
            donghu, name="hook", connection={"kind": "webhook", "address": receiver.address, **template}, hours="always"
        )
        await do(donghu.lin, number, "dispatch", lead="finance")
        await work_outbox()
    ways = {request.path for request in receiver.got}
    assert ways == {"/cgi-bin/webhook/send", "/robot/send", "/open-apis/bot/v2/hook/k-1", "/"}
    assert all(number in request.body.decode() or number in str(request.json) for request in receiver.got)
