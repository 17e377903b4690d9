"""The disk runs full under pushes and uploads: nothing is half-written, and everybody goes on once there is room again."""

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster, binaries, running
from tests.conftest import ON_POSTGRES
from tests.crash.house import Field, survives
from tests.test_walk import free_port

MIB = 1024 * 1024


class Disk:
    """A small disk of its own, in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ballast = folder / "ballast"

    def fill(self) -> None:
        """To the last byte, however often others give some back."""
        with self.ballast.open("ab", buffering=0) as file:
            for piece in (MIB, 4096, 1):
                try:
                    while True:
                        file.write(bytes(piece))
                except OSError:
                    continue

    def make_room(self) -> None:
        self.ballast.unlink()


@pytest.fixture
def disk() -> Iterator[Disk]:
    folder = Path(tempfile.mkdtemp(prefix="qifang-disk-"))  # where PostgreSQL's own user may go, too
    size = 512 if ON_POSTGRES else 128
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


async def run_full(field: Field, disk: Disk, cluster: Cluster | None) -> None:
    await field.answers(20)
    for _ in range(2):
        disk.fill()
        await field.failures(10)
        disk.fill()
        await field.failures(10)
        disk.make_room()
        if cluster is not None and not cluster.is_up():
            cluster.start()  # its administrator's part: it gives up when there is no room even to recover
        await field.answers(20)


def test_what_was_answered_is_there_once_after_the_disk_was_full(build, tmp_path, disk):
    if not ON_POSTGRES:
        house = build(folder=disk.folder / "data")
        asyncio.run(survives(house, tmp_path, 4, lambda field: run_full(field, disk, None)))
        return
    installed = binaries()
    if installed is None:
        pytest.skip("PostgreSQL's programs are not installed here")
    (disk.folder / "cluster").mkdir()
    with running(Cluster(installed, disk.folder / "cluster", free_port())) as cluster:
        house = build(database=cluster.url)
        asyncio.run(survives(house, tmp_path, 4, lambda field: run_full(field, disk, cluster)))
        house.kill_all()
