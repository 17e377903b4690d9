"""Doors that are processes of their own, as the product's are: the parent's side, and what the two say to each other.

One connection, one question, one answer, each ended by the end of what is sent. The question carries the virtual time.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from tests.simulation.bodies import Answer


class Ask(msgspec.Struct, tag=True):
    """A request, and the server's time while it is answered. Header names are in small letters."""

    now: datetime
    method: str
    address: str
    headers: dict[str, str]
    body: bytes


class Work(msgspec.Struct, tag=True):
    """What a desk writes (`desk.WORKS`), done in this process at that time."""

    now: datetime
    name: str
    bureau: UUID
    id: UUID
    texts: list[str] = []


class Hold(msgspec.Struct, tag=True):
    """Do this, and hold its writer in the middle of its commit. Answered when it is held, or done without having met the gate."""

    what: Ask | Work


class LetGo(msgspec.Struct, tag=True):
    """Let the writer that is held go on; answered with what came of it."""


class Hush(msgspec.Struct, tag=True):
    """The phones of this bureau have hung up: its streams end."""

    bureau: UUID


class Forget(msgspec.Struct, tag=True):
    """Be as a process that has just started."""


Question = Ask | Work | Hold | LetGo | Hush | Forget


class Told(msgspec.Struct, tag=True):
    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


class Broke(msgspec.Struct, tag=True):
    """What no answer of the server says: a bug, with where it happened."""

    traceback: str


class BrokenDoor(Exception):
    """A process broke while it answered."""


class Process:
    """A child that plays the server until `close`, or until the parent ends."""

    def __init__(self, number: int, url: str, path: Path, breaking: str = "") -> None:
        self.path = path
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.child", str(number), url, str(path), breaking],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # whoever interrupts a run means the parent
        )

    def wait_until_ready(self) -> None:
        assert self.child.stdout is not None
        if self.child.stdout.readline() != b"ready\n":
            raise RuntimeError("a door's process did not start")

    async def ask(self, question: Question) -> Answer:
        reader, writer = await asyncio.open_unix_connection(self.path)
        try:
            writer.write(msgspec.msgpack.encode(question))
            writer.write_eof()
            answer = msgspec.msgpack.decode(await reader.read(), type=Told | Broke)
        finally:
            writer.close()
        if isinstance(answer, Broke):
            raise BrokenDoor(answer.traceback)
        return answer.status, answer.headers, answer.body

    async def hold(self, what: Ask | Work) -> "HeldElsewhere":
        """Let the process do this and hold it in the middle of its commit, until `end`."""
        await self.ask(Hold(what))
        return HeldElsewhere(self)

    def close(self) -> None:
        self.child.communicate()


class HeldElsewhere:
    """A writer that is held in another process."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def end(self) -> Answer:
        return await self.process.ask(LetGo())


@contextlib.contextmanager
def started(url: str, folder: Path, count: int, breaking: str = "") -> Iterator[list[Process]]:
    """So many processes with one database, until the block ends. `breaking` names what is broken in them on purpose."""
    made = [Process(number + 1, url, folder / f"door-{number}", breaking) for number in range(count)]
    try:
        for process in made:
            process.wait_until_ready()
        yield made
    finally:
        for process in made:
            process.close()
