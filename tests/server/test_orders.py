"""Work orders of the hotline and a bureau's old ledger: taken once, every bad line named, history kept, news told back."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from openpyxl import Workbook

from server.moment import at
from server.routing.actions import load_taxonomy
from tests.server.conftest import knock
from tests.server.fieldwork import CODES
from tests.server.test_issues import do
from tests.server.test_open311 import account, firm

pytestmark = pytest.mark.anyio
PAGE = (Path(__file__).parent.parent.parent / "docs" / "interop.md").read_text(encoding="utf-8")
NOW = datetime(2026, 9, 18, 2, tzinfo=UTC)
HEAD = [
    "工单编号", "企业名称", "统一社会信用代码", "诉求内容", "问题类别", "受理时间", "承办单位", "协办单位", "工单状态", "办结时间",
    "办理结果", "结果类别", "来电人", "来电号码",
]  # fmt: skip
OPEN = [
    "HX-1", "东湖精工仪表", CODES[0], "流动资金贷款缺口", "0101", "2026-09-16 09:30", "区金融服务中心", "区人社局", "办理中", "",
    "", "", "胡明", "13800000000",
]  # fmt: skip
DONE = [
    "HX-2", "没有登记的企业", "", "门口道路积水", "", "2026/03/02", "八一桥街道办", "", "已办结", "2026/03/09", "已疏通", "A", "", "",
]  # fmt: skip


def listed(*rows: list[str], head: list[str] = HEAD) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    return text.getvalue().encode()


async def sent(client, content: bytes, status: int = 200, **options):
    with at(NOW):
        answer = await client.post("/v1/orders/import", content=content, params=options)
    assert answer.status_code == status, answer.text
    return answer.json()


async def ready(donghu) -> None:
    await load_taxonomy(donghu.system)
    await firm(donghu)


async def queue(donghu, **filters):
    return (await donghu.sun.client.get("/v1/issues", params={"state": "all", **filters})).json()["items"]


async def test_orders_are_tried_taken_once_and_told_when_they_differ(donghu):
    await ready(donghu)
    tried = await sent(donghu.sun.client, listed(OPEN, DONE), dry_run=True)
    assert (tried["counts"]["added"], tried["counts"]["added_closed"], await queue(donghu)) == (2, 1, [])
    done = await sent(donghu.sun.client, listed(OPEN, DONE))
    assert done["counts"] == tried["counts"]
    assert [(one["number"], one["enterprise"]) for one in done["unmatched"]] == [("HX-2", "没有登记的企业")]
    again = await sent(donghu.sun.client, listed(OPEN, DONE, OPEN))
    assert (again["counts"]["added"], again["counts"]["already"]) == (0, 3)
    other = await sent(donghu.sun.client, listed([*OPEN[:3], "别的内容", *OPEN[4:]]))
    assert [(one["line"], one["number"]) for one in other["changed"]] == [(2, "HX-1")]
    assert len(await queue(donghu)) == 2


async def test_history_keeps_its_dates_and_what_is_open_is_worked_on_from_there(donghu):
    await ready(donghu)
    await sent(donghu.sun.client, listed(OPEN, DONE))
    items = {one["title"]: one["number"] for one in await queue(donghu)}
    closed = (await donghu.sun.client.get(f"/v1/issues/{items['门口道路积水']}")).json()
    assert (closed["state"], closed["letter"], closed["excluded"]) == ("CLOSED", "A", True)
    assert (closed["opened_at"], closed["closed_at"]) == ("2026-03-01T16:00:00Z", "2026-03-08T16:00:00Z")
    assert [event["verb"] for event in closed["events"]] == ["open", "dispatch", "reply", "close"]
    number = items["流动资金贷款缺口"]
    shown = (await donghu.sun.client.get(f"/v1/issues/{number}")).json()
    assert (shown["state"], shown["lead"], shown["opened_at"]) == ("DISPATCHED", "finance", "2026-09-16T01:30:00Z")
    assert sorted((unit["code"], unit["role"]) for unit in shown["units"]) == [("finance", "lead"), ("hr", "co")]
    assert {due["clock"]: due["day"] for due in shown["dues"]}["sign"] == "2026-09-17"
    with at(NOW):
        assert (await do(donghu.he, number, "signature"))["state"] == "IN_PROGRESS"


async def test_limits_may_run_from_the_import_and_imported_issues_may_count(donghu):
    await ready(donghu)
    await sent(donghu.sun.client, listed(OPEN), clocks="import", in_rates=True)
    (line,) = await queue(donghu)
    shown = (await donghu.sun.client.get(f"/v1/issues/{line['number']}")).json()
    assert (shown["opened_at"], shown["excluded"]) == ("2026-09-18T02:00:00Z", False)
    assert shown["links"][0]["collected_at"] == "2026-09-16T01:30:00Z"
    assert (await sent(donghu.sun.client, listed(OPEN), 400, clocks="never"))["code"] == "orders.clocks"


async def test_every_bad_line_is_named_with_column_value_and_why(donghu):
    await ready(donghu)

    def spoilt(**cells: str) -> list[str]:
        return [cells.get(head, cell) for head, cell in zip(HEAD, OPEN, strict=True)]

    rows = [
        OPEN, spoilt(工单编号=""), spoilt(工单编号="a", 受理时间="去年"), spoilt(工单编号="b", 承办单位="不存在的局"),
        spoilt(工单编号="c", 工单状态="飞了"), spoilt(工单编号="d", 统一社会信用代码="123"), spoilt(工单编号="e", 工单状态="已办结"),
        spoilt(工单编号="f", 受理时间="2027-01-01"), spoilt(工单编号="g", 问题类别="不存在", 结果类别="Z", 协办单位="甲、乙"),
        spoilt(诉求内容="同号不同文"), spoilt(工单编号="h", 诉求内容="长" * 10_001), spoilt(工单编号="i", 诉求内容="a\0b"),
    ]  # fmt: skip
    text = listed(*rows)
    told = await sent(donghu.sun.client, text.replace(b"\0", b""), dry_run=True)
    assert [(one["line"], one["field"]) for one in told["invalid"]] == [
        (3, "number"), (4, "received"), (5, "lead"), (6, "state"), (7, "credit_code"), (8, "closed"), (9, "received"),
        (10, "category"), (10, "letter"), (10, "co"), (10, "co"), (11, "number"), (12, "description"),
    ]  # fmt: skip
    assert all(one["zh"] and one["en"] for one in told["invalid"])
    assert (told["counts"]["rows"], told["counts"]["invalid"], told["counts"]["added"]) == (12, 10, 2)
    assert (await sent(donghu.sun.client, listed(["x"], head=["什么"]), 422))["code"] == "orders.columns"
    assert (await sent(donghu.sun.client, listed(OPEN), 404, mapping="nothing"))["code"] == "orders.mapping_unknown"
    assert (await sent(donghu.he.client, listed(OPEN), 403))["code"] == "permission.missing"


async def test_news_go_back_until_they_are_confirmed(donghu):
    await ready(donghu)
    key = (await account(donghu))["key"]
    machine = knock(key)
    await sent(machine, listed(OPEN, DONE))
    assert (await machine.get("/v1/orders/news")).json() == []
    (number,) = [one["number"] for one in await queue(donghu) if one["state"] == "DISPATCHED"]
    with at(NOW):
        await do(donghu.he, number, "signature")
        await do(donghu.he, number, "reply", letter="A", words="已授信")
        (news,) = (await machine.get("/v1/orders/news")).json()
        assert (news["number"], news["state"], news["reply"]) == ("HX-1", "REPLIED", "")
        await do(donghu.wu, number, "review", outcome="signed_off")
        (news,) = (await machine.get("/v1/orders/news")).json()
    assert (news["issue"], news["letter"], news["reply"], news["is_open"]) == (number, "A", "已授信", True)
    receipt = [{"source": "12345", "number": "HX-1", "n": news["n"]}, {"source": "12345", "number": "?", "n": 9}]
    assert (await machine.post("/v1/orders/news/receipts", json=receipt)).json() == 1
    assert (await machine.get("/v1/orders/news")).json() == []
    other = knock((await account(donghu, "province"))["key"])
    assert (await other.post("/v1/orders/news/receipts", json=receipt)).json() == 0
    await machine.aclose()
    await other.aclose()


async def test_a_mapping_of_one_s_own_and_a_workbook(donghu):
    await ready(donghu)
    mapping = "kind,field,written,means\nsource,,,mailbox\ncolumn,number,信件号,\ncolumn,description,内容,\n"
    book = Workbook()
    for row in (["信件号", "内容", "备注"], ["M-1", "路灯不亮", "x"]):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    files = {"file": ("信.xlsx", file.getvalue()), "mapping": ("own.csv", mapping.encode())}
    answer = await donghu.sun.client.post("/v1/orders/import", files=files, params={"mapping": "mailbox"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["counts"]["added"], answer.json()["ignored_columns"]) == (1, ["备注"])
    files["mapping"] = ("own.csv", mapping.replace("description", "colour").encode())
    wrong = await donghu.sun.client.post("/v1/orders/import", files=files, params={"mapping": "mailbox"})
    assert (wrong.json()["code"], wrong.json()["details"]["line"]) == ("orders.mapping", 4)


async def test_the_example_of_the_page_is_a_ledger_that_comes_in_whole(donghu):
    await ready(donghu)
    example = re.search(r"```csv\n(.*?)```", PAGE, re.S)[1]
    told = await sent(donghu.sun.client, example.encode(), mapping="ledger")
    assert (told["invalid"], told["counts"]["added"], told["counts"]["added_closed"]) == ([], 2, 1)
    assert told["ignored_columns"] == []


def test_the_console_says_what_would_happen(tmp_path):
    from server.cli import main

    told = CliRunner().invoke(main, ["order", "import", "--help"])
    assert (told.exit_code, "--dry-run" in told.output) == (0, True)


@pytest.mark.long
async def test_ten_thousand_lines_with_three_hundred_bad_ones_go_in_chunks_and_go_on_after_a_cut(donghu):
    from server.console import console_actor
    from server.orders.actions import import_orders
    from server.orders.reading.mapping import shipped

    await ready(donghu)
    rows = [[f"L-{n}", *OPEN[1:4], "不存在" if n % 33 == 0 and n < 9900 else "", *OPEN[5:]] for n in range(1, 10_001)]
    seen: list[int] = []

    class Cut(Exception):
        pass

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise Cut

    actor = await console_actor("donghu")
    with at(NOW), pytest.raises(Cut):
        await import_orders(actor, listed(*rows), "orders.csv", shipped("12345"), progress=progress)
    told = await sent(donghu.sun.client, listed(*rows))
    assert seen == [1000, 2000, 3000]
    assert (told["counts"]["invalid"], told["counts"]["already"], told["counts"]["added"]) == (299, 3000, 6701)
