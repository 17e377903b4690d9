"""Rule 24 and scenario 30, told with a collection that does with pages what RxDB 17 does with them."""

import asyncio
import random
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from test_pull import device, unwatch, watch, write
from toy import LI, WANG, add_note, move_note

from sync.bulk import among, ids
from sync.decisions import accept, return_to_author
from sync.feed import collect_tombstones, rotate_epoch, touch
from sync.quarantine import list_quarantine
from sync.refusal import Refusal
from sync.rx.pull import FILLER, rx_pull
from sync.rx.push import decode_rx_push, rx_push
from sync.scopes import scopes_of
from sync.transaction import execute, fetch, transaction
from sync.wire import RxCheckpoint, RxPullRequest

pytestmark = pytest.mark.anyio
TOPICS = ("a", "b", "c", "a+b", "b+c")


class Collection:
    """What an RxDB client holds of one kind: it stores a checkpoint only with documents, stops at the first page that is
    not full, and keeps a deleted document as deleted."""

    def __init__(self, context: Any, *, limit: int = 100, kind: str = "note") -> None:
        self.context = context
        self.kind = kind
        self.limit = limit
        self.checkpoint: RxCheckpoint | None = None
        self.documents: dict[str, dict[str, Any]] = {}
        self.master: dict[str, dict[str, Any]] = {}
        """What the server is assumed to have: as RxDB's meta documents."""

    async def page(self, limit: int | None = None) -> list[dict[str, Any]]:
        asked = RxPullRequest(checkpoint=self.checkpoint, limit=limit or self.limit)
        answer = await rx_pull(self.context, self.kind, asked)
        documents = [msgspec.json.decode(one) for one in answer.documents]
        for one in documents:
            self.documents[one["id"]] = self.master[one["id"]] = one
        if documents:
            self.checkpoint = answer.checkpoint
        return documents

    async def pull(self) -> "Collection":
        while len(await self.page()) == self.limit:
            pass
        return self

    async def push(self, *changed: dict[str, Any]) -> list[dict[str, Any]]:
        """Sends these documents; takes the server's state where it differs, as RxDB's own conflict handler does."""
        rows = []
        for one in changed:
            row = {"newDocumentState": one}
            if one["id"] in self.master:
                row["assumedMasterState"] = self.master[one["id"]]
            rows.append(row)
        answer = await rx_push(self.context, self.kind, decode_rx_push(msgspec.json.encode(rows)))
        conflicts = {one["id"]: one for one in map(msgspec.json.decode, answer)}
        for one in changed:
            self.documents[one["id"]] = self.master[one["id"]] = conflicts.get(one["id"], one)
        return list(conflicts.values())

    async def edit(self, id: UUID, **values: Any) -> list[dict[str, Any]]:
        return await self.push({**self.documents[str(id)], **values})

    @property
    def live(self) -> dict[str, dict[str, Any]]:
        return {id: one for id, one in self.documents.items() if not one["_deleted"]}

    @property
    def titles(self) -> list[str]:
        return sorted(one["title"] for one in self.live.values())


@pytest.fixture
async def li(world: UUID) -> Collection:
    return Collection(await device(world))


async def delete(bureau: UUID, note: UUID) -> None:
    async with transaction():
        await execute("DELETE FROM toy_note WHERE id = $1", [note])
        touch(bureau, "note", note, gone=True)


async def title_of(note: UUID) -> str:
    return (await fetch("SELECT title FROM toy_note WHERE id = $1", [note]))[0]["title"]


async def set_title(bureau: UUID, note: UUID, title: str) -> None:
    async with transaction():
        await execute("UPDATE toy_note SET title = $2 WHERE id = $1", [note, title])
        touch(bureau, "note", note)


async def seen_by(bureau: UUID, person: UUID) -> dict[str, dict[str, Any]]:
    """The notes this person may see, as documents."""
    held = sorted(await scopes_of(bureau, person))
    found = await fetch(
        "SELECT id, max(seq) AS v FROM sync_feed WHERE bureau = $1 AND kind = 'note' AND op = 'put'"
        f" AND scope {among(2, 'text')} GROUP BY id",
        [bureau, held if not isinstance(ids([]), str) else msgspec.json.encode(held).decode()],
    )
    numbers = {str(row["id"]): row["v"] for row in found}
    rows = await fetch("SELECT id, topic, title, body FROM toy_note WHERE bureau = $1", [bureau])
    return {
        str(row["id"]): {
            "id": str(row["id"]),
            "v": numbers[str(row["id"])],
            "_deleted": False,
            "topic": row["topic"],
            "title": row["title"],
            "body": row["body"],
        }
        for row in rows
        if str(row["id"]) in numbers
    }


