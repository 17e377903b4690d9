"""催办, 督办 and letters: whoever is urged gets it in writing, and silence is raised."""

import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta

import docx
import pytest

from server.exports.letters.template import shipped
from server.moment import at
from server.reminders.supervision import escalate_unanswered
from tests.server.test_issues import FRIDAY, do, filed, matrix, report

pytestmark = pytest.mark.anyio
NASTY = "=cmd|' /C calc'!A1 <w:p/> {{ bureau }} {% for x in y %}\x0b"


async def led(donghu, **more) -> str:
    await matrix(donghu)
    (number,) = await filed(donghu, report(donghu, **more))
    with at(FRIDAY + timedelta(hours=1)):
        await do(donghu.lin, number, "dispatch", lead="finance", words="请一周内拿出方案")
    return number


async def write(member, number: str, kind: str, status: int = 201) -> dict:
    answer = await member.client.post(f"/v1/issues/{number}/papers", json={"kind": kind})
    assert answer.status_code == status, answer.text
    return answer.json()


async def table_of(member, number: str, paper: dict) -> dict[str, str]:
    answer = await member.client.get(f"/v1/issues/{number}/papers/{paper['id']}")
    assert answer.status_code == 200, answer.text
    assert hashlib.sha256(answer.content).hexdigest() == paper["sha256"]
    document = docx.Document(io.BytesIO(answer.content))
    return {row.cells[0].text: row.cells[1].text for row in document.tables[0].rows} | {
        "": "\n".join(paragraph.text for paragraph in document.paragraphs)
    }


async def test_who_is_urged_gets_a_notice_and_a_numbered_letter(donghu):
    number = await led(donghu)
    with at(FRIDAY + timedelta(days=3)):
        shown = await do(donghu.sun, number, "urging", words="企业停产在即,请从速")
        assert shown["events"][-1]["verb_zh"] == "催办"
        (paper,) = (await donghu.he.client.get(f"/v1/issues/{number}/papers")).json()
        assert (paper["kind_zh"], paper["number"]) == ("催办通知书", "催办通知书〔2026〕1号")
        table = await table_of(donghu.he, number, paper)
        notices = (await donghu.he.client.get("/v1/notices")).text
    assert (table["责任单位"], table["催办意见"], table["交办日期"]) == (
        "区金融服务中心",
        "企业停产在即,请从速",
        "2026年9月18日",
    )
    assert "催办通知书〔2026〕1号" in table[""]
    assert "催办" in notices


async def test_a_supervision_nobody_answers_is_raised_once(donghu):
    number = await led(donghu)
    with at(FRIDAY + timedelta(days=3)):
        late = await do(donghu.sun, number, "supervision", 422, words="书面说明", answer_by="2026-09-01")
        assert late["code"] == "issue.milestone_past"
        await do(donghu.he, number, "supervision-answer", 409, words="没人问")
        await do(donghu.sun, number, "supervision", words="书面说明", answer_by="2026-09-23")
        assert await escalate_unanswered() == 0
    with at(datetime(2026, 9, 24, 2, tzinfo=UTC)):
        assert (await escalate_unanswered(), await escalate_unanswered()) == (1, 0)
        shown = (await donghu.sun.client.get(f"/v1/issues/{number}")).json()
    assert shown["escalated"] is True
    assert "2026-09-23" in shown["events"][-1]["fields"]["reason"]


async def test_an_answered_supervision_is_left_alone(donghu):
    number = await led(donghu)
    with at(FRIDAY + timedelta(days=3)):
        await do(donghu.sun, number, "supervision", words="书面说明", answer_by="2026-09-23")
        await do(donghu.he, number, "supervision-answer", words="已约谈银行")
        await do(donghu.he, number, "supervision-answer", 409, words="再答一次")
    with at(datetime(2026, 9, 30, 2, tzinfo=UTC)):
        assert await escalate_unanswered() == 0


