"""Boards: figures anybody can open, and that of a past day are what they were."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from server.boards.actions import BOARDS
from server.moment import at
from tests.server.test_issues import FRIDAY, do, filed, matrix, report

pytestmark = pytest.mark.anyio
WEDNESDAY = datetime(2026, 9, 30, 10, tzinfo=UTC)


async def work(donghu) -> list[str]:
    """Ten issues, each as far as the next of ten ways goes."""
    await matrix(donghu)
    numbers = await filed(
        donghu,
        *(
            report(
                donghu,
                n,
                category="0301" if n % 3 == 0 else "0101",
                reported_at=FRIDAY + timedelta(hours=n),
                solved_on_site=n == 10,
                on_site_answer="当场解释",
            )
            for n in range(1, 11)
        ),
    )
    with at(FRIDAY + timedelta(days=2)):
        for number in numbers[:7]:
            await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.lin, numbers[7], "refusal", ground="not_our_duty", words="不属本区职责")
    with at(FRIDAY + timedelta(days=3)):
        for number in numbers[:5]:
            await do(donghu.he, number, "signature")
            await do(donghu.he, number, "contacts", channel="phone", words="已联系")
        await do(donghu.he, numbers[5], "return-request", reason="非职责", ground="三定方案", suggested_unit="hr")
    with at(FRIDAY + timedelta(days=4)):
        await do(donghu.lin, numbers[5], "return-decision", outcome="granted", reason="同意")
        for number in numbers[:4]:
            await do(donghu.he, number, "reply", words="已放款", letter="A")
            await do(donghu.wu, number, "review", outcome="signed_off")
        await do(donghu.he, numbers[4], "wait", needed="缺合同")
    with at(FRIDAY + timedelta(days=5)):
        await do(
            donghu.qian,
            numbers[0],
            "callbacks",
            reached="reached",
            contacted="yes",
            solved="solved",
            satisfied="satisfied",
        )
    return numbers


async def go_on(donghu, numbers: list[str]) -> None:
    """What happens in October, none of which September knew."""
    with at(WEDNESDAY + timedelta(days=9)):
        await do(donghu.qian, numbers[1], "callbacks", reached="reached", contacted="yes", solved="unsolved",
                 satisfied="dissatisfied", why_not=["too_slow"], why_words="太慢", redo=True)  # fmt: skip
        await do(donghu.he, numbers[4], "resumption")
        await do(donghu.sun, numbers[2], "exclusion", reason="恶意")
        await do(donghu.lin, numbers[8], "merge", into=numbers[6], reason="同一件事")
        await do(donghu.lin, numbers[5], "dispatch", lead="hr", category="0302")
        answer = await donghu.sun.client.put("/v1/calendar", json=[
            {"day": "2026-10-12", "is_working": False, "name": "洪水", "source": "赣府厅", "status": "local"},
        ])  # fmt: skip
        assert answer.status_code == 200, answer.text


async def printed(donghu, name: str, **query) -> dict:
    answer = await donghu.sun.client.get(f"/v1/boards/{name}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_board_of_a_past_day_is_the_one_that_was_printed_then(donghu):
    numbers = await work(donghu)
    with at(WEDNESDAY):
        then = {name: await printed(donghu, name) for name in BOARDS}
    await go_on(donghu, numbers)
    with at(WEDNESDAY + timedelta(days=30)):
        for name, board in then.items():
            assert await printed(donghu, name, as_of=board["as_of"]) == board
        assert (await printed(donghu, "today"))["cells"] != then["today"]["cells"], "October is another board"


async def test_the_rows_repeat_what_the_timelines_say(donghu):
    """The board of now is read from the rows, that of a moment from the timelines."""
    numbers = await work(donghu)
    await go_on(donghu, numbers)
    with at(WEDNESDAY + timedelta(days=20)):
        for name in BOARDS:
            told = await printed(donghu, name)
            assert await printed(donghu, name, as_of=told["as_of"]) == told


async def test_every_cell_opens_as_many_cases_as_it_counts(donghu):
    numbers = await work(donghu)
    walked = 0
    with at(WEDNESDAY):
        for name in BOARDS:
            for cell in (await printed(donghu, name))["cells"]:
                answer = await donghu.sun.client.get(cell["opens"] + "&limit=3")
                assert answer.status_code == 200, (cell, answer.text)
                cases = answer.json()
                items = cases["items"]
                while cases["next"] is not None:
                    cases = (await donghu.sun.client.get(f"{cell['opens']}&limit=3&offset={cases['next']}")).json()
                    items += cases["items"]
                assert (len(items), cases["cell"]) == (cell["n"], cell)
                assert {one["number"] for one in items if one["kind"] == "issue"} <= set(numbers)
                walked += 1
    assert walked > 50


async def test_the_figures_of_a_small_bureau(donghu):
    await work(donghu)
    with at(FRIDAY + timedelta(days=5)):
        today = {cell["key"]: cell["n"] for cell in (await printed(donghu, "today"))["cells"]}
        units = {cell["key"]: cell for cell in (await printed(donghu, "units"))["cells"]}
        late = {cell["key"]: cell["n"] for cell in (await printed(donghu, "late"))["cells"]}
    assert (today["untriaged"], today["unsigned"], today["callback"]) == (1, 1, 3)
    assert (units["finance.in_hand"]["n"], units["finance.returns_asked"]["n"], units["finance.returns_granted"]["n"]) == (
        5, 1, 1,
    )  # fmt: skip
    assert units["finance.response"]["n"] == 6
    assert units["finance.satisfied"] | {"n": 1, "value": None} == units["finance.satisfied"], "n < 5 is never printed"
    assert (late["late.2"], late["late.4"]) == (10, 0)


async def test_a_board_goes_out_as_table_and_picture(donghu):
    await work(donghu)
    with at(WEDNESDAY):
        for name in BOARDS:
            board = await printed(donghu, name)
            table = await donghu.sun.client.get(f"/v1/boards/{name}/table")
            assert table.text.startswith("\ufeff")
            rows = list(csv.reader(io.StringIO(table.text[1:])))
            assert [row[2] for row in rows[1:]] == [str(cell["n"]) for cell in board["cells"]]
            picture = await donghu.sun.client.get(f"/v1/boards/{name}/picture")
            assert picture.headers["content-type"].startswith("image/svg+xml")
            assert "<script" not in picture.text
            assert picture.text.lstrip().startswith("<svg")


@pytest.mark.parametrize(
    ("name", "query", "code"),
    [
        ("nobody", {}, "board.unknown"),
        ("today", {"as_of": "2199-01-01T00:00:00Z"}, "board.moment"),
        ("today", {"as_of": "2026-01-01T00:00:00"}, "board.moment"),
        ("flow", {"first": "2026-02-01", "last": "2026-01-01"}, "board.period"),
        ("flow", {"first": "0001-01-01", "last": "2026-01-01"}, "board.period"),
        ("heat", {"by": "person"}, "board.by"),
    ],
)
async def test_a_board_that_cannot_be_made_says_why(donghu, name, query, code):
    answer = await donghu.sun.client.get(f"/v1/boards/{name}", params=query)
    assert answer.json()["code"] == code
    assert 400 <= answer.status_code < 500


async def test_boards_are_for_those_who_oversee_the_queue(donghu):
    for member in (donghu.zhou, donghu.he, donghu.chen):
        assert (await member.client.get("/v1/boards/today")).status_code == 403
    assert (await donghu.sun.client.get("/v1/boards/today/cases", params={"cell": "nothing"})).json()[
        "code"
    ] == "board.cell"
