"""The reference client where the server loses things, where people share a phone, and where nothing was ever sent."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from door import Line
from town import Town, no_wait, note, statuses
from toy import LI, WANG, add_note, delete_note, move_note

from sync import incidents
from sync.devices import issue_code, list_devices, revoke_device
from sync.feed import rotate_epoch, touch
from sync.phone import Answered, Offline, OtherPerson, Phone, enrol_in
from sync.quarantine import list_quarantine
from sync.refusal import Refusal
from sync.scopes import revoke
from sync.transaction import execute, fetch, transaction

pytestmark = pytest.mark.anyio


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[incidents.Incident]:
    """What an auditor would hear of."""
    found: list[incidents.Incident] = []

    async def listen(incident: incidents.Incident) -> None:
        found.append(incident)

    monkeypatch.setattr("sync.incidents._listeners", [listen])
    return found


# the server comes back from a backup ------------------------------------------------------------------------------


@pytest.mark.parametrize("is_epoch_new", [True, False])
async def test_rule_15_scenario_37_what_was_acknowledged_after_the_restore_point_is_sent_again(town, is_epoch_new):
    await town.watch("a", LI)
    li = await town.phone()
    note(li, "in the backup")
    await li.sync()
    kept = await town.backup()
    lost = note(li, "lost")
    photo = li.attach(lost, "photo.jpg", b"a photo")
    await li.sync()
    await town.restore(kept)
    town.door.stored.clear(), town.door.files.clear()
    if is_epoch_new:
        await rotate_epoch(town.bureau)
    assert set(await town.notes()) == {"in the backup"}
    await li.sync()
    assert set(await town.notes()) == {"in the backup", "lost"}
    assert {row["title"] for row in li.rows("note").values()} == {"in the backup", "lost"}
    assert town.door.stored == {str(photo): b"a photo"}
    assert (li.unsent(), li.unsent_files()) == ([], {})


async def test_rule_15_scenario_37_a_restore_is_noticed_though_the_cursor_is_still_good(town):
    """The phone read nothing after the restore point, so nothing is wrong with its cursor; only its work is missing."""
    li = await town.phone()
    await li.sync()
    kept = await town.backup()
    note(li, "lost")
    await li.push()
    await town.restore(kept)
    await li.sync()
    assert set(await town.notes()) == {"lost"}


async def test_rule_15_scenario_37_what_the_server_still_has_is_known_when_it_is_offered_again(town):
    li = await town.phone()
    target = note(li, "once")
    li.do("note.comment", target, {"text": "x"})
    await li.push()
    li.offer_again(0)
    assert [(one.status, one.duplicate) for one in await li.push()] == [("applied", True)] * 2
    assert await town.notes() == {"once": "[x]"}


async def test_rule_15_what_the_journal_has_forgotten_is_declared_lost_and_shown(town, monkeypatch, heard):
    day = datetime(2026, 3, 1, tzinfo=UTC)
    clock = {"now": day}
    monkeypatch.setattr("sync.configuration._now", lambda: clock["now"])
    li = await town.phone(clock=lambda: clock["now"])
    kept = await town.backup()
    note(li, "long ago")
    await li.sync()
    clock["now"] = day + timedelta(days=31)
    note(li, "lately")
    await li.sync()
    await town.restore(kept)
    await li.sync()
    assert set(await town.notes()) == {"lately"}
    assert (await list_devices(town.bureau, LI))[0].lost_until == day
    assert [(one.name, one.details) for one in heard] == [(incidents.WORK_LOST, {"until": day.isoformat()})]
    note(li, "later")
    await li.sync()
    assert len(heard) == 1


async def test_rule_15_the_journal_is_as_long_as_the_server_says_whatever_the_phones_clock(town):
    """A phone whose clock is a year ahead for a day must not throw its journal away."""
    clock = {"now": datetime.now(UTC)}
    li = await town.phone(clock=lambda: clock["now"])
    kept = await town.backup()
    note(li, "kept")
    await li.sync()
    clock["now"] += timedelta(days=365)
    await li.sync()
    await town.restore(kept)
    await li.sync()
    assert set(await town.notes()) == {"kept"}


async def test_rule_15_scenario_37_a_phone_the_backup_does_not_know_offers_all_it_has_under_a_new_code(town):
    await town.watch("a", LI)
    kept = await town.backup()
    li = await town.phone()
    note(li, "one")
    await li.sync()
    await town.restore(kept)
    note(li, "two")
    with pytest.raises(Answered) as no:
        await li.sync()
    assert (no.value.status, no.value.code) == (401, "device.unknown")
    await li.enrol(await issue_code(town.bureau, LI))
    await li.sync()
    assert set(await town.notes()) == {"one", "two"}
    assert {row["title"] for row in li.rows("note").values()} == {"one", "two"}


async def test_rule_2_scenarios_24_and_37_a_fork_the_backup_does_not_know_is_made_again(town, tmp_path):
    li = await town.phone(store=str(tmp_path / "li.db"))
    note(li, "before")
    await li.push()
    (tmp_path / "old.db").write_bytes((tmp_path / "li.db").read_bytes())
    note(li, "after")
    await li.push()
    kept = await town.backup()
    restored = town.connect(str(tmp_path / "old.db"))
    note(restored, "from the copy")
    await restored.push()
    forked = restored.device
    note(restored, "from the fork")
    await restored.push()
    await town.restore(kept)
    await restored.sync()
    assert set(await town.notes()) == {"before", "after", "from the copy", "from the fork"}
    assert restored.device == forked


async def test_rule_15_scenario_37_a_second_restore_is_noticed_by_a_phone_that_reads_without_a_cursor(town, tmp_path):
    """The first restore took its cursor, and the line its first page; a copy has since given its numbers to other work."""
    li = await town.phone(store=str(tmp_path / "li.db"))
    await li.sync()
    kept = await town.backup()
    (tmp_path / "copy.db").write_bytes((tmp_path / "li.db").read_bytes())
    copy = town.connect(str(tmp_path / "copy.db"))
    note(li, "Li's")
    await li.sync()
    await rotate_epoch(town.bureau)
    li.line.faults = ["", *["lost"] * 5]
    with pytest.raises(Offline):
        await li.pull()
    await li.push()
    assert (li.meta("cursor"), li.unsent()) == ("", [])
    await town.restore(kept)
    await rotate_epoch(town.bureau)
    for title in ("the copy's", "and more", "and still more"):
        note(copy, title)
    await copy.sync()
    await li.sync()
    assert set(await town.notes()) == {"Li's", "the copy's", "and more", "and still more"}


async def test_rule_15_a_cursor_the_server_cannot_open_any_more_is_as_good_as_none(town):
    await town.watch("a", LI)
    await town.desk_note("a", "seen")
    li = await town.phone()
    await li.pull()
    li.set_meta("cursor", "sealed with a secret the server has lost")
    await li.pull()
    assert [row["title"] for row in li.rows("note").values()] == ["seen"]


# what people see ------------------------------------------------------------------------------------------------------


async def test_rule_8_an_edit_that_was_not_taken_does_not_stay_on_the_screen(town):
    await town.watch("a", LI)
    target = await town.desk_note("a", "title", "body")
    li = await town.phone()
    await li.pull()
    shown = li.rows("note")[target]
    li.do("note.patch", target, {"set": {"colour": "red"}}, local=("note", {**shown, "colour": "red"}))
    assert li.rows("note")[target]["colour"] == "red"
    assert await statuses(li) == ["rejected"]
    await li.pull()
    assert li.rows("note")[target] == shown


async def test_rule_18_a_phone_that_differs_from_the_server_finds_out_and_mends_one_scope(town):
    await town.watch("a", LI)
    await town.watch("b", LI)
    stays, spoilt = await town.desk_note("a", "a"), await town.desk_note("b", "b")
    li = await town.phone()
    await li.pull()
    assert await li.check() == []
    li._put("note", str(spoilt), 1, b'{"title":"spoilt"}')
    li._put("note", str(uuid4()), 7, b"{}")
    li.db.execute("INSERT INTO row_scope SELECT kind, id, 'topic:b' FROM row WHERE v = 7")
    before = len(li.line.requests)
    assert await li.check() == ["topic:b"]
    assert {id: row["title"] for id, row in li.rows("note").items()} == {stays: "a", spoilt: "b"}
    assert await li.check() == []
    assert len(li.line.requests) - before == 3


async def test_rule_18_a_phone_with_many_scopes_to_mend_reads_everything_again(town, monkeypatch):
    monkeypatch.setattr("sync.phone.client.REPAIRS_MAX", 1)
    await town.watch("a", LI)
    await town.watch("b", LI)
    async with transaction():
        for topic in ("a", "b"):
            await add_note(town.bureau, topic, topic)
    li = await town.phone()
    await li.pull()
    li.db.execute("DELETE FROM row WHERE kind = 'note'")
    assert await li.check() == ["topic:a", "topic:b"]
    assert {row["title"] for row in li.rows("note").values()} == {"a", "b"}


async def test_rule_13_rows_that_stay_for_their_work_are_told_apart(town):
    await town.watch("a", LI)
    target = await town.desk_note("a", "title")
    li = await town.phone()
    await li.pull()
    li.do("note.comment", target, {"text": "unsent"})
    async with transaction():
        revoke(town.bureau, LI, "topic:a")
    await li.pull()
    assert li.leaving() == {("note", target)}
    await li.push()
    assert (li.leaving(), li.rows("note")) == (set(), {})


async def test_rule_15_scenario_36_nothing_deleted_returns_with_an_old_phones_edits(town):
    """The tombstone was collected long before the phone comes back with work on the row."""
    from sync.feed import collect_tombstones

    await town.watch("a", LI, WANG)
    target, moved = await town.desk_note("a", "deleted"), await town.desk_note("a", "moved")
    li = await town.phone()
    await li.sync()
    li.do("note.comment", target, {"text": "to nobody"})
    li.do("note.patch", target, {"set": {"title": "again"}}, base=li.version("note", target), was={"title": "deleted"})
    async with transaction():
        await execute("DELETE FROM toy_note WHERE id = $1", [target])
        touch(town.bureau, "note", target)
        await move_note(town.bureau, moved, "z")
    head = (await fetch("SELECT n FROM sync_head WHERE bureau = $1", [town.bureau]))[0]["n"]
    await collect_tombstones(town.bureau, head)
    await li.sync()
    assert li.rows("note") == {}
    assert set(await town.notes()) == {"moved"}
    assert [kept.op for kept in await list_quarantine(town.bureau, author=LI)] == ["note.comment", "note.patch"]
    assert set(li.rows("quarantine")) == {kept.id for kept in await list_quarantine(town.bureau)}


# who the phone belongs to ---------------------------------------------------------------------------------------------


def client_of(town: Town) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=Line(town.door), base_url="http://door")


async def test_scenario_23_two_people_on_one_phone_have_a_store_and_a_token_each(town, tmp_path):
    li = await enrol_in(tmp_path, await issue_code(town.bureau, LI), client_of(town), sleep=no_wait)
    note(li, "Li's, unsent")
    wang = await enrol_in(tmp_path, await issue_code(town.bureau, WANG), client_of(town), sleep=no_wait)
    note(wang, "Wang's")
    await wang.sync()
    assert set(await town.notes()) == {"Wang's"}
    assert wang.meta("token") != li.meta("token")
    wang.close(), li.close()
    again = await enrol_in(tmp_path, await issue_code(town.bureau, LI), client_of(town), sleep=no_wait)
    await again.sync()
    assert set(await town.notes()) == {"Wang's", "Li's, unsent"}
    authors = {row["person"] for row in await fetch("SELECT person FROM sync_device WHERE have_n > 0")}
    assert {LI, WANG} <= authors
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{LI}.phone", f"{WANG}.phone"]
    again.close()


async def test_scenario_23_a_code_of_somebody_else_changes_nothing_in_a_store(town):
    li = await town.phone()
    note(li, "Li's")
    device = li.device
    with pytest.raises(OtherPerson):
        await li.enrol(await issue_code(town.bureau, WANG))
    assert (li.device, li.meta("person")) == (device, str(LI))
    assert await statuses(li) == ["applied"]


async def test_rule_18_a_lost_answer_to_a_code_costs_a_shared_phone_nothing(town, tmp_path):
    code = await issue_code(town.bureau, LI)
    client = client_of(town)
    client._transport.faults = ["cut"] * 5
    with pytest.raises(Exception, match="no answer"):
        await enrol_in(tmp_path, code, client, sleep=no_wait)
    li = await enrol_in(tmp_path, code, client, sleep=no_wait)
    assert [path.name for path in tmp_path.iterdir()] == [f"{LI}.phone"]
    li.close()


async def test_rule_22_a_revoked_phone_hands_in_its_work_and_keeps_nothing(town):
    await town.watch("a", LI)
    target = await town.desk_note("a", "shown")
    li = await town.phone()
    await li.sync()
    li.do("note.comment", target, {"text": "unsent"})
    li.attach(target, "photo.jpg", b"photo")
    await revoke_device(town.bureau, UUID(li.device), salvage=timedelta(days=7))
    await li.sync()
    assert (li.rows("note"), li.unsent(), li.unsent_files()) == ({}, [], {})
    assert [kept.code for kept in await list_quarantine(town.bureau)] == ["device.revoked"]
    tables = ("row", "operation", "file")
    assert [li.db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables] == [0, 0, 0]


async def test_rule_22_a_revoked_phone_with_nothing_to_hand_in_keeps_no_journal_either(town):
    li = await town.phone()
    note(li, "sent")
    await li.sync()
    await revoke_device(town.bureau, UUID(li.device))
    with pytest.raises(Answered) as no:
        await li.sync()
    assert no.value.code == "device_revoked"
    assert li.db.execute("SELECT count(*) FROM operation").fetchone()[0] == 0


# what was never sent --------------------------------------------------------------------------------------------------


async def test_rule_2_scenario_14_what_was_never_tried_can_be_taken_back_without_a_trace(town):
    li = await town.phone()
    target = note(li, "a mistake", local=("note", {"title": "a mistake"}))
    li.do("note.comment", target, {"text": "x"})
    li.attach(target, "photo.jpg", b"x")
    assert li.discard(target)
    assert (li.unsent(), li.unsent_files(), li.rows("note")) == ([], {}, {})
    note(li, "kept")
    await li.sync()
    sent = msgspec.json.decode(next(body for path, body in li.line.requests if path.endswith("push")))
    assert [one["n"] for one in sent["operations"]] == [1]


async def test_rule_2_scenario_14_what_the_server_may_have_heard_of_cannot_be_taken_back(town):
    li = await town.phone()
    target = note(li, "sent, perhaps")
    li.line.faults = ["cut"] * 5
    with pytest.raises(Exception, match="no answer"):
        await li.push()
    assert not li.discard(target)
    assert len(li.unsent()) == 1


async def test_rule_2_what_is_offered_again_after_a_restore_was_tried_once_and_stays_as_it_is(town):
    """It has no number any more, but the server may know it, and would take another content for another operation."""
    await town.watch("a", LI)
    li = await town.phone()
    target, other = note(li, "sent"), await town.desk_note("a", "title", "body")
    await li.pull()
    for word in ("1", "2"):
        li.do("note.patch", other, {"set": {"title": word}})
    await li.push()
    li.offer_again(0)
    assert (li.discard(target), li.compact()) == (False, 0)
    assert [(one.status, one.duplicate) for one in await li.push()] == [("applied", True)] * 3


async def test_rule_2_edits_that_were_never_tried_become_one(town):
    await town.watch("a", LI)
    target = await town.desk_note("a", "title", "body")
    li = await town.phone()
    await li.pull()
    base = li.version("note", target)
    first = li.do("note.patch", target, {"set": {"title": "1"}}, base=base, was={"title": "title"})
    second = li.do("note.patch", target, {"set": {"title": "2"}}, base=base, was={"title": "1"}, prev=first)
    third = li.do("note.patch", target, {"set": {"body": "3"}}, base=base, was={"body": "body"}, prev=second)
    after = li.do("note.comment", target, {"text": "after"}, prev=third)
    assert li.compact() == 2
    assert li.unsent() == [first, after]
    assert await statuses(li) == ["applied", "applied"]
    assert await town.notes() == {"2": "3[after]"}
    assert li.result(third) == li.result(first)
    assert li.compact() == 0


async def test_rule_2_edits_with_something_between_them_stay_apart(town):
    await town.watch("a", LI)
    target = await town.desk_note("a", "title", "body")
    li = await town.phone()
    await li.pull()
    for _ in range(2):
        li.do("note.patch", target, {"set": {"title": "x"}})
        li.do("note.comment", target, {"text": "c"})
    assert li.compact() == 0


# files ----------------------------------------------------------------------------------------------------------------


async def test_rule_19_scenario_34_a_file_that_came_in_damaged_is_sent_again(town, monkeypatch):
    li = await town.phone()
    id = li.attach(uuid4(), "photo.jpg", bytes(range(256)) * 2000)
    damage = ["damage"]
    whole = town.door.tus

    def tus(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        """The first time the last byte arrives, the whole does not fit: the server begins again at 0."""
        answer = whole(method, path, headers, body)
        if method == "PATCH" and str(id) in town.door.stored and damage:
            damage.pop()
            del town.door.stored[str(id)]
            town.door.files[str(id)].clear()
            raise Refusal("file.corrupt", 460, "文件内容与声明不符", "The file is damaged")
        return answer

    monkeypatch.setattr(town.door, "tus", tus)
    await li.upload_files()
    assert len(town.door.stored[str(id)]) == 512_000
    assert li.unsent_files() == {}


@pytest.mark.parametrize("status", [404, 410])
async def test_rule_19_an_upload_the_server_has_given_up_is_announced_again(town, monkeypatch, status):
    li = await town.phone()
    id = li.attach(uuid4(), "photo.jpg", b"content")
    told = []
    whole = town.door.tus

    def tus(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        told.append(method)
        if method == "HEAD":
            raise Refusal("file.gone", status, "上传已过期", "The upload has expired")
        return whole(method, path, headers, body)

    monkeypatch.setattr(town.door, "tus", tus)
    await li.upload_files()
    assert (told, town.door.stored) == (["HEAD", "POST", "PATCH"], {str(id): b"content"})


async def test_rule_19_a_file_that_is_refused_holds_up_no_other_and_says_why(town, monkeypatch):
    li = await town.phone()
    bad, good = li.attach(uuid4(), "too large.mp4", b"x" * 99), li.attach(uuid4(), "photo.jpg", b"content")
    spoilt = li.attach(uuid4(), "spoilt.jpg", b"content")
    li.db.execute("UPDATE file SET content = ? WHERE id = ?", [b"contemt", str(spoilt)])
    whole = town.door.tus

    def tus(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        if headers.get("upload-length") == "99":
            raise Refusal("file.too_large", 413, "文件过大", "The file is too large")
        return whole(method, path, headers, body)

    monkeypatch.setattr(town.door, "tus", tus)
    await li.sync()
    assert town.door.stored == {str(good): b"content"}
    assert li.unsent_files() == {bad: "file.too_large", spoilt: "file.damaged_on_phone"}


async def test_rule_19_a_file_of_which_the_last_byte_is_there_is_not_stored_until_the_server_says_so(town):
    """The server died between the last byte and the check of the whole: the phone asks once more."""
    li = await town.phone()
    id = li.attach(uuid4(), "photo.jpg", b"content")
    li.line.faults = ["", "", "lost"]
    await li.upload_files()
    assert town.door.stored == {str(id): b"content"}
    town.door.stored.clear()
    li.db.execute("UPDATE file SET is_stored = 0")
    await li.upload_files()
    assert town.door.stored == {str(id): b"content"}


async def test_scenario_4_a_file_and_the_operation_that_names_it_are_one_local_transaction(town):
    li = await town.phone()
    with pytest.raises(ValueError, match="bytes"), li.together():
        li.attach(uuid4(), "photo.jpg", b"x")
        li.do("note.add", uuid4(), {"title": "x" * 2_000_000})
    assert (li.unsent(), li.unsent_files()) == ([], {})


# the store and the line -----------------------------------------------------------------------------------------------


OLD_STORE = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE row (
    kind TEXT, id TEXT, v INTEGER, body TEXT, mark INTEGER, leaving INTEGER DEFAULT 0, PRIMARY KEY (kind, id)
);
CREATE TABLE row_scope (kind TEXT, id TEXT, scope TEXT, PRIMARY KEY (kind, id, scope));
CREATE TABLE alias (kind TEXT, id TEXT, now TEXT, PRIMARY KEY (kind, id));
CREATE TABLE operation (
    place INTEGER PRIMARY KEY, id TEXT UNIQUE, n INTEGER, target TEXT, body TEXT, result TEXT, done_at TEXT
);
CREATE TABLE file (
    id TEXT PRIMARY KEY, record TEXT, name TEXT, sha256 TEXT, content BLOB, is_stored INTEGER DEFAULT 0
);
INSERT INTO meta VALUES ('person', 'li');
INSERT INTO row VALUES ('note', '00000000-0000-0000-0000-000000000001', 5, '{"title":"kept"}', 0, 0);
"""


