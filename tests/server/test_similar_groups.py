"""What the night proposes: groups of reports that stand alone, decided by a person, with characters or a bureau's own model."""

from array import array
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.similar import read_texts
from server.similar.nightly import proposing
from server.similar.nightly.embedding import load_embedder, vectors_of
from server.similar.nightly.grouping import group
from server.similar.nightly.proposing import Alone, pairs_by_characters, propose_in
from sync.transaction import execute, fetch
from tests.server.test_similar import GRID, PRICE, SEWER, do, filed

LOW = ("用电容量不够", "变压器容量不够,想申请用电增容")
PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.floats(0, 1)), max_size=20)


class Letters:
    """A model of this test: two numbers, how often a text speaks of power and of water. Counts what it was asked."""

    name = "letters-1"
    asked: list[str] = []

    def embed(self, texts):
        self.asked.extend(texts)
        return [[sum(text.count(c) for c in "电变压"), sum(text.count(c) for c in "水污管")] for text in texts]


letters = Letters()


@given(PAIRS, st.floats(0.05, 0.95), st.integers(2, 8))
def test_groups_are_apart_and_their_members_alike_on_average(pairs, threshold, size_max):
    likeness = {(min(a, b), max(a, b)): value for a, b, value in pairs if a != b}
    given_pairs = [(a, b, value) for (a, b), value in likeness.items()]
    groups = group(8, given_pairs, threshold, size_max)
    members = [member for found in groups for member in found.members]
    assert len(members) == len(set(members))
    for found in groups:
        mean = sum(likeness.get(pair, 0.0) for pair in combinations(found.members, 2)) / (
            len(found.members) * (len(found.members) - 1) / 2
        )
        assert found.score == pytest.approx(mean)
        assert 2 <= len(found.members) <= size_max
    if groups or max(likeness.values(), default=0) >= threshold:
        assert groups, "the likest pair reaches the threshold"


def test_two_that_were_judged_apart_are_in_no_group_whatever_joins_them():
    alike = [(0, 1, -1000.0), (0, 2, 0.9), (1, 2, 0.9)]
    assert [found.members for found in group(3, alike, 0.2, 9)] in ([(0, 2)], [(1, 2)])


def test_most_proposed_pairs_are_right_on_texts_held_out():
    texts = read_texts("held out")
    alone = [Alone(UUID(int=n), UUID(int=n), said.text, said.category) for n, said in enumerate(texts)]
    groups = group(len(alone), pairs_by_characters(alone), proposing.PROPOSED_FROM, proposing.GROUP_MAX)
    proposed = [pair for found in groups for pair in combinations(found.members, 2)]
    right = sum(texts[one].matter == texts[other].matter for one, other in proposed)
    assert right / len(proposed) >= 0.8, (right, len(proposed))


async def proposals(member, status: int = 200):
    answer = await member.client.get("/v1/issue-groups")
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.anyio
async def test_a_group_is_proposed_accepted_and_can_be_parted(donghu):
    grid, low, sewer = await filed(donghu, GRID, LOW, SEWER)
    assert await propose_in(donghu.bureau) == 1
    assert await propose_in(donghu.bureau) == 0, "the second night proposes nothing new"
    (shown,) = await proposals(donghu.sun)
    assert (shown["into"]["number"], [one["number"] for one in shown["members"]]) == (grid, [low])
    assert (shown["algorithm"], shown["members"][0]["text"]) == ("chars-1 average-1", "\n".join(LOW))
    states = [(await donghu.lin.client.get(f"/v1/issues/{number}")).json()["state"] for number in (grid, low, sewer)]
    assert states == ["SUBMITTED"] * 3, "a proposal moves nothing"
    decided = await do(donghu.sun, grid, "group", verdict="accept", reason="都是增容")
    assert decided == {"issues": [low]}
    assert (await donghu.lin.client.get(f"/v1/issues/{low}")).json()["state"] == "MERGED"
    assert await proposals(donghu.sun) == []
    await do(donghu.sun, low, "merge-undoing", reason="两处")
    linked = (await donghu.lin.client.get(f"/v1/issues/{grid}")).json()["links"]
    assert len(linked) == 1
    assert await propose_in(donghu.bureau) == 0, "what was parted is not proposed again"


