"""Channels in the formats their platforms document, templates, and what must never be reached or shown."""

import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from server import moment
from server.notices.outbox.working import work_outbox
from server.notices.senders import composing, reaching
from server.notices.senders.message import Message, Words
from server.notices.telling import tell
from sync.transaction import execute, fetch
from tests.server.receivers import dingtalk, feishu, mail_server, receiving, said, wecom
from tests.server.test_notices import MONDAY, add, log_of, mail_channel, news, this_machine, webhook, wish

pytestmark = pytest.mark.anyio
__all__ = ["this_machine"]
SECRET = "SEC0000aaaa1111bbbb"


def seconds():
    return moment.now().timestamp()


def robot(kind, address, secret=SECRET):
    at = datetime.now(UTC).timestamp
    if kind == "wecom":
        return {"kind": kind, "address": f"{address}/cgi-bin/webhook/send?key=k-1"}, wecom("k-1")
    if kind == "dingtalk":
        connection = {"kind": kind, "address": f"{address}/robot/send?access_token=k-1", "secret": secret}
        return connection, dingtalk("k-1", SECRET, lambda: at() * 1000)
    return {"kind": kind, "address": f"{address}/open-apis/bot/v2/hook/k-1", "secret": secret}, feishu(
        "k-1", SECRET, at
    )


def shown_text(request):
    body = request.json
    return (
        (body.get("markdown") or {}).get("content")
        or (body.get("markdown") or {}).get("text")
        or body["content"]["text"]
    )


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "feishu"])
async def test_a_robot_takes_our_messages_and_our_signature(donghu, kind):
    with receiving(lambda request: robot(kind, "")[1](request)) as receiver:
        channel = await add(donghu, connection=robot(kind, receiver.address)[0])
        assert channel["place"] == receiver.address
        tried = await donghu.chen.client.post(f"/v1/channels/{channel['id']}/tries", json={})
        assert tried.json()["outcome"] == "sent", tried.text
        await tell(donghu.bureau, [news(donghu)])
        assert (await work_outbox()).sent == 1
        text = shown_text(receiver.got[-1])
        assert "东湖-2026-000007 已派单" in text
        assert "流动资金" not in text, "a group's wall gets no words of an enterprise unless somebody asks for it"
        await donghu.chen.client.patch(f"/v1/channels/{channel['id']}", json={"detail": "full"})
        await tell(donghu.bureau, [news(donghu, "k2")])
        await work_outbox()
        assert "流动资金" in shown_text(receiver.got[-1])


@pytest.mark.parametrize(
    ("kind", "status", "answer", "state", "at_least"),
    [
        ("wecom", 200, {"errcode": 45009, "errmsg": "api freq out of limit"}, "pending", 60),
        ("wecom", 200, {"errcode": 93000, "errmsg": "invalid webhook url"}, "dead", 0),
        ("wecom", 200, {"errcode": -1, "errmsg": "system busy"}, "pending", 60),
        ("dingtalk", 200, {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}, "pending", 600),
        ("dingtalk", 200, {"errcode": 310000, "errmsg": "sign not match"}, "dead", 0),
        ("feishu", 200, {"code": 11232, "msg": "frequency limited"}, "pending", 60),
        ("feishu", 429, {"code": 99991400, "msg": "request trigger frequency limit"}, "pending", 60),
        ("feishu", 200, {"code": 19021, "msg": "sign match fail"}, "dead", 0),
        ("feishu", 200, {"StatusCode": 0, "StatusMessage": "success"}, "sent", 0),
        ("dingtalk", 502, "<html>bad gateway</html>", "pending", 30),
        ("wecom", 200, [], "pending", 30),
        ("wecom", 200, {"errcode": "0"}, "pending", 30),
    ],
)
async def test_what_a_robot_says_in_its_answer_counts_not_its_status(donghu, kind, status, answer, state, at_least):
    with receiving(lambda _: said(answer, status)) as receiver:
        await add(donghu, connection=robot(kind, receiver.address)[0])
        await tell(donghu.bureau, [news(donghu)])
        await work_outbox()
    (line,) = await log_of(donghu)
    assert line["state"] == state
    if state == "pending":
        assert datetime.fromisoformat(line["next_try_at"]) - datetime.fromisoformat(line["tried_at"]) >= timedelta(
            seconds=at_least
        )


