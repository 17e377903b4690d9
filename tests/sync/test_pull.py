"""Rules 13 to 17, told with one reader, Li 李, and a store that obeys the lines it is sent."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy import LI, WANG, add_note, move_note

from sync.cursor import Backfill, Cursor, decode_cursor, encode_cursor, kinds_number
from sync.devices import DeviceContext, authenticate, enrol, issue_code, list_devices
from sync.feed import collect_tombstones, rotate_epoch, touch
from sync.pull import hello, pull
from sync.refusal import Refusal
from sync.scopes import grant, revoke
from sync.transaction import execute, transaction
from sync.wire import PullRequest, PullResponse

pytestmark = pytest.mark.anyio


class Store:
    """What a phone holds, by the letter of docs/sync.md."""

    def __init__(self, context: DeviceContext, *, limit: int = 1000, kinds: list[str] | None = None) -> None:
        self.context = context
        self.cursor: str | None = None
        self.rows: dict[tuple[str, UUID], dict[str, Any]] = {}
        self.scopes: dict[tuple[str, UUID], set[str]] = {}
        self.limit = limit
        self.kinds = kinds
        self.pages: list[PullResponse] = []

    async def page(self) -> PullResponse:
        request = PullRequest(cursor=self.cursor, limit=self.limit, kinds=self.kinds)
        answer = msgspec.json.decode(msgspec.json.encode(await pull(self.context, request)), type=PullResponse)
        for change in answer.changes:
            self.obey(change)
        self.cursor = answer.cursor
        self.pages.append(answer)
        return answer

    def obey(self, change) -> None:
        key = (change.kind, change.id)
        if change.op == "put":
            self.rows[key] = msgspec.json.decode(change.d)
            known = self.scopes.get(key, set()) if change.add else set()
            self.scopes[key] = known | set(change.scopes)
        elif change.op in ("gone", "redirect"):
            self.rows.pop(key, None)
            self.scopes.pop(key, None)
        else:
            lost = set(change.scopes)
            for one in [key] if change.op == "out" else list(self.rows):
                if one in self.scopes:
                    self.scopes[one] -= lost
                    if not self.scopes[one]:
                        del self.rows[one], self.scopes[one]

    async def catch_up(self) -> "Store":
        while True:
            answer = await self.page()
            if answer.complete and answer.head == answer.until:
                return self

    @property
    def titles(self) -> list[str]:
        return sorted(row["title"] for row in self.rows.values())


async def device(bureau: UUID, person: UUID = LI) -> DeviceContext:
    enrolled = await enrol(await issue_code(bureau, person), "installation")
    return await authenticate(enrolled.token)


@pytest.fixture
async def li(world) -> Store:
    return Store(await device(world))


async def watch(bureau: UUID, *topics: str, person: UUID = LI) -> None:
    async with transaction():
        for topic in topics:
            grant(bureau, person, f"topic:{topic}")


async def unwatch(bureau: UUID, topic: str) -> None:
    async with transaction():
        revoke(bureau, LI, f"topic:{topic}")


async def write(bureau: UUID, topic: str, title: str) -> UUID:
    async with transaction():
        return await add_note(bureau, topic, title)


async def test_rule_16_the_first_sync_brings_all_that_the_scopes_hold_and_nothing_else(world, li):
    await watch(world, "a")
    await write(world, "a", "seen")
    await write(world, "b", "hidden")
    await li.catch_up()
    assert li.titles == ["seen"]
    assert li.pages[-1].ready == ["work"]


async def test_rule_13_a_person_sees_nothing_without_a_grant_and_another_bureau_never(world, li):
    await write(world, "a", "hidden")
    other = Store(await device(UUID(int=77)))
    await watch(UUID(int=77), "a")
    await other.catch_up()
    await li.catch_up()
    assert (li.titles, other.titles) == ([], [])


async def test_rule_15_a_delta_brings_what_changed_since_and_only_that(world, li):
    await watch(world, "a")
    await write(world, "a", "one")
    await li.catch_up()
    note = await write(world, "a", "two")
    answer = await li.page()
    assert [change.id for change in answer.changes] == [note]
    assert (await li.page()).changes == []


async def test_rule_13_scenario_38_a_new_scope_is_back_filled_while_the_others_go_on(world, li):
    await watch(world, "a")
    await li.catch_up()
    for number in range(7):
        await write(world, "b", f"b{number}")
    await watch(world, "b")
    li.limit = 3
    await li.page()
    await write(world, "a", "a fresh")
    await li.page()
    assert "a fresh" in li.titles
    await li.catch_up()
    assert li.titles == ["a fresh", *(f"b{number}" for number in range(7))]


async def test_rule_13_a_lost_scope_is_one_line_and_rows_of_another_scope_stay(world, li):
    await watch(world, "a", "b")
    await write(world, "a", "only a")
    await write(world, "a+b", "both")
    await li.catch_up()
    await unwatch(world, "a")
    answer = await li.page()
    assert [(change.op, change.scopes) for change in answer.changes] == [("scope_out", ["topic:a"])]
    assert li.titles == ["both"]


async def test_rule_13_scope_out_of_one_generation_comes_before_the_back_fill_of_the_next(world, li):
    await watch(world, "a")
    await write(world, "a", "kept")
    gone = await write(world, "a", "went meanwhile")
    await li.catch_up()
    await unwatch(world, "a")
    async with transaction():
        await move_note(world, gone, "z")
    await watch(world, "a")
    answer = await li.page()
    assert [change.op for change in answer.changes] == ["scope_out", "put"]
    assert li.titles == ["kept"]


async def test_rule_13_scenario_44_a_row_that_moves_out_of_reach_is_dropped(world, li):
    await watch(world, "a", "b")
    note = await write(world, "a", "wanders")
    await li.catch_up()
    async with transaction():
        await move_note(world, note, "b")
    await li.catch_up()
    assert li.titles == ["wanders"]
    async with transaction():
        await move_note(world, note, "z")
    answer = await li.page()
    assert [change.op for change in answer.changes] == ["out"]
    assert li.titles == []


async def test_rule_13_a_merged_row_redirects_only_where_the_other_can_be_seen(world, li):
    await watch(world, "a")
    kept, hidden = await write(world, "a", "kept"), await write(world, "z", "hidden")
    first, second = await write(world, "a", "first"), await write(world, "a", "second")
    await li.catch_up()
    async with transaction():
        touch(world, "note", first, redirect_to=kept)
        touch(world, "note", second, redirect_to=hidden)
    answer = await li.page()
    assert [(change.op, change.id, change.to, change.merged) for change in answer.changes] == [
        ("redirect", first, kept, False),
        ("out", second, None, True),
    ]
    assert li.titles == ["kept"]


async def test_rule_13_a_phone_that_missed_two_merges_is_sent_to_the_last_row(world, li):
    await watch(world, "a")
    first, second, last = [await write(world, "a", title) for title in ("first", "second", "last")]
    await li.catch_up()
    async with transaction():
        touch(world, "note", first, redirect_to=second)
    async with transaction():
        touch(world, "note", second, redirect_to=last)
    answer = await li.page()
    assert [(change.op, change.id, change.to) for change in answer.changes] == [
        ("redirect", first, last),
        ("redirect", second, last),
    ]


async def test_rule_14_permission_is_computed_at_every_page_even_within_a_round(world, li):
    await watch(world, "a", "b")
    await li.catch_up()
    for number in range(4):
        await write(world, "a", f"a{number}")
    for number in range(4):
        await write(world, "b", f"b{number}")
    li.limit = 2
    await li.page()
    await unwatch(world, "b")
    await li.page()
    await li.page()
    assert all(not title.startswith("b") for title in li.titles)
    await li.catch_up()
    assert li.titles == ["a0", "a1", "a2", "a3"]


async def test_rule_15_scenario_6_a_round_is_fixed_and_resumes_where_it_was_cut(world, li):
    await watch(world, "a")
    await li.catch_up()
    notes = [await write(world, "a", f"n{number}") for number in range(6)]
    li.limit = 2
    first = await li.page()
    async with transaction():
        touch(world, "note", notes[5])
    second = await li.page()
    assert (first.until, second.until) == (first.head, first.head)
    assert second.head > second.until
    await li.catch_up()
    assert len(li.titles) == 6


async def test_rule_17_scenario_5_a_page_applied_twice_changes_nothing(world, li):
    await watch(world, "a")
    await write(world, "a", "one")
    await li.catch_up()
    before = dict(li.rows)
    for change in li.pages[0].changes:
        li.obey(change)
    assert li.rows == before


async def test_rule_16_forms_come_before_reference_lists_and_ready_says_when_work_may_start(world, li):
    await watch(world, "a")
    async with transaction():
        pin = UUID(int=501)
        await execute(
            "INSERT INTO toy_pin (bureau, id, topic, body) VALUES ($1, $2, 'a', '{\"title\":\"pin\"}')", [world, pin]
        )
        touch(world, "pin", pin)
    for number in range(3):
        await write(world, "a", f"note {number}")
    li.limit = 2
    answers = [await li.page() for _ in range(2)]
    assert [change.kind for answer in answers for change in answer.changes] == ["note", "note", "note", "pin"]
    assert [answer.ready for answer in answers] == [[], ["work"]]
    await execute("DELETE FROM toy_pin WHERE id = $1", [pin])


async def test_rule_15_other_kinds_or_another_person_start_a_back_fill(world, li):
    await watch(world, "a")
    await write(world, "a", "one")
    await li.catch_up()
    li.kinds = ["pin"]
    assert (await li.page()).changes == []
    li.kinds = ["note"]
    assert len((await li.page()).changes) == 1
    li.kinds = []
    assert (await li.page()).changes == []
    li.kinds = None
    assert len((await li.page()).changes) == 1
    li.kinds = ["note"]
    await li.catch_up()
    wang = Store(await device(world, WANG))
    wang.cursor, wang.kinds = li.cursor, ["note"]
    await wang.catch_up()
    assert wang.titles == []


async def test_rule_15_scenario_37_an_unknown_epoch_or_commit_asks_for_a_reconcile(world, li):
    await watch(world, "a")
    await li.catch_up()
    await write(world, "a", "lost by the restore")
    await li.catch_up()
    await execute("UPDATE sync_commit SET id = 'another' WHERE bureau = $1", [world])
    with pytest.raises(Refusal) as refused:
        await li.page()
    assert (refused.value.status, refused.value.details["reason"]) == (410, "history_changed")
    li.cursor = None
    await li.catch_up()
    await rotate_epoch(world)
    with pytest.raises(Refusal) as refused:
        await li.page()
    assert refused.value.details == {"mode": "reconcile", "reason": "epoch_changed", "have_n": 0}


async def test_rule_15_scenario_36_a_cursor_below_the_floor_asks_for_a_reconcile(world, li):
    await watch(world, "a")
    note = await write(world, "a", "one")
    await li.catch_up()
    async with transaction():
        touch(world, "note", note, gone=True)
    await collect_tombstones(world, 3 + 1)
    with pytest.raises(Refusal) as refused:
        await li.page()
    assert refused.value.details["reason"] == "below_floor"


async def test_rule_15_a_cursor_that_was_tampered_with_is_refused(world, li):
    await li.catch_up()
    li.cursor = "A" + li.cursor[1:] if li.cursor[0] != "A" else "B" + li.cursor[1:]
    with pytest.raises(Refusal) as refused:
        await li.page()
    assert refused.value.code == "envelope.malformed"


async def test_rule_20_a_page_stays_below_its_limit_of_bytes(world, li, monkeypatch):
    monkeypatch.setattr("sync.pull.PULL_BYTES_MAX", 2_000)
    await watch(world, "a")
    async with transaction():
        for number in range(20):
            await add_note(world, "a", f"{number:02}", "x" * 400)
    await li.catch_up()
    assert len(li.titles) == 20
    assert max(len(page.changes) for page in li.pages) <= 4


async def test_rule_10_a_pull_leaves_its_time_and_hello_says_where_the_feed_is(world, li):
    await watch(world, "a")
    await li.catch_up()
    assert (await list_devices(world, LI))[0].last_pull_at is not None
    answer = await hello(li.context)
    assert (answer.head, answer.have_n) == (2, 0)


identifiers = st.uuids()
numbers = st.integers(0, 2**53)
cursors = st.builds(
    Cursor,
    st.just(1),
    identifiers,
    numbers,
    identifiers,
    numbers,
    numbers,
    numbers,
    st.text(max_size=16),
    st.lists(st.builds(Backfill, numbers, numbers, st.integers(0, 9), numbers), max_size=3),
)


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setattr("sync.configuration._secret", b"a secret of the tests only")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursors, st.integers(0, 10_000), st.integers(1, 255))
def test_rule_15_a_cursor_survives_the_journey_and_no_changed_byte_does(cursor, place, difference):
    text = encode_cursor(cursor)
    assert decode_cursor(text) == cursor
    spoiled = list(text)
    at = place % len(spoiled)
    spoiled[at] = chr((ord(spoiled[at]) + difference) % 256)
    assert decode_cursor("".join(spoiled)) in (None, cursor)


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rule_15_any_text_is_read_as_a_cursor_or_refused(text):
    assert decode_cursor(text) is None
    assert kinds_number(None) == 0