async def test_rule_24_a_first_pull_brings_whole_documents_in_full_pages(world, li):
    await watch(world, "a")
    for number in range(7):
        await write(world, "a", f"{number}")
    await write(world, "b", "hidden")
    assert [len(await li.page(3)) for _ in range(3)] == [3, 3, 1]
    assert li.live == await seen_by(world, LI)
    assert await li.page() == []


async def test_rule_24_only_the_kind_that_was_asked_for_comes(world, li):
    await watch(world, "a")
    await write(world, "a", "a note")
    async with transaction():
        pin = uuid4()
        await execute("INSERT INTO toy_pin (bureau, id, topic, body) VALUES ($1, $2, 'a', '{\"n\":1}')", [world, pin])
        touch(world, "pin", pin)
    await li.pull()
    pins = await Collection(li.context, kind="pin").pull()
    assert (li.titles, [one["n"] for one in pins.live.values()]) == (["a note"], [1])


async def test_rule_24_a_change_a_move_a_deletion_and_a_merge_reach_the_collection(world, li):
    await watch(world, "a")
    changed, moved, deleted, merged, kept = [await write(world, "a", name) for name in "cmdgk"]
    await li.pull()
    await set_title(world, changed, "C")
    async with transaction():
        await move_note(world, moved, "b")
    await delete(world, deleted)
    async with transaction():
        await execute("UPDATE toy_note SET merged_into = $2 WHERE id = $1", [merged, kept])
        touch(world, "note", merged, redirect_to=kept)
    await li.pull()
    assert li.titles == ["C", "k"]
    assert li.documents[str(moved)] == {"id": str(moved), "_deleted": True}


async def test_rule_24_a_lost_scope_is_drained_into_deletions_save_what_another_scope_holds(world, li):
    await watch(world, "a", "b")
    for number in range(9):
        await write(world, "a", f"only a {number}")
    both = await write(world, "a+b", "both")
    await li.pull()
    await unwatch(world, "a")
    sizes = [len(await li.page(4)) for _ in range(3)]
    assert (sizes, li.titles) == ([4, 4, 1], ["both"])
    await set_title(world, both, "both still")
    assert (await li.pull()).titles == ["both still"]


async def test_rule_24_a_scope_lost_and_given_again_between_two_pulls_is_right_afterwards(world, li):
    await watch(world, "a")
    kept, left = await write(world, "a", "kept"), await write(world, "a", "left")
    await li.pull()
    await unwatch(world, "a")
    async with transaction():
        await move_note(world, left, "b")
    await watch(world, "a")
    await write(world, "a", "new")
    assert sorted(one["id"] for one in await li.page(1)) == [str(left)]
    assert (await li.pull()).titles == ["kept", "new"]
    assert li.documents[str(kept)]["title"] == "kept"


async def test_rule_24_a_row_that_goes_when_its_scope_is_lost_is_drained_too(world, li):
    await watch(world, "a")
    note = await write(world, "a", "here")
    await li.pull()
    await unwatch(world, "a")
    await delete(world, note)
    assert (await li.pull()).titles == []


async def test_rule_24_a_row_that_moves_to_another_scope_of_the_same_person_is_never_deleted(world, li):
    await watch(world, "a", "b")
    first, second = await write(world, "a", "1"), await write(world, "a", "2")
    await li.pull()
    async with transaction():
        await move_note(world, first, "b")
    await watch(world, "c")
    async with transaction():
        await move_note(world, second, "c")
    pages = [one for _ in range(4) for one in await li.page(1)]
    assert [(one["topic"], one["_deleted"]) for one in pages] == [("b", False), ("c", False)]


async def test_rule_24_a_scope_given_and_taken_between_two_pages_leaves_nothing_behind(world, li):
    """While scope b is drained, c holds the row, but this client was never told of c."""
    await watch(world, "b")
    for topic in ["b", "b+c", "b"]:
        await write(world, topic, topic)
    await li.pull()
    await unwatch(world, "b")
    await li.page(1)
    await watch(world, "c")
    await li.page(1)
    await unwatch(world, "c")
    assert (await li.pull()).titles == []


@pytest.mark.parametrize("seed", range(6))
async def test_rule_24_whatever_happens_a_collection_that_caught_up_holds_what_the_person_may_see(world, seed):
    await history(world, random.Random(seed), steps=120)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
