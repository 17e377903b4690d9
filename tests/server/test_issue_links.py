"""Reports and issues joined and parted: links that are judged, merges and splits that lose nothing."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from server.issues.joining.links import Suggestion, rejected_issues, suggest_links
from server.issues.tables import Issue, IssueLink, IssueUnit
from server.moment import at
from sync.transaction import transaction
from tests.server.fieldwork import phone
from tests.server.test_issues import FRIDAY, do, filed, report

pytestmark = pytest.mark.anyio
SECOND = str(UUID(int=2))


async def show(member, number: str):
    return (await member.client.get(f"/v1/issues/{number}")).json()


def reports_of(shown) -> list[str]:
    return [link["report"] for link in shown["links"]]


async def id_of(donghu, number: str) -> UUID:
    return UUID((await show(donghu.sun, number))["id"])


async def suggest(donghu, number: str, n: int = 2, score: float = 0.83) -> int:
    issue = await id_of(donghu, number)
    async with transaction():
        one = Suggestion(report=UUID(int=n), issue=issue, score=score, algorithm="grams@1")
        return await suggest_links(donghu.system, [one])


async def test_an_algorithm_s_guess_waits_to_be_judged_and_shows_how_it_came(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    assert await suggest(donghu, numbers[0]) == 1
    assert await suggest(donghu, numbers[0]) == 0, "once is enough"
    (first, guess) = (await show(donghu.lin, numbers[0]))["links"]
    assert (first["method"], first["state"]) == ("intake", "confirmed")
    assert (guess["method"], guess["state"], guess["score"], guess["algorithm"]) == (
        "proposal", "suggested", 0.83, "grams@1",
    )  # fmt: skip
    confirmed = await do(donghu.lin, numbers[0], "link-confirmation", report=SECOND)
    assert confirmed["links"][1]["confirmed_by"] == str(donghu.lin.id)
    assert confirmed["events"][-1]["verb"] == "confirm_link"
    again = await do(donghu.lin, numbers[0], "link-confirmation", 409, report=SECOND)
    assert again["code"] == "link.not_suggested"


async def test_a_rejected_pair_is_never_suggested_again_from_either_side_until_somebody_links_it(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await suggest(donghu, numbers[0])
    rejected = await do(donghu.lin, numbers[0], "link-rejection", report=SECOND, reason="不同银行")
    assert reports_of(rejected) == [str(UUID(int=1))]
    assert await suggest(donghu, numbers[0]) == 0
    assert await suggest(donghu, numbers[1], 1) == 0, "the other way round is the same judgement"
    refused = await do(donghu.zhou, numbers[0], "links", 409, report=SECOND)
    assert refused["code"] == "link.rejected"
    linked = await do(donghu.lin, numbers[0], "links", report=SECOND)
    assert linked["links"][1]["state"] == "confirmed"
    assert await rejected_issues(donghu.bureau, UUID(int=2)) == set()


async def test_a_judgement_holds_for_what_the_issue_was_merged_into(donghu):
    first, second, third = await filed(donghu, *(report(donghu, n) for n in (1, 2, 3)))
    await suggest(donghu, first)
    await do(donghu.lin, first, "link-rejection", report=SECOND, reason="不同银行")
    await do(donghu.lin, first, "merge", into=third, reason="同一问题")
    assert await suggest(donghu, third) == 0
    assert await rejected_issues(donghu.bureau, UUID(int=2)) == {
        await id_of(donghu, first), await id_of(donghu, third),
    }  # fmt: skip
    await do(donghu.lin, first, "merge-undoing", reason="还是两件事")
    assert await suggest(donghu, third) == 1
    assert await rejected_issues(donghu.bureau, UUID(int=1)) >= {await id_of(donghu, third)}, "parted is judged, too"
    assert second


async def test_a_suggestion_shows_an_issue_to_nobody_who_could_not_see_it(donghu):
    numbers = await filed(donghu, report(donghu, 1, person=donghu.qian.id), report(donghu, 2))
    await suggest(donghu, numbers[0])
    assert (await donghu.zhou.client.get(f"/v1/issues/{numbers[0]}")).status_code == 404
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    assert [body["number"] for body in device.rows("issue").values()] == [numbers[1]]
    await do(donghu.lin, numbers[0], "link-confirmation", report=SECOND)
    await device.sync()
    assert sorted(body["number"] for body in device.rows("issue").values()) == numbers


async def test_no_report_is_left_without_an_issue_that_answers_it(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    refused = await do(donghu.lin, numbers[0], "link-undoing", 409, report=str(UUID(int=1)), reason="误报")
    assert refused["code"] == "link.last"
    await do(donghu.lin, numbers[1], "links", report=str(UUID(int=1)))
    gone = await do(donghu.lin, numbers[0], "link-undoing", report=str(UUID(int=1)), reason="属另一件")
    assert gone["links"] == []


async def test_a_report_that_two_merged_issues_brought_stays_when_one_of_them_goes(donghu):
    first, second, third = await filed(donghu, *(report(donghu, n) for n in (1, 2, 3)))
    await do(donghu.lin, second, "links", report=str(UUID(int=1)))
    await do(donghu.lin, first, "merge", into=third, reason="同一问题")
    both = await do(donghu.lin, second, "merge", into=third, reason="同一问题")
    assert both["merged_into"] == third
    shown = await show(donghu.lin, third)
    assert (sorted(reports_of(shown)), shown["merged"]) == ([str(UUID(int=n)) for n in (1, 2, 3)], [first, second])
    await do(donghu.lin, first, "merge-undoing", reason="不同")
    assert sorted(reports_of(await show(donghu.lin, third))) == [str(UUID(int=n)) for n in (1, 2, 3)]


async def test_a_suggestion_stays_one_through_a_merge(donghu):
    first, _, third = await filed(donghu, *(report(donghu, n) for n in (1, 2, 3)))
    await suggest(donghu, first)
    await do(donghu.lin, first, "merge", into=third, reason="同一问题")
    states = {link["report"]: link["state"] for link in (await show(donghu.lin, third))["links"]}
    assert states == {str(UUID(int=3)): "confirmed", str(UUID(int=1)): "confirmed", SECOND: "suggested"}


async def test_several_are_merged_at_once_and_one_that_cannot_come_says_why(donghu):
    numbers = await filed(donghu, *(report(donghu, n) for n in (1, 2, 3, 4)))
    await do(donghu.zhou, numbers[3], "withdrawal", words="不用了")
    answer = await donghu.lin.client.post(
        f"/v1/issues/{numbers[0]}/merges",
        json={"issues": [numbers[1], numbers[2], numbers[3], "东湖-2026-000099", numbers[0]], "reason": "同一停电"},
    )
    told = {one["issue"]: (one["is_merged"], one["code"]) for one in answer.json()}
    assert told == {
        numbers[1]: (True, ""),
        numbers[2]: (True, ""),
        numbers[3]: (False, "issue.move_impossible"),
        "东湖-2026-000099": (False, "issue.unknown"),
        numbers[0]: (False, "issue.merge_self"),
    }
    assert len(reports_of(await show(donghu.lin, numbers[0]))) == 3
    refused = await donghu.he.client.post(f"/v1/issues/{numbers[0]}/merges", json={"issues": ["x"], "reason": "x"})
    assert refused.json()["code"] == "permission.missing"


async def test_reports_that_are_another_matter_leave_with_clocks_from_their_receipt(donghu):
    later = FRIDAY + timedelta(days=3)
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2, reported_at=later, title="用电增容"))
    await do(donghu.lin, numbers[0], "links", report=SECOND)
    await do(donghu.lin, numbers[1], "link-undoing", report=SECOND, reason="并在一起")
    before = await show(donghu.lin, numbers[0])
    with at(FRIDAY + timedelta(days=6)):
        old = await do(donghu.lin, numbers[0], "split", reports=[SECOND], reason="是另一件事")
    number = old["events"][-1]["fields"]["into"]
    new = await show(donghu.lin, number)
    assert (reports_of(old), reports_of(new)) == ([str(UUID(int=1))], [SECOND])
    assert (new["state"], new["title"], new["links"][0]["method"]) == ("SUBMITTED", "用电增容", "split")
    assert {due["clock"]: due["started_at"] for due in new["dues"]}["solve"].startswith("2026-09-21T02:00")
    assert [due["due"] for due in old["dues"]] == [due["due"] for due in before["dues"]], (
        "what stays is dated as before"
    )
    await do(donghu.lin, number, "merge", into=numbers[0], reason="还是一件事")
    assert sorted(reports_of(await show(donghu.lin, numbers[0]))) == [str(UUID(int=1)), SECOND]


async def test_a_split_takes_no_report_it_does_not_have_nor_all_nor_what_a_merge_brought(donghu):
    numbers = await filed(donghu, *(report(donghu, n) for n in (1, 2, 3)))
    one, three = str(UUID(int=1)), str(UUID(int=3))
    assert (await do(donghu.lin, numbers[0], "split", 404, reports=[three], reason="x"))["code"] == "report.unknown"
    assert (await do(donghu.lin, numbers[0], "split", 422, reports=[one], reason="x"))["code"] == "issue.split_all"
    await do(donghu.lin, numbers[1], "merge", into=numbers[0], reason="同一问题")
    refused = await do(donghu.lin, numbers[0], "split", 409, reports=[SECOND], reason="x")
    assert (refused["code"], refused["details"]["number"]) == ("issue.split_merged", numbers[1])


CHANGES = ("events", "updated_at")
"""What even a merge that is undone leaves behind: the timeline is longer."""


class Whole(Struct):
    """All there is of an issue."""

    row: dict
    links: list[dict]
    units: list[dict]
    dues: list[dict]

    def without(self, parted: set[UUID]) -> tuple:
        """What came along with issues that have since left on their own account does not count."""
        return self.row, [link for link in self.links if link["via"] not in parted], self.units, self.dues


async def whole_of(donghu, number: str) -> Whole:
    (row,) = await Issue.select().where(Issue.bureau == donghu.bureau, Issue.number == number)
    links = IssueLink.select().where(IssueLink.issue == row["id"], IssueLink.undone_at.is_null())
    units = IssueUnit.select().where(IssueUnit.issue == row["id"])
    dues = (await show(donghu.sun, number))["dues"]
    return Whole(
        {name: value for name, value in row.items() if name not in CHANGES},
        await links.order_by(IssueLink.id),
        await units.order_by(IssueUnit.id),
        [{name: due[name] for name in ("clock", "state", "day", "due", "started_at", "ended_at")} for due in dues],
    )


async def every_report_is_answered_somewhere(reports: list[UUID]) -> None:
    homes = Issue.select(Issue.id).where(Issue.state != "MERGED")
    rows = await IssueLink.select(IssueLink.report).where(
        IssueLink.undone_at.is_null(), IssueLink.state == "confirmed", IssueLink.issue.is_in(homes)
    )
    assert set(reports) <= {row["report"] for row in rows}


BEFORE = {
    "new": [],
    "dispatched": [("lin", "dispatch", {"lead": "finance", "co": ["hr"]})],
    "working": [("lin", "dispatch", {"lead": "finance"}), ("he", "signature", {})],
    "waiting": [
        ("lin", "dispatch", {"lead": "finance"}), ("he", "signature", {}), ("he", "wait", {"needed": "审计报告"}),
    ],
    "extending": [
        ("lin", "dispatch", {"lead": "finance"}), ("he", "signature", {}),
        ("he", "extension-request", {"until": "2026-10-09", "reason": "排期"}), ("sun", "escalation", {"reason": "久拖"}),
    ],
}  # fmt: skip
BETWEEN = [
    ("lin", "dispatch", {"lead": "finance"}), ("he", "signature", {}), ("he", "notes", {"words": "在办"}),
    ("he", "co-request", {"co": ["hr"], "words": "请协办"}), ("he", "co-answer", {"words": "无意见"}),
    ("lin", "links", {"report": SECOND}), ("lin", "link-undoing", {"report": SECOND, "reason": "误"}),
    ("he", "reply", {"letter": "A", "words": "已办"}), ("sun", "escalation", {"reason": "久拖"}),
    ("zhou", "withdrawal", {"words": "不用了"}),
]  # fmt: skip
ACTS = st.one_of(
    st.tuples(st.just("merge"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("part"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("verb"), st.integers(0, 3), st.integers(0, len(BETWEEN) - 1)),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(st.sampled_from(sorted(BEFORE)), min_size=4, max_size=4), acts=st.lists(ACTS, max_size=14))
async def test_an_issue_that_was_merged_and_parted_is_as_it_was_whatever_happened_meanwhile(donghu, states, acts):
    reports = [UUID(int=1000 + await Issue.count() + n) for n in range(4)]
    numbers = await filed(donghu, *(report(donghu, id.int) for id in reports))
    ids = [await id_of(donghu, number) for number in numbers]
    before: dict[int, Whole] = {}
    parted: dict[int, set[UUID]] = {}

    async def part(one: int) -> None:
        await do(donghu.lin, numbers[one], "merge-undoing", reason="不是同一件事")
        for known in parted.values():
            known.add(ids[one])
        now = await whole_of(donghu, numbers[one])
        assert now.without(parted[one]) == before.pop(one).without(parted[one])
        del parted[one]

    with at(FRIDAY + timedelta(hours=1)):
        for number, state in zip(numbers, states, strict=True):
            for who, resource, body in BEFORE[state]:
                await do(getattr(donghu, who), number, resource, **body)
        for act, one, other in acts:
            if act == "merge":
                whole = await whole_of(donghu, numbers[one])
                body = {"into": numbers[other], "reason": "同一件事"}
                if (await donghu.lin.client.post(f"/v1/issues/{numbers[one]}/merge", json=body)).status_code == 201:
                    before[one], parted[one] = whole, set()
            elif act == "part" and one in before:
                await part(one)
            elif act == "verb":
                who, resource, body = BETWEEN[other]
                said = {name: str(reports[1]) if value == SECOND else value for name, value in body.items()}
                await getattr(donghu, who).client.post(f"/v1/issues/{numbers[one]}/{resource}", json=said)
            await every_report_is_answered_somewhere(reports)
        for one in list(before):
            await part(one)
        await every_report_is_answered_somewhere(reports)


async def test_what_was_rejected_can_be_looked_through_and_taken_back(donghu):
    numbers = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await suggest(donghu, numbers[0])
    await do(donghu.lin, numbers[0], "link-rejection", report=SECOND, reason="不同银行")
    (one,) = (await donghu.lin.client.get("/v1/link-rejections")).json()
    assert (one["issue"], one["report"], one["homes"]) == (numbers[0], SECOND, [numbers[1]])
    assert (one["rejected_by"], one["score"], one["algorithm"]) == (str(donghu.lin.id), 0.83, "grams@1")
    assert (await donghu.lin.client.get("/v1/link-rejections", params={"issue": numbers[1]})).json() == []
    assert (await donghu.lin.client.get("/v1/link-rejections", params={"issue": "x"})).status_code == 404
    assert (await donghu.zhou.client.get("/v1/link-rejections")).status_code == 403
    await do(donghu.lin, numbers[0], "links", report=SECOND)
    assert (await donghu.lin.client.get("/v1/link-rejections", params={"issue": numbers[0]})).json() == []
