"""Rule 8 from the conflict's side: who sees it, where it goes, what is in it, and how it ends."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from test_push import edit, two_editors
from town import Town, statuses
from toy import LI, NOTE, WANG, ZHAO, delete_note, move_note

from sync.configuration import now
from sync.conflicts import Resolution, find_conflict, list_conflicts, resolve_conflict
from sync.decisions import accept
from sync.feed import touch
from sync.operations import OperationContext, register_kind
from sync.phone import Phone
from sync.quarantine import list_quarantine
from sync.refusal import Refusal
from sync.transaction import execute, transaction

pytestmark = pytest.mark.anyio


async def in_conflict(town: Town) -> tuple[Phone, Phone, UUID, UUID]:
    """Li was first, Wang second; both have pulled since."""
    li, wang, target = await two_editors(town)
    edit(li, target, title="Li's")
    edit(wang, target, title="Wang's")
    await li.push()
    id = (await wang.push())[0].conflict_id
    await li.pull()
    await wang.pull()
    return li, wang, target, id


def desk(town: Town, person: UUID = ZHAO) -> OperationContext:
    return OperationContext(bureau=town.bureau, person=person, device=None, received_at=now())


async def test_rule_8_scenario_10_a_conflict_says_what_each_saw_wanted_and_who_they_are(town):
    li, wang, target, id = await in_conflict(town)
    assert set(li.rows("conflict")) == set(wang.rows("conflict")) == {id}
    kept = await find_conflict(town.bureau, id)
    assert (kept.target, kept.body.person, str(kept.body.device)) == (target, WANG, wang.device)
    (field,) = kept.body.fields.items()
    assert (field[0], field[1].base, field[1].server, field[1].phone) == ("title", "title", "Li's", "Wang's")
    edited = kept.body.server_edits["title"]
    assert (edited.hand, edited.person) == (li.device, LI)
    assert kept.body.device_at_corrected is not None
    assert [one.id for one in await list_conflicts(town.bureau, limit=9)] == [id]


async def test_rule_8_rule_14_a_conflict_goes_where_its_row_goes(town):
    """Otherwise a phone would go on showing two values of a row its person may no longer see."""
    li, wang, target, id = await in_conflict(town)
    await town.watch("b", ZHAO)
    zhao = await town.phone(ZHAO)
    await zhao.pull()
    async with transaction():
        await move_note(town.bureau, target, "b")
    for phone in (li, wang, zhao):
        await phone.pull()
    assert [set(phone.rows("conflict")) for phone in (li, wang, zhao)] == [set(), {id}, {id}]


async def test_rule_8_scenario_17_a_conflict_follows_its_row_into_a_merge_and_on_from_there(town):
    li, _, target, id = await in_conflict(town)
    kept = await town.desk_note("a", "kept")
    async with transaction():
        await execute("UPDATE toy_note SET merged_into = $2 WHERE id = $1", [target, kept])
        touch(town.bureau, "note", target, redirect_to=kept)
    await li.pull()
    assert set(li.rows("conflict")) == {id}
    async with transaction():
        await move_note(town.bureau, kept, "elsewhere")
    await li.pull()
    assert li.rows("conflict") == {}
    async with transaction():
        await resolve_conflict(desk(town), id, Resolution({"title": "Wang's after all"}))
    assert (await town.notes())["Wang's after all"] == ""


async def deleted_and_edited(town: Town) -> tuple[Phone, UUID, Any]:
    li, _, target = await two_editors(town)
    edit(li, target, title="too late")
    async with transaction():
        await delete_note(town.bureau, target)
    (result,) = await li.push()
    return li, target, result


async def test_rule_8_scenario_15_an_edit_after_the_deletion_is_a_conflict_and_the_deletion_stands(town):
    li, target, result = await deleted_and_edited(town)
    assert (result.status, await town.notes()) == ("conflict", {})
    await li.sync()
    body = li.rows("conflict")[result.conflict_id]["conflict"]
    assert (body["gone"], body["target"]) == (True, str(target))
    assert body["fields"] == {"title": {"base": "title", "server": None, "phone": "too late"}}
    assert li.rows("note") == {}


async def test_rule_8_scenario_15_the_deleted_row_is_revived_with_one_action(town):
    li, target, result = await deleted_and_edited(town)
    await li.sync()
    li.do("conflict.resolve", result.conflict_id, {"set": {"title": "too late"}, "revive": True})
    assert await statuses(li) == ["applied"]
    await li.pull()
    assert {id: row["title"] for id, row in li.rows("note").items()} == {target: "too late"}


async def test_rule_8_scenario_15_values_cannot_be_written_into_what_is_gone(town):
    _, _, result = await deleted_and_edited(town)
    with pytest.raises(Refusal) as refused:
        await resolve_conflict(desk(town), result.conflict_id, Resolution({"title": "x"}))
    assert refused.value.code == "conflict.row_gone"
    async with transaction():
        await resolve_conflict(desk(town), result.conflict_id, Resolution({}))
    assert (await find_conflict(town.bureau, result.conflict_id)).resolved_by == ZHAO
    assert await town.notes() == {}


async def test_rule_8_scenario_15_a_kind_that_cannot_come_back_says_so(town):
    _, _, result = await deleted_and_edited(town)
    register_kind(type(NOTE)(**{name: getattr(NOTE, name) for name in NOTE.__struct_fields__} | {"revive": None}))
    with pytest.raises(Refusal) as refused:
        await resolve_conflict(desk(town), result.conflict_id, Resolution({}, revive=True))
    assert refused.value.code == "conflict.not_revivable"


async def test_rule_8_rule_14_nobody_learns_by_an_edit_whether_a_row_was_ever_there(town):
    hidden = await town.desk_note("z", "hidden")
    async with transaction():
        await delete_note(town.bureau, hidden)
    there = await town.desk_note("z", "there")
    li = await town.phone()
    for target in (there, hidden, uuid4()):
        li.do("note.patch", target, {"set": {"title": "x"}}, base=1)
    assert [(one.status, one.code) for one in await li.push()] == [("rejected", "patch.out_of_reach")] * 3
    _, deleted, never = await list_quarantine(town.bureau)
    assert (await accept(town.bureau, deleted.id, by=ZHAO)).status == "conflict"
    with pytest.raises(Refusal) as refused:
        await accept(town.bureau, never.id, by=ZHAO)
    assert refused.value.code == "patch.target_gone"


async def test_rule_8_conflicts_are_listed_page_by_page(town):
    li, wang, target = await two_editors(town)
    for number in range(3):
        edit(li, target, title=f"Li's {number}")
        await li.push()
        edit(wang, target, title=f"Wang's {number}")
        await wang.push()
        await li.pull()
    first = await list_conflicts(town.bureau, limit=2)
    rest = await list_conflicts(town.bureau, after=(first[-1].at, first[-1].id), limit=2)
    assert [one.body.fields["title"].phone for one in [*first, *rest]] == [f"Wang's {number}" for number in range(3)]
    async with transaction():
        await resolve_conflict(desk(town), first[0].id, Resolution({}))
    assert len(await list_conflicts(town.bureau, limit=9)) == 2
    assert len(await list_conflicts(town.bureau, is_open=False, target=target, limit=9)) == 3
    assert await list_conflicts(town.bureau, target=uuid4(), limit=9) == []


async def test_rule_8_two_who_decide_one_conflict_at_the_same_moment_decide_it_once(town):
    import asyncio

    li, wang, _, id = await in_conflict(town)
    li.do("conflict.resolve", id, {"set": {"title": "Li decides"}})
    wang.do("conflict.resolve", id, {"set": {"title": "Wang decides"}})
    answers = [*await asyncio.gather(li.push(), wang.push())]
    assert sorted(result.status for (result,) in answers) == ["applied", "rejected"]