async def test_rule_24_whatever_happens_at_length(world, seed):
    await history(world, random.Random(seed), steps=400)


async def history(world: UUID, chance: random.Random, *, steps: int) -> None:
    """Writers, grants and pages of every size, in any order."""
    li = Collection(await device(world), limit=5)
    notes: list[UUID] = []
    for _ in range(steps):
        step = chance.choice(
            ["write", "write", "move", "set", "delete", "merge", "grant", "revoke", "page", "page", "pull"]
        )
        topic = chance.choice("abc")
        if step == "write":
            notes.append(await write(world, chance.choice(TOPICS), str(chance.random())))
        elif step == "grant":
            await watch(world, topic)
        elif step == "revoke":
            await unwatch(world, topic)
        elif step == "page":
            await li.page(chance.randint(1, 6))
        elif step == "pull":
            await li.pull()
            assert li.live == await seen_by(world, LI)
        elif notes:
            await happen(world, step, notes, chance)
    await li.pull()
    assert li.live == await seen_by(world, LI)


async def happen(world: UUID, step: str, notes: list[UUID], chance: random.Random) -> None:
    note = chance.choice(notes)
    if step == "set":
        await set_title(world, note, str(chance.random()))
        return
    if step == "move":
        async with transaction():
            await move_note(world, note, chance.choice(TOPICS))
        return
    notes.remove(note)
    if step == "delete" or not notes:
        await delete(world, note)
        return
    async with transaction():
        await execute("UPDATE toy_note SET merged_into = $2 WHERE id = $1", [note, notes[0]])
        touch(world, "note", note, redirect_to=notes[0])


async def test_rule_24_a_page_cut_for_its_bytes_is_filled_so_that_it_does_not_look_like_the_last(
    world, li, monkeypatch
):
    monkeypatch.setattr("sync.rx.pull.PULL_BYTES_MAX", 2_000)
    await watch(world, "a")
    async with transaction():
        for number in range(20):
            await add_note(world, "a", f"{number:02}", "x" * 400)
    first = await li.page()
    assert len(first) == li.limit
    assert first[-1] == msgspec.json.decode(FILLER)
    assert len((await li.pull()).titles) == 20


async def test_rule_24_a_collection_of_a_quiet_kind_does_not_fall_below_the_floor(world, li):
    await watch(world, "a")
    await write(world, "a", "old")
    await li.pull()
    for _ in range(5):
        await write(world, "b", "of others")
    await li.pull()
    await collect_tombstones(world, 6)
    assert (await li.pull()).titles == ["old"]


@pytest.mark.parametrize("reason", ["epoch_changed", "below_floor", "person_changed", "kind_changed"])
async def test_rule_24_a_checkpoint_of_something_else_asks_for_a_comparison(world, li, reason):
    await watch(world, "a")
    note = await write(world, "a", "one")
    await li.pull()
    if reason == "epoch_changed":
        await rotate_epoch(world)
    elif reason == "below_floor":
        await delete(world, note)
        await collect_tombstones(world, 4)
    elif reason == "person_changed":
        li.context = await device(world, WANG)
    else:
        li.kind = "pin"
    with pytest.raises(Refusal) as refused:
        await li.pull()
    assert (refused.value.status, refused.value.details["reason"]) == (410, reason)


@pytest.mark.parametrize("cursor", ["", "x", "é", "A" * 400])
async def test_rule_24_a_checkpoint_this_server_did_not_write_is_refused(world, li, cursor):
    li.checkpoint = RxCheckpoint(cursor)
    with pytest.raises(Refusal) as refused:
        await li.pull()
    assert (refused.value.code, refused.value.details["path"]) == ("envelope.malformed", "$.checkpoint.cursor")


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_rule_24_a_page_has_a_size(world, li, limit):
    with pytest.raises(Refusal) as refused:
        await rx_pull(li.context, "note", RxPullRequest(limit=limit))
    assert refused.value.details == {"path": "$.limit"}


@pytest.fixture
async def shared(world: UUID, li: Collection) -> UUID:
    """A note that Li and Wang both have."""
    await watch(world, "a")
    await watch(world, "a", person=WANG)
    note = await write(world, "a", "first")
    await li.pull()
    return note


async def test_rule_24_an_edit_is_written_and_comes_back_with_the_next_pull(world, li, shared):
    before = li.documents[str(shared)]["v"]
    assert await li.edit(shared, title="second") == []
    assert await title_of(shared) == "second"
    await li.pull()
    assert li.live == await seen_by(world, LI)
    assert li.documents[str(shared)]["v"] > before


