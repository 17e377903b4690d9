"""What every measurement against a running server shares: a fresh database, servers as processes, the load, the figures."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bench.load import Plan, Run

ROOT = Path(__file__).parent.parent
POSTGRES = os.environ.get("QIFANG_TEST_POSTGRES") or "postgres://root@127.0.0.1:5432/postgres"
START_SECONDS_MAX = 20


class Place(Struct):
    """A temporary home: data folder and database. `twin` is a copy for the baseline, made when the schema is in place."""

    folder: Path
    database: str
    kind: str
    name: str = ""

    def environment(self) -> dict[str, str]:
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("QIFANG_")},
            "QIFANG_DATA": str(self.folder),
            "QIFANG_DATABASE": self.database,
            "QIFANG_PASSWORD_MEMORY_MIB": "8",
            "QIFANG_LOG_LEVEL": "warning",
            "QIFANG_PUSHES_PER_MINUTE": "1000000",
            "QIFANG_PULLS_PER_MINUTE": "1000000",
            "PICCOLO_CONF": "piccolo_conf",
        }


@contextmanager
def place(kind: str) -> Iterator[Place]:
    """An empty home on SQLite or PostgreSQL, gone afterwards. This process works on it from now on."""
    folder = Path(tempfile.mkdtemp(prefix="qifang-bench-"))
    name = f"qifang_bench_{os.getpid()}"
    try:
        if kind == "postgres":
            maintain(f"CREATE DATABASE {name}")
        here = Place(folder, _address(kind, folder, name), kind, name)
        os.environ.update({key: value for key, value in here.environment().items() if key.startswith("QIFANG_")})
        os.environ["PICCOLO_CONF"] = "piccolo_conf"
        yield here
    finally:
        if kind == "postgres":
            for one in (name, f"{name}_twin"):
                maintain(f"DROP DATABASE IF EXISTS {one} WITH (FORCE)")
        shutil.rmtree(folder, ignore_errors=True)


def _address(kind: str, folder: Path, name: str) -> str:
    return f"sqlite:///{folder / 'qifang.db'}" if kind == "sqlite" else f"{POSTGRES.rsplit('/', 1)[0]}/{name}"


def maintain(statement: str) -> None:
    import asyncpg

    async def work() -> None:
        connection = await asyncpg.connect(POSTGRES)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(work())


def twin(here: Place) -> Place:
    """A second database with the same content, while nobody is connected to the first."""
    folder = here.folder / "twin"
    folder.mkdir()
    name = f"{here.name}_twin"
    if here.kind == "postgres":
        maintain(f"CREATE DATABASE {name} TEMPLATE {here.name}")
    else:
        for file in here.folder.glob("qifang.db*"):
            shutil.copy(file, folder / file.name)
    return Place(folder, _address(here.kind, folder, name), here.kind, name)


async def make_schema() -> None:
    from server.migrate import migrate

    await migrate()


@contextmanager
def server(app: str, where: Place) -> Iterator[tuple[int, int]]:
    """One uvicorn worker as a process of its own. Gives its port and process id."""
    port = _free_port()
    command = [
        sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), "--no-access-log",
        "--log-level", "warning",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=where.environment())
    try:
        _wait_for(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit("the server did not start; its message stands above")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"the server did not answer within {START_SECONDS_MAX} s")


def http_request(path: str, body: bytes, token: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    return head.encode() + b"\r\n" + body


def load(port: int, clients: list[list[bytes]], *, follow: bool = False) -> Run:
    """Runs the load in its own process and waits for it. Any failed request ends the measurement."""
    with tempfile.NamedTemporaryFile(suffix=".plan") as file:
        Path(file.name).write_bytes(msgspec.msgpack.encode(Plan(port, clients, follow)))
        done = subprocess.run(
            [sys.executable, "-m", "bench.load", file.name], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
    run = msgspec.json.decode(done.stdout, type=Run)
    if run.failures:
        raise SystemExit(f"{len(run.failures)} requests failed, the first: {run.failures[0]}")
    return run


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Measured(Struct):
    """Several runs of one server under the same load."""

    name: str
    rates: list[float] = []
    latencies_ms: list[float] = []
    cpu_us: list[float] = []
    """Processor time of the server per unit of work (the database's own processes not counted)."""

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def quantile(self, q: float) -> float:
        return sorted(self.latencies_ms)[min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * q))]

    def row(self, baseline: float) -> list[str]:
        p50, p99 = self.quantile(0.5), self.quantile(0.99)
        spread = f"{min(self.rates):,.0f} to {max(self.rates):,.0f}"
        cells = [self.name, f"{self.rate:,.0f}", spread, f"{self.rate / baseline:.2f}", f"{p50:.1f}", f"{p99:.1f}"]
        return [*cells, f"{p99 / p50:.1f}", f"{statistics.median(self.cpu_us):.0f}"]


COLUMNS = ["server", "per second", "least to most", "ratio", "p50 ms", "p99 ms", "p99/p50", "CPU µs each"]


def alternate(
    servers: Sequence[tuple[str, int, int]], rounds: Sequence[Sequence[list[list[bytes]]]], units: int
) -> list[Measured]:
    """Each round loads each server in turn; `rounds[r][s]` are the clients' requests, `units` the work in one such load."""
    results = [Measured(name) for name, _, _ in servers]
    for number, loads in enumerate(rounds):
        for (_, port, pid), clients, measured in zip(servers, loads, results, strict=True):
            before = cpu_seconds(pid)
            run = load(port, clients)
            if number == 0:
                continue  # warms caches and compiles the form
            measured.rates.append(units / run.seconds)
            measured.latencies_ms += run.latencies_ms
            measured.cpu_us.append((cpu_seconds(pid) - before) / units * 1e6)
    return results


def result(name: str, value: float, unit: str, ratio: float | None, tables: list[Any]) -> dict[str, Any]:
    return {"name": name, "value": round(value, 1), "unit": unit, "ratio": ratio and round(ratio, 3), "tables": tables}
