"""Common problems: linked without merging, and one answer to all who spoke of it."""

import pytest

from tests.server.test_issues import do, filed, report

pytestmark = pytest.mark.anyio


async def begun(donghu, *issues: str):
    body = {"title": "工业园反复停电", "category": "0901", "words": "同一条线路", "issues": list(issues)}
    answer = await donghu.lin.client.post("/v1/common-problems", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def show(member, number: str):
    return (await member.client.get(f"/v1/issues/{number}")).json()


async def worked(donghu, number: str) -> None:
    await do(donghu.lin, number, "dispatch", lead="finance")
    await do(donghu.he, number, "signature")


async def test_cases_of_a_common_problem_keep_their_number_lead_and_dates(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await worked(donghu, numbers[0])
    before = await show(donghu.lin, numbers[0])
    common = await begun(donghu, numbers[0], numbers[1], "东湖-2026-000099")
    assert [(one["issue"], one["is_merged"], one["code"]) for one in common["issues"]] == [
        (numbers[0], True, ""), (numbers[1], True, ""), ("东湖-2026-000099", False, "issue.unknown"),
    ]  # fmt: skip
    after = await show(donghu.lin, numbers[0])
    assert after["parent"] == common["number"]
    assert all(after[name] == before[name] for name in ("state", "lead", "next_due", "links", "units"))
    parent = await show(donghu.lin, common["number"])
    assert (parent["state"], parent["is_common"], parent["links"]) == ("SUBMITTED", True, [])
    assert [(child["number"], child["lead"]) for child in parent["children"]] == [
        (numbers[0], "finance"), (numbers[1], ""),
    ]  # fmt: skip
    assert {due["clock"] for due in parent["dues"]} == {"triage", "solve", "hard_stop"}
    left = await do(donghu.lin, numbers[1], "common-problem-undoing", reason="另一条线路")
    assert left["parent"] == ""
    assert [child["number"] for child in (await show(donghu.lin, common["number"]))["children"]] == [numbers[0]]


async def test_one_signed_off_answer_goes_to_all_each_in_words_of_its_own(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2), report(donghu, 3))
    for number in numbers[:2]:
        await worked(donghu, number)
    common = (await begun(donghu, *numbers))["number"]
    early = await donghu.lin.client.post(f"/v1/issues/{common}/answers", json={})
    assert (early.status_code, early.json()["code"]) == (409, "common.unanswered")
    await worked(donghu, common)
    await do(donghu.he, common, "reply", letter="A", words="线路已改造")
    await do(donghu.wu, common, "review", outcome="signed_off")
    stranger = {"each": [{"issue": "东湖-2026-000098", "words": "x"}]}
    refused = await donghu.lin.client.post(f"/v1/issues/{common}/answers", json=stranger)
    assert refused.json()["code"] == "common.not_below"
    own = {"each": [{"issue": numbers[1], "words": "贵公司所在支线 9 月 20 日完工"}]}
    told = (await donghu.lin.client.post(f"/v1/issues/{common}/answers", json=own)).json()
    assert [(one["issue"], one["is_merged"], one["code"]) for one in told] == [
        (numbers[0], True, ""), (numbers[1], True, ""), (numbers[2], False, "issue.move_impossible"),
    ]  # fmt: skip
    for number, words in zip(numbers, ("线路已改造", "贵公司所在支线 9 月 20 日完工"), strict=False):
        child = await show(donghu.lin, number)
        assert (child["state"], child["letter"], child["letter_definition"]) == ("REPLIED", "A", "已解决")
        assert (child["events"][-1]["verb"], child["events"][-1]["fields"]["words"]) == ("adopt_answer", words)
        assert (await do(donghu.wu, number, "review", outcome="signed_off"))["state"] == "PENDING_CALLBACK"


async def test_what_does_not_fit_under_a_common_problem_is_refused(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    first, second = (await begun(donghu, numbers[0]))["number"], (await begun(donghu))["number"]
    assert (await do(donghu.lin, numbers[0], "common-problem", 409, parent=second))["code"] == "common.joined"
    assert (await do(donghu.lin, numbers[1], "common-problem", 422, parent=numbers[0]))["code"] == "common.not_one"
    assert (await do(donghu.lin, first, "common-problem", 422, parent=second))["code"] == "common.not_one"
    undone = await do(donghu.lin, numbers[1], "common-problem-undoing", 409, reason="x")
    assert undone["code"] == "common.not_joined"
    denied = await donghu.he.client.post("/v1/common-problems", json={"title": "x", "words": "x"})
    assert denied.json()["code"] == "permission.missing"
    answers = await donghu.lin.client.post(f"/v1/issues/{numbers[0]}/answers", json={})
    assert answers.json()["code"] == "common.not_one"