async def test_every_kind_is_filled_from_the_issue_and_numbered_by_kind(donghu):
    number = await led(donghu, description=NASTY)
    with at(FRIDAY + timedelta(days=1)):
        first, second, handover, back = [
            await write(donghu.lin, number, kind) for kind in ("receipt", "receipt", "handover", "visit_back")
        ]
        assert [one["number"] for one in (first, second, handover)] == [
            "受理单〔2026〕1号", "受理单〔2026〕2号", "交办单〔2026〕1号",
        ]  # fmt: skip
        told = await table_of(donghu.lin, number, handover)
        assert told["诉求内容"] == NASTY.replace("\x0b", ""), "what somebody typed is text, whatever it looks like"
        assert (told["交办意见"], told["责任单位"]) == ("请一周内拿出方案", "区金融服务中心")
        assert (await table_of(donghu.lin, number, back))["满意度"] == ""
        listed = (await donghu.lin.client.get(f"/v1/issues/{number}/papers")).json()
        assert [one["number"] for one in listed] == [one["number"] for one in (first, second, handover, back)]
        seen = (await donghu.he.client.get(f"/v1/issues/{number}/papers")).json()
    assert [one["kind"] for one in seen] == ["handover"], "what names the enterprise is for the desk"


async def test_a_hidden_name_is_in_no_letter_to_a_unit(donghu):
    number = await led(donghu, name_hidden=True)
    with at(FRIDAY + timedelta(days=1)):
        table = await table_of(donghu.he, number, await write(donghu.lin, number, "handover"))
    assert table["企业名称"] == "(企业要求不具名)"


async def test_what_cannot_be_written_says_why(donghu):
    await matrix(donghu)
    (number,) = await filed(donghu, report(donghu))
    assert (await write(donghu.lin, number, "poem", 422))["code"] == "paper.kind"
    assert (await write(donghu.lin, number, "handover", 409))["code"] == "paper.not_led"
    assert (await do(donghu.sun, number, "urging", 409, words="快"))["code"] == "issue.nobody_to_urge"
    assert (await write(donghu.zhou, number, "receipt", 403))["code"] == "permission.missing"
    await do(donghu.lin, number, "dispatch", lead="finance")
    assert (await write(donghu.lin, number, "urging", 409))["code"] == "paper.nothing_urged"
    unknown = await donghu.lin.client.get(f"/v1/issues/{number}/papers/{donghu.bureau}")
    assert unknown.json()["code"] == "paper.unknown"


def edited(old: str, new: str, part: str = "word/document.xml") -> bytes:
    """The shipped receipt with something else in one of its parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(shipped("receipt"))) as source, zipfile.ZipFile(file, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            target.writestr(name, text.replace(old.encode(), new.encode()) if name == part else text)
    return file.getvalue()


async def test_a_bureau_writes_with_its_own_template_and_may_go_back(donghu):
    number = await led(donghu)
    shown = await donghu.chen.client.put(
        "/v1/paper-templates/receipt", content=edited("企业诉求受理单", "东湖区受理告知书")
    )
    assert shown.status_code == 200, shown.text
    own = await write(donghu.lin, number, "receipt")
    assert own["template"] == shown.json()["sha256"]
    assert "东湖区受理告知书" in (await table_of(donghu.lin, number, own))[""]
    back = await donghu.chen.client.put("/v1/paper-templates/receipt", content=b"")
    assert back.json()["is_own"] is False
    assert (await write(donghu.lin, number, "receipt"))["template"] == ""
    templates = (await donghu.lin.client.get("/v1/paper-templates")).json()
    assert [one["zh"] for one in templates] == ["受理单", "交办单", "催办通知书", "回访表"]
    assert (await donghu.lin.client.get("/v1/paper-templates/receipt")).content == shipped("receipt")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a document", "Word"),
        (b"PK\x03\x04" + b"\0" * 200, "Word"),
        (edited("{{ said }}", "{{ secret }}"), "secret"),
        (edited("{{ said }}", "{{ said.__class__ }}"), "__class__"),
        (edited("{{ said }}", "{% for x in said %}{% endfor %}"), "{% %}"),
        (edited("<w:document", "<!DOCTYPE x><w:document"), "DTD"),
        (edited("</Relationships>", '<Relationship Id="x" Type="y" Target="http://a.test" TargetMode="External"/></Relationships>',
                "word/_rels/document.xml.rels"), "外部"),
        (b"x" * ((1 << 20) + 1), "1048576"),
    ],
)  # fmt: skip
async def test_a_template_that_computes_or_reaches_outside_is_refused(donghu, content, said):
    answer = await donghu.chen.client.put("/v1/paper-templates/receipt", content=content)
    assert (answer.status_code, answer.json()["code"]) == (422, "paper.template")
    assert said in answer.json()["title"]
