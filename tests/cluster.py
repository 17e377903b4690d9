"""A PostgreSQL server of one's own, made from the installed binaries, that may be restarted, starved and thrown away."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL that is installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class Cluster:
    """One server on one port. `folder` holds its data, socket and log."""

    def __init__(self, installed: Path, folder: Path, port: int, *options: str) -> None:
        self.folder = folder
        self.url = f"postgres://postgres@127.0.0.1:{port}/postgres"
        self.options = " ".join([f"-p {port}", f"-k {folder}", *options])
        self.installed = installed
        self.as_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
            self.as_user = ["runuser", "-u", "postgres", "--"]

    def _call(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [*self.as_user, str(self.installed / program), "-D", f"{self.folder}/data", *arguments]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=check, cwd=self.folder).returncode

    def is_up(self) -> bool:
        return self._call("pg_ctl", "status", check=False) == 0

    def make(self) -> None:
        self._call("initdb", "-A", "trust", "-U", "postgres")

    def start(self) -> None:
        self._call("pg_ctl", "-o", self.options, "-l", f"{self.folder}/log", "-w", "start")

    def stop(self, mode: str) -> None:
        """`immediate` is a crash, `fast` a clean end that cuts every connection."""
        self._call("pg_ctl", "-m", mode, "-w", "stop")


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """Made, started, and stopped in the end whatever became of it."""
    try:
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        if cluster.is_up():
            cluster.stop("immediate")


@contextmanager
def temporary_cluster(installed: Path, port: int, *options: str) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="qifang-postgres-"))
    try:
        with running(Cluster(installed, folder, port, *options)) as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)
