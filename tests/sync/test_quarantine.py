"""Rules 6 and 9 where it gets entangled: what waits for whom, who decides, and that nothing waits for ever."""

import asyncio
import contextvars
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from town import note, statuses
from toy import LI, WANG, ZHAO, Comment, NewNote, add_notes, later

from sync import incidents
from sync.decisions import accept, release_overdue, replay, return_to_author
from sync.devices import authenticate
from sync.operations import Operation, OperationContext, Outcome, applied, operation, retry
from sync.phone import Phone
from sync.push import decode_push, push
from sync.quarantine import Filter, find_kept, list_quarantine
from sync.refusal import Refusal
from sync.transaction import execute, fetch, is_postgres, transaction

pytestmark = pytest.mark.anyio


@operation("note.add_later", args=NewNote, kind="note", creates=True)
async def add_later(context: OperationContext, one: Operation[NewNote]) -> Outcome:
    return retry() if one.args.title in later else (await add_notes(context, [one]))[0]


@operation("note.echo", args=Comment, kind="note")
async def echo(context: OperationContext, one: Operation[Comment]) -> Outcome:
    """A note of its own for each operation, under the operation's id."""
    lines = [msgspec.structs.replace(one, target=one.id, args=NewNote("a", one.args.text))]
    return (await add_notes(context, lines))[0]


async def states(bureau: UUID) -> dict[str, str]:
    """What each kept operation says and what has become of it."""
    kept = await list_quarantine(bureau, is_open=False)
    bodies = [msgspec.json.decode(one.body)["args"] for one in kept]
    return {body.get("text") or body["title"]: one.state for body, one in zip(bodies, kept, strict=True)}


async def kept_id(bureau: UUID, word: str) -> UUID:
    return next(one.id for one in await list_quarantine(bureau) if word.encode() in bytes(one.body))


async def closed_note_with_edits(town: Any) -> tuple[Phone, UUID]:
    """A note that was refused, and three comments held behind it: the second names the first as its predecessor."""
    li = await town.phone()
    target = note(li, "refused", topic="closed")
    first = li.do("note.comment", target, {"text": "one"})
    li.do("note.comment", target, {"text": "two"}, prev=first)
    li.do("note.comment", target, {"text": "three"})
    assert await statuses(li) == ["rejected", "held", "held", "held"]
    return li, target


async def test_rule_6_what_is_returned_takes_along_those_that_wait_for_it_twice_over(town):
    await closed_note_with_edits(town)
    await return_to_author(town.bureau, await kept_id(town.bureau, "refused"), by=ZHAO, note="no")
    assert await states(town.bureau) == dict.fromkeys(("refused", "one", "two", "three"), "returned")


async def test_rule_6_returning_one_that_waits_returns_only_what_waits_for_it(town):
    await closed_note_with_edits(town)
    await return_to_author(town.bureau, await kept_id(town.bureau, "one"), by=ZHAO, note="no")
    assert await states(town.bureau) == {"refused": "waiting", "one": "returned", "two": "returned", "three": "held"}
    await accept(town.bureau, await kept_id(town.bureau, "refused"), by=ZHAO)
    assert await town.notes() == {"refused": "[three]"}


async def test_rule_3_a_row_made_twice_does_not_hold_up_those_who_have_it(town):
    li, wang = await town.phone(), await town.phone(WANG)
    target = note(li, "once")
    assert await statuses(li) == ["applied"]
    li.do("note.add", target, {"topic": "a", "title": "twice"})
    li.do("note.comment", target, {"text": "li"})
    wang.do("note.comment", target, {"text": "wang"})
    assert [(one.status, one.code) for one in await li.push()] == [("rejected", "id_taken"), ("applied", None)]
    assert await statuses(wang) == ["applied"]
    assert await town.notes() == {"once": "[li][wang]"}


async def test_rule_3_what_is_about_a_row_waits_while_its_making_is_to_be_tried_again(town, monkeypatch):
    monkeypatch.setattr("test_quarantine.later", {"not yet"})
    li = await town.phone()
    target = uuid4()
    making = li.do("note.add_later", target, {"topic": "a", "title": "not yet"})
    li.do("note.comment", target, {"text": "about it"})
    assert await statuses(li) == ["retry", "held", "retry"]
    monkeypatch.setattr("test_quarantine.later", set())
    assert await statuses(li) == ["applied"]
    assert li.result(making).status == "applied"
    assert await town.notes() == {"not yet": "[about it]"}
    assert await states(town.bureau) == {"about it": "released"}


