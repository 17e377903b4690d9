"""Rules 1 to 10, told with phones: what is sent is applied once, in order, and nothing a person did is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec
import pytest
from town import Town, note, statuses
from toy import LI, WANG, ZHAO, add_note, later

from sync.decisions import accept, release_overdue, return_to_author
from sync.devices import authenticate, enrol, issue_code, list_devices, revoke_device
from sync.feed import rotate_epoch, touch
from sync.operations import OperationContext
from sync.phone import Answered, Offline, Phone
from sync.push import decode_push, push
from sync.quarantine import list_quarantine
from sync.refusal import Refusal
from sync.results import forget_results
from sync.scopes import revoke
from sync.transaction import execute, fetch, transaction

pytestmark = pytest.mark.anyio


async def test_rule_3_operations_are_applied_in_the_order_of_their_numbers(town):
    li = await town.phone()
    target = note(li, "visit")
    for word in ("one", "two", "three"):
        li.do("note.comment", target, {"text": word})
    assert await statuses(li) == ["applied"] * 4
    assert await town.notes() == {"visit": "[one][two][three]"}
    assert li.unsent() == []


async def test_rule_2_numbers_are_given_at_the_first_attempt_without_gaps(town):
    li = await town.phone()
    note(li, "one")
    li.line.faults = ["lost"] * 5
    with pytest.raises(Offline):
        await li.push()
    note(li, "two")
    await li.push()
    sent = msgspec.json.decode(li.line.requests[-1][1])["operations"]
    assert [one["n"] for one in sent] == [1, 2]


async def test_rule_2_a_gap_in_the_numbers_is_refused_with_the_number_expected(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    request = envelope(li, operation(n=3))
    with pytest.raises(Refusal) as refused:
        await push(context, decode_push(request))
    assert (refused.value.status, refused.value.code, refused.value.details) == (409, "n_gap", {"expected": 1})


@pytest.mark.parametrize("fault", ["cut", "twice", "half", "portal", "busy", "lost"])
async def test_rule_4_rule_21_scenarios_1_and_41_whatever_the_line_does_the_effect_happens_once(town, fault):
    li = await town.phone()
    target = note(li, "once")
    li.do("note.comment", target, {"text": "once"})
    li.line.faults = [fault]
    assert await statuses(li) == ["applied", "applied"]
    assert await town.notes() == {"once": "[once]"}


async def test_rule_4_scenario_2_a_batch_replayed_in_parts_and_out_of_order_returns_the_stored_results(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    one, two, three = operation(n=1), operation(n=2, topic="closed"), operation(n=3, title="third")
    first = await push(context, decode_push(envelope(li, one, two)))
    again = await push(context, decode_push(envelope(li, two, three, one)))
    assert [(result.status, result.duplicate) for result in again.results] == [
        ("rejected", True),
        ("applied", False),
        ("applied", True),
    ]
    assert again.results[0].quarantine_id == first.results[1].quarantine_id
    assert len(await town.notes()) == 2
    assert (first.have_n, again.have_n) == (2, 3)


async def test_rule_4_the_same_operation_written_differently_is_the_same_operation(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    one = operation(n=1)
    await push(context, decode_push(envelope(li, one)))
    reordered = dict(reversed(list(one.items())))
    reordered["args"] = dict(reversed(list(one["args"].items())))
    spaced = msgspec.json.format(envelope(li, reordered), indent=3)
    answer = await push(context, decode_push(spaced))
    assert [(result.status, result.duplicate) for result in answer.results] == [("applied", True)]


async def test_rule_4_scenario_3_an_id_used_for_other_content_is_rejected_and_kept(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    one = operation(n=1)
    await push(context, decode_push(envelope(li, one)))
    other = {**one, "args": {"topic": "a", "title": "other"}}
    answer = await push(context, decode_push(envelope(li, other)))
    assert [(result.status, result.code) for result in answer.results] == [("rejected", "id_reused")]
    kept = await list_quarantine(town.bureau, author=LI)
    assert [one.code for one in kept] == ["id_reused"]
    assert "other" not in await town.notes()


async def test_rule_4_a_retry_keeps_its_id_and_is_tried_again(town):
    li = await town.phone()
    target = note(li, "visit")
    li.do("note.later", target, {"text": "later"})
    assert await statuses(li) == ["applied", "retry", "retry"]
    later.clear()
    try:
        assert await statuses(li) == ["applied"]
    finally:
        later.add("later")
    assert await town.notes() == {"visit": "[later]"}
    stored = await fetch("SELECT status FROM sync_operation WHERE bureau = $1", [town.bureau])
    assert {row["status"] for row in stored} == {"applied"}


async def test_rule_4_results_are_forgotten_only_when_acknowledged_and_old(town, monkeypatch):
    li = await town.phone()
    note(li, "closed", topic="closed")
    await li.push()
    monkeypatch.setattr("sync.configuration._now", lambda: datetime.now(UTC) + timedelta(days=46))
    await forget_results(town.bureau)
    count = "SELECT count(*) AS n FROM sync_operation WHERE bureau = $1 AND result IS NOT NULL"
    assert (await fetch(count, [town.bureau]))[0]["n"] == 1
    note(li, "next")
    await li.push()
    await forget_results(town.bureau)
    assert (await fetch(count, [town.bureau]))[0]["n"] == 0


async def test_rule_2_scenario_24_a_phone_restored_from_a_backup_goes_on_under_a_new_id(town, tmp_path):
    li = await town.phone(store=str(tmp_path / "li.db"))
    note(li, "before")
    await li.push()
    (tmp_path / "backup.db").write_bytes((tmp_path / "li.db").read_bytes())
    note(li, "after the backup")
    await li.push()
    old = li.device
    restored = town.connect(str(tmp_path / "backup.db"))
    note(restored, "from the restored phone")
    assert [(one.status, one.duplicate) for one in await restored.push()] == [("applied", True), ("applied", False)]
    assert restored.device == str(uuid5(UUID(old), restored.meta("incarnation")))
    assert set(await town.notes()) == {"before", "after the backup", "from the restored phone"}
    note(li, "the first goes on")
    assert await statuses(li) == ["applied"]


async def test_rule_2_scenario_25_a_clone_is_known_by_its_incarnation_and_told_the_same_twice(town, tmp_path):
    li = await town.phone(store=str(tmp_path / "li.db"))
    (tmp_path / "clone.db").write_bytes((tmp_path / "li.db").read_bytes())
    clone = town.connect(str(tmp_path / "clone.db"))
    clone.set_meta("incarnation", "another installation")
    note(clone, "from the clone")
    clone.line.faults = ["cut"]
    assert await statuses(clone) == ["applied"]
    assert clone.device == str(uuid5(UUID(li.device), "another installation"))
    assert len(await list_devices(town.bureau)) == 2


async def test_rule_2_a_device_cannot_be_forked_without_end(town, monkeypatch):
    monkeypatch.setattr("sync.devices.FORKS_MAX", 2)
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    codes = []
    for incarnation in ("one", "two", "three", "one", "x" * 201):
        li.set_meta("incarnation", incarnation)
        with pytest.raises(Refusal) as refused:
            await push(context, decode_push(envelope(li, operation(n=1))))
        codes.append(refused.value.code)
    assert codes == [
        "device_forked",
        "device_forked",
        "device.forks_exceeded",
        "device_forked",
        "envelope.malformed",
    ]


async def test_rule_2_revoking_a_device_revokes_its_forks(town, tmp_path):
    li = await town.phone(store=str(tmp_path / "li.db"))
    (tmp_path / "clone.db").write_bytes((tmp_path / "li.db").read_bytes())
    clone = town.connect(str(tmp_path / "clone.db"))
    clone.set_meta("incarnation", "another installation")
    note(clone, "x")
    await clone.push()
    stopped = await revoke_device(town.bureau, UUID(li.device))
    assert set(stopped) == {UUID(li.device), UUID(clone.device)}
    note(clone, "y")
    with pytest.raises(Answered) as no:
        await clone.push()
    assert (no.value.status, no.value.code, no.value.problem["wipe"]) == (403, "device_revoked", True)
    assert len(clone.unsent()) == 1


async def test_rule_2_a_fork_that_is_asked_for_while_its_device_is_revoked_is_refused(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    assert await revoke_device(town.bureau, context.device) == [context.device]
    envelope = {"device": li.device, "incarnation": "a clone", "operations": []}
    with pytest.raises(Refusal) as refused:
        await push(context, decode_push(msgspec.json.encode(envelope)))
    assert refused.value.code == "device_revoked"
    assert len(await list_devices(town.bureau, LI)) == 1


async def test_rule_5_texts_no_database_can_store_are_refused_or_mended_at_the_door(town):
    code = await issue_code(town.bureau, LI)
    with pytest.raises(Refusal) as refused:
        await enrol(code, "in\0carnation")
    assert refused.value.details == {"path": "$.incarnation"}
    await enrol(code, "incarnation", "李的\0手机")
    assert [one.name for one in await list_devices(town.bureau, LI)] == ["李的手机"]


async def test_rule_3_scenario_40_one_bad_operation_holds_up_only_what_depends_on_it(town, caplog):
    li = await town.phone()
    bad = uuid4()
    li.do("note.add", bad, {"topic": "a", "title": 5})
    li.do("note.comment", bad, {"text": "depends on the target"})
    failing = li.do("note.fail", uuid4(), {"text": "a bug"})
    target = note(li, "good")
    li.do("note.comment", target, {"text": "behind a bug"}, prev=failing)
    li.do("note.unheard_of", target, {})
    li.do("note.comment", target, {"text": "fine"})
    results = await li.push()
    assert [(result.status, result.code) for result in results] == [
        ("rejected", "operation.malformed"),
        ("held", "operation.held"),
        ("rejected", "operation.failed"),
        ("applied", None),
        ("held", "operation.held"),
        ("rejected", "operation.unknown"),
        ("applied", None),
    ]
    assert results[0].path == "$.title"
    assert await town.notes() == {"good": "[fine]"}
    assert len(await list_quarantine(town.bureau, author=LI)) == 5
    assert "ZeroDivisionError" in caplog.text


async def test_rule_1_an_id_of_another_bureau_is_taken_and_nobody_says_where(town):
    theirs = Town(uuid4())
    async with transaction():
        target = await add_note(theirs.bureau, "a", "theirs")
    li = await town.phone()
    li.do("note.add", target, {"topic": "a", "title": "mine"})
    note(li, "beside it")
    results = await li.push()
    assert [(one.status, one.code, one.details) for one in results] == [
        ("rejected", "id_taken", None),
        ("applied", None, None),
    ]
    assert await theirs.notes() == {"theirs": ""}


async def test_rule_3_a_bulk_that_fails_falls_back_to_one_by_one(town):
    li = await town.phone()
    target = note(li, "first")
    note(li, "second")
    await li.push()
    note(li, "third")
    li.do("note.add", target, {"topic": "a", "title": "its id is taken"})
    note(li, "fourth")
    assert await statuses(li) == ["applied", "rejected", "applied"]
    assert set(await town.notes()) == {"first", "second", "third", "fourth"}


async def test_rule_5_the_envelope_is_refused_as_a_whole_and_nothing_is_applied(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    good = operation(n=1)
    for body, status in [
        (b"{", 400),
        (b"[]", 400),
        (envelope(li, good)[:-1] + b',"extra":1}', 400),
        (envelope(li, good, {"id": "not an id", "n": 2}), 400),
        (envelope(li, {**good, "n": 0}), 400),
        (envelope(li, good, operation(n=1)), 400),
        (envelope(li, *(operation(n=number) for number in range(1, 502))), 413),
        (b" " * (8 * 1024 * 1024 + 1), 413),
    ]:
        with pytest.raises(Refusal) as refused:
            await push(context, decode_push(body))
        assert refused.value.status == status
    with pytest.raises(Refusal) as refused:
        await authenticate("no such token")
    assert refused.value.status == 401
    assert await town.notes() == {}


async def test_rule_5_an_operation_that_cannot_be_read_is_answered_and_kept_beside_good_ones(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    strange = {**operation(n=1), "at": "yesterday", "surprise": True}
    large = operation(n=2, title="x" * (1024 * 1024 + 1))
    answer = await push(context, decode_push(envelope(li, strange, large, operation(n=3, title="good"))))
    assert [(one.status, one.code) for one in answer.results] == [
        ("rejected", "operation.malformed"),
        ("rejected", "operation.too_large"),
        ("applied", None),
    ]
    assert [kept.n for kept in await list_quarantine(town.bureau)] == [1, 2]
    again = await push(context, decode_push(envelope(li, strange)))
    assert [(one.status, one.duplicate) for one in again.results] == [("rejected", True)]


async def test_rule_5_half_a_character_from_a_cut_text_does_not_stop_the_phone(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    body = envelope(li, operation(n=1, title="@")).replace(b"@", rb"caf\\ud83d \ud83d\ude00 \ud83d")
    answer = await push(context, decode_push(body))
    assert [one.status for one in answer.results] == ["applied"]
    assert set(await town.notes()) == {"caf\\ud83d 😀 \ufffd"}
    strange = [
        b'{"op":"note.add\\u0000","args":1e999}',
        b'{"op":"note.add","args":{"topic":"a","title":"\\u0000"}}',
    ]
    for n, text in enumerate(strange, 2):
        head = f'{{"id":"{uuid4()}","n":{n},"target":"{uuid4()}","at":"2026-03-01T09:00:00Z",'.encode()
        plain = envelope(li, operation(n=n))
        raw = plain[: plain.index(b"[") + 1] + head + text[1:] + b"]}"
        answer = await push(context, decode_push(raw))
        assert answer.have_n == n
    text = envelope(li, operation(n=4, title="@"))
    answer = await push(context, decode_push(text.replace(b'"@"', b'"\xff"')))
    assert [one.code for one in answer.results] == ["operation.malformed"]
    with pytest.raises(Refusal) as refused:
        decode_push(text.replace(b'"@"', b"[" * 9_999 + b"]" * 9_999))
    assert refused.value.status == 400


async def test_rule_6_scenario_19_quarantine_is_seen_by_its_author_and_accepting_releases_what_waits(town):
    li = await town.phone()
    target = note(li, "late work", topic="closed")
    for word in ("one", "two"):
        li.do("note.comment", target, {"text": word})
    assert await statuses(li) == ["rejected", "held", "held"]
    await li.pull()
    seen = li.rows("quarantine")
    assert sorted(row["state"] for row in seen.values()) == ["held", "held", "waiting"]
    waiting = next(id for id, row in seen.items() if row["state"] == "waiting")
    outcome = await accept(town.bureau, waiting, by=ZHAO, note="known to me")
    assert outcome.status == "applied"
    assert await town.notes() == {"late work": "[one][two]"}
    await li.pull()
    assert sorted(row["state"] for row in li.rows("quarantine").values()) == ["accepted", "released", "released"]
    server_operation = await fetch(
        "SELECT device FROM sync_operation WHERE bureau = $1 AND id = $2", [town.bureau, uuid5(waiting, "accept")]
    )
    assert [row["device"] for row in server_operation] == [None]
    with pytest.raises(Refusal) as refused:
        await accept(town.bureau, waiting, by=ZHAO)
    assert refused.value.code == "quarantine.decided"


async def test_rule_6_what_is_returned_takes_its_dependants_along_and_lets_the_author_try_again(town):
    li = await town.phone()
    target = note(li, "unwanted", topic="closed")
    li.do("note.comment", target, {"text": "on it"})
    await li.push()
    waiting = next(kept for kept in await list_quarantine(town.bureau) if kept.state == "waiting")
    await return_to_author(town.bureau, waiting.id, by=ZHAO, note="请改用其他主题")
    await li.pull()
    assert {(row["state"], row["note"]) for row in li.rows("quarantine").values()} == {("returned", "请改用其他主题")}
    li.do("note.add", target, {"topic": "a", "title": "corrected"})
    assert await statuses(li) == ["applied"]
    assert await list_quarantine(town.bureau) == []


async def test_rule_6_accepting_what_still_cannot_be_applied_changes_nothing(town):
    li = await town.phone()
    li.do("note.comment", uuid4(), {"text": "on nothing"})
    assert [(one.status, one.code) for one in await li.push()] == [("rejected", "target.unknown")]
    kept = (await list_quarantine(town.bureau))[0]
    with pytest.raises(Refusal) as refused:
        await accept(town.bureau, kept.id, by=ZHAO)
    assert refused.value.code == "target.unknown"
    assert (await list_quarantine(town.bureau))[0].state == "waiting"


async def test_rule_9_scenario_13_an_operation_without_its_predecessor_is_held_until_that_comes(town):
    li, wang = await town.phone(), await town.phone(WANG)
    target = await town.desk_note("a", "shared")
    first = uuid4()
    wang.do("note.comment", target, {"text": "second"}, prev=first)
    assert await statuses(wang) == ["held"]
    li.do("note.comment", target, {"text": "first"}, id=first)
    assert await statuses(li) == ["applied"]
    assert await town.notes() == {"shared": "[first][second]"}


async def test_rule_9_after_five_days_without_a_predecessor_it_is_applied_and_marked(town, monkeypatch):
    li = await town.phone()
    target = await town.desk_note("a", "shared")
    li.do("note.comment", target, {"text": "alone"}, prev=uuid4())
    assert await statuses(li) == ["held"]
    assert await release_overdue(town.bureau) == 0
    monkeypatch.setattr("sync.configuration._now", lambda: datetime.now(UTC) + timedelta(days=5, minutes=1))
    assert await release_overdue(town.bureau) == 1
    assert await town.notes() == {"shared": "[!alone]"}


@pytest.mark.parametrize("years", [-7, 1])
async def test_rule_10_scenarios_26_and_27_a_wrong_device_clock_is_measured_and_changes_no_order(town, years):
    def wrong_clock() -> datetime:
        return datetime.now(UTC) + timedelta(days=365 * years)

    li = await town.phone(clock=wrong_clock)
    note(li, "dated wrongly")
    assert await statuses(li) == ["applied"]
    device = (await list_devices(town.bureau, LI))[0]
    assert abs(device.clock_offset_seconds + 365 * years * 86_400) < 5


async def test_rule_10_scenario_39_waiting_for_a_busy_server_is_no_error_of_the_clock(town):
    off = [timedelta(minutes=-20)]

    async def wait(seconds: float) -> None:
        off[0] = timedelta(0)  # twenty minutes later

    li = await town.phone(clock=lambda: datetime.now(UTC) + off[0])
    li.caller.sleep = wait
    note(li, "asked to come again")
    town.line.faults = ["busy"]
    assert await statuses(li) == ["applied"]
    assert abs((await list_devices(town.bureau, LI))[0].clock_offset_seconds) < 60


async def test_rule_17_scenario_4_the_change_and_its_queue_entry_are_one_local_transaction(town):
    li = await town.phone()
    with pytest.raises(TypeError):
        li.do("note.add", uuid4(), {"topic": "a", "title": "x"}, local=("note", object()))
    assert (li.unsent(), li.rows("note")) == ([], {})


async def test_rule_8_scenario_9_edits_of_different_fields_are_merged(town):
    li, wang, target = await two_editors(town)
    edit(li, target, title="Li's title")
    edit(wang, target, body="Wang's body")
    assert await statuses(li) == ["applied"]
    assert await statuses(wang) == ["merged"]
    assert await town.notes() == {"Li's title": "Wang's body"}


async def test_rule_8_scenario_10_the_same_field_is_a_conflict_until_somebody_resolves_it(town):
    li, wang, target = await two_editors(town)
    edit(li, target, title="Li's title")
    edit(wang, target, title="Wang's title", body="Wang's body")
    await li.push()
    result = (await wang.push())[0]
    assert result.status == "conflict"
    assert await town.notes() == {"Li's title": "Wang's body"}
    await li.pull()
    row = li.rows("conflict")[result.conflict_id]
    assert row["conflict"]["fields"] == {"title": {"base": "title", "server": "Li's title", "phone": "Wang's title"}}
    li.do("conflict.resolve", result.conflict_id, {"set": {"title": "agreed"}})
    assert await statuses(li) == ["applied"]
    assert await town.notes() == {"agreed": "Wang's body"}
    await wang.pull()
    assert wang.rows("conflict")[result.conflict_id]["resolution"] == {"title": "agreed"}
    wang.do("conflict.resolve", result.conflict_id, {"set": {}})
    assert [one.code for one in await wang.push()] == ["conflict.resolved"]


async def test_rule_8_scenario_14_a_row_made_and_edited_before_the_first_sync_needs_nothing_in_between(town):
    li = await town.phone()
    await town.watch("a", LI)
    target = note(li, "made", local=("note", {"title": "made", "body": ""}))
    edit(li, target, title="made and edited")
    assert await statuses(li) == ["applied", "applied"]
    assert await town.notes() == {"made and edited": ""}


async def test_rule_8_scenario_11_the_same_new_value_is_no_conflict(town):
    li, wang, target = await two_editors(town)
    edit(li, target, title="same")
    edit(wang, target, title="same")
    await li.push()
    assert [result.conflict_id for result in await wang.push()] == [None]


async def test_rule_8_scenario_12_three_edits_in_a_row_do_not_conflict_with_themselves(town):
    li, _, target = await two_editors(town)
    first = edit(li, target, title="1")
    second = edit(li, target, prev=first, title="2")
    edit(li, target, prev=second, title="3")
    assert await statuses(li) == ["applied"] * 3
    edit(li, target, title="4")
    assert await statuses(li) == ["applied"]
    assert await town.notes() == {"4": "body"}


async def test_rule_8_an_edit_based_on_the_others_change_is_no_conflict(town):
    li, wang, target = await two_editors(town)
    edit(li, target, title="Li's")
    await li.sync()
    await wang.pull()
    edit(wang, target, title="Wang's, after reading Li's")
    assert await statuses(wang) == ["applied"]


async def test_rule_8_an_edit_of_a_row_out_of_reach_is_kept(town):
    li, _, target = await two_editors(town)
    edit(li, target, title="too late")
    async with transaction():
        await execute("UPDATE toy_note SET merged_into = id WHERE id = $1", [target])
        touch(town.bureau, "note", target)
    assert [(one.status, one.code) for one in await li.push()] == [("rejected", "patch.out_of_reach")]
    assert len(await list_quarantine(town.bureau, author=LI)) == 1


async def test_rule_13_scenario_17_a_comment_on_a_merged_row_lands_on_the_other(town):
    li, _, merged = await two_editors(town)
    kept = await town.desk_note("a", "kept")
    await li.pull()
    async with transaction():
        await execute("UPDATE toy_note SET merged_into = $2 WHERE id = $1", [merged, kept])
        touch(town.bureau, "note", merged, redirect_to=kept)
    li.do("note.comment", merged, {"text": "on the merged one"})
    result = (await li.push())[0]
    assert (result.status, result.details) == ("applied", {"origin": str(merged)})
    await li.pull()
    assert {id: row["body"] for id, row in li.rows("note").items()} == {kept: "[on the merged one]"}


async def test_rule_14_what_a_phone_has_made_and_not_sent_is_not_swept_away(town):
    await town.watch("a", LI)
    li = await town.phone()
    mine = note(li, "mine", local=("note", {"title": "mine"}))
    await li.pull()
    assert li.rows("note") == {mine: {"title": "mine"}}
    assert li.db.execute("SELECT leaving FROM row").fetchone()["leaving"] == 0
    await li.push()
    await li.pull()
    assert li.rows("note")[mine]["topic"] == "a"


async def test_rule_13_a_row_out_of_reach_with_unsent_work_stays_until_the_work_is_answered(town):
    li, _, target = await two_editors(town)
    li.do("note.comment", target, {"text": "unsent"})
    async with transaction():
        revoke(town.bureau, LI, "topic:a")
    await li.pull()
    assert target in li.rows("note")
    await li.push()
    assert target not in li.rows("note")


async def test_rule_15_scenario_37_a_reconcile_keeps_unsent_work_and_drops_what_is_gone(town):
    li, _, target = await two_editors(town)
    stays = await town.desk_note("a", "stays")
    await li.pull()
    li.do("note.comment", target, {"text": "unsent"})
    await execute("DELETE FROM sync_feed WHERE bureau = $1 AND id = $2", [town.bureau, target])
    await execute("UPDATE sync_head SET epoch = $2 WHERE bureau = $1", [town.bureau, uuid4()])
    gone = uuid4()
    li._put("note", str(gone), 1, b"{}")
    li.limit = 1
    await li.pull()
    assert set(li.rows("note")) == {stays, target}
    await li.push()
    assert set(li.rows("note")) == {stays}


async def test_rule_15_a_scope_lost_before_a_reconcile_holds_nothing_after_it(town):
    await town.watch("a", LI)
    await town.watch("b", LI)
    li = await town.phone()
    await town.desk_note("a+b", "in both")
    await li.pull()
    async with transaction():
        revoke(town.bureau, LI, "topic:a")
    await rotate_epoch(town.bureau)
    await li.pull()
    assert len(li.rows("note")) == 1
    async with transaction():
        revoke(town.bureau, LI, "topic:b")
    await li.pull()
    assert li.rows("note") == {}


async def test_rule_7_an_operation_nobody_has_registered_is_kept(town):
    li = await town.phone()
    li.do("note.sing", uuid4(), {"song": 1})
    assert [(one.status, one.code) for one in await li.push()] == [("rejected", "operation.unknown")]
    assert [kept.op for kept in await list_quarantine(town.bureau)] == ["note.sing"]


def test_rule_10_the_time_of_an_event_is_bounded_by_the_last_pull_and_the_receipt():
    noon = datetime(2026, 3, 18, 12, tzinfo=UTC)

    def told(minutes: float, *, offset: float | None = 0) -> tuple[float, str | None]:
        context = OperationContext(
            bureau=LI,
            person=LI,
            device=None,
            received_at=noon,
            clock_offset=None if offset is None else timedelta(minutes=offset),
            last_pull_at=noon - timedelta(hours=4),
        )
        moment = context.event_time(noon + timedelta(minutes=minutes))
        return (moment.at - noon).total_seconds() / 60, moment.marked

    assert told(-30) == (-30, None)
    assert told(-30, offset=5) == (-25, None)
    assert told(-30, offset=None) == (-30, None)
    assert told(7) == (0, "after_receipt")
    assert told(-300) == (-240, "before_last_pull")
    assert told(-30, offset=11) == (0, "clock_suspect")


async def test_rule_15_after_a_restore_the_phone_offers_its_journal_again(town):
    li = await town.phone()
    note(li, "kept by the backup")
    await li.push()
    note(li, "lost by the restore")
    await li.push()
    await execute("DELETE FROM sync_operation WHERE bureau = $1 AND n > 1", [town.bureau])
    await execute("DELETE FROM toy_note WHERE bureau = $1 AND title = 'lost by the restore'", [town.bureau])
    await execute("UPDATE sync_device SET have_n = 1 WHERE bureau = $1", [town.bureau])
    note(li, "new")
    await li.push()
    assert set(await town.notes()) == {"kept by the backup", "lost by the restore", "new"}


async def test_rule_19_scenarios_32_and_33_a_file_goes_on_where_the_line_was_cut(town):
    li = await town.phone()
    content = bytes(range(256)) * 3000
    li.attach(uuid4(), "photo.jpg", content)
    li.line.faults = ["", "cut", "part", "", "cut"]
    await li.upload_files()
    assert list(town.door.stored.values()) == [content]
    requests = len(li.line.requests)
    await li.upload_files()
    assert len(li.line.requests) == requests


async def test_rule_18_a_code_works_once_and_the_lost_answer_is_given_again(world):
    code = await issue_code(world, LI)
    first = await enrol(code.lower(), "mine")
    again = await enrol(code, "mine")
    assert first == again
    with pytest.raises(Refusal) as refused:
        await enrol(code, "somebody else's")
    assert refused.value.code == "enrol.code_invalid"
    expired = await issue_code(world, LI, valid_for=timedelta(0))
    for wrong in (expired, "NOSUCHCODE22"):
        with pytest.raises(Refusal):
            await enrol(wrong, "mine")


def operation(*, n: int, title: str = "note", topic: str = "a") -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "n": n,
        "op": "note.add",
        "target": str(uuid4()),
        "args": {"topic": topic, "title": f"{title}"},
        "at": "2026-03-01T09:00:00Z",
    }


def envelope(phone: Phone, *operations: dict[str, Any]) -> bytes:
    head = {"device": phone.device, "incarnation": phone.meta("incarnation"), "acked": 0}
    return msgspec.json.encode({**head, "operations": list(operations)})


async def two_editors(town: Town) -> tuple[Phone, Phone, UUID]:
    """Li and Wang both hold one note with a title and a body."""
    await town.watch("a", LI, WANG)
    target = await town.desk_note("a", "title", "body")
    li, wang = await town.phone(LI), await town.phone(WANG)
    await li.pull()
    await wang.pull()
    return li, wang, target


def edit(phone: Phone, target: UUID, *, prev: UUID | None = None, **values: str) -> UUID:
    """Edit as a person would: from what the phone shows, and show it at once."""
    shown = phone.rows("note")[target]
    return phone.do(
        "note.patch",
        target,
        {"set": values},
        base=phone.version("note", target),
        was={name: shown[name] for name in values},
        prev=prev,
        local=("note", {**shown, **values}),
    )


@pytest.mark.parametrize(("told", "offset"), [(datetime.max, 1), (datetime.min, -1)])
def test_a_device_time_at_the_end_or_the_beginning_of_time_stays_there(told, offset):
    context = OperationContext(
        bureau=uuid4(),
        person=uuid4(),
        device=uuid4(),
        received_at=datetime.now(UTC),
        clock_offset=timedelta(hours=offset),
    )
    assert context.corrected(told.replace(tzinfo=UTC)) == told.replace(tzinfo=UTC)
