"""The database server is stopped and crashes under pushes: the servers find it again by themselves."""

import asyncio

import pytest

from tests.cluster import Cluster, binaries, temporary_cluster
from tests.conftest import ON_POSTGRES
from tests.crash.house import Field, survives
from tests.test_walk import free_port

pytestmark = pytest.mark.skipif(not ON_POSTGRES, reason="SQLite has no server of its own")


async def restarts(field: Field, cluster: Cluster, modes: list[str]) -> None:
    for mode in modes:
        await field.answers(30)
        await asyncio.to_thread(cluster.stop, mode)
        await field.failures(5)
        await asyncio.to_thread(cluster.start)


@pytest.mark.parametrize(
    "modes", [["fast", "immediate"], pytest.param(["fast", "immediate"] * 10, marks=pytest.mark.long)]
)
def test_what_was_answered_is_there_once_after_the_database_was_restarted(build, tmp_path, modes):
    installed = binaries()
    if installed is None:
        pytest.skip("PostgreSQL's programs are not installed here")
    with temporary_cluster(installed, free_port()) as cluster:
        house = build(database=cluster.url)
        asyncio.run(survives(house, tmp_path, 4, lambda field: restarts(field, cluster, modes)))
        house.kill_all()
