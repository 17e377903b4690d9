"""One server on SQLite, three on PostgreSQL, on a database of their own."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import ON_POSTGRES, POSTGRES, in_maintenance
from tests.crash.house import House

SERVERS = 3 if ON_POSTGRES else 1


@contextmanager
def own_database() -> Iterator[str]:
    """Its address; empty for SQLite's file in the data folder."""
    if not ON_POSTGRES:
        yield ""
        return
    name = f"qifang_crash_{os.getpid()}"
    asyncio.run(in_maintenance(f"CREATE DATABASE {name}"))
    try:
        yield f"{POSTGRES.rsplit('/', 1)[0]}/{name}"
    finally:
        asyncio.run(in_maintenance(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes a house that is torn down after the test: `build(folder=…, database=…, environment=…)`."""
    with ExitStack() as stack:

        def make(
            folder: Path | None = None, database: str | None = None, environment: dict[str, str] | None = None
        ) -> House:
            data = folder or tmp_path / "data"
            data.mkdir(exist_ok=True)
            address = stack.enter_context(own_database()) if database is None else database
            house = House(data, address, SERVERS, environment)
            stack.callback(house.kill_all)
            return house

        yield make
