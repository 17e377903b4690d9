"""Rule 22: a device that was stopped gets nothing any more, and for a while what it recorded is still taken."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from town import note, statuses
from toy import LI

from sync import decisions
from sync.devices import authenticate, list_devices, resume_devices, revoke_device, running_devices, suspend_devices
from sync.phone import Answered
from sync.quarantine import list_quarantine
from sync.refusal import Refusal

pytestmark = pytest.mark.anyio
WEEK = timedelta(days=7)


async def refusal_of(work) -> str:
    with pytest.raises(Answered) as no:
        await work
    assert no.value.problem["wipe"] is True
    return no.value.code


async def test_rule_22_scenario_21_a_stolen_phone_reads_nothing_and_its_work_waits_in_quarantine(town):
    li = await town.phone()
    await town.watch("a", LI)
    await town.desk_note("a", "secret")
    await li.pull()
    target = note(li, "recorded before the theft")
    li.do("note.comment", target, {"text": "and a comment"})
    await revoke_device(town.bureau, UUID(li.device), salvage=WEEK)
    assert await refusal_of(li.pull()) == "device_revoked"
    results = await li.push()
    assert [(one.status, one.code) for one in results] == [("rejected", "device.revoked")] * 2
    kept = await list_quarantine(town.bureau)
    assert [(one.op, one.state) for one in kept] == [("note.add", "waiting"), ("note.comment", "waiting")]
    assert "recorded before the theft" not in await town.notes()

    await decisions.accept(town.bureau, kept[0].id, by=UUID(int=9))
    assert await town.notes() == {"secret": "", "recorded before the theft": ""}, "each waits for a decision of its own"
    await decisions.accept(town.bureau, kept[1].id, by=UUID(int=9))
    assert (await town.notes())["recorded before the theft"] == "[+and a comment]"


async def test_rule_22_the_answer_says_that_the_phone_may_forget_everything_once_it_has_sent_it(town):
    li = await town.phone()
    note(li, "sent in time")
    await li.push()
    first = next(body for path, body in reversed(town.line.requests) if path == "/sync/v1/push")
    headers = {"Authorization": f"Bearer {li.meta('token')}"}
    assert "wipe_after" not in (await li.client.post("/sync/v1/push", content=first, headers=headers)).json()
    await revoke_device(town.bureau, UUID(li.device), salvage=WEEK)
    again = (await li.client.post("/sync/v1/push", content=first, headers=headers)).json()
    assert again["wipe_after"] is True
    assert (again["results"][0]["status"], again["results"][0]["duplicate"]) == ("applied", True)


@pytest.mark.parametrize("stop", ["revoke", "suspend"])
async def test_rule_22_after_the_time_of_salvage_a_push_is_refused_too(town, monkeypatch, stop):
    li = await town.phone()
    note(li, "too late")
    if stop == "revoke":
        await revoke_device(town.bureau, UUID(li.device), salvage=WEEK)
    else:
        await suspend_devices(town.bureau, LI, salvage=WEEK)
    later = datetime.now(UTC) + WEEK
    monkeypatch.setattr("sync.configuration._now", lambda: later)
    assert await refusal_of(li.push()) == "device_revoked"
    assert (await list_quarantine(town.bureau), len(li.unsent())) == ([], 1)


async def test_rule_22_without_a_time_of_salvage_nothing_is_taken(town):
    li = await town.phone()
    note(li, "stolen")
    await revoke_device(town.bureau, UUID(li.device))
    assert await refusal_of(li.push()) == "device_revoked"


async def test_rule_22_a_copy_of_a_stopped_phone_becomes_no_device_of_its_own(town):
    li = await town.phone()
    await revoke_device(town.bureau, UUID(li.device), salvage=WEEK)
    li.set_meta("incarnation", "a thief's copy")
    note(li, "x")
    assert await refusal_of(li.push()) == "device_revoked"
    assert len(await list_devices(town.bureau)) == 1


async def test_rule_22_a_stopped_device_is_heard_only_where_it_hands_in(town):
    li = await town.phone()
    await revoke_device(town.bureau, UUID(li.device), salvage=WEEK)
    with pytest.raises(Refusal, match="device_revoked"):
        await authenticate(li.meta("token"))
    assert (await authenticate(li.meta("token"), salvage=True)).is_stopped


async def test_rule_22_scenario_22_a_person_who_comes_back_goes_on_with_the_same_device_and_queue(town):
    li, lost = await town.phone(), await town.phone()
    await town.watch("a", LI)
    await town.desk_note("a", "shown")
    note(li, "one")
    await li.sync()
    await suspend_devices(town.bureau, LI)
    note(li, "made while away")
    assert await refusal_of(li.sync()) == "device_revoked"
    await revoke_device(town.bureau, UUID(lost.device))
    assert await running_devices(town.bureau, {UUID(li.device), UUID(lost.device)}) == set()

    await resume_devices(town.bureau, LI)
    assert await statuses(li) == ["applied"]
    await li.pull()
    assert sorted(row["title"] for row in li.rows("note").values()) == ["made while away", "one", "shown"]
    assert await refusal_of(lost.pull()) == "device_revoked"
    states = {one.id: (one.revoked_at is None, one.suspended_at is None) for one in await list_devices(town.bureau)}
    assert states == {UUID(li.device): (True, True), UUID(lost.device): (False, True)}
