"""A bureau with a door and phones in it, for the tests that tell the protocol with phones."""

from typing import Any
from uuid import UUID, uuid4

import httpx
from door import Door, Line
from toy import LI, add_note

from sync import tables
from sync.devices import issue_code
from sync.phone import Phone
from sync.scopes import grant
from sync.transaction import execute, fetch, transaction

TABLES = [*tables.NAMES, "toy_note", "toy_pin"]


async def no_wait(seconds: float) -> None:
    return


class Town:
    """A bureau with a door, and phones in it."""

    def __init__(self, bureau: UUID) -> None:
        self.bureau = bureau
        self.door = Door()
        self.phones: list[Phone] = []

    async def phone(self, person: UUID = LI, *, store: str = ":memory:", **options: Any) -> Phone:
        made = self.connect(store, **options)
        await made.enrol(await issue_code(self.bureau, person))
        return made

    def connect(self, store: str = ":memory:", **options: Any) -> Phone:
        self.line = Line(self.door)
        client = httpx.AsyncClient(transport=self.line, base_url="http://door")
        made = Phone(store, client, sleep=no_wait, **options)
        made.line = self.line
        self.phones.append(made)
        return made

    async def notes(self) -> dict[str, str]:
        found = await fetch("SELECT title, body FROM toy_note WHERE bureau = $1", [self.bureau])
        return {row["title"]: row["body"] for row in found}

    async def backup(self) -> dict[str, list[dict[str, Any]]]:
        """Everything the bureau has, as `restore` puts it back."""
        return {
            name: [dict(row) for row in await fetch(f"SELECT * FROM {name} WHERE bureau = $1", [self.bureau])]
            for name in TABLES
        }

    async def restore(self, kept: dict[str, list[dict[str, Any]]]) -> None:
        """The server comes back from a copy of its database that somebody put in place by hand: nothing else is done."""
        for name, rows in kept.items():
            await execute(f"DELETE FROM {name} WHERE bureau = $1", [self.bureau])
            for row in rows:
                marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
                await execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    async def watch(self, topic: str, *persons: UUID) -> None:
        async with transaction():
            for person in persons:
                grant(self.bureau, person, f"topic:{topic}")

    async def desk_note(self, topic: str, title: str, body: str = "") -> UUID:
        async with transaction():
            return await add_note(self.bureau, topic, title, body)


def note(phone: Phone, title: str, topic: str = "a", **options: Any) -> UUID:
    target = uuid4()
    phone.do("note.add", target, {"topic": topic, "title": title}, **options)
    return target


async def statuses(phone: Phone) -> list[str]:
    return [result.status for result in await phone.push()]
