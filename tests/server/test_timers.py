"""Lights, and the sweep that notices what clocks do by themselves: told once, restart-safe, by any number of processes."""

import asyncio
from datetime import UTC, datetime

import pytest

from server.issues.timers import signals as hearing
from server.issues.timers.signals import on_signals
from server.issues.timers.sweep import BUREAUS_DUE, chunk_due, sweep
from server.moment import at
from sync.transaction import fetch, is_postgres, transaction
from tests.server.test_issues import FRIDAY, do, filed, report

pytestmark = pytest.mark.anyio


def noon(day: str) -> datetime:
    """12:00 in Donghu."""
    return datetime.fromisoformat(f"{day}T04:00").replace(tzinfo=UTC)


async def told() -> list[tuple[str, str]]:
    rows = await fetch("SELECT clock, level FROM issue_signal ORDER BY at, clock, level")
    return [(row["clock"], row["level"]) for row in rows]


async def lit(donghu, number: str, day: str) -> str:
    with at(noon(day)):
        shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
        listed = (await donghu.lin.client.get("/v1/issues", params={"light": shown["light"]})).json()["items"]
        others = [
            line["number"]
            for light in {"green", "yellow", "red", "double_red", "grey"} - {shown["light"]}
            for line in (await donghu.lin.client.get("/v1/issues", params={"light": light})).json()["items"]
        ]
    assert [(line["number"], line["light"]) for line in listed] == [(number, shown["light"])]
    assert others == [], "an issue is in the list of its own light alone"
    return shown["light"]


async def test_an_issue_goes_from_green_to_double_red_and_is_grey_while_it_waits(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "contacts", channel="phone")
        await do(donghu.he, number, "signature")
    assert await lit(donghu, number, "2026-09-20") == "green"
    assert await lit(donghu, number, "2026-09-21") == "yellow", (
        "the answer is due on Tuesday, two working days are left"
    )
    assert await lit(donghu, number, "2026-09-23") == "red"
    assert await lit(donghu, number, "2026-10-09") == "double_red"
    with at(noon("2026-09-22")):
        await do(donghu.he, number, "wait", needed="近三年审计报告")
    assert await lit(donghu, number, "2026-09-23") == "grey"
    refused = await donghu.lin.client.get("/v1/issues", params={"light": "purple"})
    assert (refused.status_code, refused.json()["code"]) == (422, "issue.filter")


