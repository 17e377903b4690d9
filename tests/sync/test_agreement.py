"""Whatever happens in whatever order, a phone that has caught up holds exactly what its person may see (I1, I4)."""

import contextlib
import random
from typing import Any
from uuid import UUID

import httpx
import pytest
from door import Door, Line
from toy import LI, WANG, add_note, move_note

from sync.devices import issue_code
from sync.feed import collect_tombstones, rotate_epoch, touch
from sync.phone import Answered, Offline, Phone
from sync.scopes import grant, revoke, scopes_of
from sync.transaction import execute, fetch, transaction

pytestmark = pytest.mark.anyio

TOPICS = ["a", "b", "c", "d"]


async def no_wait(seconds: float) -> None:
    return


class Play:
    """One random history of a bureau with two people, drawn from a seed."""

    def __init__(self, bureau: UUID, seed: int) -> None:
        self.bureau = bureau
        self.draw = random.Random(seed)
        self.door = Door()
        self.phones: dict[UUID, Phone] = {}
        self.notes: list[UUID] = []
        self.made: list[UUID] = []
        self.deleted: set[UUID] = set()

    async def enrol(self, person: UUID) -> None:
        line = Line(self.door)
        client = httpx.AsyncClient(transport=line, base_url="http://door")
        phone = Phone(":memory:", client, sleep=no_wait, limit=self.draw.choice([1, 2, 3, 50]))
        phone.line = line
        await phone.enrol(await issue_code(self.bureau, person))
        self.phones[person] = phone

    async def step(self) -> None:
        desk = [self.write, self.write, self.move, self.move, self.delete, self.merge, self.give, self.give, self.take]
        road = [self.page, self.page, self.work, self.work, self.send, self.send, self.storm]
        await self.draw.choice([*desk, *road])()

    def topics(self) -> str:
        return "+".join(self.draw.sample(TOPICS, self.draw.randint(1, 2)))

    async def write(self) -> None:
        async with transaction():
            for _ in range(self.draw.randint(1, 4)):
                self.notes.append(await add_note(self.bureau, self.topics(), f"desk {len(self.notes)}"))

    async def move(self) -> None:
        async with transaction():
            for note in self.some():
                await move_note(self.bureau, note, self.topics())

    async def delete(self) -> None:
        async with transaction():
            for note in self.some(1):
                await execute("DELETE FROM toy_note WHERE id = $1", [note])
                touch(self.bureau, "note", note)
                self.notes.remove(note)
                self.deleted.add(note)

    async def merge(self) -> None:
        if len(self.notes) < 2:
            return
        lost, kept = self.draw.sample(self.notes, 2)
        async with transaction():
            await execute("UPDATE toy_note SET merged_into = $2 WHERE id = $1", [lost, kept])
            touch(self.bureau, "note", lost, redirect_to=kept)
        self.notes.remove(lost)

    async def give(self) -> None:
        async with transaction():
            grant(self.bureau, self.person(), f"topic:{self.draw.choice(TOPICS)}")

    async def take(self) -> None:
        async with transaction():
            revoke(self.bureau, self.person(), f"topic:{self.draw.choice(TOPICS)}")

    async def storm(self) -> None:
        """A restore from a backup, or a collection of tombstones."""
        if self.draw.random() < 0.3:
            await rotate_epoch(self.bureau)
        elif self.draw.random() < 0.3:
            head = (await fetch("SELECT n FROM sync_head WHERE bureau = $1", [self.bureau]))[0]["n"]
            await collect_tombstones(self.bureau, self.draw.randint(0, head))

    async def page(self) -> None:
        """One page and no more: the phone is cut in the middle of a round."""
        phone = self.phones[self.person()]
        phone.line.faults = ["", *["lost"] * 10]
        with contextlib.suppress(Offline):
            await phone.pull()
        phone.line.faults = []

    async def work(self) -> None:
        """Something done off line, on a row the phone shows or on a new one."""
        phone = self.phones[self.person()]
        shown = list(phone.rows("note"))
        if shown and self.draw.random() < 0.7:
            phone.do("note.comment", self.draw.choice(shown), {"text": "."})
        else:
            target = UUID(int=self.draw.getrandbits(128), version=4)
            phone.do("note.add", target, {"topic": self.topics(), "title": "phone"}, local=("note", {"title": "phone"}))
            self.made.append(target)

    async def send(self) -> None:
        phone = self.phones[self.person()]
        phone.line.faults = self.draw.choices(["", "cut", "twice", "half", "lost", "portal"], k=3)
        await phone.push()
        phone.line.faults = []

    def some(self, most: int = 3) -> list[UUID]:
        return self.draw.sample(self.notes, min(len(self.notes), self.draw.randint(1, most)))

    def person(self) -> UUID:
        return self.draw.choice([LI, WANG])

    async def visible_to(self, person: UUID) -> set[UUID]:
        scopes = await scopes_of(self.bureau, person)
        found = await fetch("SELECT id, topic FROM toy_note WHERE bureau = $1 AND merged_into IS NULL", [self.bureau])
        return {row["id"] for row in found if {f"topic:{topic}" for topic in row["topic"].split("+")} & scopes}


@pytest.mark.parametrize("seed", range(12))
async def test_a_phone_that_has_caught_up_holds_exactly_its_persons_rows(world: Any, seed: int):
    await play_and_compare(world, seed, 70)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1200))
async def test_the_same_over_many_longer_histories(world: Any, seed: int):
    await play_and_compare(world, seed, 160)


async def play_and_compare(world: UUID, seed: int, steps: int) -> None:
    play = Play(world, seed)
    for person in (LI, WANG):
        await play.enrol(person)
    for _ in range(steps):
        await play.step()
    for person, phone in play.phones.items():
        await phone.sync()
        assert phone.unsent() == []
        assert set(phone.rows("note")) == await play.visible_to(person)
    answered = {row["id"] for row in await fetch("SELECT id FROM toy_note WHERE bureau = $1", [world])}
    assert set(play.made) <= answered | play.deleted
    for phone in play.phones.values():
        phone.close()


async def test_rule_22_a_revoked_device_drops_what_it_was_shown_and_keeps_its_queue(world: Any):
    play = Play(world, 0)
    await play.enrol(LI)
    phone = play.phones[LI]
    await play.write()
    async with transaction():
        for topic in TOPICS:
            grant(world, LI, f"topic:{topic}")
    await phone.pull()
    assert phone.rows("note")
    phone.do("note.comment", play.notes[0], {"text": "x"})
    await execute("UPDATE sync_device SET revoked_at = enrolled_at WHERE bureau = $1", [world])
    with pytest.raises(Answered) as no:
        await phone.pull()
    assert no.value.problem["wipe"] is True
    assert phone.rows("note") == {}
    assert len(phone.unsent()) == 1
    phone.close()
