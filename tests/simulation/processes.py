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

import msgspec

Answer = tuple[int, dict[str, str], bytes]


class Ask(msgspec.Struct, tag=True):
    """A request, and the server's time while it is answered. Header names are in small letters."""

    now: datetime
    method: str
    address: str
    headers: dict[str, str]
    body: bytes


class Forget(msgspec.Struct, tag=True):
    """Be as a process that has just started."""


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

    def __init__(self, url: str, path: Path, breaking: str = "") -> None:
        self.path = path
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.child", url, str(path), breaking],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # whoever interrupts a run means the parent
        )

    def wait_until_ready(self) -> None:
        assert self.child.stdout is not None
        if self.child.stdout.readline() != b"ready\n":
            raise RuntimeError("a door's process did not start")

    async def ask(self, question: Ask | Forget) -> Answer:
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

    def close(self) -> None:
        self.child.communicate()


@contextlib.contextmanager
def started(url: str, folder: Path, count: int, breaking: str = "") -> Iterator[list[Process]]:
    """So many processes with one database, until the block ends. `breaking` names what is broken in them on purpose."""
    made = [Process(url, folder / f"door-{number}", breaking) for number in range(count)]
    try:
        for process in made:
            process.wait_until_ready()
        yield made
    finally:
        for process in made:
            process.close()
