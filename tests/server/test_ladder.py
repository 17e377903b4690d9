"""A bureau's own ladder: its rungs over the shipped ones, checked line by line, and what people then are told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.issues.timers.sweep import sweep
from server.moment import at
from server.reminders.ladder.rungs import Ladder, Rung, complaints, shipped_ladder
from tests.server.test_demo import console
from tests.server.test_issues import do, filed, report
from tests.server.test_reminders import told
from tests.server.test_timers import noon

pytestmark = pytest.mark.anyio
TRIAGE = {
    "topic": "clock.due",
    "clock": "triage",
    "to": ["coordinator"],
    "zh": "{number} 没人受理",
    "en": "{number} lies",
}


async def put(donghu, rungs: list[dict], status: int = 200) -> dict:
    answer = await donghu.sun.client.put("/v1/ladder", json={"rungs": rungs, "note": "督办办法"})
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_shipped_ladder_is_shown_and_speaks_against_nothing(donghu):
    shown = (await donghu.lin.client.get("/v1/ladder")).json()
    assert (shown["version"], len(shown["rungs"])) == (0, len(shipped_ladder()))
    assert not any(rung["is_own"] for rung in shown["rungs"])
    assert complaints(shipped_ladder()) == []


async def test_a_bureau_says_whom_to_tell_in_words_of_its_own_and_goes_back(donghu):
    dispatched = {
        "topic": "issue.dispatch",
        "to": ["handler", "reviewer"],
        "zh": "{unit}:{number} 到了",
        "en": "{number}",
    }
    made = await put(donghu, [dispatched, {"topic": "issue.reply", "to": []}])
    assert (made["version"], sum(rung["is_own"] for rung in made["rungs"])) == (1, 2)
    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    assert (await told(donghu.he)) == [f"区金融服务中心:{number} 到了"]
    assert (await told(donghu.wu)) == [f"区金融服务中心:{number} 到了"]
    await do(donghu.he, number, "signature")
    await do(donghu.he, number, "reply", letter="A", words="已放款")
    assert len(await told(donghu.wu)) == 1, "a rung for nobody silences the shipped one"
    assert (await put(donghu, []))["version"] == 2
    await do(donghu.wu, number, "review", outcome="sent_back", words="请附凭证")
    await do(donghu.he, number, "reply", letter="A", words="附凭证")
    assert (await told(donghu.wu))[-1] == f"{number} 区金融服务中心已答复，请审核"
    editions = (await donghu.lin.client.get("/v1/ladder/editions")).json()
    assert [(one["version"], len(one["rungs"]), one["note"]) for one in editions] == [
        (2, 0, "督办办法"),
        (1, 2, "督办办法"),
    ]


async def test_signals_climb_the_bureaus_ladder(donghu):
    await put(donghu, [TRIAGE])
    (number,) = await filed(donghu, report(donghu))
    with at(noon("2026-09-22")):
        await sweep()
    assert f"{number} 红灯：受理已超期" not in await told(donghu.lin)
    rows = (await donghu.sun.client.get("/v1/ladder")).json()["rungs"]
    assert [row["to"] for row in rows if row["topic"] == "clock.due" and row["clock"] == "triage"] == [["coordinator"]]


async def test_every_complaint_is_listed_and_nothing_is_written(donghu):
    rungs = [
        {"topic": "issue.dance", "to": ["handler"], "zh": "x"},
        {"topic": "clock.due", "clock": "breakfast", "to": ["handler"], "zh": "x"},
        {"topic": "issue.reply", "clock": "solve", "to": ["king"], "zh": "x"},
        {"topic": "clock.double_red", "to": []},
        {"topic": "issue.close", "to": ["author"], "zh": "{number.__class__} {phone}", "en": "{"},
        {"topic": "issue.note", "to": ["author"]},
        TRIAGE,
        TRIAGE,
    ]
    places = [
        "rungs[1].topic", "rungs[2].clock", "rungs[3].clock", "rungs[3].to", "rungs[4].to", "rungs[5].zh", "rungs[5].en",
        "rungs[6].zh", "rungs[8]",
    ]  # fmt: skip
    checked = await donghu.sun.client.post("/v1/ladder/check", json={"rungs": rungs})
    assert [one["at"] for one in checked.json()] == places
    refused = await put(donghu, rungs, 422)
    assert (refused["code"], refused["details"]["count"]) == ("ladder.invalid", len(places))
    assert (await donghu.sun.client.get("/v1/ladder")).json()["version"] == 0
    for bad in ({}, {"rungs": [{}]}, {"rungs": [TRIAGE | {"more": 1}]}, {"rungs": 1}, []):
        assert (await donghu.sun.client.put("/v1/ladder", json=bad)).status_code == 400
    assert (await donghu.lin.client.put("/v1/ladder", json={"rungs": []})).status_code == 403
    assert (await donghu.zhou.client.get("/v1/ladder")).status_code == 403


async def test_the_console_shows_checks_and_loads_a_ladder(donghu, tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("topic,clock,to,zh,en\nissue.close,,author handler,{number} 已办结,{number} is done\n", "utf-8")
    bad.write_text("topic,clock,to,zh,en\nissue.close,,king,{number} 已办结,\n", "utf-8")
    code, text, err = await console("ladder", "load", str(bad), "--check", "--json")
    assert (code, [one["at"] for one in json.loads(text)]) == (0, ["rungs[1].to"])
    code, text, err = await console("ladder", "load", str(good))
    assert (code, err) == (0, "")
    code, text, err = await console("ladder", "show")
    assert (code, err) == (0, "")
    assert "已办结" in text
    bad.write_text("topic\nissue.close\n", "utf-8")
    code, text, err = await console("ladder", "load", str(bad))
    assert code != 0
    assert "bad.csv" in err


RUNGS = st.lists(
    st.builds(
        Rung,
        topic=st.sampled_from(["clock.due", "clock.yellow", "issue.reply", "issue.note"]),
        clock=st.sampled_from(["", "triage", "solve"]),
        to=st.sampled_from([(), ("handler",), ("author", "reviewer")]),
        zh=st.just("{number}"),
    ),
    unique_by=lambda rung: (rung.topic, rung.clock),
    max_size=6,
)


@given(RUNGS)
def test_a_bureaus_rung_stands_before_the_shipped_one_and_leaves_all_others_as_they_were(own):
    ladder, shipped = Ladder(1, tuple(own)), Ladder(0, ())
    keys = {(rung.topic, rung.clock) for rung in own}
    for rung in own:
        assert ladder.rung_for(rung.topic, rung.clock) == (rung if rung.to else None)
    for rung in shipped_ladder():
        if (rung.topic, rung.clock) not in keys:
            assert ladder.rung_for(rung.topic, rung.clock) == shipped.rung_for(rung.topic, rung.clock)