async def test_rule_9_what_asked_for_another_try_when_it_was_released_gets_it(town, monkeypatch):
    monkeypatch.setattr("toy.later", {"slow"})
    li, wang = await town.phone(), await town.phone(WANG)
    target = await town.desk_note("a", "shared")
    first = uuid4()
    wang.do("note.later", target, {"text": "slow"}, prev=first)
    assert await statuses(wang) == ["held"]
    li.do("note.comment", target, {"text": "first"}, id=first)
    assert await statuses(li) == ["applied"]
    assert await states(town.bureau) == {"slow": "held"}
    monkeypatch.setattr("toy.later", set())
    assert await release_overdue(town.bureau) == 0
    assert await states(town.bureau) == {"slow": "released"}
    assert await town.notes() == {"shared": "[first][slow]"}


async def test_rule_9_while_its_predecessor_sits_in_quarantine_an_operation_waits_longer_than_five_days(
    town, monkeypatch
):
    await closed_note_with_edits(town)
    monkeypatch.setattr("sync.configuration._now", lambda: datetime.now(UTC) + timedelta(days=30))
    assert await release_overdue(town.bureau) == 0
    assert await states(town.bureau) == {"refused": "waiting", "one": "held", "two": "held", "three": "held"}


async def test_rule_6_other_content_under_a_known_id_is_accepted_under_an_id_of_its_own(town):
    li = await town.phone()
    id, target = uuid4(), await town.desk_note("a", "shared")
    li.do("note.echo", target, {"text": "first"}, id=id)
    assert await statuses(li) == ["applied"]
    context = await authenticate(li.meta("token"))
    other = {"id": id, "n": 1, "op": "note.echo", "target": target, "args": {"text": "second"}, "at": li.clock()}
    envelope = {"device": li.device, "incarnation": li.meta("incarnation"), "operations": [other]}
    answer = await push(context, decode_push(msgspec.json.encode(envelope)))
    assert [one.code for one in answer.results] == ["id_reused"]
    outcome = await accept(town.bureau, await kept_id(town.bureau, "second"), by=ZHAO)
    assert outcome.status == "applied"
    assert set(await town.notes()) == {"shared", "first", "second"}
    stored = await fetch("SELECT status, result FROM sync_operation WHERE bureau = $1 AND id = $2", [town.bureau, id])
    assert [(row["status"], row["result"]) for row in stored] == [("applied", None)]


async def test_rule_6_a_decision_and_a_push_at_the_same_moment_leave_nothing_waiting(town):
    """Whichever comes first, the comment is applied: held and then released, or not held at all."""
    li = await town.phone(LI)
    for turn in range(6):
        target = note(li, f"late {turn}", topic="closed")
        assert await statuses(li) == ["rejected"]
        waiting = await kept_id(town.bureau, f"late {turn}")
        li.do("note.comment", target, {"text": "beside it"})
        await asyncio.gather(li.push(), accept(town.bureau, waiting, by=ZHAO))
    assert await town.notes() == {f"late {turn}": "[beside it]" for turn in range(6)}
    assert await list_quarantine(town.bureau) == []


async def test_rule_9_two_who_release_the_same_operation_apply_it_once(town, monkeypatch):
    if not is_postgres():
        pytest.skip("SQLite has one writer: nobody releases at the same moment")
    li, wang = await town.phone(), await town.phone(WANG)
    target = await town.desk_note("a", "shared")
    monkeypatch.setattr("sync.decisions.HELD_AT_MOST", timedelta(0))
    for turn in range(6):
        first = uuid4()
        wang.do("note.comment", target, {"text": f"after {turn}"}, prev=first)
        assert await statuses(wang) == ["held"]
        li.do("note.comment", target, {"text": f"before {turn}"}, id=first)
        await asyncio.gather(li.push(), release_overdue(town.bureau), release_overdue(town.bureau))
    body = (await town.notes())["shared"]
    assert sorted(body.count(f"after {turn}]") for turn in range(6)) == [1] * 6


async def test_rule_6_a_decision_and_a_writer_that_wait_for_each_other_are_one_after_the_other(town):
    """The database gives up the one that began to wait first, which is the decision; it is made again."""
    if not is_postgres():
        pytest.skip("SQLite has one writer, so two never wait crosswise")
    li = await town.phone()
    target = note(li, "kept", topic="closed")
    assert await statuses(li) == ["rejected"]
    waiting = await kept_id(town.bureau, "kept")

    class Regretted(Exception):
        pass

    outside = contextvars.copy_context()
    with pytest.raises(Regretted):
        async with transaction():
            await execute(
                "INSERT INTO toy_note (bureau, id, topic, title, body) VALUES ($1, $2, 'a', 'other', '')",
                [town.bureau, target],
            )
            deciding = asyncio.create_task(accept(town.bureau, waiting, by=ZHAO), context=outside)
            while not await fetch(
                "SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_locks"
                " WHERE relation = 'toy_note'::regclass AND pid <> pg_backend_pid())"
            ):
                await asyncio.sleep(0)
            await fetch("SELECT id FROM sync_quarantine WHERE id = $1 FOR UPDATE", [waiting])
            raise Regretted
    assert (await deciding).status == "applied"
    assert await town.notes() == {"kept": ""}


