"""Runs the tests twice at once, on SQLite and on PostgreSQL: `python -m tests.databases [--long] [pytest arguments]`.

PostgreSQL is QIFANG_TEST_POSTGRES, else the one on 127.0.0.1:5432, else a temporary server from installed binaries. Without
any it says so loudly, and fails when CI is set. Pure libraries (`forms`) are tested once, beside SQLite.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from tests.cluster import binaries, temporary_cluster

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
    installed = None if given else binaries()
    if installed is None:
        yield None
        return
    with temporary_cluster(installed, TEMPORARY_PORT, "-c fsync=off") as cluster:
        yield cluster.url


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
