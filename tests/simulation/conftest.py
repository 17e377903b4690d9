"""One house for all the simulations of a test process, of the kind QIFANG_TEST_DATABASE names."""

import logging
from collections.abc import Iterator

import pytest

from sync import incidents
from tests.conftest import ON_POSTGRES, POSTGRES
from tests.simulation.door import House


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    logging.getLogger("sync").setLevel(logging.CRITICAL)  # handlers break on purpose
    listening = incidents._listeners[:]
    incidents._listeners.clear()  # the product's, where its own tests ran before in this process
    made = House("postgres" if ON_POSTGRES else "sqlite", POSTGRES)
    yield made
    made.close()
    incidents._listeners.extend(listening)
    logging.getLogger("sync").setLevel(logging.NOTSET)
