"""Runs the tests twice at once, on SQLite and on PostgreSQL: `python -m tests.databases [--long] [pytest arguments]`.

PostgreSQL is QIFANG_TEST_POSTGRES, else the one on 127.0.0.1:5432, else a temporary server from installed binaries. Without
any it says so loudly, and fails when CI is set. Pure libraries (`forms`) are tested once, beside SQLite.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

PURE = ["tests/forms", "tests/test_house.py", "tests/test_docs.py"]
"""Touches no database, so once is enough."""
TEMPORARY_PORT = 55439


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@contextmanager
def postgres() -> Iterator[str | None]:
    given = os.environ.get("QIFANG_TEST_POSTGRES")
    user = os.environ.get("USER") or "postgres"
    candidates = (
        [given] if given else [f"postgres://{who}@127.0.0.1:5432/postgres" for who in (user, "root", "postgres")]
    )
    for url in candidates:
        if asyncio.run(_answers(url)):
            yield url
            return
    binaries = None if given else _binaries()
    if binaries is None:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="qifang-postgres-")
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data = f"{folder}/data"
    options = f"-p {TEMPORARY_PORT} -k {folder} -c fsync=off"
    server = [*as_user, str(binaries / "pg_ctl"), "-D", data]
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run([*as_user, str(binaries / "initdb"), "-D", data, "-A", "trust", "-U", "postgres"], **quiet)
    subprocess.run([*server, "-o", options, "-l", f"{folder}/log", "-w", "start"], **quiet)
    try:
        yield f"postgres://postgres@127.0.0.1:{TEMPORARY_PORT}/postgres"
    finally:
        subprocess.run([*server, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    chosen = [argument for argument in arguments if argument != "--long"]
    options = [*chosen, *([] if "--long" in arguments else ["-m", "not long"])]
    with postgres() as url:
        runs = [("sqlite", options)]
        if url:
            runs.append(("postgres", [*options, *(f"--ignore={path}" for path in PURE)]))
        else:
            print("\n*** NO POSTGRESQL FOUND: only SQLite is tested. Set QIFANG_TEST_POSTGRES or install it. ***\n")
            if os.environ.get("CI"):
                return 1
        started = []
        for database, its_options in runs:
            environment = os.environ | {"QIFANG_TEST_DATABASE": database, "QIFANG_TEST_POSTGRES": url or ""}
            output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - read after the process ended
            command = [sys.executable, "-m", "pytest", *its_options]
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
            started.append((database, process, output))
        codes = []
        for database, process, output in started:
            codes.append(process.wait())
            output.seek(0)
            print(f"──────── {database} ────────\n{output.read()}", flush=True)
        if not url:
            print("*** PostgreSQL was not tested. ***")
        return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
