"""A whole day's queue work in the underground car park: everything but decisions is done offline, desks move some of it
meanwhile, and in the evening nothing is lost and nobody is surprised."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from server.clocks.lights import Lamp, light
from server.issues.states import VERBS
from server.people.actions import NewPerson, add_person
from server.people.tables import Person
from server.sessions.actions import open_session_of
from tests.server.conftest import Member, knock
from tests.server.fieldwork import enterprises, phone
from tests.server.test_issues import do, filed, report

pytestmark = pytest.mark.anyio
PAGE = (Path(__file__).parent.parent.parent / "docs" / "issues.md").read_text(encoding="utf-8")
PHOTO = b"\xff\xd8\xff\xe0 a photo"


async def colleague(donghu, login: str, unit: str, *roles: str) -> Member:
    added = await add_person(donghu.system, NewPerson(login=login, name=login, unit=unit, roles=roles))
    await Person.update({Person.must_change_password: False}, force=True)
    member = donghu.members[login] = Member(
        added.id, donghu.bureau, login, knock(await open_session_of(donghu.bureau, added.id))
    )
    return member


def by_number(device) -> dict[str, tuple[UUID, dict]]:
    return {body["number"]: (id, body) for id, body in device.rows("issue").items()}


async def timeline(donghu, number: str) -> list[str]:
    shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    return [event["verb"] for event in shown["events"]]


async def state(donghu, number: str) -> str:
    return (await donghu.lin.client.get(f"/v1/issues/{number}")).json()["state"]


def test_every_verb_is_an_operation_or_the_page_says_why_it_is_a_desk_s():
    section = PAGE[PAGE.index("| desk only | why |") :].split("\n\n")[0]
    told = {name.strip() for line in section.splitlines()[2:] for name in re.split(r", ", line.split("|")[1].strip())}
    assert told == {verb.name for verb in VERBS.values() if not verb.offline}


async def test_a_handler_s_whole_day_goes_offline_while_desks_move_some_of_it(donghu):
    tang = await colleague(donghu, "tang", "hr", "handler")
    he2 = await colleague(donghu, "he2", "finance", "handler")
    numbers = await filed(donghu, *(report(donghu, n, reported_at=datetime.now(UTC)) for n in range(1, 6)))
    done, helped, waited, withdrawn, twice = numbers
    for number in numbers:
        await do(donghu.lin, number, "dispatch", lead="finance", words="请办理")
    device, helper = await phone(donghu, donghu.he), await phone(donghu, tang)
    await device.sync()
    mine = by_number(device)
    assert sorted(mine) == sorted(numbers)
    for _, body in mine.values():
        assert {verb["verb"] for verb in body["verbs"]} >= {"sign", "contacted", "request_return", "note", "sign_part"}
        assert [(unit["code"], unit["role"]) for unit in body["units"]] == [("finance", "lead")]
        lamp = Lamp(
            yellow_at=datetime.fromisoformat(body["yellow_at"]), red_at=datetime.fromisoformat(body["next_due"]),
            double_at=datetime.fromisoformat(body["double_at"]), paused=body["paused"],
        )  # fmt: skip
        shown = (await donghu.he.client.get("/v1/issues", params={"text": body["number"]})).json()["items"][0]
        assert light(lamp, datetime.now(UTC)) == shown["light"], "the phone lights it as the desk does"
    ids = {number: id for number, (id, _) in mine.items()}
    for number in numbers:  # from here on without a network
        device.do("issue.sign", ids[number], {})
    device.do("issue.contacted", ids[done], {"channel": "visit", "words": "已上门"})
    photo = device.attach(ids[done], "车间.jpg", PHOTO)
    device.do("issue.note", ids[done], {"words": "现场情况见照片", "files": [str(photo)]})
    device.do("issue.reply", ids[done], {"letter": "A", "words": "已授信 200 万元"})
    device.do("issue.ask_co", ids[helped], {"co": ["hr"], "words": "请核实社保"})
    device.do("issue.wait_for_enterprise", ids[waited], {"needed": "2025 年审计报告"})
    device.do("issue.resume", ids[waited], {"words": "材料已补齐"})
    shown = (await donghu.he.client.get(f"/v1/issues/{waited}")).json()
    solve = datetime.fromisoformat(next(due["due"] for due in shown["dues"] if due["clock"] == "solve"))
    until = (solve + timedelta(days=3)).date().isoformat()
    device.do("issue.request_extension", ids[waited], {"until": until, "reason": "银行审批需要时间"})
    shot = device.attach(ids[withdrawn], "合同.jpg", PHOTO)
    device.do("issue.reply", ids[withdrawn], {"letter": "A", "words": "合同已签", "files": [str(shot)]})
    device.do("issue.reply", ids[twice], {"letter": "B", "words": "列入下季度计划"})
    await do(donghu.zhou, withdrawn, "withdrawal", words="企业说不用了")  # meanwhile, at desks
    await do(he2, twice, "signature")
    await do(he2, twice, "reply", letter="A", words="当天已解决")
    await device.sync()
    assert [await state(donghu, number) for number in numbers] == [
        "REPLIED", "WAITING_CO", "IN_PROGRESS", "WITHDRAWN", "REPLIED",
    ]  # fmt: skip
    assert await timeline(donghu, done) == ["open", "dispatch", "sign", "contacted", "note", "reply"]
    assert await timeline(donghu, waited) == [
        "open",
        "dispatch",
        "sign",
        "wait_for_enterprise",
        "resume",
        "request_extension",
    ]
    waiting = (await donghu.sun.client.get("/v1/quarantine", params={"op": "issue.reply"})).json()["items"]
    assert {(one["target"], one["details"]["state"]) for one in waiting} == {
        (str(ids[withdrawn]), "WITHDRAWN"), (str(ids[twice]), "REPLIED"),
    }, "two resolutions and one withdrawn meanwhile: somebody decides"  # fmt: skip
    kept = (await donghu.lin.client.get(f"/v1/issues/{withdrawn}")).json()["events"][-1]
    assert (kept["verb"], kept["fields"]["words"], kept["fields"]["files"]) == ("note", "[答复] 合同已签", [str(shot)])
    assert (
        "列入下季度计划" in (await donghu.lin.client.get(f"/v1/issues/{twice}")).json()["events"][-1]["fields"]["words"]
    )
    mine_waits = (await donghu.he.client.get("/v1/quarantine", params={"op": "issue.reply"})).json()["items"]
    assert {one["id"] for one in mine_waits} == {one["id"] for one in waiting}, "the author sees what waits, too"
    # the helper's phone hears of it, signs and answers on the road
    await helper.sync()
    (asked,) = by_number(helper).values()
    assert {"answer_co", "sign_part"} <= {verb["verb"] for verb in asked[1]["verbs"]}
    (own,) = [unit for unit in asked[1]["units"] if unit["code"] == "hr"]
    assert own["due"] is not None
    assert own["answered_at"] is None
    helper.do("issue.sign_part", asked[0], {})
    helper.do("issue.answer_co", asked[0], {"words": "社保已核实"})
    await helper.sync()
    assert await state(donghu, helped) == "IN_PROGRESS"
    # the second answer is sent back to work by the reviewer, and what waited is applied by somebody's decision
    await do(donghu.wu, twice, "review", outcome="sent_back", words="并未解决")
    (late,) = [one for one in waiting if one["target"] == str(ids[twice]) and one["op"] == "issue.reply"]
    judged = await donghu.sun.client.post(f"/v1/quarantine/{late['id']}/acceptance", json={"note": "以此为准"})
    assert (judged.status_code, judged.json()["status"]) == (200, "applied")
    shown = (await donghu.lin.client.get(f"/v1/issues/{twice}")).json()
    assert (shown["state"], shown["letter"]) == ("REPLIED", "B")


async def test_a_commissioner_s_and_a_reviewer_s_day_offline(donghu):
    (firm,) = await enterprises(donghu, 1)
    now = datetime.now(UTC)
    one, two, three = await filed(donghu, *(report(donghu, n, enterprise=firm, reported_at=now) for n in (1, 2, 3)))
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    mine = by_number(device)
    assert sorted(mine) == sorted([one, two, three])
    assert {"withdraw", "note", "link_report", "resolve_on_site"} <= {verb["verb"] for verb in mine[one][1]["verbs"]}
    device.do("issue.withdraw", mine[one][0], {"words": "企业自己解决了"})
    device.do("issue.resolve_on_site", mine[two][0], {"answer": "现场已说明政策"})
    device.do("issue.link_report", mine[three][0], {"report": mine[one][1]["reports"][0], "words": "同一件事"})
    device.do("issue.note", mine[three][0], {"words": "企业又催了"})
    await do(donghu.lin, three, "dispatch", lead="finance")
    await device.sync()
    assert [await state(donghu, number) for number in (one, two, three)] == [
        "WITHDRAWN",
        "ON_SITE_CLOSED",
        "DISPATCHED",
    ]
    assert (await timeline(donghu, three))[-2:] == ["link_report", "note"]
    reviewer = await phone(donghu, donghu.wu)
    await reviewer.sync()
    (seen,) = by_number(reviewer).values()
    assert seen[1]["number"] == three
    reviewer.do("issue.note", seen[0], {"words": "请尽快联系企业"})
    await reviewer.sync()
    assert (await timeline(donghu, three))[-1] == "note"


async def test_those_outside_are_reminded_and_their_answer_is_told_from_the_road(donghu):
    """In a small bureau one person handles and dispatches; both go along."""
    both = await colleague(donghu, "shuang", "sme", "handler", "dispatcher")
    (number,) = await filed(donghu, report(donghu, reported_at=datetime.now(UTC)))
    await do(donghu.lin, number, "dispatch", lead="sme")
    device = await phone(donghu, both)
    await device.sync()
    ((issue, _),) = by_number(device).values()
    device.do("issue.sign", issue, {})
    await device.sync()
    told = {"to": "市金融局", "number": "市-77"}
    sent = await donghu.lin.client.post(f"/v1/issues/{number}/transfer", json=told)
    assert sent.status_code == 201, sent.text
    await device.sync()
    device.do("issue.remind", issue, {"channel": "phone", "words": "下周答复"})
    device.do("issue.record_reply", issue, {"letter": "A", "words": "市里已批"})
    await device.sync()
    assert (await timeline(donghu, number))[-3:] == ["transfer", "remind", "record_reply"]
    assert await state(donghu, number) == "REPLIED"
