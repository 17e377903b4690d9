"""Lists of enterprises as offices really keep them: odd encodings, full-width digits, duplicates, spreadsheets' habits, bombs."""

import csv
import io
import zipfile

import msgspec
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.enterprises.credit_code import compose

pytestmark = pytest.mark.anyio

A, B, C = (compose("91360102", body) for body in ("MA35HM01", "MA35HM02", "0000004X"))
HEADER = "企业名称,统一社会信用代码,联系人,联系电话,营业收入(万元),心情"
ROWS = f"{HEADER}\n南昌鸿铭电子科技有限公司,{A},王总,13970812345,1200,好\n南昌赣江食品有限公司,{B},李总,0791-86220000,300,\n"


async def send(member, content: str | bytes, **params):
    body = content.encode() if isinstance(content, str) else content
    headers = {"Content-Type": "text/csv"}
    return await member.client.post("/v1/enterprises/import", content=body, params=params, headers=headers)


async def imported(member, content: str | bytes, **params) -> dict:
    answer = await send(member, content, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def registry(donghu) -> dict[str, str]:
    page = (await donghu.sun.client.get("/v1/enterprises", params={"limit": 200})).json()
    return {row["credit_code"] or row["temporary_id"]: row["name"] for row in page["items"]}


def workbook(*rows: tuple, **columns) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def invalid(report: dict) -> list[tuple]:
    return [(wrong["line"], wrong["field"]) for wrong in report["invalid"]]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (ROWS.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + ROWS.encode(), "utf-8"),
        (ROWS.encode("gb18030"), "gb18030"),
        (ROWS.encode("gbk"), "gb18030"),
        (ROWS.encode("utf-16"), "utf-16"),
        (ROWS.replace("\n", "\r\n").encode(), "utf-8"),
        (ROWS.replace(",", ";").encode(), "utf-8"),
        (ROWS.replace(",", "\t").encode("utf-16"), "utf-16"),
        (("sep=;\n" + ROWS.replace(",", ";")).encode(), "utf-8"),
        (ROWS.replace(",", ",").encode(), "utf-8"),
        (ROWS.translate({48 + n: 0xFF10 + n for n in range(10)}).encode(), "utf-8"),
        (ROWS.replace(A, f'"=""{A.lower()}"""').encode(), "utf-8"),
    ],
    ids=[
        "utf-8",
        "bom",
        "gb18030",
        "gbk",
        "utf-16",
        "crlf",
        "semicolon",
        "tab",
        "sep",
        "wide comma",
        "wide digits",
        "quoted",
    ],
)
async def test_a_list_is_read_however_it_was_saved(donghu, content, encoding):
    report = await imported(donghu.sun, content)
    assert (report["encoding"], report["counts"]["added"], report["invalid"]) == (encoding, 2, [])
    assert await registry(donghu) == {A: "南昌鸿铭电子科技有限公司", B: "南昌赣江食品有限公司"}
    assert report["ignored_columns"] == ["心情"]
    dossier = (await donghu.sun.client.get(f"/v1/enterprises/{A}")).json()
    assert dossier["contacts"] == [{"name": "王总", "post": "", "phone": "13970812345", "is_first": True}]
    assert dossier["facts"] == {"revenue": "1200"}


async def test_a_workbook_is_read_like_a_csv(donghu):
    content = workbook(
        ("名称", "社会信用代码", "从业人数"), ("南昌鸿铭", A, 40), (None, None, None), ("南昌赣江", f" {B} ", 12.0)
    )
    report = await imported(donghu.sun, content)
    assert (report["encoding"], report["counts"]["added"]) == ("xlsx", 2)
    assert (await donghu.sun.client.get(f"/v1/enterprises/{B}")).json()["facts"] == {"staff": "12"}


@pytest.mark.parametrize("beyond", [(0, 201), (0, 421), (2, 201)], ids=["header", "far to the right", "a later row"])
async def test_columns_beyond_the_limit_are_told_and_not_passed_over(donghu, beyond):
    line, place = beyond
    rows: list[list[str | None]] = [["名称"], ["甲厂"], ["乙厂"]]
    rows[line] += [None] * (place - 2) + ["东"]
    refused = (await send(donghu.sun, workbook(*rows))).json()
    assert (refused["code"], refused["details"]["line"]) == ("import.file", line + 1), refused
    assert await registry(donghu) == {}
    rows[line] = [rows[line][0], *[None] * 198, "东"]
    assert (await imported(donghu.sun, workbook(*rows)))["counts"]["added"] == 2


