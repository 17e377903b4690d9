"""A supervisor's week, from Monday to the next Monday, through the front door. docs/queue.md tells the same story.

The week before National Day 2026 has a Sunday that is worked. Four matters come in, in four ways, and are followed to their end:

- 流动资金: two enterprises say the same, one at a visit, one by telephone. Merged, helped by another unit, extended, closed.
- 数控技工: answered twice with words that solve nothing, redone twice, escalated, closed in the end.
- 产权证: came from 12345, went to the wrong unit, came back, and is a matter of years: on account, looked at again.
- 租金纠纷: lay until the light turned red, and is before a court.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from server import moment
from server.issues.timers.sweep import sweep
from server.routing.actions import load_taxonomy, replace_rules
from server.routing.route import Rule
from tests.server.fieldwork import enterprises, phone, publish, submit, visit_answers
from tests.server.test_callbacks import hire
from tests.server.test_issues import do

pytestmark = pytest.mark.anyio

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = {"mon": 14, "tue": 15, "wed": 16, "thu": 17, "fri": 18, "sat": 19, "sun": 20, "next_mon": 21}
LOAN = {"title": "流动资金紧张", "description": "货款要半年才回来,下月发工资都成问题。", "category": "0101"}
WORKERS = {"title": "缺数控技工", "description": "会编程的师傅开八千都招不到。", "category": "0302", "people": 6}
BY_TELEPHONE = {"title": "流动资金周转不开", "description": "货款半年才回来,银行又不肯续贷。", "category": "0101"}
HOTLINE = {"title": "厂房产权证办不下来", "description": "2009 年的厂房,手续不全,一直没有证。", "category": "0402"}
RENT = {"title": "房东单方面涨租金", "description": "已经起诉,请政府出面。", "category": "0403"}
CONTENT = {
    "reached": "reached",
    "contacted": "yes",
    "solved": "solved",
    "satisfied": "satisfied",
    "attitude": 5,
    "speed": 4,
}
NOT_CONTENT = CONTENT | {"solved": "unsolved", "satisfied": "dissatisfied", "subjective": True}
NOT_CONTENT |= {"why_not": ["vague_answer"], "why_words": "就说研究研究"}


@contextmanager
def at(day: str, time: str) -> Iterator[None]:
    """On this day of the week, by the clock in Donghu."""
    hour, minute = map(int, time.split(":"))
    with moment.at(datetime(2026, 9, DAYS[day], hour, minute, tzinfo=ZONE)):
        yield


async def get(member: Any, path: str, **params: Any) -> Any:
    answer = await member.client.get(path, params=params or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def issue(member: Any, number: str) -> Any:
    return await get(member, f"/v1/issues/{number}")


async def numbers(member: Any, **filters: Any) -> list[str]:
    return sorted(line["number"] for line in (await get(member, "/v1/issues", **filters))["items"])


async def filed_by(member: Any, **report: Any) -> str:
    """The number of the issue a report typed at a desk became."""
    before = set(await numbers(member))
    answer = await member.client.post("/v1/reports", json=report)
    assert answer.status_code == 201, answer.text
    (made,) = set(await numbers(member)) - before
    return made


async def told(member: Any) -> list[str]:
    """Titles in a person's inbox, the oldest first, which are then read."""
    found = (await get(member, "/v1/notices", unread=True))["items"]
    assert (await member.client.post("/v1/notices/readings", json={})).status_code == 200
    return [one["title_zh"] for one in reversed(found)]


async def counts(member: Any) -> dict[str, int]:
    """How much there is in each of the lists everybody has, without the empty ones."""
    return {one["list"]: one["count"] for one in await get(member, "/v1/worklists/counts") if one["count"]}


async def ledger(member: Any) -> list[tuple[str, ...]]:
    """The week's ledger as a workbook: who, how it came, whose, how content, closed."""
    body = {"receiver": "区政府办", "filters": {"state": "all"}}
    answer = await member.client.post("/v1/exports/ledger", json=body)
    assert answer.status_code == 200, answer.text
    _, head, *rows = openpyxl.load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True)
    lines = [dict(zip(head, row, strict=True)) for row in rows]
    return [
        tuple(line[name] or "" for name in ("企业名称", "来源", "责任单位", "满意度", "是否销号")) for line in lines
    ]