async def test_rule_6_what_stood_in_the_way_is_mended_and_the_operation_applied_again_with_all_its_checks(
    town, monkeypatch
):
    li, _ = await closed_note_with_edits(town)
    waiting = await kept_id(town.bureau, "refused")
    outcome = await replay(town.bureau, waiting, by=ZHAO)
    assert (outcome.status, outcome.code) == ("rejected", "note.closed")
    assert await states(town.bureau) == {"refused": "waiting", "one": "held", "two": "held", "three": "held"}
    monkeypatch.setattr("toy.judge", lambda context, one: applied())
    assert (await replay(town.bureau, waiting, by=ZHAO)).status == "applied"
    assert await states(town.bureau) == dict.fromkeys(("refused", "one", "two", "three"), "released")
    assert await town.notes() == {"refused": "[one][two][three]"}
    kept = next(one for one in await list_quarantine(town.bureau, is_open=False) if one.id == waiting)
    assert kept.decided_by == ZHAO
    await li.pull()
    assert {row["state"] for row in li.rows("quarantine").values()} == {"released"}


async def test_rule_6_what_waits_for_another_is_not_applied_before_it(town):
    await closed_note_with_edits(town)
    with pytest.raises(Refusal) as refused:
        await replay(town.bureau, await kept_id(town.bureau, "one"), by=ZHAO)
    assert refused.value.code == "quarantine.waits"


async def test_scenario_3_an_id_used_twice_is_decided_by_somebody_and_heard_of(town, monkeypatch):
    heard = []

    async def listen(incident: incidents.Incident) -> None:
        heard.append((incident.name, incident.person, incident.details))

    monkeypatch.setattr("sync.incidents._listeners", [listen])
    li = await town.phone()
    id, target = uuid4(), await town.desk_note("a", "shared")
    li.do("note.echo", target, {"text": "first"}, id=id)
    await li.push()
    context = await authenticate(li.meta("token"))
    other = {"id": id, "n": 1, "op": "note.echo", "target": target, "args": {"text": "second"}, "at": li.clock()}
    envelope = {"device": li.device, "incarnation": li.meta("incarnation"), "operations": [other]}
    await push(context, decode_push(msgspec.json.encode(envelope)))
    assert heard == [(incidents.ID_REUSED, LI, {"operation": str(id)})]
    with pytest.raises(Refusal) as refused:
        await replay(town.bureau, await kept_id(town.bureau, "second"), by=ZHAO)
    assert refused.value.code == "quarantine.needs_decision"


async def test_rule_2_an_operation_nobody_can_read_is_kept_once_though_a_fork_gave_it_another_number(town):
    li = await town.phone()
    context = await authenticate(li.meta("token"))
    bad = {"id": str(uuid4()), "op": "note.add", "target": "no id", "args": {"title": "x"}, "at": "yesterday"}
    for n in (1, 2):
        envelope = {"device": li.device, "incarnation": li.meta("incarnation"), "operations": [{"n": n, **bad}]}
        await push(context, decode_push(msgspec.json.encode(envelope)))
    assert [one.code for one in await list_quarantine(town.bureau)] == ["operation.malformed"]


async def test_rule_6_the_kept_are_found_by_what_they_are_page_by_page(town):
    li, target = await closed_note_with_edits(town)
    wang = await town.phone(WANG)
    wang.do("note.comment", uuid4(), {"text": "on nothing"})
    await wang.push()

    async def found(**wanted: Any) -> list[str]:
        return [one.op for one in await find_kept(town.bureau, Filter(**wanted), limit=9)]

    assert await found() == ["note.add", *["note.comment"] * 4]
    assert await found(person=WANG) == ["note.comment"]
    assert await found(states=("waiting",)) == ["note.add", "note.comment"]
    assert await found(code="note.closed", target=target) == ["note.add"]
    assert await found(device=UUID(li.device), op="note.comment") == ["note.comment"] * 3
    assert await found(states=("returned",)) == []
    first = await find_kept(town.bureau, Filter(), limit=2)
    rest = await find_kept(town.bureau, Filter(), after=(first[-1].received_at, first[-1].n, first[-1].id), limit=9)
    assert [one.id for one in [*first, *rest]] == [one.id for one in await list_quarantine(town.bureau)]