async def test_what_is_to_be_redone_a_second_time_is_double_red_at_once(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        for _ in range(2):
            await do(donghu.he, number, "reply", letter="A", words="已协调银行授信")
            await do(donghu.wu, number, "review", outcome="signed_off")
            await do(
                donghu.qian, number, "callbacks", reached="reached", respondent="王", solved="unsolved",
                satisfied="dissatisfied", redo=True, subjective=True, why_not=["unsolved"], words="没解决",
                contacted="yes", why_words="没解决",
            )  # fmt: skip
        shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert (shown["state"], shown["light"], shown["escalated"]) == ("REOPENED", "double_red", True)
    assert [due["state"] for due in shown["dues"] if due["clock"] == "escalation"] == ["running"]


async def test_the_sweep_tells_each_thing_once_whoever_runs_it_and_however_often(donghu):
    heard = []

    async def listen(bureau, signals):
        heard.extend((one.event, one.clock) for one in signals)

    on_signals(listen)
    try:
        await filed(donghu, report(donghu))
        with at(noon("2026-09-20")):
            assert await sweep() == 0, "nothing has come yet"
        with at(noon("2026-09-21")):
            await asyncio.gather(sweep(), sweep(), sweep())
            assert await sweep() == 0
    finally:
        hearing._followers.remove(listen)
    assert await told() == [("triage", "yellow"), ("triage", "due")]
    assert heard == [("clock.yellow", "triage"), ("clock.due", "triage")]
    rows = await fetch("SELECT at FROM issue_signal WHERE level = 'due'")
    assert rows[0]["at"] == datetime(2026, 9, 20, 16, tzinfo=UTC), (
        "the breach is the date, not the moment it was noticed"
    )


async def test_a_server_that_was_down_for_weeks_catches_up_in_one_go(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(noon("2026-10-20")):
        await sweep()
        levels = {level for clock, level in await told() if clock == "triage"}
        assert {"yellow", "due", "overdue-1", "overdue-2", "double_red"} <= levels
        shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert shown["escalated"] is True
    assert [event["verb"] for event in shown["events"]] == ["open", "escalate"], "once, although three clocks are late"
    assert shown["events"][-1]["person_name"] == "系统"


async def test_a_breach_just_before_a_verb_is_still_noticed(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(datetime(2026, 9, 20, 16, 0, 20, tzinfo=UTC)):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await sweep()
    assert ("triage", "due") in await told()


async def test_a_failure_half_way_leaves_nothing_told_and_the_next_sweep_tells_it(donghu, monkeypatch):
    await filed(donghu, report(donghu))

    async def fail(bureau, signals):
        raise RuntimeError("the machine stops here")

    on_signals(fail)
    with at(noon("2026-09-21")):
        with pytest.raises(RuntimeError):
            await sweep()
        assert await told() == []
        hearing._followers.remove(fail)
        await sweep()
    assert ("triage", "due") in await told()


async def test_a_wait_ends_by_itself_after_five_working_days_and_counts_as_five(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        await do(donghu.he, number, "signature")
        await do(donghu.he, number, "wait", needed="近三年审计报告")
    with at(noon("2026-09-24")):
        await sweep()
        assert (await donghu.lin.client.get(f"/v1/issues/{number}")).json()["state"] == "WAITING_FIRM"
    with at(noon("2026-10-09")):
        await sweep()
        shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
        await sweep()
    assert (shown["state"], shown["events"][-1]["verb"]) == ("IN_PROGRESS", "resume")
    solve = next(due for due in shown["dues"] if due["clock"] == "solve")
    assert [pause["days"] for pause in solve["pauses"]] == [5]
    assert solve["day"] == "2026-10-12", "seven working days and five, whenever the sweep came by"
    assert ("wait", "resume") in await told()
    assert ("reply", "due") in await told(), "what fell due after the wait while nobody looked is told as well"


async def test_what_stands_on_account_is_reviewed_each_month_and_what_is_outside_reminded_every_ten_days(donghu):
    account, outside = await filed(donghu, report(donghu, 1), report(donghu, 2))
    with at(FRIDAY):
        await do(donghu.lin, account, "dispatch", lead="finance")
        await do(donghu.he, account, "signature")
        await do(donghu.sun, account, "account", plan="按季度推进", milestone_on="2027-03-31", reason="历史遗留")
        sent = await donghu.lin.client.post(f"/v1/issues/{outside}/transfer", json={"to": "市局", "number": "A-1"})
        assert sent.status_code == 201
    with at(noon("2026-11-20")):
        await sweep()
    found = await told()
    assert [level for clock, level in found if clock == "account_review"] == ["review-1", "review-2"]
    assert [level for clock, level in found if clock == "reminder"] == [f"reminder-{n}" for n in range(1, 5)]
    assert {clock for clock, _ in found} == {"account_review", "reminder"}, "all other clocks stand still"
    with at(noon("2026-11-20")):
        shown = await do(donghu.sun, account, "account-review", words="已约谈开发商", milestone_on="2027-03-31")
    review = next(due for due in shown["dues"] if due["clock"] == "account_review")
    assert (review["day"], review["missed"]) == ("2026-12-21", 2)


async def test_each_note_of_the_unit_starts_the_next_interim_clock_and_what_was_missed_is_known(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        await do(donghu.lin, number, "dispatch", lead="finance")
        signed = await do(donghu.he, number, "signature")
    assert _clock(signed, "interim")["day"] == "2026-09-24"
    with at(noon("2026-09-22")):
        bystander = await do(donghu.zhou, number, "notes", words="企业又来电话问")
        assert _clock(bystander, "interim")["day"] == "2026-09-24", "a commissioner's note is not the unit's progress"
        noted = await do(donghu.he, number, "notes", words="已与银行会商")
    assert (_clock(noted, "interim")["day"], _clock(noted, "interim")["missed"]) == ("2026-09-30", 0)
    with at(noon("2026-10-15")):
        late = await do(donghu.he, number, "notes", words="银行已受理")
    assert (_clock(late, "interim")["day"], _clock(late, "interim")["missed"]) == ("2026-10-22", 2)


def _clock(shown, name: str):
    return next(due for due in shown["dues"] if due["clock"] == name)


async def test_other_requests_stop_nothing(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(FRIDAY):
        dispatched = await do(donghu.lin, number, "dispatch", lead="finance")
        asked = await do(
            donghu.he, number, "return-request", reason="非本单位职责", ground="三定方案", suggested_unit="hr"
        )
        assert _clock(asked, "solve") == _clock(dispatched, "solve")
        returned = await do(donghu.lin, number, "return-decision", outcome="granted", reason="同意")
    with at(noon("2026-09-21")):
        again = await do(donghu.lin, number, "dispatch", lead="finance")
        assert _clock(again, "reply")["day"] == "2026-09-24", "the unit's clock begins anew"
        assert _clock(again, "solve")["day"] == _clock(returned, "solve")["day"] == "2026-09-29", "the enterprise's not"
        await do(donghu.he, number, "signature")
        helped = await do(donghu.he, number, "co-request", co=["hr"], words="请核社保")
        assert (helped["state"], _clock(helped, "solve")["day"]) == ("WAITING_CO", "2026-09-29")
        await do(donghu.he, number, "co-answer", words="已核")
        extended = await do(donghu.he, number, "extension-request", until="2026-10-10", reason="评审排期")
        assert (extended["ext_requested"], _clock(extended, "solve")["day"]) == (True, "2026-09-29")
        assert [one["outcome"] for one in _clock(extended, "solve")["extensions"]] == ["asked"]
        refused = await do(donghu.lin, number, "extension-decision", outcome="denied", reason="不急")
    solve = _clock(refused, "solve")
    assert [(one["outcome"], one["until"]) for one in solve["extensions"]] == [("refused", "2026-10-10")]
    assert solve["day"] == solve["original_day"] == "2026-09-29"


async def test_a_phone_can_light_an_issue_by_itself(donghu):
    from server.issues.phone.kinds import load

    (number,) = await filed(donghu, report(donghu))
    async with transaction():
        rows = await fetch("SELECT id, bureau FROM issue WHERE number = $1", [number])
        bodies = await load(rows[0]["bureau"], [rows[0]["id"]])
    assert b'"paused":false' in bodies[rows[0]["id"]]
    assert b'"yellow_at":"2026-09-20T08:00:00Z"' in bodies[rows[0]["id"]]


async def test_the_sweep_reads_no_issue_whose_time_has_not_come(donghu):
    await filed(donghu, report(donghu))
    async with transaction():
        if is_postgres():
            await fetch("SELECT set_config('enable_seqscan', 'off', true)")
        prefix = "EXPLAIN " if is_postgres() else "EXPLAIN QUERY PLAN "
        moment = FRIDAY if is_postgres() else FRIDAY.isoformat(" ")
        plan = await fetch(prefix + BUREAUS_DUE, [moment])
        plan += await fetch(prefix + chunk_due(), [donghu.bureau if is_postgres() else str(donghu.bureau), moment])
    assert str([tuple(row) for row in plan]).count("issue_timer") == 2
