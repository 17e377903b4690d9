"""Who is told of what: an issue worked through the front door, and notices in the right inboxes."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from server import moment
from server.issues.states import VERBS
from server.issues.timers.sweep import sweep
from server.notices.outbox.working import work_outbox
from server.people.actions import NewPerson, NewUnit, add_person, add_unit
from server.people.roles import ROLES
from server.reminders.following import next_opening
from server.reminders.ladder.rungs import AUTHOR, CO_HANDLER, shipped_ladder
from server.reminders.people import Staff
from sync.transaction import fetch
from tests.server.receivers import receiving, said
from tests.server.test_channels import robot, shown_text
from tests.server.test_issues import FRIDAY, do, filed, report
from tests.server.test_notices import add, this_machine

pytestmark = pytest.mark.anyio
__all__ = ["this_machine"]


async def told(member) -> list[str]:
    answer = await member.client.get("/v1/notices")
    assert answer.status_code == 200, answer.text
    return [one["title_zh"] for one in reversed(answer.json()["items"])]


async def test_whoever_has_to_go_on_is_told_and_whoever_did_it_is_not(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    assert await told(donghu.he) == [f"{number} 已派单给区金融服务中心，请签收"]
    await do(donghu.he, number, "signature")
    await do(donghu.he, number, "reply", letter="A", words="已放款")
    assert await told(donghu.wu) == [f"{number} 区金融服务中心已答复，请审核"]
    await do(donghu.wu, number, "review", outcome="sent_back", words="请附凭证")
    await do(donghu.he, number, "reply", letter="A", words="附凭证")
    await do(donghu.wu, number, "review", outcome="signed_off")
    assert await told(donghu.qian) == [f"{number} 待回访"]
    assert await told(donghu.zhou) == [f"{number} 待回访"], "who wrote it down may tell the enterprise"
    assert (await told(donghu.he))[1:] == [f"{number} 审核退回，请重新答复"]
    assert await told(donghu.lin) == []
    (first, *_) = (await donghu.he.client.get("/v1/notices")).json()["items"]
    assert (first["topic"], first["facts"]["number"]) == ("issue.review.sent_back", number)


@pytest.mark.parametrize(("confidentiality", "text"), [("", "流动资金紧张"), ("trade_secret", "")])
async def test_what_was_said_in_confidence_stands_in_no_notice(donghu, confidentiality, text):
    (number,) = await filed(donghu, report(donghu, title="流动资金紧张", confidentiality=confidentiality))
    await do(donghu.lin, number, "dispatch", lead="finance")
    with moment.at(moment.now() + timedelta(days=30)):
        await sweep()
    inbox = (await donghu.he.client.get("/v1/notices")).json()["items"]
    assert {(one["text_zh"], one["text_en"]) for one in inbox} == {(text, text)}
    assert {one["topic"] for one in inbox} > {"issue.dispatch"}


async def test_a_refused_move_tells_nobody(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", 404, lead="nowhere")
    assert await told(donghu.he) == []


async def test_the_nearest_above_is_told_and_not_everybody(donghu):
    await add_unit(donghu.system, NewUnit(code="bank", name="银行科", parent="finance"))
    await add_person(donghu.system, NewPerson(login="gu", name="顾办", unit="bank", roles=("handler",)))
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="bank")
    assert await told(donghu.he) == [], "the unit has a handler of its own"


def test_nearest_is_by_the_tree():
    one, two, three = (UUID(int=n) for n in (1, 2, 3))
    unit = UUID(int=9)
    staff = Staff({"handler": [("a/", one), ("a/b/", two), ("a/bc/", three)]}, {unit: "a/b/c/"}, {})
    assert staff.near("handler", unit) == {two}
    assert staff.near("handler", None) == set(), "an issue nobody leads is no business of every handler"
    assert Staff({"dispatcher": [("a/", one), ("a/b/", two)]}, {}, {}).meant(["handler"], None, [], None) == {one, two}
    assert staff.near("reviewer", unit) == set()


async def test_a_units_robot_hears_of_its_issues(donghu):
    with receiving(lambda _: said({"errcode": 0})) as receiver:
        connection, _ = robot("wecom", receiver.address)
        await add(donghu, connection=connection, unit="finance", hours="always")
        mine, other = await filed(donghu, report(donghu, 1), report(donghu, 2))
        await do(donghu.lin, mine, "dispatch", lead="finance")
        await do(donghu.lin, other, "dispatch", lead="hr")
        await work_outbox()
    (request,) = receiver.got
    assert mine in shown_text(request)
    assert "流动资金" not in shown_text(request)


def test_the_ladder_names_verbs_levels_and_roles_there_are():
    levels = {"yellow", "soon", "due", "overdue", "double_red", "resume", "review", "reminder"}
    for rung in shipped_ladder():
        kind, name, *_ = rung.topic.split(".")
        assert name in (VERBS if kind == "issue" else levels), rung.topic
        assert set(rung.to) <= {*ROLES, AUTHOR, CO_HANDLER}, rung.topic
        places = {"number": "N", "unit": "U", "due": "D", "clock": "C"}
        assert rung.zh.format_map(places).startswith("N")
        assert rung.en.format_map(places).startswith("N")
    keys = [(rung.topic, rung.clock) for rung in shipped_ladder()]
    assert len(set(keys)) == len(keys)


async def test_lights_climb_the_ladder_and_each_rung_is_told_once(donghu):
    (number,) = await filed(donghu, report(donghu))
    with moment.at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "contacts", channel="phone")
        await do(donghu.he, number, "signature")
    for day in ("2026-09-21", "2026-09-21", "2026-09-22", "2026-09-23", "2026-09-30", "2026-10-09", "2026-10-09"):
        with moment.at(datetime.fromisoformat(f"{day}T04:00").replace(tzinfo=UTC)):
            await asyncio.gather(sweep(), sweep())
    climbed = {login: await told(getattr(donghu, login)) for login in ("he", "wu", "sun", "lin")}
    assert f"{number} 黄灯：答复时限临近，2026-09-23 00:00 止" in climbed["he"]
    assert f"{number} 还剩一个工作日：答复，2026-09-23 00:00 止" in climbed["wu"]
    assert f"{number} 红灯：答复已超期" in climbed["sun"]
    assert f"{number} 仍超期：答复，请督办" in climbed["sun"]
    assert f"{number} 双红：答复超期五个工作日以上" in climbed["sun"]
    assert not any("黄灯" in title for title in climbed["sun"]), "a supervisor hears of it when it is late, not before"
    assert climbed["lin"] == []
    signals = await fetch("SELECT count(*) AS n FROM issue_signal")
    notices = await fetch("SELECT count(*) AS n, count(DISTINCT words) AS words FROM notice WHERE person = $1 AND topic LIKE 'clock.%'",
                          [donghu.sun.id])  # fmt: skip
    assert signals[0]["n"] > notices[0]["n"] > 0


async def test_what_nobody_leads_yet_is_the_dispatchers(donghu):
    (number,) = await filed(donghu, report(donghu))
    with moment.at(datetime(2026, 9, 23, 4, tzinfo=UTC)):
        await sweep()
    assert f"{number} 红灯：受理已超期" in await told(donghu.lin)
    assert await told(donghu.he) == []


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-09-18T10:00", "2026-09-18T10:00"),
        ("2026-09-18T12:30", "2026-09-18T14:00"),
        ("2026-09-18T07:00", "2026-09-18T08:30"),
        ("2026-09-18T20:00", "2026-09-20T08:30"),  # the Sunday before the National Day week is worked
        ("2026-09-19T10:00", "2026-09-20T08:30"),
        ("2026-10-01T10:00", "2026-10-08T08:30"),
    ],
)
async def test_people_are_disturbed_when_the_office_is_open(donghu, at, opens):
    from server.settings import settings

    given, expected = (datetime.fromisoformat(one).replace(tzinfo=settings.timezone) for one in (at, opens))
    assert await next_opening(donghu.bureau, given.astimezone(UTC)) == expected
    with moment.at(given):
        assert moment.now() - given == timedelta(0)
