"""The reporter's side: an answer for each, and a link to see what became of it, judge it, add to it, take it back."""

from datetime import timedelta
from uuid import UUID

import pytest

from server.enterprises.actions import NewEnterprise, add_enterprise
from server.enterprises.assignments.actions import assign_enterprise
from server.moment import at
from tests.server.fieldwork import CODES
from tests.server.test_callbacks import WELL, signed_off
from tests.server.test_issues import FRIDAY, do, filed, report

pytestmark = pytest.mark.anyio

GOOD = {"contacted": "yes", "solved": "solved", "satisfied": "satisfied", "words": "这次很快"}
BAD = {
    "contacted": "no",
    "solved": "unsolved",
    "satisfied": "dissatisfied",
    "why_words": "没人管",
    "why_not": ["too_slow"],
}


async def firms(donghu) -> list[UUID]:
    """Two enterprises with credit codes, in zhou's care."""
    made = []
    for name, code in zip(("东湖精工仪表", "赣江云软件"), CODES, strict=True):
        row = await add_enterprise(donghu.system, NewEnterprise(name=name, region="360102", credit_code=code))
        await assign_enterprise(donghu.system, row.id, donghu.zhou.id)
        made.append(row.id)
    return made


async def spoken(donghu, **more) -> str:
    """The number of one issue that one enterprise with a credit code spoke of."""
    first, _ = await firms(donghu)
    (number,) = await filed(donghu, report(donghu, 1, enterprise=first, **more))
    return number


async def together(donghu) -> tuple[str, str]:
    """Two reports of two enterprises in one issue; the numbers of that one and of the one that was merged into it."""
    first, second = await firms(donghu)
    other = report(donghu, 2, enterprise=second, title="厂房漏水", description="雨天车间进水")
    numbers = await filed(donghu, report(donghu, 1, enterprise=first), other)
    with at(FRIDAY):
        await do(donghu.lin, numbers[1], "merge", into=numbers[0], reason="同一问题")
    return numbers[0], numbers[1]


async def link(donghu, number: str, n: int = 1, **body) -> str:
    """The path of a new link for the author of report `n`."""
    answer = await donghu.zhou.client.post(f"/v1/issues/{number}/reports/{UUID(int=n)}/link", json=body)
    assert answer.status_code == 201, answer.text
    return "/v1/reporter/" + answer.json()["url"].rsplit("/", 1)[1]


async def page(donghu, path: str, status: int = 200):
    answer = await donghu.door.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


async def tell(donghu, path: str, status: int = 201, **body):
    answer = await donghu.door.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_each_enterprise_reads_its_own_words_and_its_own_answer_once_it_is_signed_off(donghu):
    number, _ = await together(donghu)
    mine, other = await link(donghu, number, 1), await link(donghu, number, 2)
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        await do(
            donghu.he,
            number,
            "reply",
            letter="A",
            words="已授信",
            each=[{"report": str(UUID(int=2)), "words": "贵司另补材料"}],
        )
        assert (await page(donghu, mine))["reply"] is None, "nobody has signed it off"
        await do(donghu.wu, number, "review", outcome="signed_off")
        first, second = await page(donghu, mine), await page(donghu, other)
    assert (first["reply"]["words"], second["reply"]["words"]) == ("已授信", "贵司另补材料")
    assert (first["description"], second["description"]) == ("账上钱不够备料", "雨天车间进水")
    assert first["reply"]["meaning"] == "已解决"
    assert "贵司另补材料" not in str(first)
    shown = await donghu.he.client.get(f"/v1/issues/{number}")
    assert "贵司另补材料" not in shown.text, "words for one are not in the timeline"
    told = (await donghu.he.client.get(f"/v1/issues/{number}/replies")).json()
    assert [(one["description"], one["answers"][0]["words"], one["answers"][0]["is_own"]) for one in told] == [
        ("账上钱不够备料", "已授信", False),
        ("雨天车间进水", "贵司另补材料", True),
    ]


async def test_words_of_its_own_go_to_a_report_of_the_issue_and_once(donghu):
    number = await spoken(donghu)
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        for reports in ([UUID(int=9)], [UUID(int=1), UUID(int=1)]):
            each = [{"report": str(one), "words": "答"} for one in reports]
            refused = await do(donghu.he, number, "reply", 422, letter="A", words="已授信", each=each)
            assert refused["code"] == "issue.reply_report"
    assert (await donghu.he.client.get(f"/v1/issues/{number}")).json()["state"] == "IN_PROGRESS"


