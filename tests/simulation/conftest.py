"""One house for all the simulations of a test process, of the kind QIFANG_TEST_DATABASE names."""

import logging
from collections.abc import Iterator

import pytest

from tests.conftest import ON_POSTGRES, POSTGRES
from tests.simulation.door import House


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    logging.getLogger("sync").setLevel(logging.CRITICAL)  # handlers break on purpose
    made = House("postgres" if ON_POSTGRES else "sqlite", POSTGRES)
    yield made
    made.close()
    logging.getLogger("sync").setLevel(logging.NOTSET)
