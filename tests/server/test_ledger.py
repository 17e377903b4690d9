"""The ledger: the columns offices use, filtered like the queue, and who received it is on record."""

import io
from datetime import timedelta

import openpyxl
import pytest

from server.audit.tables import AuditRow
from server.moment import at
from tests.server.test_boards import work
from tests.server.test_issues import FRIDAY, filed, report

pytestmark = pytest.mark.anyio


async def ledger(member, status: int = 200, **body):
    answer = await member.client.post("/v1/exports/ledger", json={"receiver": "区政府办"} | body)
    assert answer.status_code == status, answer.text
    if status != 200:
        return answer.json()
    assert "attachment" in answer.headers["content-disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    return list(sheet.iter_rows(values_only=True))


async def test_the_ledger_has_the_columns_of_the_paper_one(donghu):
    await work(donghu)
    with at(FRIDAY + timedelta(days=6)):
        mark, head, *rows = await ledger(donghu.sun, filters={"state": "all"})
        some = await ledger(donghu.sun, filters={"state": "open", "category": "03", "lead": "finance"})
    assert head == (
        "序号", "企业名称", "统一社会信用代码", "来源", "问题类别", "问题描述", "责任单位", "协办", "交办日期", "时限", "进展", "结果",
        "满意度", "是否销号",
    )  # fmt: skip
    assert "孙督" in mark[0]
    assert "区政府办" in mark[0]
    assert [row[0] for row in rows] == list(range(1, 11))
    first = dict(zip(head, rows[0], strict=True))
    assert (first["来源"], first["责任单位"], first["交办日期"], first["满意度"], first["是否销号"]) == (
        "走访", "区金融服务中心", "2026-09-20", "满意", "是",
    )  # fmt: skip
    assert len(some) == 2 + 1
    event = await AuditRow.objects().where(AuditRow.event == "ledger.export").order_by(AuditRow.n).first()
    assert '"receiver":"区政府办"' in event.details.replace(": ", ":")


async def test_no_cell_is_a_formula(donghu):
    await filed(donghu, report(donghu, title="=HYPERLINK(1)", description="=cmd|' /C calc'!A1\x0b"))
    answer = await donghu.sun.client.post("/v1/exports/ledger", json={"receiver": "=SUM(A1)"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    assert "'=cmd|' /C calc'!A1" in {cell.value for cell in cells}


async def test_an_empty_ledger_is_a_file_and_a_wrong_filter_is_told(donghu):
    assert len(await ledger(donghu.sun)) == 2
    assert (await ledger(donghu.sun, 422, filters={"nonsense": "1"}))["code"] == "issue.filter_unknown"
    assert (await ledger(donghu.sun, 400, receiver=""))["code"] == "request.malformed"
    assert (await ledger(donghu.he, 403))["code"] == "permission.missing"
