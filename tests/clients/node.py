"""Runs the clients from npm in `tests/clients`: `run_script("rx.mjs", {"address": …})`.

`package-lock.json` fixes what is installed; it names no registry (`.npmrc` says so). They are installed once, into
`node_modules` beside this file. Without node the tests that need it are skipped, loudly; in CI they fail.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import pytest

FOLDER = Path(__file__).parent
NODE_MIN = 18
INSTALL_SECONDS_MAX = 240


def node() -> str:
    """The command `node`, with the packages installed; skips the test without it, or fails it in CI."""
    found, npm = shutil.which("node"), shutil.which("npm")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout if found else ""
    if not found or not npm or int(version.lstrip("v").split(".")[0]) < NODE_MIN:
        reason = f"node {NODE_MIN} or newer and npm are needed (found: {version.strip() or 'none'})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        print(f"\n*** {reason}: clients from npm are NOT tested ***", file=sys.__stderr__)
        pytest.skip(reason)
    _install(npm)
    return found


def _install(npm: str) -> None:
    """Two test processes may come at once: the first installs, the second waits."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    stamp = FOLDER / "node_modules" / ".installed"
    with (FOLDER / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        done = subprocess.run(
            [npm, "ci", "--loglevel=error"], cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX
        )
        assert done.returncode == 0, f"npm ci: {done.stdout}\n{done.stderr}"
        stamp.write_text(wanted)


async def run_script(name: str, told: dict[str, Any], *, timeout: float = 60) -> Any:
    """Run one script to its end; it gets `told` as JSON in its first argument. Returns its last line of output, decoded."""
    process = await asyncio.create_subprocess_exec(
        node(),
        str(FOLDER / name),
        msgspec.json.encode(told).decode(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError:
        process.kill()
        output, errors = await process.communicate()
        raise AssertionError(f"{name} took more than {timeout} s\n{tail(output)}\n{tail(errors)}") from None
    assert process.returncode == 0, f"{name}: {tail(output)}\n{tail(errors)}"
    return msgspec.json.decode(output.splitlines()[-1])


class Conversation:
    """A script that stays: `ask(…)` writes one line of JSON to it and waits for one line of JSON.

    async with Conversation("rx.mjs", {"address": …}) as client:
        rows = await client.ask({"do": "rows"})
    """

    def __init__(self, name: str, told: dict[str, Any], *, timeout: float = 60) -> None:
        self.name = name
        self.told = told
        self.timeout = timeout
        self._process: asyncio.subprocess.Process | None = None
        self._errors: asyncio.Task[bytes] | None = None

    async def __aenter__(self) -> "Conversation":
        self._process = await asyncio.create_subprocess_exec(
            node(),
            str(FOLDER / self.name),
            msgspec.json.encode(self.told).decode(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=64 * 1024 * 1024,
        )
        assert self._process.stderr is not None
        self._errors = asyncio.ensure_future(self._process.stderr.read())
        return self

    async def ask(self, line: dict[str, Any], *, timeout: float | None = None) -> Any:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(line) + b"\n")
        try:
            answer = await asyncio.wait_for(process.stdout.readline(), timeout or self.timeout)
        except TimeoutError:
            raise AssertionError(f"{self.name} did not answer {line}\n{await self._end()}") from None
        if not answer:
            raise AssertionError(f"{self.name} ended at {line}\n{await self._end()}")
        return msgspec.json.decode(answer)

    async def _end(self) -> str:
        """Stops the script; what it complained of."""
        assert self._process is not None
        assert self._errors is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        return tail(await self._errors)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()


def tail(output: bytes) -> str:
    return output[-4000:].decode(errors="replace")
