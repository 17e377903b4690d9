"""Similar issues through the front door: while typing and at triage, within what a person may see, always fresh."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from server.reports.filed import FiledReport, store_reports
from server.similar.catalogue import catalogue_of
from sync.transaction import fetch, transaction
from tests.server.conftest import found, go_home
from tests.server.fieldwork import enterprises

pytestmark = pytest.mark.anyio

MOMENT = datetime(2026, 9, 18, 2, tzinfo=UTC)
GRID = ("变压器容量不够", "夏天两条线同时开就跳闸,想申请用电增容")
PRICE = ("转供电加价", "物业收的电费比电网高三毛多,没人管")
SEWER = ("污水管网没接通", "工业区没有污水管网,废水只能靠罐车拉")


async def filed(donghu, *said: tuple[str, str], **more) -> list[str]:
    """Numbers of the issues these words became."""
    known = {
        "bureau": donghu.bureau,
        "record": None,
        "enterprise": None,
        "person": donghu.zhou.id,
        "category": "0501",
        "origin": "visit",
        "reported_at": MOMENT,
        "collected_at": MOMENT,
    } | more
    before = (await fetch("SELECT count(*) FROM report"))[0][0]
    reports = [
        FiledReport(**({"id": UUID(int=before + n + 1), "title": title, "description": words} | known))
        for n, (title, words) in enumerate(said)
    ]
    async with transaction():
        await store_reports(donghu.system, reports)
    rows = await fetch(
        "SELECT issue.number, issue_link.report FROM issue JOIN issue_link ON issue_link.issue = issue.id"
        " WHERE issue_link.via IS NULL"
    )
    numbers = {UUID(str(row[1])): row[0] for row in rows}
    return [numbers[report.id] for report in reports]


async def typing(member, text: str, status: int = 200, **more):
    answer = await member.client.post("/v1/reports/similar", json={"text": text} | more)
    assert answer.status_code == status, answer.text
    return answer.json()["items"] if status == 200 else answer.json()


async def triage(member, number: str):
    answer = await member.client.get(f"/v1/issues/{number}/similar")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def do(member, number: str, resource: str, status: int = 201, **body):
    answer = await member.client.post(f"/v1/issues/{number}/{resource}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_while_typing_the_known_issue_comes_first_with_the_shared_words_marked(donghu):
    grid, *_ = await filed(donghu, GRID, PRICE, SEWER)
    first, *others = await typing(donghu.lin, "我厂变压器不够用,想申请增容", category="0501")
    assert first["number"] == grid
    assert all(other["score"] < first["score"] for other in others)
    assert first["words"] == ["变压器", "不够", "想申请", "增容"]
    start, end = first["spans"][0]
    assert "我厂变压器不够用,想申请增容"[start:end] == "变压器"
    start, end = first["text_spans"][0]
    assert first["text"][start:end] == "变压器"
    assert (first["state"], first["reports"], first["algorithm"]) == ("SUBMITTED", 1, "chars-1")


async def test_at_most_five_are_shown_and_the_best_first(donghu):
    await filed(donghu, *[(f"用电增容{n}", f"第{n}家变压器容量不够") for n in range(8)])
    shown = await typing(donghu.lin, "变压器容量不够")
    assert len(shown) == 5
    assert [one["score"] for one in shown] == sorted((one["score"] for one in shown), reverse=True)


async def test_at_triage_an_issue_is_not_similar_to_itself(donghu):
    grid, price, _ = await filed(donghu, GRID, PRICE, SEWER)
    told = await triage(donghu.lin, grid)
    assert told["text"] == "\n".join(GRID)
    assert told["items"][0]["number"] == price
    assert grid not in [one["number"] for one in told["items"]]


async def test_a_merged_issue_is_found_as_the_other_and_again_as_itself_when_parted(donghu):
    grid, sewer = await filed(donghu, GRID, SEWER)
    await do(donghu.lin, grid, "merge", into=sewer, reason="同一片区")
    assert [one["number"] for one in await typing(donghu.lin, GRID[1])] == [sewer]
    await do(donghu.lin, grid, "merge-undoing", reason="不是一回事")
    assert (await typing(donghu.lin, GRID[1]))[0]["number"] == grid


async def test_what_is_no_longer_open_is_suggested_no_more(donghu):
    (grid,) = await filed(donghu, GRID)
    assert len(await typing(donghu.lin, GRID[1])) == 1
    await do(donghu.lin, grid, "refusal", ground="not_our_duty", words="请找供电公司")
    assert await typing(donghu.lin, GRID[1]) == []


async def test_a_question_after_no_change_reads_nothing_but_the_counter(donghu):
    await filed(donghu, GRID, PRICE)
    catalogue = await catalogue_of(donghu.bureau)
    index = catalogue.index
    await typing(donghu.lin, GRID[1])
    await filed(donghu, SEWER)
    assert (await catalogue_of(donghu.bureau)).index is index
    assert len(index) == 3


async def test_a_catalogue_that_lived_through_it_holds_what_a_new_one_reads(donghu):
    """Two processes: one has answered all along, one starts now."""
    from server.similar.catalogue import Catalogue

    lived = Catalogue()
    grid, price, sewer = await filed(donghu, GRID, PRICE, SEWER)
    await lived.catch_up(donghu.bureau)
    await do(donghu.lin, grid, "merge", into=sewer, reason="同一片区")
    await lived.catch_up(donghu.bureau)
    await do(donghu.lin, price, "refusal", ground="not_our_duty", words="请找物价局")
    await filed(donghu, ("停电", "没通知就停电三次"))
    await lived.catch_up(donghu.bureau)
    fresh = Catalogue()
    await fresh.catch_up(donghu.bureau)
    assert lived.told == fresh.told
    for words in (*GRID, *PRICE, *SEWER, "停电"):
        assert [(hit.issue, hit.score) for hit in lived.index.search(words)] == [
            (hit.issue, hit.score) for hit in fresh.index.search(words)
        ]


async def test_enterprises_are_counted_once_and_the_same_enterprise_is_told(donghu):
    first, second = await enterprises(donghu, 2)
    grid, again, other = await filed(donghu, GRID, PRICE, SEWER, enterprise=first)
    (elsewhere,) = await filed(donghu, ("增容没批", "供电增容迟迟没批下来"), enterprise=second)
    for number in (again, elsewhere):
        await do(donghu.lin, number, "merge", into=grid, reason="同一件事")
    shown = await typing(donghu.lin, "用电增容没批", enterprise=str(second))
    top = shown[0]
    assert (top["number"], top["reports"], top["enterprises"], top["is_same_enterprise"]) == (grid, 3, 2, True)
    assert [one["is_same_enterprise"] for one in shown if one["number"] == other] in ([], [False])


async def test_nobody_is_told_of_an_issue_they_may_not_see(donghu):
    await filed(donghu, GRID, person=donghu.lin.id)
    assert await typing(donghu.zhou, GRID[1]) == []
    assert await typing(donghu.he, GRID[1]) == []
    await filed(donghu, PRICE, person=donghu.zhou.id)
    assert len(await typing(donghu.zhou, GRID[1] + PRICE[1])) == 1
    assert (await donghu.he.client.get("/v1/issues/nothing/similar")).status_code == 404


async def test_another_bureau_s_issues_are_never_suggested(donghu):
    await filed(donghu, GRID)
    other = await found("xihu", "西湖区中小企业服务局", "360103")
    try:
        assert await typing(other.lin, GRID[1]) == []
    finally:
        await go_home(other)


async def test_confidential_words_are_for_their_author_and_those_who_oversee_reports(donghu):
    filed_by_hand = await donghu.qian.client.post(
        "/v1/reports",
        json={"title": GRID[0], "description": GRID[1], "source": "hotline", "confidentiality": "trade_secret"},
    )
    assert filed_by_hand.status_code == 201, filed_by_hand.text
    (own,) = await filed(donghu, ("变压器又跳闸", "变压器容量太小"), confidentiality="trade_secret")
    (mine,) = await typing(donghu.zhou, GRID[1])
    assert (mine["number"], mine["text"]) == (own, "变压器又跳闸\n变压器容量太小")
    report = (await fetch("SELECT id FROM report WHERE source = 'hotline'"))[0][0]
    await do(donghu.lin, own, "links", report=str(report))
    await do(donghu.lin, own, "dispatch", lead="finance")
    (seen,) = await typing(donghu.he, "变压器容量不够")
    assert (seen["title"], seen["text"], seen["words"], seen["spans"]) == ("（不公开）", "", [], [])
    overseen = await typing(donghu.lin, "变压器容量不够")
    assert all("变压器" in one["text"] for one in overseen)


@pytest.mark.parametrize(
    "body",
    [{"text": ""}, {"text": "x" * 10_001}, {"text": "电", "strange": 1}, {"text": "电", "enterprise": "x"}, {}],
    ids=["empty", "long", "strange", "enterprise", "nothing"],
)
async def test_a_question_that_does_not_fit_is_400(donghu, body):
    answer = await donghu.lin.client.post("/v1/reports/similar", json=body)
    assert answer.status_code == 400


async def test_an_unknown_enterprise_and_a_missing_permission_are_refused(donghu):
    refused = await typing(donghu.lin, "电", 404, enterprise=str(UUID(int=77)))
    assert refused["code"] == "enterprise.unknown"
    assert (await typing(donghu.chen, "电", 403))["code"] == "permission.missing"
    assert (await donghu.door.post("/v1/reports/similar", json={"text": "电"})).status_code == 401


async def test_nothing_but_punctuation_is_similar_to_nothing(donghu):
    await filed(donghu, GRID)
    assert await typing(donghu.lin, "。,!?\x01 ") == []


async def test_the_same_problem_is_merged_by_who_may_and_suggested_by_who_may_not(donghu):
    grid, price, sewer = await filed(donghu, GRID, PRICE, SEWER)
    judged = await do(donghu.lin, price, "similar", verdict="same", others=[grid], reason="都是用电")
    assert judged == {"outcome": "merged", "issues": [grid]}
    assert (await donghu.lin.client.get(f"/v1/issues/{price}")).json()["state"] == "MERGED"
    judged = await do(donghu.zhou, sewer, "similar", verdict="same", others=[grid], reason="也是园区配套")
    assert judged == {"outcome": "suggested", "issues": [grid]}
    links = (await donghu.lin.client.get(f"/v1/issues/{grid}")).json()["links"]
    assert sorted(link["is_confirmed"] for link in links) == [False, True, True]


async def test_similar_but_not_the_same_is_never_suggested_again_in_either_direction(donghu):
    grid, outage = await filed(donghu, GRID, ("变压器跳闸停电", "变压器老是跳闸"))
    assert [one["number"] for one in (await triage(donghu.lin, outage))["items"]] == [grid]
    judged = await do(donghu.lin, outage, "similar", verdict="not_same", others=[grid], reason="一个要增容,一个是故障")
    assert judged == {"outcome": "rejected", "issues": [grid]}
    assert (await triage(donghu.lin, outage))["items"] == []
    assert (await triage(donghu.lin, grid))["items"] == []
    again = await do(donghu.lin, outage, "similar", verdict="not_same", others=[grid], reason="再说一遍")
    assert again["outcome"] == "rejected"
    timeline = (await donghu.lin.client.get(f"/v1/issues/{grid}")).json()["events"]
    assert [event["verb"] for event in timeline].count("reject_link") == 1


async def test_new_says_that_it_is_none_of_those_suggested(donghu):
    grid, outage, fault = await filed(
        donghu, GRID, ("变压器跳闸停电", "变压器老是跳闸"), ("变压器坏了", "变压器烧了跳闸")
    )
    judged = await do(donghu.lin, fault, "similar", verdict="new", reason="设备故障,另办")
    assert sorted(judged["issues"]) == [grid, outage]
    assert (await triage(donghu.lin, fault))["items"] == []
    assert [one["number"] for one in (await triage(donghu.lin, outage))["items"]] == [grid]


@pytest.mark.parametrize(
    ("verdict", "n", "code"),
    [("same", 0, "similar.verdict"), ("same", 2, "similar.verdict"), ("not_same", 0, "similar.verdict"),
     ("new", 1, "similar.verdict"), ("not_same", 1, "permission.missing")],
)  # fmt: skip
async def test_a_verdict_that_does_not_fit_is_refused_and_changes_nothing(donghu, verdict, n, code):
    own, *others = await filed(donghu, GRID, PRICE, SEWER)
    member = donghu.zhou if code == "permission.missing" else donghu.lin
    status = 403 if code == "permission.missing" else 422
    told = await do(member, own, "similar", status, verdict=verdict, others=others[:n], reason="试试")
    assert told["code"] == code
    assert (await fetch("SELECT count(*) FROM issue_link"))[0][0] == 3


async def test_an_issue_out_of_reach_is_no_verdict_s_other(donghu):
    (own,) = await filed(donghu, GRID)
    (foreign,) = await filed(donghu, PRICE, person=donghu.lin.id)
    told = await do(donghu.zhou, own, "similar", 404, verdict="same", others=[foreign], reason="试试")
    assert told["code"] == "issue.unknown"


async def test_the_same_enterprise_saying_it_again_is_linked_shows_and_can_be_parted(donghu):
    firm, other = await enterprises(donghu, 2)
    (grid,) = await filed(donghu, GRID, enterprise=firm)
    (again,) = await filed(donghu, (GRID[0], GRID[1] + "。"), enterprise=firm, reported_at=MOMENT + timedelta(days=29))
    (elsewhere,) = await filed(donghu, GRID, enterprise=other)
    repeated = (await donghu.lin.client.get(f"/v1/issues/{again}")).json()
    assert repeated["state"] == "MERGED"
    last = repeated["events"][-1]
    assert (last["verb"], last["fields"]["into"]) == ("merge", grid)
    assert "自动关联" in last["fields"]["reason"]
    assert (await donghu.lin.client.get(f"/v1/issues/{elsewhere}")).json()["state"] == "SUBMITTED"
    rows = await fetch("SELECT method, algorithm FROM issue_link WHERE via IS NOT NULL")
    assert [tuple(row) for row in rows] == [("same_enterprise_repeat", "chars-1")]
    await do(donghu.lin, again, "merge-undoing", reason="两条线路")
    assert (await donghu.lin.client.get(f"/v1/issues/{again}")).json()["state"] == "SUBMITTED"


async def test_two_rows_of_one_batch_that_say_the_same_are_one_issue(donghu):
    (firm,) = await enterprises(donghu, 1)
    first, second = await filed(donghu, GRID, GRID, enterprise=firm)
    states = [(await donghu.lin.client.get(f"/v1/issues/{number}")).json()["state"] for number in (first, second)]
    assert states == ["SUBMITTED", "MERGED"]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ((GRID[0], GRID[1].replace("两条", "2 条")), {}),
        (PRICE, {}),
        (GRID, {"reported_at": MOMENT + timedelta(days=31)}),
        (GRID, {"solved_on_site": True}),
    ],
    ids=["other numbers", "other words", "too late", "solved"],
)
async def test_anything_else_of_the_same_enterprise_stays_an_issue_of_its_own(donghu, words, more):
    (firm,) = await enterprises(donghu, 1)
    await filed(donghu, GRID, enterprise=firm)
    (number,) = await filed(donghu, words, enterprise=firm, **more)
    assert (await donghu.lin.client.get(f"/v1/issues/{number}")).json()["state"] != "MERGED"


async def test_a_repeat_of_what_is_closed_opens_anew(donghu):
    (firm,) = await enterprises(donghu, 1)
    (grid,) = await filed(donghu, GRID, enterprise=firm)
    await do(donghu.lin, grid, "refusal", ground="not_our_duty", words="请找供电公司")
    (again,) = await filed(donghu, GRID, enterprise=firm)
    assert (await donghu.lin.client.get(f"/v1/issues/{again}")).json()["state"] == "SUBMITTED"