async def test_a_list_may_come_as_the_file_of_a_form(donghu):
    files = {"file": ("enterprises.csv", ROWS.encode(), "text/csv")}
    answer = await donghu.sun.client.post("/v1/enterprises/import", files=files)
    assert (answer.status_code, answer.json()["counts"]["added"]) == (200, 2)
    empty = await donghu.sun.client.post("/v1/enterprises/import", files={"note": (None, "x")})
    assert (empty.status_code, empty.json()["code"]) == (422, "import.file")


async def test_the_report_tells_added_changed_unchanged_unmatched_and_invalid_lines(donghu):
    await imported(donghu.sun, ROWS)
    later = (
        f"{HEADER}\n"
        f"南昌鸿铭电子科技有限公司,{A},王总,13970800000,1500,\n"
        f"新企业,{C},,,,\n"
        f"坏代码,{A[:17]}{'0' if A[17] != '0' else '1'},,,,\n"
        f",,某人,无,,\n"
    )
    report = await imported(donghu.sun, later)
    counts = report["counts"]
    assert [counts[name] for name in ("rows", "added", "changed", "unchanged", "unmatched", "invalid")] == [
        4,
        1,
        1,
        0,
        1,
        2,
    ]
    assert [(row["line"], row["credit_code"]) for row in report["added"]] == [(3, C)]
    changes = [(change["field"], change["old"], change["new"]) for change in report["changed"][0]["fields"]]
    assert changes == [("contact_phone", "13970812345", "13970800000"), ("revenue", "1200", "1500")]
    assert [row["credit_code"] for row in report["unmatched"]] == [B]
    assert invalid(report) == [(4, "credit_code"), (5, "contact_phone")]
    assert "第 18 位应为" in report["invalid"][0]["zh"]
    dossier = (await donghu.sun.client.get(f"/v1/enterprises/{A}")).json()
    assert (dossier["contacts"][0]["phone"], dossier["facts"]["revenue"]) == ("13970800000", "1500")


async def test_the_same_list_again_changes_nothing_and_an_empty_cell_erases_nothing(donghu):
    from sync.transaction import fetch

    await imported(donghu.sun, ROWS)
    head = (await fetch("SELECT n FROM sync_head"))[0]["n"]
    report = await imported(
        donghu.sun, f"企业名称,统一社会信用代码,联系人\n南昌鸿铭电子科技有限公司,{A},\n南昌赣江食品有限公司,{B},李总\n"
    )
    assert (report["counts"]["unchanged"], report["counts"]["changed"]) == (2, 0)
    assert (await fetch("SELECT n FROM sync_head"))[0]["n"] == head


async def test_a_dry_run_tells_the_same_and_writes_nothing(donghu):
    content = ROWS + f"又是鸿铭,{A},,,,\n"
    dry = await imported(donghu.sun, content, dry_run=True)
    assert await registry(donghu) == {}
    wet = await imported(donghu.sun, content)
    assert {**dry, "dry_run": False} == wet


async def test_strict_refuses_a_list_with_any_wrong_line_and_names_them_all(donghu):
    content = ROWS + "甲,123,,,,\n乙,9136010200000TE17I,,,,\n"
    answer = await send(donghu.sun, content, strict=True)
    assert (answer.status_code, answer.json()["code"]) == (422, "import.invalid_lines")
    assert [wrong["line"] for wrong in answer.json()["details"]["invalid"]] == [4, 5]
    assert await registry(donghu) == {}


async def test_a_duplicate_is_named_with_the_line_it_repeats(donghu):
    content = f"名称,信用代码\n甲,{A}\n乙,{B}\n甲甲,{A.lower()}\n丙,\n丙,\n"
    report = await imported(donghu.sun, content)
    assert invalid(report) == [(4, "credit_code"), (6, "name")]
    assert ["第 2 行" in report["invalid"][0]["zh"], "line 5" in report["invalid"][1]["en"]] == [True, True]
    assert sorted((await registry(donghu)).values()) == ["丙", "乙", "甲"]