async def figures(member: Any, board: str) -> dict[str, int]:
    """What a board counts, without its noughts; every figure opens as many cases."""
    cells = [cell for cell in (await get(member, f"/v1/boards/{board}"))["cells"] if cell["n"]]
    for cell in cells:
        assert len((await get(member, cell["opens"]))["items"]) == cell["n"], cell
    return {cell["key"]: cell["n"] for cell in cells}


def due_of(shown: Any, clock: str) -> Any:
    return [due for due in shown["dues"] if due["clock"] == clock][-1]


def explained(shown: Any) -> None:
    """Every date says why, in whole sentences of both languages, down to the policy and the calendar."""
    for due in [*shown["dues"], *(due for unit in shown["units"] for due in unit["dues"])]:
        zh, en = ([sentence[language] for sentence in due["explain"]] for language in ("zh", "en"))
        assert all(sentence.endswith("。") for sentence in zh), zh
        assert all(sentence.endswith(".") for sentence in en), en
        assert zh[-1].startswith("依据时限政策 "), zh


async def monday(week: Any) -> None:
    """Four matters come in: a visit without a network, a telephone call, two work orders of 12345."""
    jinggong, software, food = await enterprises(week, 3)
    version = await publish(week, "visit_record")
    with at("mon", "08:40"):
        device = week.phone = await phone(week, week.zhou)
        device.clock = moment.now
        await device.sync()
    with at("mon", "09:30"):
        problems = [{"urgency": "pressing", "said": 1, **LOAN}, {"urgency": "normal", "said": 1, **WORKERS}]
        answers = visit_answers(jinggong, "2026-09-14", no_issue_confirm="no", issues=problems)
        submit(device, "visit_record", version, answers, enterprise=jinggong, filled_at=moment.now())
    with at("mon", "11:00"):
        await device.sync()
    with at("mon", "14:10"):
        found = {line["category"]: line["number"] for line in (await get(week.lin, "/v1/issues"))["items"]}
        week.loan, week.workers = found["0101"], found["0302"]
        same = {"text": BY_TELEPHONE["description"], "category": BY_TELEPHONE["category"]}
        answer = await week.qian.client.post("/v1/reports/similar", json=same)
        assert answer.json()["items"][0]["number"] == week.loan, "while it is typed the known matter comes first"
        week.second = await filed_by(week.qian, **BY_TELEPHONE, source="officer", enterprise=str(food))
        week.deed = await filed_by(
            week.lin, **HOTLINE, source="hotline", source_ref="GD20260914001", enterprise=str(software)
        )
        week.rent = await filed_by(
            week.lin, **RENT, source="hotline", source_ref="GD20260914002", enterprise_name="青云阁餐饮"
        )
    with at("mon", "15:00"):
        (first, *_) = (await get(week.lin, f"/v1/issues/{week.second}/similar"))["items"]
        assert (first["number"], first["words"]) == (week.loan, ["流动资金", "货款", "半年才回来"])
        merged = await do(week.lin, week.second, "merge", into=week.loan, reason="同一问题")
        assert (merged["state"], merged["merged_into"]) == ("MERGED", week.loan)
        shown = await issue(week.lin, week.loan)
        assert (len(shown["links"]), shown["proposal"]["lead"]) == (2, "finance")
        assert due_of(shown, "solve")["day"] == "2026-09-22", "seven working days, the worked Sunday among them"
        explained(await do(week.lin, week.loan, "dispatch"))
        await do(week.lin, week.workers, "dispatch", lead="hr")
        await do(week.lin, week.deed, "dispatch", lead="finance", words="请联系企业")
        assert await numbers(week.lin, state="SUBMITTED") == [week.rent]
        assert await numbers(week.sun) == sorted([week.loan, week.workers, week.deed, week.rent])