async def test_a_store_of_an_earlier_version_goes_on(tmp_path):
    before = sqlite3.connect(tmp_path / "old.db")
    before.executescript(OLD_STORE)
    before.close()
    for _ in range(2):
        async with httpx.AsyncClient() as client:
            phone = Phone(tmp_path / "old.db", client)
            assert phone.rows("note") == {UUID(int=1): {"title": "kept"}}
            assert (phone.meta("person"), phone.unsent_files()) == ("li", {})
            phone.close()


@pytest.mark.parametrize("asked", ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "soon", "99999999999999"])
async def test_scenario_39_a_phone_waits_as_long_as_it_is_asked_and_not_for_ever(asked):
    pauses: list[float] = []
    answers = [(503, {"Retry-After": asked}), (200, {})]

    def answer(request: httpx.Request) -> httpx.Response:
        status, headers = answers.pop(0)
        echo = {"X-Request-Id": request.headers["X-Request-Id"], "Content-Type": "application/json"}
        body: dict[str, Any] = {"device": str(uuid4()), "token": "t", "person": str(LI), "bureau": str(uuid4())}
        return httpx.Response(status, headers=echo | headers, content=msgspec.json.encode(body))

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://door") as client:
        phone = Phone(":memory:", client, sleep=sleep)
        await phone.enrol("CODE")
        phone.close()
    assert 1 <= pauses[0] <= 450


async def test_rule_15_a_phone_that_chooses_other_kinds_drops_what_it_lost_meanwhile(town):
    li = await town.phone()
    await town.watch("a", LI)
    await town.desk_note("a", "kept")
    gone = await town.desk_note("a", "deleted meanwhile")
    await li.pull()
    async with transaction():
        await delete_note(town.bureau, gone)
    li.kinds = ["note", "quarantine"]
    await li.pull()
    assert [row["title"] for row in li.rows("note").values()] == ["kept"]
    assert await li.check() == []
    li.kinds = ["quarantine"]
    assert await li.check() == []
    assert li.rows("note") == {}