async def test_lines_are_numbered_as_the_file_has_them_also_after_blank_and_long_rows(donghu):
    content = f'名称,信用代码,地址\n\n甲,{A},"八一大道\n1 号"\n\n乙,坏,\n'
    report = await imported(donghu.sun, content)
    assert invalid(report) == [(6, "credit_code")]
    assert (await donghu.sun.client.get(f"/v1/enterprises/{A}")).json()["address"] == "八一大道 1 号"


async def test_what_spreadsheets_do_to_codes_is_named(donghu):
    content = workbook(
        ("名称", "信用代码", "联系电话"), ("甲", 913601020000000430, 13970812345), ("乙", "9.1360E+17", None)
    )
    report = await imported(donghu.sun, content)
    assert [(wrong["line"], "科学计数法" in wrong["zh"]) for wrong in report["invalid"]] == [(2, True), (3, True)]
    old = await imported(donghu.sun, "名称,信用代码\n甲,360102210012345\n")
    assert "15 位注册号" in old["invalid"][0]["zh"]


async def test_a_formula_that_gives_an_error_is_named(donghu):
    report = await imported(donghu.sun, f"名称,信用代码,地址\n#REF!,{A},#N/A\n")
    assert invalid(report) == [(2, "name"), (2, "address")]


async def test_a_firm_without_a_code_is_found_again_by_name_and_gets_its_code_later(donghu):
    first = await imported(donghu.sun, "名称\n南昌鸿铭\n")
    assert first["counts"]["added"] == 1
    assert (await imported(donghu.sun, "名称\n南昌鸿铭\n"))["counts"]["unchanged"] == 1
    coded = await imported(donghu.sun, f"名称,信用代码\n南昌鸿铭,{A}\n")
    assert [change["field"] for change in coded["changed"][0]["fields"]] == ["credit_code"]
    assert await registry(donghu) == {A: "南昌鸿铭"}
    renamed = await imported(donghu.sun, "临时编号,名称\nT-DONGHU-000001,南昌鸿铭股份\nT-DONGHU-000099,别的\n")
    assert (renamed["counts"]["changed"], invalid(renamed)) == (1, [(3, "temporary_id")])


async def test_the_column_of_commissioners_assigns_by_login_or_name_and_warns_above_the_cap(donghu):
    from sync.scopes import scopes_of

    rows = "".join(f"企业{number},{'zhou' if number % 2 else '周访'}\n" for number in range(6))
    report = await imported(donghu.sun, f"名称,服务专员\n{rows}别家,nobody\n")
    assert (report["counts"]["assigned"], invalid(report)) == (6, [(8, "commissioner")])
    assert [(row["name"], row["count"]) for row in report["above_cap"]] == [("周访", 6)]
    scopes = await scopes_of(donghu.bureau, donghu.zhou.id)
    assert len([scope for scope in scopes if scope.startswith("enterprise:")]) == 6
    again = await imported(donghu.sun, f"名称,服务专员\n{rows}")
    assert again["counts"]["assigned"] == 0


async def test_phones_get_what_a_list_brought_and_changed(donghu):
    from sync.operations import kind_of
    from sync.transaction import fetch

    await imported(donghu.sun, ROWS)
    await imported(donghu.sun, f"名称,信用代码\n南昌鸿铭新名,{A}\n")
    rows = await fetch("SELECT kind, id FROM sync_feed WHERE op = 'put' AND kind = 'enterprise_name' ORDER BY seq")
    bodies = await kind_of("enterprise_name").load(donghu.bureau, [row["id"] for row in rows])
    names = [msgspec.json.decode(bodies[row["id"]])["name"] for row in rows]
    assert names == ["南昌赣江食品有限公司", "南昌鸿铭新名"]