async def tuesday(week: Any) -> None:
    """Signed, called, returned with a reason, and given to the right unit, this time for good."""
    with at("tue", "09:00"):
        assert sorted(await told(week.he)) == [f"{n} 已派单给区金融服务中心，请签收" for n in (week.loan, week.deed)]
        await do(week.he, week.loan, "signature")
        await do(week.he, week.loan, "contacts", channel="phone", words="两家企业都约在周三")
        await do(week.he, week.deed, "return-request", reason="不动产不归金融", ground="三定方案", suggested_unit="sme")
        await do(week.tang, week.workers, "signature")
        await do(week.tang, week.workers, "contacts", channel="phone")
    with at("tue", "10:00"):
        assert await told(week.lin) == [f"{week.deed} 区金融服务中心申请退回，请审定"]
        back = await do(week.lin, week.deed, "return-decision", outcome="granted", reason="属实")
        assert (back["state"], back["returns"]) == ("SUBMITTED", 1)
        again = await do(week.lin, week.deed, "dispatch", lead="sme")
        assert (again["lead"], again["forced"]) == ("sme", True)
        refused = await do(
            week.shi, week.deed, "return-request", 409, reason="也不是", ground="无", suggested_unit="hr"
        )
        assert refused["code"] == "issue.return_forced"
        await do(week.shi, week.deed, "signature")
    with at("tue", "16:00"):
        first = await do(week.tang, week.workers, "reply", letter="D", words="正在研究,请企业耐心等待")
        assert first["letter_definition"] == "政策或条件不允许,已解释"
        await do(week.mei, week.workers, "review", outcome="signed_off")


async def wednesday(week: Any) -> None:
    """What lay is red and everybody above knows; a deed of 2009 goes on account; an enterprise has to bring papers."""
    with at("wed", "00:30"):
        assert await numbers(week.sun, overdue=True) == [week.rent]
        await sweep()
    with at("wed", "09:00"):
        assert f"{week.rent} 红灯：受理已超期" in await told(week.lin)
        assert f"{week.rent} 红灯：受理已超期" in await told(week.sun)
        assert await numbers(week.sun, light="red") == [week.rent]
        refused = await do(week.lin, week.rent, "refusal", ground="in_litigation", words="已由法院受理,请依判决")
        assert (refused["state"], due_of(refused, "triage")["is_late"]) == ("REFUSED", True)
    with at("wed", "10:00"):
        plan = {"plan": "先补消防,再补测绘,最后登记", "reason": "历史遗留", "milestone_on": "2026-10-30"}
        steps = [{"on": "2026-10-30", "what": "消防补验"}, {"on": "2026-12-31", "what": "测绘"}]
        kept = await do(week.sun, week.deed, "account", **plan, milestones=steps)
        assert (kept["state"], kept["light"], due_of(kept, "solve")["state"]) == ("LONG_TERM", "grey", "stopped")
    with at("wed", "11:00"):
        waiting = await do(week.he, week.loan, "wait", needed="近三年审计报告")
        assert (waiting["state"], waiting["light"], due_of(waiting, "solve")["due"]) == ("WAITING_FIRM", "grey", None)
    with at("wed", "14:00"):
        assert f"{week.loan} 等待企业补充材料，请联系企业" in await told(week.zhou)
        badly = await do(week.qian, week.workers, "callbacks", **NOT_CONTENT)
        assert badly["state"] == "REOPENED"
        assert f"{week.workers} 回访不满意，退回重办" in await told(week.tang)


async def thursday(week: Any) -> None:
    """The papers arrive by the commissioner's phone; a unit helps; one extension is granted, another is not."""
    with at("thu", "09:00"):
        await week.phone.sync()
        (mine,) = [id for id, body in week.phone.rows("issue").items() if body["number"] == week.loan]
        done = week.phone.do("issue.resume", mine, {"words": "审计报告已收齐"})
        await week.phone.sync()
        assert week.phone.result(done).status == "applied"
        resumed = await issue(week.he, week.loan)
        assert (resumed["state"], due_of(resumed, "solve")["day"]) == ("IN_PROGRESS", "2026-09-23"), (
            "the day is given back"
        )
        assert "2026-09-16(周三) 11:00 至 2026-09-17(周四) 09:00 待企业补充,扣除 1 个工作日。" in [
            sentence["zh"] for sentence in due_of(resumed, "solve")["explain"]
        ]
    with at("thu", "09:30"):
        await do(week.sun, week.workers, "urging", words="企业停产在即,请拿出时间表")
        (letter,) = await get(week.tang, f"/v1/issues/{week.workers}/papers")
        assert letter["number"] == "催办通知书〔2026〕1号"
    with at("thu", "10:00"):
        await do(week.he, week.loan, "co-request", co=["hr"], words="请出具社保缴费证明")
        helped = await do(week.tang, week.loan, "co-answer", words="证明已开")
        assert helped["state"] == "IN_PROGRESS"
        explained(helped)
        await do(week.he, week.loan, "extension-request", until="2026-09-29", reason="银行审批会在下周")
        await do(week.tang, week.workers, "extension-request", clock="redo", until="2026-09-28", reason="人手不足")
    with at("thu", "15:00"):
        assert f"{week.loan} 区金融服务中心申请延期，请审批" in await told(week.sun)
        yes = {"outcome": "granted", "reason": "确需时间", "told_enterprise": True}
        granted = await do(week.sun, week.loan, "extension-decision", **yes)
        assert (due_of(granted, "solve")["day"], due_of(granted, "solve")["original_day"]) == (
            "2026-09-29",
            "2026-09-22",
        )
        denied = await do(week.sun, week.workers, "extension-decision", outcome="denied", reason="企业等人开工")
        assert (due_of(denied, "redo")["day"], denied["extensions"]) == ("2026-09-22", 0)
    with at("thu", "16:30"):
        await do(week.tang, week.workers, "reply", letter="B", words="已登记,有合适的人再联系")
        await do(week.mei, week.workers, "review", outcome="signed_off")