async def test_progress_is_told_in_plain_words_without_names_and_notes(donghu):
    number = await spoken(donghu)
    path = await link(donghu, number)
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "notes", words="这家企业资质一般")
        await do(donghu.he, number, "signature")
        await do(donghu.he, number, "wait", needed="近三年财务报表")
        shown = await page(donghu, path)
    assert (shown["number"], shown["state"], shown["needed"]) == (number, "WAITING_FIRM", "近三年财务报表")
    assert [one["zh"] for one in shown["progress"]] == [
        "收到您反映的问题",
        "转交责任单位",
        "责任单位开始办理",
        "请您补充材料",
    ]
    assert (shown["unit"], shown["enterprise"], shown["due_at"]) == ("区金融服务中心", "东湖精工仪表", None)
    for hidden in ("何办", "林派", "周访", "资质一般"):
        assert hidden not in str(shown)


async def test_a_comment_ends_the_waiting_and_stands_in_the_timeline(donghu):
    number = await spoken(donghu)
    path = await link(donghu, number)
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        await tell(donghu, f"{path}/comment", words="联系人换了")
        await do(donghu.he, number, "wait", needed="报表")
        told = await tell(donghu, f"{path}/comment", words="报表已送到窗口")
    assert told["state"] == "IN_PROGRESS"
    events = (await donghu.he.client.get(f"/v1/issues/{number}")).json()["events"]
    said = [(one["verb"], one["fields"]["words"]) for one in events if "企业补充" in str(one["fields"])]
    assert said == [("note", "[企业补充] 联系人换了"), ("resume", "[企业补充] 报表已送到窗口")]


async def test_an_answer_by_the_link_is_a_call_back_and_closes_the_issue(donghu):
    number = await spoken(donghu)
    path = await link(donghu, number)
    early = await tell(donghu, f"{path}/satisfaction", 409, **GOOD)
    assert early["code"] == "reporter.not_yet"
    await signed_off(donghu, number)
    with at(FRIDAY + timedelta(days=3)):
        assert "satisfied" in (await page(donghu, path))["questions"]
        told = await tell(donghu, f"{path}/satisfaction", **GOOD)
        again = await tell(donghu, f"{path}/satisfaction", 409, **GOOD)
    assert (told["state"], told["judged"]["satisfied"], told["questions"]) == ("CLOSED", "satisfied", [])
    assert again["code"] == "callback.answered"
    (row,) = (await donghu.qian.client.get(f"/v1/issues/{number}/callbacks")).json()
    assert (row["channel"], row["words"], row["counts"]) == ("enterprise_code", "这次很快", True)
    (line,) = (await donghu.sun.client.get("/v1/issues?state=CLOSED")).json()["items"]
    assert line["satisfied"] == "satisfied"
    assert (await donghu.sun.client.get(f"/v1/issues/{number}")).json()["satisfied"] == "satisfied"


async def test_dissatisfied_by_the_link_for_the_unit_s_own_cause_reopens_and_the_next_turn_asks_anew(donghu):
    number = await spoken(donghu)
    path = await link(donghu, number, channel="sms_link")
    await signed_off(donghu, number)
    with at(FRIDAY + timedelta(days=3)):
        lacking = await tell(donghu, f"{path}/satisfaction", 422, **(BAD | {"why_not": []}))
        assert lacking["code"] == "callback.incomplete"
        assert (await tell(donghu, f"{path}/satisfaction", **BAD))["state"] == "REOPENED"
        (line,) = (await donghu.sun.client.get("/v1/issues")).json()["items"]
        assert (line["state"], line["satisfied"]) == ("REOPENED", "dissatisfied")
        await do(donghu.he, number, "reply", letter="A", words="这次办好了")
        await do(donghu.wu, number, "review", outcome="signed_off")
        shown = await page(donghu, path)
        assert (shown["reply"]["words"], shown["judged"]) == ("这次办好了", None)
        assert (await tell(donghu, f"{path}/satisfaction", **GOOD))["state"] == "CLOSED"


