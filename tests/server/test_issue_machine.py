"""The machine of a bureau: its own names, who, required fields and moves, within bounds that keep what the product promises."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.issues.machine.overlay import Machine, Off, Overlay, complaints
from server.issues.states import MOVES, OPEN
from tests.server.fieldwork import phone
from tests.server.test_issue_console import console
from tests.server.test_issues import do, filed, grant_unit, report

pytestmark = pytest.mark.anyio


async def put(member, status: int = 200, base: int = 0, **overlay):
    body = {"base": base, "overlay": overlay, "reason": "本局规定"}
    answer = await member.client.put("/v1/machine", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_bureau_names_states_asks_for_more_and_says_who_and_the_timeline_keeps_the_version(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    changed = await put(
        donghu.sun,
        states={"IN_PROGRESS": {"zh": "正在办"}},
        verbs={
            "sign": {"zh": "接单"},
            "reply": {"required": ["files"]},
            "escalate": {"permission": "issue.coordinate"},
        },
    )
    assert changed["version"] == 1
    reply = next(verb for verb in changed["verbs"] if verb["verb"] == "reply")
    assert reply["required"] == ["letter", "words", "files"]
    signed = await do(donghu.he, number, "signature")
    assert (signed["state_zh"], signed["events"][-1]["verb_zh"]) == ("正在办", "接单")
    assert [event["machine"] for event in signed["events"]] == [0, 0, 1], "an issue on its way goes on by the newest"
    refused = await do(donghu.he, number, "reply", 422, letter="A", words="已办")
    assert (refused["code"], refused["details"]["fields"]) == ("issue.field_required", "files")
    photo = "00000000-0000-0000-0000-000000000077"
    assert (await do(donghu.he, number, "reply", letter="A", words="已办", files=[photo]))["state"] == "REPLIED"
    assert (await do(donghu.sun, number, "escalation", 403, reason="久拖"))["details"]["roles"] == ["coordinator"]
    line = (await donghu.sun.client.get("/v1/issues")).json()["items"][0]
    assert line["state_zh"] == "待审核"


async def test_a_move_that_is_off_is_refused_and_not_offered(donghu):
    (number,) = await filed(donghu, report(donghu))
    await put(donghu.sun, off=[{"verb": "resolve_on_site", "state": "SUBMITTED"}])
    refused = await do(donghu.lin, number, "on-site-closing", 409, answer="当场解释")
    assert refused["code"] == "issue.move_impossible"
    assert "resolve_on_site" not in refused["details"]["possible"]
    assert "resolve_on_site" not in (await donghu.lin.client.get(f"/v1/issues/{number}")).json()["may"]
    back = await put(donghu.sun, base=1)
    assert (back["version"], back["overlay"]) == (2, {})
    assert (await do(donghu.lin, number, "on-site-closing", answer="当场解释"))["state"] == "ON_SITE_CLOSED"
    versions = (await donghu.sun.client.get("/v1/machine/versions")).json()
    assert [one["version"] for one in versions] == [2, 1]


async def test_what_a_bureau_asks_for_holds_on_the_road_too_and_no_word_is_lost(donghu):
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    await grant_unit(donghu, donghu.he, "finance")
    await put(donghu.sun, verbs={"contacted": {"required": ["words", "files"]}})
    device = await phone(donghu, donghu.he)
    await device.sync()
    (issue,) = device.rows("issue")
    device.do("issue.contacted", issue, {"channel": "phone", "words": "已约周一"})
    (result,) = await device.push()
    assert (result.status, result.code) == ("rejected", "issue.field_required")
    events = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()["events"]
    assert (events[-1]["verb"], events[-1]["fields"]["words"]) == ("note", "[已联系企业] 已约周一")


WRONG = {
    "states": {"LOST": {"zh": "丢失"}, "CLOSED": {"zh": "办理中"}},
    "verbs": {
        "fly": {"zh": "飞"},
        "review": {"permission": "issue.reply"},
        "sign": {"permission": "issue.review", "where": "any"},
        "dispatch": {"where": "lead"},
        "escalate": {"permission": "person.write"},
        "call_back": {"permission": "issue.supervise"},
        "note": {"required": ["colour"]},
    },
    "off": [
        {"verb": "withdraw", "state": "SUBMITTED"},
        {"verb": "sign", "state": "CLOSED"},
        {"verb": "decide_return", "state": "RETURN_REQUESTED", "outcome": "denied"},
    ],
}


async def test_everything_that_speaks_against_it_is_told_at_once_and_nothing_is_changed(donghu):
    checked = (await donghu.sun.client.post("/v1/machine/checks", json=WRONG)).json()
    places = [one["at"] for one in checked]
    assert sorted(places) == sorted([
        "states.LOST", "states.CLOSED.zh", "verbs.fly", "verbs.review.permission", "verbs.sign.permission", "verbs.sign.where",
        "verbs.dispatch.where", "verbs.escalate.permission", "verbs.call_back.permission", "verbs.note.required",
        "off[0]", "off[1]", "off",
    ])  # fmt: skip
    assert all(one["zh"] and one["en"] for one in checked)
    refused = await put(donghu.sun, 422, **WRONG)
    assert (refused["code"], refused["details"]["count"]) == ("machine.invalid", len(checked))
    assert refused["details"]["complaints"] == checked
    assert (await donghu.lin.client.get("/v1/machine")).json()["version"] == 0


async def test_a_state_without_a_way_out_is_found_by_walking_the_moves(donghu):
    off = [{"verb": "resume", "state": "WAITING_FIRM"}]
    (complaint,) = (await donghu.sun.client.post("/v1/machine/checks", json={"off": off})).json()
    assert complaint["zh"] == "“待企业补充”将没有出路"
    off.append({"verb": "wait_for_enterprise", "state": "IN_PROGRESS"})
    assert (await donghu.sun.client.post("/v1/machine/checks", json={"off": off})).json() == []


async def test_only_who_keeps_the_rules_changes_it_and_from_the_newest_version(donghu):
    assert (await put(donghu.lin, 403))["code"] == "permission.missing"
    await put(donghu.sun, states={"CLOSED": {"zh": "已办结"}})
    stale = await put(donghu.sun, 409, states={"CLOSED": {"zh": "办结"}})
    assert (stale["code"], stale["details"]["version"]) == ("machine.stale", 1)
    answer = await donghu.sun.client.put("/v1/machine", json={"base": 1, "overlay": {"moves": []}, "reason": "x"})
    assert answer.json()["code"] == "request.malformed"


async def test_the_picture_shows_every_state_and_way_with_the_bureau_s_own_names(donghu):
    await put(donghu.sun, states={"CLOSED": {"zh": "办<结>"}}, off=[{"verb": "transfer", "state": "SUBMITTED"}])
    answer = await donghu.lin.client.get("/v1/machine/picture")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    shown = (await donghu.lin.client.get("/v1/machine")).json()
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", answer.text)
    assert {state["code"] for state in shown["states"]} <= set(texts)
    assert "办&lt;结&gt;" in texts
    ways = {
        (move["state"], move["to"])
        for move in shown["moves"]
        if move["state"] and move["state"] != move["to"] and move["verb"] not in ("merge", "unmerge", "withdraw")
    }
    assert ("SUBMITTED", "TRANSFERRED_UP") not in ways
    assert answer.text.count('<path class="a"') == len(ways)


OFFS = st.lists(
    st.sampled_from([Off(verb=move.verb, state=move.source, outcome=move.outcome) for move in MOVES]), max_size=8
)


@given(off=OFFS)
def test_in_every_machine_that_is_accepted_each_open_issue_can_still_be_closed(off):
    overlay = Overlay(off=off)
    if complaints(overlay):
        return
    moves = [move for move in Machine(1, overlay).moves() if move.verb not in ("merge", "unmerge", "withdraw")]
    reached, border = {""}, {""}
    while border:
        border = {move.target for move in moves if move.source in border} - reached
        reached |= border
    for state in reached & set(OPEN):
        seen, border = {state}, {state}
        while border:
            border = {move.target for move in moves if move.source in border} - seen
            seen |= border
        assert "CLOSED" in seen
        assert any(move.verb == "review" for move in moves), "no answer leaves without a sign-off"


async def test_the_console_checks_loads_and_shows(donghu, tmp_path):
    file = tmp_path / "machine.json"
    file.write_text(json.dumps({"off": [{"verb": "sign", "state": "DISPATCHED"}]}))
    assert "“签收”不能停用" in (await console("machine", "check", str(file)))[1].replace("\n", "")
    code, _, err = await console("machine", "load", str(file), "--reason", "x")
    assert (code, err.split(":")[0]) == (1, "machine.invalid")
    file.write_text(json.dumps({"states": {"CLOSED": {"zh": "已办结"}}}))
    assert "version 1" in (await console("machine", "load", str(file), "--reason", "习惯叫法"))[1]
    shown = json.loads((await console("machine", "show", "--json", "--svg", str(tmp_path / "m.svg")))[1])
    assert (shown["version"], shown["overlay"]) == (1, {"states": {"CLOSED": {"zh": "已办结"}}})
    assert "已办结" in (tmp_path / "m.svg").read_text()
    file.write_text("{")
    code, _, err = await console("machine", "load", str(file), "--reason", "x")
    assert (code, err.split(":")[0]) == (1, "machine.unreadable")