@pytest.mark.anyio
async def test_a_rejected_group_is_never_proposed_again(donghu):
    grid, low = await filed(donghu, GRID, LOW)
    await propose_in(donghu.bureau)
    assert await do(donghu.sun, grid, "group", verdict="reject", issues=[low], reason="两个片区") == {"issues": [low]}
    assert await proposals(donghu.sun) == []
    assert await propose_in(donghu.bureau) == 0


@pytest.mark.anyio
async def test_a_confirmed_group_is_never_touched(donghu):
    grid, low, price, later = await filed(donghu, GRID, LOW, PRICE, ("用电容量", LOW[1] + "吧"))
    await do(donghu.lin, low, "merge", into=price, reason="人定的")
    assert await propose_in(donghu.bureau) == 1
    (shown,) = await proposals(donghu.sun)
    assert {shown["into"]["number"], *(one["number"] for one in shown["members"])} == {grid, later}


@pytest.mark.anyio
async def test_what_is_closed_meanwhile_is_proposed_no_more(donghu):
    grid, low = await filed(donghu, GRID, LOW)
    await propose_in(donghu.bureau)
    await do(donghu.lin, low, "refusal", ground="not_our_duty", words="请找供电公司")
    assert await proposals(donghu.sun) == []
    told = await do(donghu.sun, grid, "group", 404, verdict="accept", reason="试试")
    assert told["code"] == "similar.no_proposal"


@pytest.mark.anyio
async def test_proposals_are_for_those_who_may_merge(donghu):
    grid, _ = await filed(donghu, GRID, LOW)
    await propose_in(donghu.bureau)
    assert (await proposals(donghu.zhou, 403))["code"] == "permission.missing"
    assert (await do(donghu.zhou, grid, "group", 403, verdict="accept", reason="试试"))["code"] == "permission.missing"
    assert (await donghu.sun.client.post(f"/v1/issues/{grid}/group", json={"verdict": "perhaps"})).status_code == 400


@pytest.mark.anyio
async def test_a_bureau_s_own_model_groups_by_meaning_and_is_asked_once_for_each_text(donghu, monkeypatch):
    monkeypatch.setattr(proposing, "load_embedder", lambda: letters)
    Letters.asked = []
    said = [("停了", "电压低"), ("变电", "压着"), ("水浑", "管破"), ("污水", "管堵")]
    numbers = await filed(donghu, *said)
    assert await propose_in(donghu.bureau) == 2
    groups = await proposals(donghu.sun)
    assert {frozenset([one["into"]["number"], one["members"][0]["number"]]) for one in groups} == {
        frozenset(numbers[:2]), frozenset(numbers[2:]),
    }  # fmt: skip
    assert {one["algorithm"] for one in groups} == {"letters-1 average-1"}
    await propose_in(donghu.bureau)
    assert len(Letters.asked) == 4
    await execute("UPDATE text_vector SET vector = $1", [b"AAAA"])  # as after a restore, which knows rows of text
    assert await vectors_of(donghu.bureau, letters, Letters.asked[:1]) == [array("f", [2.0, 0.0])]
    assert len(Letters.asked) == 5
    assert (await fetch("SELECT count(*) FROM text_vector"))[0][0] == 1, (
        "vectors of texts that wait no more are forgotten"
    )


@pytest.mark.parametrize("named", ["no.such:model", "json:dumps", "json", "tests.server.test_similar_groups:GRID"])
def test_a_setting_that_names_no_model_says_so_at_once(named):
    with pytest.raises(SystemExit, match="QIFANG_EMBEDDER"):
        load_embedder(named)


def test_a_model_is_found_by_its_name_and_none_is_needed():
    assert load_embedder("tests.server.test_similar_groups:letters").name == "letters-1"
    assert load_embedder("") is None
