"""Where the time of a request goes: our own functions timed from outside, each without those it calls."""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from bench.world import OPERATIONS, World

STAGES: list[tuple[str, str, str]] = [
    ("authentication and roles", "server.auth", "Authentication.authenticate_request"),
    ("decoding the envelope", "server.door", "StrictRequest._decode"),
    ("reading and hashing operations", "sync.envelope", "_read"),
    ("device lock and numbers", "sync.push", "Push._lock_device"),
    ("storing ids (sync_operation)", "sync.push", "Push._store_ids"),
    ("looking at quarantine", "sync.push", "Push._look_at_quarantine"),
    ("order, results, decoding arguments", "sync.push", "Push._apply"),
    ("noting the device", "sync.push", "Push._note_device"),
    ("reach, known ids, current versions", "server.records.submission", "submit_records"),
    ("judging answers", "server.records.judging", "judge"),
    ("evaluating a form with rules", "server.records.judging", "evaluate"),
    ("writing record, record_version", "server.records.submission", "_store"),
    ("followers: reports", "server.reports.filed", "file_reports"),
    ("entities out of answers", "server.reports.filed", "extract"),
    ("followers: storing reports", "server.reports.filed", "store_reports"),
    ("audit chain (audit_row)", "server.audit.actions", "_append"),
    ("feed (sync_feed, sync_head)", "sync.feed", "flush"),
    ("commit, to the disk", "sync.database.sqlite", "SQLiteEngine.commit"),
    ("commit, to the disk", "sync.database.postgres", "PostgresEngine.commit"),
    ("routing the request, begin, answer", "server.app", "app.app.app"),
]
"""What it is called here, its module, its name there. Time not spent in a stage below counts for the one above."""

Spent = dict[str, list[float]]
"""Label → seconds on the clock, seconds of this process's processor time."""
_open: ContextVar[list[float] | None] = ContextVar("open_stage", default=None)


@contextmanager
def timed(spent: Spent, label: str) -> Iterator[None]:
    """Adds the time inside to `label`, less what inner stages take; the stack travels with the task."""
    outer, inner = _open.get(), [0.0, 0.0]
    token = _open.set(inner)
    began = _clocks()
    try:
        yield
    finally:
        whole = [end - start for end, start in zip(_clocks(), began, strict=True)]
        _open.reset(token)
        own = spent.setdefault(label, [0.0, 0.0])
        for clock in (0, 1):
            own[clock] += whole[clock] - inner[clock]
            if outer is not None:
                outer[clock] += whole[clock]


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def wrap(spent: Spent, label: str, function: Any) -> Any:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: Any, **options: Any) -> Any:
            with timed(spent, label):
                return await function(*args, **options)

        return later

    @functools.wraps(function)
    def now(*args: Any, **options: Any) -> Any:
        with timed(spent, label):
            return function(*args, **options)

    return now


async def profile(world: World, requests: list[bytes], units: int = OPERATIONS) -> list[list[str]]:
    """Sends each request through the whole application in this process, one after the other."""
    from sync.transaction import engine

    spent: Spent = {}
    for label, module_name, path in STAGES:
        _replace(spent, label, module_name, path)
    from server.app import app

    await engine().start()
    gc.collect()  # as the server does when it starts
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    await _knock(app, requests[0])
    spent.clear()
    for request in requests[1:]:
        with timed(spent, STAGES[-1][0]):
            await _knock(app, request)
    await engine().close()
    each = 1e6 / (units * (len(requests) - 1))
    labels = [label for label in dict.fromkeys(label for label, _, _ in STAGES) if label in spent]
    rows = [[label, *(f"{seconds * each:.1f}" for seconds in spent[label])] for label in labels]
    together = (sum(spent[label][clock] for label in labels) for clock in (0, 1))
    return [*rows, ["together", *(f"{seconds * each:.1f}" for seconds in together)]]


COLUMNS = ["stage", "µs a record", "of them processor"]


def _replace(spent: Spent, label: str, module_name: str, path: str) -> None:
    holder: Any = importlib.import_module(module_name)
    if module_name == "server.app":
        return
    *inside, name = path.split(".")
    for part in inside:
        holder = getattr(holder, part)
    original = getattr(holder, name)
    wrapped = wrap(spent, label, original)
    setattr(holder, name, wrapped)
    if not inside:
        _replace_imported(original, wrapped, name)


def _replace_imported(original: Any, wrapped: Any, name: str) -> None:
    """Other modules of ours may hold the function under its name already."""
    import sys

    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in ("server", "sync", "forms") and getattr(module, name, None) is original:
            setattr(module, name, wrapped)


async def _knock(app: Any, request: bytes) -> None:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = [
        tuple(
            part.strip().lower().encode() if n == 0 else part.strip().encode()
            for n, part in enumerate(line.split(":", 1))
        )
        for line in lines
    ]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": first.split()[1], "raw_path": first.split()[1].encode(), "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    answer = b"".join(message.get("body", b"") for message in sent)
    if sent[0]["status"] != 200 or b'"rejected"' in answer:
        raise SystemExit(f"{sent[0]['status']} {answer[:500].decode()}")
