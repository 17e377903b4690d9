"""The follow-up queue through the front door: a report becomes an issue, and the issue is worked until it is closed."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from server.issues.actions import move_issue
from server.issues.fields import NoteText
from server.issues.queue.listing import Wanted, explain_plan
from server.issues.steps.opening import open_reports
from server.moment import at
from server.people.actions import found_bureau
from server.reports.filed import FiledReport, store_reports
from server.routing.actions import load_taxonomy, replace_rules
from server.routing.route import Rule
from sync.refusal import Refusal
from sync.transaction import execute, fetch, is_postgres, transaction
from tests.server.fieldwork import CODES, enterprises, phone, publish, submit, visit_answers

pytestmark = pytest.mark.anyio

FRIDAY = datetime(2026, 9, 18, 2, tzinfo=UTC)
"""10:00 in Donghu, on the Friday before a worked Sunday."""


def report(donghu, n: int = 1, **more) -> FiledReport:
    known = {
        "id": UUID(int=n),
        "bureau": donghu.bureau,
        "record": None,
        "enterprise": None,
        "person": donghu.zhou.id,
        "title": f"流动资金贷款缺口 {n}",
        "description": "账上钱不够备料",
        "category": "0101",
        "origin": "visit",
        "reported_at": FRIDAY,
        "collected_at": FRIDAY - timedelta(days=3),
    }
    return FiledReport(**(known | more))


async def filed(donghu, *reports: FiledReport) -> list[str]:
    """Numbers of the issues that the reports became."""
    with at(reports[0].reported_at):
        async with transaction():
            await store_reports(donghu.system, list(reports))
    found = await fetch(
        "SELECT issue.number, issue_link.report FROM issue JOIN issue_link ON issue_link.issue = issue.id"
    )
    numbers = {UUID(str(row[1])): row[0] for row in found}
    return [numbers[one.id] for one in reports]


async def matrix(donghu) -> None:
    await load_taxonomy(donghu.system)
    rules = [Rule(category="01", lead="finance", co=("sme",), note="金融信贷"), Rule(category="03", lead="hr")]
    with at(FRIDAY):
        await replace_rules(donghu.system, rules)


async def do(member, number: str, resource: str, status: int = 201, **body):
    answer = await member.client.post(f"/v1/issues/{number}/{resource}", json=body)
    assert answer.status_code == status, answer.text
    told = answer.json()
    if "dues" in told:
        running = [due["due"] for due in told["dues"] if due["state"] == "running" and due["due"]]
        assert told["next_due"] == min(running, default=None), "the column repeats what the clocks say of the timeline"
    return told


async def test_reports_become_numbered_issues_with_dates_from_receipt(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    assert numbers == ["东湖-2026-000001", "东湖-2026-000002"]
    queue = (await donghu.lin.client.get("/v1/issues")).json()
    assert (queue["count"], queue["count_is_exact"]) == (2, True)
    assert sorted(line["number"] for line in queue["items"]) == numbers
    assert {line["state_zh"] for line in queue["items"]} == {"待受理"}
    shown = (await donghu.lin.client.get(f"/v1/issues/{numbers[0]}")).json()
    days = {due["clock"]: due["day"] for due in shown["dues"]}
    assert days == {"triage": "2026-09-20", "solve": "2026-09-29", "hard_stop": "2026-10-15"}
    assert [sentence["zh"] for sentence in shown["dues"][0]["explain"]][:6] == [
        "2026-09-18(周五) 10:00 收到,当日不计,次日起算。",
        "记录在采集 3 天后才同步到平台,时限自平台收到时起算,不自采集时起算。",
        "时限 1 个工作日。",
        "休息日不计,共 1 天:2026-09-19。",
        "调休上班日照算:2026-09-20。",
        "期限至 2026-09-20(周日) 24:00 止。",
    ]
    assert shown["links"][0]["description"] == "账上钱不够备料"
    assert shown["links"][0]["collected_at"] < shown["links"][0]["reported_at"], (
        "clocks run from receipt, not from the road"
    )


async def test_the_same_report_opened_twice_is_one_issue(donghu):
    await filed(donghu, report(donghu))
    ids = await open_reports(donghu.system, [report(donghu), report(donghu)])
    assert ids[0] == ids[1]
    assert (await donghu.lin.client.get("/v1/issues")).json()["count"] == 1


async def test_a_problem_solved_on_the_spot_opens_closed_on_site(donghu):
    (number,) = await filed(donghu, report(donghu, solved_on_site=True, on_site_answer="当场解释"))
    assert (await donghu.lin.client.get("/v1/issues")).json()["items"] == []
    shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert (shown["state"], shown["next_due"]) == ("ON_SITE_CLOSED", None)
    assert {due["state"] for due in shown["dues"]} == {"met"}


async def test_an_issue_is_dispatched_by_the_matrix_worked_answered_and_signed_off(donghu):
    await matrix(donghu)
    (number,) = await filed(donghu, report(donghu))
    before = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert (before["proposal"]["lead"], before["proposal"]["co"]) == ("finance", ["sme", "bayi"])
    with at(FRIDAY + timedelta(hours=1)):
        sent = await do(donghu.lin, number, "dispatch", words="请尽快联系")
    assert (sent["state"], sent["lead"], sent["proposal"]) == ("DISPATCHED", "finance", None)
    assert sorted((unit["code"], unit["role"]) for unit in sent["units"]) == [
        ("bayi", "co"), ("finance", "lead"), ("sme", "co"),
    ]  # fmt: skip
    assert sent["events"][-1]["fields"]["why"].startswith("责任矩阵第 1 版")
    with at(FRIDAY + timedelta(hours=2)):
        assert (await do(donghu.he, number, "signature"))["state"] == "IN_PROGRESS"
        await do(donghu.he, number, "contacts", channel="phone", words="已约定周一上门")
        await do(donghu.he, number, "notes", words="银行已受理")
    with at(FRIDAY + timedelta(days=3)):
        replied = await do(donghu.he, number, "reply", letter="A", words="已授信 200 万元")
        signed = await do(donghu.wu, number, "review", outcome="signed_off")
    assert (replied["state"], replied["letter"], replied["letter_definition"]) == ("REPLIED", "A", "已解决")
    assert (signed["state"], signed["next_clock"]) == ("PENDING_CALLBACK", "callback")
    verbs = [event["verb"] for event in signed["events"]]
    assert verbs == ["open", "dispatch", "sign", "contacted", "note", "reply", "review"]
    assert [event["person_name"] for event in signed["events"]][:3] == ["周访", "林派", "何办"]


async def test_a_reviewer_sends_back_and_the_handler_answers_again(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    await do(donghu.he, number, "signature")
    await do(donghu.he, number, "reply", letter="B", words="近期解决")
    back = await do(donghu.wu, number, "review", outcome="sent_back", words="请写明时间")
    assert back["state"] == "IN_PROGRESS"
    assert next(due for due in back["dues"] if due["clock"] == "reply")["state"] == "running"
    assert (await do(donghu.he, number, "reply", letter="A", words="本月 30 日前放款"))["state"] == "REPLIED"


async def test_where_the_matrix_names_nobody_the_dispatcher_must(donghu):
    await matrix(donghu)
    (number,) = await filed(donghu, report(donghu, category="1301"))
    refused = await do(donghu.lin, number, "dispatch", 422)
    assert refused["code"] == "issue.no_lead"
    assert (await do(donghu.lin, number, "dispatch", lead="hr", co=["sme"], category="1303"))["category"] == "1303"


async def test_a_unit_returns_an_issue_once_and_then_the_dispatch_is_final(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        asked = await do(donghu.he, number, "return-request", reason="不属金融", ground="三定方案", suggested_unit="hr")
        assert asked["state"] == "RETURN_REQUESTED"
        assert {due["clock"]: due["state"] for due in asked["dues"]}["return_decision"] == "running"
        granted = await do(donghu.lin, number, "return-decision", outcome="granted", reason="同意")
        assert (granted["state"], granted["lead"], granted["returns"]) == ("SUBMITTED", "", 1)
        assert {unit["until"] is None for unit in granted["units"]} == {False}
        again = await do(donghu.lin, number, "dispatch", lead="finance")
        assert again["forced"] is True
        refused = await do(
            donghu.he, number, "return-request", 409, reason="仍不属", ground="三定方案", suggested_unit="hr"
        )
    assert refused["code"] == "issue.return_forced"


async def test_a_return_that_is_denied_leaves_the_issue_where_it_was(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "return-request", reason="不属", ground="无", suggested_unit="hr")
        denied = await do(donghu.lin, number, "return-decision", outcome="denied", reason="属职责内")
    assert (denied["state"], denied["lead"], denied["forced"]) == ("DISPATCHED", "finance", True)


async def test_a_return_is_asked_for_within_one_working_day(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
    with at(FRIDAY + timedelta(days=3)):
        late = await do(donghu.he, number, "return-request", 409, reason="不属", ground="无", suggested_unit="hr")
    assert (late["code"], late["details"]["until"]) == ("issue.return_late", "2026-09-20")


async def test_a_refused_issue_leaves_the_queue_with_its_ground(donghu):
    (number,) = await filed(donghu, report(donghu))
    refused = await do(donghu.lin, number, "refusal", ground="in_litigation", words="法院已受理,请等待判决")
    assert (refused["state"], refused["next_due"]) == ("REFUSED", None)
    assert (await donghu.lin.client.get("/v1/issues")).json()["items"] == []
    listed = (await donghu.lin.client.get("/v1/issues", params={"state": "REFUSED"})).json()
    assert [line["number"] for line in listed["items"]] == [number]


async def test_a_move_the_table_does_not_have_is_409_and_says_what_is_possible(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    refused = await do(donghu.he, number, "reply", 409, letter="A", words="好了")
    assert refused["code"] == "issue.move_impossible"
    assert {"sign", "request_return"} <= set(refused["details"]["possible"])
    assert refused["title"] == f"事项 {number} 现为“已派单待签收”,不能“答复”"


async def test_another_unit_s_issue_is_unknown_and_a_co_unit_may_see_but_not_answer_it(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await do(donghu.lin, numbers[0], "dispatch", lead="hr")
    await do(donghu.lin, numbers[1], "dispatch", lead="hr", co=["finance"])
    assert (await donghu.he.client.get(f"/v1/issues/{numbers[0]}")).status_code == 404
    assert (await donghu.he.client.get(f"/v1/issues/{numbers[1]}")).status_code == 200
    refused = await do(donghu.he, numbers[1], "signature", 403)
    assert refused["code"] == "issue.not_yours"
    assert (await do(donghu.he, numbers[0], "signature", 404))["code"] == "issue.unknown"


async def test_a_commissioner_sees_what_they_reported_and_a_foreign_bureau_nothing(donghu):
    mine, other = await filed(donghu, report(donghu, 1), report(donghu, 2, person=donghu.qian.id))
    seen = (await donghu.zhou.client.get("/v1/issues")).json()
    assert [line["number"] for line in seen["items"]] == [mine]
    assert (await donghu.zhou.client.get(f"/v1/issues/{other}")).status_code == 404
    foreign = await found_bureau("xihu", "西湖区中小企业服务局")
    with pytest.raises(Refusal, match=r"issue\.unknown"):
        await move_issue(foreign, mine, "note", NoteText(words="看看"))
    assert (await donghu.he.client.get("/v1/issues")).json()["items"] == []


async def test_waiting_for_the_enterprise_stops_the_clocks_twice_at_most(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        waiting = await do(donghu.he, number, "wait", needed="近三年审计报告")
        assert (waiting["state"], waiting["next_clock"]) == ("WAITING_FIRM", "wait")
        assert {due["clock"]: due["state"] for due in waiting["dues"]}["solve"] == "stopped"
    with at(FRIDAY + timedelta(days=4)):
        resumed = await do(donghu.zhou, number, "resumption", words="材料已补齐")
        assert next(due for due in resumed["dues"] if due["clock"] == "solve")["day"] == "2026-10-09"
        await do(donghu.he, number, "wait", needed="抵押物清单")
        await do(donghu.he, number, "resumption")
        assert (await do(donghu.he, number, "wait", 409, needed="再补"))["code"] == "issue.wait_used"


async def test_an_extension_is_asked_before_the_date_and_granted_by_somebody_else(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        far = await do(donghu.he, number, "extension-request", 422, until="2026-12-01", reason="评审排期")
        assert far["code"] == "issue.extension_length"
        asked = await do(donghu.he, number, "extension-request", until="2026-10-09", reason="评审排期")
        assert asked["ext_requested"] is True
        granted = await do(
            donghu.lin, number, "extension-decision", outcome="granted", reason="同意", told_enterprise=True
        )
    solve = next(due for due in granted["dues"] if due["clock"] == "solve")
    assert (granted["ext_requested"], granted["extensions"], solve["day"]) == (False, 1, "2026-10-09")
    with at(FRIDAY + timedelta(days=30)):
        late = await do(donghu.he, number, "extension-request", 409, until="2026-11-09", reason="再延")
    assert late["code"] == "issue.extension_late"


async def test_merged_issues_keep_every_reporter_and_can_be_parted_again(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2, person=donghu.qian.id))
    merged = await do(donghu.lin, numbers[1], "merge", into=numbers[0], reason="同一家银行同一问题")
    assert (merged["state"], merged["merged_into"]) == ("MERGED", numbers[0])
    kept = (await donghu.lin.client.get(f"/v1/issues/{numbers[0]}")).json()
    assert {link["person"] for link in kept["links"]} == {str(donghu.zhou.id), str(donghu.qian.id)}
    assert (await do(donghu.lin, numbers[0], "merge", 422, into=numbers[1], reason="反向"))[
        "code"
    ] == "issue.merge_self"
    parted = await do(donghu.lin, numbers[1], "merge-undoing", reason="不同银行")
    assert (parted["state"], parted["merged_into"]) == ("SUBMITTED", "")
    assert next(due for due in parted["dues"] if due["clock"] == "solve")["state"] == "running"
    kept = (await donghu.lin.client.get(f"/v1/issues/{numbers[0]}")).json()
    assert [link["person"] for link in kept["links"]] == [str(donghu.zhou.id)]


async def test_an_issue_parted_from_one_that_was_merged_further_takes_its_reporter_along(donghu):
    first, second, third = await filed(donghu, *(report(donghu, n) for n in (1, 2, 3)))
    await do(donghu.lin, first, "merge", into=second, reason="同一问题")
    await do(donghu.lin, second, "merge", into=third, reason="同一问题")
    await do(donghu.lin, first, "merge-undoing", reason="不同银行")
    kept = (await donghu.lin.client.get(f"/v1/issues/{third}")).json()
    assert {link["report"] for link in kept["links"]} == {str(UUID(int=2)), str(UUID(int=3))}


async def test_a_unit_cannot_be_asked_to_help_itself(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    await do(donghu.he, number, "signature")
    refused = await do(donghu.he, number, "co-request", 422, co=["finance"], words="请协办")
    assert refused["code"] == "issue.co_is_lead"


async def test_an_extension_nobody_decided_before_the_answer_is_asked_for_no_more(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        day = (FRIDAY + timedelta(days=20)).date().isoformat()
        asked = await do(donghu.he, number, "extension-request", until=day, reason="等审批")
        assert asked["ext_requested"]
        replied = await do(donghu.he, number, "reply", letter="A", words="已办")
    assert not replied["ext_requested"]


async def test_a_commissioner_s_link_is_a_suggestion_until_the_dispatcher_confirms_it(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    suggested = await do(donghu.zhou, numbers[0], "links", report=str(UUID(int=2)))
    assert [link["is_confirmed"] for link in suggested["links"]] == [True, False]
    confirmed = await do(donghu.sun, numbers[0], "links", report=str(UUID(int=2)))
    assert [link["is_confirmed"] for link in confirmed["links"]] == [True, True]
    undone = await do(donghu.sun, numbers[0], "link-undoing", report=str(UUID(int=2)), reason="不同事")
    assert len(undone["links"]) == 1
    assert (await do(donghu.sun, numbers[0], "links", 404, report=str(UUID(int=9))))["code"] == "report.unknown"


async def test_an_enterprise_withdraws_in_its_own_words(donghu):
    (number,) = await filed(donghu, report(donghu))
    gone = await do(donghu.zhou, number, "withdrawal", words="已经自己解决了,谢谢")
    assert (gone["state"], gone["may"]) == ("WITHDRAWN", ["note"])


async def test_a_hard_case_goes_on_account_and_leaves_the_overdue_list(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        account = await do(
            donghu.sun, number, "account", plan="分三期支付", milestone_on="2026-12-31", reason="财政安排"
        )
    assert (account["state"], account["next_clock"]) == ("LONG_TERM", "account_review")
    with at(FRIDAY + timedelta(days=25)):
        late = (await donghu.sun.client.get("/v1/issues", params={"overdue": True})).json()
    assert late["items"] == []


async def test_a_repeated_desk_write_moves_the_issue_once(donghu):
    (number,) = await filed(donghu, report(donghu))
    headers = {"Idempotency-Key": "d-1"}
    body = {"lead": "finance"}
    first = await donghu.lin.client.post(f"/v1/issues/{number}/dispatch", json=body, headers=headers)
    second = await donghu.lin.client.post(f"/v1/issues/{number}/dispatch", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


@pytest.mark.parametrize(
    ("resource", "body"),
    [
        ("dispatch", {"lead": 3}),
        ("dispatch", {"unit": "finance"}),
        ("refusal", {"ground": "we_do_not_like_it", "words": "x"}),
        ("reply", {"letter": "A"}),
        ("notes", {"words": ""}),
        ("notes", {"words": "x" * 5000}),
    ],
)
async def test_a_verb_with_a_body_that_does_not_fit_is_400(donghu, resource, body):
    (number,) = await filed(donghu, report(donghu))
    assert (await do(donghu.lin, number, resource, 400, **body))["code"] == "request.malformed"


async def test_filters_pages_and_the_count_agree(donghu):
    await matrix(donghu)
    numbers = await filed(
        donghu,
        *(
            report(donghu, n, reported_at=FRIDAY + timedelta(days=n), category="0301" if n % 2 else "0101")
            for n in range(1, 8)
        ),
    )
    await do(donghu.lin, numbers[0], "dispatch", lead="hr", co=["finance"])
    client = donghu.sun.client

    async def found(**params):
        return [line["number"] for line in (await client.get("/v1/issues", params=params)).json()["items"]]

    assert sorted(await found(category="03")) == [numbers[0], numbers[2], numbers[4], numbers[6]]
    assert await found(unit="finance") == await found(unit="hr") == [numbers[0]]
    assert await found(text="贷款缺口 3") == [numbers[2]]
    assert await found(text="%") == await found()
    assert await found(state="DISPATCHED") == [numbers[0]]
    assert (await client.get("/v1/issues", params={"state": "LOST"})).json()["code"] == "issue.filter"
    with at(FRIDAY + timedelta(days=2, hours=20)):
        assert numbers[0] not in await found(overdue=True)
    seen, after = [], ""
    while True:
        page = (await client.get("/v1/issues", params={"limit": 3, "after": after})).json()
        assert (page["count"], page["count_is_exact"]) == (7, True)
        seen += [line["number"] for line in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert sorted(seen) == sorted(numbers)
    assert len(seen) == 7
    assert (await client.get("/v1/issues", params={"after": "junk"})).json()["code"] == "request.cursor"


async def test_counting_stops_at_a_thousand_and_the_queue_is_read_through_an_index(donghu):
    await filed(donghu, *(report(donghu, n) for n in range(1, 1102)))
    if is_postgres():
        await execute("ANALYZE issue")
    queue = (await donghu.sun.client.get("/v1/issues")).json()
    assert (len(queue["items"]), queue["count"], queue["count_is_exact"]) == (50, 1000, False)
    plan = await explain_plan(await donghu.sun.actor(), Wanted())
    assert (
        "Index Scan using issue_queue on issue" if is_postgres() else "SEARCH issue USING INDEX issue_queue"
    ) in plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan
    assert not plan.startswith("Sort"), "the page comes out of the index in order"


async def test_any_number_of_reports_costs_the_same_number_of_statements(donghu, monkeypatch):
    import server.issues.steps.opening as opening

    calls: list[str] = []
    for name in ("fetch", "insert"):
        original = getattr(opening, name)

        def counted(sql, *rest, original=original):
            calls.append(sql)
            return original(sql, *rest)

        monkeypatch.setattr(opening, name, counted)
    await open_reports(donghu.system, [report(donghu, 1)])
    few = len(calls)
    calls.clear()
    await open_reports(donghu.system, [report(donghu, n) for n in range(10, 60)])
    assert (len(calls), few) == (4, 4)


async def test_a_flood_declared_afterwards_moves_open_dates_and_no_others(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await do(donghu.lin, numbers[1], "refusal", ground="nothing_new", words="无新情况")
    flood = [{"day": "2026-09-20", "is_working": False, "name": "防汛"}]
    moved = await donghu.sun.client.put("/v1/calendar", json=flood)
    assert (moved.status_code, moved.json()["issues"]) == (200, 1)
    assert (await donghu.sun.client.put("/v1/calendar", json=flood)).json()["issues"] == 0
    shown = (await donghu.lin.client.get(f"/v1/issues/{numbers[0]}")).json()
    triage = next(due for due in shown["dues"] if due["clock"] == "triage")
    assert (triage["day"], triage["calendar"]) == ("2026-09-21", "2026+2")
    days = (await donghu.lin.client.get("/v1/calendar", params={"first": "2026-09-18", "last": "2026-09-21"})).json()
    assert [(day["is_working"], day["name"]) for day in days] == [(True, ""), (False, ""), (False, "防汛"), (True, "")]
    rows = await fetch("SELECT details FROM audit_row WHERE event = 'issue.redate'")
    assert "2026-09-20T16:00:00+00:00" in rows[0][0], "the old date is history"


async def test_a_calendar_that_would_make_somebody_late_after_the_fact_is_refused_whole(donghu):
    (number,) = await filed(donghu, report(donghu, reported_at=FRIDAY + timedelta(days=6)))
    with at(FRIDAY + timedelta(days=9)):
        worked = [{"day": "2026-09-25", "is_working": True}]
        refused = await donghu.sun.client.put("/v1/calendar", json=worked)
    assert (refused.status_code, refused.json()["code"]) == (409, "calendar.past_breach")
    shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert shown["dues"][0]["calendar"] == "2026"
    assert shown["dues"][0]["day"] == "2026-09-28"
    backwards = await donghu.lin.client.get("/v1/calendar", params={"first": "2026-09-21", "last": "2026-09-18"})
    assert backwards.json()["code"] == "calendar.range"


async def test_every_move_is_in_the_audit_chain_without_its_words(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance", words="企业负责人王某")
    rows = await fetch("SELECT event, details FROM audit_row WHERE subject_kind = 'issue' ORDER BY n")
    assert [row[0] for row in rows] == ["issue.open", "issue.dispatch"]
    assert "王某" not in rows[1][1]


async def grant_unit(donghu, member, code: str) -> None:
    """What handing out a handler's role does for the phones."""
    from server.people.actions import find_unit
    from sync.scopes import grant

    unit = await find_unit(donghu.bureau, code)
    async with transaction():
        grant(donghu.bureau, member.id, f"unit:{unit.id}")


