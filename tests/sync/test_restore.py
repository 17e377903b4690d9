"""Laws over random histories: however often the server comes back from a backup, and phones from copies of themselves,
everything done on a phone is there in the end, once (I3, I6); and nothing deleted returns (I7)."""

import contextlib
import random
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from town import Town, note
from toy import LI, WANG, delete_note

from sync.feed import collect_tombstones, rotate_epoch
from sync.phone import Offline, Phone
from sync.transaction import fetch, transaction

pytestmark = pytest.mark.anyio


class Play:
    """Two people with phones that are copied now and then, and a server that is put back to an earlier state."""

    def __init__(self, town: Town, folder: Path, seed: int) -> None:
        self.town = town
        self.folder = folder
        self.draw = random.Random(seed)
        self.phones: list[Phone] = []
        self.backups: list[Any] = []
        self.said: list[str] = []
        self.titles: list[str] = []

    async def begin(self) -> None:
        self.shared = await self.town.desk_note("a", "shared")
        await self.town.watch("a", LI, WANG)
        for person in (LI, WANG):
            self.phones.append(await self.town.phone(person, store=str(self.folder / f"{person}.db")))
        await self.backup()

    async def step(self) -> None:
        acts = [self.comment, self.comment, self.comment, self.add, self.push, self.push, self.sync, self.sync]
        await self.draw.choice([*acts, self.backup, self.restore, self.copy])()

    async def comment(self) -> None:
        self.said.append(f"[{len(self.said)}]")
        self.draw.choice(self.phones).do("note.comment", self.shared, {"text": self.said[-1][1:-1]})

    async def add(self) -> None:
        self.titles.append(f"note {len(self.titles)}")
        note(self.draw.choice(self.phones), self.titles[-1])

    async def push(self) -> None:
        phone = self.draw.choice(self.phones)
        phone.line.faults = self.draw.choices(["", "cut", "half", "lost", "twice"], k=2)
        await phone.push()
        phone.line.faults = []

    async def sync(self) -> None:
        phone = self.draw.choice(self.phones)
        phone.line.faults = self.draw.choice([[], [], ["", *["cut"] * 5]])
        with contextlib.suppress(Offline):
            await phone.sync()
        phone.line.faults = []

    async def backup(self) -> None:
        self.backups.append(await self.town.backup())

    async def restore(self) -> None:
        """By `qifang restore`, or by hand. Where a phone has a copy it takes the former (or `qifang reconcile`): the copy may
        have given the numbers the backup did not know to other work, and the count says nothing."""
        await self.town.restore(self.draw.choice(self.backups))
        if len(self.phones) > 2 or self.draw.random() < 0.5:
            await rotate_epoch(self.town.bureau)

    async def copy(self) -> None:
        """A second phone begins where the first is now, as from a backup of the phone; both go on."""
        if len(self.phones) < 5:
            copied = self.folder / f"copy {len(self.phones)}.db"
            original = self.draw.choice(self.phones)
            copied.write_bytes(Path(original.db.execute("PRAGMA database_list").fetchone()["file"]).read_bytes())
            self.phones.append(self.town.connect(str(copied)))


@pytest.mark.parametrize("seed", range(6))
async def test_rule_15_scenario_37_no_work_is_lost_or_doubled_however_often_the_server_is_restored(
    town: Town, tmp_path: Path, seed: int
):
    await restored_and_complete(town, tmp_path, seed, 60)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
async def test_the_same_over_many_longer_histories(town: Town, tmp_path: Path, seed: int):
    await restored_and_complete(town, tmp_path, seed, 200)


async def restored_and_complete(town: Town, folder: Path, seed: int, steps: int) -> None:
    play = Play(town, folder, seed)
    await play.begin()
    for _ in range(steps):
        await play.step()
    for phone in play.phones:
        await phone.sync()
        assert phone.unsent() == []
    found = await fetch("SELECT title, body FROM toy_note WHERE bureau = $1", [town.bureau])
    titles = Counter(row["title"] for row in found)
    assert titles == Counter(["shared", *play.titles])
    body = next(row["body"] for row in found if row["title"] == "shared")
    assert Counter(f"[{one}" for one in body.split("[")[1:]) == Counter(play.said)
    for phone in play.phones:
        await phone.pull()
        assert Counter(row["title"] for row in phone.rows("note").values()) == titles


@pytest.mark.parametrize("seed", range(6))
async def test_scenario_36_nothing_deleted_returns_whatever_old_phones_say_of_it(town: Town, seed: int):
    """Phones that were away comment on, edit and make again what was deleted and, by now, forgotten."""
    draw = random.Random(seed)
    await town.watch("a", LI, WANG)
    phones = [await town.phone(person) for person in (LI, WANG)]
    ids: dict[str, UUID] = {}
    deleted: set[str] = set()
    for number in range(40):
        phone = draw.choice(phones)
        act = draw.choice(["desk", "make", "comment", "edit", "delete", "delete", "collect", "sync", "sync", "epoch"])
        if act == "desk":
            ids[f"desk {number}"] = await town.desk_note("a", f"desk {number}")
        elif act == "make":
            ids[f"phone {number}"] = note(phone, f"phone {number}")
            await phone.push()
        elif act in ("comment", "edit") and (shown := list(phone.rows("note").items())):
            target, row = draw.choice(shown)
            if act == "comment":
                phone.do("note.comment", target, {"text": "x"})
            else:
                phone.do(
                    "note.patch", target, {"set": {"body": f"{number}"}}, base=phone.version("note", target), was={}
                )
            assert row["title"] in ids
        elif act == "delete" and (rest := sorted(set(ids) - deleted)):
            title = draw.choice(rest)
            deleted.add(title)
            async with transaction():
                await delete_note(town.bureau, ids[title])
        elif act == "collect":
            head = (await fetch("SELECT n FROM sync_head WHERE bureau = $1", [town.bureau]))[0]["n"]
            await collect_tombstones(town.bureau, draw.randint(0, head))
        elif act == "sync":
            await phone.sync()
        elif act == "epoch":
            await rotate_epoch(town.bureau)
    for phone in phones:
        await phone.sync()
        await phone.pull()
        assert phone.unsent() == []
        assert {row["title"] for row in phone.rows("note").values()} == set(ids) - deleted
    assert set(await town.notes()) == set(ids) - deleted