async def test_the_report_as_csv_runs_no_formula(donghu):
    content = f"名称,信用代码,地址\n=HYPERLINK(1),{A},@x\n+1,坏,\n"
    answer = await send(donghu.sun, content, report="csv", dry_run=True)
    assert answer.text.startswith("\ufeff")
    cells = [cell for row in csv.reader(io.StringIO(answer.text[1:])) for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "import.file"),
        (b"\xff\xff\x00\x81\x00", 422, "import.encoding"),
        ("姓名,年龄\n张三,3\n".encode(), 422, "import.no_header"),
        ("企业名称,名称\n甲,乙\n".encode(), 422, "import.column_twice"),
        (f'名称,信用代码\n"甲,{A}\n乙,{B}\n'.encode(), 422, "import.file"),
        (b"<html><table><tr><td>x</td></tr></table></html>", 422, "import.file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), 422, "import.file"),
        (b"PK\x03\x04 cut short", 422, "import.file"),
        (b"%PDF-1.7", 422, "import.file"),
        (b"name\n" + b"," * 300, 422, "import.file"),
    ],
    ids=["empty", "binary", "no header", "column twice", "open quote", "html", "old xls", "cut zip", "pdf", "wide"],
)
async def test_what_is_no_list_is_refused_whole(donghu, content, status, code):
    if code == "import.file" and content.startswith(b"name"):
        content += b"x\n"
    answer = await send(donghu.sun, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await registry(donghu) == {}


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            archive.writestr(name, "<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", bytes(300_000_000))
    return out.getvalue()


def with_entity() -> bytes:
    source, out = zipfile.ZipFile(io.BytesIO(workbook(("名称",), ("甲",)))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            body = source.read(name)
            if name.endswith("sheet1.xml"):
                body = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + body
            archive.writestr(name, body)
    return out.getvalue()


def with_far_row() -> bytes:
    """Two rows, of which one says it is the ninety-millionth: whoever fills the gap is busy for minutes."""
    source, out = zipfile.ZipFile(io.BytesIO(workbook(("名称",), ("甲",)))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            body = source.read(name)
            if name.endswith("sheet1.xml"):
                body = body.replace(b'r="2"', b'r="90000000"').replace(b'r="A2"', b'r="A90000000"')
            archive.writestr(name, body)
    return out.getvalue()


@pytest.mark.parametrize("make", [bomb, with_entity, with_far_row])
async def test_a_bomb_in_a_workbook_is_not_opened(donghu, make):
    answer = await send(donghu.sun, make())
    assert (answer.status_code, answer.json()["code"]) == (422, "import.file")


async def test_too_many_rows_are_refused_before_anything_is_written(donghu, monkeypatch):
    import server.enterprises.lists.actions as lists

    monkeypatch.setattr(lists, "settings", msgspec.structs.replace(lists.settings, import_rows_max=3))
    answer = await send(donghu.sun, "名称\n甲\n乙\n丙\n丁\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "import.too_many_rows")
    assert await registry(donghu) == {}


async def test_only_who_keeps_the_registry_may_import(donghu):
    for member in (donghu.zhou, donghu.lin, donghu.chen):
        assert (await send(member, ROWS)).json()["code"] == "permission.missing"


async def test_rule_11_scenario_8_a_long_list_is_written_in_chunks(donghu):
    from sync.transaction import fetch

    rows = "".join(f"企业{number},{compose('91360102', f'{number:08d}')}\n" for number in range(2100))
    report = await imported(donghu.sun, f"名称,信用代码\n{rows}")
    assert report["counts"]["added"] == 2100
    assert (await fetch("SELECT count(*) FROM enterprise"))[0][0] == 2100
    assert (await fetch("SELECT count(*) FROM sync_commit"))[0][0] >= 3
    assert (await fetch("SELECT count(*) FROM sync_feed"))[0][0] >= 4200


cells = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=8), st.sampled_from(["utf-8", "gb18030", "utf-16"]))
def test_every_row_of_any_list_is_added_or_named_invalid_or_blank(rows, encoding):
    from server.enterprises.lists.actions import read_list
    from server.enterprises.lists.difference import Registry, compare

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["名称", "信用代码"])
    writer.writerows(rows)
    lines = read_list(text.getvalue().encode(encoding), "x.csv").lines
    found = compare(lines, Registry([]), {})
    named = {line.number for line in found.added} | {wrong.line for wrong in found.invalid}
    assert named == {line.number for line in lines}
    assert len(lines) == sum(any(cell.strip() for cell in row) for row in rows)


async def test_what_a_desk_did_while_the_list_was_compared_is_neither_lost_nor_broken(donghu):
    from server.enterprises.actions import NewEnterprise, add_enterprise, change_enterprise, find_by_code
    from server.enterprises.lists.columns import Line
    from server.enterprises.lists.writing import change_firms, insert_firms
    from sync.identity import new_id
    from sync.transaction import transaction

    await imported(donghu.sun, ROWS)
    firm = await find_by_code(donghu.bureau, A)
    await add_enterprise(donghu.system, NewEnterprise(name="抢先登记", credit_code=C))
    await change_enterprise(donghu.system, firm.id, {"address": "八一大道1号", "staff": 40})
    async with transaction():
        line = Line(2, {"name": "南昌鸿铭新名", "credit_code": A}, [])
        await change_firms(donghu.system, [(line, firm.id)])
        late = await insert_firms(donghu.system, [Line(3, {"name": "晚到", "credit_code": C}, [])], {3: new_id()})
    assert late == {3}
    dossier = (await donghu.sun.client.get(f"/v1/enterprises/{A}")).json()
    assert (dossier["name"], dossier["address"], dossier["facts"]) == (
        "南昌鸿铭新名",
        "八一大道1号",
        {"revenue": "1200", "staff": 40},
    )
    assert (await registry(donghu))[C] == "抢先登记"


async def test_a_code_that_goes_to_another_firm_while_the_list_is_compared_is_named_and_breaks_nothing(donghu):
    """The list gives a firm without a code its code; a desk registers that code before the line is written."""
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.lists.columns import Line
    from server.enterprises.lists.writing import change_firms
    from sync.transaction import transaction

    firm = await add_enterprise(donghu.system, NewEnterprise(name="南昌赣江小店"))
    await add_enterprise(donghu.system, NewEnterprise(name="抢先登记", credit_code=C))
    async with transaction():
        late = await change_firms(donghu.system, [(Line(2, {"name": firm.name, "credit_code": C}, []), firm.id)])
    assert late == {2}
    assert (await registry(donghu))[C] == "抢先登记"


async def test_two_imports_of_one_list_at_once_register_each_firm_once(donghu):
    import asyncio

    both = await asyncio.gather(send(donghu.sun, ROWS), send(donghu.sun, ROWS))
    assert [answer.status_code for answer in both] == [200, 200]
    kept = await registry(donghu)
    listed = (await donghu.sun.client.get("/v1/enterprises")).json()["items"]
    assert len(listed) == len(kept)


async def test_tags_are_split_alike_at_the_desk_and_in_a_list_and_have_limits(donghu):
    report = await imported(
        donghu.sun, f"名称,标签\n甲,外贸;重点\n乙,{'长' * 65}\n丙,{'、'.join(map(str, range(51)))}\n"
    )
    assert (report["counts"]["added"], report["counts"]["invalid"]) == (1, 2)
    made = await donghu.sun.client.post("/v1/enterprises", json={"name": "丁", "tags": ["外贸、重点", " 重点 "]})
    assert (await donghu.sun.client.get(f"/v1/enterprises/{made.json()['id']}")).json()["tags"] == ["外贸", "重点"]
    long = await donghu.sun.client.post("/v1/enterprises", json={"name": "戊", "tags": ["长" * 65]})
    assert long.json()["code"] == "enterprise.field_invalid"


async def test_a_new_firm_takes_as_many_facts_as_a_known_one(donghu):
    facts = {f"fact_{number}": "x" for number in range(201)}
    refused = await donghu.sun.client.post("/v1/enterprises", json={"name": "甲", "facts": facts})
    assert (refused.status_code, refused.json()["code"]) == (422, "enterprise.facts_too_many")
    made = await donghu.sun.client.post("/v1/enterprises", json={"name": "甲", "facts": {"staff": 3, "website": ""}})
    assert (await donghu.sun.client.get(f"/v1/enterprises/{made.json()['id']}")).json()["facts"] == {"staff": 3}