async def test_of_a_call_and_an_answer_by_the_link_the_first_counts_and_the_other_is_shown(donghu):
    number, _ = await together(donghu)
    first, second = await link(donghu, number, 1), await link(donghu, number, 2)
    await signed_off(donghu, number)
    with at(FRIDAY + timedelta(days=3)):
        await do(donghu.qian, number, "callbacks", **WELL, report=str(UUID(int=1)))
        late = await tell(donghu, f"{first}/satisfaction", **BAD)
        assert (late["state"], late["judged"]["counts"]) == ("PENDING_CALLBACK", False)
        await tell(donghu, f"{second}/satisfaction", **(GOOD | {"satisfied": "mostly"}))
        kept = await do(donghu.qian, number, "callbacks", **WELL, report=str(UUID(int=2)))
    assert (kept["state"], kept["callback"]["counts"]) == ("CLOSED", False)
    rows = (await donghu.qian.client.get(f"/v1/issues/{number}/callbacks")).json()
    assert sorted((row["channel"], row["satisfied"], row["counts"]) for row in rows) == [
        ("enterprise_code", "dissatisfied", False),
        ("enterprise_code", "mostly", True),
        ("phone", "satisfied", False),
        ("phone", "satisfied", True),
    ]
    assert (await donghu.sun.client.get(f"/v1/issues/{number}")).json()["satisfied"] == "mostly", (
        "the worst that counts"
    )


async def test_the_credit_code_opens_personal_data_and_every_word_of_a_confidential_matter(donghu):
    first, _ = await firms(donghu)
    filed_by_sun = await donghu.sun.client.post("/v1/reports", json={
        "enterprise": str(first), "title": "配方外泄", "description": "离职员工带走配方", "source": "hotline",
        "confidentiality": "trade_secret", "contact_name": "胡总", "contact_phone": "13800001234",
    })  # fmt: skip
    (line,) = (await donghu.sun.client.get("/v1/issues")).json()["items"]
    path_of = f"/v1/issues/{line['number']}/reports/{filed_by_sun.json()['id']}/link"
    made = (await donghu.zhou.client.post(path_of, json={})).json()
    path = "/v1/reporter/" + made["url"].rsplit("/", 1)[1]
    locked = await page(donghu, path)
    assert (locked["number"], locked["is_locked"], locked["is_confidential"]) == (line["number"], True, True)
    for hidden in ("配方", "精工", "胡总", "13800001234"):
        assert hidden not in str(locked)
    assert (await tell(donghu, f"{path}/unlocking", 403, code_end="0000"))["code"] == "link.code_wrong"
    opened = await tell(donghu, f"{path}/unlocking", 200, code_end=CODES[0][-4:].lower())
    assert (opened["description"], opened["contact"]["phone"]) == ("离职员工带走配方", "13800001234")


async def test_codes_are_not_to_be_guessed(donghu):
    path = await link(donghu, await spoken(donghu))
    for n in range(20):
        with at(FRIDAY + timedelta(minutes=n)):
            assert (await tell(donghu, f"{path}/unlocking", 403, code_end="0000"))["code"] == "link.code_wrong"
    with at(FRIDAY + timedelta(hours=1)):
        assert (await tell(donghu, f"{path}/unlocking", 403, code_end=CODES[0][-4:]))["code"] == "reporter.locked"
        assert (await page(donghu, path))["is_locked"]
        for _ in range(3):
            await tell(donghu, f"{path}/unlocking", 403, code_end="0000")
        assert (await tell(donghu, f"{path}/unlocking", 403, code_end="0000"))["code"] == "reporter.locked"
        assert (await tell(donghu, f"{path}/unlocking", 429, code_end="0000"))["code"] == "link.too_often"


async def test_a_link_ends_is_replaced_and_withdrawn(donghu):
    number = await spoken(donghu)
    old = await link(donghu, number)
    new = await link(donghu, number)
    assert (await page(donghu, old, 404))["code"] == "link.unknown"
    assert (await page(donghu, new))["number"] == number
    assert (await page(donghu, new.upper().replace("/V1/REPORTER/", "/v1/reporter/"), 404))["code"] == "link.unknown"
    short = await donghu.door.get(new.replace("/v1/reporter/", "/r/"))
    assert (short.status_code, short.headers["location"], short.headers["cache-control"]) == (303, new, "no-store")
    listed = (await donghu.zhou.client.get(f"/v1/issues/{number}/reporter-links")).json()
    assert [(one["revoked_at"] is None, one["opened_at"] is None) for one in listed] == [(True, False), (False, True)]
    assert new.rsplit("/", 1)[1] not in str(listed)
    gone = await donghu.zhou.client.post(f"/v1/issues/{number}/reports/{UUID(int=1)}/link/revocation")
    assert gone.status_code == 204
    assert (await page(donghu, new, 404))["code"] == "link.unknown"
    last = await link(donghu, number)
    with at(FRIDAY + timedelta(days=365)):
        assert (await page(donghu, last, 410))["code"] == "reporter.expired"


