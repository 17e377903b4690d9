"""What a phone knows of open issues: enough to find them offline, nothing of who spoke."""

import pytest

from server.reports.similar import index_known
from server.similar.phone.kinds import nameless, share_known_issues
from sync.scopes import holders_of, revoke
from sync.transaction import transaction
from tests.server.fieldwork import NAMES, enterprises, phone
from tests.server.test_similar import GRID, PRICE, SEWER, do, filed

pytestmark = pytest.mark.anyio


async def test_a_phone_finds_the_known_issue_without_a_network(donghu):
    firm, other = await enterprises(donghu, 2)
    grid, _ = await filed(donghu, GRID, SEWER, enterprise=firm)
    (again,) = await filed(donghu, ("增容没批", f"{NAMES[1]}供电增容没批,请打 13800001234"), enterprise=other)
    await do(donghu.lin, again, "merge", into=grid, reason="同一件事")
    assert await share_known_issues() == {"donghu": 2}
    device = await phone(donghu, donghu.he)
    await device.pull()
    rows = device.rows("known_issue")
    index = index_known(rows.values())
    first = index.search("变压器不够用,要增容", "0501")[0]
    issue = (await donghu.lin.client.get(f"/v1/issues/{grid}")).json()["id"]
    assert first.issue == issue
    row = next(row for row in rows.values() if row["id"] == issue)
    assert (row["category"], row["place"], row["enterprises"]) == ("0501", "360102", 2)
    assert row["texts"] == [" ".join(GRID), "增容没批 某企业供电增容没批,请打 …"]
    assert not any(name in str(rows) for name in NAMES)


async def test_confidential_words_never_go_to_a_phone(donghu):
    await filed(donghu, GRID, confidentiality="trade_secret")
    await filed(donghu, PRICE, confidentiality="internal")
    assert await share_known_issues() == {"donghu": 0}
    device = await phone(donghu, donghu.he)
    await device.pull()
    assert device.rows("known_issue") == {}


async def test_what_is_closed_leaves_and_what_has_not_changed_does_not_move(donghu):
    grid, _ = await filed(donghu, GRID, SEWER)
    await share_known_issues()
    device = await phone(donghu, donghu.he)
    await device.pull()
    assert len(device.rows("known_issue")) == 2
    assert await share_known_issues() == {"donghu": 0}
    await do(donghu.lin, grid, "refusal", ground="not_our_duty", words="请找供电公司")
    assert await share_known_issues() == {"donghu": 1}
    await device.pull()
    (row,) = device.rows("known_issue").values()
    assert row["texts"] == [" ".join(SEWER)]


async def test_phones_from_before_get_the_rows_too(donghu):
    async with transaction():
        revoke(donghu.bureau, donghu.he.id, "reference:issues")
    assert donghu.he.id not in await holders_of(donghu.bureau, "reference:issues")
    await share_known_issues()
    held = await holders_of(donghu.bureau, "reference:issues")
    assert donghu.he.id in held
    assert held == await holders_of(donghu.bureau, "reference:taxonomy")


def test_names_and_numbers_are_left_out():
    assert nameless("东湖精工的电话 0791-8888 6666", ["东湖精工", None, ""]) == "某企业的电话 …"
    assert nameless("欠款 500000 元", []) == "欠款 500000 元"