async def test_a_wrong_robot_secret_is_given_up_seen_mended_and_replayed(donghu):
    with receiving(lambda request: robot("dingtalk", "")[1](request)) as receiver:
        channel = await add(donghu, connection=robot("dingtalk", receiver.address, "SECwrong")[0])
        await tell(donghu.bureau, [news(donghu)])
        assert (await work_outbox()).dead == 1
        (line,) = await log_of(donghu, state="dead")
        assert "sign not match" in line["answer"]
        right = {"connection": robot("dingtalk", receiver.address)[0]}
        await donghu.chen.client.patch(f"/v1/channels/{channel['id']}", json=right)
        await donghu.chen.client.post(f"/v1/deliveries/{line['id']}/replay")
        assert (await work_outbox()).sent == 1


async def test_a_robot_is_not_used_faster_than_its_platform_allows(donghu):
    with receiving(lambda _: said({"errcode": 0})) as receiver, receiving(lambda _: said({})) as other:
        await add(donghu, connection=robot("wecom", receiver.address)[0])
        await webhook(donghu, other.address)
        with moment.at(MONDAY):
            await tell(donghu.bureau, [news(donghu, f"k{n}") for n in range(30)])
            await work_outbox()
            assert len(receiver.got) <= 18
            assert len(other.got) == 30, "a robot at rest holds nobody up"
        for minute in range(1, 4):
            with moment.at(MONDAY + timedelta(minutes=minute, seconds=minute)):
                await work_outbox()
        assert len(receiver.got) == 30


SMS = {
    "kind": "sms",
    "headers": {"Authorization": "AppCode 1234567890"},
    "template": '{"mobile": "${to}", "content": "【企访】${text}", "ref": "${id}"}',
    "success_field": "result.code",
    "success_value": "OK",
}


async def test_a_gateway_gets_its_own_format_and_its_answer_decides(donghu):
    answers = [{"result": {"code": "BUSY"}}, {"result": {"code": "OK"}}]
    with receiving(lambda _: said(answers.pop(0))) as receiver:
        channel = await add(donghu, connection={**SMS, "address": receiver.address}, by_default=True)
        await execute("UPDATE person SET phone = '13800000001' WHERE login = 'he'")
        await tell(donghu.bureau, [news(donghu, to=("he", "wu"))])
        assert (await work_outbox()).waiting == 1, "who has no number gets no message"
        (line,) = await log_of(donghu)
        with moment.at(datetime.fromisoformat(line["next_try_at"])):
            assert (await work_outbox()).sent == 1
        body = receiver.got[-1].json
        assert (body["mobile"], body["ref"]) == ("13800000001", line["notice"])
        assert body["content"] == "【企访】东湖-2026-000007 已派单 k1"
        assert receiver.got[-1].headers["Authorization"] == "AppCode 1234567890"
        assert (await donghu.chen.client.post(f"/v1/channels/{channel['id']}/tries", json={})).status_code == 422


async def test_words_cannot_break_out_of_a_template(donghu):
    words = Words(title_zh='引号" 反斜杠\\ 换行\n&a=b', title_en="x")
    message = Message(
        id=donghu.bureau, bureau="donghu", topic="t", subject_kind="issue", subject=donghu.bureau, words=words,
        created_at=MONDAY, to="1",
    )  # fmt: skip
    places = composing.places_of(message, "full")
    filled = composing.fill('{"a": "${title}", "b": "$$5"}', places, is_json=True)
    assert json.loads(filled) == {"a": words.title_zh, "b": "$5"}
    form = composing.fill("content=${title}&to=${to}", places, is_json=False)
    assert form.count("&") == 1
    from server.notices.channels.connections import Wecom

    request = composing.compose(Wecom(address="https://example.org/"), message, "full", MONDAY)
    assert len(json.loads(request.body)["markdown"]["content"].encode()) <= composing.ROBOT_BYTES_MAX