async def friday(week: Any) -> None:
    """A second no goes one level up; a reply that lacks its proof is sent back and comes again."""
    with at("fri", "10:00"):
        again = await do(week.qian, week.workers, "callbacks", **NOT_CONTENT)
        assert again["state"] == "REOPENED"
        shown = await issue(week.sun, week.workers)
        assert (shown["redos"], shown["escalated"], shown["light"]) == (2, True, "double_red")
        assert await numbers(week.sun, light="double_red") == [week.workers]
        assert await counts(week.sun) == {"yellow": 1, "double_red": 1, "team": 3, "reopened": 1}
        owner = await do(week.sun, week.workers, "escalation", reason="两次不满意,请牵头协调", owner="gao")
        assert owner["escalation_owner"] == str(week.gao.id)
        assert f"{week.workers} 已提级" in await told(week.gao)
    with at("fri", "14:00"):
        week.food = (await issue(week.he, week.loan))["links"][1]["report"]
        own = {"report": week.food, "words": "续贷已批,周一签约"}
        replied = await do(week.he, week.loan, "reply", letter="A", words="已授信三百万元", each=[own])
        assert replied["state"] == "REPLIED"
        await do(week.wu, week.loan, "review", outcome="sent_back", words="请附授信通知")
        assert f"{week.loan} 审核退回，请重新答复" in await told(week.he)
        await do(week.he, week.loan, "reply", letter="A", words="已授信三百万元,通知书已送达", each=[own])
        signed = await do(week.wu, week.loan, "review", outcome="signed_off")
        assert (signed["state"], due_of(signed, "solve")["is_late"]) == ("PENDING_CALLBACK", False)
    with at("fri", "16:00"):
        calls = (await get(week.qian, "/v1/callback-tasks", mine=True))["items"]
        assert [(call["issue"], call["due_on"]) for call in calls] == [(signed["id"], "2026-09-22")] * 2
        first = signed["links"][0]["report"]
        half = await do(week.qian, week.loan, "callbacks", **CONTENT, report=first)
        assert half["state"] == "PENDING_CALLBACK", "the other enterprise is to be asked as well"
        assert (await do(week.zhou, week.loan, "callbacks", reached="no_answer", report=week.food))[
            "state"
        ] == "PENDING_CALLBACK"


async def sunday(week: Any) -> None:
    """A Sunday that is worked: the coordinator brings the school and the firm together, the second enterprise answers."""
    with at("sun", "09:00"):
        await do(week.tang, week.workers, "signature")
        await do(week.tang, week.workers, "notes", words="与技师学院谈定订单班,四人十月到岗")
        await do(week.tang, week.workers, "reply", letter="A", words="四名技工 10 月 9 日到岗,名单已交企业")
        settled = await do(week.gao, week.workers, "escalation-end", reason="校企已签约")
        assert settled["escalated"] is False
        await do(week.mei, week.workers, "review", outcome="signed_off")
    with at("sun", "10:00"):
        link = await week.zhou.client.post(f"/v1/issues/{week.loan}/reports/{week.food}/link", json={})
        page = "/v1/reporter/" + link.json()["url"].rsplit("/", 1)[1]
        shown = (await week.door.get(page)).json()
        assert (shown["description"], shown["reply"]["words"]) == (BY_TELEPHONE["description"], "续贷已批,周一签约")
        said = {"contacted": "yes", "solved": "solved", "satisfied": "mostly", "words": "这次很快"}
        assert (await week.door.post(f"{page}/satisfaction", json=said)).status_code == 201
        closed = await issue(week.sun, week.loan)
        assert (closed["state"], closed["letter"], closed["satisfied"]) == ("CLOSED", "A", "mostly")