async def test_links_are_made_by_those_who_call_back_and_never_by_who_handled_it(donghu):
    from tests.server.test_callbacks import hire

    number = await spoken(donghu)
    both = await hire(donghu, "both", "finance", "handler", "callback_officer")
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(both, number, "signature")
    path = f"/v1/issues/{number}/reports/{UUID(int=1)}/link"
    for member, status, code in (
        (both, 403, "issue.same_person"),
        (donghu.he, 403, "permission.missing"),
        (donghu.lin, 403, "permission.missing"),
    ):
        refused = await member.client.post(path, json={})
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await donghu.qian.client.post(path, json={})).status_code == 201
    other = await donghu.qian.client.post(f"/v1/issues/{number}/reports/{UUID(int=7)}/link", json={})
    assert (other.status_code, other.json()["code"]) == (404, "report.unknown")
    await both.client.aclose()


async def test_a_withdrawal_takes_the_credit_code_and_leaves_what_others_said(donghu):
    number, merged = await together(donghu)
    second = await link(donghu, number, 2)
    shown = await page(donghu, second)
    assert shown["number"] == number
    assert "与同类诉求合并办理" in [one["zh"] for one in shown["progress"]]
    wrong = await tell(donghu, f"{second}/withdrawal", 403, words="不用了", code_end=CODES[0][-4:])
    assert wrong["code"] == "link.code_wrong"
    told = await tell(donghu, f"{second}/withdrawal", words="不用了", code_end=CODES[1][-4:])
    assert (told["number"], told["state"], told["may"]) == (merged, "WITHDRAWN", ["comment"])
    left = (await donghu.sun.client.get(f"/v1/issues/{number}")).json()
    assert (left["state"], [one["report"] for one in left["links"]]) == ("SUBMITTED", [str(UUID(int=1))])
    first = await link(donghu, number, 1)
    gone = await tell(donghu, f"{first}/withdrawal", words="已自行解决", code_end=CODES[0][-4:])
    assert (gone["number"], gone["state"]) == (number, "WITHDRAWN")
    over = await tell(donghu, f"{first}/withdrawal", 409, words="再撤", code_end=CODES[0][-4:])
    assert over["code"] == "reporter.over"
    assert (await tell(donghu, f"{first}/satisfaction", 409, **GOOD))["code"] == "reporter.over"


async def test_a_report_linked_by_hand_leaves_for_an_issue_of_its_own_when_it_is_withdrawn(donghu):
    first, second = await firms(donghu)
    third = report(donghu, 3, enterprise=second)
    number, own = await filed(donghu, report(donghu, 1, enterprise=first), third)
    linked = await donghu.sun.client.post(f"/v1/issues/{number}/links", json={"report": str(third.id)})
    assert linked.status_code == 201, linked.text
    path = await link(donghu, number, 3)
    told = await tell(donghu, f"{path}/withdrawal", words="不用了", code_end=CODES[1][-4:])
    assert told["state"] == "WITHDRAWN"
    assert told["number"] not in (number, own)
    left = (await donghu.sun.client.get(f"/v1/issues/{number}")).json()
    assert (left["state"], [one["report"] for one in left["links"]]) == ("SUBMITTED", [str(UUID(int=1))])


async def test_without_a_credit_code_there_is_nothing_to_unlock_or_withdraw_with(donghu):
    (number,) = await filed(donghu, report(donghu, 3, enterprise_name="路边小店"))
    path = await link(donghu, number, 3)
    assert (await page(donghu, path))["enterprise"] == "路边小店"
    refused = await tell(donghu, f"{path}/withdrawal", 409, words="不用了", code_end="1234")
    assert refused["code"] == "reporter.no_code"
    assert (await tell(donghu, f"{path}/unlocking", 409, code_end="1234"))["code"] == "reporter.no_code"


async def test_an_on_site_answer_is_read_back_and_judged(donghu):
    number = await spoken(donghu, solved_on_site=True, on_site_answer="当场帮企业开通了账户")
    path = await link(donghu, number)
    shown = await page(donghu, path)
    assert (shown["state"], shown["reply"]["words"]) == ("ON_SITE_CLOSED", "当场帮企业开通了账户")
    assert (await tell(donghu, f"{path}/satisfaction", **GOOD))["state"] == "CLOSED"
