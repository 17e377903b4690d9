"""The converting process: `python -m forms.conversion` reads a request on stdin and writes an outcome on stdout.

Workbooks come from outside, and pyxform and openpyxl were not written against hostile ones. So they run in a process of
their own, with a limit on processor time, wall clock, memory and the size of files it writes, without our environment (no
secret reaches it), and with a temporary folder that is gone afterwards. What it answers is plain data.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct

from forms.complaint import Complaint
from forms.publishing.outcome import Outcome
from forms.workbook.door import MIB, Limits, of_file

_COMMAND = (sys.executable, "-E", "-s", "-B", "-m", "forms.conversion")
_HOME = Path(__file__).parents[1]
_OUT_OF_TIME = -24
"""Ended by the kernel for its processor time (SIGXCPU), or by us for the time on the wall."""
_OUT_OF_MEMORY = (86, -9)
"""It said so itself, or the kernel killed it."""


_log = logging.getLogger(__name__)


class Request(Struct):
    content: bytes
    files: dict[str, bytes]
    limits: Limits


def run(content: bytes, files: Mapping[str, bytes], limits: Limits) -> Outcome:
    """Convert in a child process and wait for it."""
    request = msgspec.msgpack.encode(Request(content, dict(files), limits))
    try:
        with TemporaryDirectory(prefix="qifang-form-") as folder:
            done = subprocess.run(  # noqa: S603
                _COMMAND,
                input=request,
                capture_output=True,
                timeout=limits.seconds,
                cwd=_HOME,
                env=_environment(folder),
                check=False,
            )
    except subprocess.TimeoutExpired:
        return _failed(_OUT_OF_TIME, limits)
    return _read(done.returncode, done.stdout, done.stderr, limits)


async def run_async(content: bytes, files: Mapping[str, bytes], limits: Limits) -> Outcome:
    """The same without blocking the event loop. A cancelled request takes its process with it."""
    request = msgspec.msgpack.encode(Request(content, dict(files), limits))
    with TemporaryDirectory(prefix="qifang-form-") as folder:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=_HOME,
            env=_environment(folder),
        )
        try:
            output, said = await asyncio.wait_for(process.communicate(request), limits.seconds)
        except TimeoutError:
            return _failed(_OUT_OF_TIME, limits)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return _read(process.returncode, output, said, limits)


def _environment(folder: str) -> dict[str, str]:
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "TMPDIR": folder}


def _read(code: int | None, output: bytes, said: bytes, limits: Limits) -> Outcome:
    if code != 0:
        # The author hears that the workbook cannot be converted; what broke, and where, is for whoever runs the server.
        _log.error("the converter ended with %s: %s", code, said[-4000:].decode(errors="replace"))
        return _failed(code or 0, limits)
    return msgspec.msgpack.decode(output, type=Outcome)


def _failed(code: int, limits: Limits) -> Outcome:
    return Outcome(complaints=[_reason(code, limits)])


def _reason(code: int, limits: Limits) -> Complaint:
    smaller = (
        "删去不用的行列和图片，大的清单放进 CSV / delete unused rows, columns, pictures; put long lists into a CSV"
    )
    if code == _OUT_OF_TIME:
        return of_file(
            "workbook.too_slow",
            f"转换超过 {limits.seconds:g} 秒，已停止",
            f"the conversion took more than {limits.seconds:g} seconds and was stopped",
            smaller,
        )
    if code in _OUT_OF_MEMORY:
        return of_file(
            "workbook.too_much_memory",
            f"转换需要的内存超过 {limits.memory_mib} MiB，已停止",
            f"the conversion wanted more than {limits.memory_mib} MiB of memory and was stopped",
            smaller,
        )
    return of_file(
        "workbook.unconvertible",
        f"转换程序中途退出（{code}）；工作簿可能已损坏",
        f"the converter ended early ({code}); the workbook may be damaged",
        "在 Excel 或 WPS 中重新保存后再传 / save it again in Excel or WPS and send it again",
    )


def _confine(limits: Limits) -> None:
    """What this process may use from here on. Exceeding the first kills it; beyond the others, asking fails."""
    seconds = math.ceil(limits.seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_mib * MIB, limits.memory_mib * MIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.uncompressed_bytes, limits.uncompressed_bytes))


def main() -> int:
    from forms.publishing.build import build  # only here: the server itself never loads openpyxl and pyxform

    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request)
    _confine(request.limits)
    try:
        sys.stdout.buffer.write(msgspec.msgpack.encode(build(request.content, request.files, request.limits)))
    except MemoryError:
        return _OUT_OF_MEMORY[0]
    return 0


if __name__ == "__main__":
    sys.exit(main())
