"""Notices: the outbox between what happened and whoever is told, against real servers on this machine."""

import asyncio
import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import moment, wiring
from server.notices import telling
from server.notices.outbox import claiming
from server.notices.outbox.pace import JITTER, PACES, seconds_after
from server.notices.outbox.working import forget_notices, sending_at_once, work_outbox
from server.notices.senders import reaching
from server.notices.senders.message import Verdict, Words
from server.notices.telling import Telling, tell
from sync.transaction import execute, fetch, transaction
from tests.server.fieldwork import phone
from tests.server.receivers import is_signed, mail_server, receiving, said
from tests.server.test_issue_console import console

pytestmark = pytest.mark.anyio
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""Ten in the morning in Nanchang."""


@pytest.fixture(autouse=True)
def this_machine(monkeypatch):
    """Servers of the tests listen where notices may not go by themselves; the office is open whatever day the tests run."""
    wiring.connect()  # before its office hours are put aside
    allowed = msgspec.structs.replace(reaching.settings, notice_networks="127.0.0.1/32", notice_seconds_max=60)
    monkeypatch.setattr(reaching, "settings", allowed)
    monkeypatch.setattr(telling, "_working_moment", [])


async def add(cast, name="通道", status=201, **body):
    answer = await cast.chen.client.post("/v1/channels", json={"name": name, **body})
    assert answer.status_code == status, answer.text
    return answer.json()


async def webhook(cast, address, **more):
    return await add(cast, connection={"kind": "webhook", "address": address, **more})


def news(cast, key="k1", *, to=("he",), topic="issue.dispatch", urgent=False, units=()):
    return Telling(
        topic=topic,
        key=key,
        subject_kind="issue",
        subject=UUID(int=7),
        words=Words(
            title_zh=f"东湖-2026-000007 已派单 {key}",
            title_en=f"000007 was dispatched {key}",
            text_zh="缺流动资金",
            text_en="cash",
        ),
        persons=frozenset(getattr(cast, login).id for login in to),
        units=frozenset(units),
        is_urgent=urgent,
    )


async def log_of(cast, **query):
    with moment.at(datetime.now(UTC)):  # sessions do not travel in time
        answer = await cast.chen.client.get("/v1/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def wish(member, **body):
    answer = await member.client.put("/v1/notice-wishes", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def mail_channel(cast, port, **more):
    connection = {
        "kind": "mail", "host": "127.0.0.1", "port": port, "security": "none", "user": "qifang",
        "password": "mail-secret", "sender": "qifang@donghu.example",
    }  # fmt: skip
    return await add(cast, connection=connection | more.pop("connection", {}), by_default=True, **more)


async def test_a_notice_lies_in_the_inbox_of_whom_it_is_for_and_nobody_else(donghu):
    await tell(donghu.bureau, [news(donghu)])
    inbox = (await donghu.he.client.get("/v1/notices")).json()
    assert [(one["title_zh"], one["read_at"]) for one in inbox["items"]] == [("东湖-2026-000007 已派单 k1", None)]
    assert inbox["unread"] == 1
    notice = inbox["items"][0]["id"]
    assert (await donghu.wu.client.get("/v1/notices")).json()["items"] == []
    refused = await donghu.sun.client.post(f"/v1/notices/{notice}/reading")
    assert (refused.status_code, refused.json()["code"]) == (404, "notice.unknown")
    first = (await donghu.he.client.post(f"/v1/notices/{notice}/reading")).json()["read_at"]
    assert first is not None
    assert (await donghu.he.client.post(f"/v1/notices/{notice}/reading")).json()["read_at"] == first
    assert (await donghu.he.client.get("/v1/notices", params={"unread": True})).json()["items"] == []


async def test_the_same_occasion_is_told_once_however_often_it_comes(donghu):
    with receiving(lambda _: said({})) as receiver:
        await webhook(donghu, receiver.address)
        assert await tell(donghu.bureau, [news(donghu), news(donghu)]) == 2  # he, and the webhook
        assert await tell(donghu.bureau, [news(donghu)]) == 0
        await asyncio.gather(tell(donghu.bureau, [news(donghu, "k2")]), tell(donghu.bureau, [news(donghu, "k2")]))
        await work_outbox()
        assert sorted(request.json["title"]["zh"][-2:] for request in receiver.got) == ["k1", "k2"]
        assert (await donghu.he.client.get("/v1/notices")).json()["unread"] == 2


async def test_a_notice_goes_with_the_change_it_tells_of(donghu):
    with pytest.raises(RuntimeError):
        async with transaction():
            await tell(donghu.bureau, [news(donghu)])
            raise RuntimeError("what it told of did not happen")
    assert (await donghu.he.client.get("/v1/notices")).json()["items"] == []


async def test_a_webhook_is_signed_and_its_receiver_can_check_it(donghu):
    with receiving(lambda _: said({"ok": True})) as receiver:
        made = await webhook(donghu, f"{receiver.address}/hooks/qifang?token=abc", headers={"X-Team": "donghu"})
        assert made["place"] == receiver.address, "path and query may hold a key"
        await tell(donghu.bureau, [news(donghu)])
        worked = await work_outbox()
    (request,) = receiver.got
    assert (request.path, request.query, request.headers["X-Team"]) == ("/hooks/qifang", {"token": "abc"}, "donghu")
    assert is_signed(request, made["secret"])
    request.body = request.body.replace(b"k1", b"k9")
    assert not is_signed(request, made["secret"])
    (line,) = await log_of(donghu)
    assert (line["state"], line["tries"], line["status"], line["answer"]) == ("sent", 1, 200, '{"ok": true}')
    assert request.headers["X-Qifang-Id"] == request.json["id"] == line["notice"]
    assert (worked.sent, worked.waiting, worked.dead) == (1, 0, 0)
    shown = (await donghu.chen.client.get("/v1/channels")).json()
    assert "secret" not in shown[0] or shown[0]["secret"] is None
    (stored,) = await fetch("SELECT sealed FROM notice_channel")
    assert made["secret"] not in stored[0]
    assert "abc" not in stored[0]


async def test_a_server_that_is_down_is_tried_again_later_and_for_days(donghu):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        await webhook(donghu, f"http://127.0.0.1:{port}/")
    with moment.at(MONDAY):
        await tell(donghu.bureau, [news(donghu)])
    at = MONDAY
    for n in range(1, PACES["webhook"].tries_max):
        with moment.at(at):
            assert (await work_outbox()).waiting == 1
            assert (await work_outbox()).waiting == 0, "not before its time"
            (line,) = await log_of(donghu)
            assert (line["state"], line["tries"]) == ("pending", n)
            at = datetime.fromisoformat(line["next_try_at"])
    assert timedelta(days=3) < at - MONDAY < timedelta(days=5)
    with moment.at(at):
        assert (await work_outbox()).dead == 1
        (line,) = await log_of(donghu, state="dead")
    assert line["tries"] == PACES["webhook"].tries_max
    assert line["next_try_at"] is None
    assert "ConnectError" in line["answer"]
    assert (await donghu.sun.client.get(f"/v1/deliveries/{line['id']}")).json()["state"] == "dead"


async def test_a_server_that_comes_back_gets_what_waited_once(donghu):
    is_up = False
    with receiving(
        lambda _: said({}) if is_up else said({"error": "maintenance"}, 503, **{"Retry-After": "900"})
    ) as receiver:
        await webhook(donghu, receiver.address)
        with moment.at(MONDAY):
            await tell(donghu.bureau, [news(donghu)])
            await work_outbox()
            (line,) = await log_of(donghu)
            wait = datetime.fromisoformat(line["next_try_at"]) - MONDAY
            assert wait == timedelta(seconds=900), "it said when to come again"
        is_up = True
        with moment.at(MONDAY + wait):
            assert (await work_outbox()).sent == 1
            assert (await work_outbox()).sent == 0
    first, second = receiver.got
    assert first.json["id"] == second.json["id"]
    assert first.headers["X-Qifang-Signature"] != second.headers["X-Qifang-Signature"]


async def test_what_was_sent_by_a_process_that_died_is_sent_again_under_the_same_id(donghu, monkeypatch):
    with receiving(lambda _: said({})) as receiver:
        await webhook(donghu, receiver.address)

        async def dies(*_):
            raise RuntimeError("killed between sending and writing it down")

        with moment.at(MONDAY):
            await tell(donghu.bureau, [news(donghu)])
            with monkeypatch.context() as during:
                during.setattr("server.notices.outbox.working.settle", dies)
                with pytest.raises(RuntimeError, match="killed"):
                    await work_outbox()
            assert (await work_outbox()).sent == 0, "its lease still runs"
        with moment.at(MONDAY + claiming.lease() + timedelta(seconds=1)):
            assert (await work_outbox()).sent == 1
    first, second = receiver.got
    assert first.json["id"] == second.json["id"]
    (line,) = await log_of(donghu)
    assert (line["state"], line["tries"]) == ("sent", 2)


async def test_workers_at_the_same_time_send_everything_once(donghu):
    with receiving(lambda _: said({})) as receiver:
        await webhook(donghu, receiver.address)
        await tell(donghu.bureau, [news(donghu, f"k{n}") for n in range(45)])
        workers = await asyncio.gather(*(work_outbox() for _ in range(4)))
    assert sum(worked.sent for worked in workers) == 45
    assert len({request.json["id"] for request in receiver.got}) == len(receiver.got) == 45


async def test_a_late_answer_changes_nothing_for_whoever_holds_it_now(donghu):
    await webhook(donghu, "http://127.0.0.1:9/")
    with moment.at(MONDAY):
        await tell(donghu.bureau, [news(donghu)])
        (slow,) = await claiming.claim()
    with moment.at(MONDAY + claiming.lease() + timedelta(seconds=1)):
        (quick,) = await claiming.claim()
        await claiming.settle(quick, Verdict("sent", 200, "quick"))
        await claiming.settle(slow, Verdict("retry", 500, "slow"))
    (line,) = await log_of(donghu)
    assert (line["state"], line["answer"]) == ("sent", "quick")


async def test_what_was_given_up_is_sent_again_by_one_word(donghu):
    is_up = False
    with receiving(lambda _: said({}) if is_up else said({}, 410)) as receiver:
        channel = await webhook(donghu, receiver.address)
        await tell(donghu.bureau, [news(donghu, f"k{n}") for n in range(3)])
        assert (await work_outbox()).dead == 3, "410 says that it is over"
        is_up = True
        (one, *_) = await log_of(donghu, state="dead")
        refused = await donghu.sun.client.post(f"/v1/deliveries/{one['id']}/replay")
        assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
        again = await donghu.chen.client.post(f"/v1/deliveries/{one['id']}/replay")
        assert again.json()["state"] == "pending"
        assert (await work_outbox()).sent == 1
        since = (moment.now() - timedelta(hours=1)).isoformat()
        body = {"since": since, "channel": channel["id"]}
        assert (await donghu.chen.client.post("/v1/deliveries/replays", json=body)).json() == {"count": 2}
        assert (await work_outbox()).sent == 2
        assert (await donghu.chen.client.post("/v1/deliveries/replays", json=body)).json() == {"count": 0}
        vague = await donghu.chen.client.post("/v1/deliveries/replays", json={"since": "2026-11-22T09:00:00"})
        assert vague.status_code == 400


async def test_a_disabled_channel_gets_nothing_not_even_what_was_written_for_it(donghu):
    with receiving(lambda _: said({})) as receiver:
        channel = await webhook(donghu, receiver.address)
        await tell(donghu.bureau, [news(donghu)])
        await donghu.chen.client.patch(f"/v1/channels/{channel['id']}", json={"is_disabled": True})
        await tell(donghu.bureau, [news(donghu, "k2")])
        assert (await work_outbox()).dead == 1
        assert receiver.got == []
        assert len(await log_of(donghu)) == 1
        await donghu.chen.client.patch(f"/v1/channels/{channel['id']}", json={"is_disabled": False})
        await donghu.chen.client.post("/v1/deliveries/replays", json={"since": "2026-01-01T00:00:00Z"})
        await work_outbox()
    assert len(receiver.got) == 1


async def test_a_channel_hears_of_its_topics_and_its_units_alone(donghu):
    from server.people.actions import find_unit

    finance, hr = await find_unit(donghu.bureau, "finance"), await find_unit(donghu.bureau, "hr")
    with receiving(lambda _: said({})) as receiver:
        await add(donghu, "金融", unit="finance", topics=["issue.dispatch"],
                  connection={"kind": "webhook", "address": receiver.address})  # fmt: skip
        await tell(donghu.bureau, [
            news(donghu, "a", units=[finance.id]), news(donghu, "b", units=[hr.id]),
            news(donghu, "c", units=[finance.id], topic="issue.reply"), news(donghu, "d"),
        ])  # fmt: skip
        await work_outbox()
    assert [request.json["title"]["zh"][-1] for request in receiver.got] == ["a"]


async def test_nothing_crosses_bureaus(donghu):
    from tests.server.conftest import found, go_home

    xihu = await found("xihu", "西湖区中小企业服务局", "360103")
    try:
        with receiving(lambda _: said({})) as receiver:
            made = await webhook(donghu, receiver.address)
            await tell(xihu.bureau, [news(donghu)])
            await tell(donghu.bureau, [news(donghu, "own")])
            await work_outbox()
            assert [request.json["title"]["zh"][-3:] for request in receiver.got] == ["own"]
            (line,) = await log_of(donghu)
            assert await log_of(xihu) == []
            for path, body in [(f"/v1/deliveries/{line['id']}/replay", None), (f"/v1/channels/{made['id']}/tries", {})]:
                assert (await xihu.chen.client.post(path, json=body)).status_code == 404
    finally:
        await go_home(xihu)


async def test_quiet_hours_hold_back_what_is_not_urgent(donghu, monkeypatch):
    opens = MONDAY + timedelta(hours=3)

    async def opening(_bureau, at):
        return max(at, opens)

    monkeypatch.setattr(telling, "_working_moment", [opening])
    with mail_server() as (mailbox, port):
        await mail_channel(donghu, port)
        await wish(donghu.he, mail="he@donghu.example")
        await wish(donghu.wu, mail="wu@donghu.example", hours="always")
        with moment.at(MONDAY):
            await tell(donghu.bureau, [news(donghu, "later", to=("he", "wu")), news(donghu, "now", urgent=True)])
            await work_outbox()
            arrived = sorted((letter["To"], letter["Subject"].split()[-1]) for letter in mailbox.letters)
            assert arrived == [("he@donghu.example", "now"), ("wu@donghu.example", "later")]
        with moment.at(opens):
            assert (await work_outbox()).sent == 1
        assert mailbox.letters[-1]["To"] == "he@donghu.example"


async def test_a_muted_topic_stays_in_the_inbox_alone_but_not_what_is_urgent(donghu):
    with mail_server() as (mailbox, port):
        await mail_channel(donghu, port)
        await wish(donghu.he, mail="he@donghu.example", muted=["issue.dispatch"])
        await tell(donghu.bureau, [news(donghu, "quiet"), news(donghu, "loud", urgent=True)])
        await work_outbox()
    assert [letter["Subject"].split()[-1] for letter in mailbox.letters] == ["loud"]
    assert {line["state"] for line in await log_of(donghu)} == {"muted", "sent"}
    (muted,) = await log_of(donghu, state="muted")
    refused = await donghu.chen.client.post(f"/v1/deliveries/{muted['id']}/replay")
    assert refused.json()["code"] == "delivery.held_back"
    assert (await donghu.he.client.get("/v1/notices")).json()["unread"] == 2


async def test_a_digest_is_one_letter_with_everything_since_the_last_one(donghu):
    with mail_server() as (mailbox, port):
        await mail_channel(donghu, port)
        await wish(donghu.he, mail="he@donghu.example", digest="daily", digest_hour=17)
        with moment.at(MONDAY):
            await tell(donghu.bureau, [news(donghu, f"k{n}") for n in range(3)])
            assert (await work_outbox()).sent == 0
        with moment.at(MONDAY + timedelta(hours=7)):
            await asyncio.gather(work_outbox(), work_outbox())
            (letter,) = mailbox.letters
            text = letter.get_content()
            assert letter["Subject"] == "通知汇总:3 条"
            assert all(f"东湖-2026-000007 已派单 k{n}" in text for n in range(3))
            assert (await work_outbox()).sent == 0
            await tell(donghu.bureau, [news(donghu, "k9")])
        with moment.at(MONDAY + timedelta(hours=31)):
            await work_outbox()
        assert mailbox.letters[1]["Subject"] == "通知汇总:1 条"
        assert (await donghu.he.client.get("/v1/notices")).json()["unread"] == 4, "the inbox has each, and no digest"


async def test_a_digest_day_is_the_bureaus(donghu):
    at = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # Sunday, 23:30 in Nanchang
    assert telling.digest_moment(at, "daily", 23) == datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    assert telling.digest_moment(at, "weekly", 9) == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert telling.digest_moment(datetime(2026, 11, 23, 1, 0, tzinfo=UTC), "weekly", 9) == datetime(
        2026, 11, 30, 1, 0, tzinfo=UTC
    )


async def test_mail_that_is_refused_for_good_is_given_up_and_busy_servers_are_asked_again(donghu):
    with mail_server() as (mailbox, port):
        await mail_channel(donghu, port)
        await wish(donghu.he, mail="he@donghu.example")
        await wish(donghu.wu, mail="wu@donghu.example")
        mailbox.refused = {"he@donghu.example": "550 no such user", "wu@donghu.example": "451 greylisted, try later"}
        await tell(donghu.bureau, [news(donghu, to=("he", "wu"))])
        await work_outbox()
        by_person = {line["person"]: line for line in await log_of(donghu)}
        dead, waiting = by_person[str(donghu.he.id)], by_person[str(donghu.wu.id)]
        assert (dead["state"], dead["status"], dead["answer"]) == ("dead", 550, "no such user")
        assert (waiting["state"], waiting["status"]) == ("pending", 451)
        mailbox.refused = {}
        with moment.at(datetime.fromisoformat(waiting["next_try_at"])):
            await work_outbox()
        (letter,) = mailbox.letters
        assert letter["Message-ID"] == f"<{waiting['notice']}@donghu.example>"
        assert "缺流动资金" in letter.get_content()


@pytest.mark.parametrize(
    ("answer", "kept"),
    [("550 用户不存在".encode("gbk"), "\ufffd"), (b"550 no\0such user", "nosuch user"), (b"550 " + b"x" * 900, "xxx")],
)
async def test_whatever_a_mail_server_answers_in_others_get_their_letters(donghu, answer, kept):
    with mail_server() as (mailbox, port):
        await mail_channel(donghu, port)
        await wish(donghu.he, mail="he@donghu.example")
        await wish(donghu.wu, mail="wu@donghu.example")
        mailbox.refused = {"he@donghu.example": answer}
        await tell(donghu.bureau, [news(donghu, to=("he", "wu"))])
        worked = await work_outbox()
    assert (worked.sent, worked.dead) == (1, 1)
    (dead,) = await log_of(donghu, state="dead")
    assert kept in dead["answer"]


@pytest.mark.parametrize("address", ["a@donghu..cn", "a@.cn", "a@donghu.cn.", "a..b@donghu.cn", "周@donghu.cn"])
async def test_what_is_no_mail_address_is_refused_and_stops_nobody_s_mail(donghu, address):
    refused = await donghu.he.client.put("/v1/notice-wishes", json={"mail": address})
    assert (refused.status_code, refused.json()["code"]) == (400, "request.malformed")
    with mail_server() as (_, port):
        channel = await mail_channel(donghu, port)
        tried = await donghu.chen.client.post(f"/v1/channels/{channel['id']}/tries", json={"to": address})
        assert (tried.status_code, tried.json()["code"]) == (422, "channel.no_recipient")
        await wish(donghu.he, mail="he@donghu.example")
        await wish(donghu.wu, mail="wu@donghu.example")
        await execute(
            "UPDATE notice_wish SET mail = $1 WHERE id = $2", [address, donghu.he.id]
        )  # from before it was refused
        await tell(donghu.bureau, [news(donghu, to=("he", "wu"))])
        assert (await work_outbox()).sent == 1


async def test_a_wrong_mail_password_is_tried_again_until_it_is_mended(donghu):
    with mail_server() as (mailbox, port):
        channel = await mail_channel(donghu, port, connection={"password": "wrong"})
        await wish(donghu.he, mail="he@donghu.example")
        await tell(donghu.bureau, [news(donghu)])
        assert (await work_outbox()).waiting == 1
        (line,) = await log_of(donghu)
        assert line["status"] == 535
        connection = {"kind": "mail", "host": "127.0.0.1", "port": port, "security": "none", "user": "qifang",
                      "password": "mail-secret", "sender": "qifang@donghu.example"}  # fmt: skip
        mended = await donghu.chen.client.patch(f"/v1/channels/{channel['id']}", json={"connection": connection})
        assert mended.status_code == 200
        assert "mail-secret" not in mended.text
        with moment.at(datetime.fromisoformat(line["next_try_at"])):
            assert (await work_outbox()).sent == 1
    assert len(mailbox.letters) == 1


async def test_who_left_is_told_nothing_more(donghu):
    with mail_server() as (mailbox, port):
        await mail_channel(donghu, port)
        await wish(donghu.he, mail="he@donghu.example")
        await tell(donghu.bureau, [news(donghu, "before")])
        from server.people.actions import disable_person

        await disable_person(donghu.system, "he")
        assert await tell(donghu.bureau, [news(donghu, "after")]) == 0
        assert (await work_outbox()).dead == 1
    assert mailbox.letters == []


async def test_old_notices_go_and_their_deliveries_with_them(donghu):
    with moment.at(MONDAY - timedelta(days=400)):
        await tell(donghu.bureau, [news(donghu, "old")])
    with moment.at(MONDAY):
        await tell(donghu.bureau, [news(donghu, "new")])
        assert await forget_notices() == 1
    assert [one["title_zh"][-3:] for one in (await donghu.he.client.get("/v1/notices")).json()["items"]] == ["new"]


async def test_a_phone_gets_its_persons_notices_and_may_say_that_one_was_read(donghu):
    device = await phone(donghu, donghu.he)
    await tell(donghu.bureau, [news(donghu, to=("he", "wu"))])
    await device.sync()
    ((id, body),) = device.rows("notice").items()
    assert (body["title_zh"], body["read_at"]) == ("东湖-2026-000007 已派单 k1", None)
    device.do("notice.read", id, {})
    device.do("notice.read", uuid4(), {})
    assert [result.status for result in await device.push()] == ["applied", "rejected"]
    await device.sync()
    assert device.rows("notice")[id]["read_at"] is not None
    assert (await donghu.he.client.get("/v1/notices")).json()["unread"] == 0
    assert (await donghu.wu.client.get("/v1/notices")).json()["unread"] == 1
    await device.client.aclose()


async def test_the_console_connects_tries_sends_and_replays(donghu, tmp_path, monkeypatch):
    monkeypatch.setenv("QIFANG_NOTICE_NETWORKS", "127.0.0.0/8")
    is_up = False
    with receiving(lambda _: said({}) if is_up else said({}, 410)) as receiver:
        described = tmp_path / "hook.json"
        described.write_text(
            json.dumps({"name": "对接", "connection": {"kind": "webhook", "address": receiver.address}})
        )
        code, out, err = await console("notice", "add", str(described))
        assert (code, err) == (0, "")
        assert "secret, shown once: " in out
        await tell(donghu.bureau, [news(donghu)])
        code, out, _ = await console("notice", "send", "--json")
        assert (code, json.loads(out)) == (0, {"sent": 0, "waiting": 0, "dead": 1})
        is_up = True
        code, out, _ = await console("notice", "try", "对接", "--json")
        assert (code, json.loads(out)["outcome"]) == (0, "sent")
        assert json.loads((await console("notice", "replay", "--since", "2026-01-01", "--json"))[1]) == {"count": 1}
        assert json.loads((await console("notice", "send", "--json"))[1])["sent"] == 1
    wishes = tmp_path / "wish.json"
    wishes.write_text('{"mail": "he@donghu.example", "digest": "daily"}')
    results = await asyncio.gather(
        console("notice", "log", "--state", "sent", "--json"), console("notice", "channels"),
        console("notice", "preview", "对接"), console("notice", "wish", "he", str(wishes)),
        console("notice", "disable", "没有"), console("notice", "add", str(wishes)),
    )  # fmt: skip
    assert [code for code, _, _ in results] == [0, 0, 0, 0, 1, 1]
    assert json.loads(results[0][1])["items"][0]["topic"] == "issue.dispatch"
    assert "对接" in results[1][1]
    assert "企访测试通知" in results[2][1]
    assert "digest daily" in results[3][1]
    assert results[4][2].startswith("channel.unknown")
    assert "does not fit" in results[5][2]
    assert (await donghu.he.client.get("/v1/notice-wishes")).json()["mail"] == "he@donghu.example"


@given(st.sampled_from(sorted(PACES)), st.integers(1, 30), st.floats(0, 1))
def test_waits_grow_to_a_ceiling_and_keep_within_their_jitter(kind, tries, roll):
    pace = PACES[kind]
    wait = seconds_after(kind, tries, roll)
    even = min(pace.first_seconds * 2 ** (tries - 1), pace.ceiling_seconds)
    assert even * (1 - JITTER) - 1e-6 <= wait <= even * (1 + JITTER) + 1e-6
    assert seconds_after(kind, tries + 1, 0.5) >= seconds_after(kind, tries, 0.5)


async def test_a_running_server_sends_right_after_the_commit(donghu):
    arrived = threading.Event()

    def answer(_):
        arrived.set()
        return said({})

    with receiving(answer) as receiver:
        await webhook(donghu, receiver.address)
        async with sending_at_once():
            await tell(donghu.bureau, [news(donghu)])
            assert await asyncio.to_thread(arrived.wait, 60)
    assert telling._nudges == []


async def test_the_log_is_for_those_who_oversee_and_shows_no_words(donghu):
    with receiving(lambda _: said({})) as receiver:
        await webhook(donghu, receiver.address)
        await tell(donghu.bureau, [news(donghu)])
        await work_outbox()
    for login, status in [("chen", 200), ("sun", 200), ("he", 403), ("zhou", 403)]:
        answer = await getattr(donghu, login).client.get("/v1/deliveries")
        assert answer.status_code == status
    assert "流动资金" not in json.dumps(await log_of(donghu), ensure_ascii=False)
    assert await log_of(donghu, topic="issue.reply") == []
    assert len(await log_of(donghu, since="2026-01-01T00:00:00Z", state="sent")) == 1
