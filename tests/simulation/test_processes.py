"""Histories in which the server is three real processes, so that nothing one of them remembers helps another. PostgreSQL alone:
on SQLite the server is one process."""

import json
import random

import pytest

from tests.conftest import ON_POSTGRES
from tests.simulation.door import DOORS
from tests.simulation.machine import FOCUSES, replay
from tests.simulation.play import Tally
from tests.simulation.test_mutations import noticed
from tests.simulation.test_simulation import TRACES, explore

pytestmark = pytest.mark.skipif(not ON_POSTGRES, reason="on SQLite the server is one process")
NEW = 2


@pytest.fixture(scope="module")
def apart(house):
    """The house with three processes, for all the histories of this file."""
    with house.with_processes():
        yield house


@pytest.mark.parametrize("focus", ["", *FOCUSES])
def test_the_nine_invariants_hold_over_three_processes(apart, focus):
    assert len({process.child.pid for process in apart.processes}) == DOORS
    explore(apart, random.SystemRandom().randrange(10**9), focus, NEW)


@pytest.mark.parametrize("trace", TRACES, ids=lambda path: path.stem)
def test_a_history_that_once_went_wrong_goes_well_over_three_processes(apart, trace):
    tally = Tally()
    replay(apart, tally, json.loads(trace.read_text())["steps"])
    assert tally.agreements > 0


def test_what_is_remembered_in_one_process_only_is_noticed(apart):
    """Grants remembered until a writer in the same process changes them: right in one process, and the desk is another."""
    with apart.with_processes(breaking="grants_remembered"):
        assert noticed(apart, "reading") in ("I1", "I4")


def test_a_writer_held_in_one_process_while_another_writes_is_noticed(apart):
    """Scopes asked for before the head is locked: only a row that moves in another process, while its writer is held, tells."""
    with apart.with_processes(breaking="scopes_asked_early"):
        assert noticed(apart, "reading") in ("I1", "I4")