async def test_rule_24_edits_of_different_fields_are_merged_and_the_client_is_told_the_row(world, li, shared):
    wang = await Collection(await device(world, WANG)).pull()
    assert await wang.edit(shared, body="by Wang") == []
    (row,) = await li.edit(shared, title="by Li")
    assert (row["title"], row["body"]) == ("by Li", "by Wang")
    assert li.live == await seen_by(world, LI)


async def test_rule_24_a_conflict_keeps_the_servers_value_and_both_are_kept_for_somebody_to_decide(world, li, shared):
    wang = await Collection(await device(world, WANG)).pull()
    await wang.edit(shared, title="by Wang")
    (row,) = await li.edit(shared, title="by Li")
    assert (row["title"], await title_of(shared)) == ("by Wang", "by Wang")
    (found,) = await fetch("SELECT body FROM sync_conflict WHERE bureau = $1", [world])
    assert '"server":"by Wang","phone":"by Li"' in found["body"]
    assert await li.edit(shared, title="by Li after all") == []
    assert await title_of(shared) == "by Li after all"


async def test_rule_24_a_push_sent_again_is_the_same_operation(world, li, shared):
    before = li.master[str(shared)]
    await li.edit(shared, title="second")
    li.master[str(shared)] = before
    assert await li.edit(shared, title="second") == []
    found = await fetch("SELECT n FROM sync_operation WHERE bureau = $1", [world])
    assert [row["n"] for row in found] == [1]


async def test_rule_24_a_push_sent_again_after_somebody_elses_edit_tells_the_row_as_it_is(world, li, shared):
    """Or a client whose answer was lost, and who has passed that edit in its feed, would never hear of it."""
    before = li.master[str(shared)]
    await li.edit(shared, title="by Li")
    wang = await Collection(await device(world, WANG)).pull()
    await wang.edit(shared, title="first")
    li.master[str(shared)] = before
    (row,) = await li.edit(shared, title="by Li")
    assert (row["title"], await title_of(shared)) == ("first", "first")


async def test_rule_24_an_edit_taken_back_and_made_again_without_a_pull_counts(world, li, shared):
    for title in ["second", "first", "second", "first", "second"]:
        assert await li.edit(shared, title=title) == []
        assert await title_of(shared) == title
    assert len(await fetch("SELECT n FROM sync_operation WHERE bureau = $1", [world])) == 5


async def test_rule_24_an_edit_that_was_returned_may_be_made_again(world, li, shared):
    before = li.documents[str(shared)]
    await unwatch(world, "a")
    for _ in range(2):
        await li.edit(shared, title="again")
        li.documents[str(shared)] = li.master[str(shared)] = before
        (kept,) = await list_quarantine(world)
        await return_to_author(world, kept.id, by=WANG, note="not yours")
    await watch(world, "a")
    assert await li.edit(shared, title="again") == []
    assert await title_of(shared) == "again"


async def test_rule_24_what_no_uuid_names_cannot_be_accepted_but_returned(world, li, shared):
    await li.push({"id": "not-a-uuid", "title": "mine", "_deleted": False})
    (kept,) = await list_quarantine(world)
    with pytest.raises(Refusal):
        await accept(world, kept.id, by=WANG)
    await return_to_author(world, kept.id, by=WANG, note="make it anew")
    assert await list_quarantine(world) == []


async def test_rule_24_the_same_edit_by_two_devices_is_two_operations(world, li, shared):
    """Else whoever may not edit a row could use up the operation of somebody who may."""
    wang = await Collection(await device(world, WANG)).pull()
    await li.edit(shared, title="second")
    await wang.edit(shared, title="second")
    assert len(await fetch("SELECT n FROM sync_operation WHERE bureau = $1", [world])) == 2
    assert await list_quarantine(world) == []


async def test_rule_24_pushes_of_one_device_that_run_at_once_never_fork_it(world, li):
    """RxDB sends its batches side by side."""
    await watch(world, "a")
    notes = [await write(world, "a", f"{number}") for number in range(12)]
    await li.pull()
    answers = await asyncio.gather(*(li.edit(note, title=f"new {note}") for note in notes))
    assert answers == [[]] * 12
    found = await fetch("SELECT n FROM sync_operation WHERE bureau = $1 ORDER BY n", [world])
    assert [row["n"] for row in found] == list(range(1, 13))