@pytest.mark.parametrize(
    ("connection", "code"),
    [
        ({"template": '{"a": "${nonsense}"}'}, "channel.template"),
        ({"template": '{"a": ${title}'}, "channel.template"),
        ({"template": "$"}, "channel.template"),
        ({"headers": {"Host": "inside"}}, "channel.headers"),
        ({"headers": {"X-A b": "1"}}, "channel.headers"),
        ({"headers": {"X-A": "文"}}, "channel.headers"),
        ({"address": "http://user:word@example.org/"}, "channel.address"),
        ({"address": "http://example.org:99999/"}, "channel.address"),
        ({"address": "ftp://example.org/"}, "request.malformed"),
        ({"secret": "a\nb"}, "request.malformed"),
        ({"surprise": 1}, "request.malformed"),
        ({"kind": "pigeon"}, "request.malformed"),
    ],
)
async def test_a_channel_that_could_not_work_is_refused(donghu, connection, code):
    given = {"kind": "webhook", "address": "https://example.org/hook"} | connection
    answer = await donghu.chen.client.post("/v1/channels", json={"name": "x", "connection": given})
    assert (answer.status_code in (400, 422), answer.json()["code"]) == (True, code)


async def test_channels_are_an_administrators(donghu):
    channel = await webhook(donghu, "https://example.org/hook")
    for login in ("sun", "he", "zhou", "lin"):
        client = getattr(donghu, login).client
        for answer in [
            await client.get("/v1/channels"),
            await client.post(
                "/v1/channels", json={"name": "x", "connection": {"kind": "wecom", "address": "https://a.org"}}
            ),
            await client.patch(f"/v1/channels/{channel['id']}", json={"is_disabled": True}),
            await client.post(f"/v1/channels/{channel['id']}/tries", json={}),
            await client.get(f"/v1/channels/{channel['id']}/preview"),
        ]:
            assert (answer.status_code, answer.json()["code"]) == (403, "permission.missing")
    other = {"connection": {"kind": "wecom", "address": "https://a.org"}}
    fixed = await donghu.chen.client.patch(f"/v1/channels/{channel['id']}", json=other)
    assert (fixed.status_code, fixed.json()["code"]) == (409, "channel.kind_fixed")


async def test_a_preview_shows_what_would_be_sent_and_no_secret(donghu):
    kinds = [
        {"kind": "webhook", "address": "https://example.org/h/secret-path", "secret": "hook-secret"},
        {"kind": "webhook", "address": "https://example.org/h/secret-path", "template": '{"msg": "${title}"}'},
        {**SMS, "address": "https://example.org/secret-path"},
        robot("wecom", "https://example.org")[0],
        robot("dingtalk", "https://example.org")[0],
        {"kind": "mail", "host": "mail.example.org", "password": "hook-secret", "sender": "a@example.org"},
    ]
    for connection in kinds:
        channel = await add(donghu, connection=connection)
        shown = await donghu.chen.client.get(f"/v1/channels/{channel['id']}/preview")
        assert shown.status_code == 200, shown.text
        assert "企访测试通知" in shown.json()["body"]
        for hidden in ("secret-path", "hook-secret", "1234567890", SECRET, "k-1"):
            assert hidden not in shown.text