async def pushed(device) -> list[tuple[str, str | None]]:
    return [(result.status, result.code) for result in await device.push()]


async def test_a_handler_works_on_the_road_and_the_reporter_s_phone_hears_of_it(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    await grant_unit(donghu, donghu.he, "finance")
    handler, reporter = await phone(donghu, donghu.he), await phone(donghu, donghu.zhou)
    await handler.sync()
    ((issue, body),) = handler.rows("issue").items()
    assert (body["number"], body["state"], body["lead_name"]) == (number, "DISPATCHED", "区金融服务中心")
    assert [event["verb"] for event in body["events"]] == ["open", "dispatch"]
    handler.do("issue.sign", issue, {})
    handler.do("issue.contacted", issue, {"channel": "visit", "words": "已上门"})
    handler.do("issue.reply", issue, {"letter": "A", "words": "已授信"})
    assert await pushed(handler) == [("applied", None)] * 3
    await do(donghu.wu, number, "review", outcome="signed_off")
    await reporter.sync()
    (seen,) = reporter.rows("issue").values()
    assert (seen["state"], seen["letter_definition"]) == ("PENDING_CALLBACK", "已解决")
    assert seen["events"][-2]["fields"]["words"] == "已授信"
    reporter.do(
        "issue.call_back", issue, {"reached": "reached", "contacted": "yes", "solved": "solved", "satisfied": "mostly"}
    )
    assert await pushed(reporter) == [("applied", None)]
    await handler.sync()
    assert handler.rows("issue")[issue]["state"] == "CLOSED"


async def test_scenario_18_an_answer_that_comes_too_late_waits_and_its_words_are_kept(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    await grant_unit(donghu, donghu.he, "finance")
    device = await phone(donghu, donghu.he)
    await device.sync()
    (issue,) = device.rows("issue")
    await do(donghu.zhou, number, "withdrawal", words="不用了")
    photo = str(UUID(int=77))
    device.do("issue.reply", issue, {"letter": "A", "words": "刚刚办好", "files": [photo]})
    assert await pushed(device) == [("rejected", "issue.move_impossible")]
    events = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()["events"]
    assert (events[-1]["verb"], events[-1]["fields"]["words"]) == ("note", "[答复] 刚刚办好")
    assert events[-1]["fields"]["files"] == [photo]
    (waiting,) = (await donghu.sun.client.get("/v1/quarantine")).json()["items"]
    assert (waiting["details"]["state"], waiting["details"]["kept_as_note"]) == ("WITHDRAWN", events[-1]["n"])


async def test_scenario_17_a_comment_on_a_merged_issue_lands_on_the_one_that_goes_on(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    issues = {body["number"]: id for id, body in device.rows("issue").items()}
    await do(donghu.lin, numbers[1], "merge", into=numbers[0], reason="同一问题")
    said = device.do("issue.note", issues[numbers[1]], {"words": "企业又催了"})
    assert await pushed(device) == [("applied", None)]
    assert device.result(said).details["origin"] == str(issues[numbers[1]])
    await device.sync()
    assert [body["number"] for body in device.rows("issue").values()] == [numbers[0]]
    fields = device.rows("issue")[issues[numbers[0]]]["events"][-1]["fields"]
    assert (fields["words"], fields["origin"]) == ("企业又催了", numbers[1])


async def test_a_contact_told_by_a_wrong_clock_counts_at_receipt_and_is_marked(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    await do(donghu.he, number, "signature")
    await grant_unit(donghu, donghu.he, "finance")
    device = await phone(donghu, donghu.he)
    await device.sync()
    (issue,) = device.rows("issue")
    device.clock = lambda: datetime.now(UTC) - timedelta(days=400)
    device.do("issue.contacted", issue, {"channel": "phone"})
    assert await pushed(device) == [("applied", None)]
    event = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()["events"][-1]
    assert event["verb"] == "contacted"
    assert event["time_mark"] in ("clock_suspect", "before_last_pull")
    assert event["told_at"] < event["counts_at"]


async def test_a_phone_of_another_unit_holds_nothing_and_may_do_nothing(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="hr")
    device = await phone(donghu, donghu.he)
    await device.sync()
    assert device.rows("issue") == {}
    found = await fetch("SELECT id FROM issue WHERE number = $1", [number])
    device.do("issue.sign", UUID(str(found[0][0])), {})
    assert await pushed(device) == [("rejected", "issue.unknown")]


async def test_a_commissioner_sees_the_issues_of_enterprises_in_their_care_whoever_reported_them(donghu):
    from server.enterprises.actions import NewEnterprise, add_enterprise

    (enterprise,) = await enterprises(donghu, 1)
    other = await add_enterprise(donghu.system, NewEnterprise(name="别家企业", region="360102"))
    numbers = await filed(
        donghu,
        report(donghu, 1, person=donghu.qian.id, enterprise=enterprise),
        report(donghu, 2, person=donghu.qian.id, enterprise=other.id),
    )
    seen = (await donghu.zhou.client.get("/v1/issues")).json()
    assert [line["number"] for line in seen["items"]] == [numbers[0]]
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    assert [body["number"] for body in device.rows("issue").values()] == [numbers[0]]
    asked = await donghu.sun.client.get("/v1/issues", params={"enterprise": str(other.id)})
    assert [line["number"] for line in asked.json()["items"]] == [numbers[1]]


async def test_what_concerned_a_provisional_enterprise_follows_it_when_it_is_merged(donghu):
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.merging.actions import merge_enterprises

    (provisional,) = await enterprises(donghu, 1)
    real = await add_enterprise(donghu.system, NewEnterprise(name="东湖精工", credit_code=CODES[0]))
    (number,) = await filed(donghu, report(donghu, enterprise=provisional))
    await merge_enterprises(donghu.system, provisional, real.id)
    shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert (shown["enterprise"], shown["links"][0]["enterprise"]) == (str(real.id), str(real.id))


async def test_result_letters_are_the_bureau_s_own_and_keep_the_meaning_they_were_given_with(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    for number in numbers:
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
    await do(donghu.he, numbers[0], "reply", letter="A", words="已办")
    ours = [{"letter": "甲", "zh": "办结"}, {"letter": "A", "zh": "已解决或基本解决"}]
    assert (await donghu.sun.client.put("/v1/letters", json=ours)).status_code == 200
    assert [one["letter"] for one in (await donghu.he.client.get("/v1/letters")).json()] == ["甲", "A"]
    assert (await do(donghu.he, numbers[1], "reply", 422, letter="B", words="已办"))["code"] == "issue.letter"
    assert (await do(donghu.he, numbers[1], "reply", letter="A", words="已办"))[
        "letter_definition"
    ] == "已解决或基本解决"
    old = (await donghu.he.client.get(f"/v1/issues/{numbers[0]}")).json()
    assert old["letter_definition"] == "已解决"
    dated = {"at": datetime.now(UTC).isoformat()}
    later = [{"letter": "乙", "zh": "列入计划"}, {"letter": "A", "zh": "办结"}]
    assert (await donghu.sun.client.put("/v1/letters", json=later)).status_code == 200
    before = (await donghu.he.client.get("/v1/letters", params=dated)).json()
    shipped = (await donghu.he.client.get("/v1/letters", params={"at": FRIDAY.isoformat()})).json()
    assert [one["letter"] for one in before] == ["甲", "A"], "what was in force then"
    assert [one["letter"] for one in shipped] == ["A", "B", "C", "D"]
    assert [one["letter"] for one in (await donghu.he.client.get("/v1/letters")).json()] == ["乙", "A"]
    assert (await donghu.he.client.get("/v1/letters?at=2026-09-01T00:00:00")).json()["code"] == "issue.filter"
    twice = await donghu.sun.client.put("/v1/letters", json=[ours[0], ours[0]])
    assert twice.json()["code"] == "issue.letters"


async def test_a_visit_record_with_two_problems_pushed_twice_is_two_issues_with_receipt_clocks(donghu):
    (enterprise,) = await enterprises(donghu, 1)
    version = await publish(donghu, "visit_record")
    device = await phone(donghu, donghu.zhou)
    row = {"category_group": "01", "category": "0101", "urgency": "urgent", "description": "账上钱不够备料", "said": 1}
    problems = [
        row | {"_id": str(UUID(int=51)), "title": "流动资金缺口"},
        row | {"_id": str(UUID(int=52)), "title": "当场解释", "solved_on_site": "yes", "on_site_answer": "已说明政策"},
    ]
    today = datetime.now(UTC).date().isoformat()
    answers = visit_answers(enterprise, today, issues=problems)
    del answers["no_issue_confirm"]
    submit(device, "visit_record", version, answers, enterprise=enterprise)
    batch = device._next_batch()
    await device._send(batch)
    await device.sync()
    queue = (await donghu.lin.client.get("/v1/issues", params={"state": "all"})).json()
    found = {line["title"]: line for line in queue["items"]}
    assert {title: line["state"] for title, line in found.items()} == {
        "流动资金缺口": "SUBMITTED",
        "当场解释": "ON_SITE_CLOSED",
    }
    assert found["流动资金缺口"]["enterprise"] == str(enterprise)
    assert {body["title"] for body in device.rows("issue").values()} == set(found)


async def test_numbers_given_at_the_same_time_are_all_different_and_leave_no_gap(donghu):
    batches = [[report(donghu, 100 * batch + n) for n in range(5)] for batch in range(1, 9)]
    await asyncio.gather(*(open_reports(donghu.system, batch) for batch in batches))
    found = await fetch("SELECT number FROM issue ORDER BY number")
    year = datetime.now(UTC).year
    assert [row[0] for row in found] == [f"东湖-{year}-{n:06}" for n in range(1, 41)]


async def test_two_who_take_the_same_step_at_once_take_it_once(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    answers = await asyncio.gather(
        *(donghu.he.client.post(f"/v1/issues/{number}/signature", json={}) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    events = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()["events"]
    assert [event["n"] for event in events] == [1, 2, 3]


async def test_the_lead_notes_what_a_silent_co_unit_said_so_that_no_issue_waits_for_ever(donghu):
    number = (await filed(donghu, report(donghu)))[0]
    await do(donghu.lin, number, "dispatch", lead="finance")
    await do(donghu.he, number, "signature")
    await do(donghu.he, number, "co-request", co=["hr"], words="请提供用工政策意见")

    answered = await do(donghu.he, number, "co-answer", words="人社局电话答复:无意见")

    assert answered["state"] == "IN_PROGRESS"