async def test_scenario_30_fields_an_old_client_does_not_know_survive_its_edit(world, li, shared):
    await set_title(world, shared, "newer")
    await execute("UPDATE toy_note SET body = 'unknown to the app' WHERE id = $1", [shared])
    document, assumed = ({"id": str(shared), "title": title} for title in ("edited", "newer"))
    rows = [{"newDocumentState": document, "assumedMasterState": assumed}]
    assert await rx_push(li.context, "note", decode_rx_push(msgspec.json.encode(rows))) == []
    found = await fetch("SELECT title, body FROM toy_note WHERE id = $1", [shared])
    assert (found[0]["title"], found[0]["body"]) == ("edited", "unknown to the app")


async def test_scenario_30_a_field_the_client_never_saw_is_not_written_over(world, li, shared):
    await execute("UPDATE toy_note SET body = 'there already' WHERE id = $1", [shared])
    rows = [{"newDocumentState": {"id": str(shared), "body": "new"}, "assumedMasterState": {"id": str(shared)}}]
    (row,) = await rx_push(li.context, "note", decode_rx_push(msgspec.json.encode(rows)))
    assert msgspec.json.decode(row)["body"] == "there already"
    assert len(await fetch("SELECT id FROM sync_conflict WHERE bureau = $1", [world])) == 1


async def test_rule_24_a_deletion_is_answered_with_the_row(world, li, shared):
    (row,) = await li.edit(shared, _deleted=True)
    assert (row["title"], row["_deleted"]) == ("first", False)
    assert await title_of(shared) == "first"


@pytest.mark.parametrize("id", ["6f1d6a58-5a0e-4a37-8f0b-0d0c6c3f5b11", "not-a-uuid"])
async def test_rule_24_a_document_made_on_the_client_is_kept_in_quarantine_and_taken_back(world, li, id):
    assert await li.push({"id": id, "title": "mine", "_deleted": False}) == [{"id": id, "_deleted": True}]
    (kept,) = await list_quarantine(world)
    assert b"mine" in bytes(kept.body)
    assert kept.code in ("patch.out_of_reach", "rx.id_invalid")


async def test_rule_24_an_edit_of_a_row_out_of_reach_is_kept_and_the_document_deleted(world, li, shared):
    await unwatch(world, "a")
    assert await li.edit(shared, title="too late") == [{"id": str(shared), "_deleted": True}]
    assert [kept.code for kept in await list_quarantine(world)] == ["patch.out_of_reach"]
    assert await title_of(shared) == "first"


async def test_rule_24_a_field_that_cannot_be_edited_goes_to_quarantine_and_the_rest_of_the_batch_is_applied(
    world, li, shared
):
    other = await write(world, "a", "other")
    await li.pull()
    conflicts = await li.push(
        {**li.documents[str(shared)], "topic": "b", "draft": True}, {**li.documents[str(other)], "title": "OTHER"}
    )
    assert [one["id"] for one in conflicts] == [str(shared)]
    assert [kept.code for kept in await list_quarantine(world)] == ["patch.field_unknown"]
    assert await title_of(other) == "OTHER"


async def test_rule_24_what_is_too_large_is_refused_or_kept(world, li, shared, monkeypatch):
    with pytest.raises(Refusal) as refused:
        await li.push(*[li.documents[str(shared)]] * 501)
    assert refused.value.status == 413
    monkeypatch.setattr("sync.rx.push.OPERATION_BYTES_MAX", 1_000)
    await li.edit(shared, body="x" * 1_000)
    assert [kept.code for kept in await list_quarantine(world)] == ["operation.too_large"]


@pytest.mark.parametrize("body", [b"{}", b"[{}]", b"[1]", b'[{"newDocumentState":{"id":1}}]', b"[", b"[" * 4000])
async def test_rule_24_a_push_that_cannot_be_read_is_malformed(world, li, body):
    with pytest.raises(Refusal) as refused:
        await rx_push(li.context, "note", decode_rx_push(body))
    assert refused.value.code == "envelope.malformed"


async def test_rule_24_half_a_character_does_not_stop_a_client(world, li, shared):
    rows = [{"newDocumentState": {"id": str(shared), "title": "cut !"}, "assumedMasterState": {"title": "first"}}]
    body = msgspec.json.encode(rows).replace(b"!", rb"\ud83d")
    await rx_push(li.context, "note", decode_rx_push(body))
    assert await title_of(shared) == "cut \ufffd"