async def test_notices_do_not_reach_into_the_house(donghu, monkeypatch):
    inside = msgspec.structs.replace(reaching.settings, notice_networks="")
    monkeypatch.setattr(reaching, "settings", inside)
    with receiving(lambda _: said({})) as receiver, mail_server() as (mailbox, port):
        hook = await webhook(donghu, receiver.address)
        await webhook(donghu, receiver.address.replace("127.0.0.1", "localhost"))
        await webhook(donghu, "http://169.254.169.254/latest/meta-data/")
        await webhook(donghu, "http://[::ffff:127.0.0.1]:9/")
        await mail_channel(donghu, port)
        await wish(donghu.he, mail="he@donghu.example")
        await tell(donghu.bureau, [news(donghu)])
        assert (await work_outbox()).dead == 5
        tried = await donghu.chen.client.post(f"/v1/channels/{hook['id']}/tries", json={})
        assert (tried.json()["outcome"], tried.json()["status"]) == ("refused", 0)
    assert receiver.got == []
    assert mailbox.letters == []
    assert {line["answer"].partition(" is ")[2] for line in await log_of(donghu)} == {
        "not a public address; see QIFANG_NOTICE_NETWORKS"
    }


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("8.8.8.8", "", True),
        ("10.1.2.3", "", False),
        ("10.1.2.3", "10.1.0.0/16", True),
        ("10.2.2.3", "10.1.0.0/16, 192.168.0.0/24", False),
        ("100.64.0.1", "", False),
        ("0.0.0.0", "", False),
        ("::1", "", False),
        ("fe80::1%eth0", "", False),
        ("::ffff:10.1.2.3", "", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("2002:7f00:1::", "", False),
        ("64:ff9b::a01:203", "", False),
        ("64:ff9b::808:808", "", True),
        ("64:ff9b:1::a01:203", "", False),
        ("::127.0.0.1", "", False),
        ("fec0::1", "", False),
        ("240.0.0.1", "", False),
        ("224.0.0.1", "", False),
        ("2606:4700:4700::1111", "", True),
    ],
)
def test_which_addresses_may_be_reached(monkeypatch, address, networks, allowed):
    changed = msgspec.structs.replace(reaching.settings, notice_networks=networks)
    monkeypatch.setattr(reaching, "settings", changed)
    assert reaching.is_allowed(address) is allowed


def test_a_network_that_is_none_stops_the_program():
    from server.settings import read_settings

    with pytest.raises(SystemExit, match="10.0.0.0/33"):
        read_settings({"QIFANG_NOTICE_NETWORKS": "10.0.0.0/33"})


async def test_a_redirect_is_not_followed_and_an_endless_answer_is_cut(donghu):
    with receiving(lambda _: said({})) as inner:
        with receiving(lambda _: said({}, 302, Location=inner.address)) as receiver:
            await webhook(donghu, receiver.address)
            await tell(donghu.bureau, [news(donghu)])
            assert (await work_outbox()).waiting == 1
        assert inner.got == []
    with receiving(lambda _: (200, {}, b"x" * 5_000_000)) as receiver:
        await webhook(donghu, receiver.address)
        await tell(donghu.bureau, [news(donghu, "k2")])
        await work_outbox()
    big = [line for line in await log_of(donghu, state="sent")]
    assert [len(line["answer"]) for line in big] == [500]


async def test_a_channel_sealed_with_another_secret_says_so(donghu):
    with receiving(lambda _: said({})) as receiver:
        channel = await webhook(donghu, receiver.address)
        (row,) = await fetch("SELECT sealed FROM notice_channel")
        await execute("UPDATE notice_channel SET sealed = $1", [row[0][:-8] + "AAAAAAA="])
        await tell(donghu.bureau, [news(donghu)])
        assert (await work_outbox()).dead == 1
        answer = await donghu.chen.client.get(f"/v1/channels/{channel['id']}/preview")
        assert (answer.status_code, answer.json()["code"]) == (409, "channel.unreadable")


async def test_no_log_line_of_the_program_names_a_person_or_a_secret(donghu, capsys):
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(10))
    try:
        with mail_server() as (_, port):
            await mail_channel(donghu, port)
            await wish(donghu.he, mail="he@donghu.example")
            await tell(donghu.bureau, [news(donghu)])
            await work_outbox()
    finally:
        from server.app import set_up_logging

        set_up_logging()
    out = capsys.readouterr()
    assert "notice.try" in out.out + out.err
    assert not re.search("he@donghu|mail-secret|已派单|流动资金", out.out + out.err)