async def next_monday(week: Any) -> None:
    """The last call, the look at the account, and what the week has come to."""
    with at("next_mon", "09:00"):
        assert (await do(week.qian, week.workers, "callbacks", **CONTENT))["state"] == "CLOSED"
        review = {"words": "消防已约验", "milestone_on": "2026-10-30"}
        reviewed = await do(week.sun, week.deed, "account-review", **review)
        assert (reviewed["state"], due_of(reviewed, "account_review")["day"]) == ("LONG_TERM", "2026-10-21")
    with at("next_mon", "10:00"):
        await week.phone.sync()
        seen = {body["number"]: body["state"] for body in week.phone.rows("issue").values()}
        assert seen[week.loan] == seen[week.workers] == "CLOSED", "the commissioner's phone has had every step"
        states = {line["number"]: line["state"] for line in (await get(week.sun, "/v1/issues", state="all"))["items"]}
        assert states == {
            week.loan: "CLOSED", week.second: "MERGED", week.workers: "CLOSED", week.deed: "LONG_TERM", week.rent: "REFUSED",
        }  # fmt: skip
        assert await numbers(week.sun) == [week.deed], "nothing else is left"
        assert (await numbers(week.sun, overdue=True), await numbers(week.sun, light="grey")) == ([], [week.deed])
        verbs = [event["verb"] for event in (await issue(week.sun, week.workers))["events"]]
        assert verbs.count("call_back") == 3
        units = await figures(week.sun, "units")
        assert units == {
            "finance.returns_asked": 1, "finance.returns_granted": 1, "finance.extensions": 1, "finance.response": 1,
            "finance.solved": 2, "finance.satisfied": 2, "hr.redos": 2, "hr.response": 1, "hr.solved": 3, "hr.satisfied": 3,
            "sme.in_hand": 1, "all.response": 2, "all.solved": 5, "all.satisfied": 5,
        }  # fmt: skip
        flow = {"received.2026-09-14": 5, "closed.2026-09-14": 3, "closed.2026-09-21": 1}
        assert (await figures(week.sun, "flow"), await figures(week.sun, "today")) == (flow, {})
        assert await figures(week.sun, "source") == {"source.hotline": 2, "source.officer": 1, "source.visit": 2}
        shown = {cell["key"]: cell["value"] for cell in (await get(week.sun, "/v1/boards/units"))["cells"]}
        assert (shown["all.satisfied"], shown["hr.satisfied"]) == (0.6, None), "of fewer than five no rate is told"
        assert await ledger(week.sun) == [
            ("东湖精工仪表", "走访", "区金融服务中心", "基本满意", "是"), ("东湖精工仪表", "走访", "区人社局", "满意", "是"),
            ("青山湖食品", "服务专员电话、微信", "", "", "否"), ("赣江云软件", "12345 热线", "区中小企业服务局", "", "否"),
            ("青云阁餐饮", "12345 热线", "", "", "否"),
        ]  # fmt: skip
        assert (await get(week.sun, "/v1/audit/state"))["unbroken"]
        for number in states:
            explained(await issue(week.sun, number))


async def test_a_supervisors_week_from_monday_to_monday(donghu):
    await load_taxonomy(donghu.system)
    with at("mon", "08:00"):
        await replace_rules(donghu.system, [Rule(category="01", lead="finance", co=("sme",), note="金融信贷")])
    for login, unit, role in (
        ("tang", "hr", "handler"), ("mei", "hr", "reviewer"), ("shi", "sme", "handler"), ("gao", "donghu", "coordinator"),
    ):  # fmt: skip
        donghu.members[login] = await hire(donghu, login, unit, role)
    week = SimpleNamespace(bureau=donghu.bureau, system=donghu.system, door=donghu.door, **donghu.members)
    for day in (monday, tuesday, wednesday, thursday, friday, sunday, next_monday):
        await day(week)
